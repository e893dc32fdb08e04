"""The store: one table of raw records in an SQLite file.

The primary key of the table is the dedup key, all attributes of a record, and the table is
stored in its order (`WITHOUT ROWID`): a record is written once, not once for the table and once
for an index, and a usage query reads one stretch of it.

What `Store.add` has returned from is on disk (a store that keeps) or at least in the system's
hands (one that is thrown away). Several processes may use one file.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Final, Self

from pytest_amberflo.server.errors import StoreRefusedError
from pytest_amberflo.server.storefile import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    check_identity,
    check_store_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_amberflo.server.record import Record

_LOGGER: Final = logging.getLogger(__name__)

#: How long opening and reading wait for another process, in seconds. Writing does not wait: it
#: runs in the event loop, which asks again instead (see `pytest_amberflo.server.journal`).
_PATIENCE_S: Final = 5.0

# `customer` and `unique_id` have no type, so that ABSENT stays a number beside the texts.
_CREATE_TABLE: Final = """
CREATE TABLE record (
    tenant INTEGER NOT NULL,
    meter TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    customer NOT NULL,
    unique_id NOT NULL,
    dimensions TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (tenant, meter, time_ms, customer, unique_id, dimensions, value)
) WITHOUT ROWID
"""
#: Rows in one statement where there are many: a third less time than one by one. Their
#: parameters stay below the 999 that every SQLite takes.
_ROWS_AT_ONCE: Final = 50


def _write_insert(row_count: int) -> str:
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * row_count)
    return f"INSERT INTO record VALUES {rows} ON CONFLICT DO NOTHING"  # noqa: S608 - no input


_INSERT_ONE: Final = _write_insert(1)
_INSERT_MANY: Final = _write_insert(_ROWS_AT_ONCE)


class StoreLockedError(Exception):
    """Another process writes at this moment; the same call may go well a little later."""


class StoreUnwritableError(Exception):
    """The records could not be written; none of them is known to be stored."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Store:
    """A store that is open for writing. It is used by the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path, *, is_kept: bool) -> Self:
        """The store in a file, which is made if it is not there.

        `is_kept`: whether a record must outlive a crash of the machine; one that is thrown away
        need not. Raises StoreRefusedError for a file that is not a store of this version.
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
        except sqlite3.Error as error:
            connection.close()
            raise StoreRefusedError(path=path, reason=str(error)) from error
        except StoreRefusedError:
            connection.close()
            raise
        return cls(connection, path)

    def open_reader(self) -> sqlite3.Connection:
        """A second connection, for reading, which any one thread at a time may use."""
        reader = sqlite3.connect(
            self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        reader.execute("PRAGMA query_only=ON")
        return reader

    def add(self, records: Sequence[Record]) -> None:
        """Store records in one transaction; those that are there already change nothing.

        Raises StoreLockedError and StoreUnwritableError; then none of them is stored, unless
        the disk failed at the very end, which nobody can tell.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            rest = len(records) % _ROWS_AT_ONCE
            for start in range(rest, len(records), _ROWS_AT_ONCE):
                rows = records[start : start + _ROWS_AT_ONCE]
                connection.execute(_INSERT_MANY, tuple(chain.from_iterable(rows)))
            connection.executemany(_INSERT_ONE, records[:rest])
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Errors that Python's own layer raises have no code.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise StoreLockedError from error
            _LOGGER.debug("store %s: %s", self._path, error)
            raise StoreUnwritableError(str(error)) from error
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            # A disk that fails may refuse this as well; the next transaction then says so.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the table if the file is new, else check whose it is."""
    if _is_empty(connection):
        # In the journal mode of a new file, so that the whole header is in the file itself and
        # not in a WAL beside it as soon as there is anything.
        connection.execute("BEGIN IMMEDIATE")
        if _is_empty(connection):
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute(_CREATE_TABLE)
        connection.execute("COMMIT")
    application_id = _read_integer(connection, "PRAGMA application_id")
    version = _read_integer(connection, "PRAGMA user_version")
    check_identity(path, application_id=application_id, version=version)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()


def _is_empty(connection: sqlite3.Connection) -> bool:
    return _read_integer(connection, "SELECT count(*) FROM sqlite_master") == 0


def _read_integer(connection: sqlite3.Connection, statement: str) -> int:
    value: int = connection.execute(statement).fetchone()[0]
    return value
