"""A scene to try services on: what was sent, what is asked, and what a service may make of it.

Sendings are JSON as on the wire. A `Service` is right until one of its steps is replaced.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from unit.metering.metering_kit import DAY, DAY_S, HOUR_S, METER
from unit.metering.metering_model import Event, Habits, Query, Row, aggregate, list_rows, render

from pytest_amberflo.metering.event import read_events
from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Terms
from pytest_amberflo.metering.usage import read_usage
from pytest_amberflo.metering.window import MONDAY
from pytest_amberflo.metering.witness import Shape, write_query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def write_event(
    value: float,
    at_s: float,
    unique_id: str | None = None,
    *,
    customer: str = "acme",
    meter: str = METER,
    **dimensions: str,
) -> Event:
    """One event as JSON; what is None is left out."""
    event: dict[str, Any] = {
        "meterApiName": meter,
        "customerId": customer,
        "meterValue": value,
        "meterTimeInMillis": round(at_s * 1000),
    }
    if unique_id is not None:
        event["uniqueId"] = unique_id
    return event | ({"dimensions": dimensions} if dimensions else {})


def write_usage_query(aggregation: str = "SUM", interval: str = "DAY", **members: Any) -> Query:
    """A query for acme on two days, by customer."""
    query: dict[str, Any] = {
        "meterApiName": METER,
        "startTimeInSeconds": DAY,
        "endTimeInSeconds": DAY + 2 * DAY_S,
        "aggregation": aggregation,
        "timeGroupingInterval": interval,
        "groupBy": ["customerId"],
        "filter": {"customerId": ["acme"]},
    }
    return query | members


NOON: Final = DAY + 12 * HOUR_S
BASE: Final = write_event(4, NOON, "evt-2", region="us")

#: In the order of sending; what is there several times was sent again.
SENT: Final[tuple[Event, ...]] = (
    write_event(2.5, DAY, "evt-1", region="eu"),
    BASE,
    BASE | {"customerId": "bravo", "meterValue": 32},
    BASE | {"meterApiName": "storage", "meterValue": 64},
    write_event(2.5, DAY, "evt-1", region="eu"),
    write_event(16, DAY + DAY_S - 0.001, "evt-3", region="eu"),
    write_event(-3, DAY + DAY_S + 5 * HOUR_S, "evt-4", region="us", tier="gold"),
    write_event(128, DAY + DAY_S + 6 * HOUR_S),
    write_event(0.3, DAY + DAY_S + 4 * HOUR_S, "evt-5", region="eu"),
    write_event(0, DAY + DAY_S + 7 * HOUR_S, "evt-6", region="eu"),
    write_event(512, DAY - 0.001, "evt-7", region="eu"),
    write_event(2048, DAY + 2 * DAY_S, "evt-8", region="eu"),
    write_event(2.5, DAY, "evt-1", region="eu"),
)
#: Answered 400.
REFUSED: Final = (write_event(8192, NOON, "evt-9", region="eu"),)

QUERIES: Final[tuple[Query, ...]] = (
    write_usage_query(),
    write_usage_query("COUNT"),
    write_usage_query(interval="HOUR"),
    write_usage_query(groupBy=["region"]),
    write_usage_query("MAX"),
    write_usage_query("MIN"),
    write_usage_query(filter={"customerId": ["acme"], "region": ["eu"]}),
    write_usage_query(filter={"customerId": ["acme", "bravo"]}),
    write_usage_query(filter={"customerId": ["bravo"]}),
    write_usage_query(meterApiName="storage", groupBy=[]),
    write_usage_query(interval="MONTH", startTimeInSeconds=DAY - 20 * DAY_S),
)


def keep_first(sent: Sequence[Event]) -> list[Event]:
    """Each record once."""
    kept: list[Event] = []
    for event in sent:
        if event not in kept:
            kept.append(event)
    return kept


def keep_query(query: Query) -> Query:
    """The query as it was asked."""
    return query


def keep_rows(rows: list[Row], _query: Query) -> list[Row]:
    """The rows as they are."""
    return rows


@dataclass(frozen=True, kw_only=True)
class Service:
    """A right service, a step of which can be replaced by a wrong one."""

    #: What is kept of what was sent.
    store: Callable[[Sequence[Event]], list[Event]] = keep_first
    #: What is read of a query.
    understand: Callable[[Query], Query] = keep_query
    #: What is made of the rows that a query asks for.
    place: Callable[[list[Row], Query], list[Row]] = keep_rows
    habits: Habits = field(default_factory=Habits)

    def answer(self, sent: Sequence[Event], query: Query) -> bytes:
        """The body of an answer."""
        stored, asked = self.store(sent), self.understand(query)
        rows = self.place(list_rows(stored, asked, self.habits), asked)
        return render(aggregate(rows, asked, self.habits), asked, self.habits)


def fill_ledger(
    sent: Iterable[Event], refused: Iterable[Event] = (), maybes: Iterable[Event] = ()
) -> Ledger:
    """A ledger of these sendings, one a second, each answered before the next."""
    ledger = Ledger()
    fates = ((Fate.STORED, sent), (Fate.REFUSED, refused), (Fate.MAYBE, maybes))
    moment = float(NOON)
    for fate, events in fates:
        for event in events:
            (record,) = read_events(json.dumps(event).encode())
            moment += 1
            ledger.add([Transmission(event=record, fate=fate, at_s=moment, done_s=moment + 0.5)])
    return ledger


#: Nobody else writes, and weeks start on Monday.
ALONE: Final = Terms(knows_all_writers=True, week_starts=frozenset({MONDAY}))


def judge_service(
    service: Service,
    ledger: Ledger,
    sent: Sequence[Event] = SENT,
    queries: Sequence[Query] = QUERIES,
    terms: Terms = ALONE,
) -> list[tuple[Judgement, tuple[str, ...]]]:
    """What is said of a service query by query, each with its causes."""
    known = NOTHING_KNOWN
    found: list[Judgement] = []
    said: list[tuple[Judgement, tuple[str, ...]]] = []
    for query in queries:
        shape = Shape.OFFICIAL if service.habits.is_official else Shape.PUBLISHED
        asked = read_query(json.dumps(query).encode())
        asked = read_query(json.dumps(write_query(asked, shape)).encode())
        reading = read_usage(service.answer(sent, query), asked)
        judgement = judge_reading(reading, ledger.records(), asked, known=known, terms=terms)
        known = judgement.knowledge
        causes = explain(judgement, ledger.records(), terms, found)
        found.append(judgement)
        said.append((judgement, () if judgement.status is Status.RIGHT else causes))
    return said


def change_each(change: Callable[[Event], Event]) -> Callable[[Sequence[Event]], list[Event]]:
    """A way to store events that changes each of them."""
    return lambda sent: [change(event) for event in keep_first(sent)]


def key_by(key: Callable[[Event], object]) -> Callable[[Sequence[Event]], list[Event]]:
    """A way to store events that takes those with one key for one."""

    def store(sent: Sequence[Event]) -> list[Event]:
        kept: dict[object, Event] = {}
        for event in sent:
            kept.setdefault(key(event), event)
        return list(kept.values())

    return store


def key_without(*names: str) -> Callable[[Sequence[Event]], list[Event]]:
    """A way to store events that leaves attributes out of the key."""
    return key_by(
        lambda event: json.dumps(
            {n: v for n, v in event.items() if n not in names}, sort_keys=True
        )
    )


def change_values(change: Callable[[float], float]) -> Callable[[list[Row], Query], list[Row]]:
    """A way to place rows that changes the value of each."""
    return lambda rows, _query: [replace(row, value=change(row.value)) for row in rows]
