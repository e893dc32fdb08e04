"""Stores of the first version are brought up to date, once, with every record in them."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from unit.server.conftest import open_client

from pytest_amberflo.server.errors import StoreRefusedError
from pytest_amberflo.server.keyring import Keyring
from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.server.store import Store
from pytest_amberflo.server.storefile import APPLICATION_ID, SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "key-of-the-first-tenant"
_FIRST = """
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


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as version 1 has left it, its log not yet worked into the file."""
    path = tmp_path / "old.sqlite"
    tenant = Keyring([_KEY]).find_tenant(_KEY.encode())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
        connection.execute(_FIRST)
        connection.execute("PRAGMA journal_mode=WAL")
        rows = [(tenant, "m", 5, 0 if n % 2 else "c", 0, f'{{"n":"{n}"}}', n) for n in range(500)]
        connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return path


def test_every_record_is_still_there(old: Path) -> None:
    """Counted as before, known as a duplicate, and the server works on as on a new store."""
    for _ in range(2):
        with EmbeddedServer([_KEY], old) as server, open_client(server.url) as client:
            event = {"meterApiName": "m", "meterValue": 3, "meterTimeInMillis": 5}
            known = event | {"dimensions": {"n": "3"}}
            assert client.post("/ingest", json=known).status_code == 200
            query = {"meterApiName": "m", "timeRange": {"startTimeInSeconds": 0}}
            query["timeGroupingInterval"] = "month"
            (group,) = client.post("/usage/sparse", json=query).json()["clientMeters"]
            assert group["groupValue"] == sum(range(500))
            client.post("/customers", json={"customerId": "c", "customerName": "C"})
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert tables == {"record", "cancellation", "document", "setting"}


def test_several_may_open_an_old_store_at_once(old: Path) -> None:
    """One of them does it, and the others wait."""
    faults: list[Exception] = []

    def open_store() -> None:
        try:
            Store.open(old, is_kept=True).close()
        except (StoreRefusedError, sqlite3.Error) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=open_store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT count(*), sum(copies) FROM record").fetchone() == (
            500,
            500,
        )


def test_an_old_store_that_is_none_is_left_alone(tmp_path: Path) -> None:
    """A file that says it is one, and has no records, is refused as it is."""
    path = tmp_path / "odd.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreRefusedError, match="no such table"):
        Store.open(path, is_kept=True)
    assert path.read_bytes() == before
