"""Hooks of this plugin, for conftest files and other plugins.

They are called whether or not pytest-amberflo finds a workflow; declare them with
`@pytest.hookimpl(optionalhook=True)` where the plugin may be absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_amberflo.verdict import ItemResult


@pytest.hookspec
def pytest_amberflo_workflow_result(item: pytest.Item, result: ItemResult) -> None:
    """Called when a workflow item has run, red or green, before pytest makes its report.

    `result` has the verdict, every step with its messages (secrets not masked), every check and
    what was metered.
    """
