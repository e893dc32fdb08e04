"""Reports on documents: every problem at once, in the order of the file, in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.arazzo.arazzo_kit import HEAD, find_problems, first_lines, write_workflow

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.excerpt import Span
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from pathlib import Path


def test_a_right_document_has_no_report(tmp_path: Path) -> None:
    """The plain form of everything that is supported is accepted."""
    text = write_workflow(
        """
- stepId: send
  operationId: sendParcel
  parameters: [{name: X-Key, in: header, value: $inputs.key}]
  requestBody: {contentType: application/json, payload: {to: $inputs.key}}
  successCriteria: [{condition: $statusCode == 201}]
  outputs: {id: $response.body#/id}
- stepId: track
  operationPath: '{$sourceDescriptions.parcels.url}#/paths/~1parcels~1{parcelId}/get'
  parameters: [{name: parcelId, in: path, value: $steps.send.outputs.id}]
""",
        inputs="{type: object, properties: {key: {type: string}}}",
        rest="outputs: {id: $steps.send.outputs.id}",
    )
    assert find_problems(tmp_path, text) == ""


def test_problems_of_all_checks_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Names, references, operations and extensions are checked apart and reported together."""
    text = f"""{HEAD}\
  - workflowId: flow
    inputs: {{type: object, properties: {{name: {{}}}}}}
    x-amberflo: {{nothing: 1}}
    steps:
      - stepId: one
        operationId: sendParcels
        parameters:
          - {{name: a, in: query, value: $steps.two.outputs.id}}
          - {{name: a, in: query, value: $inputs.nam}}
      - stepId: one
        operationId: listParcels
        operationPath: '/parcels'
    outputs:
      id: $steps.on.outputs.id
"""
    extension, *rest = first_lines(find_problems(tmp_path, text))
    assert extension.startswith("flow.arazzo.yaml:8:18  `x-amberflo` ")
    assert rest == [
        "flow.arazzo.yaml:11:22  no operation `sendParcels` in source `parcels`",
        "flow.arazzo.yaml:13:41  step `one` reads `$steps.two.outputs.id`, "
        "but there is no step `two`",
        "flow.arazzo.yaml:14:20  parameter `a in query` stands twice; the first is in line 13",
        "flow.arazzo.yaml:14:41  `$inputs.nam`: workflow `flow` has no input `nam`",
        "flow.arazzo.yaml:15:17  stepId `one` stands twice; the first is in line 10",
        "flow.arazzo.yaml:17:9  step `one` has `operationId` and `operationPath`; "
        "one of them is due",
        "flow.arazzo.yaml:19:11  workflow `flow` reads `$steps.on.outputs.id`, "
        "but there is no step `on`",
    ]


def test_a_problem_is_shown_with_its_lines_and_its_cure(tmp_path: Path) -> None:
    """Place and message, two lines before, the place underlined, and what would be right."""
    text = write_workflow(
        """
- stepId: one
  operationId: listParcels
  sucessCriteria:
    - condition: $statusCode == 200
"""
    )
    assert find_problems(tmp_path, text).splitlines() == [
        "flow.arazzo.yaml:10:9  unknown field `sucessCriteria` in a step",
        "",
        "      8        - stepId: one",
        "      9          operationId: listParcels",
        "  >  10          sucessCriteria:",
        "                 ^^^^^^^^^^^^^^",
        "  Did you mean `successCriteria`?",
    ]


def test_several_problems_are_apart_by_a_blank_line(tmp_path: Path) -> None:
    """Each problem is a block of its own."""
    text = write_workflow(
        """
- stepId: one
  operationId: listParcels
  successCriteria:
    - condition: $statusCode = 200
    - condition: $response.body.id == "x"
"""
    )
    assert find_problems(tmp_path, text).splitlines() == [
        "flow.arazzo.yaml:11:36  `$statusCode = 200` does not parse: an operator "
        "(equality is `==`) is due at character 13, before `= 200`",
        "",
        "      9          operationId: listParcels",
        "     10          successCriteria:",
        "  >  11            - condition: $statusCode = 200",
        "                                            ^",
        "",
        'flow.arazzo.yaml:12:45  `$response.body.id == "x"` does not parse: a value '
        '(strings stand in single quotes) is due at character 22, before `"x"`',
        "",
        "     10          successCriteria:",
        "     11            - condition: $statusCode = 200",
        '  >  12            - condition: $response.body.id == "x"',
        "                                                     ^",
    ]


def test_a_hint_of_several_lines_is_indented() -> None:
    """Hints stand below the lines of the file."""
    span = Span(line=1, column=1, end_line=1, end_column=2)
    problem = Problem(span=span, message="wrong", hint="first\nsecond")
    assert str(DocumentError("doc", "a: 1", [problem])) == (
        "doc:1:1  wrong\n\n  >   1  a: 1\n         ^\n  first\n  second"
    )


def test_a_problem_without_a_place_is_one_line() -> None:
    """What concerns a file as a whole quotes nothing."""
    error = DocumentError("doc", "a: 1", [Problem(span=None, message="wrong")])
    assert str(error) == "doc  wrong"
    assert error.problems[0].suggestion is None


def arrange(*, step: str) -> str:
    """A document of version 1.1 with one step that has one field more than the plain one."""
    text = write_workflow(f"- stepId: one\n  operationId: listParcels\n  {step}")
    return text.replace("arazzo: 1.0.1\n", "arazzo: 1.1.0\n", 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            arrange(step="channelPath: '{$sourceDescriptions.parcels.url}#/channels/a'"),
            "10:9  `channelPath`: AsyncAPI steps: not supported yet",
        ),
        (arrange(step="action: send"), "10:9  `action`: AsyncAPI steps: not supported yet"),
        (
            arrange(step="outputs: {a: $message.payload}"),
            "10:22  `$message.payload`: AsyncAPI steps: not supported yet",
        ),
    ],
)
def test_what_is_not_supported_yet_is_refused_by_name(
    tmp_path: Path, text: str, line: str
) -> None:
    """A feature that would be left out of a run is refused where it stands."""
    assert f"flow.arazzo.yaml:{line}" in first_lines(find_problems(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "candidates", "near"),
    [
        ("stepID", ["stepId", "steps"], "stepId"),
        ("sucess", ["success", "access"], "success"),
        ("name", ["name"], None),
        ("name", ["names", "name"], "names"),
        ("x", ["completely", "different"], None),
        ("a", [], None),
    ],
)
def test_the_nearest_name_is_one_that_was_likely_meant(
    name: str, candidates: list[str], near: str | None
) -> None:
    """Other case first, then likeness; never the name itself."""
    assert find_nearest(name, candidates) == near
