"""The table that is printed: a line for each measure, with what it is to reach."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Measured:
    """A ratio of wall-clock times, and the same of CPU times; one of them where only that is."""

    wall: float | None
    cpu: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measure. `headline` says which of both ratios is held to `reach` and `aim`."""

    number: str
    what: str
    measured: Measured
    reach: float
    aim: float
    is_more_better: bool = False
    headline: Literal["cpu", "wall"] = "cpu"
    note: str = ""

    @property
    def value(self) -> float:
        """The ratio that counts."""
        value = self.measured.cpu if self.headline == "cpu" else self.measured.wall
        assert value is not None
        return value

    @property
    def is_reached(self) -> bool:
        """Whether the measure is as good as it has to be."""
        return self.value >= self.reach if self.is_more_better else self.value <= self.reach

    @property
    def verdict(self) -> str:
        """PASS, PASS with the aim, or MISS."""
        is_aim = self.value >= self.aim if self.is_more_better else self.value <= self.aim
        return "PASS (aim)" if is_aim else "PASS" if self.is_reached else "MISS"


def unite(ratios: Sequence[tuple[float, float]]) -> Measured:
    """The medians of pairs of ratios, of wall and of CPU."""
    return Measured(find_median(wall for wall, _ in ratios), find_median(cpu for _, cpu in ratios))


def find_median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def render_table(lines: Sequence[Line]) -> str:
    """The lines as a table; of each the ratio that counts, and the other one beside it."""
    rows: list[tuple[str, ...]] = [("#", "measure", "value", "reach", "aim", "", "beside it", "")]
    rows += [_render(line) for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _render(line: Line) -> tuple[str, ...]:
    is_cpu = line.headline == "cpu"
    other = line.measured.wall if is_cpu else line.measured.cpu
    beside = "" if other is None else f"{'wall' if is_cpu else 'CPU'} {other:.3g}"
    numbers = [f"{number:.3g}" for number in (line.value, line.reach, line.aim)]
    return (line.number, line.what, *numbers, line.verdict, beside, line.note)
