"""The connections of a run for plain requests, kept for a moment to be used again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from pytest_amberflo.http.connection import Connection, WireError

if TYPE_CHECKING:
    from pytest_amberflo.http.connection import Address

#: Below the idle limits of common servers (5 s), so that none closes a connection as it is used.
KEEP_ALIVE_S: Final = 2.0
MOST_OPEN: Final = 100
MOST_KEPT: Final = 20


class Pool:
    """Connections that several threads share; each is used by one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0
        self._kept: list[Connection] = []
        self._open = 0
        self._is_closed = False

    def connect(self, address: Address, deadline: float) -> Connection:
        """A connection to send one request over, kept or new, to be used by `with`.

        A request is never sent twice: a kept connection that the server has closed is noticed
        before. Raises WireError, and UnicodeError for a host that can be none.
        """
        with self._lock:
            kept = self._claim(address, deadline)
        if kept is not None:
            kept.deadline = deadline
            return kept
        try:
            return Connection(self, address, deadline)
        except BaseException:
            with self._lock:
                self._open -= 1
                self._tell()
            raise

    def take_back(self, connection: Connection) -> None:
        """Keep a connection, or close it where no other request may follow its last answer."""
        with self._lock:
            if connection.is_done and not self._is_closed and len(self._kept) < MOST_KEPT:
                connection.expires_at = time.monotonic() + KEEP_ALIVE_S
                self._kept.append(connection)
            else:
                self._close(connection)
            self._tell()

    def close(self) -> None:
        """Close the kept connections now, and those in use when they come back."""
        with self._lock:
            self._is_closed = True
            while self._kept:
                self._close(self._kept.pop())

    def _claim(self, address: Address, deadline: float) -> Connection | None:
        """A kept connection that is good, or None where a new one is to be made."""
        while True:
            now = time.monotonic()
            while self._kept and self._kept[0].expires_at < now:
                self._close(self._kept.pop(0))
            for kept in self._kept[:]:
                if kept.address != address:
                    continue
                self._kept.remove(kept)
                if not kept.is_readable():
                    return kept
                self._close(kept)
            if self._open < MOST_OPEN:
                self._open += 1
                return None
            if self._kept:
                self._kept.pop(0).close()  # the new one takes its place
                return None
            self._waiting += 1
            try:
                is_told = self._changed.wait(max(0.0, deadline - now))
            finally:
                self._waiting -= 1
            if not is_told:
                raise WireError("PoolTimeout", "no connection became free")

    def _tell(self) -> None:
        """Tell one who waits that there may be a connection."""
        if self._waiting:
            self._changed.notify()

    def _close(self, connection: Connection) -> None:
        self._open -= 1
        connection.close()
