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


def arrange(
    *, step: str = "", workflow: str = "", root: str = "", source: str = "", version: str = "1.1.0"
) -> str:
    """A document with one feature more than the plain one."""
    text = write_workflow(f"- stepId: one\n  operationId: listParcels\n  {step}", rest=workflow)
    text = text.replace("arazzo: 1.0.1\n", f"arazzo: {version}\n{root}", 1)
    return text.replace("workflows:\n", f"{source}workflows:\n", 1)


ACTION = "{name: a, type: end}"


@pytest.mark.parametrize(
    ("feature", "text", "place"),
    [
        ("arazzo sources", arrange(source="  - {name: b, url: b.yaml, type: arazzo}\n"), "5:34"),
        (
            "asyncapi sources",
            arrange(source="  - {name: b, url: b.yaml, type: asyncapi}\n"),
            "5:34",
        ),
        ("`$self`", arrange(root="$self: https://example.com/doc\n"), "2:8"),
        ("`dependsOn` of a workflow", arrange(workflow="dependsOn: [flow]"), "11:5"),
        (
            "`successActions` of a workflow",
            arrange(workflow=f"successActions: [{ACTION}]"),
            "11:5",
        ),
        (
            "`failureActions` of a workflow",
            arrange(workflow=f"failureActions: [{ACTION}]"),
            "11:5",
        ),
        (
            "`$ref` in inputs",
            arrange(workflow="inputs: {properties: {a: {$ref: '#/components/inputs/a'}}}"),
            "11:31",
        ),
        ("`onSuccess` of a step", arrange(step=f"onSuccess: [{ACTION}]"), "10:9"),
        ("`onFailure` of a step", arrange(step=f"onFailure: [{ACTION}]"), "10:9"),
        ("`timeout` of a step", arrange(step="timeout: 100"), "10:9"),
        ("`dependsOn` of a step", arrange(step="dependsOn: [one]"), "10:9"),
        (
            "`workflowId` of a step",
            arrange().replace("operationId: listParcels", "workflowId: flow"),
            "9:9",
        ),
        (
            "regex criteria",
            arrange(
                step="successCriteria: [{context: $statusCode, condition: '2..', type: regex}]"
            ),
            "10:74",
        ),
        (
            "jsonpath criteria",
            arrange(
                step="successCriteria: [{context: $response.body, condition: $.a, type: jsonpath}]"
            ),
            "10:75",
        ),
        (
            "xpath criteria",
            arrange(step="successCriteria: [{context: $url, condition: //a, type: xpath}]"),
            "10:65",
        ),
        (
            "querystring parameters",
            arrange(step="parameters: [{name: a, in: querystring, value: a=1}]"),
            "10:36",
        ),
        (
            "`replacements`",
            arrange(step="requestBody: {payload: {}, replacements: [{target: /a, value: 1}]}"),
            "10:36",
        ),
        (
            "selector objects",
            arrange(
                step="requestBody: {payload: {context: $inputs.a, selector: $.a, type: jsonpath}}"
            ),
            "10:32",
        ),
        ("`$outputs.a`", arrange(workflow="outputs: {a: $outputs.a}"), "11:18"),
        (
            "`$workflows.flow.outputs.a`",
            arrange(workflow="outputs: {a: $workflows.flow.outputs.a}"),
            "11:18",
        ),
        ("`$message.payload`", arrange(step="outputs: {a: $message.payload}"), "10:22"),
    ],
)
def test_what_is_not_supported_yet_is_refused_by_name(
    tmp_path: Path, feature: str, text: str, place: str
) -> None:
    """A feature that would be left out of a run is refused where it stands."""
    report = find_problems(tmp_path, text)
    assert f"flow.arazzo.yaml:{place}  {feature}: not supported yet" in first_lines(report)


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
