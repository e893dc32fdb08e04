"""Line 9: two workers over one. It needs two idle cores, and says nothing where they are busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.process import run
from benchmarks.table import Line, unite
from benchmarks.workload import pytest_arguments, write_workflows

if TYPE_CHECKING:
    from pathlib import Path


def measure_workers(folder: Path, url: str, *, rounds: int, count: int) -> list[Line]:
    """Wall-clock time of `-n 2` over that of a serial run, interleaved."""
    target = write_workflows(folder, count)
    ratios: list[tuple[float, float]] = []
    for _ in range(rounds):
        serial = run(pytest_arguments(url=url), target)
        both = run(pytest_arguments("-n2", url=url, has_xdist=True), target)
        ratios.append((both.wall_s / serial.wall_s, both.cpu_s / serial.cpu_s))
    return [
        Line(
            number="9",
            what=f"-n 2 over serial, {count:,} workflows",
            measured=unite(ratios),
            reach=0.55,
            aim=0.52,
            headline="wall",
        )
    ]
