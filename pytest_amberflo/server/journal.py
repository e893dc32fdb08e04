"""Group commit: what arrives in one turn of the event loop is written in one transaction.

Other work on the store is done in a transaction of its own, in the order in which it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.refusal import Refusal, refuse_fault, refuse_store
from pytest_amberflo.server.store import StoreLockedError, StoreUnwritableError

if TYPE_CHECKING:
    import asyncio
    import sqlite3

    from pytest_amberflo.server.store import Delivery, Store

#: How soon a locked store is tried again, in seconds. The lock of a well-behaved neighbour is
#: over in a few milliseconds.
_RETRY_S: Final = 0.002

#: Told once the records are on disk (None) or why they are not.
Settle = Callable[[Refusal | None], None]


#: Told the outcome of work, or why it was not done.
Finish = Callable[[Any, Refusal | None], None]


@dataclass(slots=True)
class _Entry:
    delivery: Delivery
    settle: Settle
    #: When the store was first found locked, on the loop's clock.
    locked_since: float | None = None


class Journal:
    """Collects records and writes them at the end of the loop's turn.

    Belongs to the event loop's thread, which is blocked while SQLite writes: whoever sends in
    the meantime is in the next turn, and so in one transaction with all the others. A thread of
    its own would be slower, it would fight for the interpreter's lock at every single row.
    """

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, *, lock_s: float) -> None:
        #: Called after every transaction that has brought records.
        self.notify: Callable[[], None] = _ignore
        self._store = store
        self._loop = loop
        self._lock_s = lock_s
        self._entries: list[_Entry] = []
        #: Whether what is added waits for `flush` and not for the end of the turn.
        self.is_held = False
        self._is_scheduled = False

    def add(self, delivery: Delivery, settle: Settle) -> None:
        """Have records written; `settle` is called once, after the transaction has ended."""
        if not (self._is_scheduled or self.is_held):
            self._is_scheduled = True
            self._loop.call_soon(self._write)
        self._entries.append(_Entry(delivery, settle))

    def flush(self) -> bool:
        """Write now what was added while `is_held`; False if there is none.

        A turn of the loop is as long as it takes to read a small request.
        """
        if not self._entries or self._is_scheduled:
            return False
        self._write()
        return True

    def run(self, work: Callable[[sqlite3.Connection], Any], finish: Finish) -> None:
        """Have work done on the store in one transaction; `finish` is called once."""
        self._run(work, finish, self._loop.time())

    def _run(
        self, work: Callable[[sqlite3.Connection], Any], finish: Finish, since: float
    ) -> None:
        outcome: Any = None
        refusal: Refusal | None = refuse_fault()
        try:
            outcome = self._store.transact(work)
            refusal = None
        except StoreLockedError:
            if self._loop.time() - since < self._lock_s:
                self._loop.call_later(_RETRY_S, self._run, work, finish, since)
                return
            refusal = refuse_store("another process has locked it")
        except StoreUnwritableError as error:
            refusal = refuse_store(error.reason)
        except Refusal as reason:
            refusal = reason
        except BaseException:
            # Nobody is left waiting, and whoever stops the server is told.
            finish(None, refusal)
            raise
        finish(outcome, refusal)

    def _write(self) -> None:
        self._is_scheduled = False
        entries, self._entries = self._entries, []
        self._commit(entries)

    def _commit(self, entries: list[_Entry]) -> None:
        """Write requests in one transaction, or where that fails each in its own."""
        settled = entries
        refusal: Refusal | None = None
        try:
            self._store.deliver([entry.delivery for entry in entries])
        except StoreLockedError:
            settled = []
            self._postpone(entries)
        except StoreUnwritableError as error:
            if len(entries) > 1:
                # A small request may fit where a large one does not.
                settled = []
                for entry in entries:
                    self._commit([entry])
            refusal = refuse_store(error.reason)
        except BaseException:
            refusal = refuse_fault()
            raise
        finally:
            # Whatever happened, nobody is left waiting.
            for entry in settled:
                entry.settle(refusal)
            if settled and refusal is None:
                self.notify()

    def _postpone(self, entries: list[_Entry]) -> None:
        now = self._loop.time()
        waiting = []
        for entry in entries:
            if entry.locked_since is None:
                entry.locked_since = now
            if now - entry.locked_since < self._lock_s:
                waiting.append(entry)
            else:
                entry.settle(refuse_store("another process has locked it"))
        if waiting and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_later(_RETRY_S, self._write)
        self._entries = waiting + self._entries


def _ignore() -> None:
    """Tell nobody."""
