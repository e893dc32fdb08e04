"""What documents have in common is made once, and says nothing of the one that it was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.arazzo.arazzo_kit import find_problems, load, refuse_load, write_workflow

from pytest_amberflo.arazzo.written import Derived

if TYPE_CHECKING:
    from pathlib import Path

STEP = """\
- stepId: list
  operationId: listParcels
  parameters:
    - name: page
      in: query
      value: $inputs.page
  successCriteria:
    - condition: $statusCode == 200
  outputs:
    found: $response.body
"""
INPUTS = "\n      type: object\n      properties:\n        page: {type: integer}"


def test_a_step_that_is_written_alike_at_the_same_place_is_one() -> None:
    """Whatever else the documents say."""
    one = load(write_workflow(STEP, inputs=INPUTS))
    other = load("# other\n" + write_workflow(STEP).replace(": flow", ": other"))
    assert one.workflows[0].steps[0] is other.workflows[0].steps[0]
    lines = [
        document.workflows[0].steps[0].place.find_in(document.source).line
        for document in (one, other)
    ]
    assert lines == [12, 9]


@pytest.mark.parametrize("value", ["1", "1.0", "true", '"1"'])
def test_a_step_with_another_value_is_another(value: str) -> None:
    """1, 1.0 and true are equal in Python, and not in a document."""
    step = load(write_workflow(STEP.replace("$inputs.page", value))).workflows[0].steps[0]
    due = {"1": "1", "1.0": "1.0", "true": "True", '"1"': "'1'"}[value]
    assert repr(step.parameters[0].value) == f"Literal(value={due})"


def test_a_mistake_is_reported_where_each_document_has_it() -> None:
    """Nothing is kept of what is wrong."""
    text = write_workflow(STEP.replace("$statusCode ==", "$statusCode =="[:-1]))
    reports = [refuse_load(f"{before}{text}") for before in ("", "", "# more\n\n")]
    assert [report.splitlines()[0][:8] for report in reports] == [
        "doc:15:3",
        "doc:15:3",
        "doc:17:3",
    ]


def test_what_is_right_in_one_document_is_checked_in_another(tmp_path: Path) -> None:
    """The same step with other inputs, other steps or other sources beside it."""
    right = write_workflow(STEP, inputs=INPUTS)
    assert find_problems(tmp_path, right) == ""
    assert find_problems(tmp_path, right.replace(": flow", ": again")) == ""
    report = find_problems(tmp_path, right.replace("page:", "size:"))
    assert "flow.arazzo.yaml:17:20" in report
    assert "workflow `flow` has no input `page`" in report
    report = find_problems(
        tmp_path,
        right.replace("name: parcels", "name: a", 1).replace(
            "operationId: list", "operationId: $sourceDescriptions.parcels.list"
        ),
    )
    assert "there is no source description `parcels`" in report


def test_a_workflow_that_reads_its_document_is_checked_in_each(tmp_path: Path) -> None:
    """Sources and other workflows are not of the workflow itself."""
    text = write_workflow(STEP.replace("$inputs.page", "$sourceDescriptions.parcels.url"))
    assert find_problems(tmp_path, text) == ""
    report = find_problems(tmp_path, text.replace("{name: parcels", "{name: goods"))
    assert "there is no source description `parcels`" in report
    text = write_workflow(STEP.replace("$inputs.page", "$self"))
    text = text.replace("arazzo: 1.0.1\n", "arazzo: 1.1.0\n$self: flow\n")
    assert find_problems(tmp_path, text) == ""
    assert "`$self`" in find_problems(tmp_path, text.replace("$self: flow\n", ""))


def test_a_step_with_a_component_is_of_its_document() -> None:
    """The same words mean what each document says."""
    step = STEP.replace("- name: page", "- reference: $components.parameters.page")
    step = step.replace("      in: query\n      value: $inputs.page\n", "")
    components = "components:\n  parameters:\n    page:\n      name: page\n      in: query\n"
    components += "      value: {}\n"
    values = [
        load(write_workflow(step) + components.replace("{}", value)).workflows[0].steps[0]
        for value in ("1", "2")
    ]
    assert [repr(step.parameters[0].value) for step in values] == [
        "Literal(value=1)",
        "Literal(value=2)",
    ]


def test_only_so_much_is_kept_and_for_the_very_same_values() -> None:
    """Equal values are others; the oldest go first."""
    derived: Derived[str] = Derived(2)
    values = [[number] for number in range(3)]
    for value in values:
        derived.keep(repr(value), value, key="a")
    assert [derived.find(value, key="a") for value in values] == [None, "[1]", "[2]"]
    assert derived.find([2], key="a") is None
    assert derived.find(values[2], key="b") is None
