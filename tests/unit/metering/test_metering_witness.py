"""What a query could have shown, and the queries that show what was not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    HOUR_S,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.dedup import read_dedup_rules
from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.query import Aggregation, Take, read_query
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.window import Interval
from pytest_amberflo.metering.witness import (
    Shape,
    Sight,
    find_sights,
    list_unseen,
    narrow_query,
    plan_witnesses,
    unite_sights,
    write_query,
)

if TYPE_CHECKING:
    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading

ALONE = Terms(knows_all_writers=True)
EVENT = make_event(3, unique_id="u-1")


def see(
    reading: Reading, records: list[Record], query: UsageQuery, terms: Terms = ALONE
) -> dict[str | None, Sight]:
    """What a right reading would have shown, by the id of the event."""
    judgement = judge_reading(reading, records, query, terms=terms)
    assert judgement.status is Status.RIGHT
    return {key[3]: sight for key, sight in find_sights(judgement, records, terms).items()}


@pytest.mark.parametrize(
    ("aggregation", "value", "expected"),
    [
        ("SUM", 3, Sight(loss=True, copy=True, value=True)),
        ("SUM", 0, Sight()),
        ("COUNT", 3, Sight(loss=True, copy=True)),
        ("COUNT", 0, Sight(loss=True, copy=True)),
        ("MAX", 3, Sight(loss=True, value=True)),
        ("MIN", 3, Sight(loss=True, value=True)),
        ("MAX", 0, Sight()),
    ],
)
def test_what_each_aggregation_shows(aggregation: str, value: int, expected: Sight) -> None:
    """A sum shows all but a zero, a count no value, an extreme no copy."""
    records = [make_record(make_event(value, unique_id="u"))]
    shown = 1 if aggregation == "COUNT" else value
    assert see(read_acme(shown), records, make_query(aggregation)) == {"u": expected}


def test_an_open_event_hides_a_loss_of_its_value() -> None:
    """Where 3 may or may not be stored, a lost 3 would not show in a sum nor in a count."""
    records = [make_record(EVENT), make_record(make_event(3, unique_id="m"), Fate.MAYBE)]
    assert see(read_acme(3), records, make_query())["u-1"] == Sight()
    assert see(read_acme(1), records, make_query("COUNT"))["u-1"] == Sight()
    apart = [make_record(EVENT), make_record(make_event(5, unique_id="m"), Fate.MAYBE)]
    assert see(read_acme(8), apart, make_query())["u-1"].loss
    # Whether an event without an answer is stored is what a reading tells.
    assert see(read_acme(3), apart, make_query())["m"].loss


@pytest.mark.parametrize(
    ("event", "query", "reading"),
    [
        (make_event(3, meter="storage"), make_query(), make_reading({})),
        (make_event(3, customer="bravo"), make_query(), make_reading({})),
        (make_event(3, at_s=DAY - 1), make_query(), make_reading({})),
        (make_event(3), make_query(start_s=DAY + 2 * HOUR_S), make_reading({})),
        (
            make_event(3),
            make_query(group_by=("region",)),
            make_reading({(None,): {DAY: 3}}),
        ),
    ],
    ids=["meter", "customer", "window", "margin", "groupless"],
)
def test_what_a_query_does_not_ask_for_is_not_seen(
    event: MeterEvent, query: UsageQuery, reading: Reading
) -> None:
    """Outside of the filter, the window or a sure place, nothing would show."""
    assert see(reading, [make_record(event)], query) == {}


def test_a_group_that_was_cut_is_not_seen() -> None:
    """What `take` leaves out is not looked at."""
    records = [make_record(EVENT), make_record(make_event(9, customer="bravo", unique_id="u-2"))]
    query = make_query(customers=("acme", "bravo"), take=Take(limit=1))
    assert list(see(make_reading({("bravo",): {DAY: 9}}), records, query)) == ["u-2"]


def test_a_copy_does_not_show_among_others() -> None:
    """Where others may have sent what is too much, a copy is no finding."""
    query = make_query(customers=None, group_by=())
    sights = see(make_reading({(): {DAY: 3}}), [make_record(EVENT)], query, Terms())
    assert sights == {"u-1": Sight(loss=True)}


def test_sights_are_united() -> None:
    """What one reading does not show another may."""
    key = EVENT.identity
    united = unite_sights({key: Sight(loss=True)}, {}, {key: Sight(copy=True, value=True)})
    assert united[key].is_full


def test_copies_must_be_seen_where_there_are_some() -> None:
    """A loss has to be seen of every record, a double count of what was sent again."""
    once, again = EVENT, make_event(5, unique_id="u-2")
    records = [make_record(once), make_record(again, Fate.STORED, Fate.STORED)]
    own = [record.event.identity for record in records]
    only_loss = {identity: Sight(loss=True) for identity in own}
    unseen = list_unseen(records, own, only_loss)
    assert [(found.event, found.what) for found in unseen] == [(again, "counted twice")]
    assert [found.what for found in list_unseen(records, own, {})] == ["lost", "lost"]
    assert list_unseen(records, own[:1], only_loss) == ()


def test_what_must_not_count_need_not_be_seen() -> None:
    """Refused records, and those that the account takes for an earlier one."""
    terms = Terms(dedup=read_dedup_rules(["block"]))
    records = [
        make_record(make_event(3, block="b", unique_id="1")),
        make_record(make_event(4, block="b", unique_id="2")),
        make_record(make_event(5, block="c"), Fate.REFUSED),
    ]
    own = [record.event.identity for record in records]
    assert len(list_unseen(records, own, {}, terms)) <= 1


def test_a_workflow_that_only_ingests_gets_witnesses() -> None:
    """SUM and COUNT for each customer and meter, over whole days around the events."""
    records = [
        make_record(make_event(3, at_s=DAY + HOUR_S)),
        make_record(make_event(4, at_s=DAY + 2 * DAY_S - 0.001)),
        make_record(make_event(5, customer="bravo")),
        make_record(make_event(6, meter="storage")),
        make_record(make_event(7, customer=None)),
    ]
    queries = plan_witnesses(records, [record.event.identity for record in records], {})
    assert [(q.meter, sorted(q.customers or ()), q.aggregation.value) for q in queries] == [
        ("api-calls", ["acme"], "SUM"),
        ("api-calls", ["acme"], "COUNT"),
        ("api-calls", ["bravo"], "SUM"),
        ("api-calls", ["bravo"], "COUNT"),
        ("storage", ["acme"], "SUM"),
        ("storage", ["acme"], "COUNT"),
    ]
    assert all(query.is_aligned for query in queries)
    assert (queries[0].start_s, queries[0].end_s) == (DAY, DAY + 2 * DAY_S)
    full = Sight(loss=True, copy=True, value=True)
    seen = {record.event.identity: full for record in records}
    assert plan_witnesses(records, list(seen), seen) == ()


def test_witnesses_of_far_events_are_by_month() -> None:
    """Years between two events do not make thousands of buckets."""
    records = [make_record(make_event(3, at_s=DAY - n * 500 * DAY_S)) for n in range(3)]
    (query, _) = plan_witnesses(records, [record.event.identity for record in records], {})
    assert (query.interval, query.is_aligned) == (Interval.MONTH, True)


def test_a_witness_sees_all() -> None:
    """After both witnesses were read nothing is left unseen."""
    records = [
        make_record(make_event(value, unique_id=str(value)), Fate.STORED, Fate.STORED)
        for value in (0, 2, 5)
    ]
    own = [record.event.identity for record in records]
    total, count = plan_witnesses(records, own, {})
    sights: dict[Any, Sight] = {}
    for query, shown in ((total, 7), (count, 3)):
        judgement = judge_reading(read_acme(shown), records, query)
        assert judgement.status is Status.RIGHT
        sights = unite_sights(sights, find_sights(judgement, records))
    assert list_unseen(records, own, sights) == ()


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize(
    "query",
    [
        make_query(),
        make_query("MAX", "WEEK", group_by=(), customers=None),
        make_query("COUNT", "HOUR", group_by=("customerId", "region"), customers=("a", "b")),
    ],
)
def test_a_query_is_written_as_it_is_read(shape: Shape, query: UsageQuery) -> None:
    """In either shape the body says what was meant."""
    body = json.dumps(write_query(query, shape)).encode()
    read = read_query(body)
    for name in ("meter", "start_s", "end_s", "aggregation", "interval", "group_by", "filters"):
        assert getattr(read, name) == getattr(query, name)
    assert (b"timeRange" in body) is (shape is Shape.OFFICIAL)
    assert (b"customerFilter" in body) <= (shape is Shape.PUBLISHED)


def test_the_official_shape_has_take_and_an_open_end() -> None:
    """The first groups, and a window that lasts until now."""
    body = {
        "meterApiName": "m",
        "timeRange": {"startTimeInSeconds": DAY},
        "aggregation": "sum",
        "timeGroupingInterval": "day",
        "take": {"limit": 3, "isAscending": True},
    }
    query = read_query(json.dumps(body).encode())
    assert query.take == Take(limit=3, is_ascending=True)
    written = write_query(query, Shape.OFFICIAL)
    assert written == body | {"aggregation": "SUM", "timeGroupingInterval": "DAY"}
    assert query.is_open_ended
    reading = make_reading({(): {DAY: 3}})
    wide = read_query(json.dumps(body | {"meterApiName": "api-calls"}).encode())
    terms = Terms(knows_all_writers=True)
    assert judge_reading(reading, [make_record(EVENT)], wide, terms=terms).status is Status.RIGHT


def test_a_large_answer_is_asked_for_narrowly() -> None:
    """Our customers and our buckets only."""
    records = [make_record(EVENT), make_record(make_event(5, customer="bravo", meter="storage"))]
    wide = make_query(customers=None, start_s=DAY - 30 * DAY_S, end_s=DAY + 30 * DAY_S)
    narrow = narrow_query(wide, records)
    assert (narrow.start_s, narrow.end_s) == (DAY, DAY + DAY_S)
    assert narrow.customers == frozenset({"acme"})
    assert narrow.aggregation is Aggregation.SUM
    assert narrow_query(make_query(meter="other"), records) == make_query(meter="other")
