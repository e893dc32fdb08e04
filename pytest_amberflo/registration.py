"""The plugins that a run of ours has, registered when it is known that there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.fixtures import VALUES
from pytest_amberflo.option_table import SETTINGS, STARTED

if TYPE_CHECKING:
    import pytest

    from pytest_amberflo.settings import Settings

_MAKER: Final = "amberflo-report-maker"
_CONTROLLER: Final = "amberflo-controller"


def register_parts(config: pytest.Config) -> Settings:
    """The settings of a run of ours; from now on what is said of it is said.

    Raises pytest.UsageError for settings that are wrong.
    """
    plugins = config.pluginmanager
    if SETTINGS in config.stash:
        return config.stash[SETTINGS]
    from pytest_amberflo.finder import load_plainly  # noqa: PLC0415  only with workflows

    load_plainly(config)
    from pytest_amberflo.options import read_settings  # noqa: PLC0415
    from pytest_amberflo.summary import ItemKeeper, ReportMaker  # noqa: PLC0415

    settings = config.stash[SETTINGS] = read_settings(config)
    if settings.verify is not None:
        from pytest_amberflo.verify import LedgerFixtures, narrow_to_ledger  # noqa: PLC0415

        narrow_to_ledger(config, settings.verify)
        plugins.register(LedgerFixtures(), "amberflo-ledger-fixtures")
    plugins.register(ReportMaker(), _MAKER)
    plugins.register(ItemKeeper(), "amberflo-item-keeper")
    if not hasattr(config, "workerinput"):
        _register_summary(config, settings)
    return settings


def register_fixtures(config: pytest.Config) -> None:
    """Register what gives workflows their values."""
    if VALUES in config.stash:
        return
    from pytest_amberflo.fixture_values import FixtureValues  # noqa: PLC0415  only with workflows

    values = config.stash[VALUES] = FixtureValues(config)
    config.pluginmanager.register(values, "amberflo-fixture-values")


def _register_summary(config: pytest.Config, settings: Settings) -> None:
    """Register what a run, or the controller of a distributed one, says in the end."""
    from pytest_amberflo.summary import RunSummary  # noqa: PLC0415

    plugins = config.pluginmanager
    summary = RunSummary(config, settings)
    plugins.register(summary, "amberflo-summary")
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


def prepare_node(node: Any) -> None:
    """Tell a worker of xdist what it shares with the others, before it starts."""
    from pytest_amberflo.distribution import Controller  # noqa: PLC0415  only with xdist

    config: pytest.Config = node.config
    settings = register_parts(config)
    controller = config.pluginmanager.get_plugin(_CONTROLLER)
    if controller is None:
        controller = Controller(settings, config.stash[STARTED])
        config.pluginmanager.register(controller, _CONTROLLER)
    controller.prepare_node(node)
