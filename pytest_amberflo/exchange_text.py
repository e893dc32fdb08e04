"""Requests and responses as text, secrets masked."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from pytest_amberflo.http.exchange import find_header, media_type_of
from pytest_amberflo.http.redact import MASK, is_secret_name

if TYPE_CHECKING:
    from pytest_amberflo.http.exchange import Exchange, Request
    from pytest_amberflo.http.redact import Redactor

_LONGEST_BODY: Final = 2000
_INDENT: Final = " " * 12
#: Written without the ranges that are left alone: those take 5 ms to compile.
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPES: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def describe_exchange(exchange: Exchange, redactor: Redactor) -> list[str]:
    """The request, the response or why there is none, and how to send it by hand."""
    return [clean(line) for line in _describe(exchange, redactor)]


def _describe(exchange: Exchange, redactor: Redactor) -> list[str]:
    lines = describe_request(exchange.request, redactor)
    response = exchange.response
    if response is None:
        failure = exchange.failure
        lines.append(f"  response  none: {failure.message if failure else 'no answer'}")
    else:
        media_type = media_type_of(response.headers) or "no content type"
        took = f"{exchange.elapsed_s * 1000:.0f} ms"
        lines.append(f"  response  {response.status} {media_type}, {took}")
        if response.body:
            lines += _describe_body(response.body, redactor)
    lines.append(f"  again     {describe_curl(exchange.request, redactor)}")
    return lines


def describe_request(request: Request, redactor: Redactor) -> list[str]:
    """The method, URL, telling headers and body of a request."""
    shown = [
        f"{name}: {value}"
        for name, value in redactor.redact_headers(request.headers)
        if name.lower() not in ("accept", "content-type")
    ]
    head = f"  request   {request.method} {redactor.redact(request.url)}"
    lines = ["    ".join([head, *shown])]
    if request.body:
        lines += _describe_body(request.body, redactor)
    return lines


def describe_curl(request: Request, redactor: Redactor) -> str:
    """A command for bash that sends the same bytes; the key is taken from the environment.

    A body that is too long for a line, or no text, is to be put into a file.
    """
    body = request.body or b""
    parts = ["curl", *_list_switches(request), _quote(redactor.redact(request.url))]
    for name, value in request.headers:
        if name.lower() == "x-api-key":
            parts += ["-H", f'"{name}: $AMBERFLO_API_KEY"']
        elif is_secret_name(name):
            parts += ["-H", _quote(f"{name}: {MASK}")]
        elif not value.strip():
            parts += ["-H", _quote(f"{name};")]  # curl's word for a header without a value
        elif (name.lower(), value) != ("accept", "*/*"):
            parts += ["-H", _quote(f"{name}: {redactor.redact(value)}", "latin-1")]
    if not body:
        return " ".join(parts)
    if find_header(request.headers, "content-type") is None:
        parts += ["-H", "Content-Type:"]  # else curl says that it is a form
    text = redactor.redact_body(body)
    if len(text) > _LONGEST_BODY or not _is_word(body):
        return " ".join([*parts, f"--data-binary @FILE  # with the {len(body)} bytes of the body"])
    return " ".join([*parts, "--data-raw", _quote(text)])


def _is_word(body: bytes) -> bool:
    """Whether a shell can be given these bytes as a word."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _list_switches(request: Request) -> list[str]:
    """What keeps curl from changing the method and the URL."""
    switches = ["-I"] if request.method == "HEAD" else ["-X", _quote(request.method)]
    if any(char in request.url for char in "[]{}"):
        switches.append("--globoff")
    if "/." in request.url:
        switches.append("--path-as-is")
    return switches


def _quote(text: str, encoding: str = "utf-8") -> str:
    """A word of bash that is this text in its encoding, without control characters."""
    if text.isprintable() and (text.isascii() or encoding == "utf-8"):
        return shlex.quote(text)
    return "$'" + "".join(_escape(char, encoding) for char in text) + "'"


def _escape(char: str, encoding: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable() and (char.isascii() or encoding == "utf-8"):
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode(encoding, "replace"))


def clean(text: str) -> str:
    """The text without control characters, which a terminal would obey, and half characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def shorten(text: str, longest: int) -> str:
    """The text on one line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _describe_body(body: bytes, redactor: Redactor) -> list[str]:
    return [_INDENT + shorten(redactor.redact_body(body), _LONGEST_BODY)]
