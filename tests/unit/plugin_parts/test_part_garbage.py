"""The garbage collector, out of the way during collection and back in time."""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any
from weakref import ref

import pytest

from pytest_amberflo.garbage import GarbagePause

_USUAL = (700, 10, 10)


class Collector(ModuleType):
    """A collector that notes what is asked of it."""

    def __init__(self, *, is_enabled: bool = True, thresholds: tuple[int, ...] = _USUAL) -> None:
        super().__init__("gc")
        self.thresholds = thresholds
        self.frozen = False
        self.isenabled: Any = lambda: is_enabled
        self.get_threshold: Any = lambda: self.thresholds

    def set_threshold(self, *thresholds: int) -> None:
        self.thresholds = thresholds

    def freeze(self) -> None:
        self.frozen = True

    def unfreeze(self) -> None:
        self.frozen = False


def test_it_goes_on_after_collection_and_leaves_nothing_frozen() -> None:
    """Nothing is changed for whoever runs after pytest."""
    collector = Collector()
    pause = GarbagePause(collector)
    assert collector.thresholds != _USUAL
    pause.pytest_collection_finish()
    assert (collector.thresholds, collector.frozen) == (_USUAL, True)
    pause.pytest_sessionfinish()
    assert (collector.thresholds, collector.frozen) == (_USUAL, False)


def test_the_young_are_looked_through_and_the_old_are_not() -> None:
    """What is left in circles is found while collection goes on, at little cost."""

    class Circle:
        def __init__(self) -> None:
            self.itself = self

    usual = gc.get_threshold()
    pause = GarbagePause(gc)
    try:
        circle = ref(Circle())
        before = sum(counts["collections"] for counts in gc.get_stats())
        kept = [[number] for number in range(120_000)]
        after = sum(counts["collections"] for counts in gc.get_stats())
    finally:
        pause.pytest_sessionfinish()
    assert circle() is None
    assert 1 <= after - before <= len(kept) // 25_000
    assert gc.get_threshold() == usual


def test_a_collection_that_breaks_off_does_not_change_it_for_ever() -> None:
    """The end of the session does what the end of collection would have."""
    collector = Collector()
    GarbagePause(collector).pytest_sessionfinish()
    assert collector.thresholds == _USUAL


@pytest.mark.parametrize("end", ["pytest_collection_finish", "pytest_sessionfinish"])
@pytest.mark.parametrize("stopped", [{"is_enabled": False}, {"thresholds": (0, 10, 10)}])
def test_one_that_the_user_stopped_stays_stopped(stopped: dict[str, Any], end: str) -> None:
    """It is not ours to start."""
    collector = Collector(**stopped)
    before = collector.thresholds
    pause = GarbagePause(collector)
    assert collector.thresholds == before
    getattr(pause, end)()
    assert (collector.thresholds, collector.frozen) == (before, False)
