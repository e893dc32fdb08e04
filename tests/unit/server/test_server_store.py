"""The store: what is on disk, and what happens when it cannot be written."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.limits import Limits
from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.server.store import Store, StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.server.conftest import RawClient

    from pytest_amberflo.server.record import Record

_KEY = "key-of-the-first-tenant"
_HEADERS = {"X-API-KEY": _KEY}
_WAL_HEADER = 32
_FRAME_HEADER = 24


def _query(meter: str, aggregation: str = "COUNT") -> dict[str, Any]:
    return {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": aggregation,
        "timeGroupingInterval": "DAY",
    }


def _open_client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=_HEADERS, verify=False)


def _count(client: httpx.Client, meter: str) -> int:
    groups = client.post("/usage", json=_query(meter)).json()
    found: list[dict[str, Any]] = groups["clientMeters"][meter]
    return int(found[0]["records"][0]["1718150400"]) if found else 0


def _count_commits(store: Path) -> int:
    """The transactions that a write-ahead log holds: their last frames carry the file's size."""
    data = store.with_name(store.name + "-wal").read_bytes()
    page_size = int.from_bytes(data[8:12], "big")
    frames = range(_WAL_HEADER, len(data), _FRAME_HEADER + page_size)
    return sum(data[start + 4 : start + 8] != bytes(4) for start in frames)


def test_events_outlive_the_server(
    tmp_path: Path, make_event: Callable[..., dict[str, Any]], meter: str
) -> None:
    """A named store keeps its events, and their replay after a restart does not count."""
    store = tmp_path / "usage.sqlite"
    for expected in (2, 3):
        with EmbeddedServer([_KEY], store) as server, _open_client(server.url) as client:
            events = [make_event(uniqueId=str(n)) for n in range(expected)]
            assert client.post("/ingest", json=events).is_success
            assert _count(client, meter) == expected
    assert [file.name for file in tmp_path.iterdir()] == ["usage.sqlite"]


def test_what_arrives_together_is_one_transaction(
    tmp_path: Path,
    make_event: Callable[..., dict[str, Any]],
    open_raw: Callable[[EmbeddedServer], RawClient],
    meter: str,
) -> None:
    """Many requests in one piece cost one commit; wrong ones among them harm nobody."""
    store = tmp_path / "usage.sqlite"
    with EmbeddedServer([_KEY], store) as server, _open_client(server.url) as client:
        raw = open_raw(server)
        raw.post("/ingest", make_event(uniqueId="first"))
        assert raw.read()[0] == 200
        before = _count_commits(store)
        requests = []
        for n in range(50):
            requests.append(raw.render_post("/ingest", make_event(uniqueId=str(n))))
            requests.append(raw.render_post("/ingest", make_event(meterValue=None)))
        raw.send(b"".join(requests))
        assert [raw.read()[0] for _ in requests] == [200, 400] * 50
        assert _count_commits(store) - before <= 2
        assert _count(client, meter) == 51


def test_two_processes_share_a_file(
    tmp_path: Path,
    make_event: Callable[..., dict[str, Any]],
    run_server: Callable[..., Any],
    meter: str,
) -> None:
    """Servers on one file take events at the same time, each once, and see each other's."""
    store = tmp_path / "usage.sqlite"
    arguments = ("--port", "0", "--store", str(store), "--api-key", _KEY, "--quiet")
    statuses: list[int] = []

    def send(url: str) -> None:
        with _open_client(url) as client:
            for n in range(150):
                answer = client.post("/ingest", json=make_event(uniqueId=str(n)))
                statuses.append(answer.status_code)

    with run_server(*arguments) as first, run_server(*arguments) as second:
        threads = [
            threading.Thread(target=send, args=(command.url,))
            for command in (first, second)
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 600
        for command in (first, second):
            with _open_client(command.url) as client:
                assert _count(client, meter) == 150


def test_processes_may_start_together_on_a_new_file(tmp_path: Path) -> None:
    """Whoever comes second finds the table that the first one makes."""
    script = (
        "import sys; from pathlib import Path; from pytest_amberflo.server.store import Store;"
        "sys.stdin.read(1); Store.open(Path(sys.argv[1]), is_kept=True).close()"
    )
    package = Path(sys.modules[Store.__module__].__file__ or "").parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "usage.sqlite")],
            stdin=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(package)},
        )
        for _ in range(4)
    ]
    for process in processes:
        process.communicate(b"!")
    assert [process.returncode for process in processes] == [0] * 4


def test_a_locked_store_is_waited_for(
    tmp_path: Path,
    make_event: Callable[..., dict[str, Any]],
    open_raw: Callable[[EmbeddedServer], RawClient],
    meter: str,
) -> None:
    """A neighbour's transaction delays an answer; what needs no lock is answered meanwhile."""
    store = tmp_path / "usage.sqlite"
    with (
        EmbeddedServer([_KEY], store, limits=Limits(lock_s=10)) as server,
        _open_client(server.url) as client,
    ):
        assert client.get("/health").is_success
        sender = open_raw(server)
        with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as neighbour:
            neighbour.execute("BEGIN IMMEDIATE")
            sender.post("/ingest", make_event())
            # A client that has said everything still listens.
            sender.socket.shutdown(socket.SHUT_WR)
            for _ in range(20):
                assert client.get("/health").is_success
                assert _count(client, meter) == 0
            sender.socket.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sender.read()
            neighbour.execute("COMMIT")
        sender.socket.settimeout(10)
        assert sender.read()[0] == 200
        assert _count(client, meter) == 1


def test_a_store_that_stays_locked_is_refused(
    tmp_path: Path, make_event: Callable[..., dict[str, Any]], meter: str
) -> None:
    """After a while the answer is 503, nothing is stored, and the next request may do better."""
    store = tmp_path / "usage.sqlite"
    with (
        EmbeddedServer([_KEY], store, limits=Limits(lock_s=0.05)) as server,
        _open_client(server.url) as client,
    ):
        assert client.get("/health").is_success
        with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as neighbour:
            neighbour.execute("BEGIN IMMEDIATE")
            answer = client.post("/ingest", json=make_event())
            customer = {"customerId": "c", "customerName": "C"}
            assert client.post("/customers", json=customer).status_code == 503
        assert client.get("/customers").json() == []
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["code"] == "store-unavailable"
        assert _count(client, meter) == 0
        assert client.post("/ingest", json=make_event()).status_code == 200
        assert _count(client, meter) == 1


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
def test_a_full_disk_is_refused(
    tmp_path: Path,
    make_event: Callable[..., dict[str, Any]],
    run_server: Callable[..., Any],
    open_raw: Callable[[Any], RawClient],
    meter: str,
) -> None:
    """What does not fit is answered 503 and not stored; what fits, or fits later, is."""
    store = tmp_path / "usage.sqlite"
    arguments = ("--port", "0", "--store", str(store), "--api-key", _KEY, "--quiet")
    with run_server(*arguments) as command, _open_client(command.url) as client:
        large = [make_event(uniqueId=f"{n}-{'x' * 300}") for n in range(2000)]
        assert _count(client, meter) == 0
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (200_000, hard))
        answer = client.post("/ingest", json=large)
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
        assert _count(client, meter) == 0
        raw = open_raw(httpx.URL(command.url))
        requests = [raw.render_post("/ingest", payload) for payload in (large, make_event())]
        raw.send(b"".join([*requests, *requests]))
        assert [raw.read()[0] for _ in range(4)] == [503, 200, 503, 200]
        assert _count(client, meter) == 1
        resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert client.post("/ingest", json=large).status_code == 200
        assert _count(client, meter) == 2001


def test_a_read_only_store_is_refused(
    tmp_path: Path,
    make_event: Callable[..., dict[str, Any]],
    run_server: Callable[..., Any],
    meter: str,
) -> None:
    """A store that may only be read answers queries, and 503 to events."""
    store = tmp_path / "usage.sqlite"
    with EmbeddedServer([_KEY], store) as server, _open_client(server.url) as client:
        assert client.post("/ingest", json=make_event()).is_success
    store.chmod(0o444)
    prefix: tuple[str, ...] = ()
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("nothing is read-only for root")
        prefix = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    arguments = ("--port", "0", "--store", str(store), "--api-key", _KEY, "--quiet")
    with (
        run_server(*arguments, prefix=prefix) as command,
        _open_client(command.url) as client,
    ):
        answer = client.post("/ingest", json=make_event(uniqueId="2"))
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
        assert "readonly" in answer.json()["details"]
        customer = {"customerId": "c", "customerName": "C"}
        assert client.post("/customers", json=customer).status_code == 503
        assert client.get("/customers").json() == []
        assert _count(client, meter) == 1


def test_a_store_knows_its_own(tmp_path: Path) -> None:
    """Records are told apart in the file itself, also when SQLite compares them."""
    store = Store.open(tmp_path / "usage.sqlite", is_kept=False)
    records: list[Record] = [(1, "m", 5, 0, "", "{}", 2), (1, "m", 5, 0, 0, "{}", 2.0)]
    store.add([*records, *records, (2, "m", 5, "0", 0, "{}", 2)])
    reader = store.open_reader()
    rows = reader.execute("SELECT * FROM record ORDER BY tenant, unique_id").fetchall()
    assert [(*row[:7], *row[8:]) for row in rows] == [
        (1, "m", 5, 0, 0, "{}", 2.0, 0, 2),
        (1, "m", 5, 0, "", "{}", 2.0, 0, 2),
        (2, "m", 5, "0", 0, "{}", 2.0, 0, 1),
    ]
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM record")
    reader.close()
    store.close()


def test_no_two_records_arrive_at_once(tmp_path: Path) -> None:
    """Later means later, also where the clock stands still or there is no time for so many."""
    store = Store.open(tmp_path / "usage.sqlite", is_kept=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.clock, "now_us", lambda: 5)
        for name in ("b", "a"):
            store.add([(1, name, 5, 0, str(number), "{}", 2.0) for number in range(120)])
    reader = store.open_reader()
    rows = reader.execute("SELECT meter, received_us FROM record ORDER BY received_us").fetchall()
    assert [name for name, _ in rows] == ["b"] * 120 + ["a"] * 120
    assert len({moment for _, moment in rows}) == 240
    reader.close()
    store.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """Rows ahead of one that cannot be bound are gone, and the store goes on."""
    store = Store.open(tmp_path / "usage.sqlite", is_kept=False)
    good: Record = (1, "m", 5, 0, 0, "{}", 2.0)
    with pytest.raises(UnicodeEncodeError):
        store.add([good, (1, "\ud800", 5, 0, 0, "{}", 2.0)])
    reader = store.open_reader()
    assert reader.execute("SELECT count(*) FROM record").fetchone() == (0,)
    store.add([good])
    assert reader.execute("SELECT count(*) FROM record").fetchone() == (1,)
    neighbour = Store.open(tmp_path / "usage.sqlite", is_kept=True)
    store._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLockedError):
        neighbour.add([good])
    store._connection.execute("ROLLBACK")
    neighbour.add([good])
    for opened in (reader, store, neighbour):
        opened.close()


def test_kept_stores_are_synchronous(tmp_path: Path) -> None:
    """Only a store that somebody named waits for the disk."""
    levels = {}
    for is_kept in (True, False):
        store = Store.open(tmp_path / f"{is_kept}.sqlite", is_kept=is_kept)
        pragmas = ("synchronous", "journal_mode", "busy_timeout")
        levels[is_kept] = [
            store._connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas
        ]
        store.close()
    assert json.dumps(levels) == json.dumps({True: [2, "wal", 0], False: [1, "wal", 0]})
