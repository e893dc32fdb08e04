"""pytest's hooks, and nothing else: what they do is elsewhere, and imported when it is needed.

A run of pytest without workflows imports the modules that are imported here, and no other.
"""

from __future__ import annotations

import sys
import time
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

import pytest

# Loaded by Python itself: pytest reads the modules of plugins five times slower.
sys.meta_path.insert(0, PathFinder)
try:
    from pytest_amberflo import fixtures, hookspecs
    from pytest_amberflo.option_table import SETTINGS, STARTED, add_options, is_anything_given
finally:
    sys.meta_path.remove(PathFinder)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def __dir__() -> list[str]:
    """The hooks alone: pytest looks closely at every name of a plugin, for fixtures."""
    return [name for name in globals() if name.startswith("pytest_")]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings where any is given; one that is wrong ends the run here."""
    config.stash[STARTED] = time.time()
    if config.pluginmanager.has_plugin("pytester"):
        # pytester drops the modules that its runs import, and PyYAML's C parser cannot be
        # imported twice: what was loaded before is kept.
        import pytest_amberflo.arazzo.tree  # noqa: F401, PLC0415
    config.pluginmanager.register(fixtures, "amberflo-fixtures")
    config.pluginmanager.register(fixtures.ItemFixtures(config), "amberflo-item-fixtures")
    if is_anything_given(config):
        from pytest_amberflo.registration import register_parts  # noqa: PLC0415

        register_parts(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Prepare a worker of xdist."""
    from pytest_amberflo.registration import prepare_node  # noqa: PLC0415

    prepare_node(node)


def pytest_report_header(config: pytest.Config) -> str:
    """The target, and where its key is from."""
    settings = config.stash.get(SETTINGS, None)
    return "amberflo: target embedded, offline" if settings is None else settings.describe()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect workflow documents, this package's probes, or a ledger and nothing else."""
    is_known = file_path.suffix in (".yaml", ".yml", ".json") or "probe_" in file_path.name
    if not is_known and SETTINGS not in parent.config.stash:
        return None
    from pytest_amberflo.discovery import choose_collector  # noqa: PLC0415  only with files

    return choose_collector(file_path, parent)
