"""The ledger file of a run: what is in it, whose it is, and how it grows."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec import Struct

from pytest_amberflo.http.address import find_host, is_amberflo_host, is_loopback
from pytest_amberflo.nodes import DIGEST, KEPT
from pytest_amberflo.settings import LIVE_URL, VARIANTS, Settings, Target
from pytest_amberflo.target import check_url, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_amberflo.metering.deferral import Entry

REPORT_SUFFIXES: Final = (".csv", ".json")


class LedgerFileError(Exception):
    """A ledger cannot be used; the text is `file:line:column  reason`."""

    def __init__(self, path: Path, reason: str, line: int | None = None, column: int = 1) -> None:
        super().__init__(path, reason, line, column)
        self.path = path
        self.reason = reason
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """The place and the reason."""
        place = "" if self.line is None else f":{self.line}:{self.column}"
        return f"{self.path.name}{place}  {self.reason}"


class PlacedEntry(Struct, frozen=True, kw_only=True):
    """An entry and its line, from 1."""

    line: int
    entry: Entry


def read_ledger(path: Path) -> tuple[PlacedEntry, ...]:
    """The entries of a file. Raises LedgerFileError for the first line that is none."""
    from pytest_amberflo.metering.ledger_text import (  # noqa: PLC0415  only with a ledger
        LedgerTextError,
        read_entry,
    )

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LedgerFileError(path, f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LedgerFileError(path, "it is no text in UTF-8, so no metering ledger") from None
    entries: list[PlacedEntry] = []
    known: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if line in known:
            raise LedgerFileError(path, f"this is the entry of line {known[line]} again", number)
        known[line] = number
        try:
            entries.append(PlacedEntry(line=number, entry=read_entry(line)))
        except LedgerTextError as error:
            raise LedgerFileError(path, str(error), number, error.column or 1) from None
    if not entries:
        raise LedgerFileError(path, "it has no entries: no run has deferred anything to it")
    return tuple(entries)


def find_target(path: Path, target: Target) -> Target:
    """The target of a verification: the one that was asked for, else the ledger's own.

    A ledger may name the real service and this machine; for the key to go anywhere else, the
    user has to. What is wrong with a file is said when it is collected.
    """
    if target.origin != "default":
        return target
    try:
        url = read_ledger(path)[0].entry.target
        host = find_host(url)
    except (LedgerFileError, ValueError):
        return target
    if not is_amberflo_host(host) and not is_loopback(host):
        refuse(
            f"--amberflo-verify: what {path.name} keeps was sent to {url}; to ask there: "
            f"--amberflo-target {url}"
        )
    checked = check_url(url, f"--amberflo-verify: the target in {path.name}")
    is_live = is_amberflo_host(host)
    return Target(kind="live" if is_live else "url", url=checked, origin="command line")


def name_target(url: str) -> str:
    """The target as an option takes it."""
    return "live" if url == LIVE_URL else url


def check_deferral(settings: Settings) -> None:
    """Refuse what cannot end well before anything is sent. Raises pytest.UsageError.

    Any variant but the first asks what is one record and what is two, and on the real service
    that is seen hours later only.
    """
    if settings.verify is not None:
        for option, is_given in (("ledger", settings.ledger), ("dry-run", settings.is_dry_run)):
            if is_given:
                refuse(f"--amberflo-verify sends nothing new: --amberflo-{option} has no use")
        return
    if settings.is_dry_run:
        return
    later = [name for name in settings.variants if name != VARIANTS[0]]
    if settings.reaches_live and settings.ledger is None and later:
        refuse(
            f"fresh figures of the real service may count copies for hours: {', '.join(later)} "
            "can be judged only later. Give --amberflo-ledger FILE, or --amberflo-variants "
            f"{VARIANTS[0]}"
        )
    if settings.ledger is not None and settings.target.kind == "embedded":
        refuse(
            "--amberflo-ledger keeps what is to be judged later, and the embedded server ends "
            "with the run. It takes another --amberflo-target"
        )
    if settings.ledger is not None:
        _check_growing(settings.ledger)


def _check_growing(path: Path) -> None:
    """Refuse a file that is there and is no ledger, or that nobody could write."""
    if path.exists() and path.stat().st_size:
        try:
            read_ledger(path)
        except LedgerFileError as error:
            refuse(f"--amberflo-ledger would add to a file that is no ledger: {error}")
    if not os.access(path.parent, os.W_OK):
        refuse(f"--amberflo-ledger: {path.parent} cannot be written to")


def add_lines(path: Path, lines: Sequence[str]) -> None:
    """Add entries to a file that is whole at any moment. Raises OSError.

    What earlier runs have left stays: nobody else knows what they sent.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text and not text.endswith("\n"):
        text += "\n"
    write_whole(path, text + "".join(f"{line}\n" for line in lines))


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: it has its old text or its new one. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink()


class LedgerKeeper:
    """The controller's part: every entry is in the file as soon as its item is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failure: str | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the entry of an item."""
        found: dict[str, Any] = getattr(report, DIGEST, None) or getattr(report, KEPT, {})
        line = found.get("entry")
        if line is None:
            return
        try:
            add_lines(self._path, [line])
        except (OSError, UnicodeError) as error:
            self._failure = f"amberflo: {self._path} cannot be written: {error}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run whose entries are lost is red."""
        if self._failure is not None and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say that entries are lost."""
        if self._failure is not None:
            terminalreporter.write_line(self._failure, red=True)
