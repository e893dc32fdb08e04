"""An account as a new customer of the service would have it, to look at and to try clients on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server import customers, meters, plans, prepaid
from pytest_amberflo.server.documents import Documents
from pytest_amberflo.server.intake import read_intake
from pytest_amberflo.server.message import Request
from pytest_amberflo.server.routing import Call
from pytest_amberflo.server.store import Delivery

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from pytest_amberflo.server.behaviour import Behaviour
    from pytest_amberflo.server.store import Store

_DAYS: Final = 60
_HOUR_MS: Final = 3_600_000
_REQUEST: Final = Request(
    method="POST", path="/", headers=(), body=b"", http_version="1.1", keep_alive=False
)
_CUSTOMERS: Final = (
    ("acme", "Acme Corporation", "billing@acme.example", "ACTIVE"),
    ("globex", "Globex", "accounts@globex.example", "ACTIVE"),
    ("initech", "Initech", "office@initech.example", "ONBOARDING"),
)
_METERS: Final = (
    ("api-calls", "API calls", "sum_of_all_usage", ("region", "method")),
    ("storage-gb", "Storage, GB", "max_in_period", ("region",)),
    ("users", "Users", "unique_customers_count", ()),
)
_PLAN: Final = {
    "id": "standard",
    "productPlanName": "Standard",
    "description": "Pay as you go",
    "meterPrices": {"api-calls": 0.002, "storage-gb": 0.1},
}
_REGIONS: Final = ("eu", "us")


def fill_demo(store: Store, tenant: int, behaviour: Behaviour) -> bool:
    """Fill a tenant's empty account; False if there is something in it already.

    The same on every day but for its times: some usage up to the present hour.
    """

    def fill(connection: sqlite3.Connection) -> bool:
        documents = Documents(connection, tenant, store.clock, behaviour)
        if documents.list(customers.KIND):
            return False
        _fill_documents(documents)
        return True

    if not store.transact(fill):
        return False
    events = _make_events(store.clock.now_us() // 1000)
    store.deliver([Delivery(read_intake(events, tenant).records)])
    return True


def _fill_documents(documents: Documents) -> None:
    def do(operate: Callable[[Call, Documents], Any], payload: dict[str, Any]) -> Any:
        call = Call(request=_REQUEST, arguments={}, tenant=documents.tenant, payload=payload)
        return operate(call, documents)

    for name, label, kind, dimensions in _METERS:
        meter = {"meterApiName": name, "label": label, "meterType": kind}
        do(meters.create_official, meter | {"dimensions": list(dimensions)})
    do(plans.put_plan, _PLAN)
    start_s = documents.now_ms // 1000 - _DAYS * plans.DAY_S
    for name, label, address, stage in _CUSTOMERS:
        customer = {"customerId": name, "customerName": label, "customerEmail": address}
        do(customers.create_customer, customer | {"lifecycleStage": stage})
        if stage == "ACTIVE":
            assignment = {"customerId": name, "productPlanId": _PLAN["id"]}
            do(plans.assign_official, assignment | {"startTimeInSeconds": start_s})
    order = {"id": "welcome", "customerId": "acme", "prepaidPrice": 100}
    do(prepaid.create_official, order | {"startTimeInSeconds": start_s})


def _make_events(now_ms: int) -> list[dict[str, Any]]:
    """Busy days and quiet nights, by the hour."""
    start_ms = (now_ms - _DAYS * 24 * _HOUR_MS) // _HOUR_MS * _HOUR_MS + _HOUR_MS
    events: list[dict[str, Any]] = []
    for number, at_ms in enumerate(range(start_ms, now_ms, _HOUR_MS)):
        hour = at_ms // _HOUR_MS % 24
        load = 20 + 15 * math.sin((hour - 8) / 24 * 2 * math.pi)
        for position, (customer, _, _, stage) in enumerate(_CUSTOMERS):
            if stage != "ACTIVE":
                continue
            region = _REGIONS[(number + position) % 2]
            event = {
                "customerId": customer,
                "meterTimeInMillis": at_ms,
                "uniqueId": f"demo-{customer}-{at_ms}",
            }
            calls = {"meterApiName": "api-calls", "meterValue": round(load * (2 - position))}
            calls["dimensions"] = {"region": region, "method": "GET" if number % 3 else "POST"}
            storage = {"meterApiName": "storage-gb", "meterValue": 5 + number // 24}
            storage["dimensions"] = {"region": region}
            events += [event | calls, event | storage]
            events.append(event | {"meterApiName": "users", "meterValue": 1})
    return events
