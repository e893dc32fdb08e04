"""Right services in every mood that is allowed: no alarm."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    HOUR_S,
    METER,
    make_event,
    make_query,
    make_reading,
    make_record,
)
from unit.metering.metering_model import Habits, render
from unit.metering.metering_scene import (
    ALONE,
    BASE,
    QUERIES,
    REFUSED,
    SENT,
    Service,
    fill_ledger,
    judge_service,
    keep_first,
    write_event,
    write_usage_query,
)

from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Terms
from pytest_amberflo.metering.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unit.metering.metering_model import Event, Query

RIGHT = {Status.RIGHT}
UNALIGNED: tuple[Query, ...] = tuple(
    query
    | {
        # Events lie in both margins: at 00:00 of the first day and at 06:00 of the last.
        "startTimeInSeconds": DAY + 2 * HOUR_S,
        "endTimeInSeconds": DAY + DAY_S + 5 * HOUR_S + 1800,
    }
    for query in QUERIES
)
LEDGER = fill_ledger(SENT, REFUSED)


def statuses_of(said: Sequence[tuple[Judgement, tuple[str, ...]]]) -> set[Status]:
    """What was concluded of all queries."""
    return {judgement.status for judgement, _ in said}


@pytest.mark.parametrize("is_official", [False, True], ids=["published", "official"])
@pytest.mark.parametrize("filler", [None, 0, "none"])
@pytest.mark.parametrize("groupless", ["absent", "null", "empty"])
def test_empty_buckets_and_missing_dimensions(
    is_official: bool,  # noqa: FBT001
    filler: Any,
    groupless: str,
) -> None:
    """Sparse or filled with zero or null; a group without a dimension in any spelling."""
    habits = Habits(
        is_official=is_official,
        fills=filler != "none",
        filler=None if filler is None else 0,
        groupless=groupless,
    )
    assert statuses_of(judge_service(Service(habits=habits), LEDGER)) == RIGHT
    dropping = Service(habits=replace(habits, drops_groupless=True))
    assert statuses_of(judge_service(dropping, LEDGER)) == RIGHT


@pytest.mark.parametrize(
    ("widens_start", "widens_end", "keys_by_window"), list(product((False, True), repeat=3))
)
def test_unaligned_windows(
    widens_start: bool,  # noqa: FBT001
    widens_end: bool,  # noqa: FBT001
    keys_by_window: bool,  # noqa: FBT001
) -> None:
    """Widened or cut at either end; the first bucket called by itself or by the window."""
    habits = Habits(
        widens_start=widens_start, widens_end=widens_end, keys_by_window=keys_by_window
    )
    said = judge_service(Service(habits=habits), LEDGER, queries=UNALIGNED)
    assert statuses_of(said) == RIGHT


def test_groups_in_any_order_and_one_record_for_all_buckets() -> None:
    """The order of groups says nothing, and buckets may share a record object."""
    query = read_query(json.dumps(write_usage_query(groupBy=["region"])).encode())
    judged = []
    for service in (Service(), Service(habits=Habits(fills=True))):
        data = json.loads(service.answer(SENT, write_usage_query(groupBy=["region"])))
        groups = data["clientMeters"][METER]
        groups.reverse()
        for group in groups:
            united: dict[str, Any] = {}
            for record in group["records"]:
                united |= record
            group["records"] = [united]
        reading = read_usage(json.dumps(data).encode(), query)
        judged.append(judge_reading(reading, LEDGER.records(), query, terms=ALONE).status)
    assert judged == [Status.RIGHT] * 2


@pytest.mark.parametrize("adds", ["left", "right", "pairwise", "exactly"])
def test_sums_in_any_order(adds: str) -> None:
    """Float64 sums differ in their last digits with the order of adding."""
    sent = [
        write_event(n / 10, DAY + n * 60, f"evt-{n}", region=("eu", "us")[n % 2])
        for n in range(1, 60)
    ]
    for is_official in (False, True):
        habits = Habits(adds=adds, is_official=is_official)
        said = judge_service(Service(habits=habits), fill_ledger(sent), sent)
        assert statuses_of(said) == RIGHT


FOREIGN = (
    write_event(7, DAY + HOUR_S, "x-1", customer="zulu", region="eu"),
    write_event(4, DAY + 12 * HOUR_S, "evt-2", customer="yankee", region="us"),
)


def test_other_customers_on_the_account() -> None:
    """Others' usage beside ours is no finding, filtered or grouped by customer."""
    terms = structs.replace(ALONE, knows_all_writers=False)
    queries = [*QUERIES[:9], write_usage_query(filter={})]
    said = judge_service(Service(), LEDGER, [*SENT, *FOREIGN], queries, terms)
    assert statuses_of(said) == RIGHT


def test_others_in_a_number_of_all_customers() -> None:
    """In a number of everybody's usage, too much is not judged, and too little is waited for."""
    terms = structs.replace(ALONE, knows_all_writers=False)
    query = [write_usage_query(filter={}, groupBy=[])]
    for sent, expected in (
        ([*SENT, *FOREIGN], Status.BLIND),
        (SENT, Status.RIGHT),
        (FOREIGN[:1], Status.PARTIAL),
        ((), Status.PARTIAL),
    ):
        said = judge_service(Service(), LEDGER, sent, query, terms)
        assert [judgement.status for judgement, _ in said] == [expected]


@pytest.mark.parametrize("kept", list(product((False, True), repeat=3)))
def test_lost_answers_may_be_stored_or_not(kept: tuple[bool, ...]) -> None:
    """Events without an answer count or do not, in all queries alike."""
    maybes = [
        write_event(1000, DAY + HOUR_S, "lost-1", region="eu"),
        write_event(1000, DAY + DAY_S + HOUR_S, "lost-2"),
        write_event(3000, DAY + HOUR_S, "lost-3", customer="bravo", region="us"),
    ]
    ledger = fill_ledger(SENT, REFUSED, maybes)
    stored = [event for event, is_kept in zip(maybes, kept, strict=True) if is_kept]
    assert statuses_of(judge_service(Service(), ledger, [*SENT, *stored])) == RIGHT


def test_a_lost_answer_that_is_stored_late() -> None:
    """What was not shown at first may come later, and is expected from then on."""
    late = write_event(1000, DAY + HOUR_S, "lost-1", region="eu")
    ledger = fill_ledger([BASE], maybes=[late])
    shown = iter([[BASE], [BASE, late], [BASE, late], [BASE]])
    service = Service(store=lambda _sent: next(shown))
    said = judge_service(service, ledger, queries=[write_usage_query()] * 4)
    assert [judgement.status for judgement, _ in said] == [*[Status.RIGHT] * 3, Status.PARTIAL]


def test_usage_that_lags_is_never_wrong() -> None:
    """Any part of what was sent may be visible first; that is not yet right, and not wrong."""
    records = keep_first(SENT)
    for count in range(len(records)):
        for part in (records[:count], records[count:]):
            found = statuses_of(judge_service(Service(), LEDGER, part))
            assert found <= {Status.RIGHT, Status.PARTIAL}


@pytest.mark.parametrize("start", range(7))
def test_weeks_start_on_any_day_but_on_one(start: int) -> None:
    """Any day is right; what one reading showed holds for the next."""
    event = make_event(3, at_s=DAY)
    bucket = DAY - (5 - start) % 7 * DAY_S
    query = make_query(interval="WEEK", start_s=DAY - 14 * DAY_S, end_s=DAY + 14 * DAY_S)
    records = [make_record(event)]
    reading = make_reading({("acme",): {bucket: 3}})
    judgement = judge_reading(reading, records, query)
    assert judgement.status is Status.RIGHT
    assert judgement.week_starts == frozenset({start})
    other = make_reading({("acme",): {bucket + DAY_S if start < 5 else bucket - DAY_S: 3}})
    terms = Terms(week_starts=judgement.week_starts)
    assert judge_reading(reading, records, query, terms=terms).status is Status.RIGHT
    assert judge_reading(other, records, query, terms=terms).status is Status.WRONG


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"uniqueId": ""}, {}),
        ({"uniqueId": None}, {}),
        ({"dimensions": {}}, {}),
        ({"dimensions": None}, {"dimensions": {}}),
        ({"uniqueId": "caf\u00e9"}, {"uniqueId": "cafe\u0301"}),
        ({"meterValue": 9007199254740993}, {"meterValue": 9007199254740992}),
    ],
    ids=["empty id", "null id", "empty dimensions", "null dimensions", "unicode", "float64"],
)
def test_records_that_may_be_one_or_two(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Where nobody knows whether two records are the same, one and two are right."""
    plain = {k: v for k, v in BASE.items() if k not in ("uniqueId", "dimensions")}
    sent: list[Event] = [plain | one, plain | other]
    value = sent[1]["meterValue"]
    ledger = fill_ledger(sent)
    query = read_query(json.dumps(write_usage_query("COUNT")).encode())
    expected = {0: Status.PARTIAL, 1: Status.RIGHT, 2: Status.RIGHT, 3: Status.WRONG}
    assert value
    for count, status in expected.items():
        body = render({(("acme",), DAY): count}, write_usage_query("COUNT"), Habits())
        reading = read_usage(body, query)
        assert judge_reading(reading, ledger.records(), query).status is status


def test_numbers_in_another_spelling_are_one_record() -> None:
    """2, 2.0 and 2e0 are the same number: such a copy counts once."""
    records = [make_record(make_event("2"), Fate.STORED), make_record(make_event("2"))]
    assert records[0].event.identity == make_event("2.0").identity
    ledger = fill_ledger([BASE, BASE | {"meterValue": 4.0}])
    assert len(ledger) == 1
    said = judge_service(Service(store=lambda sent: list(sent)[:1]), ledger, [BASE])
    assert statuses_of(said) == RIGHT


def test_nothing_known_is_nothing_denied() -> None:
    """The knowledge of no reading allows everything."""
    assert NOTHING_KNOWN.proven == frozenset()


@pytest.mark.parametrize(
    "moment",
    [
        1_709_164_799,  # 2024-02-28 23:59:59, before a leap day
        1_709_251_199,  # 2024-02-29 23:59:59
        1_735_689_599,  # 2024-12-31 23:59:59
        1_761_440_400,  # 2025-10-26 01:00, clocks change in Europe
        1_772_323_200,  # 2026-03-01 00:00
    ],
)
@pytest.mark.parametrize("interval", ["HOUR", "DAY", "WEEK", "MONTH"])
def test_any_time_of_the_year(moment: int, interval: str) -> None:
    """Edges of days, months and years, leap days and changes of clocks are times like others."""
    sent = [
        write_event(2.5, moment, "a"),
        write_event(4, moment - 0.001, "b"),
        write_event(8, moment + 1, "c"),
    ]
    start = moment - moment % DAY_S - 40 * DAY_S
    query = write_usage_query(
        interval=interval, startTimeInSeconds=start, endTimeInSeconds=start + 80 * DAY_S
    )
    said = judge_service(Service(), fill_ledger(sent), sent, [query])
    assert statuses_of(said) == RIGHT
