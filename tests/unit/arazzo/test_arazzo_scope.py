"""Values that expressions refer to: inputs, outputs, requests and responses."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.grammar import parse_expression
from pytest_amberflo.arazzo.scope import (
    ABSENT,
    Scope,
    SentRequest,
    describe_type,
    evaluate,
    receive,
)
from pytest_amberflo.http.exchange import Request, Response

JSON = ("Content-Type", "application/json")
SCOPE = Scope(
    inputs={"name": "Ada", "parcel": {"to": ["a", "b"]}, "null": None, "dotted.name": 1},
    declared_inputs=frozenset({"name", "parcel", "null", "dotted.name", "absent"}),
    steps={"send": {"id": 7, "it": {"list": [{"id": 1}]}}, "quiet": {}},
    step_ids=frozenset({"send", "quiet", "track"}),
    outputs={"last": [1, 2]},
    workflows={"other": {"inputs": {"a": 1}, "outputs": {"b": {"c": 2}}}},
    sources={"parcels": {"name": "parcels", "url": "parcels.yaml", "type": "openapi"}},
    request=SentRequest(
        request=Request(
            method="POST",
            url="http://127.0.0.1:1/parcels/7?page=2&page=3",
            headers=(JSON, ("X-Key", "one"), ("x-key", "two")),
            body=b'{"to": "a"}',
        ),
        payload={"to": "a", "n": [1]},
        path={"parcelId": 7},
        query={"page": [2, 3], "a b": "x"},
    ),
    response=receive(
        Response(status=201, headers=(JSON, ("ETag", '"1"')), body=b'{"id": 7, "list": []}')
    ),
    self_uri="https://example.com/doc",
)


def value_of(text: str, scope: Scope = SCOPE) -> Any:
    """The value of an expression."""
    return evaluate(parse_expression(text), scope)


def refuse(text: str, scope: Scope = SCOPE) -> str:
    """What is said of an expression that has no value."""
    with pytest.raises(EvaluationError) as error:
        value_of(text, scope)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$url", "http://127.0.0.1:1/parcels/7?page=2&page=3"),
        ("$method", "POST"),
        ("$statusCode", 201),
        ("$self", "https://example.com/doc"),
        ("$request.header.Content-Type", "application/json"),
        ("$request.header.X-KEY", "one, two"),
        ("$request.query.page", [2, 3]),
        ("$request.query.a b", "x"),
        ("$request.path.parcelId", 7),
        ("$request.body", {"to": "a", "n": [1]}),
        ("$request.body#/n/0", 1),
        ("$response.header.etag", '"1"'),
        ("$response.body", {"id": 7, "list": []}),
        ("$response.body#", {"id": 7, "list": []}),
        ("$response.body#/id", 7),
        ("$response.body#/list", []),
        ("$inputs.name", "Ada"),
        ("$inputs.null", None),
        ("$inputs.dotted.name", 1),
        ("$inputs.parcel#/to/1", "b"),
        ("$inputs.absent", ABSENT),
        ("$inputs.absent#/deep/er", ABSENT),
        ("$steps.send.outputs.id", 7),
        ("$steps.send.outputs.it#/list/0/id", 1),
        ("$outputs.last", [1, 2]),
        ("$outputs.last#/1", 2),
        ("$workflows.other.inputs.a", 1),
        ("$workflows.other.outputs.b#/c", 2),
        ("$sourceDescriptions.parcels.url", "parcels.yaml"),
        ("$sourceDescriptions.parcels.type", "openapi"),
    ],
)
def test_every_source_has_its_value(text: str, value: object) -> None:
    """Each kind of expression refers to its own part of the scope, types preserved."""
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "$inputs.nmae",
            "`$inputs.nmae`: there is no input `nmae`; did you mean `name`?",
        ),
        (
            "$steps.sned.outputs.id",
            "`$steps.sned.outputs.id`: there is no step `sned`; did you mean `send`?",
        ),
        ("$steps.track.outputs.id", "`$steps.track.outputs.id`: step `track` has not run"),
        (
            "$steps.send.outputs.ID",
            "`$steps.send.outputs.ID`: there is no output `ID`; did you mean `id`?",
        ),
        (
            "$steps.send.outputs.weight",
            "`$steps.send.outputs.weight`: there is no output `weight`; there is `id`, `it`",
        ),
        (
            "$steps.quiet.outputs.id",
            "`$steps.quiet.outputs.id`: there is no output `id`",
        ),
        (
            "$outputs.lats",
            "`$outputs.lats`: there is no output `lats`; did you mean `last`?",
        ),
        (
            "$workflows.othr.inputs.a",
            "`$workflows.othr.inputs.a`: there is no workflow `othr`; did you mean `other`?",
        ),
        (
            "$workflows.other.inputs.z",
            "`$workflows.other.inputs.z`: there is no input `z`; there is `a`",
        ),
        (
            "$sourceDescriptions.parcel.url",
            "`$sourceDescriptions.parcel.url`: there is no source description `parcel`; "
            "did you mean `parcels`?",
        ),
        (
            "$sourceDescriptions.parcels.uri",
            "`$sourceDescriptions.parcels.uri`: there is no field `uri`; did you mean `url`?",
        ),
        (
            "$request.query.pag",
            "`$request.query.pag`: there is no query parameter `pag`; did you mean `page`?",
        ),
        (
            "$request.path.id",
            "`$request.path.id`: there is no path parameter `id`; there is `parcelId`",
        ),
        (
            "$request.header.X-Keys",
            "`$request.header.X-Keys`: there is no header `X-Keys`; did you mean `X-Key`?",
        ),
        (
            "$response.header.Location",
            "`$response.header.Location`: there is no header `Location`; "
            "there is `Content-Type`, `ETag`",
        ),
        (
            "$response.body#/idd",
            "`$response.body#/idd`: the value has no member `idd`; did you mean `id`?",
        ),
        (
            "$steps.send.outputs.it#/list/0/no",
            "`$steps.send.outputs.it#/list/0/no`: #/list/0 has no member `no`; there is `id`",
        ),
        (
            "$response.body#/list/0",
            "`$response.body#/list/0`: #/list has 0 elements and none at `0`",
        ),
        (
            "$response.body#/id/x",
            "`$response.body#/id/x`: #/id is an integer and has no member `x`",
        ),
        ("$response.query.a", "`$response.query.a`: a response has no query"),
        ("$response.path.a", "`$response.path.a`: a response has no path"),
        ("$response.payload", "`$response.payload`: a response has no payload"),
        ("$request.payload", "`$request.payload`: only AsyncAPI steps have messages"),
        ("$message.body", "`$message.body`: only AsyncAPI steps have messages"),
        (
            "$components.parameters.page",
            "`$components.parameters.page`: a component is referred to, it has no value",
        ),
    ],
)
def test_what_is_not_there_is_named_with_what_is(text: str, message: str) -> None:
    """The message has the nearest name, or else every name that would have been right."""
    assert refuse(text) == message


def test_names_of_inputs_are_listed_in_order() -> None:
    """A report is the same in every run."""
    scope = Scope(inputs={}, declared_inputs=frozenset(f"x{number}" for number in range(10)))
    listed = ", ".join(f"`x{number}`" for number in range(10))
    assert refuse("$inputs.quite-different", scope).endswith(f"there is {listed}")


@pytest.mark.parametrize(
    "text",
    [
        "$url",
        "$method",
        "$request.header.a",
        "$request.query.a",
        "$request.path.a",
        "$request.body",
    ],
)
def test_before_a_request_its_parts_have_no_value(text: str) -> None:
    """Expressions about the request are errors as long as there is none."""
    assert refuse(text, replace(SCOPE, request=None)) == f"`{text}`: there is no request"


@pytest.mark.parametrize("text", ["$statusCode", "$response.header.a", "$response.body"])
def test_before_a_response_its_parts_have_no_value(text: str) -> None:
    """Expressions about the response are errors as long as there is none."""
    assert refuse(text, replace(SCOPE, response=None)) == f"`{text}`: there is no response"


def test_a_document_without_self_has_no_uri() -> None:
    """`$self` is what the document says of itself."""
    assert refuse("$self", replace(SCOPE, self_uri=None)) == "`$self`: the document has no `$self`"


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("APPLICATION/JSON; charset=utf-8", b"[1]", [1]),
        ("application/problem+json", b"{}", {}),
        ("application/vnd.api+json", b"null", None),
        ("text/json", b'"x"', "x"),
        (None, b'{"a": 1}', {"a": 1}),
        (None, b"plain text", "plain text"),
        (None, b"", None),
        ("application/json", b"", None),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("text/plain", "é".encode(), "é"),
        ("text/plain", b"", None),
        ("application/xml", b"<a>1</a>", "<a>1</a>"),
        ("application/jsonlines", b"1", "1"),
        ("application/octet-stream", b"\x00\xff", b"\x00\xff"),
    ],
)
def test_a_body_is_parsed_by_its_media_type(
    content_type: str | None, body: bytes, value: object
) -> None:
    """JSON types are parsed, other text stays text, what is no text stays bytes."""
    headers = (("content-type", content_type),) if content_type is not None else ()
    received = receive(Response(status=200, headers=headers, body=body))
    assert received.body == value
    assert received.body_error is None


@pytest.mark.parametrize(
    ("body", "value", "error"),
    [
        (b"{", "{", "Expecting property name enclosed in double quotes at character 2"),
        (b"NaN", "NaN", "`NaN` is no JSON number"),
        (b"[-Infinity]", "[-Infinity]", "`-Infinity` is no JSON number"),
        (b"\xff", b"\xff", "byte 0xff at 0 is no UTF-8"),
        (b"[" * 100_000, "[" * 100_000, "nested more than 200 levels deep"),
    ],
    ids=["syntax", "nan", "infinity", "bytes", "depth"],
)
def test_a_body_that_only_claims_to_be_json_stays_text(
    body: bytes, value: object, error: str
) -> None:
    """Bad JSON is kept as it came, with the reason; it never stops the run."""
    received = receive(Response(status=200, headers=(JSON,), body=body))
    assert (received.body, received.body_error) == (value, error)


@pytest.mark.parametrize("body", [b"9" * 5000, b"[1e400]", b'"\\ud800"'])
def test_json_that_cannot_be_sent_again_is_bad_json(body: bytes) -> None:
    """Endless numbers and half characters of a response do not reach the next request."""
    assert receive(Response(status=200, headers=(JSON,), body=body)).body_error is not None


def test_a_pointer_into_text_says_why_it_is_no_json() -> None:
    """Text has no members; where it was to be JSON the reason is told."""
    text = Response(status=200, headers=(("Content-Type", "text/plain"),), body=b"hello")
    bad = Response(status=200, headers=(JSON,), body=b"{")
    assert refuse("$response.body#/a", replace(SCOPE, response=receive(text))) == (
        "`$response.body#/a`: the body is no JSON: it is text"
    )
    assert refuse("$response.body#/a", replace(SCOPE, response=receive(bad))) == (
        "`$response.body#/a`: the body is no JSON: "
        "Expecting property name enclosed in double quotes at character 2"
    )
    assert value_of("$response.body", replace(SCOPE, response=receive(text))) == "hello"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "an integer"),
        (1.5, "a number"),
        ("", "a string"),
        ({}, "an object"),
        ([], "an array"),
        (b"", "binary data"),
    ],
)
def test_values_are_called_by_their_json_type(value: object, name: str) -> None:
    """Reports speak of JSON types, with an article."""
    assert describe_type(value) == name
