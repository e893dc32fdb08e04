"""Files that a run leaves for others: all exchanges as HAR, and the summary of a CI job.

Both are written by the controller, of what the reports of items carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo import __version__
from pytest_amberflo.job_summary import RedItem, write_job_summary
from pytest_amberflo.nodes import DIGEST, HAR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class HarKeeper:
    """Collects the exchanges of all workers, and writes them when the run is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: list[dict[str, Any]] = []
        self._failure: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the exchanges since the report before."""
        self._entries += getattr(report, HAR, ())

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file; a run whose archive is lost is red."""
        from pytest_amberflo.http.har import write_har  # noqa: PLC0415  only where asked for

        try:
            self._path.write_text(write_har(self._entries, __version__), encoding="utf-8")
        except OSError as error:
            self._failure = f"amberflo: {self._path} cannot be written: {error.strerror}"
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say that the archive is lost."""
        if self._failure is not None:
            terminalreporter.write_line(self._failure, red=True)


class JobSummaryKeeper:
    """Adds what was judged, and what is red, to the summary of a CI job."""

    def __init__(self, path: Path, describe_run: Callable[[], str | None]) -> None:
        self._path = path
        self._describe_run = describe_run
        self._red: list[RedItem] = []
        self._failure: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what is red of ours."""
        digest: dict[str, Any] | None = getattr(report, DIGEST, None)
        if digest is None or not report.failed:
            return
        # Of an error in setup the last line says what it is; the first may be the worker's name.
        lines = [line for line in report.longreprtext.splitlines() if line[:3] != "[gw"] or [""]
        headline = lines[0] if report.when == "call" else lines[-1]
        verdict = digest["verdict"]
        self._red.append(RedItem(nodeid=report.nodeid, verdict=verdict, headline=headline))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write it; without it the run is what it is."""
        line = self._describe_run()
        if line is None:
            return
        try:
            write_job_summary(self._path, line, self._red)
        except OSError as error:
            self._failure = f"amberflo: no job summary: {self._path}: {error.strerror}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say that there is none."""
        if self._failure is not None:
            terminalreporter.write_line(self._failure)
