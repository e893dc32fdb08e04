"""Measures everything and prints the table.

    python -m benchmarks             all nine lines, about ten minutes; wants an idle machine
    python -m benchmarks --small     all but the ninth, coarsely, in under a minute: reports only
    python -m benchmarks --lines 1 4

F, the floor, is the CPU of one keep-alive `httpx.Client` that sends a workflow's two requests to
a stub server and parses the answers. What is compared runs in turns within one process tree, and
medians are compared: a busy machine moves both sides. The exit status is 1 where a line is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.items import measure_growth, measure_items
from benchmarks.process import start_stub
from benchmarks.startup import measure_startup
from benchmarks.table import Line, render_table
from benchmarks.workers import measure_workers

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured."""

    rounds: int
    startups: int
    items: tuple[int, int]
    growth: tuple[int, int, int]
    verdicts: int
    singles: int
    events: int
    workers: int


_FULL = Scale(
    rounds=5,
    startups=15,
    items=(50, 500),
    growth=(50, 500, 5_000),
    verdicts=200,
    singles=1_000,
    events=30_000,
    workers=2_000,
)
_SMALL = Scale(
    rounds=1,
    startups=3,
    items=(10, 160),
    growth=(10, 110, 710),
    verdicts=30,
    singles=300,
    events=10_000,
    workers=100,
)
_LINES = tuple("123456789")


def _measure(scale: Scale, wanted: set[str]) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as name, start_stub() as url:
        folder = Path(name)
        few, many = scale.items
        if wanted & {"1", "2"}:
            yield from measure_items(folder, url, rounds=scale.rounds, small=few, large=many)
        if wanted & {"3", "4"}:
            yield from measure_startup(folder, url, rounds=scale.startups)
        if "5" in wanted:
            yield from measure_growth(folder, url, scale.growth)
        # A child's peak begins with the memory of whoever starts it: these are for afterwards.
        if "6" in wanted:
            from benchmarks.verdict import measure_verdicts  # noqa: PLC0415

            yield from measure_verdicts(rounds=scale.rounds, count=scale.verdicts)
        if wanted & {"7", "8"}:
            from benchmarks.server import measure_server  # noqa: PLC0415

            yield from measure_server(
                folder, rounds=scale.rounds, singles=scale.singles, events=scale.events
            )
        if "9" in wanted:
            yield from measure_workers(folder, url, rounds=scale.rounds, count=scale.workers)


def main() -> int:
    """Print the table; 1 where a line is missed and this is no mere report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--small", action="store_true", help="coarse, under a minute, no verdict")
    parser.add_argument("--lines", nargs="+", choices=_LINES, metavar="N", help="only these")
    options = parser.parse_args()
    wanted = set(options.lines or (_LINES[:-1] if options.small else _LINES))
    lines: list[Line] = []
    for line in _measure(_SMALL if options.small else _FULL, wanted):
        if line.number in wanted:
            lines.append(line)
            # A full run is long: whoever waits sees each line as it comes.
            sys.stderr.write(f"{line.number}  {line.what}: {line.value:.3g}  {line.verdict}\n")
    sys.stdout.write(f"{render_table(lines)}\n")
    return 0 if options.small or all(line.is_reached for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
