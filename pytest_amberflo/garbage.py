"""Python's garbage collector, kept from what collection makes and nobody drops.

Hardly anything of a document is garbage, but the collector looks through all of them again and
again: of what a run of 2,500 costs, 4 of 100 parts. So each object is looked at once, while it is
young; what is left at the end is frozen.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from types import ModuleType

_NAME: Final = "amberflo-garbage"
#: Young objects that are looked through at once, those of 300 documents: pytest leaves 1 KB of
#: each in circles. A small run has fewer in all, imports included, and pays nothing.
_YOUNG: Final = 50_000
#: More often than that no run looks through the young: the old are left alone.
_NEVER: Final = 1_000_000_000


def pause_garbage(config: pytest.Config) -> None:
    """Let nothing be looked through twice until collection is over."""
    if not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(GarbagePause(gc), _NAME)


class GarbagePause:
    """Makes a collector look at young objects alone, until collection is over."""

    def __init__(self, collector: ModuleType) -> None:
        self._collector = collector
        self._thresholds: tuple[int, ...] | None = None
        thresholds = collector.get_threshold()
        if collector.isenabled() and thresholds[0]:
            self._thresholds = thresholds
            collector.set_threshold(_YOUNG, _NEVER)

    def pytest_collection_finish(self) -> None:
        """Go on, but leave alone what is there now."""
        if self._thresholds is not None:
            self._collector.freeze()
        self._resume()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Go on in any case, and with everything."""
        self._resume()
        self._collector.unfreeze()

    def _resume(self) -> None:
        if self._thresholds is not None:
            self._collector.set_threshold(*self._thresholds)
        self._thresholds = None
