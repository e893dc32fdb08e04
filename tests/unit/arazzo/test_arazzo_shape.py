"""The shape of a document: fields that are missing, unknown, of the wrong type or too new."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.arazzo.arazzo_kit import load, read, refuse_load

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.load import load_document


def complete() -> dict[str, Any]:
    """A document in which every object of the specification stands at least once."""
    criterion = {"context": "$response.body", "condition": "$.id", "type": "jsonpath"}
    typed = {**criterion, "condition": "//id", "type": {"type": "xpath", "version": "xpath-10"}}
    return {
        "arazzo": "1.0.1",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.yaml", "type": "openapi"}],
        "workflows": [
            {
                "workflowId": "flow",
                "inputs": {"type": "object"},
                "steps": [
                    {
                        "stepId": "one",
                        "operationId": "op",
                        "parameters": [
                            {"name": "a", "in": "query", "value": 1},
                            {"reference": "$components.parameters.page"},
                        ],
                        "requestBody": {
                            "contentType": "application/json",
                            "payload": {},
                            "replacements": [{"target": "/a", "value": 1}],
                        },
                        "successCriteria": [criterion, typed],
                        "onSuccess": [{"name": "done", "type": "end"}],
                        "onFailure": [{"name": "again", "type": "retry", "retryAfter": 1}],
                        "outputs": {"id": "$response.body#/id"},
                    }
                ],
            }
        ],
        "components": {"parameters": {"page": {"name": "page", "in": "query", "value": 1}}},
    }


STEP = ("workflows", 0, "steps", 0)


def change(pointer: tuple[str | int, ...], value: Any = ..., version: str = "1.0.1") -> str:
    """The complete document with one value replaced, or left out; as YAML that is JSON."""
    data = complete()
    data["arazzo"] = version
    owner: Any = data
    for token in pointer[:-1]:
        owner = owner[token]
    if value is ...:
        del owner[pointer[-1]]
    else:
        owner[pointer[-1]] = value
    return json.dumps(data, indent=1)


def messages(text: str) -> list[str]:
    """The message of every problem that loading a text finds."""
    with pytest.raises(DocumentError) as refusal:
        load_document(read(text))
    return [problem.message for problem in refusal.value.problems]


def test_a_document_with_every_object_is_of_the_right_shape() -> None:
    """The document that the other tests damage is right as it is, in both versions."""
    for version in ("1.0.0", "1.1.0"):
        data = {**complete(), "arazzo": version}
        assert load(json.dumps(data)).workflows[0].workflow_id == "flow"


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        (("info",), "the document has no `info`"),
        (("sourceDescriptions",), "the document has no `sourceDescriptions`"),
        (("workflows",), "the document has no `workflows`"),
        (("info", "title"), "the info object has no `title`"),
        (("info", "version"), "the info object has no `version`"),
        (("sourceDescriptions", 0, "name"), "a source description has no `name`"),
        (("sourceDescriptions", 0, "url"), "a source description has no `url`"),
        (("workflows", 0, "workflowId"), "a workflow has no `workflowId`"),
        (("workflows", 0, "steps"), "a workflow has no `steps`"),
        ((*STEP, "stepId"), "a step has no `stepId`"),
        ((*STEP, "parameters", 0, "name"), "a parameter has no `name`"),
        ((*STEP, "parameters", 0, "value"), "a parameter has no `value`"),
        ((*STEP, "requestBody", "replacements", 0, "target"), "a replacement has no `target`"),
        ((*STEP, "requestBody", "replacements", 0, "value"), "a replacement has no `value`"),
        ((*STEP, "successCriteria", 0, "condition"), "a criterion has no `condition`"),
        (
            (*STEP, "successCriteria", 1, "type", "version"),
            "an expression type has no `version`",
        ),
        ((*STEP, "successCriteria", 1, "type", "type"), "an expression type has no `type`"),
        ((*STEP, "onSuccess", 0, "name"), "a success action has no `name`"),
        ((*STEP, "onSuccess", 0, "type"), "a success action has no `type`"),
        ((*STEP, "onFailure", 0, "name"), "a failure action has no `name`"),
        ((*STEP, "onFailure", 0, "type"), "a failure action has no `type`"),
        (("components", "parameters", "page", "name"), "a parameter has no `name`"),
    ],
)
def test_each_required_field_is_asked_for(pointer: tuple[str | int, ...], message: str) -> None:
    """A missing field is named with the kind of object that must have it."""
    assert messages(change(pointer)) == [message]


@pytest.mark.parametrize(
    ("owner", "name", "kind", "near"),
    [
        ((), "workflow", "the document", "workflows"),
        (("info",), "titel", "the info object", "title"),
        (("sourceDescriptions", 0), "uri", "a source description", "url"),
        (("workflows", 0), "input", "a workflow", "inputs"),
        (STEP, "sucessCriteria", "a step", "successCriteria"),
        (STEP, "operationID", "a step", "operationId"),
        ((*STEP, "parameters", 0), "values", "a parameter", "value"),
        ((*STEP, "requestBody"), "content-type", "a request body", "contentType"),
        ((*STEP, "requestBody", "replacements", 0), "targets", "a replacement", "target"),
        ((*STEP, "successCriteria", 0), "conditions", "a criterion", "condition"),
        ((*STEP, "successCriteria", 1, "type"), "versions", "an expression type", "version"),
        ((*STEP, "onSuccess", 0), "stepID", "a success action", "stepId"),
        ((*STEP, "onFailure", 0), "retry_after", "a failure action", "retryAfter"),
        (STEP, "quite different", "a step", None),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest(
    owner: tuple[str | int, ...], name: str, kind: str, near: str | None
) -> None:
    """A misspelt field is pointed at, with the field that was meant."""
    report = refuse_load(change((*owner, name), 1))
    first, *_, last = report.splitlines()
    assert first.endswith(f"  unknown field `{name}` in {kind}")
    assert f'"{name}": 1' in report
    assert (last == f"  Did you mean `{near}`?") == (near is not None)


@pytest.mark.parametrize(
    "owner",
    [(), ("info",), ("sourceDescriptions", 0), ("workflows", 0), STEP, (*STEP, "requestBody")],
)
def test_extensions_are_no_unknown_fields(owner: tuple[str | int, ...]) -> None:
    """A field that starts with `x-` may stand in every object."""
    load(change((*owner, "x-anything"), {"a": 1}))


def test_further_fields_of_a_reference_are_ignored() -> None:
    """A Reusable Object with more than it needs is still one."""
    load(change((*STEP, "parameters", 1, "name"), "ignored"))


@pytest.mark.parametrize(
    ("pointer", "value", "message"),
    [
        (("info",), [], "`info` is an array; an object is due"),
        (("info", "title"), 1, "`title` is an integer; a string is due"),
        (("info", "version"), 1.5, "`version` is a number; a string is due"),
        (("sourceDescriptions",), {}, "`sourceDescriptions` is an object; a list is due"),
        (("sourceDescriptions",), [], "`sourceDescriptions` is empty"),
        (("sourceDescriptions", 0), "a", "`sourceDescriptions` is a string; an object is due"),
        (("sourceDescriptions", 0, "name"), "", "`name` is empty"),
        (("workflows",), [], "`workflows` is empty"),
        (("workflows",), None, "`workflows` is null; a list is due"),
        (("workflows", 0, "inputs"), 1, "`inputs` is an integer; an object or a boolean is due"),
        (("workflows", 0, "steps"), [], "`steps` is empty"),
        (("workflows", 0, "dependsOn"), "a", "`dependsOn` is a string; a list is due"),
        (("workflows", 0, "dependsOn"), [1], "`dependsOn` is an integer; a string is due"),
        ((*STEP, "stepId"), True, "`stepId` is a boolean; a string is due"),
        ((*STEP, "operationId"), "", "`operationId` is empty"),
        ((*STEP, "parameters"), {}, "`parameters` is an object; a list is due"),
        ((*STEP, "requestBody"), "x", "`requestBody` is a string; an object is due"),
        ((*STEP, "successCriteria", 0), "x", "`successCriteria` is a string; an object is due"),
        (
            (*STEP, "successCriteria", 0, "condition"),
            200,
            "`condition` is an integer; a string is due",
        ),
        ((*STEP, "outputs"), ["a"], "`outputs` is an array; an object is due"),
        ((*STEP, "outputs", "id"), 1, "`id` is an integer; a string is due"),
        ((*STEP, "onFailure", 0, "retryAfter"), "1", "`retryAfter` is a string; a number is due"),
        (
            (*STEP, "onFailure", 0, "retryLimit"),
            1.5,
            "`retryLimit` is a number; an integer is due",
        ),
        (
            (*STEP, "parameters", 0, "in"),
            "body",
            "`in` is `body`; `path` or `query` or `header` or `cookie` is due",
        ),
        (
            (*STEP, "successCriteria", 0, "type"),
            "jsonpth",
            "`type` is `jsonpth`; `simple` or `regex` or `jsonpath` or `xpath` is due",
        ),
        ((*STEP, "onSuccess", 0, "type"), "retry", "`type` is `retry`; `end` or `goto` is due"),
        (
            ("sourceDescriptions", 0, "type"),
            "swagger",
            "`type` is `swagger`; `openapi` or `arazzo` is due",
        ),
        (
            (*STEP, "outputs"),
            {"a b": "$url"},
            "`a b` is no name; letters, digits, `.`, `-` and `_` make one",
        ),
        (
            ("components", "parameters"),
            {"ä": {"name": "a", "value": 1}},
            "`ä` is no name; letters, digits, `.`, `-` and `_` make one",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_the_right_one(
    pointer: tuple[str | int, ...], value: Any, message: str
) -> None:
    """Types, empty lists and words that are none of those allowed are said in JSON's terms."""
    assert messages(change(pointer, value)) == [message]


@pytest.mark.parametrize("pointer", [("info", "version"), (*STEP, "stepId")])
def test_a_number_in_place_of_text_is_answered_with_quotes(pointer: tuple[str | int, ...]) -> None:
    """The usual cause is a version or id that YAML reads as a number."""
    assert refuse_load(change(pointer, 2)).endswith("\n  Put it in quotes.")


def test_success_criteria_must_not_be_empty() -> None:
    """A list of criteria that is given has at least one (Step Object)."""
    assert messages(change((*STEP, "successCriteria"), [])) == ["`successCriteria` is empty"]


NEW_FIELDS: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("$self",), "https://example.com/doc", "the document"),
    ((*STEP, "channelPath"), "x", "a step"),
    ((*STEP, "timeout"), 100, "a step"),
    ((*STEP, "correlationId"), "x", "a step"),
    ((*STEP, "action"), "send", "a step"),
    ((*STEP, "dependsOn"), ["a"], "a step"),
    ((*STEP, "onSuccess", 0, "parameters"), [], "a success action"),
    ((*STEP, "onFailure", 0, "parameters"), [], "a failure action"),
    (
        (*STEP, "requestBody", "replacements", 0, "targetSelectorType"),
        "jsonpointer",
        "a replacement",
    ),
]


@pytest.mark.parametrize(("pointer", "value", "kind"), NEW_FIELDS)
def test_a_field_of_1_1_in_a_document_of_1_0_is_told_from_a_mistake(
    pointer: tuple[str | int, ...], value: Any, kind: str
) -> None:
    """The report says since when the field is there, and what the document says it is."""
    report = refuse_load(change(pointer, value))
    assert f"  unknown field `{pointer[-1]}` in {kind}\n" in report
    hint = f"`{pointer[-1]}` came with Arazzo 1.1; this document says `1.0.1`."
    assert report.endswith(f"\n  {hint}")


@pytest.mark.parametrize(("pointer", "value", "kind"), NEW_FIELDS)
def test_a_field_of_1_1_is_right_in_a_document_of_1_1(
    pointer: tuple[str | int, ...], value: Any, kind: str
) -> None:
    """What 1.0 does not know has its place in 1.1."""
    del kind
    load(change(pointer, value, version="1.1.0"))


@pytest.mark.parametrize(
    ("pointer", "value", "due"),
    [
        (("sourceDescriptions", 0, "type"), "asyncapi", "`openapi` or `arazzo`"),
        (
            (*STEP, "parameters", 0, "in"),
            "querystring",
            "`path` or `query` or `header` or `cookie`",
        ),
    ],
)
def test_a_word_of_1_1_is_refused_in_a_document_of_1_0(
    pointer: tuple[str | int, ...], value: str, due: str
) -> None:
    """Lists of allowed words grew with 1.1."""
    assert messages(change(pointer, value)) == [f"`{pointer[-1]}` is `{value}`; {due} is due"]
    load(change(pointer, value, version="1.1.0"))


def test_a_json_pointer_is_a_type_of_1_1() -> None:
    """The Expression Type Object got it with the selectors."""
    pointer = (*STEP, "successCriteria", 1, "type")
    value = {"type": "jsonpointer", "version": "rfc6901"}
    message = "`type` is `jsonpointer`; `jsonpath` or `xpath` is due"
    assert messages(change(pointer, value)) == [message]
    load(change(pointer, value, version="1.1.0"))
