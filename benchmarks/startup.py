"""Lines 3 and 4: what a run costs before its first workflow, and where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.process import Cost, run
from benchmarks.table import Line, Measured, find_median
from benchmarks.workload import pytest_arguments, write_empty, write_workflows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NO_TESTS = 5
_COUNT_MODULES = """
import sys
import pytest

class Counter:
    def pytest_unconfigure(self):
        names = {name for name in sys.modules}
        sys.stdout.write("\\n" + ",".join(sorted(names)))

pytest.main(sys.argv[1:], plugins=[Counter()])
"""


def measure_startup(folder: Path, url: str, *, rounds: int) -> list[Line]:
    """One workflow, and none at all, over pytest on an empty folder without the plugin."""
    empty, one = write_empty(folder), write_workflows(folder, 1)
    bare: list[Cost] = []
    idle: list[Cost] = []
    single: list[Cost] = []
    for _ in range(rounds):
        bare.append(run(pytest_arguments(plugin=False), empty, statuses=(_NO_TESTS,)))
        idle.append(run(pytest_arguments(), empty, statuses=(_NO_TESTS,)))
        single.append(run(pytest_arguments(url=url), one))
    more = _list_modules(empty, plugin=True) - _list_modules(empty, plugin=False)
    base_ms = find_median(cost.cpu_s for cost in bare) * 1000
    return [
        Line(
            number="3",
            what="a run of one workflow over pytest on an empty folder",
            measured=_divide(single, bare),
            reach=1.6,
            aim=1.45,
            note=f"{base_ms:.0f} ms without",
        ),
        Line(
            number="4",
            what="pytest on an empty folder, with the plugin over without",
            measured=_divide(idle, bare),
            reach=1.02,
            aim=1.01,
        ),
        Line(
            number="4",
            what="modules imported more, ours included",
            measured=Measured(None, len(more)),
            reach=5,
            aim=4,
        ),
    ]


def _divide(some: Sequence[Cost], others: Sequence[Cost]) -> Measured:
    return Measured(
        find_median(cost.wall_s for cost in some) / find_median(cost.wall_s for cost in others),
        find_median(cost.cpu_s for cost in some) / find_median(cost.cpu_s for cost in others),
    )


def _list_modules(folder: Path, *, plugin: bool) -> set[str]:
    arguments = pytest_arguments(plugin=plugin)[2:]
    output = run(["-c", _COUNT_MODULES, *arguments], folder).output
    return set(output.splitlines()[-1].split(","))
