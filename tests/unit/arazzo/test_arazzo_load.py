"""Documents: their version, what is read out of them, and what in them does not parse."""

from __future__ import annotations

import pytest
from unit.arazzo.arazzo_kit import (
    HEAD,
    bounded_stack,
    first_lines,
    load,
    read,
    refuse_load,
    write_workflow,
)

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.expression import InputRef, MessagePart
from pytest_amberflo.arazzo.input_schema import InputSchema
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.template import Literal, Reference


def with_version(version: str) -> str:
    """A document of one step that says it is of this version."""
    text = write_workflow("- {stepId: one, operationId: listParcels}")
    return text.replace("arazzo: 1.0.1", f"arazzo: {version}")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.0.0", (1, 0)),
        ("1.0.1", (1, 0)),
        ("1.0.99", (1, 0)),
        ("'1.0.1'", (1, 0)),
        ("1.0.1-rc1", (1, 0)),
        ("1.1.0", (1, 1)),
        ("1.1.7", (1, 1)),
    ],
)
def test_patch_versions_make_no_difference(text: str, version: tuple[int, int]) -> None:
    """Only major and minor of the version are of interest."""
    assert load(with_version(text)).version == version


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.2.0", "Arazzo `1.2.0` is not supported; 1.0.x and 1.1.x are"),
        ("2.0.0", "Arazzo `2.0.0` is not supported; 1.0.x and 1.1.x are"),
        ("0.9.0", "Arazzo `0.9.0` is not supported; 1.0.x and 1.1.x are"),
        ("1.0.1.0", "Arazzo `1.0.1.0` is not supported; 1.0.x and 1.1.x are"),
        ("v1.0.1", "Arazzo `v1.0.1` is not supported; 1.0.x and 1.1.x are"),
        ("'1.0.1 '", "Arazzo `1.0.1 ` is not supported; 1.0.x and 1.1.x are"),
        ("1.10.0", "Arazzo `1.10.0` is not supported; 1.0.x and 1.1.x are"),
        ("''", "Arazzo `` is not supported; 1.0.x and 1.1.x are"),
        ("1.0", "`arazzo` is a number; a version such as `1.0.1` is due"),
        ("1", "`arazzo` is an integer; a version such as `1.0.1` is due"),
        ("[1, 0, 1]", "`arazzo` is an array; a version such as `1.0.1` is due"),
        ("null", "`arazzo` is null; a version such as `1.0.1` is due"),
        ("true", "`arazzo` is a boolean; a version such as `1.0.1` is due"),
    ],
)
def test_other_versions_are_refused(version: str, message: str) -> None:
    """What is no known version is refused at the version, before anything else is looked at."""
    assert first_lines(refuse_load(with_version(version))) == [f"doc:1:9  {message}"]


@pytest.mark.parametrize("version", ["'1.0'", "'1.1'"])
def test_a_version_of_two_numbers_is_answered_with_three(version: str) -> None:
    """Versions of the specification are often shortened."""
    report = refuse_load(with_version(version))
    assert report.endswith("\n  A version has three numbers: `1.0.1`")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("openapi: 3.1.0\n", "it has no `arazzo`"),
        ("{}", "it has no `arazzo`"),
        ("[]", "it is an array"),
        ("just text", "it is a string"),
        ("7", "it is an integer"),
        ("null", "it is null"),
    ],
)
def test_what_is_no_arazzo_document_is_told_what_it_is(text: str, found: str) -> None:
    """A document of another kind is refused at its start."""
    report = refuse_load(text)
    assert report.startswith(f"doc:1:1  not an Arazzo document: {found}\n")
    assert report.endswith("An Arazzo document starts with a version: `arazzo: 1.0.1`")


def test_every_part_of_a_document_is_read() -> None:
    """Workflows, steps, parameters, bodies, criteria and outputs arrive in the model."""
    document = load(
        write_workflow(
            """
- stepId: send
  description: first
  operationId: sendParcel
  parameters: [{name: X-Key, in: header, value: $inputs.key}]
  requestBody: {contentType: application/json, payload: {to: $inputs.to}}
  successCriteria: [{condition: $statusCode == 201}]
  outputs: {id: $response.body#/id}
  x-amberflo: {role: ingest}
- stepId: track
  operationPath: '{$sourceDescriptions.parcels.url}#/paths/~1parcels/get'
""",
            inputs="{type: object, required: [key], properties: {key: {}, to: {type: string}}}",
            rest="summary: s\ndescription: d\noutputs: {id: $steps.send.outputs.id}\n"
            "x-amberflo: {marks: [slow]}\nparameters: [{name: page, in: query, value: 1}]",
        )
    )
    (workflow,) = document.workflows
    send, track = workflow.steps
    assert document.info.title == "Parcels"
    assert document.source_descriptions[0].name == "parcels"
    assert document.source_descriptions[0].url == "parcels.yaml"
    assert (workflow.summary, workflow.description) == ("s", "d")
    schema = InputSchema(document, workflow)
    assert schema.properties == {"key": {}, "to": {"type": "string"}}
    assert schema.required == ("key",)
    assert workflow.extension == {"marks": ["slow"]}
    assert [parameter.name for parameter in workflow.parameters] == ["page"]
    assert workflow.outputs[0].name == "id"
    assert (send.description, send.operation_id) == ("first", "sendParcel")
    assert send.extension == {"role": "ingest"}
    (parameter,) = send.parameters
    assert (parameter.name, parameter.location) == ("X-Key", "header")
    assert parameter.value == Reference(InputRef("key"))
    assert send.request_body is not None
    assert send.request_body.content_type == "application/json"
    assert send.success_criteria[0].condition == "$statusCode == 201"
    assert send.outputs[0].value == Reference(MessagePart("response", "body", None, ("id",)))
    assert track.operation_path == "{$sourceDescriptions.parcels.url}#/paths/~1parcels/get"
    assert track.request_body is None
    assert workflow.find_step("track") is track
    assert workflow.find_step("nobody") is None


def test_objects_know_where_they_stand() -> None:
    """Each object carries its pointer and its place in the text."""
    document = load(
        write_workflow("- stepId: one\n  operationId: listParcels\n  outputs: {a: $url}")
    )
    step = document.workflows[0].steps[0]
    assert step.place.pointer == ("workflows", 0, "steps", 0)
    span = step.place.find_in(document.source)
    assert (span.line, span.column) == (8, 9)
    assert step.outputs[0].place.pointer[-2:] == ("outputs", "a")


@pytest.mark.parametrize(
    "inputs", ["true", "false", "{type: object}", "{properties: []}", "{required: []}"]
)
def test_inputs_without_properties_declare_none(inputs: str) -> None:
    """A schema that names no properties has no schemas by name and asks for nothing."""
    text = write_workflow("- {stepId: one, operationId: listParcels}", inputs=inputs)
    document = load(text)
    schema = InputSchema(document, document.workflows[0])
    assert schema.properties == {}
    assert schema.required == ()


COMPONENTS = """\
components:
  parameters:
    page: {name: page, in: query, value: 1}
    key: {name: X-Key, in: header, value: $inputs.key}
"""


def test_a_reusable_parameter_is_the_component() -> None:
    """A reference stands for the component, at the component's place."""
    text = write_workflow(
        "- {stepId: one, operationId: listParcels,\n"
        "   parameters: [{reference: $components.parameters.key}]}"
    )
    (parameter,) = load(text + COMPONENTS).workflows[0].steps[0].parameters
    assert (parameter.name, parameter.location) == ("X-Key", "header")
    assert parameter.value == Reference(InputRef("key"))
    assert parameter.place.pointer == ("components", "parameters", "key")


def test_a_value_beside_a_reference_replaces_the_components() -> None:
    """A Reusable Object may bring a value of its own."""
    text = write_workflow(
        "- {stepId: one, operationId: listParcels,\n"
        "   parameters: [{reference: $components.parameters.page, value: 7}]}"
    )
    (parameter,) = load(text + COMPONENTS).workflows[0].steps[0].parameters
    assert (parameter.name, parameter.value) == ("page", Literal(7))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("$components.parameters.pages", "`components` has no `pages` among its parameters"),
        (
            "$components.successActions.page",
            "`$components.successActions.page` does not refer to `$components.parameters`",
        ),
        ("$inputs.page", "`$inputs.page` does not refer to `$components.parameters`"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference: str, message: str) -> None:
    """Components are looked up by kind and name."""
    text = write_workflow(
        "- {stepId: one, operationId: listParcels,\n"
        f"   parameters: [{{reference: {reference}}}]}}"
    )
    assert first_lines(refuse_load(text + COMPONENTS)) == [f"doc:9:35  {message}"]


def test_everything_that_does_not_parse_is_reported_at_once() -> None:
    """Expressions and conditions of the whole document are in one report, in its order."""
    text = write_workflow(
        """
- stepId: one
  operationId: listParcels
  parameters:
    - {name: a, in: query, value: $input.a}
    - {name: b, in: query, value: ["{$url", fine, $steps.x]}
  requestBody: {payload: {deep: [{er: "x{$statuscode}"}]}}
  successCriteria:
    - condition: $statusCode = 200
    - condition: 'true'
    - condition: $response.body. == 1
  outputs: {a: $response.body.id, b: url}
"""
    )
    source = read(text)
    with pytest.raises(DocumentError) as refusal:
        load_document(source)
    spans = [problem.span for problem in refusal.value.problems]
    lines = text.splitlines()
    assert [lines[span.line - 1][span.column - 1 :][:5] for span in spans if span] == [
        "$inpu",
        '", fi',
        "]}",
        "$stat",
        "= 200",
        " == 1",
        ".id, ",
        "url}",
    ]


def test_a_mistake_in_a_component_is_reported_once() -> None:
    """A component that two steps use has its mistake in one place."""
    text = write_workflow(
        "- {stepId: one, operationId: listParcels,\n"
        "   parameters: [{reference: $components.parameters.bad}]}\n"
        "- {stepId: two, operationId: listParcels,\n"
        "   parameters: [{reference: $components.parameters.bad}]}"
    )
    text += "components: {parameters: {bad: {name: a, in: query, value: $inputs.}}}\n"
    assert first_lines(refuse_load(text)) == [
        "doc:12:68  `$inputs.` does not parse: an input's name is due at the end"
    ]


@pytest.mark.parametrize(
    ("scalar", "place"),
    [
        ("$input.a", "doc:12:14"),
        ("'$input.a'", "doc:12:15"),
        ('"$input.a"', "doc:12:15"),
        ('"\\x24input.a"', "doc:12:14"),
        ("|-\n      $input.a", "doc:12:14"),
    ],
)
def test_a_mistake_is_pointed_at_inside_its_text(scalar: str, place: str) -> None:
    """The place is exact where the text stands as it is read, else that of the whole scalar."""
    text = write_workflow(
        f"- stepId: one\n  operationId: a\n  outputs:\n    # under here\n    a: {scalar}"
    )
    assert first_lines(refuse_load(text))[0].startswith(f"{place}  `$input.a` does not parse: ")


def test_a_payload_that_is_too_deep_is_refused() -> None:
    """A document in JSON that nests deeply is refused, not a crash."""
    deep = "[" * 800 + "]" * 800
    text = (
        '{"arazzo": "1.0.1", "info": {"title": "t", "version": "1"}, "sourceDescriptions": '
        '[{"name": "a", "url": "a.yaml"}], "workflows": [{"workflowId": "w", "steps": '
        f'[{{"stepId": "s", "operationId": "o", "requestBody": {{"payload": {deep}}}}}]}}]}}'
    )
    with bounded_stack(), pytest.raises(DocumentError):
        load_document(read(text, is_json=True))


def test_problems_of_shape_are_in_the_order_of_the_document() -> None:
    """Whoever reads the report walks through the file once."""
    steps = [f"      - {{stepId: s{number}, operationId: a, nope: 1}}" for number in range(12)]
    text = f"{HEAD}  - workflowId: flow\n    steps:\n" + "\n".join(steps) + "\n    outputs: []\n"
    lines = [int(line.split(":")[1]) for line in first_lines(refuse_load(text))]
    assert lines == sorted(lines)


def test_components_that_nothing_refers_to_are_read_too() -> None:
    """A mistake in them is one of the document."""
    text = write_workflow("- {stepId: one, operationId: a}") + (
        "components:\n"
        "  parameters: {page: {name: page, in: query, value: $input.page}}\n"
        "  failureActions: {again: {name: again, type: retry, criteria: [{condition: 1 = 1}]}}\n"
    )
    places = [line.partition("  ")[0] for line in first_lines(refuse_load(text))]
    assert places == ["doc:10:53", "doc:11:79"]
