"""The tables of a store, and how those of older versions become today's.

`record` is written once per record: its primary key is all that was sent of it, and the table is
stored in that order (`WITHOUT ROWID`), so that a record is not written a second time for an
index and a usage query reads one stretch of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.record import CANCEL_MARK

if TYPE_CHECKING:
    import sqlite3

#: SQL: whether a row of `record` cancels another one.
IS_CANCEL: Final = f"instr(dimensions, '{CANCEL_MARK}') > 0"

# `customer` and `unique_id` have no type, so that ABSENT stays a number beside the texts.
# `received_us` is the moment of arrival by the server's clock, the first of all copies; later
# arrivals of one process have later moments. `lag_us` is how long after it a record shows.
_RECORD: Final = """
CREATE TABLE record (
    tenant INTEGER NOT NULL,
    meter TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    customer NOT NULL,
    unique_id NOT NULL,
    dimensions TEXT NOT NULL,
    value REAL NOT NULL,
    received_us INTEGER NOT NULL,
    lag_us INTEGER NOT NULL,
    copies INTEGER NOT NULL,
    PRIMARY KEY (tenant, meter, time_ms, customer, unique_id, dimensions, value)
) WITHOUT ROWID
"""
#: Only the few records that cancel others are in it, and it costs the rest next to nothing.
_CANCELLATION: Final = f"""
CREATE INDEX cancellation ON record (tenant, meter, customer, unique_id) WHERE {IS_CANCEL}
"""
#: Customers, meters, plans and whatever else is JSON under a name.
_DOCUMENT: Final = """
CREATE TABLE document (
    tenant INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) WITHOUT ROWID
"""
#: What holds for the whole store.
_SETTING: Final = "CREATE TABLE setting (name TEXT PRIMARY KEY, value) WITHOUT ROWID"


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty store, within the caller's transaction."""
    for statement in (_RECORD, _CANCELLATION, _DOCUMENT, _SETTING):
        connection.execute(statement)


def migrate_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of version 1 into today's, within the caller's transaction.

    Version 1 had the records only, and did not say when they arrived: long ago, then.
    """
    connection.execute("ALTER TABLE record RENAME TO record_1")
    create_tables(connection)
    connection.execute("INSERT INTO record SELECT *, 0, 0, 1 FROM record_1")
    connection.execute("DROP TABLE record_1")
