"""Runs of pytest within tests, each serially and distributed over two workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kept_modules  # noqa: F401
import pytest

if TYPE_CHECKING:
    from pytest_run import Run, Write

_SETTINGS = (
    "AMBERFLO_API_KEY",
    "AMBERFLO_API_KEY_2",
    "AMBERFLO_INPUT_FILE",
    "AMBERFLO_REQUIRE",
    "AMBERFLO_TARGET",
    "GITHUB_STEP_SUMMARY",
)
#: Plugins that have no part in these runs and take long to load in every worker.
#: Variants are tested on their own; everywhere else a workflow that ingests is one item.
_ONCE = "--amberflo-variants=once"
_WITHOUT = ("-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(params=[(), ("-n", "2")], ids=["serial", "n2"])
def run(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> Run:
    """Runs pytest in the test's folder, serially and distributed."""

    def run_pytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest(*_WITHOUT, _ONCE, *request.param, *arguments)

    return run_pytest


@pytest.fixture
def run_serially(pytester: pytest.Pytester) -> Run:
    """Runs pytest in the test's folder, where distribution cannot matter."""

    def run_pytest(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest(*_WITHOUT, _ONCE, *arguments)

    return run_pytest


@pytest.fixture
def write(pytester: pytest.Pytester) -> Write:
    """Writes a file below the test's folder."""

    def write_file(name: str, text: str) -> None:
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write_file
