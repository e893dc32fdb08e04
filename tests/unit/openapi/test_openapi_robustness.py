"""Whatever a description holds and a service sends, there is a verdict or a DocumentError."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.openapi.openapi_kit import describe

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.http.exchange import Request, Response
from pytest_amberflo.openapi.contract import Contract
from pytest_amberflo.openapi.description import Description
from pytest_amberflo.openapi.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

API = """\
security: [{Key: []}, {}]
paths:
  /parcels/{id}:
    parameters: [{$ref: '#/components/parameters/Id'}]
    post:
      operationId: send
      parameters:
        - {name: q, in: query, style: deepObject, explode: true, schema: {type: object}}
        - {name: X-A, in: header, schema: {type: array, items: {type: integer}}}
        - {name: c, in: cookie, content: {application/json: {schema: {type: integer}}}}
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Pet'}}
          multipart/form-data: {schema: {$ref: '#/components/schemas/Cat'}}
      responses:
        '200':
          description: ok
          headers: {X-Count: {required: true, schema: {type: integer, minimum: 1}}}
          content:
            application/json: {schema: {$ref: '#/components/schemas/Pet'}}
            text/*: {schema: {type: string, pattern: '^a', maxLength: 3}}
            application/xml: {schema: {}}
            application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Cat'}}
            multipart/form-data: {schema: {$ref: '#/components/schemas/Cat'}}
        default: {description: no, content: {'*/*': {}}}
components:
  securitySchemes: {Key: {type: apiKey, in: header, name: X-Key}}
  parameters: {Id: {name: id, in: path, required: true, schema: {type: integer}}}
  schemas:
    Pet:
      oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]
      discriminator: {propertyName: kind, mapping: {cat: '#/components/schemas/Cat'}}
    Cat:
      type: object
      required: [kind]
      properties: {kind: {type: string}, tags: {type: array, uniqueItems: true, items: {}}}
      additionalProperties: {type: number, multipleOf: 0.1, format: int32}
    Dog: {allOf: [{$ref: '#/components/schemas/Cat'}, {not: {required: [lives]}}]}
"""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "a", "object", "$ref", "header", "#/components/schemas/Cat", "#/x", "("]
    )
)
ODD = (
    SCALARS
    | st.lists(SCALARS, max_size=2)
    | st.dictionaries(
        st.sampled_from(["$ref", "type", "schema", "allOf", "name", "in", "x"]),
        SCALARS,
        max_size=2,
    )
)


def list_places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield at
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, member in pairs:
        yield from list_places(member, (*at, name))


WHOLE = {version: describe(API, version=version).source.data for version in ("3.0.3", "3.1.0")}
PLACES = [place for place in list_places(WHOLE["3.1.0"]) if place]
BODIES = [
    b'{"kind": "cat", "tags": [1, 1], "n": 1.05}',
    b'{"kind": "Dog", "lives": 1}',
    b"[[[]]]",
    b"\xff",
    b"",
]
TYPES = ["application/json", "text/plain; charset=x", "multipart/form-data; boundary=a", "a/b", ""]


def judge_everything(description: Description, media_type: str, body: bytes) -> None:
    """Check the description and, where it is right, a request and a response."""
    contract = Contract(description)
    contract.prepare()
    operation = description.find("send")
    if operation is None:
        return
    headers = (("Content-Type", media_type), ("X-A", "1,x"), ("Cookie", "c=%7B"), ("X-Count", "0"))
    request = Request(method="POST", url="http://h/?q[a]=1&q=2", headers=headers, body=body)
    response = Response(status=200, headers=headers, body=body)
    gate = Gate(description)
    sent = contract.check_request(operation, request, {"id": "x"})
    assert gate.check_request(operation, request, {"id": "x"}) == sent
    came = contract.check_response(operation, request, response)
    assert gate.check_response(operation, request, response) == came


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=3),
    st.sampled_from(TYPES),
    st.sampled_from(BODIES),
)
def test_no_description_can_break_the_check(
    version: str, changes: list[tuple[tuple[Any, ...], Any]], media_type: str, body: bytes
) -> None:
    """A description with anything anywhere is refused, or judged by as far as it goes."""
    data = copy.deepcopy(WHOLE[version])
    for place, value in changes:
        inner = data
        with suppress(LookupError, TypeError):
            for token in place[:-1]:
                inner = inner[token]
            inner[place[-1]] = value
    with suppress(DocumentError):
        source = parse_source(json.dumps(data), name="a", uri="file:///a.json", is_json=True)
        judge_everything(Description(source), media_type, body)


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(
        st.tuples(
            st.sampled_from(["Content-Type", "X-Count", "X-A", "Cookie", "X-Key"]),
            st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20)
            | st.sampled_from(TYPES),
        ),
        max_size=4,
    ),
    st.binary(max_size=40) | st.sampled_from(BODIES),
    st.integers(100, 599),
    st.text(max_size=20),
)
def test_no_message_can_break_the_check(
    version: str, headers: list[tuple[str, str]], body: bytes, status: int, query: str
) -> None:
    """Any bytes under any headers have a verdict."""
    description = describe(API, version=version)
    contract, operation = Contract(description), description.find("send")
    assert operation is not None
    request = Request(method="POST", url=f"http://h/?{query}", headers=tuple(headers), body=body)
    contract.check_request(operation, request, {"id": query})
    response = Response(status=status, headers=tuple(headers), body=body)
    assert contract.check_response(operation, request, response) is not None
