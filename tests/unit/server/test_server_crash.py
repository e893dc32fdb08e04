"""Accepted means on disk: processes are killed in the middle, again and again.

A run kills 5 times; `AMBERFLO_TEST_KILLS=200` makes it 200, in a minute or two.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KEY = "key-of-the-first-tenant"
_KILLS = int(os.environ.get("AMBERFLO_TEST_KILLS", "5"))
_SENDERS = 4
_DAY_S = 1_718_150_400


class _Sender(threading.Thread):
    """Sends events, one or some at a time, each until it is acknowledged, to one of the servers.

    Every so often a customer is made, too, which must not be there twice either.
    """

    def __init__(self, number: int, urls: list[str]) -> None:
        super().__init__()
        self.acknowledged: set[str] = set()
        self.attempts = 0
        self.fault: BaseException | None = None
        self._number = number
        self._urls = urls
        self._is_ending = threading.Event()

    def run(self) -> None:
        """Send until told to end, and to the last one's acknowledgement."""
        count = 0
        try:
            with httpx.Client(headers={"X-API-KEY": _KEY}, verify=False) as client:
                while not self._is_ending.is_set():
                    names = [f"{self._number}-{count}-{part}" for part in range(1 + count % 3)]
                    self._deliver(client, names)
                    self.acknowledged.update(names)
                    count += 1
        except BaseException as fault:  # for the test, which runs in another thread
            self.fault = fault
            raise

    def end(self) -> None:
        """Send nothing new any more and wait for the last acknowledgement."""
        self._is_ending.set()
        self.join()

    def _deliver(self, client: httpx.Client, names: list[str]) -> None:
        events = [
            {
                "meterApiName": "m",
                "customerId": "acme",
                "meterValue": 1,
                "meterTimeInMillis": (_DAY_S + 5) * 1000,
                "dimensions": {"name": name},
            }
            for name in names
        ]
        while True:
            self.attempts += 1
            url = self._urls[self.attempts % len(self._urls)]
            try:
                answer = client.post(f"{url}/ingest", json=events, timeout=5)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code == 503:
                # The other process holds the file for longer than a server waits.
                continue
            assert answer.status_code == 200, answer.text
            return


def _count(url: str) -> dict[str, int]:
    """How often each event is counted."""
    query = {
        "meterApiName": "m",
        "startTimeInSeconds": _DAY_S,
        "endTimeInSeconds": _DAY_S + 86_400,
        "aggregation": "COUNT",
        "timeGroupingInterval": "DAY",
        "groupBy": ["name"],
    }
    headers = {"X-API-KEY": _KEY}
    answer = httpx.post(f"{url}/usage", json=query, headers=headers, verify=False, timeout=60)
    groups = answer.json()["clientMeters"]["m"]
    return {g["groupInfo"]["name"]: g["records"][0][str(_DAY_S)] for g in groups}


def _store(folder: Path) -> tuple[str, ...]:
    return ("--store", str(folder / "u.sqlite"), "--api-key", _KEY, "--quiet")


@pytest.mark.parametrize("processes", [1, 2])
def test_acknowledged_events_survive_kills(
    run_server: Callable[..., Any], tmp_path: Path, processes: int
) -> None:
    """After kills at any moment, every acknowledged event is there, and none is there twice.

    One process on the file, or two, of which now one and now the other is killed.
    """
    dice = random.Random(_KILLS)
    urls = ["http://127.0.0.1:1"] * processes
    senders = [_Sender(number, urls) for number in range(_SENDERS)]
    with ExitStack() as stack:
        running = [stack.enter_context(run_server(*_store(tmp_path))) for _ in urls]
        urls[:] = [command.url for command in running]
        for sender in senders:
            sender.start()
        try:
            for kill in range(_KILLS):
                time.sleep(dice.random() * 0.1)
                victim = kill % processes
                running[victim].process.kill()
                running[victim].process.wait()
                running[victim] = stack.enter_context(run_server(*_store(tmp_path)))
                urls[victim] = running[victim].url
        finally:
            for sender in senders:
                sender.end()
        counts = _count(urls[0])
    assert [sender.fault for sender in senders] == [None] * _SENDERS
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) > 5 * _KILLS
    assert counts == dict.fromkeys(acknowledged, 1)
    with closing(sqlite3.connect(tmp_path / "u.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("tail", ["half", "zeros", "noise"])
def test_a_torn_last_write_takes_nothing_with_it(
    run_server: Callable[..., Any], tmp_path: Path, tail: str
) -> None:
    """What a machine had begun to write when it went down is no event, and harms none."""
    with run_server(*_store(tmp_path)) as command:
        headers = {"X-API-KEY": _KEY}
        with httpx.Client(base_url=command.url, headers=headers, verify=False) as client:
            for number in range(30):
                event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": _DAY_S * 1000}
                dimensions = {"dimensions": {"name": str(number)}}
                assert client.post("/ingest", json=event | dimensions).status_code == 200
            command.process.kill()
            command.process.wait()
    wal = tmp_path / "u.sqlite-wal"
    written = wal.read_bytes()
    page = 4096 + 24
    torn = {"half": written[-page : -page // 2], "zeros": bytes(page), "noise": os.urandom(page)}
    wal.write_bytes(written + torn[tail])
    with run_server(*_store(tmp_path)) as command:
        assert _count(command.url) == {str(number): 1 for number in range(30)}


def test_a_commit_that_is_torn_was_never_acknowledged(tmp_path: Path) -> None:
    """The last transaction in the log is there whole or not at all."""
    store = tmp_path / "u.sqlite"
    with EmbeddedServer([_KEY], store) as server:
        headers = {"X-API-KEY": _KEY}
        event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": _DAY_S * 1000}
        events = [event | {"dimensions": {"name": str(n)}} for n in range(500)]
        httpx.post(f"{server.url}/ingest", json=events[:1], headers=headers, verify=False)
        before = (tmp_path / "u.sqlite-wal").stat().st_size
        httpx.post(f"{server.url}/ingest", json=events, headers=headers, verify=False)
        written = (tmp_path / "u.sqlite-wal").read_bytes()
        whole = store.read_bytes()
    for share in (0.2, 0.6, 0.95):
        cut = before + int((len(written) - before) * share)
        copy = tmp_path / f"copy-{share}.sqlite"
        copy.write_bytes(whole)
        copy.with_name(f"{copy.name}-wal").write_bytes(written[:cut])
        with EmbeddedServer([_KEY], copy) as server:
            assert _count(server.url) == {"0": 1}
