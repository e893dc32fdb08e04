"""Plays probes against a service in this process, without pytest around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from right_service import FIRST_KEY, SECOND_KEY

from pytest_amberflo.http.client import Client
from pytest_amberflo.http.redact import Redactor
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.openapi.catalog import read_shipped
from pytest_amberflo.openapi.contract import Contract
from pytest_amberflo.probes.api import read_api
from pytest_amberflo.probes.campaign import Campaign, Plan
from pytest_amberflo.probes.endpoint import Endpoint
from pytest_amberflo.probes.finding import Kind
from pytest_amberflo.probes.promise import list_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from right_service import RightService

    from pytest_amberflo.probes.finding import ProbeOutcome
    from pytest_amberflo.probes.promise import Probe

DESCRIPTION = read_shipped("amberflo-metering-openapi.yaml")
API = read_api(DESCRIPTION)
CONTRACT = Contract(DESCRIPTION)


def choose(*names: str) -> tuple[Probe, ...]:
    """The probes of which one of these is a part of the key; all where none is given."""
    return tuple(one for one in list_all() if not names or any(name in one.key for name in names))


def play(
    service: RightService,
    probes: Sequence[Probe],
    *,
    timeout_s: float = 10,
    pace: Any = None,
    **changes: Any,
) -> tuple[ProbeOutcome, ...]:
    """The outcomes of these probes."""
    redactor = Redactor()
    endpoint = Endpoint(
        API,
        CONTRACT,
        url=service.url,
        keys={"first": FIRST_KEY, "second": SECOND_KEY},
        make_client=lambda: Client(redactor, user_agent="tests"),
        timeout_s=timeout_s,
        pace=pace,
    )
    settings: dict[str, Any] = {
        "settle_s": 0.3,
        "hold_s": 0.0,
        "gap_s": 0.0,
        "fillers": 0,
        "terms": Terms(),
        "run_id": "test",
    }
    plan = Plan(
        endpoint=endpoint,
        redactor=redactor,
        first_key=FIRST_KEY,
        second_key=SECOND_KEY,
        knows_keys=True,
        **(settings | changes),
    )
    try:
        return Campaign(plan).run(probes)
    finally:
        endpoint.close()


def list_red(outcomes: Sequence[ProbeOutcome]) -> list[ProbeOutcome]:
    """Those that neither passed nor were skipped."""
    return [one for one in outcomes if one.kind not in (Kind.PASSED, Kind.SKIPPED)]
