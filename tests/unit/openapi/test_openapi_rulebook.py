"""Descriptions against OpenAPI's own rules; and that checking them opens nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from unit.openapi.openapi_kit import (
    VERSIONS,
    answer_with,
    bounded_stack,
    describe,
    judge_answer,
    listening,
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
