"""pytest's hooks, and nothing else: what they do is elsewhere, and imported when it is needed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pytest_amberflo import fixtures, hookspecs
from pytest_amberflo.discovery import has_workflow_name, is_probe_file, may_be_workflow
from pytest_amberflo.distribution import Controller
from pytest_amberflo.nodes import RUN, SETTINGS, STARTED, ArazzoFile, WorkflowItem, check_names
from pytest_amberflo.option_table import add_options
from pytest_amberflo.options import read_settings
from pytest_amberflo.probes.status import describe_status
from pytest_amberflo.summary import ReportMaker, RunSummary

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    import pytest


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings; a setting that is wrong ends the run here."""
    settings = config.stash[SETTINGS] = read_settings(config)
    config.stash[STARTED] = time.time()
    plugins = config.pluginmanager
    if settings.verify is not None:
        from pytest_amberflo.verify import narrow_to_ledger  # noqa: PLC0415  only with a ledger

        narrow_to_ledger(config, settings.verify)
    if plugins.has_plugin("pytester"):
        # pytester drops the modules that its runs import, and PyYAML's C parser cannot be
        # imported twice: what was loaded before is kept.
        import pytest_amberflo.arazzo.tree  # noqa: F401, PLC0415
    plugins.register(fixtures, "amberflo-fixtures")
    plugins.register(ReportMaker(), "amberflo-report-maker")
    if not hasattr(config, "workerinput"):
        summary = RunSummary(config, settings)
        plugins.register(summary, "amberflo-summary")
        plugins.register(Controller(settings, config.stash[STARTED]), "amberflo-controller")
        if settings.har is not None:
            from pytest_amberflo.archive import HarKeeper  # noqa: PLC0415

            plugins.register(HarKeeper(settings.har), "amberflo-har")
        if settings.job_summary is not None:
            from pytest_amberflo.archive import JobSummaryKeeper  # noqa: PLC0415

            keeper = JobSummaryKeeper(settings.job_summary, summary.describe_run)
            plugins.register(keeper, "amberflo-job-summary")
        if settings.ledger is not None:
            from pytest_amberflo.ledger_file import LedgerKeeper  # noqa: PLC0415

            plugins.register(LedgerKeeper(settings.ledger), "amberflo-ledger")
        if settings.verify is not None:
            from pytest_amberflo.reckoning_file import ReckoningKeeper  # noqa: PLC0415

            plugins.register(ReckoningKeeper(settings.verify_reports), "amberflo-reckoning")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what the run opened."""
    run = config.stash.get(RUN, None)
    if run is not None:
        run.close()
        del config.stash[RUN]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect workflow documents, this package's probes, or a ledger and nothing else."""
    verify = parent.config.stash[SETTINGS].verify
    if verify is not None:
        from pytest_amberflo.verify import LedgerFile  # noqa: PLC0415  only with a ledger

        is_ledger = file_path.samefile(verify)
        return LedgerFile.from_parent(parent, path=file_path) if is_ledger else None
    if is_probe_file(file_path):
        from pytest_amberflo.probes.nodes import ProbeFile  # noqa: PLC0415  only for probes

        return ProbeFile.from_parent(parent, path=file_path)
    names = parent.config.stash[SETTINGS].file_names
    is_certain = has_workflow_name(file_path, names)
    if not is_certain:
        is_named = parent.session.isinitpath(file_path)
        if not may_be_workflow(file_path, is_named=is_named):
            return None
    return ArazzoFile.from_parent(parent, path=file_path, is_certain=is_certain)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse inputs of the command line that no workflow has."""
    workflows = [item for item in items if isinstance(item, WorkflowItem)]
    if workflows:
        check_names(config, workflows)


def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> Any:
    """Show the promise of a probe under -v."""
    return describe_status(report, config.get_verbosity())
