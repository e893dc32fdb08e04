"""Bodies of answers, in the three ways in which HTTP/1.1 tells their end (RFC 9112, 6.3).

Each gives the parts as they come, and lets the connection be used again where the body ends as it
should, nothing comes behind it, and the answer's head says that the connection can stay.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from pytest_amberflo.http.connection import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_amberflo.http.connection import Connection

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_END: Final = b"\r\n"
#: Longer lines are left to h11.
_LONGEST_LINE: Final = 16_384
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[ \t!-~\x80-\xff]*)?")
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def join_body(parts: Iterable[bytes], deadline: float) -> bytes:
    """A body, within limits of size and time (monotonic s). Raises WireError."""
    read: list[bytes] = []
    size = 0
    for part in parts:
        read.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise WireError("BodyTooLarge", "the body is too large")
        if time.monotonic() > deadline:
            raise WireError("ReadTimeout", "the time for the whole request is over")
    return b"".join(read)


def read_length(
    connection: Connection, data: bytes, length: int, *, can_stay: bool
) -> Iterator[bytes]:
    """A body of so many bytes, of which `data` has come already. Raises WireError."""
    if len(data) != length:
        return _read_rest(connection, data, length, can_stay=can_stay)
    connection.finish(can_stay=can_stay)
    return iter((data,))


def _read_rest(
    connection: Connection, data: bytes, length: int, *, can_stay: bool
) -> Iterator[bytes]:
    left = length
    while left:
        data = data or connection.receive()
        if not data:
            text = "peer closed connection without sending complete message body"
            raise WireError("RemoteProtocolError", text)
        part, data = data[:left], data[left:]
        left -= len(part)
        yield part
    connection.finish(can_stay=can_stay and not data)


def read_all(connection: Connection, data: bytes) -> Iterator[bytes]:
    """A body that ends with its connection. Raises WireError."""
    data = data or connection.receive()
    while data:
        yield data
        data = connection.receive()


class _Incoming:
    """What has come of a body in chunks and was not yet taken."""

    def __init__(self, connection: Connection, data: bytes) -> None:
        self._connection = connection
        self._data = data
        self._at = 0

    def read_size(self) -> int | None:
        """The size of the next chunk, its head taken; None where h11 has to read it."""
        while (end := self._data.find(_END, self._at)) < 0:
            if len(self._data) - self._at > _LONGEST_LINE or not self._read_on():
                return None
        head = _CHUNK.fullmatch(self._data, self._at, end)
        if head is None:
            return None
        self._at = end + len(_END)
        return int(head[1], 16)

    def take(self, size: int) -> bytes:
        """At least one byte, at most `size`; none where the other side has closed."""
        if self._at == len(self._data):
            self._read_on()
        part = self._data[self._at : self._at + size]
        self._at += len(part)
        return part

    def take_end(self) -> bool:
        """Whether the end of a line comes; it is taken then."""
        while (end := self._data[self._at : self._at + len(_END)]) != _END:
            if not _END.startswith(end) or not self._read_on():
                return False
        self._at += len(_END)
        return True

    def rest(self) -> bytes:
        """What was not taken."""
        return self._data[self._at :]

    def _read_on(self) -> bool:
        part = self._connection.receive()
        self._data, self._at = self.rest() + part, 0
        return bool(part)


def read_chunks(connection: Connection, data: bytes, *, can_stay: bool) -> Iterator[bytes]:
    """A body in chunks, without their heads. Raises WireError.

    All that is uncommon, trailers and a body that is cut short too, is read by h11.
    """
    incoming = _Incoming(connection, data)
    taken = b""  # what was taken of a chunk that h11 has to read, or something like it
    while size := incoming.read_size():
        while size and (part := incoming.take(size)):
            size -= len(part)
            yield part
        taken = b"%x\r\n" % size if size else b"1\r\n."
        if size or not incoming.take_end():
            break
        taken = b""
    else:
        if size == 0:
            taken = b"0\r\n"
            if incoming.take_end():
                connection.finish(can_stay=can_stay and not incoming.rest())
                return
    yield from _read_closely(connection, taken + incoming.rest(), can_stay=can_stay)


def _read_closely(connection: Connection, data: bytes, *, can_stay: bool) -> Iterator[bytes]:
    """What follows in a body in chunks."""
    from pytest_amberflo.http.dialogue import Dialogue  # noqa: PLC0415  costly, and rare

    head = _CHUNKED if can_stay else _CHUNKED + b"Connection: close\r\n"
    return Dialogue.join("GET").read(connection, head + _END + data).parts
