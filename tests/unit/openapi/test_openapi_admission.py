"""What is let in without openapi-core: never anything that it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from unit.openapi.openapi_kit import JSON, VERSIONS, find

from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.http.exchange import Headers, Request, Response
from pytest_amberflo.openapi.admission import Admission
from pytest_amberflo.openapi.contract import Contract
from pytest_amberflo.openapi.description import Description
from pytest_amberflo.openapi.gate import Gate
from pytest_amberflo.openapi.readable import make_readable

NAMES = st.sampled_from(["a", "b", "x-c"])
TYPES = ("object", "array", "string", "integer", "number", "boolean")
FORMATS = ("int32", "double", "date", "byte", "password", "email", "uri")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**31, 2**40, 1.0, 2.5, -0.0, 1e300])
    | st.sampled_from(["", "a", "b", "abc", "é", "2020-01-01", "x@y", "urn:x", "YQ=="])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
REFERENCES = st.sampled_from(["A", "B"]).map(lambda name: {"$ref": f"#/components/schemas/{name}"})
KEYWORDS = st.one_of(
    st.tuples(st.just("minLength"), st.integers(0, 2)),
    st.tuples(st.just("maxLength"), st.integers(0, 3)),
    st.tuples(st.just("minItems"), st.integers(0, 2)),
    st.tuples(st.just("maxItems"), st.integers(0, 2)),
    st.tuples(st.just("minimum"), st.sampled_from([-1, 0, 1.5])),
    st.tuples(st.just("maximum"), st.sampled_from([0, 2, 2.5])),
    st.tuples(
        st.just("enum"),
        st.lists(
            st.sampled_from(["a", "b", "abc", "", None]), min_size=1, max_size=2, unique=True
        ),
    ),
    st.tuples(st.just("format"), st.sampled_from(FORMATS)),
    st.tuples(st.sampled_from(["nullable", "readOnly", "writeOnly"]), st.booleans()),
    st.tuples(st.just("exclusiveMinimum"), st.booleans() | st.just(0)),
    st.tuples(st.just("pattern"), st.sampled_from(["^a", "b$", r"^\w+$"])),
    st.tuples(st.just("default"), SCALARS),
    st.tuples(st.just("description"), st.just("words")),
)
LIMITS = st.lists(KEYWORDS, max_size=2).map(dict)


def with_type(limits: dict[str, Any], kind: str | None) -> dict[str, Any]:
    """A schema of a type, and of some limits that need not be for it."""
    return limits if kind is None else {"type": kind, **limits}


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas that are made of others."""
    members = st.dictionaries(NAMES, inner, max_size=3)
    objects = st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("object"),
            "properties": members,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
        },
    )
    lists = inner.map(lambda items: {"type": "array", "items": items})
    forms = st.sampled_from(["allOf", "anyOf", "oneOf"])
    several = st.tuples(forms, st.lists(inner, min_size=1, max_size=3)).map(
        lambda pair: {pair[0]: pair[1]}
    )
    return objects | lists | several | inner.map(lambda schema: {"not": schema})


LEAVES = st.builds(with_type, LIMITS, st.sampled_from([*TYPES, None])) | REFERENCES
SCHEMAS = st.recursive(LEAVES, nest, max_leaves=5)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["a", "b", "abc", ""]),
    "integer": st.integers(-1, 3),
    "number": st.sampled_from([0, 1, 2.5, -0.5]),
    "boolean": st.booleans(),
    "array": st.lists(SCALARS, max_size=2),
}


@st.composite
def values_for(draw: st.DrawFn, schema: Any) -> Any:
    """Values that a schema mostly accepts, and any other now and then."""
    if not isinstance(schema, dict) or draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    for keyword in ("allOf", "anyOf", "oneOf"):
        if schema.get(keyword):
            return draw(values_for(draw(st.sampled_from(schema[keyword]))))
    if "properties" in schema or schema.get("type") == "object" or "$ref" in schema:
        members = schema.get("properties", {"a": {"type": "string"}})
        return {name: draw(values_for(member)) for name, member in members.items()}
    if schema.get("type") == "array" and "items" in schema:
        return [draw(values_for(schema["items"])) for _ in range(draw(st.integers(0, 2)))]
    if schema.get("enum") and draw(st.booleans()):
        return draw(st.sampled_from(schema["enum"]))
    return draw(OF_TYPE.get(schema.get("type", ""), VALUES))


BODIES = SCHEMAS.flatmap(lambda schema: st.tuples(st.just(schema), values_for(schema)))
PARAMETERS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "X-B", "c"]),
            "in": st.sampled_from(["header", "query", "cookie"]),
            "schema": LEAVES,
        },
        optional={
            "required": st.booleans(),
            "explode": st.booleans(),
            "allowEmptyValue": st.booleans(),
        },
    ),
    max_size=2,
    unique_by=lambda parameter: (parameter["name"], parameter["in"]),
)
TEXTS = st.sampled_from(["", "1", "a", "2.5", "true", "a,b", "null", "%20", " a "])
HEADERS = st.lists(
    st.tuples(st.sampled_from(["X-API-KEY", "X-B", "a", "Cookie"]), TEXTS)
    | st.just(("Cookie", "c=1; a=b"))
    | st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain"]).map(
        lambda kind: ("Content-Type", kind)
    ),
    max_size=4,
).map(lambda found: (("Content-Type", "application/json"), *found))
SECURITY: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], [{}], [{"Key": []}], [{"Key": []}, {}], [{"Other": []}], [{"Query": []}]]
)
STATUSES = st.sampled_from([200, 204, 299, 404, 500])


def build(
    version: str, schema: Any, parameters: list[Any], security: Any, statuses: Any
) -> Description:
    """A description whose operation `send` takes and answers JSON of a schema."""
    content = {"application/json": {"schema": schema}}
    operation = {
        "operationId": "send",
        "parameters": parameters,
        "requestBody": {"content": content, "required": len(parameters) != 1},
        "responses": {
            key: {"description": "", "content": content, "headers": headers}
            for key, headers in statuses.items()
        },
    }
    if security is not None:
        operation["security"] = security
    schemes = {
        "Key": {"type": "apiKey", "in": "header", "name": "X-API-KEY"},
        "Query": {"type": "apiKey", "in": "query", "name": "a"},
        "Other": {"type": "http", "scheme": "bearer"},
    }
    leaf = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/B"}}}
    data = {
        "openapi": version,
        "info": {"title": "", "version": "1"},
        "paths": {"/": {"post": operation}},
        "components": {
            "schemas": {"A": leaf, "B": {"type": "string", "maxLength": 2}},
            "securitySchemes": schemes,
        },
    }
    return Description(
        parse_source(json.dumps(data), name="a", uri="file:///a.json", is_json=True)
    )


def admission_of(description: Description) -> Admission:
    """What lets messages of `send` in."""
    operation = find(description, "send")
    readable = make_readable(description.extract(operation), description.minor)
    return Admission(operation, readable, description.minor)


RESPONSES = st.dictionaries(
    st.sampled_from(["200", "2XX", "404", "default"]),
    st.sampled_from(
        [
            {},
            {"X-B": {"schema": {"type": "string"}}},
            {"X-B": {"schema": {"type": "integer"}, "required": True}},
        ]
    ),
    min_size=1,
)


def check(description: Description, *exchanges: tuple[Request, Response]) -> None:
    """Hold what is let in against openapi-core, one after the other."""
    contract, operation = Contract(description), find(description, "send")
    admission = admission_of(description)
    for request, response in exchanges:
        if admission.admits_request(request, {}):
            event("request let in")
            assert contract.check_request(operation, request, {}) == ()
        if admission.admits_response(response):
            event("response let in")
            assert contract.check_response(operation, request, response) == ()


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(VERSIONS),
    BODIES,
    PARAMETERS,
    st.tuples(HEADERS, st.sampled_from(["", "?a=1", "?a=&c=2", "?c=a&c=b"])),
    SECURITY,
    RESPONSES,
    STATUSES,
)
def test_nothing_is_let_in_that_openapi_core_refuses(
    version: str,
    exchanged: tuple[Any, Any],
    parameters: list[Any],
    sent: tuple[Headers, str],
    security: Any,
    responses: Any,
    status: int,
) -> None:
    """Schemas, values, headers, parameters, credentials and statuses of every kind."""
    description = build(version, exchanged[0], parameters, security, responses)
    body, (headers, query) = json.dumps(exchanged[1]).encode(), sent
    request = Request(method="POST", url=f"http://h/{query}", headers=headers, body=body)
    check(description, (request, Response(status=status, headers=headers, body=body)))


PLAIN = (("Content-Type", "text/plain"),)
#: The headers that responses are described with.
KEPT: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {}, {"X-B": {"schema": {"type": "string"}}}, {"X-B": {"schema": {"type": "integer"}}}]
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(VERSIONS),
    st.dictionaries(st.sampled_from(["200", "4XX", "default"]), KEPT, min_size=1),
    st.lists(
        st.tuples(
            st.sampled_from([JSON, JSON, (*JSON, ("X-B", "x")), (("X-B", "x"),), PLAIN]),
            st.sampled_from([200, 200, 404, 500]),
            st.sampled_from([b'{"a": "b"}', b'{"a": 7}', b"", b"{"]),
        ),
        min_size=2,
        max_size=6,
    ),
)
def test_what_was_let_in_before_lets_nothing_wrong_in(
    version: str, responses: Any, messages: list[tuple[Headers, int, bytes]]
) -> None:
    """Messages one after the other: what is kept of one judges only such as it."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    exchanges = [
        (
            Request(method="POST", url="http://h/", headers=headers, body=body),
            Response(status=status, headers=headers, body=body),
        )
        for headers, status, body in messages
    ]
    check(build(version, schema, [], [], responses), *exchanges)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(VERSIONS), BODIES)
def test_a_body_alone_is_judged_alike(version: str, exchanged: tuple[Any, Any]) -> None:
    """With nothing else to refuse, more is let in, and the verdict is the contract's."""
    description = build(version, exchanged[0], [], [], {"200": {}})
    body = json.dumps(exchanged[1]).encode()
    request = Request(method="POST", url="http://h/", headers=JSON, body=body)
    check(description, (request, Response(status=200, headers=JSON, body=body)))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"a": ""},
        ),
        ({"oneOf": [{"type": "object"}, {"type": "array", "items": {}}]}, [1]),
        ({"type": "integer", "format": "int64", "minimum": 1}, 5),
        ({"type": "string", "enum": ["SUM", "MAX"]}, "MAX"),
        ({"$ref": "#/components/schemas/A"}, {"a": "xy", "b": None}),
        ({"type": "string", "pattern": r"^\d+ records$"}, "4 records"),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_common_is_let_in(version: str, schema: Any, value: Any) -> None:
    """Else nothing would be saved."""
    admission = admission_of(build(version, schema, [], [], {"200": {}}))
    body = json.dumps(value).encode()
    request = Request(method="POST", url="http://h/", headers=JSON, body=body)
    assert admission.admits_request(request, {})
    assert admission.admits_response(Response(status=200, headers=JSON, body=body))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "pattern": "^[0-9]+$"}, "4 records"),
        ({"type": "string", "pattern": "(a|a)*$"}, "a" * 60 + "b"),
        ({"type": "string", "enum": ["SUM", None]}, "sum"),
        ({"enum": ["SUM"]}, None),
        ({"oneOf": [{"type": "object"}, {"type": "object", "properties": {}}]}, {}),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_wrong_or_costly_is_not(
    monkeypatch: pytest.MonkeyPatch, version: str, schema: Any, value: Any
) -> None:
    """The contract has the last word on it."""
    monkeypatch.setattr("pytest_amberflo.arazzo.regex._LIMIT_S", 0.05)
    admission = admission_of(build(version, schema, [], [], {"200": {}}))
    body = json.dumps(value).encode()
    assert not admission.admits_response(Response(status=200, headers=JSON, body=body))


def test_an_exact_gate_asks_openapi_core_about_everything() -> None:
    """The switch turns the shortcut off."""
    description = build("3.0.3", {"type": "string"}, [], [], {"200": {}})
    operation = find(description, "send")
    request = Request(method="POST", url="http://h/", headers=JSON, body=b'"a"')
    fast, exact = Gate(description), Gate(description, is_exact=True)
    assert fast.check_request(operation, request, {}) == ()
    assert exact.check_request(operation, request, {}) == ()
    assert (fast.has_asked, exact.has_asked) == (False, True)
