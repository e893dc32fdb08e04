"""The fixtures of the plugin. Each can be overridden in a conftest.

Imported in every run of pytest: they must be known before those of conftests, which override them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from pytest_amberflo.control import ServerControl
    from pytest_amberflo.desk import Metering
    from pytest_amberflo.fixture_values import FixtureValues
    from pytest_amberflo.metering.window import MeteringWindow
    from pytest_amberflo.run import Run
    from pytest_amberflo.service import ServiceStarter
    from pytest_amberflo.settings import Target

#: What gives workflows their values, where there are any.
VALUES: Final[pytest.StashKey[FixtureValues]] = pytest.StashKey()


def __dir__() -> list[str]:
    """The fixtures alone: pytest looks closely at every name of a plugin."""
    return [name for name in globals() if "amberflo" in name]


def _find_run(config: pytest.Config) -> Run:
    from pytest_amberflo.nodes import run_of  # noqa: PLC0415  for those who ask

    return run_of(config)


@pytest.fixture(scope="session")
def amberflo_target(request: pytest.FixtureRequest) -> Target:
    """Where Amberflo's own hosts are sent: kind, URL, and who said so."""
    return _find_run(request.config).settings.target


@pytest.fixture(scope="session")
def amberflo_url(request: pytest.FixtureRequest) -> str:
    """The base URL of the target; starts the embedded server where that is the target."""
    return _find_run(request.config).target_url


@pytest.fixture(scope="session")
def amberflo_servers() -> Mapping[str, str]:
    """Where source descriptions are served, by name, as `--amberflo-server` says it; nothing here.

    An override may start what it names.
    """
    return {}


@pytest.fixture(scope="session")
def amberflo_api_key(request: pytest.FixtureRequest) -> str | None:
    """The API key: AMBERFLO_API_KEY, on this machine else one made for the run."""
    return _find_run(request.config).api_key


@pytest.fixture(scope="session")
def amberflo_meter() -> str:
    """The meter that workflows ingest to and query."""
    return "api-calls"


@pytest.fixture(scope="session")
def amberflo_meter_value() -> float:
    """The value of an event; a fraction, so that rounding shows."""
    from pytest_amberflo.inputs import METER_VALUE  # noqa: PLC0415  only with workflows

    return METER_VALUE


@pytest.fixture(scope="session")
def amberflo_emitter_env(
    pytestconfig: pytest.Config, amberflo_target: Target, amberflo_url: str
) -> dict[str, str]:
    """Variables for a service under test: its calls to Amberflo's hosts come to `amberflo_url`."""
    from pytest_amberflo.embedded import prepare_environment  # noqa: PLC0415  for those who ask

    if amberflo_target.kind != "embedded":
        pytest.skip(
            f"amberflo_emitter_env leads to the embedded server; the target is {amberflo_target}"
        )
    run = _find_run(pytestconfig)
    return prepare_environment(run.folder, amberflo_url, run.api_key)


@pytest.fixture(scope="session")
def amberflo_service(
    pytestconfig: pytest.Config,
    amberflo_emitter_env: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceStarter]:
    """Starts a service under test: `amberflo_service(command).url`; it ends with the session."""
    from pytest_amberflo.options import read_environment  # noqa: PLC0415  for those who ask
    from pytest_amberflo.service import ServiceStarter  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("amberflo-service")
    environment = read_environment() | amberflo_emitter_env
    starter = ServiceStarter(pytestconfig, environment, folder)
    yield starter
    starter.close()


class ItemFixtures:
    """The fixtures that each item has for itself.

    They have the configuration from here and not from a fixture of the session: pytest keeps
    what asks for one of those until the session ends, 5 KB an item, and asking takes a fifth of
    an item's set-up.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __dir__(self) -> list[str]:
        """What is of this class alone: pytest looks closely at every name of a plugin."""
        return [name for name in vars(ItemFixtures) if name[:2] != "__"]

    def _make(self, name: str) -> Any:
        """What this plugin gives to an item; with workflows, the same each time."""
        __tracebackhide__ = True
        values = self._config.stash.get(VALUES, None)
        if values is not None:
            return values.make(name)
        from pytest_amberflo.fixture_values import make_value  # noqa: PLC0415  for those who ask

        return make_value(name, _find_run(self._config))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        """Mask the key from the moment that somebody's own fixture gives it."""
        __tracebackhide__ = True
        value: Any = yield
        if fixturedef.argname == "amberflo_api_key":
            _find_run(self._config).redactor.register(value)
        return value

    @pytest.fixture
    def amberflo_customer_id(self) -> str:
        """A customer that nobody has used before."""
        customer: str = self._make("amberflo_customer_id")
        return customer

    @pytest.fixture
    def amberflo_unique_id(self) -> str:
        """The unique id of an event; nobody has used it before."""
        unique_id: str = self._make("amberflo_unique_id")
        return unique_id

    @pytest.fixture
    def metering_window(self) -> MeteringWindow:
        """The window of a query and the time of an event in it: half-open, UTC, whole days."""
        window: MeteringWindow = self._make("metering_window")
        return window

    @pytest.fixture
    def amberflo_server(self, amberflo_customer_id: str) -> Iterator[ServerControl]:
        """Control of the embedded server: faults of the item's customer, clock, what came."""
        from pytest_amberflo.control import ServerControl  # noqa: PLC0415  for those who ask

        run = _find_run(self._config)
        target = run.settings.target
        if target.kind != "embedded":
            pytest.skip(f"amberflo_server controls the embedded server; the target is {target}")
        control = ServerControl(
            run.client,
            url=run.target_url,
            token=run.control_token,
            customer=amberflo_customer_id,
        )
        yield control
        control.close()

    @pytest.fixture
    def metering(
        self,
        request: pytest.FixtureRequest,
        amberflo_api_key: str | None,
        amberflo_meter: str,
        amberflo_customer_id: str,
        amberflo_meter_value: float,
        metering_window: MeteringWindow,
    ) -> Iterator[Metering]:
        """Metering by hand: `ingest`, `replay`, `ingest_at_once`, `expect`, and `eventually`."""
        from pytest_amberflo.deferral import keep_desk  # noqa: PLC0415  for those who ask
        from pytest_amberflo.desk import Metering  # noqa: PLC0415
        from pytest_amberflo.nodes import HAS_FAILED, KEEP  # noqa: PLC0415

        run = _find_run(self._config)
        desk = Metering(
            run,
            api_key=amberflo_api_key,
            meter=amberflo_meter,
            customer=amberflo_customer_id,
            value=amberflo_meter_value,
            time_ms=metering_window.event_millis,
            flush=partial(request.node.ihook.pytest_amberflo_flush_emitter, item=request.node),
            note=partial(request.node.add_report_section, "call", "amberflo"),
        )
        request.node.stash[KEEP] = lambda is_red: keep_desk(
            desk, request.node.nodeid, run, is_red=is_red
        )
        yield desk
        if not desk.is_settled and not request.node.stash.get(HAS_FAILED, False):
            pytest.fail(
                "events were sent, and the test never called metering.eventually()", pytrace=False
            )

    @pytest.fixture
    def amberflo_inputs(self) -> Mapping[str, Any]:
        """The inputs of the workflow, by name. An override has the last word."""
        __tracebackhide__ = True
        inputs: Mapping[str, Any] = self._make("amberflo_inputs")
        return inputs
