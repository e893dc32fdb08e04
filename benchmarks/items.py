"""Lines 1, 2 and 5: what one more workflow costs, and whether that grows with their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.process import Cost, run
from benchmarks.table import Line, Measured, find_median
from benchmarks.workload import pytest_arguments, write_by_hand, write_files, write_workflows

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Each:
    """Seconds for one more workflow."""

    cpu_s: float
    wall_s: float


def measure_items(folder: Path, url: str, *, rounds: int, small: int, large: int) -> list[Line]:
    """A workflow over the floor, and over a function written by hand, interleaved."""
    floors: list[_Each] = []
    items: list[_Each] = []
    by_hand: list[_Each] = []
    for _ in range(rounds):
        floors.append(_measure_floor(folder, url, large))
        items.append(_compare(*(_run_workflows(folder, url, n) for n in (small, large))))
        by_hand.append(_compare(*(_run_by_hand(folder, url, n) for n in (small, large))))
    floor_ms = find_median(each.cpu_s for each in floors) * 1000
    item_ms = find_median(each.cpu_s for each in items) * 1000
    hand_ms = find_median(each.cpu_s for each in by_hand) * 1000
    return [
        Line(
            number="1",
            what="one more workflow over the floor F",
            measured=_divide(items, floors),
            reach=2.4,
            aim=2.0,
            note=f"{item_ms:.2f} ms, F {floor_ms:.2f} ms",
        ),
        Line(
            number="2",
            what="the same over a pytest function that validates nothing",
            measured=_divide(items, by_hand),
            reach=1.15,
            aim=1.0,
            note=f"by hand {hand_ms:.2f} ms",
        ),
    ]


def measure_growth(folder: Path, url: str, counts: tuple[int, int, int]) -> list[Line]:
    """Cost and memory of a workflow among many over those of one among few.

    Beside it: what pytest keeps of a file with an empty test function.
    """
    few, some, many = (_run_workflows(folder, url, count) for count in counts)
    early, late = _compare(few, some), _compare(some, many)
    empty = [
        (count, run(pytest_arguments(plugin=False), write_files(folder, count)))
        for count in counts[1:]
    ]
    span = f"{counts[1]:,} to {counts[2]:,} over {counts[0]:,} to {counts[1]:,}"
    return [
        Line(
            number="5",
            what=f"one more workflow, {span}",
            measured=Measured(late.wall_s / early.wall_s, late.cpu_s / early.cpu_s),
            reach=1.1,
            aim=1.02,
        ),
        Line(
            number="5",
            what=f"peak memory of one more beyond {counts[1]:,}, KB",
            measured=Measured(None, _compare_peaks(some, many)),
            reach=8,
            aim=6.5,
            note=f"a file with an empty function {_compare_peaks(*empty):.1f}",
        ),
    ]


def _divide(some: list[_Each], others: list[_Each]) -> Measured:
    return Measured(
        find_median(a.wall_s / b.wall_s for a, b in zip(some, others, strict=True)),
        find_median(a.cpu_s / b.cpu_s for a, b in zip(some, others, strict=True)),
    )


def _compare(few: tuple[int, Cost], many: tuple[int, Cost]) -> _Each:
    """What one more costs, from two runs."""
    count = many[0] - few[0]
    return _Each((many[1].cpu_s - few[1].cpu_s) / count, (many[1].wall_s - few[1].wall_s) / count)


def _compare_peaks(few: tuple[int, Cost], many: tuple[int, Cost]) -> float:
    """KB of one more, from two runs."""
    return (many[1].peak_kb - few[1].peak_kb) / (many[0] - few[0])


def _measure_floor(folder: Path, url: str, count: int) -> _Each:
    cpu_s, wall_s = run(["-m", "benchmarks.floor", url, str(count)], folder).output.split()
    return _Each(float(cpu_s) / count, float(wall_s) / count)


def _run_workflows(folder: Path, url: str, count: int) -> tuple[int, Cost]:
    return count, run(pytest_arguments(url=url), write_workflows(folder, count))


def _run_by_hand(folder: Path, url: str, count: int) -> tuple[int, Cost]:
    return count, run(pytest_arguments(plugin=False), write_by_hand(folder, count, url))
