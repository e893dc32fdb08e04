"""Bodies on the wire: JSON, forms, parts, XML, text, bytes, and what is replaced in them."""

from __future__ import annotations

import json
from email import message_from_bytes
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import pytest
from unit.engine.engine_kit import Answer, reasons

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from unit.engine.engine_kit import Service, Workbench

    from pytest_amberflo.arazzo import WorkflowResult

_FORM = "application/x-www-form-urlencoded"
_PARTS = "multipart/form-data"
_INPUTS: dict[str, Any] = {"n": 5, "s": 'a "q" & é', "o": {"k": [1, None]}, "l": ["x", "y"]}


def _send(bench: Workbench, body: Any, content: Any, version: str = "1.1.0") -> WorkflowResult:
    """Send a request body to an operation that takes this content."""
    operation = {
        "operationId": "put",
        "requestBody": {"content": content},
        "responses": {"default": {"description": "any"}},
    }
    bench.describe(json.dumps({"/z": {"post": operation}}))
    step = {"stepId": "s", "operationId": "put", "requestBody": body}
    return bench.run_steps(f"- {json.dumps(step)}", _INPUTS, version=version)


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ({"a": "$inputs.n", "b": ["$inputs.o", {"c": "x{$inputs.n}"}]}, None),
        ("$inputs.o", {"k": [1, None]}),
        ("$inputs.s", 'a "q" & é'),
        ("$inputs.n", 5),
        ([1, "$inputs.l"], [1, ["x", "y"]]),
        ('{"s": "{$inputs.s}", "n": {$inputs.n}, "o": {$inputs.o}}', "template"),
        (None, None),
    ],
)
def test_json(bench: Workbench, service: Service, payload: Any, sent: Any) -> None:
    """Objects, whole expressions and templates; a quote in a value stays data."""
    result = _send(bench, {"payload": payload}, {"application/json": {}})
    assert result.outcome is Outcome.PASSED
    if isinstance(payload, dict):
        sent = {"a": 5, "b": [_INPUTS["o"], {"c": "x5"}]}
    if sent == "template":
        sent = {name: _INPUTS[name] for name in "sno"}
    assert service.seen[0].json() == sent
    assert service.seen[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("member", "encoding", "value", "body"),
    [
        ("array", None, ["a", "b c"], "p=a&p=b+c"),
        ("string", None, "a&b=é", "p=a%26b%3D%C3%A9"),
        ("object", None, {"x": 1}, "p=%7B%22x%22%3A1%7D"),
        ("array", {"explode": False}, ["a", "b"], "p=a,b"),
        ("array", {"style": "pipeDelimited"}, ["a", "b"], "p=a|b"),
        ("array", {"style": "spaceDelimited"}, ["a", "b"], "p=a%20b"),
        ("object", {"style": "deepObject"}, {"x": 1, "y": "z"}, "p[x]=1&p[y]=z"),
        ("object", {"style": "form"}, {"x": 1, "y": "z"}, "x=1&y=z"),
        ("array", {"contentType": "application/json"}, ["a", 1], "p=%5B%22a%22%2C1%5D"),
        ("string", {"allowReserved": True}, "a/b?c", "p=a/b?c"),
    ],
)
def test_forms(
    bench: Workbench, service: Service, member: str, encoding: Any, value: Any, body: str
) -> None:
    """The Encoding Object of the operation says how a member is written."""
    content: dict[str, Any] = {
        _FORM: {"schema": {"type": "object", "properties": {"p": {"type": member}}}}
    }
    if encoding is not None:
        content[_FORM]["encoding"] = {"p": encoding}
    result = _send(bench, {"payload": {"p": value}}, content)
    assert result.outcome is Outcome.PASSED
    assert service.seen[0].headers["content-type"] == _FORM
    assert service.seen[0].body.decode().replace("%5Bx%5D", "[x]") == body


def test_a_form_as_a_template(bench: Workbench, service: Service) -> None:
    """Values are encoded, so that an ampersand in one stays data."""
    body = {"contentType": _FORM, "payload": "n={$inputs.n}&s={$inputs.s}&lit=a%20b"}
    _send(bench, body, {_FORM: {}})
    assert service.seen[0].body == b"n=5&s=a+%22q%22+%26+%C3%A9&lit=a%20b"


def _read_parts(service: Service) -> list[tuple[str, str | None, str | None, bytes]]:
    """Name, filename, content type and bytes of each part of what was sent."""
    seen = service.seen[-1]
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + seen.body, policy=HTTP)
    found = []
    for part in message.iter_parts():
        kind = part["content-type"]
        raw = part.get_payload(decode=True)
        assert isinstance(raw, bytes)
        name = part.get_param("name", header="content-disposition")
        found.append((str(name), part.get_filename(), None if kind is None else str(kind), raw))
    return found


def test_multipart(bench: Workbench, service: Service) -> None:
    """A part for each member and element; structures are JSON; files have names."""
    schema = {
        "type": "object",
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "sheet": {"type": "string", "format": "binary"},
            "note": {"type": "string"},
        },
    }
    encoding = {
        "sheet": {"contentType": "text/csv, text/plain"},
        "note": {"contentType": "text/markdown"},
        "codes": {"contentType": "application/json"},
    }
    payload = {
        "n": "$inputs.n",
        "o": "$inputs.o",
        "l": "$inputs.l",
        "file": "raw é",
        "sheet": "a,b",
        "note": "*hi*",
        "codes": [1, 2],
    }
    result = _send(bench, {"payload": payload}, {_PARTS: {"schema": schema, "encoding": encoding}})
    assert result.outcome is Outcome.PASSED
    assert _read_parts(service) == [
        ("n", None, None, b"5"),
        ("o", None, "application/json", b'{"k":[1,null]}'),
        ("l", None, None, b"x"),
        ("l", None, None, b"y"),
        ("file", "file", "application/octet-stream", "raw é".encode()),
        ("sheet", "sheet", "text/csv", b"a,b"),
        ("note", None, "text/markdown", b"*hi*"),
        ("codes", None, "application/json", b"[1,2]"),
    ]


def test_bytes_of_a_response_are_sent_on(bench: Workbench, service: Service) -> None:
    """As a file, and as a body of their own: never decoded on the way."""
    raw = bytes(range(256))
    service.answers("GET /picture", Answer(body=raw, kind="image/png"))
    bench.describe(
        """
        /picture: {get: {operationId: picture, responses: {default: {description: any}}}}
        /up:
          post:
            operationId: up
            requestBody: {content: {image/png: {}, multipart/form-data: {}}}
            responses: {default: {description: any}}
        """
    )
    result = bench.run_steps(
        """
        - {stepId: p, operationId: picture, outputs: {raw: $response.body}}
        - stepId: whole
          operationId: up
          requestBody: {contentType: image/png, payload: $steps.p.outputs.raw}
        - stepId: part
          operationId: up
          requestBody: {contentType: multipart/form-data, payload: {f: $steps.p.outputs.raw}}
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.seen[1].body == raw
    assert service.seen[2].body.count(raw) == 1
    assert b'name="f"; filename="f"' in service.seen[2].body


def test_text_in_another_charset_is_text(bench: Workbench, service: Service) -> None:
    """The response says which one; what is sent is UTF-8."""
    service.answers(
        "GET /a", Answer(body="grün".encode("latin-1"), kind='text/plain; charset="ISO-8859-1"')
    )
    bench.run_steps(
        "- {stepId: x, operationId: a, outputs: {t: $response.body}}\n"
        "- {stepId: y, operationId: sink, requestBody: {payload: {t: $steps.x.outputs.t}}}"
    )
    assert service.seen[1].json() == {"t": "grün"}


@pytest.mark.parametrize(
    ("kind", "payload", "sent"),
    [
        ("text/plain", "n={$inputs.n} {lit}", "n=5 {lit}"),
        ("text/plain", "$inputs.n", "5"),
        ("application/xml", "<a><b>{$inputs.n}</b></a>", "<a><b>5</b></a>"),
        ("application/octet-stream", "raw", "raw"),
        ("application/merge-patch+json", {"a": None}, '{"a":null}'),
        ("application/json; charset=utf-8", {"a": 1}, '{"a":1}'),
    ],
)
def test_other_kinds(
    bench: Workbench, service: Service, kind: str, payload: Any, sent: str
) -> None:
    """The content type is the body's own, or else the operation's."""
    assert _send(bench, {"payload": payload}, {kind: {}}).outcome is Outcome.PASSED
    assert service.seen[0].body.decode() == sent
    assert service.seen[0].headers["content-type"] == kind


@pytest.mark.parametrize(
    ("content", "payload", "chosen"),
    [
        (["application/json", "application/xml"], {"a": 1}, "application/json"),
        (["application/xml", "application/json"], {"a": 1}, "application/json"),
        (["application/xml", "application/json"], "<a/>", "application/xml"),
    ],
)
def test_the_first_content_type_that_fits(
    bench: Workbench, service: Service, content: list[str], payload: Any, chosen: str
) -> None:
    """An object has no form in XML."""
    _send(bench, {"payload": payload}, {kind: {} for kind in content})
    assert service.seen[0].headers["content-type"] == chosen


@pytest.mark.parametrize(
    ("body", "content", "reason"),
    [
        ({"payload": {"a": 1}}, {"application/xml": {}}, "an object has no form in"),
        ({"payload": {"a": 1}}, {}, "declares none, and `contentType` does not say"),
        ({"payload": [1]}, {_PARTS: {}}, "an array has no form in multipart"),
        ({"payload": {"a": "x{$inputs.none}"}}, {"application/json": {}}, "is not given"),
        (
            {"payload": {"p": 1}},
            {_FORM: {"encoding": {"p": {"style": "deepObject"}}}},
            "deepObject needs an object",
        ),
    ],
)
def test_a_body_that_cannot_be_built_is_an_error(
    bench: Workbench, service: Service, body: Any, content: Any, reason: str
) -> None:
    """It says why, and nothing is sent."""
    operation = {
        "operationId": "put",
        "requestBody": {"content": content},
        "responses": {"default": {"description": "any"}},
    }
    bench.describe(json.dumps({"/z": {"post": operation}}))
    step = {"stepId": "s", "operationId": "put", "requestBody": body}
    names: dict[str, Any] = {name: {} for name in (*_INPUTS, "none")}
    workflow = {
        "workflowId": "main",
        "inputs": {"type": "object", "properties": names},
        "steps": [step],
    }
    result = bench.run(f"- {json.dumps(workflow)}", _INPUTS, version="1.1.0")
    assert result.outcome is Outcome.ERROR
    assert reason in reasons(result)[0]
    assert service.seen == []


@pytest.mark.parametrize(
    ("payload", "replacements", "sent"),
    [
        ({"a": 0, "l": [1, 2]}, [("/a", "$inputs.n"), ("/l/1", "z")], {"a": 5, "l": [1, "z"]}),
        ({"n/m": {"k~": 0}}, [("/n~1m/k~0", True)], {"n/m": {"k~": True}}),
        ({"l": [1]}, [("/l/-", {"x": "$inputs.n"})], {"l": [1, {"x": 5}]}),
        ({"a": 0}, [("", "$inputs.o")], {"k": [1, None]}),
        ('{"a": 1, "b": "{$inputs.n}"}', [("/a", "v{$inputs.n}")], {"a": "v5", "b": "5"}),
        ("$inputs.o", [("/k/0", 9)], {"k": [9, None]}),
        ({"l": [{"s": "A"}, {"s": "B"}]}, [("$.l[?@.s=='B'].s", "C", "jsonpath")], "ac"),
        (
            {"l": [1, 2]},
            [
                (
                    "$.l[(@.length-1)]",
                    3,
                    {"type": "jsonpath", "version": "draft-goessner-dispatch-jsonpath-00"},
                )
            ],
            {"l": [1, 3]},
        ),
    ],
)
def test_replacements_in_json(
    bench: Workbench, service: Service, payload: Any, replacements: Any, sent: Any
) -> None:
    """By pointer or query; what the payload came from is left alone."""
    listed = [
        {"target": target, "value": value, **({"targetSelectorType": kind[0]} if kind else {})}
        for target, value, *kind in replacements
    ]
    result = _send(bench, {"payload": payload, "replacements": listed}, {"application/json": {}})
    assert result.outcome is Outcome.PASSED
    wanted = {"l": [{"s": "A"}, {"s": "C"}]} if sent == "ac" else sent
    assert service.seen[0].json() == wanted
    assert result.inputs["o"] == {"k": [1, None]}


@pytest.mark.parametrize(
    ("payload", "target", "sent"),
    [
        ("<a><b>1</b><c/></a>", "/a/b", "<a><b>5</b><c /></a>"),
        ('<a><b id="1"/></a>', "/a/b/@id", '<a><b id="5" /></a>'),
        (
            '<p:a xmlns:p="urn:x"><p:b/></p:a>',
            "/p:a/p:b",
            '<p:a xmlns:p="urn:x"><p:b>5</p:b></p:a>',
        ),
        ("<a><!-- keep --><b/></a>", "/a/b", "<a><!-- keep --><b>5</b></a>"),
    ],
)
def test_replacements_in_xml(
    bench: Workbench, service: Service, payload: str, target: str, sent: str
) -> None:
    """XPath is what a target is in XML; everything else stays as it is."""
    body = {
        "contentType": "application/xml",
        "payload": payload,
        "replacements": [{"target": target, "value": "$inputs.n"}],
    }
    assert _send(bench, body, {"application/xml": {}}, "1.0.1").outcome is Outcome.PASSED
    assert service.seen[0].body.decode() == sent


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {
                "contentType": "application/json",
                "payload": {},
                "replacements": [{"target": "$.a", "value": 1}],
            },
            "a JSON Pointer that starts with `/`",
        ),
        (
            {
                "contentType": "application/xml",
                "payload": "<a/>",
                "replacements": [{"target": "/a[", "value": 1}],
            },
            "XPath",
        ),
        ({"replacements": [{"target": "/a", "value": 1}]}, "there is no `payload`"),
    ],
)
def test_replacements_that_can_never_work_are_refused(
    bench: Workbench, tmp_path: Path, body: Any, message: str
) -> None:
    """Before anything is sent."""
    step = {"stepId": "s", "operationId": "sink", "requestBody": body}
    workflow = {"workflowId": "main", "steps": [step]}
    (problem,) = bench.refuse(f"- {json.dumps(workflow)}")
    assert message in problem


@pytest.mark.parametrize("target", ["/x/y/z", "/l/7", "/a/b"])
def test_a_replacement_at_no_place_is_an_error(
    bench: Workbench, service: Service, target: str
) -> None:
    """A request with only half of its values is not sent."""
    body = {"payload": {"a": 1, "l": []}, "replacements": [{"target": target, "value": 1}]}
    result = _send(bench, body, {"application/json": {}})
    assert result.outcome is Outcome.ERROR
    assert service.seen == []
