"""Requests and responses as text, secrets masked."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest
from unit.http.http_kit import OK, Server

from pytest_amberflo.exchange_text import (
    clean,
    describe_curl,
    describe_exchange,
    describe_request,
    shorten,
)
from pytest_amberflo.http.exchange import Exchange, Request, Response, TransportFailure
from pytest_amberflo.http.redact import Redactor

SECRET = "s3cr3t-key-of-mine"
REQUEST = Request(
    method="POST",
    url=f"http://127.0.0.1:8787/ingest?token={SECRET}",
    headers=(
        ("X-API-KEY", SECRET),
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("X-Trace", "abc"),
    ),
    body=b'{"meterValue": 2.5,\n "apiKey": "other-secret"}',
)


def make_redactor() -> Redactor:
    """A redactor that knows the secret."""
    redactor = Redactor()
    redactor.register(SECRET)
    return redactor


def make_exchange(response: Response | None, failure: TransportFailure | None = None) -> Exchange:
    """An exchange of the request."""
    return Exchange(
        request=REQUEST, response=response, failure=failure, started_at=0.0, elapsed_s=1.5
    )


def test_an_exchange_as_text() -> None:
    """Request, response and a command, each secret masked, bodies on one line."""
    response = Response(
        status=401,
        headers=(("content-type", "Application/JSON; charset=utf-8"),),
        body=f'{{"message": "no {SECRET}"}}'.encode(),
    )
    assert describe_exchange(make_exchange(response), make_redactor()) == [
        "  request   POST http://127.0.0.1:8787/ingest?token=****    X-API-KEY: ****    "
        "X-Trace: abc",
        '            {"meterValue": 2.5, "apiKey": "****"}',
        "  response  401 application/json, 1500 ms",
        '            {"message": "no ****"}',
        "  again     curl -X POST 'http://127.0.0.1:8787/ingest?token=****' "
        "-H \"X-API-KEY: $AMBERFLO_API_KEY\" -H 'Accept: application/json' "
        "-H 'Content-Type: application/json' -H 'X-Trace: abc' "
        '--data-raw $\'{"meterValue": 2.5,\\n "apiKey": "****"}\'',
    ]


def test_an_answer_without_body_and_type() -> None:
    """What is not there is said, or has no line."""
    lines = describe_exchange(make_exchange(Response(status=204)), make_redactor())
    assert lines[2] == "  response  204 no content type, 1500 ms"
    assert lines[3].startswith("  again     ")


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (
            TransportFailure(kind="read", message="no answer within 10 s", sent=True),
            "  response  none: no answer within 10 s",
        ),
        (None, "  response  none: no answer"),
    ],
)
def test_no_answer_has_its_reason(failure: TransportFailure | None, line: str) -> None:
    """Why there is no response stands in its place."""
    assert describe_exchange(make_exchange(None, failure), make_redactor())[2] == line


def test_a_request_without_body() -> None:
    """A request without a body is one line, without the headers that every one has."""
    request = Request(method="GET", url="http://127.0.0.1/usage", headers=(("Accept", "*/*"),))
    assert describe_request(request, make_redactor()) == ["  request   GET http://127.0.0.1/usage"]
    assert describe_curl(request, make_redactor()) == "curl -X GET http://127.0.0.1/usage"


def test_the_key_of_a_command_is_of_the_environment() -> None:
    """The command can be run: the key is a variable, other secrets are masked."""
    request = Request(
        method="GET",
        url="http://127.0.0.1/a b'c",
        headers=(("x-api-key", "k"), ("Authorization", "Bearer t"), ("X-Name", "it's")),
    )
    parts = shlex.split(describe_curl(request, make_redactor()))
    assert parts == [
        *("curl", "-X", "GET", "http://127.0.0.1/a b'c"),
        *("-H", "x-api-key: $AMBERFLO_API_KEY", "-H", "Authorization: ****"),
        *("-H", "X-Name: it's"),
    ]


def test_binary_and_control_characters_are_not_shown() -> None:
    """A terminal gets no control characters and no binary data of a message."""
    body = b"\x1b[31mred\x07"
    lines = describe_exchange(make_exchange(Response(status=200, body=body)), make_redactor())
    assert lines[3] == "            \N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"
    lines = describe_exchange(
        make_exchange(Response(status=200, body=b"\xff\xfe\x00")), make_redactor()
    )
    assert lines[3] == "            <3 bytes of binary data>"


def test_long_bodies_are_cut() -> None:
    """A body is shown up to two thousand characters."""
    body = b"x" * 5000
    lines = describe_exchange(make_exchange(Response(status=200, body=body)), make_redactor())
    assert lines[3] == " " * 12 + "x" * 1999 + "…"


@pytest.mark.parametrize(
    ("text", "longest", "short"),
    [("a  b\n\tc", 10, "a b c"), ("abcdef", 6, "abcdef"), ("abcdefg", 6, "abcde…"), ("", 3, "")],
)
def test_texts_are_put_on_one_line(text: str, longest: int, short: str) -> None:
    """White space becomes one blank, and what is too long is cut with a sign of it."""
    assert shorten(text, longest) == short


def test_the_command_sends_the_same_values() -> None:
    """Sent by hand, an id with two blanks is still the same record."""
    request = Request(method="POST", url="http://127.0.0.1/", body=b'{"uniqueId":"a  b"}')
    assert shlex.split(describe_curl(request, make_redactor()))[-1] == '{"uniqueId":"a  b"}'


def test_the_command_sends_a_body_that_begins_with_an_at_sign() -> None:
    """A body is data, never the name of a file that would be sent."""
    request = Request(method="POST", url="http://127.0.0.1/", body=b"@/etc/passwd")
    assert "--data-raw" in describe_curl(request, make_redactor())


def test_the_command_has_no_control_characters() -> None:
    """A terminal gets no control characters of a request either."""
    request = Request(method="POST", url="http://127.0.0.1/", body=b"\x1b[31mred")
    assert "\x1b" not in describe_curl(request, make_redactor())


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/ingest", (("Content-Type", "application/json"),), b'{"uniqueId":"a  b"}'),
        ("POST", "/", (("Content-Type", "a/b"),), b"@/etc/passwd"),
        ("PUT", "/", (), b"no type\n\r\n and 'quotes' \"and\" \\ $HOME `id` !!"),
        ("POST", "/", (("Content-Type", "t/p; x='y'"),), "\x1b[31mé\u200b\N{PACKAGE}\t".encode()),
        ("GET", "/a/../b/./c?x=[1-3]&y={a,b}", (("Accept", "text/plain"),), None),
        ("DELETE", "/a%20b", (("X-Empty", ""), ("X-Name", "caf\xe9 it's")), None),
        ("HEAD", "/", (), None),
    ],
)
def test_the_command_sends_the_same_request(
    method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes | None
) -> None:
    """What curl sends for it has the method, path, headers and body of the request."""
    bash, curl = shutil.which("bash"), shutil.which("curl")
    if bash is None or curl is None:
        pytest.skip("bash and curl are needed")
    with Server(OK) as server:
        request = Request(method=method, url=server.url + path, headers=headers, body=body)
        command = describe_curl(request, make_redactor())
        assert clean(command) == command
        subprocess.run([bash, "-c", f"{command} -s -o /dev/null"], check=True, timeout=20)
    (raw,) = server.requests
    head, _, sent = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first == f"{method} {path} HTTP/1.1"
    fields = [tuple(line.split(":", 1)) for line in lines]
    values = {name: value.strip() for name, value in fields}
    assert {name: values.get(name) for name, _ in headers} == dict(headers)
    assert ("Content-Type" in values) is any(name == "Content-Type" for name, _ in headers)
    assert sent == (body or b"")


@pytest.mark.parametrize("body", [b"x" * 3000, b"\xff\xfe", b"a\0b"])
def test_a_body_that_is_no_word_goes_into_a_file(body: bytes) -> None:
    """A command with half of a body would send another record."""
    request = Request(method="POST", url="http://127.0.0.1/", body=body)
    command = describe_curl(request, make_redactor())
    assert command.endswith(f" --data-binary @FILE  # with the {len(body)} bytes of the body")


def test_nothing_that_a_terminal_obeys_is_in_the_text() -> None:
    """Headers and reasons of a server are cleaned as bodies are."""
    response = Response(status=200, headers=(("Content-Type", "a/\x9b31m"),), body=b'"\\ud800"')
    for line in describe_exchange(make_exchange(response), make_redactor()):
        assert line.isprintable()
    failure = TransportFailure(kind="protocol", message="\x1b]0;x\x07", sent=True)
    for line in describe_exchange(make_exchange(None, failure), make_redactor()):
        assert line.isprintable()
