"""What fixtures give to workflow items, asked of pytest only where it may be news.

Asking pytest for a fixture takes 0.1 ms, also where it is known what comes. Which fixture has a
name depends on the folder alone, so what a folder's first item learns holds for all of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_amberflo.gathering import check_place, gather_inputs, prepare_execution
from pytest_amberflo.item_run import run_item
from pytest_amberflo.metering.window import make_window
from pytest_amberflo.nodes import (
    WORKFLOW,
    WorkflowItem,
    run_of,
)
from pytest_amberflo.planting import shows_fixtures

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.run import Run

#: Fixtures of this plugin that workflows read.
_OURS: Final = frozenset(
    {
        "amberflo_api_key",
        "amberflo_customer_id",
        "amberflo_inputs",
        "amberflo_meter",
        "amberflo_meter_value",
        "amberflo_servers",
        "amberflo_target",
        "amberflo_unique_id",
        "amberflo_url",
        "metering_window",
    }
)
#: Fixtures that read others.
_READERS: Final = (WORKFLOW, "amberflo_inputs")
#: Stands for what this plugin makes for each item anew.
_MADE: Final = object()
#: What is known of the fixtures of a folder: a value of the session by name, or _MADE.
_KNOWN: Final = pytest.StashKey[dict[str, Any]]()


_MAKERS: Final[dict[str, Callable[[Run], Any]]] = {
    "amberflo_customer_id": lambda run: run.new_customer(),
    "amberflo_inputs": lambda _: {},
    "amberflo_unique_id": lambda run: run.new_unique_id(),
    "metering_window": lambda run: make_window(run.now()),
}


def make_value(name: str, run: Run) -> Any:
    """What this plugin's own fixture of a name gives to an item that is no workflow."""
    return _MAKERS[name](run)


class FixtureValues:
    """The values of fixtures for the item that is set up; a plugin of runs with workflows."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._is_watched = shows_fixtures(config)
        self._item: pytest.Item | None = None
        #: Of the fixture that reads others now.
        self._request: pytest.FixtureRequest | None = None
        #: What this plugin has made for the item.
        self._made: dict[str, Any] = {}
        #: How many fixtures of a name were set up for the item.
        self._counts: dict[str, int] = {}
        #: Names of fixtures that, somewhere in the run, do not last for the session.
        self._brief: set[str] = set()
        self._known: dict[str, Any] = {}

    def __dir__(self) -> list[str]:
        """What is of this class alone: pytest looks closely at every name of a plugin."""
        return [name for name in vars(FixtureValues) if name[:2] != "__"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Forget what was the last item's."""
        self._item, self._request = item, None
        self._made.clear()
        self._counts.clear()
        if self._is_watched:
            self._known = {}
        elif isinstance(item, WorkflowItem):
            folder = item.document.parent
            assert folder is not None
            self._known = folder.stash.setdefault(_KNOWN, {})

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> None:
        """Note a fixture that is set up now."""
        name = fixturedef.argname
        if name in _READERS:
            self._request = request
        if name in _OURS:
            self._counts[name] = self._counts.get(name, 0) + 1
            if fixturedef.scope != "session":
                self._brief.add(name)

    def make(self, name: str) -> Any:
        """What this plugin's own fixture of a name gives to the item, each time the same."""
        __tracebackhide__ = True
        if name not in self._made:
            self._made[name] = (
                self._make_inputs(self._item)
                if name == "amberflo_inputs" and isinstance(self._item, WorkflowItem)
                else make_value(name, run_of(self._config))
            )
        return self._made[name]

    def read(self, name: str) -> Any:
        """What the fixture of a name gives to the workflow that is set up."""
        __tracebackhide__ = True
        if name in self._known:
            value = self._known[name]
            return self.make(name) if value is _MADE else value
        assert self._request is not None
        value = self._request.getfixturevalue(name)
        if name in _OURS and name not in self._brief:
            self._known[name] = value
        elif self._counts.get(name) == 1 and self._made.get(name, _MADE) is value:
            # One fixture of the name was set up, and it was this plugin's.
            self._known[name] = _MADE
        return value

    @pytest.fixture
    def _amberflo_workflow(self) -> Callable[[], None]:
        """Runs the workflow that is set up; it is ready to be run."""
        __tracebackhide__ = True
        item = self._item
        assert isinstance(item, WorkflowItem)
        run = run_of(item.config)
        url = self.read("amberflo_url") if item.calls_service else None
        target = self.read("amberflo_target") if item.calls_service else None
        servers = self.read("amberflo_servers")
        inputs = self.read("amberflo_inputs")
        if item.calls_service:
            url = check_place(run, url, target)
        return partial(run_item, item, prepare_execution(item, run, inputs, url, servers))

    def _make_inputs(self, item: WorkflowItem) -> dict[str, Any]:
        __tracebackhide__ = True
        gathered = gather_inputs(item, run_of(item.config), self.read)
        item.progress.gathered = gathered
        return dict(gathered.values)
