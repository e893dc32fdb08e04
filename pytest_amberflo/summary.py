"""What a run says beside pytest's own report: header, steps under -v, one summary line, trace.

Items run in workers under xdist, this plugin in the controller: everything it needs travels in
the reports, as plain values.
"""

from __future__ import annotations

import json
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from pytest_amberflo.nodes import (
    DIGEST,
    HAR,
    HAS_FAILED,
    KEEP,
    KEPT,
    RUN,
    WorkflowItem,
    check_items,
    run_of,
)
from pytest_amberflo.option_table import SETTINGS
from pytest_amberflo.run_tally import (
    RunTally,
    summarize,
    summarize_rehearsal,
    summarize_verification,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    import pluggy

    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.nodes import ItemProgress
    from pytest_amberflo.settings import Settings
    from pytest_amberflo.verdict import ItemResult


def note_result(item: WorkflowItem, result: ItemResult) -> None:
    """Keep an item's result for its report, and write what JUnit and sections show."""
    from pytest_amberflo.digest import list_properties, mask_steps  # noqa: PLC0415

    redactor = run_of(item.config).redactor
    lines = mask_steps(result, redactor)
    item.user_properties += list_properties(result, redactor)
    section = "\n".join(lines)
    item.add_report_section("call", "amberflo steps", section)
    item.progress.result = result, lines
    item.progress.masked = section


class ItemKeeper:
    """Looks after workflow items: that somebody has each input, and what they have while they run.

    All conftests that there will be for a folder are known when an item runs, which keeps its
    hooks then.
    """

    def __init__(self) -> None:
        self._hooks: dict[Path, pluggy.HookRelay] = {}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: Sequence[pytest.Item]
    ) -> None:
        """Refuse inputs of the command line that no workflow has."""
        check_items(config, items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Hold the hooks of the item's folder until the item is over."""
        if not isinstance(item, WorkflowItem):
            return (yield)
        hooks = self._hooks.get(item.document.folder)
        if hooks is None:
            hooks = self._hooks[item.document.folder] = item.ihook
        item.hooks = hooks
        try:
            return (yield)
        finally:
            item.end()


class ReportMaker:
    """Masks secrets in every report and hangs the digest of workflow items on theirs."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add to and mask what pytest made."""
        report = yield
        if report.failed:
            item.stash[HAS_FAILED] = True
        if isinstance(item, WorkflowItem):
            _share_parts(item.progress, report)
            # The call says it all, unless it does not come to it.
            is_news = report.when == "call" or not report.passed
            digest = self._make_digest(item, report) if is_news else None
        elif item.config.stash[SETTINGS].verify is not None:
            from pytest_amberflo.verify import LedgerItem  # noqa: PLC0415  only with a ledger

            digest = item.make_digest(report) if isinstance(item, LedgerItem) else None
        else:
            digest = None
        if digest is not None:
            setattr(report, DIGEST, digest)
        elif report.when == "call" and KEEP in item.stash:
            setattr(report, KEPT, item.stash[KEEP](report.failed))
        run = item.config.stash.get(RUN, None)
        if run is not None:
            masked = item.progress.masked if isinstance(item, WorkflowItem) else None
            _mask_report(report, run.redactor, masked)
            if run.settings.har is not None:
                setattr(report, HAR, run.take_har())
        return report

    def _make_digest(self, item: WorkflowItem, report: pytest.TestReport) -> dict[str, Any] | None:
        from pytest_amberflo.digest import make_digest, make_skeleton  # noqa: PLC0415
        from pytest_amberflo.verdict import Verdict  # noqa: PLC0415  only with workflows

        run = run_of(item.config)
        wants_trace = run.settings.trace is not None
        found = item.progress.result
        if report.when == "call" and found is not None:
            result, lines = found
            item.progress.result = None  # a plugin may run the item again
            if report.failed and result.verdict is Verdict.PASSED:
                # Red for what is not the workflow's: a hook that raised, a pass that is strict.
                result = replace(result, verdict=Verdict.FAILED)
            return make_digest(item.nodeid, result, lines, run, wants_trace=wants_trace)
        if report.when == "setup" and not report.passed:
            outcome = "skipped" if report.skipped else "error"
            return make_skeleton(item.nodeid, item.workflow_id, outcome, run)
        if report.when == "call" and not report.passed:
            outcome = "skipped" if report.skipped else "failed"
            return make_skeleton(item.nodeid, item.workflow_id, outcome, run)
        return None


def _share_parts(progress: ItemProgress, report: pytest.TestReport) -> None:
    """Let the reports of an item, which pytest keeps, have one of what they have alike."""
    last = progress.report
    if last is not None and last.keywords == report.keywords:
        report.keywords = last.keywords
    if last is not None and last.sections == report.sections:
        report.sections = last.sections.copy()
    else:
        for number, (name, text) in enumerate(report.sections):
            # Other plugins may have added theirs.
            report.sections[number] = (intern(name) if type(name) is str else name), text
    progress.report = report


def _mask_report(report: pytest.TestReport, redactor: Redactor, masked: str | None) -> None:
    """Mask secrets in the text of a failure and in captured output but what is masked already."""
    if report.longrepr is not None and not isinstance(report.longrepr, tuple):
        text = str(report.longrepr)
        plain = redactor.redact(text)
        if plain != text:
            report.longrepr = plain
    elif isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        report.longrepr = (path, line, redactor.redact(reason))
    for number, (name, text) in enumerate(report.sections):
        if text is not masked and (plain := redactor.redact(text)) != text:
            report.sections[number] = name, plain


class RunSummary:
    """The controller's part: collects digests and says in the end what was judged."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._tally = RunTally(wants_traces=settings.trace is not None)
        self._unverified: list[pytest.TestReport] = []
        self._announced: set[str] = set()
        #: What items say of the target, each once.
        self._notes: dict[str, None] = {}
        #: Why the run is not green, beside its items.
        self._complaints: list[str] = []

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """The workflows that were found, and descriptions that stand in for missing files."""
        workflows = [item for item in items if isinstance(item, WorkflowItem)]
        if not workflows or self._config.get_verbosity() < 0:
            return []
        run = run_of(self._config)
        files = len({item.path for item in workflows})
        ids = len({(item.path, item.workflow_id) for item in workflows})
        lines = [f"amberflo: {_count(files, 'workflow file')}, {_count(ids, 'workflow')}"]
        lines += self._announce(run.catalog.stand_ins)
        return lines

    def _announce(self, stand_ins: dict[str, str]) -> list[str]:
        new = {path: name for path, name in stand_ins.items() if path not in self._announced}
        self._announced.update(new)
        return [
            f"amberflo: {path} is not there; the description shipped under this name is used"
            for path in new
        ]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """When all have had the report, collect the digest of an item; under -v, show its steps.

        pytest keeps reports, and will ask for their status once more: that stays in them.
        """
        outcome = yield
        digest = getattr(report, DIGEST, None)
        found = digest or getattr(report, KEPT, None)
        if found is not None:
            self._notes |= dict.fromkeys(found.get("notes", ()))
        if digest is not None:
            self._collect(report, digest)
            setattr(report, DIGEST, _keep_verdict(digest["verdict"]))
        return outcome

    def _collect(self, report: pytest.TestReport, digest: dict[str, Any]) -> None:
        self._tally.add(digest)
        if digest["verdict"] == "unverified" and report.failed:
            self._unverified.append(report)
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if self._config.get_verbosity() >= 1 and isinstance(terminal, pytest.TerminalReporter):
            terminal.ensure_newline()
            for line in digest.get("steps", ()):
                terminal.write_line(f"    {line}")

    def pytest_report_teststatus(self, report: pytest.TestReport) -> Any:
        """Categories of their own for items that prove nothing, or not yet; promises of probes."""
        digest = getattr(report, DIGEST, None)
        if digest is not None and digest["verdict"] == "unverified" and report.failed:
            return "unverified", "U", ("UNVERIFIED", {"red": True})
        kept = getattr(report, KEPT, None) or {"is_deferred": False}
        is_deferred = kept["is_deferred"] if digest is None else digest["verdict"] == "deferred"
        if is_deferred and report.passed:
            return "deferred", "D", ("DEFERRED", {"yellow": True})
        if isinstance(report, pytest.TestReport) and any(
            name == "amberflo_promise" for name, _ in report.user_properties
        ):
            from pytest_amberflo.probes.status import describe_status  # noqa: PLC0415  for probes

            return describe_status(report, self._config.get_verbosity())
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that judged too little; write the trace."""
        least = self._settings.min_judged
        judged = 0 if self._settings.is_dry_run else self._tally.judged
        if least is not None and judged < least and not self._config.option.collectonly:
            text = f"{judged} judged, at least {least} are asked for (--amberflo-min-judged)"
            self._complaints.append(text)
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._settings.trace is not None and not self._config.option.collectonly:
            trace = {
                "version": 1,
                "target": str(self._settings.target),
                "workflows": self._tally.traces,
            }
            text = json.dumps(trace, ensure_ascii=False, indent=1) + "\n"
            self._write(session, self._settings.trace, text)

    def _write(self, session: pytest.Session, path: Path, text: str) -> None:
        """Write a file that was asked for; without it the run is not green."""
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self._complaints.append(f"{path} cannot be written: {error.strerror}")
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What is unverified, and one line on what was judged."""
        self._show_unverified(terminalreporter)
        if self._config.get_verbosity() < -1:
            return
        if self._settings.is_dry_run:
            self._show_requests(terminalreporter)
        if self._config.get_verbosity() >= 0:
            for line in self._announce(self._tally.stand_ins):
                terminalreporter.write_line(line)
        for note in self._notes:
            terminalreporter.write_line(f"amberflo: {note}", yellow=True)
        if self._tally.verdicts:
            terminalreporter.write_line(self._summarize())
        for complaint in self._complaints:
            terminalreporter.write_line(f"amberflo: {complaint}", red=True)

    def _show_unverified(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._unverified:
            terminalreporter.write_sep("=", "UNVERIFIED")
        for report in self._unverified:
            terminalreporter.write_sep("_", report.head_line or report.nodeid, red=True)
            for line in report.longreprtext.splitlines():
                terminalreporter.write_line(line)

    def _show_requests(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What a dry run would send."""
        terminalreporter.write_sep("=", "DRY RUN: nothing was sent")
        for nodeid, requests in self._tally.rehearsed:
            terminalreporter.write_line(nodeid)
            for line in requests:
                terminalreporter.write_line(f"  {line}")

    def _summarize(self) -> str:
        if self._settings.is_dry_run:
            return summarize_rehearsal(self._tally)
        if self._settings.verify is not None:
            return self._summarize_verification(self._settings.verify)
        path = self._settings.ledger
        ledger = "" if path is None else run_of(self._config).shorten(path)
        targets = ", ".join(self._tally.targets or [str(self._settings.target)])
        return summarize(self._tally, targets, ledger)

    def describe_run(self) -> str | None:
        """The one line on what was judged; None where nothing of ours has run."""
        return self._summarize() if self._tally.verdicts else None

    def _summarize_verification(self, ledger: Path) -> str:
        shorten = run_of(self._config).shorten
        reports = [shorten(path) for path in self._settings.verify_reports]
        target = str(self._settings.target)
        return summarize_verification(self._tally, target, shorten(ledger), reports)


@lru_cache(maxsize=16)
def _keep_verdict(verdict: str) -> Mapping[str, str]:
    """What is left of a digest, one for all items of a verdict."""
    return {"verdict": verdict}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
