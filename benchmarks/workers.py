"""Line 9: two workers over one. It needs two idle cores, and says nothing where they are busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.process import run
from benchmarks.table import Line, find_median, unite
from benchmarks.workload import pytest_arguments, write_by_hand, write_workflows

if TYPE_CHECKING:
    from pathlib import Path


def measure_workers(folder: Path, url: str, *, rounds: int, count: int) -> list[Line]:
    """Wall-clock time of `-n 2` over that of a serial run, interleaved.

    Beside it: the same of functions written by hand, which shows what the workers themselves cost.
    """
    workflows, by_hand = write_workflows(folder, count), write_by_hand(folder, count, url)
    ratios: list[tuple[float, float]] = []
    others: list[float] = []
    for _ in range(rounds):
        ratios.append(_compare(workflows, url=url))
        others.append(_compare(by_hand, plugin=False)[0])
    return [
        Line(
            number="9",
            what=f"-n 2 over serial, {count:,} workflows",
            measured=unite(ratios),
            reach=0.55,
            aim=0.52,
            headline="wall",
            note=f"by hand {find_median(others):.2f}",
        )
    ]


def _compare(target: Path, *, url: str | None = None, plugin: bool = True) -> tuple[float, float]:
    """Wall-clock and CPU time of two workers over those of a serial run."""
    serial = run(pytest_arguments(url=url, plugin=plugin), target)
    both = run(pytest_arguments("-n2", url=url, plugin=plugin, has_xdist=True), target)
    return both.wall_s / serial.wall_s, both.cpu_s / serial.cpu_s
