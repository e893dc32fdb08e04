"""The parts that all items of a run share: settings, client, descriptions, ledger, target."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo import __version__
from pytest_amberflo.arazzo.bound import SourceError
from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.embedded import start_server, stop_server
from pytest_amberflo.http.address import find_host, is_amberflo_host, is_loopback
from pytest_amberflo.http.client import Client
from pytest_amberflo.http.disguise import match_written
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.http.redact import Redactor
from pytest_amberflo.identity import SHARED, make_api_key, make_control_token, make_run_id
from pytest_amberflo.metering.ledger import Ledger
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.window import WEEK_STARTS
from pytest_amberflo.openapi.catalog import Catalog
from pytest_amberflo.openapi.gate import Gate
from pytest_amberflo.pace import Pace
from pytest_amberflo.path_text import shorten_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.bound import Target as StepTarget
    from pytest_amberflo.execution import WorkflowKey
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.openapi.description import Description
    from pytest_amberflo.server.live import EmbeddedServer
    from pytest_amberflo.service_clock import ClockOffset
    from pytest_amberflo.settings import Settings

#: How the name begins of a customer that was made for a run.
_FRESH: Final = re.compile(r"pt-\w+-([1-9]\d*)(?!\w)", re.ASCII)


def make_run(settings: Settings, config: Any, started_s: float) -> Run:
    """The run of this process; a worker of xdist takes names and server from its controller.

    `config` is pytest's; only its public attributes are used. `started_s` is when pytest was
    started, UTC in seconds since 1970.
    """
    shared = getattr(config, "workerinput", {}).get(SHARED, {})
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    return Run(
        settings,
        root=config.invocation_params.dir,
        run_id=shared.get("run_id") or make_run_id(),
        api_key=shared.get("api_key") or make_api_key(),
        server_url=shared.get("server_url"),
        pace=Pace(settings, started_s=shared.get("started_s") or started_s, workers=workers),
        control_token=shared.get("control_token"),
        folder=shared.get("folder"),
    )


class Run:
    """One process's share of a run; under xdist each worker has its own.

    `server` is the embedded server, started when its URL is asked for; under xdist the
    controller has it and `server_url` says where.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        root: Path,
        run_id: str,
        api_key: str,
        server_url: str | None = None,
        pace: Pace | None = None,
        control_token: str | None = None,
        folder: str | None = None,
    ) -> None:
        self.settings = settings
        self.pace = pace or Pace(settings, started_s=time.time())
        self.run_id = run_id
        self.redactor = Redactor()
        self.ledger = Ledger()
        #: What the end of the run says of the target, each once.
        self.notes: list[str] = []
        self._har: list[dict[str, Any]] = []
        self.catalog = Catalog(self.shorten, self._fetch)
        #: The workflows of all documents collected that other workflows lead to.
        self.called: set[WorkflowKey] = set()
        self._root = root
        self._made_key = api_key
        #: Lets the tests of this run control the embedded server.
        self.control_token = control_token or make_control_token()
        self._server_url = server_url
        #: A worker has that of its controller, others make one.
        self._shared_folder = folder
        self._server: EmbeddedServer | None = None
        self._contracts: dict[int, Gate] = {}
        self._secret_places: dict[int, tuple[Any, tuple[tuple[str, str], ...]]] = {}
        #: How many customers were made so far, which bear the numbers from 1.
        self.customers_made = 0
        self._week_starts = frozenset(WEEK_STARTS)
        self._unique_ids = 0
        self.redactor.register(settings.api_key)

    @property
    def is_alone(self) -> bool:
        """Whether nobody but this process can have written to the target."""
        return self.settings.target.kind == "embedded" and self._server_url is None

    @property
    def terms(self) -> Terms:
        """What is known beforehand of the target."""
        return Terms(
            dedup=self.settings.dedup,
            knows_all_writers=self.is_alone,
            is_live=self.settings.reaches_live,
            week_starts=self._week_starts,
        )

    def note_week_starts(self, days: frozenset[int]) -> None:
        """Keep the days on which weeks can start after a reading; it holds for the whole run."""
        self._week_starts = (self._week_starts & days) or self._week_starts

    @cached_property
    def api_key(self) -> str | None:
        """The user's key; on this machine one that was made for the run, else None."""
        key = self.settings.api_key
        if key is None and self.settings.target.is_loopback:
            key = self._made_key
        self.redactor.register(key)
        return key

    def holds_key(self, text: str) -> bool:
        """Whether AMBERFLO_API_KEY is in a text, however it is written there."""
        return self._key_pattern is not None and self._key_pattern.search(text) is not None

    @cached_property
    def _key_pattern(self) -> re.Pattern[str] | None:
        key = self.settings.api_key
        return None if key is None else re.compile(match_written(key))

    @cached_property
    def client(self) -> Client:
        """The connections of the run."""
        return self.new_client()

    def new_client(self) -> Client:
        """Connections of their own; whoever asks closes them."""
        observe = self._keep_exchange if self.settings.har is not None else None
        user_agent = f"pytest-amberflo/{__version__}"
        return Client(self.redactor, user_agent=user_agent, observe=observe)

    def _keep_exchange(self, exchange: Exchange) -> None:
        from pytest_amberflo.http.har import describe_entry  # noqa: PLC0415  only where asked for

        self._har.append(describe_entry(exchange, self.redactor))

    def take_har(self) -> list[dict[str, Any]]:
        """The HAR entries of all exchanges since this was asked last, as plain values."""
        taken, self._har = self._har, []
        return taken

    @cached_property
    def target_url(self) -> str:
        """The base URL of the target, without a slash at the end; starts the embedded server."""
        if self.settings.target.url is not None:
            return self.settings.target.url
        if self._server_url is not None:
            return self._server_url
        key = self.settings.api_key or self._made_key
        self._server = start_server(self.settings, key, self.control_token, self.folder)
        return self._server.url

    @cached_property
    def folder(self) -> Path:
        """A folder of the run for files that other processes read; gone at its end."""
        return Path(self._shared_folder or tempfile.mkdtemp(prefix="pytest-amberflo-"))

    def close(self) -> None:
        """Close connections and stop the embedded server."""
        if "client" in self.__dict__:
            self.client.close()
        if self._server is not None:
            stop_server(self._server)
        if self._shared_folder is None and "folder" in self.__dict__:
            shutil.rmtree(self.folder, ignore_errors=True)

    def new_customer(self) -> str:
        """A customer that nobody has used before: `pt-<run>-<n>`."""
        self.customers_made += 1
        return self.name_customer(self.customers_made)

    def name_customer(self, number: int) -> str:
        """The customer of this run that bears a number."""
        return f"pt-{self.run_id}-{number}"

    def is_fresh(self, customer: str) -> bool:
        """Whether a customer was made for this run."""
        number = self.number_of(customer)
        return number is not None and customer == self.name_customer(number)

    def is_own(self, customer: str) -> bool:
        """Whether a customer was made for this run, or is named after one that was."""
        return self.number_of(customer) is not None

    def number_of(self, customer: str) -> int | None:
        """The number of a customer of this run, or of the one it is named after; else None.

        `pt-<run>-7` and `pt-<run>-7-b` have 7.
        """
        found = _FRESH.match(customer)
        if found is None:
            return None
        if len(found[1]) > len(str(self.customers_made)):
            return None
        number = int(found[1])
        is_ours = number <= self.customers_made and found.group() == self.name_customer(number)
        return number if is_ours else None

    def new_unique_id(self) -> str:
        """A unique id that no event has had before: `evt-<run>-<n>`."""
        self._unique_ids += 1
        return f"evt-{self.run_id}-{self._unique_ids}"

    def now(self) -> float:
        """The present moment by the clock of the service, UTC, in seconds since 1970.

        It is this machine's but for services elsewhere whose clock is far off.
        """
        offset = self._clock_offset
        return time.time() + (0.0 if offset is None else offset.seconds)

    @cached_property
    def _clock_offset(self) -> ClockOffset | None:
        target = self.settings.target
        if target.url is None or target.is_loopback or self.settings.is_dry_run:
            return None
        from pytest_amberflo.service_clock import ask_offset  # noqa: PLC0415  not on this machine

        offset = ask_offset(self.client, target.url, find_host(target.url))
        if offset is not None:
            self.notes.append(str(offset))
        return offset

    def shorten(self, path: Path) -> str:
        """The path as reports show it: relative to where pytest was started."""
        return shorten_path(str(path), str(self._root))

    def contract_of(self, description: Any) -> Gate:
        """The checks of a description; built once."""
        found: Description = description
        if id(found) not in self._contracts:
            self._contracts[id(found)] = Gate(found, is_exact=self.settings.is_exact)
        return self._contracts[id(found)]

    def find_shipped(self, target: StepTarget) -> str | None:
        """The shipped description of a target, by its file name; None where it is another."""
        found: Any = target.description
        return str(found.source.name) if found.is_shipped else None

    def secret_places(self, description: Any) -> tuple[tuple[str, str], ...]:
        """Where the security schemes of a description stand in a request: place and name."""
        key = id(description)
        if key not in self._secret_places:
            # With the description, so that no other takes over its id.
            self._secret_places[key] = (description, self._find_secret_places(description))
        return self._secret_places[key][1]

    def _find_secret_places(self, description: Any) -> tuple[tuple[str, str], ...]:
        places = [
            (str(scheme["in"]), str(scheme["name"]))
            for scheme in description.list_security_schemes()
            if scheme.get("type") == "apiKey" and "in" in scheme and "name" in scheme
        ]
        return (*places, ("header", "Authorization"))

    @cached_property
    def trusted_hosts(self) -> frozenset[str]:
        """The hosts that may get AMBERFLO_API_KEY, beside loopback."""
        urls = [self.settings.target.url or "", *self.settings.servers.values()]
        return frozenset(filter(None, map(find_host, urls)))

    def _fetch(self, url: str) -> bytes:
        """The document at a URL of this machine or of an allowed host. Raises SourceError."""
        host = find_host(url)
        if not is_loopback(host) and host not in self.settings.allow_hosts:
            reason = f"`{url}` would be loaded from {host}"
            hint = f"To allow it: --amberflo-allow-host {host}"
            raise SourceError(reason, hint=hint)
        request = Request(method="GET", url=url, headers=(("Accept", "*/*"),))
        exchange = self.client.send(request, timeout_s=self.settings.timeout_s)
        if exchange.response is None:
            failure = exchange.failure
            raise SourceError(f"`{url}` cannot be had: {failure.message if failure else ''}")
        if exchange.response.status != 200:
            raise SourceError(f"`{url}` answers {exchange.response.status}")
        return exchange.response.body

    def calls_service(self, bound: BoundDocument) -> bool:
        """Whether a step of a document, or of one it refers to, calls Amberflo's own hosts."""
        return any(
            is_amberflo_host(find_host(target.operation.servers[0].expand()))
            and target.source_name not in self.settings.servers
            for target in bound.each_target()
        )

    def route(
        self,
        target: StepTarget,
        *,
        url: str | None = None,
        servers: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """The base URL that a step's operation is called at.

        Amberflo's own hosts become `url` or else the target; loopback and allowed hosts stand.
        `servers` says where sources are for which no option does.
        Raises Refusal for every other host, with the option that would allow it.
        """
        name = target.source_name
        given = self.settings.servers.get(name) or servers.get(name)
        if given is not None:
            return self._allow(given, name, is_given=True)
        server = target.server_url()
        host = find_host(server)
        if is_amberflo_host(host):
            return url or self.target_url
        if not host:
            raise Refusal(
                f"source `{name}` does not say on which host it is (its server is `{server}`). "
                f"Give it: --amberflo-server {name}=URL"
            )
        return self._allow(server, name, is_given=False)

    def _allow(self, url: str, name: str, *, is_given: bool) -> str:
        host = find_host(url)
        target_host = find_host(self.settings.target.url or "")
        if is_loopback(host) or host in self.settings.allow_hosts or host == target_host:
            return url
        where = "is given at" if is_given else "would be called at"
        raise Refusal(
            f"source `{name}` {where} {url}. Only loopback and the target may be called. "
            f"To allow it: --amberflo-allow-host {host}"
        )
