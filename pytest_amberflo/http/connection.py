"""A connection for plain requests: a socket whose every step ends by the deadline."""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.http.pool import Pool

#: A host and its port. A host as bytes is looked up as it is; as a text it goes through the
#: codec of international names, whose import takes 15 ms.
Address = tuple[str | bytes, int]

CONNECT_S: Final = 5.0
_READ_BYTES: Final = 65_536
#: Waiting goes on after it; the system counts milliseconds in 31 bits.
_LONGEST_WAIT_S: Final = 3600.0


class WireError(Exception):
    """What went wrong on the wire; `kind` is the name that httpcore gives it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Connection:
    """A connection that `pool` has given out; it goes back there at the end of a `with`.

    The limit is `deadline` (monotonic s) for all that is sent and received.
    """

    def __init__(self, pool: Pool, address: Address, deadline: float) -> None:
        """Connect. Raises WireError, and UnicodeError for a host that can be none."""
        self.address = address
        self.deadline = deadline
        self.expires_at = 0.0
        #: Whether the last answer was read to its end, and another request may follow it.
        self.is_done = False
        self._pool = pool
        self._is_cut = False
        self._socket = _connect(address, self._measure_rest("ConnectTimeout"))
        self._wait_readable = _watch(self._socket)

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back to its pool."""
        self._pool.take_back(self)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed."""
        return self._wait_readable(0)

    def send(self, data: bytes) -> None:
        """Send all of it, or what the other side takes of it before it closes.

        A server may answer and close before it has read all: its answer counts. Raises WireError
        where time runs out.
        """
        self.is_done = False
        sent = 0
        try:
            while sent < len(data):
                left = self._measure_rest("WriteTimeout")
                try:
                    sent += self._socket.send(memoryview(data)[sent:] if sent else data)
                except BlockingIOError:
                    _watch(self._socket, for_writing=True)(min(left, _LONGEST_WAIT_S))
        except TimeoutError as error:
            raise WireError("WriteTimeout", str(error)) from None
        except OSError:
            self._is_cut = True

    def receive(self) -> bytes:
        """What has come, nothing if the other side has closed. Raises WireError."""
        try:
            while True:
                left = self._measure_rest("ReadTimeout")
                if self._wait_readable(min(left, _LONGEST_WAIT_S)):
                    try:
                        return self._socket.recv(_READ_BYTES)
                    except BlockingIOError:
                        continue
        except TimeoutError as error:
            raise WireError("ReadTimeout", str(error)) from None
        except OSError as error:
            raise WireError("ReadError", str(error)) from None

    def finish(self, *, can_stay: bool) -> None:
        """Note that an answer has ended, and whether another request may follow it."""
        self.is_done = can_stay and not self._is_cut

    def _measure_rest(self, kind: str) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise WireError(kind, "the time for the whole request is over")
        return left


def _connect(address: Address, limit_s: float) -> socket.socket:
    try:
        # Its own typing knows hosts as texts only.
        made = socket.create_connection(address, min(limit_s, CONNECT_S))  # type: ignore[arg-type]
    except TimeoutError as error:
        raise WireError("ConnectTimeout", str(error)) from None
    except OSError as error:
        raise WireError("ConnectError", str(error)) from None
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise WireError("ConnectError", str(error)) from None
    return made


def _watch(watched: socket.socket, *, for_writing: bool = False) -> Callable[[float], bool]:
    """A function that waits at most so many seconds and tells whether a socket is ready."""
    if not hasattr(select, "poll"):
        reading, writing = ([], [watched]) if for_writing else ([watched], [])
        return lambda seconds: any(select.select(reading, writing, [], seconds))
    poller = select.poll()
    poller.register(watched, select.POLLOUT if for_writing else select.POLLIN)
    return lambda seconds: bool(poller.poll(seconds * 1000))
