"""Plants and reads the probes of a pytest session before its first item runs.

Under xdist each worker plants every n-th probe and leaves what it has found in a folder that the
controller made: which worker reports a probe is not known beforehand.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec import Struct, field, to_builtins

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.deferral import NO_LEDGER, write_line
from pytest_amberflo.identity import SHARED
from pytest_amberflo.nodes import run_of
from pytest_amberflo.option_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_amberflo.openapi.description import Description
    from pytest_amberflo.probes.books import Books
    from pytest_amberflo.probes.campaign import Plan
    from pytest_amberflo.probes.finding import ProbeOutcome
    from pytest_amberflo.probes.promise import Probe
    from pytest_amberflo.run import Run

#: How long another worker's findings are waited for, beside settle and hold, in seconds.
_PATIENCE_S: Final = 240.0
_PAUSE_S: Final = 0.05


class Told(Struct, frozen=True, kw_only=True):
    """An outcome as plain values."""

    kind: str
    text: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    #: The line of a ledger file.
    entry: str | None = None


class ProbeSession:
    """The probes of one process, and what it knows of those of others."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: dict[str, Told] = {}
        self._nodeids: dict[str, str] = {}
        #: The worker that plants each probe.
        self._owners: dict[str, int] = {}
        shared = getattr(config, "workerinput", {})
        self._workers = int(shared.get("workercount", 1))
        digits = "".join(char for char in str(shared.get("workerid", "")) if char.isdigit())
        self._worker = int(digits or 0)
        folder = shared.get(SHARED, {}).get("folder")
        self._folder = Path(folder) if folder else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Plant and read, once, everything that was collected and not deselected."""
        from pytest_amberflo.probes.nodes import ProbeItem  # noqa: PLC0415  it imports this module

        items = [item for item in session.items if isinstance(item, ProbeItem)]
        self._nodeids = {item.probe.key: item.nodeid for item in items}
        probes = [item.probe for item in items]
        is_broken_off = (
            session.testsfailed and not session.config.option.continue_on_collection_errors
        )
        if not probes or session.config.option.collectonly or is_broken_off:
            return
        if self._folder is None:
            self._owners = dict.fromkeys((probe.key for probe in probes), self._worker)
        else:
            self._owners = {
                probe.key: number % self._workers for number, probe in enumerate(probes)
            }
        self._plant([probe for probe in probes if self._owners[probe.key] == self._worker])

    def find(self, probe: Probe) -> Told:
        """What was found of a probe, by whichever worker."""
        if probe.key not in self._told and self._folder is not None:
            self._read_from(self._owners[probe.key])
        unknown = Told(kind="error", text="not judged: the worker that planted this is gone")
        return self._told.get(probe.key, unknown)

    def _plant(self, probes: Sequence[Probe]) -> None:
        if self._config.stash[SETTINGS].is_dry_run:
            self._keep(probes, Told(kind="skipped", text="a dry run sends nothing"))
        else:
            try:
                self._told |= {
                    outcome.key: _tell(outcome, plan, self._nodeids[outcome.key])
                    for outcome, plan in self._run(probes)
                }
            except (DocumentError, OSError, ValueError) as error:
                self._keep(probes, Told(kind="error", text=f"not judged: {error}"))
        self._leave()

    def _keep(self, probes: Iterable[Probe], told: Told) -> None:
        self._told |= {probe.key: told for probe in probes}

    def _run(self, probes: Sequence[Probe]) -> list[tuple[ProbeOutcome, Plan]]:
        from pytest_amberflo.probes.campaign import Campaign  # noqa: PLC0415  only for probes

        if not probes:
            return []
        given = str(self._config.getoption("--hypothesis-seed", None))
        seed = int(given) if given.isdigit() else secrets.randbelow(2**31)
        count = f"{len(probes)} probes" if len(probes) > 1 else "one probe"
        self._announce(f"amberflo: planting {count}, then reading (seed {seed})")
        run = run_of(self._config)
        plan = make_plan(run, seed)
        for note in run.notes:
            self._announce(f"amberflo: {note}")
        try:
            return [(outcome, plan) for outcome in Campaign(plan).run(probes)]
        finally:
            plan.endpoint.close()

    def _announce(self, line: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        is_worker = hasattr(self._config, "workerinput")
        is_quiet = is_worker or self._config.get_verbosity() < 0
        if isinstance(terminal, pytest.TerminalReporter) and not is_quiet:
            terminal.write_line(line)

    def _leave(self) -> None:
        """Leave what was found for other workers."""
        if self._folder is None:
            return
        path = self._path_of(self._worker)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({key: to_builtins(one) for key, one in self._told.items()}))
        draft.replace(path)

    def _read_from(self, worker: int) -> None:
        settings = self._config.stash[SETTINGS]
        end = time.monotonic() + _PATIENCE_S + 4 * (settings.settle_s + settings.hold_s)
        path = self._path_of(worker)
        while not path.exists() and time.monotonic() < end:
            time.sleep(_PAUSE_S)
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            self._told |= {key: Told(**told) for key, told in found.items()}

    def _path_of(self, worker: int) -> Path:
        assert self._folder is not None
        return self._folder / f"probes-{worker}.json"


def _tell(outcome: ProbeOutcome, plan: Plan, nodeid: str) -> Told:
    kind, text = outcome.kind.value, outcome.text
    if kind == "deferred" and plan.books is None:
        kind, text = "unverified", f"unverified: {NO_LEDGER}\n\n{text}"
    properties = {
        "amberflo_target": plan.target,
        "amberflo_verdict": kind,
        "amberflo_events_sent": str(outcome.events),
        "amberflo_readings": str(outcome.readings),
    }
    if outcome.visible_after_s is not None:
        properties["amberflo_visible_after_ms"] = str(round(outcome.visible_after_s * 1000))
    if outcome.is_random:
        properties["amberflo_seed"] = str(plan.seed)
    return Told(
        kind=kind, text=text, properties=properties, entry=write_line(outcome.entry, nodeid)
    )


def make_plan(run: Run, seed: int) -> Plan:
    """What all probes of a run share. Raises DocumentError and UnusableDescriptionError."""
    from pytest_amberflo.probes.api import read_api  # noqa: PLC0415  only for probes
    from pytest_amberflo.probes.campaign import Plan  # noqa: PLC0415
    from pytest_amberflo.probes.endpoint import Endpoint  # noqa: PLC0415

    settings = run.settings
    description = _open_description(run)
    contract = run.contract_of(description)
    contract.prepare()
    api = read_api(description)
    run.redactor.register(settings.second_key)
    endpoint = Endpoint(
        api,
        contract,
        url=run.target_url,
        keys={"first": run.api_key, "second": settings.second_key},
        make_client=run.new_client,
        timeout_s=settings.timeout_s,
        pace=run.pace,
    )
    return Plan(
        endpoint=endpoint,
        terms=run.terms,
        redactor=run.redactor,
        run_id=run.run_id,
        target=str(settings.target),
        settle_s=settings.settle_s,
        hold_s=settings.hold_s,
        first_key=run.api_key,
        second_key=settings.second_key,
        knows_keys=settings.api_key is not None or settings.target.kind == "embedded",
        seed=seed,
        now_s=run.now(),
        books=None if settings.ledger is None else _open_books(run, description),
    )


def _open_books(run: Run, description: Description) -> Books:
    from pytest_amberflo.metering.deferral import Rules  # noqa: PLC0415  only with a ledger
    from pytest_amberflo.probes.books import Books  # noqa: PLC0415

    settings = run.settings
    return Books(
        run_id=run.run_id,
        url=run.target_url,
        description=description.source.name if description.is_shipped else None,
        rules=Rules(
            is_live=run.terms.is_live,
            dedup=settings.dedup,
            settle_s=settings.settle_s,
            hold_s=settings.hold_s,
        ),
    )


def _open_description(run: Run) -> Description:
    from pytest_amberflo.arazzo.source import read_source  # noqa: PLC0415  only for probes
    from pytest_amberflo.openapi.catalog import read_shipped  # noqa: PLC0415
    from pytest_amberflo.openapi.description import Description  # noqa: PLC0415

    chosen = run.settings.description
    if isinstance(chosen, Path):
        return Description(read_source(chosen, name=run.shorten(chosen)))
    names = {"published": "metering", "official": "official"}
    return read_shipped(f"amberflo-{names[chosen]}-openapi.yaml")
