"""Descriptions against OpenAPI's own rules; and that checking them opens nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from unit.openapi.openapi_kit import (
    VERSIONS,
    answer_with,
    bounded_stack,
    describe,
    find,
    judge_answer,
    listening,
    told,
)

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.openapi.contract import Contract
from pytest_amberflo.openapi.rulebook import RefusingHandlers

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.openapi.description import Description


def complain(description: Description) -> str:
    """Every way in which a description breaks OpenAPI's rules."""
    with pytest.raises(DocumentError) as refusal:
        Contract(description).prepare()
    return str(refusal.value)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_right_description_passes(version: str) -> None:
    """What keeps the rules of its own version is accepted."""
    Contract(answer_with("{type: object}", version=version)).prepare()


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("paths: {/a: {get: {operationId: 7, responses: {}}}}\n", "api.yaml:3:33", "7 is not"),
        ("paths: {/a: text}\n", "api.yaml:3:13", "'text' is not of type 'object'"),
        ("server: []\npaths: {}\n", "api.yaml:1:1", "'server'"),
        ("paths: {}\ntags: {a: 1}\n", "api.yaml:4:7", "is not of type 'array'"),
    ],
)
def test_a_broken_rule_is_pointed_at(text: str, place: str, message: str) -> None:
    """Each problem has the place in the description, and says what the validator says."""
    report = complain(describe(text))
    assert any(
        line.startswith(f"{place}  not valid OpenAPI: ") and message in line
        for line in report.splitlines()
    )


def test_every_broken_rule_is_reported_up_to_a_limit() -> None:
    """A document that is wrong throughout does not fill the screen."""
    few = "paths: {" + ", ".join(f"/{n}: text" for n in range(3)) + "}\n"
    many = "paths: {" + ", ".join(f"/{n}: text" for n in range(50)) + "}\n"
    assert complain(describe(few)).count("'text' is not of type 'object'") == 3
    assert complain(describe(many)).count("not valid OpenAPI: ") == 20


def test_a_long_complaint_is_cut() -> None:
    """The validator prints whole instances."""
    report = complain(describe(f"paths: {{/a: {'x' * 2000}}}\n"))
    assert max(map(len, report.splitlines())) < 300


def test_handlers_of_references_refuse_every_scheme() -> None:
    """There is a handler for whatever a reference starts with, and it opens nothing."""
    handlers = RefusingHandlers()
    for scheme in ("", "file", "http", "https", "ftp", "urn"):
        assert scheme in handlers
        with pytest.raises(Exception, match="x:secret"):
            handlers[scheme]("x:secret")


SCHEMAS = [
    "{{$ref: '{url}/a.json'}}",
    "{{type: object, properties: {{a: {{$ref: '{url}/a.json#/b'}}}}}}",
    "{{oneOf: [{{$ref: '{url}/a.json'}}]}}",
    "{{$dynamicRef: '{url}/a.json#x'}}",
    "{{$schema: '{url}/dialect', type: object}}",
    "{{$id: '{url}/base/', properties: {{a: {{$ref: b.json}}}}}}",
]


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_fetched_for_a_schema(version: str, schema: str) -> None:
    """Neither checking a description nor judging by it opens a connection."""
    with listening() as (url, connections):
        description = answer_with(schema.format(url=url), version=version)
        with suppress(Exception):
            Contract(description).prepare()
        with suppress(Exception):
            judge_answer(description, '{"a": 1}')
        assert connections == []


def test_no_file_is_opened_for_a_schema(tmp_path: Path) -> None:
    """A reference to a file that is there is not followed either."""
    (tmp_path / "other.yaml").write_text("{type: object}")
    text = (
        "paths: {/parcel: {get: {operationId: get, responses: {'200': {description: ok, "
        "content: {application/json: {schema: {$ref: 'other.yaml'}}}}}}}}\n"
    )
    description = describe(text, uri=(tmp_path / "api.yaml").as_uri())
    with pytest.raises(Exception, match=r"other\.yaml"):
        Contract(description).prepare()


@pytest.mark.parametrize(
    "schema",
    [
        "{$ref: 'https://e.example/a.json'}",
        "{$ref: 'other.yaml#/A'}",
        "{properties: {a: {$ref: 'https://e.example/a.json'}}}",
        "{$ref: '#/components/schemas/Nothing'}",
    ],
)
def test_a_reference_of_a_schema_that_cannot_be_followed_is_a_problem(schema: str) -> None:
    """References out of the document, and those that lead nowhere, are refused with a reason."""
    assert "`$ref: " in complain(answer_with(schema))


def test_references_of_schemas_in_a_circle_are_a_problem() -> None:
    """A schema that is nothing but a reference to itself is refused."""
    circle = "components: {schemas: {A: {$ref: '#/components/schemas/A'}}}\n"
    with bounded_stack():
        complain(answer_with("{$ref: '#/components/schemas/A'}", rest=circle))


@pytest.mark.parametrize(
    ("versions", "schema", "keyword", "message"),
    [
        (VERSIONS, "{type: strin}", "type", "`type` takes one"),
        (VERSIONS[:1], "{type: [string]}", "type", "`type` takes one of string"),
        (VERSIONS[:1], "{type: 'null'}", "type", "`type` takes one of string"),
        (VERSIONS[1:], "{type: [string, text]}", "type", "`type` takes one or more of string"),
        (VERSIONS, "{required: id}", "required", "`required` takes a list of names"),
        (VERSIONS, "{required: [1]}", "required", "`required` takes a list of names"),
        (VERSIONS, "{enum: a}", "enum", "`enum` takes a list"),
        (VERSIONS, "{minLength: -1}", "minLength", "`minLength` takes a whole number"),
        (VERSIONS, "{maxItems: '1'}", "maxItems", "`maxItems` takes a whole number"),
        (VERSIONS, "{minimum: '1'}", "minimum", "`minimum` takes a number"),
        (VERSIONS, "{multipleOf: 0}", "multipleOf", "`multipleOf` takes a number above 0"),
        (VERSIONS, "{properties: [a]}", "properties", "`properties` takes an object of schemas"),
        (VERSIONS, "{properties: {a: text}}", "properties", "`properties` takes an object of"),
        (VERSIONS, "{items: [a]}", "items", "`items` takes a"),
        (VERSIONS, "{allOf: {type: string}}", "allOf", "`allOf` takes a list of schemas"),
        (VERSIONS, "{anyOf: []}", "anyOf", "`anyOf` takes a list of schemas, one at least"),
        (VERSIONS, "{additionalProperties: 1}", "additionalProperties", "takes a schema"),
        (VERSIONS, "{uniqueItems: 1}", "uniqueItems", "`uniqueItems` takes true or false"),
        (VERSIONS[:1], "{exclusiveMinimum: 1}", "exclusiveMinimum", "takes true or false"),
        (VERSIONS[1:], "{exclusiveMinimum: true}", "exclusiveMinimum", "takes a number"),
        (VERSIONS[:1], "{const: 1}", "const", "schemas of OpenAPI 3.0 have no `const`"),
        (VERSIONS[:1], "{patternProperties: {}}", "patternProperties", "3.0 have no"),
    ],
)
def test_a_broken_schema_is_pointed_at(
    versions: tuple[str, ...], schema: str, keyword: str, message: str
) -> None:
    """The keyword that is wrong is shown, in each version by its own rules."""
    for version in versions:
        first = complain(answer_with(schema, version=version)).splitlines()[0]
        column = first.split(":")[2].split()[0]
        line = f"          content: {{application/json: {{schema: {schema}}}}}"
        assert first.startswith(f"api.yaml:10:{column}  not valid OpenAPI: ")
        assert message in first
        assert line[: int(column) - 1].rstrip().endswith(f"{keyword}:")


@pytest.mark.parametrize("schema", ["true", "7", "text"])
def test_what_is_no_schema_is_refused(schema: str) -> None:
    """Booleans are schemas from 3.1 on, other values never."""
    assert "a schema is due" in complain(answer_with(schema, version="3.0.3"))
    if schema != "true":
        assert "a schema is due" in complain(answer_with(schema, version="3.1.0"))


def test_schemas_may_have_members_of_their_own() -> None:
    """What is not of the standard is no mistake from 3.1 on; in 3.0 it begins with `x-`."""
    Contract(answer_with("{type: object, note: 1}", version="3.1.0")).prepare()
    Contract(answer_with("{type: object, x-note: 1}", version="3.0.3")).prepare()


BROKEN = """\
paths:
  /right: {get: {operationId: right, responses: {'200': {$ref: '#/components/responses/Right'}}}}
  /wrong: {get: {operationId: wrong, responses: {'200': {$ref: '#/components/responses/Wrong'}}}}
  /lost: {get: {operationId: lost, responses: {'200': {$ref: '#/components/responses/Lost'}}}}
  /ring: {get: {operationId: ring, responses: {'200': {$ref: '#/components/responses/Ring'}}}}
components:
  responses:
    Right: {description: ok, content: {text/json: {schema: {$ref: '#/components/schemas/A'}}}}
    Wrong: {description: ok, content: {text/json: {schema: {$ref: '#/components/schemas/B'}}}}
    Lost: {description: ok, content: {text/json: {schema: {$ref: '#/components/schemas/C'}}}}
    Ring: {description: ok, content: {text/json: {schema: {$ref: '#/components/schemas/D'}}}}
  schemas:
    A: {type: object, properties: {a: {$ref: '#/components/schemas/E'}}}
    B: {type: object, properties: {e: {$ref: '#/components/schemas/E'}, b: {type: strin}}}
    C: {type: object, properties: {e: {$ref: '#/components/schemas/E'}, c: {$ref: '#/nowhere'}}}
    D: {allOf: [{$ref: '#/components/schemas/E'}, {$ref: '#/components/schemas/D'}]}
    E: {type: object, required: [e]}
"""


@pytest.mark.parametrize("first", ["right", "wrong", "lost", "ring"])
def test_an_operation_answers_for_what_it_uses(first: str) -> None:
    """One that is wrong does not spoil another, in whatever order they are looked at."""
    description = describe(BROKEN)
    contract = Contract(description)
    messages = {"wrong": "`type` takes", "lost": "there is no `nowhere`", "ring": "is a circle"}
    for name in (first, "right", "wrong", "lost", "ring", first):
        if name in messages:
            with pytest.raises(DocumentError) as refusal:
                contract.prepare([find(description, name)])
            assert messages[name] in str(refusal.value)
            assert (
                sum(line.startswith("api.yaml:") for line in str(refusal.value).splitlines()) == 1
            )
        else:
            contract.prepare([find(description, name)])
    headers = (("Content-Type", "text/json"),)
    found = judge_answer(description, '{"a": {}}', headers=headers, operation_id="right")
    assert told(found) == ["$.a.e: missing"]


def test_what_is_shared_is_checked_once() -> None:
    """A hundred operations on one set of schemas cost little more than one."""
    answers = "{'200': {$ref: '#/R'}}"
    lines = ["paths:"]
    lines += [
        f"  /p{n}: {{get: {{operationId: op{n}, responses: {answers}}}}}" for n in range(100)
    ]
    lines += ["R: {description: ok, content: {text/json: {schema: {$ref: '#/S/s0'}}}}", "S:"]
    lines += [
        f"  s{n}: {{type: object, properties: {{next: {{$ref: '#/S/s{n + 1}'}}}}}}"
        for n in range(2000)
    ]
    lines.append("  s2000: {type: object}\n")
    description = describe("\n".join(lines))
    operations = [find(description, f"op{n}") for n in range(100)]
    started = time.process_time()
    for operation in operations:
        description.extract(operation)
    assert time.process_time() - started < 2
