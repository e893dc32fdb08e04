"""From the bytes of a request's body to a JSON value that can be stored."""

from __future__ import annotations

import json
import re
import zlib
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.refusal import Refusal, shorten

if TYPE_CHECKING:
    from pytest_amberflo.server.message import Request

#: Tells zlib to expect a gzip member.
_GZIP: Final = 16 + zlib.MAX_WBITS
#: gzip data may be several members in a row; each costs time, also if it is empty.
_MAX_GZIP_MEMBERS: Final = 64
#: What a number beyond float64 looks like, among others. Those of events are looked at one by
#: one anyway, and there may be thousands.
_LARGE: Final = re.compile(r"\d[eE]\+?\d{3}|\d{300}")


def read_payload(request: Request, *, limit: int) -> Any:
    """The JSON value that a request carries.

    `limit` bounds the inflated body, in bytes. Raises Refusal: 400 for what is no JSON in UTF-8
    (RFC 8259 knows no NaN and no Infinity), or holds a text that no store can keep; 413 and 415.
    Where an object has a name twice, the last one counts.
    """
    text = _read_text(request, limit)
    payload = _parse(text)
    if _LARGE.search(text):
        _check_values(payload)
    else:
        _check(payload, text)
    return payload


def read_event_payload(request: Request, *, limit: int) -> Any:
    """As `read_payload`; also events one to a line (NDJSON), by media type or by their look.

    CSV, which the real service takes, is refused (415).
    """
    text, form = read_event_text(request, limit=limit)
    return parse_events(text, form)


class TextForm(Enum):
    """What a body says of its text."""

    JSON = "json"
    LINES = "lines"


def read_event_text(request: Request, *, limit: int) -> tuple[str, TextForm]:
    """The text of events. Raises Refusal, as `read_event_payload`."""
    media_type = request.header_words(b"content-type").partition(b";")[0].strip()
    if media_type == b"text/csv":
        message = "Events are taken as JSON or one JSON object to a line, not as CSV"
        raise Refusal(415, "unsupported-media-type", message)
    form = TextForm.LINES if media_type in _LINES else TextForm.JSON
    return _read_text(request, limit), form


def parse_events(text: str, form: TextForm) -> Any:
    """The value of a text of events. Raises Refusal (400), as `read_event_payload`."""
    if form is TextForm.LINES:
        payload = _parse_lines(text)
    else:
        try:
            payload = _parse(text)
        except Refusal as refusal:
            if not text.lstrip().startswith("{") or "\n" not in text.strip():
                raise
            try:
                payload = _parse_lines(text)
            except Refusal:
                raise refusal from None
    _check(payload, text)
    return payload


_LINES: Final = frozenset(
    (
        b"application/x-ndjson",
        b"application/ndjson",
        b"application/jsonl",
        b"application/x-jsonlines",
        b"application/jsonlines",
        b"application/json-lines",
    )
)


def _parse_lines(text: str) -> list[Any]:
    # Only line feeds part lines: U+2028 and its like are allowed within a JSON text.
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    payload = []
    for number, line in enumerate(lines):
        try:
            payload.append(_parse(line))
        except Refusal as refusal:
            details = f"event {number}: {refusal.details or refusal.message}"
            message = "A line of the body is no JSON"
            raise Refusal(400, "invalid-json", message, details=details) from None
    return payload


def _read_text(request: Request, limit: int) -> str:
    body = _decode_content(request, limit)
    if not body:
        raise Refusal(400, "invalid-json", "The body is empty; JSON was expected")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        details = f"byte {error.start} does not belong to UTF-8"
        raise Refusal(400, "invalid-encoding", "The body is not UTF-8", details=details) from None


def _check(payload: Any, text: str) -> None:
    # Only these can lead to what the walk below looks for, and hardly any body has them.
    if "\\u" in text or "NaN" in text or "Infinity" in text:
        _check_values(payload)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        details = f"{error.msg}: line {error.lineno}, column {error.colno}"
        raise Refusal(400, "invalid-json", "The body is no JSON", details=details) from None
    except RecursionError:
        raise Refusal(400, "invalid-json", "The body is nested too deeply") from None
    except ValueError:
        # Python refuses to read integers of more than some thousand digits.
        raise Refusal(400, "invalid-json", "The body holds a number that is too long") from None


def _check_values(payload: Any) -> None:
    """Refuse, with the place, a constant that is no JSON and a text that is no Unicode."""
    pending = [("", payload)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, dict):
            for name, member in value.items():
                _check_text(f"a name in {place or 'the body'}", name)
                pending.append((shorten(f"{place}.{name}" if place else name), member))
        elif isinstance(value, list):
            pending.extend((f"{place}[{index}]", item) for index, item in enumerate(value))
        elif isinstance(value, str):
            _check_text(place or "the body", value)
        elif isinstance(value, float) and not isfinite(value):
            details = f"{place or 'the body'} is {json.dumps(value)}"
            message = (
                "NaN and Infinity are no JSON numbers, and neither is anything beyond float64"
            )
            raise Refusal(400, "invalid-json", message, details=details)


def _check_text(place: str, text: str) -> None:
    try:
        text.encode("utf-8")
        # SQLite's JSON functions end a text at U+0000, so it could not be found again.
        reason = "holds the character U+0000" if "\x00" in text else None
    except UnicodeEncodeError:
        reason = "holds half a surrogate pair"
    if reason is not None:
        details = f"{place} {reason}".encode("ascii", "backslashreplace").decode()
        message = "The body holds a text that cannot be kept"
        raise Refusal(400, "invalid-text", message, details=details)


def _decode_content(request: Request, limit: int) -> bytes:
    codings = request.header_words(b"content-encoding")
    if codings in (b"", b"identity"):
        return request.body
    if codings not in (b"gzip", b"x-gzip"):
        raise Refusal(
            415,
            "unsupported-encoding",
            "The body may be sent plain or as gzip only",
            headers=(("Accept-Encoding", "gzip"),),
        )
    return _inflate(request.body, limit)


def _inflate(data: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    for _ in range(_MAX_GZIP_MEMBERS):
        if not data:
            return b"".join(parts)
        inflater = zlib.decompressobj(_GZIP)
        try:
            part = inflater.decompress(data, room + 1)
        except zlib.error as error:
            raise _refuse_gzip(str(error)) from None
        room -= len(part)
        if room < 0:
            raise refuse_size(limit)
        if not inflater.eof:
            raise _refuse_gzip("the data ends too early")
        parts.append(part)
        data = inflater.unused_data
    raise _refuse_gzip("it has too many parts")


def _refuse_gzip(details: str) -> Refusal:
    return Refusal(400, "invalid-gzip", "The body is no gzip data", details=details)


def refuse_size(limit: int) -> Refusal:
    """The refusal of a body of more than `limit` bytes, as sent or inflated."""
    return Refusal(413, "body-too-large", f"The body is larger than {limit} bytes")
