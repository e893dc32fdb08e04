"""Probes as pytest nodes: files, and one item a promise."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo.failure import FailureText
from pytest_amberflo.nodes import KEEP
from pytest_amberflo.probes.promise import list_probes
from pytest_amberflo.probes.session import ProbeSession
from pytest_amberflo.probes.status import PROMISE

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from pytest_amberflo.probes.promise import Probe

_PLUGIN = "amberflo-probes"


class BrokenPromise(AssertionError):  # noqa: N818  pytest shows the name of an assertion
    """A probe is red; carries its text."""

    def __init__(self, text: str) -> None:
        super().__init__(text.partition("\n")[0])
        self.text = text


class ProbeFile(pytest.File):
    """A chapter of probes."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item a probe."""
        plugins = self.config.pluginmanager
        if not plugins.has_plugin(_PLUGIN):
            plugins.register(ProbeSession(self.config), _PLUGIN)
        module = importlib.import_module(f"pytest_amberflo.probes.{self.path.stem}")
        for probe in list_probes(module):
            yield ProbeItem.from_parent(self, name=probe.name, probe=probe)


class ProbeItem(pytest.Item):
    """One promise."""

    def __init__(self, *, probe: Probe, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.probe = probe
        self.user_properties.append((PROMISE, probe.promise))

    @property
    def obj(self) -> Callable[..., Any]:
        """The function, whose docstring pytest shows with --collect-only -v."""
        return self.probe.function

    def runtest(self) -> None:
        """Tell what the session has found."""
        session = self.config.pluginmanager.get_plugin(_PLUGIN)
        assert isinstance(session, ProbeSession)
        outcome = session.find(self.probe)
        for name, value in outcome.properties.items():
            self.user_properties.append((name, value))
        is_deferred = outcome.kind == "deferred"
        kept: dict[str, Any] = {"entry": outcome.entry, "is_deferred": is_deferred, "notes": []}
        self.stash[KEEP] = lambda _: kept
        if outcome.kind == "skipped":
            pytest.skip(outcome.text)
        if outcome.kind != "passed" and not is_deferred:
            raise BrokenPromise(outcome.text)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **kwargs: Any
    ) -> Any:
        """The text of a broken promise; pytest's own for everything else."""
        if isinstance(excinfo.value, BrokenPromise):
            return FailureText(excinfo.value.text)
        return super().repr_failure(excinfo, *args, **kwargs)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The file, the 0-based line of the probe, and its name."""
        return self.path, self.probe.line, self.name
