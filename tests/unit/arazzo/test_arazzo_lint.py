"""What a document says that cannot be right: names that stand twice, references that dangle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from unit.arazzo.arazzo_kit import HEAD, load, write_workflow

from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.uses import find_uses

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.errors import Problem

INPUTS = "{type: object, properties: {name: {}, parcel: {type: object}}}"


def check(text: str) -> list[Problem]:
    """Every problem of a document."""
    return list(check_document(load(text)))


def messages(text: str) -> list[str]:
    """The message of every problem of a document."""
    return [problem.message for problem in check(text)]


def quoted(text: str, problem: Problem) -> str:
    """The stretch of a text that a problem points at."""
    span = problem.span
    assert span is not None
    line = text.splitlines()[span.line - 1]
    return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None]


def step(body: str, *, inputs: str = INPUTS, rest: str = "") -> str:
    """A document whose step `second` has this body; a step `first` with output `id` precedes."""
    first = "- {stepId: first, operationId: listParcels, outputs: {id: $response.body}}\n"
    second = f"- stepId: second\n  operationId: listParcels\n  {body}\n"
    third = "- {stepId: third, operationId: listParcels, outputs: {id: $response.body}}\n"
    return write_workflow(first + second + third, inputs=inputs, rest=rest)


@pytest.mark.parametrize(
    "text",
    [
        step("parameters: [{name: a, in: query, value: $inputs.name}]"),
        step("parameters: [{name: a, in: query, value: $inputs.parcel#/deep/er}]"),
        step("parameters: [{name: a, in: query, value: $steps.first.outputs.id#/0}]"),
        step("requestBody: {payload: {a: ['x{$steps.first.outputs.id}', $inputs.name]}}"),
        step("successCriteria: [{condition: $inputs.parcel.deep.er == $response.body.a}]"),
        step("successCriteria: [{condition: $steps.first.outputs.id.deep == 1}]"),
        step("outputs: {a: $statusCode, b: $inputs.name, c: $steps.first.outputs.id}"),
        step("outputs: {}", rest="outputs: {a: $steps.third.outputs.id, b: $inputs.name}"),
        step("outputs: {a: $inputs.any}", inputs="true"),
        step("outputs: {a: $inputs.any}", inputs="{additionalProperties: {type: string}}"),
        step("outputs: {a: $inputs.any}", inputs="{patternProperties: {'^a': {}}}"),
        step("outputs: {a: $inputs.any}", inputs="{allOf: [{properties: {any: {}}}]}"),
        step("parameters: [{name: a, in: query, value: 1}, {name: a, in: header, value: 1}]"),
    ],
)
def test_references_that_lead_somewhere_are_right(text: str) -> None:
    """Inputs, outputs of steps before, members in conditions and open schemas are no problem."""
    assert messages(text) == []


@pytest.mark.parametrize(
    ("body", "message", "near"),
    [
        (
            "outputs: {a: $inputs.nmae}",
            "`$inputs.nmae`: workflow `flow` has no input `nmae`",
            "name",
        ),
        (
            "parameters: [{name: a, in: query, value: 'x{$inputs.quite-different}'}]",
            "`$inputs.quite-different`: workflow `flow` has no input `quite-different`",
            None,
        ),
        (
            "parameters: [{name: a, in: query, value: $inputs.name.first}]",
            "`$inputs.name.first`: workflow `flow` has no input `name.first`",
            None,
        ),
        (
            "successCriteria: [{condition: $inputs.parcle.id == 1}]",
            "`$inputs.parcle.id`: workflow `flow` has no input `parcle.id`",
            "parcel",
        ),
        (
            "outputs: {a: $steps.frist.outputs.id}",
            "step `second` reads `$steps.frist.outputs.id`, but there is no step `frist`",
            "first",
        ),
        (
            "requestBody: {payload: [$steps.first.outputs.ID]}",
            "step `second` reads `$steps.first.outputs.ID`, but step `first` has no output `ID`",
            "id",
        ),
        (
            "requestBody: {payload: [$steps.third.outputs.id]}",
            "step `second` reads `$steps.third.outputs.id` of a later step",
            None,
        ),
        (
            "successCriteria: [{condition: $steps.third.outputs.id == 1}]",
            "step `second` reads `$steps.third.outputs.id` of a later step",
            None,
        ),
        (
            "parameters: [{name: a, in: query, value: $steps.second.outputs.id}]",
            "step `second` reads `$steps.second.outputs.id` of itself",
            None,
        ),
        (
            "parameters: [{name: a, in: query, value: $response.body#/id}]",
            "`$response.body#/id`: there is no response yet where this is evaluated",
            None,
        ),
        (
            "requestBody: {payload: '{$response.header.ETag}'}",
            "`$response.header.ETag`: there is no response yet where this is evaluated",
            None,
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_pointed_at(
    body: str, message: str, near: str | None
) -> None:
    """The very expression is underlined, and the nearest right name suggested."""
    text = step(body)
    (problem,) = check(text)
    assert (problem.message, problem.suggestion) == (message, near)
    assert quoted(text, problem) == re.findall(r"\$[\w.#/-]+", body)[0]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "$steps.nobody.outputs.id",
            "workflow `flow` reads `$steps.nobody.outputs.id`, but there is no step `nobody`",
        ),
        (
            "$steps.first.outputs.no",
            "workflow `flow` reads `$steps.first.outputs.no`, but step `first` has no output `no`",
        ),
        ("$inputs.nobody", "`$inputs.nobody`: workflow `flow` has no input `nobody`"),
        ("$response.body", "`$response.body`: there is no response where this is evaluated"),
    ],
)
def test_outputs_of_a_workflow_are_checked(expression: str, message: str) -> None:
    """The outputs of a workflow see inputs and steps and no response of their own."""
    text = step("outputs: {}", rest=f"outputs: {{a: {expression}}}")
    (problem,) = check(text)
    assert problem.message == message
    assert quoted(text, problem) == expression


def test_a_workflow_without_inputs_has_none_to_read() -> None:
    """Where no inputs are declared every reference to one is wrong."""
    text = step("outputs: {a: $inputs.name}", inputs="")
    assert messages(text) == ["`$inputs.name`: workflow `flow` declares no inputs"]


@pytest.mark.parametrize(
    "body",
    [
        "outputs: {a: $response.body, b: $steps.second.outputs.a}",
        "successCriteria: [{condition: $steps.second.outputs.a == 1}]\n  outputs: {a: $url}",
    ],
)
def test_a_step_cannot_read_its_own_outputs(body: str) -> None:
    """While criteria and outputs are evaluated the step has no outputs yet."""
    assert messages(step(body)) == ["step `second` reads `$steps.second.outputs.a` of itself"]


@pytest.mark.parametrize("expression", ["$statusCode", "$url", "$method", "$request.body#/a"])
def test_a_parameter_cannot_read_the_exchange_it_is_for(expression: str) -> None:
    """Status, URL, method and request are as unknown as the response."""
    text = step(f"parameters: [{{name: a, in: query, value: {expression}}}]")
    assert len(messages(text)) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        "[{name: a, in: query, value: $inputs.nobody}]",
        "[{name: a, in: query, value: 1}, {name: a, in: query, value: 2}]",
        "[{name: a, value: 1}]",
        "[{name: a, in: query, value: $response.body}]",
    ],
)
def test_parameters_of_a_workflow_are_checked_like_those_of_a_step(parameters: str) -> None:
    """What holds for the parameters of a step holds for those that all steps share."""
    assert len(messages(step("outputs: {}", rest=f"parameters: {parameters}"))) == 1


TWICE = (
    HEAD.replace("workflows:", "  - {name: parcels, url: other.yaml}\nworkflows:")
    + """\
  - workflowId: flow
    steps:
      - {stepId: one, operationId: a}
      - stepId: one
        operationId: a
        parameters:
          - {name: a, in: query, value: 1}
          - {name: a, in: header, value: 1}
          - {name: a, in: query, value: 2}
  - workflowId: flow
    steps: [{stepId: one, operationId: a}]
"""
)


def test_names_that_stand_twice_are_reported_with_the_first() -> None:
    """Sources, workflows, steps of one workflow and parameters of one place are unique."""
    assert [(p.message, p.span.line if p.span else 0) for p in check(TWICE)] == [
        ("source description `parcels` stands twice; the first is in line 4", 5),
        ("workflowId `flow` stands twice; the first is in line 7", 16),
        ("stepId `one` stands twice; the first is in line 9", 10),
        ("parameter `a in query` stands twice; the first is in line 13", 15),
    ]


def test_a_parameter_without_a_place_is_refused() -> None:
    """Where a step calls an operation each parameter says where it goes."""
    (problem,) = check(step("parameters: [{name: a, value: 1}]"))
    assert problem.message == "parameter `a` has no `in`: path, query, header or cookie"


@pytest.mark.parametrize(
    ("fields", "message", "place"),
    [
        ("x-a: 1", "step `one` has no operationId, operationPath or workflowId", "stepId"),
        (
            "operationId: a\n  operationPath: b",
            "step `one` has `operationId` and `operationPath`; one of them is due",
            "operationPath",
        ),
        (
            "workflowId: a\n  operationId: b",
            "step `one` has `operationId` and `workflowId`; one of them is due",
            "workflowId",
        ),
        (
            "workflowId: a\n  operationPath: b",
            "step `one` has `operationPath` and `workflowId`; one of them is due",
            "workflowId",
        ),
    ],
)
def test_a_step_has_exactly_one_target(fields: str, message: str, place: str) -> None:
    """No target, or two, is a mistake of the step."""
    text = write_workflow(f"- stepId: one\n  {fields}\n")
    (problem,) = check(text)
    assert problem.message == message
    assert quoted(text, problem).startswith(place)


def test_a_self_uri_has_no_fragment() -> None:
    """`$self` names a document as a whole."""
    text = write_workflow("- {stepId: one, operationId: a}").replace(
        "arazzo: 1.0.1", "arazzo: 1.1.0\n$self: https://example.com/doc#part"
    )
    assert messages(text) == ["`$self` must not have a fragment"]


def test_every_expression_of_a_workflow_is_a_use() -> None:
    """Parameters, payloads, criteria and outputs are walked in the order of the document."""
    text = step(
        "parameters: [{name: a, in: query, value: $inputs.name}]\n"
        "  requestBody: {payload: {a: ['{$url}-{$method}'], b: $inputs.parcel}}\n"
        "  successCriteria: [{condition: $statusCode == $inputs.name}]\n"
        "  outputs: {a: $self}",
        rest="outputs: {a: $steps.first.outputs.id}",
    )
    uses = list(find_uses(load(text).workflows[0]))
    assert [str(use.expression) for use in uses] == [
        "$response.body",
        "$inputs.name",
        "$url",
        "$method",
        "$inputs.parcel",
        "$statusCode",
        "$inputs.name",
        "$self",
        "$response.body",
        "$steps.first.outputs.id",
    ]
    assert [use.step.step_id if use.step else None for use in uses] == [
        "first",
        *["second"] * 7,
        "third",
        None,
    ]


@pytest.mark.parametrize(
    ("inputs", "component", "message", "place"),
    [
        (
            "{$ref: '#/components/inputs/a'}",
            "{type: strin}",
            "the schema of the inputs is not valid: 'strin' is not valid under any of the given "
            "schemas",
            "strin",
        ),
        (
            "{properties: {x: {$ref: '#part'}}}",
            "{$anchor: part, pattern: '('}",
            "the schema of the inputs is not valid: '(' is not a 'regex'",
            "'('",
        ),
        (
            "{$ref: '#/components/inputs/a'}",
            "{$ref: '#/components/inputs/a'}",
            "`$ref: #/components/inputs/a` leads back to itself",
            "'#/components/inputs/a'",
        ),
        (
            "{properties: {x: {$ref: '#/components/inputs/b'}}}",
            "{}",
            "`$ref: #/components/inputs/b` leads nowhere in this document",
            "'#/components/inputs/b'",
        ),
    ],
)
def test_schemas_that_the_inputs_refer_to_are_checked(
    inputs: str, component: str, message: str, place: str
) -> None:
    """What no value could be held against is found before a value is there."""
    text = write_workflow("- {stepId: one, operationId: a}", inputs=inputs)
    text += f"components: {{inputs: {{a: {component}}}}}\n"
    problems = check(text)
    assert {problem.message for problem in problems} == {message}
    assert quoted(text, problems[-1]) == place


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$response.query.a", "a response has no query"),
        ("$response.path.a", "a response has no path"),
        ("$request.payload", "only AsyncAPI messages have a payload"),
        ("$response.payload#/a", "only AsyncAPI messages have a payload"),
        ("$message.header.a", "AsyncAPI steps: not supported yet"),
        ("$self", "the document does not say what it is"),
        ("$components.parameters.a", "is a component and has no value"),
    ],
)
def test_what_never_has_a_value_is_refused(expression: str, message: str) -> None:
    """The grammar has these expressions; no step over HTTP has a value for them."""
    text = step(f"outputs: {{a: {expression}}}")
    (problem,) = check(text)
    assert problem.message in (f"`{expression}`: {message}", f"`{expression}` {message}")
    assert quoted(text, problem) == expression


def test_a_step_cannot_depend_on_itself() -> None:
    """Nor can it be completed before it."""
    text = step("dependsOn: [second]").replace("1.0.1", "1.1.0", 1)
    assert messages(text) == ["step `second` depends on itself"]


def test_a_field_that_a_source_does_not_have_is_pointed_at() -> None:
    """Of an OpenAPI description there is its name, its URL and its type."""
    (problem,) = check(step("outputs: {a: $sourceDescriptions.parcels.uri}"))
    assert problem.message == (
        "`$sourceDescriptions.parcels.uri`: a source description has no field `uri`"
    )
    assert problem.suggestion == "url"
    assert messages(step("outputs: {a: $sourceDescriptions.parcels.url}")) == []
