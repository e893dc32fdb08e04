"""Nothing that a description or a service says can stop a run, or make it wait for long."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from unit.openapi.openapi_kit import VERSIONS, answer_with, describe, find, judge_answer, told

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.openapi.contract import Contract

if TYPE_CHECKING:
    from pytest_amberflo.openapi.description import Description

TREE = "{$ref: '#/components/schemas/Tree'}"
NODE = (
    "components: {schemas: {Tree: {type: object, required: [v], properties: "
    "{v: {type: integer}, next: {$ref: '#/components/schemas/Tree'}}}}}\n"
)


def nest(depth: int) -> str:
    """A tree of this depth with a wrong leaf."""
    return '{"v": 1, "next": ' * depth + '{"v": "x"}' + "}" * depth


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("depth", [50, 100, 150, 190, 500, 5000])
def test_a_deep_body_is_judged_or_refused(version: str, depth: int) -> None:
    """What is not too deep is judged to its last leaf, the rest is said to be too deep."""
    (violation,) = judge_answer(answer_with(TREE, rest=NODE, version=version), nest(depth))
    if depth <= 50:
        assert violation.path == "$" + ".next" * depth + ".v"
    else:
        assert "nested" in violation.rule or violation.path.endswith(".v")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("{type: string, pattern: '^(a+)+$'}", '"' + "a" * 40 + '!"'),
        ("{type: string, pattern: '(x+x+)+y'}", '"' + "x" * 60 + '"'),
        (
            "{type: object, additionalProperties: {pattern: '^(a|a)*$'}}",
            '{"k": "' + "a" * 40 + 'b"}',
        ),
    ],
)
def test_a_pattern_that_takes_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch, version: str, schema: str, body: str
) -> None:
    """A rule that cannot be judged in time is no rule that was kept."""
    # The limit as it is, is waited for in `test_engine_criteria.py`.
    monkeypatch.setattr("pytest_amberflo.arazzo.regex._LIMIT_S", 0.1)
    started = time.process_time()
    (violation,) = judge_answer(answer_with(schema, version=version), body)
    assert time.process_time() - started < 5
    assert "does not match" in violation.rule or "takes more than 0.1 s" in violation.rule


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (
            "{type: array, items: {}, uniqueItems: true}",
            json.dumps([{"a": n} for n in range(20_000)]),
        ),
        ("{type: array, items: {type: integer}}", json.dumps(["x"] * 5_000)),
        (
            "{type: object, additionalProperties: false}",
            json.dumps({str(n): n for n in range(20_000)}),
        ),
        ("{type: array, items: {}, maxItems: 1}", json.dumps([["x" * 1000] * 10] * 100)),
        ("{type: number, multipleOf: 1.0e-300}", "1e300"),
        ("{type: number, multipleOf: 7}", "1" + "0" * 300),
        ("{type: integer, format: int64}", "9" * 400),
        ("{type: string, enum: [a]}", json.dumps("x" * 1_000_000)),
        (
            "{type: array, items: {oneOf: [{type: object}, {type: string}]}}",
            json.dumps([{}] * 5000),
        ),
    ],
    ids=["unique", "errors", "names", "long", "tiny", "huge", "digits", "text", "forms"],
)
def test_a_large_body_is_judged_in_time(schema: str, body: str) -> None:
    """Time grows with the body, not with its square."""
    started = time.process_time()
    found = judge_answer(answer_with(schema), body)
    assert time.process_time() - started < 8
    assert all(len(violation.rule) < 400 for violation in found)


LARGE = 500


def describe_much(operations: int) -> str:
    """A description of about 2 kB an operation."""
    lines = ["paths:"]
    for n in range(operations):
        lines += [
            f"  /things{n}/{{id}}:",
            "    post:",
            f"      operationId: op{n}",
            "      parameters:",
            "        - {name: id, in: path, required: true, schema: {type: string}}",
            "      requestBody:",
            "        content:",
            "          application/json:",
            f"            schema: {{$ref: '#/components/schemas/Thing{n}'}}",
            "      responses:",
            "        '200':",
            f"          description: {'it worked ' * 20}",
            "          content:",
            "            application/json:",
            f"              schema: {{$ref: '#/components/schemas/Thing{n}'}}",
        ]
    lines += ["components:", "  schemas:"]
    for n in range(operations):
        lines += [f"    Thing{n}:", "      type: object", "      properties:"]
        lines += [
            f"        field{m}: {{type: string, description: {'what it is about ' * 4}}}"
            for m in range(15)
        ]
    return "\n".join(lines) + "\n"


def use(description: Description) -> None:
    """Check, and judge an answer by, three operations."""
    operations = [find(description, f"op{n}") for n in (0, 100, 200)]
    Contract(description).prepare(operations)
    for operation in operations:
        assert operation.operation_id is not None
        found = judge_answer(description, '{"field1": 1}', operation_id=operation.operation_id)
        assert told(found) == ["$.field1: 1 is an integer, a string is due"]


def test_a_large_description_costs_what_is_used_of_it() -> None:
    """Of a thousand kilobytes a run that uses three operations checks three."""
    text = describe_much(LARGE)
    assert len(text) > 900_000
    description = describe(text)
    started = time.process_time()
    use(description)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "schema",
    [
        "{$ref: '#/components/schemas/A'}",
        "{allOf: [{$ref: '#/components/schemas/B'}]}",
        "{anyOf: [{$ref: '#/components/schemas/C'}, {type: string}]}",
        "{not: {$ref: '#/components/schemas/D'}}",
    ],
)
def test_schemas_that_lead_back_to_themselves_are_refused(version: str, schema: str) -> None:
    """Whether at once or through others; a value could never be held to them."""
    rest = (
        "components: {schemas: {A: {$ref: '#/components/schemas/A'}, "
        "B: {allOf: [{$ref: '#/components/schemas/B'}]}, "
        "C: {anyOf: [{$ref: '#/components/schemas/D'}, {type: string}]}, "
        "D: {not: {$ref: '#/components/schemas/C'}}}}\n"
    )
    with pytest.raises(DocumentError, match=r"`\$ref` is a circle"):
        Contract(answer_with(schema, rest=rest, version=version)).prepare()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_form_may_be_built_on_what_offers_it(version: str) -> None:
    """A discriminator ends the circle that a form makes with the schema that lists it."""
    rest = """\
components:
  schemas:
    Pet:
      type: object
      required: [kind]
      properties: {kind: {type: string}}
      oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]
      discriminator: {propertyName: kind}
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {required: [lives]}]}
    Dog: {allOf: [{$ref: '#/components/schemas/Pet'}, {required: [barks]}]}
"""
    description = answer_with("{$ref: '#/components/schemas/Pet'}", rest=rest, version=version)
    Contract(description).prepare()
    assert told(judge_answer(description, '{"kind": "Cat", "lives": 9}')) == []
    assert told(judge_answer(description, '{"kind": "Cat"}')) == ["$.lives: missing"]
    assert told(judge_answer(description, '{"lives": 9}')) == ["$.kind: missing"]


@pytest.mark.parametrize("version", VERSIONS)
def test_many_forms_that_are_built_on_what_offers_them(version: str) -> None:
    """Time grows with the forms, not with the ways through them."""
    names = [f"Form{n}" for n in range(12)]
    listed = ", ".join(f"{{$ref: '#/components/schemas/{name}'}}" for name in names)
    base = "{$ref: '#/components/schemas/Any'}"
    forms = "".join(
        f"    {name}: {{allOf: [{base}, {{required: [of{name}]}}]}}\n" for name in names
    )
    rest = (
        "components:\n  schemas:\n    Any:\n      type: object\n      required: [kind]\n"
        "      properties: {kind: {type: string}}\n"
        f"      oneOf: [{listed}]\n      discriminator: {{propertyName: kind}}\n{forms}"
    )
    description = answer_with("{$ref: '#/components/schemas/Any'}", rest=rest, version=version)
    started = time.process_time()
    found = told(judge_answer(description, '{"kind": "Form11"}'))
    assert time.process_time() - started < 2
    assert found == ["$.ofForm11: missing"]


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
        '<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<a",
        "<a>" * 10_000,
        "\x00",
    ],
    ids=["entities", "outside", "cut", "deep", "binary"],
)
def test_xml_cannot_harm(body: str) -> None:
    """Entities are not expanded, nothing is opened, what is no XML is said to be none."""
    text = (
        "paths: {/parcel: {get: {operationId: get, responses: {'200': {description: ok, "
        "content: {application/xml: {schema: {}}}}}}}}\n"
    )
    headers = (("Content-Type", "application/xml"),)
    found = told(judge_answer(describe(text), body, headers=headers))
    assert found == [] if "SYSTEM" in body else found[0].startswith("$: the body is ")
