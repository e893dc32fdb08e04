"""Whose file it is: stores, stores to be, and files that are neither."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_amberflo.server.errors import StoreRefusedError
from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.server.store import Store
from pytest_amberflo.server.storefile import APPLICATION_ID, check_store_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_KEY = "key-of-the-first-tenant"
_HEADERS = {"X-API-KEY": _KEY}


def _make_database(path: Path, *pragmas: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE somebody_elses (x)")
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.commit()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_text("hello"), "it is no SQLite file"),
        (lambda path: path.write_bytes(bytes(4096)), "it is no SQLite file"),
        (lambda path: path.mkdir(), "directory"),
        (_make_database, "it is an SQLite file of another application"),
        (
            lambda path: _make_database(path, "application_id=5", "user_version=1"),
            "it is an SQLite file of another application",
        ),
        (
            lambda path: _make_database(path, f"application_id={APPLICATION_ID}"),
            "its schema has version 0, this server reads 1 to 2",
        ),
        (
            lambda path: _make_database(
                path, f"application_id={APPLICATION_ID}", "user_version=7"
            ),
            "its schema has version 7, this server reads 1 to 2",
        ),
    ],
    ids=["text", "zeros", "folder", "foreign", "other-id", "old", "new"],
)
def test_other_files_are_refused_at_start(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    """A file that is no store of this version is named with the reason, and left as it is."""
    store = tmp_path / "other"
    make(store)
    before = store.read_bytes() if store.is_file() else None
    server = EmbeddedServer([_KEY], store)
    with pytest.raises(StoreRefusedError) as caught:
        server.start()
    assert str(store) in str(caught.value)
    assert reason.lower() in str(caught.value).lower()
    with pytest.raises(StoreRefusedError):
        Store.open(store, is_kept=True)
    assert before == (store.read_bytes() if store.is_file() else None)
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """No folder is made for a store, it is more likely a typing error."""
    with pytest.raises(StoreRefusedError, match="its folder does not exist"):
        EmbeddedServer([_KEY], tmp_path / "no" / "usage.sqlite").start()


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    """A file made in advance, for its rights, becomes the store."""
    store = tmp_path / "usage.sqlite"
    store.touch()
    with (
        EmbeddedServer([_KEY], store) as server,
        httpx.Client(base_url=server.url, headers=_HEADERS, verify=False) as client,
    ):
        assert client.post("/ingest", json=[]).is_success
    check_store_file(store)
    assert store.read_bytes()[:6] == b"SQLite"
