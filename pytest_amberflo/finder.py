"""Modules of this package, loaded by Python itself.

pytest rewrites assertions in the modules of plugins, and reads what it has compiled five times
slower than Python does: 70 ms for the modules of a run. There is nothing to rewrite in them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    import pytest

_PACKAGE: Final = "pytest_amberflo."
#: Their assertions are for users to see.
_REWRITTEN: Final = "pytest_amberflo.probes."


class PlainFinder:
    """Finds the modules of this package before pytest's own finder does."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What Python finds; None for modules of others."""
        if not name.startswith(_PACKAGE) or name.startswith(_REWRITTEN):
            return None
        return PathFinder.find_spec(name, path, target)


def load_plainly(config: pytest.Config) -> None:
    """Let Python load this package's modules until the run is over."""
    if any(isinstance(other, PlainFinder) for other in sys.meta_path):
        return
    finder = PlainFinder()
    sys.meta_path.insert(0, finder)
    config.add_cleanup(lambda: _drop(finder))


def _drop(finder: PlainFinder) -> None:
    with suppress(ValueError):  # somebody else may have put the finders back as they were
        sys.meta_path.remove(finder)
