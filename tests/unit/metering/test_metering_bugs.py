"""Wrong services, one bug each: every one is found, and the cause is named."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from unit.metering.metering_kit import DAY, DAY_S, HOUR_S, METER
from unit.metering.metering_scene import (
    BASE,
    REFUSED,
    SENT,
    Service,
    change_each,
    change_values,
    fill_ledger,
    judge_service,
    keep_first,
    key_by,
    key_without,
    write_event,
    write_usage_query,
)

from pytest_amberflo.metering.expect import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unit.metering.metering_model import Event, Query, Row

FOUND = (Status.WRONG, Status.PARTIAL)


@dataclass(frozen=True)
class Bug:
    """A wrong service and what must be said of it, as a regular expression."""

    name: str
    service: Service
    cause: str


def drop(test: Callable[[Event], Any]) -> Service:
    """A service that forgets some events."""
    return Service(store=lambda sent: [event for event in keep_first(sent) if not test(event)])


def edit(**members: Any) -> Callable[[Event], Event]:
    """A change of an event's attributes."""
    return lambda event: event | members


def at(event: Event) -> int:
    """When an event was, in seconds after the start of DAY."""
    return int(event["meterTimeInMillis"] / 1000 - DAY)


def has_id(name: str) -> Callable[[Event], bool]:
    """Whether an event has this id."""
    return lambda event: event.get("uniqueId") == name


def move_time(seconds: float, test: Callable[[Event], Any] = bool) -> Service:
    """A service that reads the time of some events wrongly."""

    def shift(event: Event) -> Event:
        moved = {"meterTimeInMillis": round(event["meterTimeInMillis"] + seconds * 1000)}
        return event | (moved if test(event) else {})

    return Service(store=change_each(shift))


def scale_time(factor: float) -> Service:
    """A service that takes times in another unit."""
    return Service(
        store=change_each(
            lambda event: event | {"meterTimeInMillis": int(event["meterTimeInMillis"] * factor)}
        )
    )


def without_dimensions(event: Event) -> Event:
    """An event that lost its dimensions."""
    return {name: value for name, value in event.items() if name != "dimensions"}


def shift_rows(rows: list[Row], _query: Query) -> list[Row]:
    """Every row a day early."""
    return [replace(row, bucket=row.bucket - DAY_S) for row in rows]


def merge_groups(rows: list[Row], _query: Query) -> list[Row]:
    """All rows in the group of the first."""
    return [replace(row, group=rows[0].group) for row in rows]


def double_last(rows: list[Row], _query: Query) -> list[Row]:
    """The last row twice."""
    return [*rows, *rows[-1:]]


LOSS = [
    Bug("the first", drop(has_id("evt-1")), r"2\.5 at .*\(uniqueId evt-1\)"),
    Bug("the last", drop(has_id("evt-5")), r"0\.3 at .*\(uniqueId evt-5\)"),
    Bug("without id", drop(lambda e: "uniqueId" not in e), r"128 at 2026-11-22 06:00"),
    Bug("without dimensions", drop(lambda e: "dimensions" not in e), r"128 at 2026-11-22 06"),
    Bug("several dimensions", drop(lambda e: "tier" in e.get("dimensions", {})), r"-3 at .*evt-4"),
    Bug("out of order", drop(lambda e: e.get("uniqueId") == "evt-5"), r"accepted and not counted"),
    Bug("zero", drop(lambda e: e["meterValue"] == 0), r"1 event was accepted and not counted"),
    Bug("negative", drop(lambda e: e["meterValue"] < 0), r"not counted: -3 at"),
    Bug(
        "fractions",
        drop(lambda e: e["meterValue"] % 1),
        r"not counted: .*2\.5 at|2\.5 .* was lost",
    ),
    Bug("of one customer", drop(lambda e: e["customerId"] == "bravo"), r"32 at .* was lost"),
    Bug("of one meter", drop(lambda e: e["meterApiName"] == "storage"), r"64 at .* was lost"),
    Bug("everything", Service(store=lambda _: []), r"All 3 events were lost"),
    Bug("of a bucket", drop(lambda e: 0 <= at(e) < DAY_S), r"All 3 events were lost"),
    Bug(
        "the second of equal ids",
        Service(store=key_by(lambda e: e.get("uniqueId"))),
        r"uniqueId of",
    ),
]
DOUBLE = [
    Bug(
        "replays",
        Service(store=list),
        r"counted 3 times: 2\.5 .*evt-1.*It was sent 3 times, the copies after 4\.0 s and 12\.0 s",
    ),
    Bug(
        "one replay",
        Service(store=lambda s: [*keep_first(s), s[-1]]),
        r"counted twice: 2\.5 .*evt-1",
    ),
    Bug(
        "everything",
        Service(store=lambda s: keep_first(s) * 2),
        r"Each of the 3 records was counted twice",
    ),
    Bug("one that was sent once", Service(place=double_last), r"counted twice"),
    Bug(
        "refused ones",
        Service(store=lambda s: [*keep_first(s), *REFUSED]),
        r"8192 .* was refused and is",
    ),
]
VALUES = [
    Bug("negated", Service(place=change_values(lambda v: -v)), r"opposite sign"),
    Bug(
        "magnitude",
        Service(place=change_values(abs)),
        r"Negative values (are|were) counted as positive",
    ),
    Bug("no negative ones", Service(place=change_values(lambda v: max(v, 0))), r"-3 at .*evt-4"),
    Bug("whole numbers", Service(place=change_values(int)), r"2\.5 was rounded to 2"),
    Bug(
        "rounded up",
        Service(place=change_values(lambda v: -int(-v // 1))),
        r"2\.5 was rounded to 3",
    ),
    Bug(
        "in thousands",
        Service(place=change_values(lambda v: v * 1000)),
        r"as 2500: a wrong unit\?",
    ),
    Bug("in cents", Service(place=change_values(lambda v: v * 100)), r"as 250: a wrong unit\?"),
    Bug(
        "one for each",
        Service(place=change_values(lambda _: 1)),
        r"SUM was asked for, and COUNT is answered",
    ),
]
PLACES = [
    Bug(
        "another customer",
        Service(store=change_each(edit(customerId="zulu"))),
        r"All 3 events were lost",
    ),
    Bug(
        "all customers as one",
        Service(store=change_each(edit(customerId="acme"))),
        r"32 at .* has customerId bravo, which the filter leaves out",
    ),
    Bug(
        "all meters as one",
        Service(store=change_each(edit(meterApiName=METER))),
        r"64 .* of meter storage",
    ),
    Bug(
        "no dimensions",
        Service(store=change_each(without_dimensions)),
        r"is in the group no region and belongs to region (eu|us)",
    ),
    Bug(
        "merged groups",
        Service(place=merge_groups),
        r"in the group region eu and belongs to region us",
    ),
    Bug(
        "upper case",
        Service(store=change_each(edit(dimensions={"region": "EU"}))),
        r"is in the group region EU",
    ),
    Bug(
        "trimmed customer",
        Service(store=change_each(edit(customerId="acm"))),
        r"All 3 events were lost",
    ),
]
TIME = [
    Bug("a bucket early", Service(place=shift_rows), r"is in the bucket .* and belongs to"),
    Bug("a zone", move_time(-5 * HOUR_S), r"5 h too early: a time zone"),
    Bug("midnight", move_time(-0.001, has_id("evt-1")), r"not counted: 2\.5 at"),
    Bug("last second", move_time(1, has_id("evt-3")), r"16 at .* it is in the last second"),
    Bug("milliseconds as seconds", scale_time(1000), r"lost"),
    Bug("seconds as milliseconds", scale_time(0.001), r"lost"),
    Bug("whole minutes", move_time(60, has_id("evt-3")), r"16 at .* is in the bucket 2026-11-22"),
]
QUERIES_WRONG = [
    (r"SUM was asked for, and COUNT is answered", {"aggregation": "COUNT"}),
    (r"SUM was asked for, and MAX is answered", {"aggregation": "MAX"}),
    (
        r"The filter on customerId is passed over|customerId bravo, which the filter leaves",
        {"filter": {}},
    ),
    (r"is in the group no customerId and belongs to customerId acme", {"groupBy": []}),
    (r"64 is shown for something", {"meterApiName": "storage"}),
    (
        r"2048 .* lies after the window, which ends just there",
        {"endTimeInSeconds": DAY + 3 * DAY_S},
    ),
    (r"512 .* lies before the window", {"startTimeInSeconds": DAY - DAY_S}),
    (r"All 4 events were lost", {"endTimeInSeconds": DAY + DAY_S}),
    (
        r"is in the bucket 2026-11-21 12:00 and belongs to 2026-11-21",
        {"timeGroupingInterval": "HOUR"},
    ),
]
FUNCTIONS = [
    Bug(f"asks for {members}", Service(understand=lambda q, m=members: q | m), cause)  # type: ignore[misc]
    for cause, members in QUERIES_WRONG
]
BUGS = {
    f"{kind}: {bug.name}": bug
    for kind, bugs in (
        ("loss", LOSS),
        ("double", DOUBLE),
        ("values", VALUES),
        ("attribution", PLACES),
        ("time", TIME),
        ("query", FUNCTIONS),
    )
    for bug in bugs
}
LEDGER = fill_ledger(SENT, REFUSED)


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS.keys())
def test_a_bug_is_found_and_named(bug: Bug) -> None:
    """Some query shows the bug, and what is said of it names the cause."""
    said = judge_service(bug.service, LEDGER)
    wrong = [(judgement, causes) for judgement, causes in said if judgement.status in FOUND]
    text = "\n".join(sentence for _, causes in wrong for sentence in causes)
    assert wrong
    assert all(causes for _, causes in wrong)
    assert re.search(bug.cause, text), text


OTHERS = {
    "time": BASE | {"meterTimeInMillis": BASE["meterTimeInMillis"] + 1},
    "second": BASE | {"meterTimeInMillis": BASE["meterTimeInMillis"] + 1000},
    "region": BASE | {"dimensions": {"region": "eu"}},
    "region's case": BASE | {"dimensions": {"region": "US"}},
    "one dimension more": BASE | {"dimensions": {"region": "us", "tier": "gold"}},
    "id": BASE | {"uniqueId": "evt-3"},
    "id's case": BASE | {"uniqueId": "EVT-2"},
    "id's space": BASE | {"uniqueId": "evt-2 "},
    "longer id": BASE | {"uniqueId": "evt-2-b"},
    "value": BASE | {"meterValue": 9},
    "customer": BASE | {"customerId": "bravo"},
    "meter": BASE | {"meterApiName": "storage"},
    "no id": {name: value for name, value in BASE.items() if name != "uniqueId"},
    "no dimensions": {name: value for name, value in BASE.items() if name != "dimensions"},
}
EAGER = [
    ("time", key_without("meterTimeInMillis"), "meterTimeInMillis only"),
    ("second", key_without("meterTimeInMillis"), "meterTimeInMillis only"),
    ("region", key_without("dimensions"), "dimension region only"),
    ("region's case", key_by(lambda e: json.dumps(e).casefold()), r"only letter case differs"),
    ("one dimension more", key_without("dimensions"), "dimension tier only"),
    ("id", key_without("uniqueId"), "uniqueId only"),
    ("id's case", key_by(lambda e: json.dumps(e).casefold()), r"only letter case differs"),
    ("id's space", key_by(lambda e: e["uniqueId"].strip()), r"only spaces differ"),
    ("longer id", key_by(lambda e: e["uniqueId"][:5]), r"one is the beginning of the other"),
    ("value", key_without("meterValue"), "meterValue only"),
    ("customer", key_without("customerId"), "customerId only"),
    ("meter", key_without("meterApiName"), "meterApiName only"),
    ("no id", key_without("uniqueId"), "uniqueId only"),
    ("no dimensions", key_without("dimensions"), "dimension region only"),
]


@pytest.mark.parametrize(("other", "store", "cause"), EAGER, ids=[name for name, _, _ in EAGER])
def test_records_that_are_taken_for_one_are_named(
    other: str, store: Callable[[Sequence[Event]], list[Event]], cause: str
) -> None:
    """Two records that differ in one attribute are two; the attribute that was ignored is said."""
    sent = [BASE, OTHERS[other]]
    queries = [
        write_usage_query(filter={"customerId": ["acme", "bravo"]}),
        write_usage_query(meterApiName="storage"),
    ]
    ledger = fill_ledger(sent)
    assert {j.status for j, _ in judge_service(Service(), ledger, sent, queries)} == {Status.RIGHT}
    said = judge_service(Service(store=store), ledger, sent, queries)
    text = "\n".join(sentence for _, causes in said for sentence in causes)
    assert any(judgement.status in FOUND for judgement, _ in said)
    assert re.search(cause, text), text


@pytest.mark.parametrize(
    "seen", ["4.0000001", "3.9999", "4294967300", "40.5", "-4", "1e99", "1e-99"]
)
def test_any_other_number_is_wrong_at_once(seen: str) -> None:
    """A number that no choice of events makes is wrong on the first reading, and has a cause."""
    change = partial(float, seen)
    service = Service(place=change_values(lambda _value: change()))
    query = [write_usage_query()]
    ((judgement, causes),) = judge_service(service, fill_ledger([BASE]), [BASE], query)
    assert judgement.status is Status.WRONG
    assert len(causes) == 1


def test_a_reading_that_drains_is_wrong_after_it_was_right() -> None:
    """What an earlier reading showed of an event without an answer may not be gone later."""
    lost = write_event(7, DAY + HOUR_S, "evt-lost")
    ledger = fill_ledger([BASE], maybes=[lost])
    flapping = iter([[BASE, lost], [BASE]])
    service = Service(store=lambda _sent: next(flapping))
    queries = [write_usage_query(), write_usage_query()]
    said = judge_service(service, ledger, [BASE, lost], queries)
    assert [judgement.status for judgement, _ in said] == [Status.RIGHT, Status.PARTIAL]
    assert "was shown before" in said[1][1][0] or "not counted: 7 at" in said[1][1][0]
