"""How fast the embedded server is, as ratios to what cannot be beaten on the same machine.

    python benchmarks/server.py [EVENTS]

- single: one event after the other over one connection that stays open, each on disk before it is
  answered. Floor: an empty handler of the same parser and event loop.
- arrays: requests of 1,000 events. Floor: SQLite's own rate of inserting such rows, 1,000 to a
  transaction.
- memory: what the server's process has grown by after EVENTS events (a million).
- query: a day of those events by HOUR.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httptools

_SINGLE = 2_000
_DAY_MS = 86_400_000
_START_MS = 1_718_150_400_000
_FIXED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class _Empty(asyncio.Protocol):
    """Answers every request, and does nothing else."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_FIXED)


def _serve_empty(listener: socket.socket) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Empty, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())


class _Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\nX-API-KEY: k\r\nContent-Length: {len(body)}"
        self._socket.sendall(head.encode() + b"\r\n\r\n" + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65_536)
        head_part, _, answer = data.partition(b"\r\n\r\n")
        length = int(head_part.partition(b"Content-Length: ")[2].split()[0])
        while len(answer) < length:
            answer += self._socket.recv(65_536)
        assert head_part.startswith(b"HTTP/1.1 200"), data
        return answer


def _make_event(number: int, count: int) -> dict[str, Any]:
    return {
        "meterApiName": "m",
        "customerId": f"customer-{number % 50}",
        "meterValue": number % 7,
        "meterTimeInMillis": _START_MS + number * _DAY_MS // count,
        "uniqueId": f"event-{number}",
        "dimensions": {"region": "eu"},
    }


def _time_single(port: int, path: str) -> float:
    """Requests a second."""
    client = _Client(port)
    events = (_make_event(n, _SINGLE) | {"meterApiName": "s"} for n in range(_SINGLE))
    bodies = [json.dumps(event).encode() for event in events]
    started = time.perf_counter()
    for body in bodies:
        client.post(path, body)
    return _SINGLE / (time.perf_counter() - started)


def _time_sqlite(folder: Path, count: int) -> float:
    """Rows a second."""
    with closing(sqlite3.connect(folder / "floor.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE record (t INT, m TEXT, ms INT, c, u, d TEXT, v REAL,"
            " PRIMARY KEY (t, m, ms, c, u, d, v)) WITHOUT ROWID"
        )
        spent = 0.0
        for start in range(0, count, 1_000):
            rows = []
            for event in (_make_event(n, count) for n in range(start, start + 1_000)):
                values = [event[n] for n in ("meterTimeInMillis", "customerId", "uniqueId")]
                rows.append((1, "m", *values, '{"region":"eu"}', event["meterValue"]))
            started = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
            spent += time.perf_counter() - started
    return count / spent


def _read_memory(pid: int) -> float:
    """Megabytes that a process holds."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def _report(name: str, value: float, floor: float, unit: str) -> None:
    sys.stdout.write(f"{name}: {value:,.0f} {unit}, floor {floor:,.0f}, {floor / value:.2f} x\n")


def _measure(folder: Path, count: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    empty = multiprocessing.Process(target=_serve_empty, args=(listener,), daemon=True)
    empty.start()
    command = [sys.executable, "-m", "pytest_amberflo.server", "--port", "0", "--api-key", "k"]
    with subprocess.Popen(
        [*command, "--quiet", "--store", str(folder / "usage.sqlite")],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().partition("127.0.0.1:")[2].partition(",")[0])
        floor = _time_single(listener.getsockname()[1], "/")
        _report("single", _time_single(port, "/ingest"), floor, "requests/s")
        client = _Client(port)
        before = _read_memory(server.pid)
        spent = 0.0
        for start in range(0, count, 1_000):
            events = [_make_event(n, count) for n in range(start, start + 1_000)]
            body = json.dumps(events).encode()
            started = time.perf_counter()
            client.post("/ingest", body)
            spent += time.perf_counter() - started
        _report("arrays", count / spent, _time_sqlite(folder, min(count, 200_000)), "events/s")
        grown = _read_memory(server.pid) - before
        sys.stdout.write(f"memory: {grown:+.0f} MB after {count:,} events\n")
        window = {"startTimeInSeconds": _START_MS // 1000}
        window["endTimeInSeconds"] = window["startTimeInSeconds"] + 86_400
        query = {"meterApiName": "m", "aggregation": "SUM", "timeGroupingInterval": "HOUR"}
        started = time.perf_counter()
        client.post("/usage", json.dumps(query | {"timeRange": window}).encode())
        sys.stdout.write(f"query: {time.perf_counter() - started:.2f} s for a day by HOUR\n")
        server.terminate()
    empty.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        _measure(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
