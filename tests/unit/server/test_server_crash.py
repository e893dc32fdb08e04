"""Accepted means on disk: the process is killed in the middle, again and again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KEY = "key-of-the-first-tenant"
_KILLS = 4
_SENDERS = 4


class _Sender(threading.Thread):
    """Sends events one by one, each until it is acknowledged, to whatever server there is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.url: str | None = None
        self.acknowledged: set[str] = set()
        self.attempts = 0
        self._number = number
        self._is_ending = threading.Event()

    def run(self) -> None:
        """Send until told to end, and to the last one's acknowledgement."""
        count = 0
        with httpx.Client(headers={"X-API-KEY": _KEY}, verify=False) as client:
            while not self._is_ending.is_set():
                names = [f"{self._number}-{count}-{part}" for part in range(1 + count % 3)]
                self._deliver(client, names)
                self.acknowledged.update(names)
                count += 1

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
                "meterTimeInMillis": 1_718_153_645_993,
                "dimensions": {"name": name},
            }
            for name in names
        ]
        while True:
            self.attempts += 1
            try:
                answer = client.post(f"{self.url}/ingest", json=events, timeout=5)
            except httpx.TransportError:
                time.sleep(0.01)
                continue
            assert answer.status_code == 200
            return


def test_acknowledged_events_survive_kills(run_server: Callable[..., Any], tmp_path: Path) -> None:
    """After kills at any moment, every acknowledged event is there, and none is there twice."""
    arguments = ("--port", "0", "--store", str(tmp_path / "u.sqlite"), "--api-key", _KEY)
    senders = [_Sender(number) for number in range(_SENDERS)]
    for kill in range(_KILLS):
        with run_server(*arguments, "--quiet") as command:
            for sender in senders:
                sender.url = command.url
                if not kill:
                    sender.start()
            time.sleep(0.15 + 0.07 * kill)
            command.process.kill()
            command.process.wait()
    with run_server(*arguments, "--quiet") as command:
        for sender in senders:
            sender.url = command.url
        for sender in senders:
            sender.end()
        query = {
            "meterApiName": "m",
            "startTimeInSeconds": 1_718_150_400,
            "endTimeInSeconds": 1_718_236_800,
            "aggregation": "COUNT",
            "timeGroupingInterval": "DAY",
            "groupBy": ["name"],
        }
        answer = httpx.post(f"{command.url}/usage", json=query, headers={"X-API-KEY": _KEY})
    groups = answer.json()["clientMeters"]["m"]
    counts = {group["groupInfo"]["name"]: group["records"][0]["1718150400"] for group in groups}
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) > 50
    assert counts == dict.fromkeys(acknowledged, 1)
    assert sum(sender.attempts for sender in senders) > len(acknowledged) / 3
