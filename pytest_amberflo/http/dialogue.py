"""A request and its answer to the letter of HTTP/1.1, as h11 writes and reads them.

It is for all that is out of the ordinary, and for saying what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11

from pytest_amberflo.http.answer import Answer, read_raw
from pytest_amberflo.http.connection import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.http.connection import Connection

_LONGEST_HEAD: Final = 100 * 1024


class Dialogue:
    """One request, then its answer."""

    def __init__(self) -> None:
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)

    @classmethod
    def join(cls, method: str) -> Dialogue:
        """One whose request, of this method, was written by others; its answer is to be read."""
        dialogue = cls()
        dialogue.write(method, b"/", [(b"Host", b"any")])
        return dialogue

    def write(
        self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b""
    ) -> bytes:
        """The bytes of a request. Raises WireError where it breaks the rules."""
        try:
            return b"".join(
                (
                    self._state.send(h11.Request(method=method, target=target, headers=headers)),
                    self._state.send(h11.Data(data=body)),
                    self._state.send(h11.EndOfMessage()),
                )
            )
        except h11.LocalProtocolError as error:
            raise WireError("LocalProtocolError", str(error)) from None

    def read(self, connection: Connection, data: bytes = b"") -> Answer:
        """The answer, of which `data` has come already. Raises WireError."""
        if data:
            self._state.receive_data(data)
        while True:
            event = self._next_event(connection)
            is_switch = isinstance(event, h11.InformationalResponse) and event.status_code == 101
            if is_switch or isinstance(event, h11.Response):
                break
        assert isinstance(event, h11.Response | h11.InformationalResponse)
        return Answer(
            version=b"HTTP/" + event.http_version,
            status=event.status_code,
            reason=event.reason,
            headers=read_raw(event.headers.raw_items()),
            parts=self._read_parts(connection),
        )

    def _read_parts(self, connection: Connection) -> Iterator[bytes]:
        while True:
            event = self._next_event(connection)
            if not isinstance(event, h11.Data):
                break
            yield bytes(event.data)
        is_done = self._state.our_state is h11.DONE and self._state.their_state is h11.DONE
        rest, is_closed = self._state.trailing_data
        connection.finish(can_stay=is_done and not rest and not is_closed)

    def _next_event(self, connection: Connection) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._state.next_event()
            except h11.RemoteProtocolError as error:
                raise WireError("RemoteProtocolError", str(error)) from None
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            data = connection.receive()
            if not data and self._state.their_state is h11.SEND_RESPONSE:
                raise WireError(
                    "RemoteProtocolError", "Server disconnected without sending a response."
                )
            self._state.receive_data(data)
