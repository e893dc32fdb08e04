"""Python's garbage collector, out of the way while documents are collected.

Hardly anything that collecting makes is garbage, but the collector looks through all of it again
and again: of what a run of 2,500 documents costs, 4 of 100 parts. What is kept is frozen then.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from types import ModuleType

_NAME: Final = "amberflo-garbage"
#: Objects that collection has made, about a hundred a document, from which on garbage matters.
_MANY: Final = 100_000


def pause_garbage(config: pytest.Config) -> None:
    """Let nothing be looked through until collection is over."""
    if not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(GarbagePause(gc), _NAME)


class GarbagePause:
    """Stops a collector that runs, until collection is over."""

    def __init__(self, collector: ModuleType) -> None:
        self._collector = collector
        self._is_paused = collector.isenabled()
        collector.disable()

    def pytest_collection_finish(self) -> None:
        """Go on, but leave alone what is there now.

        Of each item pytest has left 1 KB in circles, which is kept, too; to look for that takes
        15 ms at the least, so it is done where there are many items.
        """
        if self._is_paused:
            if self._collector.get_count()[0] > _MANY:
                self._collector.collect()
            self._collector.freeze()
        self._resume()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Go on in any case, and with everything."""
        self._resume()
        self._collector.unfreeze()

    def _resume(self) -> None:
        if self._is_paused:
            self._collector.enable()
        self._is_paused = False
