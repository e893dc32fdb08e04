"""Hooks of this plugin, for conftest files and other plugins.

They are called whether or not pytest-amberflo finds a workflow; declare them with
`@pytest.hookimpl(optionalhook=True)` where the plugin may be absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_amberflo.verdict import ItemResult


def __dir__() -> list[str]:
    """The hooks alone: pytest looks closely at every name."""
    return [name for name in globals() if name.startswith("pytest_")]


@pytest.hookspec
def pytest_amberflo_workflow_result(item: pytest.Item, result: ItemResult) -> None:
    """Called when a workflow item has run, red or green, before pytest makes its report.

    `result` has the verdict, every step with its messages (secrets not masked), every check and
    what was metered.
    """


@pytest.hookspec
def pytest_amberflo_flush_emitter(item: pytest.Item) -> None:
    """Called before what a service under test metered is judged: have it send what it holds.

    For workflow items with `x-amberflo.meters` and for `metering.expect()`.
    """


@pytest.hookspec(firstresult=True)
def pytest_amberflo_restart_emitter(item: pytest.Item) -> object:
    """Called in the emitter variant `restart`: stop the service under test, and start it again.

    It has to be ready again when the hook returns. Give back something other than None.
    """
