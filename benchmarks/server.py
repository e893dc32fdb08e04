"""Lines 7 and 8: the embedded server beside what the same machine can do at most."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.process import ROOT, environment
from benchmarks.server_client import make_event, time_arrays, time_single
from benchmarks.table import Line, Measured, find_median

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")


def measure_server(folder: Path, *, rounds: int, singles: int, events: int) -> list[Line]:
    """Requests and events a second against their floors, and the server's CPU for them."""
    single: list[tuple[float, float]] = []
    single_cpu: list[float] = []
    arrays: list[float] = []
    arrays_cpu: list[float] = []
    own = ["-m", "pytest_amberflo.server", "--port", "0", "--api-key", "k", "--quiet"]
    with (
        _start([*own, "--store", str(folder / "usage.sqlite")]) as server,
        _start(["-m", "benchmarks.asgi", str(folder / "floor.sqlite")]) as floor,
    ):
        for each in range(rounds):
            meter = f"single-{each}"
            before = _read_cpu(server[0]), _read_cpu(floor[0])
            rates = time_single(server[1], singles, meter), time_single(floor[1], singles, meter)
            spent = _read_cpu(server[0]) - before[0], _read_cpu(floor[0]) - before[1]
            single.append(rates)
            single_cpu.append(spent[1] / spent[0])
            rate = time_arrays(server[1], events, f"arrays-{each}")
            wall_s, cpu_s = _time_sqlite(folder / f"floor-{each}.sqlite", events)
            before_cpu = _read_cpu(server[0])
            arrays.append(rate / (events / wall_s))
            time_arrays(server[1], events, f"again-{each}")
            arrays_cpu.append(cpu_s / (_read_cpu(server[0]) - before_cpu))
    rate, floor_rate = find_median(a for a, _ in single), find_median(b for _, b in single)
    return [
        Line(
            number="7",
            what="embedded server, single POST /ingest over uvicorn + httptools",
            measured=Measured(find_median(a / b for a, b in single), find_median(single_cpu)),
            reach=1.5,
            aim=2.0,
            is_more_better=True,
            note=f"{rate:,.0f} and {floor_rate:,.0f} requests/s",
            headline="cpu",
        ),
        Line(
            number="8",
            what="embedded server, arrays of 1,000 over SQLite's own inserts",
            measured=Measured(find_median(arrays), find_median(arrays_cpu)),
            reach=0.65,
            aim=0.8,
            is_more_better=True,
            headline="wall",
        ),
    ]


@contextmanager
def _start(arguments: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The pid and port of a server."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            text = line.partition("127.0.0.1:")[2] or line
            port = int(text.partition(",")[0])
            _wait_for(port)
            yield server.pid, port
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            time_single(port, 20, "warm-up")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nobody answers on port {port}")


def _read_cpu(pid: int) -> float:
    """The CPU seconds that a process has had."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _time_sqlite(path: Path, count: int) -> tuple[float, float]:
    """Seconds of wall and CPU for inserting rows of events, 1,000 to a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE record (t INT, m TEXT, ms INT, c, u, d TEXT, v REAL,"
            " PRIMARY KEY (t, m, ms, c, u, d, v)) WITHOUT ROWID"
        )
        wall_s = cpu_s = 0.0
        for start in range(0, count, 1_000):
            rows = []
            for event in (make_event(n, count) for n in range(start, start + 1_000)):
                values = [event[n] for n in ("meterTimeInMillis", "customerId", "uniqueId")]
                rows.append((1, "m", *values, '{"region":"eu"}', event["meterValue"]))
            wall, cpu = time.perf_counter(), time.process_time()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
            wall_s += time.perf_counter() - wall
            cpu_s += time.process_time() - cpu
    return wall_s, cpu_s
