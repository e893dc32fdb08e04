"""Answers to plain requests, read off a connection.

What servers commonly send is read here; all else is left to h11 (see `dialogue`), with what has
come of it, so that it is understood or refused as h11 does it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.http.body import read_all, read_chunks, read_length
from pytest_amberflo.http.connection import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_amberflo.http.connection import Connection
    from pytest_amberflo.http.exchange import Headers

#: Heads that are longer before they are whole are left to h11.
_LONGEST: Final = 16_384
_MOST_DIGITS: Final = 20
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection"})
_BLANK_LINE: Final = b"\r\n\r\n"
_HEAD: Final = re.compile(
    rb"HTTP/1\.([01]) ([2-9][0-9]{2})(?: ([ \t!-~\x80-\xff]*))?"
    rb"((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t!-~\x80-\xff]*)*)"
)
_START: Final = b"HTTP/1."


class Answer(Struct, frozen=True):
    """An answer whose body is still to be read, once: `parts`.

    The connection is good for another request when they have been read to their end.
    """

    version: bytes
    status: int
    reason: bytes
    headers: Headers
    parts: Iterator[bytes]


class _Head(Struct, frozen=True):
    """The head of a common answer."""

    version: bytes
    status: int
    reason: bytes
    headers: Headers
    #: Whether another request may follow over the connection.
    can_stay: bool
    is_chunked: bool
    length: int | None


def read_raw(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers as texts."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def read_answer(connection: Connection, method: str) -> Answer:
    """The answer to a request with this method. Raises WireError, as do its parts."""
    data = b""
    while (end := data.find(_BLANK_LINE)) < 0:
        if data and not _is_common_start(data):
            return _read_closely(connection, method, data)
        part = connection.receive()
        if not part:
            raise WireError(
                "RemoteProtocolError", "Server disconnected without sending a response."
            )
        data += part
    head = _read_head(data[:end])
    if head is None:
        return _read_closely(connection, method, data)
    rest = data[end + len(_BLANK_LINE) :]
    return Answer(
        version=head.version,
        status=head.status,
        reason=head.reason,
        headers=head.headers,
        parts=_find_parts(connection, method, rest, head),
    )


@lru_cache(maxsize=64)
def _read_head(data: bytes) -> _Head | None:
    """The head of an answer, or None where h11 has to read it; many answers have the same."""
    match = _HEAD.fullmatch(data)
    if match is None:
        return None
    minor, status, reason, fields = match.groups(b"")
    headers = []
    framing: dict[str, str] = {}
    for line in fields.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        value = value.strip(" \t")
        headers.append((name, value))
        key = name.lower()
        if key in _FRAMING:
            if key in framing:
                return None
            framing[key] = value
    coding = framing.get("transfer-encoding")
    length = framing.get("content-length")
    if coding is not None and (coding != "chunked" or length is not None):
        return None
    if length is not None and not (
        length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS
    ):
        return None
    return _Head(
        version=b"HTTP/1." + minor,
        status=int(status),
        reason=reason,
        headers=tuple(headers),
        can_stay=minor == b"1" and _is_lasting(framing.get("connection", "")),
        is_chunked=coding is not None,
        length=None if length is None else int(length),
    )


def _read_closely(connection: Connection, method: str, data: bytes) -> Answer:
    from pytest_amberflo.http.dialogue import Dialogue  # noqa: PLC0415  costly, and rare

    return Dialogue.join(method).read(connection, data)


def _is_common_start(data: bytes) -> bool:
    """Whether this may become the head of a common answer."""
    return data[: len(_START)] == _START[: len(data)] and (
        len(data) <= _LONGEST and data.count(b"\n") == data.count(b"\r\n")
    )


def _find_parts(connection: Connection, method: str, data: bytes, head: _Head) -> Iterator[bytes]:
    """The parts of a body, of which `data` has come already."""
    can_stay = head.can_stay
    if method == "HEAD" or head.status in (204, 304):
        return read_length(connection, data, 0, can_stay=can_stay)
    if head.is_chunked:
        return read_chunks(connection, data, can_stay=can_stay)
    if head.length is None:
        return read_all(connection, data)
    return read_length(connection, data, head.length, can_stay=can_stay)


def _is_lasting(connection: str) -> bool:
    """Whether a header lets the connection stay open."""
    return all(token.strip(" \t") != "close" for token in connection.lower().split(","))
