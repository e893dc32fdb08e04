"""Secrets in the records that the libraries below the client log."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from unit.http.http_kit import OK, Server, client_of, free_port, get

from pytest_amberflo.http.redact import MASK, RedactingFilter, Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "top/secret+key=="
_LIBRARIES = {"httpx", "httpcore"}


@pytest.fixture
def redactor() -> Redactor:
    """A redactor that knows the secret."""
    redactor = Redactor()
    redactor.register(SECRET)
    return redactor


@pytest.fixture
def verbose(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every record of every logger, as pytest would show it."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize(("scheme", "loggers"), [("http", {"httpx"}), ("HTTP", _LIBRARIES)])
def test_no_record_of_an_exchange_holds_a_secret(
    redactor: Redactor, verbose: pytest.LogCaptureFixture, scheme: str, loggers: set[str]
) -> None:
    """URLs, headers of requests and echoed headers of responses are masked at DEBUG.

    What is no plain URL goes through httpx and httpcore.
    """
    basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
    answer = OK.replace(b"\r\n\r\n", f"\r\nX-Echo: {SECRET}\r\nX-Basic: {basic}\r\n\r\n".encode())
    with Server(answer) as server, client_of(redactor) as client:
        url = f"{server.url}/{quote(SECRET, safe='')}?key={quote(SECRET, safe='')}"
        url = url.replace("http", scheme)
        headers = (("X-Key", SECRET), ("Authorization", f"Basic {basic}"))
        exchange = get(client, url, headers)
    assert exchange.response is not None
    assert SECRET.encode() in server.requests[0]
    assert {record.name.partition(".")[0] for record in verbose.records} == loggers
    assert MASK in verbose.text
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), basic, basic[8:-4]):
        assert form not in verbose.text


def test_every_answer_is_told_as_httpx_tells_it(verbose: pytest.LogCaptureFixture) -> None:
    """Whoever reads logs finds one line for each, whoever has sent it."""
    with (
        Server(b"HTTP/1.0 404 F\xe9\r\nContent-Length: 0\r\n\r\n") as server,
        client_of() as client,
    ):
        get(client, f"{server.url}/a?b#c")
        get(client, f"{server.url}/a?b#c".replace("http", "HTTP"))
    lines = [record.getMessage() for record in verbose.records if record.name == "httpx"]
    assert lines[0] == f'HTTP Request: GET {server.url}/a?b#c "HTTP/1.0 404 F\ufffd"'
    assert lines[1] == lines[0].replace("\ufffd", "")


def test_records_of_a_failure_are_masked(
    redactor: Redactor, verbose: pytest.LogCaptureFixture
) -> None:
    """A request that does not get out leaves no secret behind either."""
    with client_of(redactor) as client:
        get(client, f"HTTP://127.0.0.1:{free_port()}/{quote(SECRET)}", (("X-Key", SECRET),))
    assert verbose.records
    assert SECRET not in verbose.text


def test_records_of_others_are_left_alone(
    redactor: Redactor, verbose: pytest.LogCaptureFixture
) -> None:
    """Only the loggers of the libraries that carry requests are filtered, only while in use."""
    filters = {name: list(logging.getLogger(name).filters) for name in ("httpx", "other")}
    with client_of(redactor):
        logging.getLogger("other").warning("my %s", SECRET)
        logging.getLogger("httpx").warning("my %s", SECRET)
    logging.getLogger("httpx").warning("after %s", SECRET)
    assert [record.getMessage() for record in verbose.records] == [
        f"my {SECRET}",
        f"my {MASK}",
        f"after {SECRET}",
    ]
    for name, before in filters.items():
        assert logging.getLogger(name).filters == before


@pytest.mark.parametrize(
    ("message", "arguments", "shown"),
    [
        ("plain", (), "plain"),
        ("%s and %d", ("a", 1), "a and 1"),
        ("key %s", (SECRET,), f"key {MASK}"),
        (f"key {SECRET}", (), f"key {MASK}"),
        ("%r", ({"key": SECRET},), f"{{'key': '{MASK}'}}"),
        ("%s", (json.dumps([SECRET]),), f'["{MASK}"]'),
    ],
)
def test_a_record_is_masked_after_its_arguments_are_in(
    redactor: Redactor, message: str, arguments: tuple[object, ...], shown: str
) -> None:
    """A secret may be in the text or in an argument; other records stay as they are."""
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, message, arguments, None)
    assert RedactingFilter(redactor).filter(record)
    assert record.getMessage() == shown
    if MASK not in shown:
        assert (record.msg, record.args) == (message, arguments)


def test_a_secret_beyond_ascii_is_masked_in_headers_as_bytes(
    verbose: pytest.LogCaptureFixture,
) -> None:
    """The libraries log headers of a response as Python prints bytes."""
    redactor = Redactor()
    redactor.register("pässword")
    answer = OK.replace(b"\r\n\r\n", "\r\nX-Echo: pässword\r\n\r\n".encode("latin-1"))
    with Server(answer) as server, client_of(redactor) as client:
        get(client, server.url)
    assert "p\\xe4ssword" not in verbose.text
