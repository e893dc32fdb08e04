"""The garbage collector, out of the way during collection and back in time."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from pytest_amberflo.garbage import GarbagePause


class Collector(ModuleType):
    """A collector that notes what is asked of it."""

    def __init__(self, *, is_enabled: bool, objects: int = 10) -> None:
        super().__init__("gc")
        self.is_on = is_enabled
        self.frozen = False
        self.has_garbage = True
        self.isenabled: Any = lambda: self.is_on
        self.get_count: Any = lambda: (objects, 0, 0)

    def enable(self) -> None:
        self.is_on = True

    def disable(self) -> None:
        self.is_on = False

    def collect(self) -> None:
        self.has_garbage = False

    def freeze(self) -> None:
        self.frozen = True

    def unfreeze(self) -> None:
        self.frozen = False


def test_it_goes_on_after_collection_and_leaves_nothing_frozen() -> None:
    """Nothing is changed for whoever runs after pytest."""
    collector = Collector(is_enabled=True)
    pause = GarbagePause(collector)
    assert not collector.is_on
    pause.pytest_collection_finish()
    assert (collector.is_on, collector.frozen) == (True, True)
    pause.pytest_sessionfinish()
    assert (collector.is_on, collector.frozen) == (True, False)


@pytest.mark.parametrize(("objects", "is_kept"), [(20_000, True), (200_000, False)])
def test_the_garbage_of_many_documents_is_not_kept(*, objects: int, is_kept: bool) -> None:
    """That of a few is, for the time that it takes to find it."""
    collector = Collector(is_enabled=True, objects=objects)
    GarbagePause(collector).pytest_collection_finish()
    assert (collector.frozen, collector.has_garbage) == (True, is_kept)


def test_a_collection_that_breaks_off_does_not_stop_it_for_ever() -> None:
    """The end of the session does what the end of collection would have."""
    collector = Collector(is_enabled=True)
    GarbagePause(collector).pytest_sessionfinish()
    assert collector.is_on


@pytest.mark.parametrize("end", ["pytest_collection_finish", "pytest_sessionfinish"])
def test_one_that_the_user_stopped_stays_stopped(end: str) -> None:
    """It is not ours to start."""
    collector = Collector(is_enabled=False)
    getattr(GarbagePause(collector), end)()
    assert (collector.is_on, collector.frozen) == (False, False)
