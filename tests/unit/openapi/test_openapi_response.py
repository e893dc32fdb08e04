"""Responses against their description: status, content type, headers, body."""

from __future__ import annotations

import warnings

import pytest
from unit.openapi.openapi_kit import (
    JSON,
    VERSIONS,
    answer_with,
    bounded_stack,
    describe,
    judge_answer,
    told,
)

API = """\
paths:
  /parcel:
    get:
      operationId: get
      responses:
        '200':
          description: ok
          headers:
            X-Count: {required: true, schema: {type: integer, minimum: 1}}
            X-Note: {schema: {type: string, maxLength: 3}}
          content:
            application/json: {schema: {$ref: '#/components/schemas/Parcel'}}
        '204': {description: nothing}
        '206': {description: anything, content: {application/json: {}}}
        2XX: {description: text, content: {text/plain: {schema: {type: string, maxLength: 3}}}}
        default:
          description: problem
          content: {application/json: {schema: {type: object, required: [title]}}}
    head:
      operationId: strict
      responses: {'200': {description: ok}, '404': {description: not there}}
components:
  schemas:
    Parcel: {type: object, required: [id], properties: {id: {type: integer}, more: {}}}
"""
COUNT = ("X-Count", "1")
RIGHT = (*JSON, COUNT)
TEXT = (("Content-Type", "text/plain"),)


def judge(
    status: int, headers: tuple[tuple[str, str], ...], body: str | bytes, version: str = "3.1.0"
) -> list[str]:
    """Part and rule of every violation of a response."""
    return told(judge_answer(describe(API, version=version), body, status=status, headers=headers))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_right_response_has_no_violations(version: str) -> None:
    """Every part keeps its rules, in each version of OpenAPI."""
    assert judge(200, RIGHT, '{"id": 1}', version) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_violation_of_a_response_is_listed(version: str) -> None:
    """Body and headers are both checked."""
    found = judge(200, (*JSON, ("X-Count", "x"), ("X-Note", "long")), '{"id": "1"}', version)
    assert sorted(found) == [
        '$.id: "1" is a string, an integer is due',
        'header X-Count: "x" is a string, an integer is due',
        "header X-Note: 'long' is too long (maxLength: 3)",
    ]


@pytest.mark.parametrize(
    ("headers", "violations"),
    [
        ((*JSON, ("x-count", "2")), []),
        (JSON, ["header X-Count: missing"]),
        (
            (*JSON, ("X-Count", "0")),
            ["header X-Count: 0 is less than the minimum of 1 (minimum: 1)"],
        ),
        ((("content-type", "application/json; charset=utf-8"), COUNT), []),
        ((("Content-Type", "APPLICATION/JSON"), COUNT), []),
        (
            (("Content-Type", "text/html"), COUNT),
            ["header Content-Type: text/html; application/json is due"],
        ),
        ((COUNT,), ["header Content-Type: no content type; application/json is due"]),
    ],
)
def test_headers_of_a_response_are_checked(
    headers: tuple[tuple[str, str], ...], violations: list[str]
) -> None:
    """Names ignore case, the content type its parameters; an unwanted type is named."""
    assert judge(200, headers, '{"id": 1}') == violations


@pytest.mark.parametrize(
    ("status", "headers", "body", "violations"),
    [
        (201, TEXT, "abc", []),
        (299, TEXT, "abcd", ["$: 'abcd' is too long (maxLength: 3)"]),
        (201, JSON, "{}", ["header Content-Type: application/json; text/plain is due"]),
        (404, JSON, '{"title": "x"}', []),
        (404, JSON, "{}", ["$.title: missing"]),
        (500, JSON, "[]", ["$: [] is an array, an object is due"]),
        (302, TEXT, "x", ["header Content-Type: text/plain; application/json is due"]),
        (204, (), "", []),
        (206, JSON, "[1]", []),
    ],
)
def test_ranges_and_the_default_apply_where_no_status_does(
    status: int, headers: tuple[tuple[str, str], ...], body: str, violations: list[str]
) -> None:
    """The exact status comes first, then its range, then the default."""
    assert judge(status, headers, body) == violations


def test_a_status_that_is_not_documented_is_a_violation() -> None:
    """The rule names the statuses that the operation has, and where they stand."""
    (violation,) = judge_answer(describe(API), status=500, headers=(), operation_id="strict")
    assert violation.check == "status"
    assert violation.path == "status"
    assert violation.rule == "500 is not documented for strict (it has 200, 404)"
    assert violation.origin == "api.yaml:23"


@pytest.mark.parametrize(
    ("status", "headers", "body", "rule"),
    [
        (200, RIGHT, "", "body: missing"),
        (206, JSON, "", "body: missing"),
        (200, RIGHT, "{", "$: the body is no JSON: "),
        (200, RIGHT, "NaN", "$: the body is no JSON: `NaN` is no JSON number"),
        (200, RIGHT, '{"id": NaN}', "$: the body is no JSON: `NaN` is no JSON number"),
        (200, RIGHT, '{"id": 1} x', "$: the body is no JSON: Extra data"),
        (200, RIGHT, b'{"id": 1, "more": "\xff"}', "$: the body is no JSON: byte 0xff at 19"),
        (200, RIGHT, "[" * 100_000, "$: the body is no JSON: nested more than 200 levels deep"),
    ],
    ids=["empty", "empty any", "syntax", "nan", "inner nan", "trailing", "bytes", "depth"],
)
def test_a_body_that_is_not_there_or_no_json_is_one_violation(
    status: int, headers: tuple[tuple[str, str], ...], body: str | bytes, rule: str
) -> None:
    """What cannot be read is not held against a schema as well."""
    (found,) = judge(status, headers, body)
    assert found.startswith(rule)


def test_what_is_not_described_is_not_checked() -> None:
    """A response without content says nothing about a body."""
    description = describe(
        "paths: {/parcel: {get: {operationId: get, responses: {'200': {description: ok}}}}}\n"
    )
    for headers, body in ((JSON, '{"any": "thing"}'), (TEXT, "text"), ((), "")):
        assert judge_answer(description, body, headers=headers) == []


def test_a_status_that_has_no_body_must_not_have_one() -> None:
    """HTTP says so, whatever the description does."""
    assert judge(204, TEXT, "text") == ["body: 4 bytes; a response with 204 has none"]
    assert judge(204, (), "") == []


def test_each_violation_belongs_to_a_check() -> None:
    """Checks can be turned down one by one, so each violation says which it is of."""
    description = describe(API)
    headers = (("Content-Type", "text/html"), COUNT)
    found = judge_answer(description, "<p>", headers=headers)
    assert {violation.check for violation in found} == {"content-type"}
    found = judge_answer(description, "{}", headers=JSON)
    assert {(violation.check, violation.path) for violation in found} == {
        ("response-schema", "$.id"),
        ("response-schema", "header X-Count"),
    }


@pytest.mark.parametrize(
    "media_type", ["application/problem+json", "application/vnd.parcels+json"]
)
def test_json_of_a_suffix_type_is_read(media_type: str) -> None:
    """A type that ends in `+json` is JSON, and is held against its schema as JSON."""
    description = describe(
        "paths: {/parcel: {get: {operationId: get, responses: {default: {description: no, "
        f"content: {{{media_type}: {{schema: {{type: object, required: [title]}}}}}}}}}}}}}}}}\n"
    )
    headers = (("Content-Type", media_type),)
    right = judge_answer(description, '{"title": "x"}', status=404, headers=headers)
    wrong = judge_answer(description, "{}", status=404, headers=headers)
    assert (told(right), told(wrong)) == ([], ["$.title: missing"])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(RIGHT, b'{"id": ' + b"9" * 5000 + b"}", id="digits"),
        pytest.param(RIGHT, b'{"id": 1, "more": ' + b"[" * 700 + b"]" * 700 + b"}", id="depth"),
        pytest.param(RIGHT, b'{"id": 1, "more": "\\ud800"}', id="half a pair"),
        pytest.param(RIGHT, b'{"id": 1, "more": 1e400}', id="infinity"),
        pytest.param(
            (("Content-Type", "application/json; charset=nonsense"), COUNT),
            b'{"id": 1}',
            id="charset",
        ),
        pytest.param((("Content-Type", "no type at all"), COUNT), b'{"id": 1}', id="content type"),
    ],
)
def test_no_answer_can_break_the_check(headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    """Whatever a service sends, there is a verdict on it."""
    judge(200, headers, body)


def test_a_charset_that_is_none_is_no_crash() -> None:
    """A text of an unknown charset is somebody's mistake, and a violation at most."""
    judge(201, (("Content-Type", "text/plain; charset=nonsense"),), b"abc")


def test_a_deep_body_of_a_recursive_schema_is_no_crash() -> None:
    """A body that nests as its schema allows is judged or refused."""
    tree = "#/components/schemas/Tree"
    description = answer_with(
        f"{{$ref: '{tree}'}}",
        rest=f"components: {{schemas: {{Tree: {{type: array, items: {{$ref: '{tree}'}}}}}}}}\n",
    )
    with bounded_stack():
        judge_answer(description, "[" * 400 + "]" * 400)


@pytest.mark.parametrize("schema", ["true", "false"])
def test_a_schema_may_be_a_boolean(schema: str) -> None:
    """From 3.1 on `true` and `false` are schemas: everything, and nothing."""
    assert bool(judge_answer(answer_with(schema), "1")) == (schema == "false")


def test_warnings_as_errors_do_not_break_the_check() -> None:
    """What the library thinks of a description is no news to whoever runs a test."""
    description = describe(
        "paths: {/parcel: {get: {operationId: get, deprecated: true, responses: {'200': "
        "{description: ok, headers: {X-Old: {deprecated: true, schema: {type: integer}}}, "
        "content: {application/json: {schema: {type: object, deprecated: true}}}}}}}}\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        headers = (*JSON, ("X-Old", "x"))
        assert told(judge_answer(description, "{}", headers=headers)) == [
            'header X-Old: "x" is a string, an integer is due'
        ]
