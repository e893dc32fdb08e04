"""Answers as bytes of HTTP/1.1."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.message import Ending

if TYPE_CHECKING:
    from pytest_amberflo.server.message import Answer, Request

#: Told to a client that waits with its body.
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

#: The answer to CONNECT has no length: what follows is another conversation.
_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}


def render_answer(
    answer: Answer, *, request: Request | None, date: str | None, is_last: bool
) -> bytes:
    """The bytes that answer a request, head and body in one piece.

    `date` is the text of the header Date, where there is one; `is_last` says that the connection
    closes after this answer.
    """
    if answer.ending is Ending.TUNNEL:
        return _ESTABLISHED
    head = (
        f"{_STATUS_LINES[answer.status]}"
        f"Content-Type: {answer.media_type}\r\nContent-Length: {len(answer.body)}\r\n"
    )
    if date is not None:
        head += f"Date: {date}\r\n"
    for name, value in answer.headers:
        head += f"{name}: {value}\r\n"
    if is_last:
        head += "Connection: close\r\n"
    elif request is not None and request.http_version == "1.0":
        head += "Connection: keep-alive\r\n"
    encoded = f"{head}\r\n".encode("ascii")
    if request is not None and request.method == "HEAD":
        return encoded
    return encoded + answer.body
