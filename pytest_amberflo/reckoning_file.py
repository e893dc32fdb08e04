"""The table of a verification as files, for whoever sends the invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo.ledger_file import write_whole
from pytest_amberflo.nodes import DIGEST

if TYPE_CHECKING:
    from pathlib import Path


class ReckoningKeeper:
    """The controller's part: collects the rows of all entries and writes them in the end."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        #: By customer, meter and day; entries may share them, and say the same then.
        self._rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._failures: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the rows of an entry; one that was seen stands above one that was not."""
        digest: dict[str, Any] = getattr(report, DIGEST, None) or {}
        for row in digest.get("rows", ()):
            name = (row["customer"], row["meter"], row["day"])
            known = self._rows.get(name)
            if known is None or known["seen"] is None:
                self._rows[name] = row

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the table; a run that cannot is red."""
        if session.config.option.collectonly or not self._rows:
            return
        from pytest_amberflo.metering.reckoning import (  # noqa: PLC0415  only in the end
            write_csv,
            write_json,
        )

        rows = [self._rows[name] for name in sorted(self._rows)]
        for path in self._paths:
            write = write_csv if path.suffix.lower() == ".csv" else write_json
            try:
                write_whole(path, write(rows))
            except (OSError, UnicodeError) as error:
                self._failures.append(f"amberflo: {path} cannot be written: {error}")
        if self._failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what could not be written."""
        for line in self._failures:
            terminalreporter.write_line(line, red=True)
