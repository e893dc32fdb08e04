"""Bodies that are no JSON: forms, multipart, XML, text and binary data."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import pytest
from unit.arazzo.arazzo_kit import bind, write_workflow

from pytest_amberflo.arazzo.plan import PlanError, plan_request
from pytest_amberflo.arazzo.scope import Scope
from pytest_amberflo.http.exchange import Request, find_header

API = """\
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
paths:
  /take:
    post:
      operationId: take
      requestBody:
        content:
          multipart/form-data:
            schema:
              type: object
              properties:
                file: {type: string, format: binary}
                page: {type: string, contentMediaType: text/html}
                files: {type: array, items: {type: string, format: binary}}
      responses: {'204': {description: ok}}
"""

INPUTS: dict[str, Any] = {
    "text": "a&b=c d",
    "quote": 'say "hi"\n',
    "list": [1, "x y"],
    "object": {"k": [1]},
    "raw": b"\x00\xff",
    "half": "\ud800",
}
FORM = "application/x-www-form-urlencoded"


def make(body: str) -> Request:
    """The request of a step with this `requestBody`."""
    text = f"- stepId: one\n  operationId: take\n  requestBody: {body}\n"
    bound = bind(write_workflow(text), API)
    workflow = bound.document.workflows[0]
    step = workflow.steps[0]
    operation = bound.target_of(workflow, step).operation
    scope = Scope(inputs=INPUTS, declared_inputs=frozenset({*INPUTS, "absent"}))
    return plan_request(step, operation, (), scope, "http://h").sent.request


@pytest.mark.parametrize(
    ("payload", "fields"),
    [
        ("{a: $inputs.text, b: 1, c: true, d: null}", "a=a%26b%3Dc+d&b=1&c=true&d="),
        ("{a: $inputs.list}", "a=1&a=x+y"),
        ("{a: $inputs.object}", "a=%7B%22k%22%3A%5B1%5D%7D"),
        ("{a: $inputs.absent, b: 1}", "b=1"),
        ("'a={$inputs.text}&b=1'", "a=a%26b%3Dc+d&b=1"),
        ("a=1&b=%20", "a=1&b=%20"),
    ],
)
def test_forms(payload: str, fields: str) -> None:
    """An array is a field for each element; a value in a text stays one value."""
    request = make(f"{{contentType: {FORM}, payload: {payload}}}")
    assert request.body == fields.encode()
    assert parse_qsl(fields, keep_blank_values=True, strict_parsing=True)


def parts_of(request: Request) -> list[Message]:
    """The parts of a multipart body, as a mail reader sees them."""
    content_type = find_header(request.headers, "content-type")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    payload = message_from_bytes(head + (request.body or b"")).get_payload()
    assert isinstance(payload, list)
    return [part for part in payload if isinstance(part, Message)]


def test_multipart() -> None:
    """A field is a file where its schema or its value says so."""
    request = make(
        "{payload: {text: $inputs.text, n: 1, o: $inputs.object, file: abc, page: <p>, "
        "files: [x, y], raw: $inputs.raw, gone: $inputs.absent}}"
    )
    found = [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type() if part["Content-Type"] else None,
            part.get_payload(decode=True),
        )
        for part in parts_of(request)
    ]
    octets = "application/octet-stream"
    assert found == [
        ("text", None, None, b"a&b=c d"),
        ("n", None, None, b"1"),
        ("o", None, "application/json", b'{"k":[1]}'),
        ("file", "file", octets, b"abc"),
        ("page", "page", "text/html", b"<p>"),
        ("files", "files", octets, b"x"),
        ("files", "files", octets, b"y"),
        ("raw", "raw", octets, b"\x00\xff"),
    ]


def test_a_name_cannot_bring_a_header() -> None:
    """Quotes and line breaks of a field's name are percent-encoded."""
    request = make('{payload: {"a\\"\\r\\nX-Evil: 1": v}}')
    (part,) = parts_of(request)
    assert part.keys() == ["Content-Disposition"]
    assert b'name="a%22%0D%0AX-Evil: 1"' in (request.body or b"")


@pytest.mark.parametrize(
    ("body", "raw"),
    [
        ("{contentType: text/plain, payload: 'x {$inputs.text}'}", b"x a&b=c d"),
        ("{contentType: text/plain, payload: 7}", b"7"),
        ("{contentType: application/xml, payload: '<a>{$inputs.list}</a>'}", b'<a>[1,"x y"]</a>'),
        ("{contentType: application/octet-stream, payload: $inputs.raw}", b"\x00\xff"),
        (
            '{contentType: application/json, payload: \'{"q": "{$inputs.quote}"}\'}',
            b'{"q": "say \\"hi\\"\\n"}',
        ),
        ("{contentType: application/merge-patch+json, payload: {a: 1}}", b'{"a":1}'),
    ],
)
def test_texts(body: str, raw: bytes) -> None:
    """Text is sent as it is; in JSON a value is escaped where it stands within quotes."""
    assert make(body).body == raw


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{contentType: text/plain, payload: {a: 1}}", "an object has no form in text/plain"),
        (f"{{contentType: {FORM}, payload: [1]}}", f"an array has no form in {FORM}"),
        ("{payload: abc}", "a string has no form in multipart; an object has"),
        ("{contentType: application/json, payload: $inputs.raw}", "has no form in JSON"),
        ("{contentType: '*/*', payload: a}", "`*/*` leaves open what it is"),
        ("{contentType: text/plain, payload: $inputs.half}", "half of a character"),
        (f"{{contentType: {FORM}, payload: {{a: $inputs.half}}}}", "half of a character"),
        ("{payload: {a: $inputs.half}}", "half of a character"),
    ],
)
def test_a_payload_without_a_form_says_so(body: str, reason: str) -> None:
    """Nothing is sent in a form that nobody asked for."""
    with pytest.raises(PlanError) as error:
        make(body)
    assert reason in str(error.value)
