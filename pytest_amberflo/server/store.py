"""The store: raw records and documents in an SQLite file.

What `Store.add` has returned from is on disk (a store that keeps) or at least in the system's
hands (one that is thrown away). Several processes may use one file. The tables are in
`pytest_amberflo.server.schema`.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeVar

from pytest_amberflo.server.clock import ServerClock
from pytest_amberflo.server.errors import StoreRefusedError
from pytest_amberflo.server.schema import create_tables, migrate_tables
from pytest_amberflo.server.storefile import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    check_identity,
    check_store_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_amberflo.server.record import Record

_LOGGER: Final = logging.getLogger(__name__)
_Result = TypeVar("_Result")

#: How long opening and reading wait for another process, in seconds. Writing does not wait: it
#: runs in the event loop, which asks again instead (see `pytest_amberflo.server.journal`).
_PATIENCE_S: Final = 5.0

_WIDTH: Final = 7


def _write_insert(row_count: int) -> str:
    """The statement that adds rows. It takes arrival, lag and copies, and then their values.

    Its parameters have no numbers, which early releases of Python 3.12 warn of.
    """
    marks = "?, " * _WIDTH
    rows = ", ".join(f"({marks}{row})" for row in range(row_count))
    values = ", ".join(f"column{number + 1}" for number in range(_WIDTH))
    return (
        f"INSERT INTO record SELECT {values}, ? + column{_WIDTH + 1}, ?, ?"  # noqa: S608 - no input
        f" FROM (VALUES {rows}) WHERE true"
        " ON CONFLICT DO UPDATE SET copies = copies + excluded.copies"
    )


#: Rows in one statement, and the statement, from most to least: ten at once take two thirds of
#: the time of ten one by one, a hundred six tenths. Their parameters stay below the 999 that every
#: SQLite takes.
_INSERTS: Final = tuple((count, _write_insert(count)) for count in (100, 10, 1))


class StoreLockedError(Exception):
    """Another process writes at this moment; the same call may go well a little later."""


class StoreUnwritableError(Exception):
    """Nothing could be written; what was to be is not known to be stored."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Delivery(NamedTuple):
    """Records that arrive together."""

    records: Sequence[Record]
    #: How long they stay out of sight, in microseconds.
    lag_us: int = 0
    #: How often each of them arrives.
    copies: int = 1


class Store:
    """A store that is open for writing. It is used by the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._last_us = 0
        self.clock = ServerClock(read_lead(connection))

    @classmethod
    def open(cls, path: Path, *, is_kept: bool) -> Self:
        """The store in a file, which is made if it is not there, and brought up to date.

        `is_kept`: whether a record must outlive a crash of the machine; one that is thrown away
        need not. Raises StoreRefusedError for a file that is no store, or of a later version.
        """
        check_store_file(path)
        try:
            connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreRefusedError(path=path, reason=str(error)) from error
        try:
            _prepare(connection, path)
            connection.execute(f"PRAGMA synchronous={'FULL' if is_kept else 'NORMAL'}")
            connection.execute("PRAGMA busy_timeout=0")
            return cls(connection, path)
        except sqlite3.Error as error:
            connection.close()
            raise StoreRefusedError(path=path, reason=str(error)) from error
        except StoreRefusedError:
            connection.close()
            raise

    def open_reader(self) -> sqlite3.Connection:
        """A second connection, for reading, which any one thread at a time may use."""
        reader = sqlite3.connect(
            self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        reader.execute("PRAGMA query_only=ON")
        return reader

    def add(self, records: Sequence[Record]) -> None:
        """Store records in one transaction; see `deliver`."""
        self.deliver([Delivery(records)])

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Store records in one transaction; those that are there already are counted, no more.

        Raises StoreLockedError and StoreUnwritableError; then none of them is stored, unless
        the disk failed at the very end, which nobody can tell.
        """
        self.transact(partial(self._insert, deliveries))

    def transact(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Do work on the store in one transaction; nothing of it stays if it raises.

        Raises StoreLockedError, StoreUnwritableError and whatever `work` raises.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Errors that Python's own layer raises have no code.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise StoreLockedError from error
            _LOGGER.debug("store %s: %s", self._path, error)
            raise StoreUnwritableError(str(error)) from error
        finally:
            if connection.in_transaction:
                # A disk that fails may refuse this as well; the next transaction then says so.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
        return result

    def step_clock(self, seconds: float) -> None:
        """Step the clock forward, and keep it so. Raises as `transact`, and ClockRangeError."""
        lead_us = self.clock.lead_us

        def step(connection: sqlite3.Connection) -> None:
            self.clock.follow(read_lead(connection))
            self.clock.advance(seconds)
            row = ("clock_lead_us", self.clock.lead_us)
            connection.execute("REPLACE INTO setting VALUES (?, ?)", row)

        try:
            self.transact(step)
        except (StoreLockedError, StoreUnwritableError):
            self.clock.lead_us = lead_us
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _insert(self, deliveries: Sequence[Delivery], connection: sqlite3.Connection) -> None:
        for delivery in deliveries:
            records, lag_us, copies = delivery
            first_us = self._reserve(len(records))
            start = 0
            for count, statement in _INSERTS:
                while start + count <= len(records):
                    rows = chain.from_iterable(records[start : start + count])
                    connection.execute(statement, (first_us + start, lag_us, copies, *rows))
                    start += count

    def _reserve(self, count: int) -> int:
        """The first of `count` moments of arrival, all later than any before."""
        first_us = max(self._last_us + 1, self.clock.now_us())
        self._last_us = first_us + count
        return first_us


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables if the file is new, else check whose it is and bring it up to date."""
    if _is_empty(connection):
        # In the journal mode of a new file, so that the whole header is in the file itself and
        # not in a WAL beside it as soon as there is anything.
        connection.execute("BEGIN IMMEDIATE")
        if _is_empty(connection):
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            create_tables(connection)
        connection.execute("COMMIT")
    if _check_version(connection, path) < SCHEMA_VERSION:
        # Another process may be about to do the same.
        connection.execute("BEGIN IMMEDIATE")
        if _check_version(connection, path) < SCHEMA_VERSION:
            migrate_tables(connection)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL").fetchone()


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    application_id = _read_integer(connection, "PRAGMA application_id")
    version = _read_integer(connection, "PRAGMA user_version")
    check_identity(path, application_id=application_id, version=version)
    return version


def _is_empty(connection: sqlite3.Connection) -> bool:
    return _read_integer(connection, "SELECT count(*) FROM sqlite_master") == 0


def read_lead(connection: sqlite3.Connection) -> int:
    """How far the clock of a store has been stepped, in microseconds, by whichever process."""
    statement = "SELECT value FROM setting WHERE name = 'clock_lead_us'"
    row = connection.execute(statement).fetchone()
    return 0 if row is None else int(row[0])


def _read_integer(connection: sqlite3.Connection, statement: str) -> int:
    value: int = connection.execute(statement).fetchone()[0]
    return value
