"""Requests and responses as text, secrets masked."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from pytest_amberflo.http.exchange import media_type_of
from pytest_amberflo.http.redact import is_secret_name

if TYPE_CHECKING:
    from pytest_amberflo.http.exchange import Exchange, Request
    from pytest_amberflo.http.redact import Redactor

_LONGEST_BODY: Final = 2000
_INDENT: Final = " " * 12


def describe_exchange(exchange: Exchange, redactor: Redactor) -> list[str]:
    """The request, the response or why there is none, and how to send it by hand."""
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
    """A command that sends the request again; the key is taken from the environment."""
    parts = ["curl", "-X", request.method, shlex.quote(redactor.redact(request.url))]
    for name, value in request.headers:
        if name.lower() == "x-api-key":
            parts += ["-H", f'"{name}: $AMBERFLO_API_KEY"']
        elif is_secret_name(name):
            parts += ["-H", shlex.quote(f"{name}: ****")]
        elif name.lower() != "accept":
            parts += ["-H", shlex.quote(f"{name}: {redactor.redact(value)}")]
    if request.body:
        parts += ["-d", shlex.quote(shorten(redactor.redact_body(request.body), _LONGEST_BODY))]
    return " ".join(parts)


def shorten(text: str, longest: int) -> str:
    """The text on one line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _describe_body(body: bytes, redactor: Redactor) -> list[str]:
    text = redactor.redact_body(body)
    printable = "".join(char if char.isprintable() or char == "\n" else "�" for char in text)
    return [_INDENT + shorten(printable, _LONGEST_BODY)]
