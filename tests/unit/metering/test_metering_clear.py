"""Where nothing is open, the one world is told without going through what might be."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    HOUR_S,
    METER,
    effort,
    make_event,
    make_query,
    make_record,
)

from pytest_amberflo.metering.dedup import ValuePolicy, read_dedup_rules
from pytest_amberflo.metering.event import CANCEL
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.oracle import (
    Freedom,
    is_clear,
    list_freedoms,
    list_open_worlds,
    list_worlds,
)
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Knowledge, Terms
from pytest_amberflo.metering.unit import list_sure, list_units
from pytest_amberflo.metering.window import WEEK_STARTS, Interval

if TYPE_CHECKING:
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery

#: Mostly what is clear, and now and then what is not.
FATES = st.sampled_from(
    [(Fate.STORED,)] * 6 + [(Fate.MAYBE,), (Fate.STORED, Fate.STORED), (Fate.REFUSED,)]
)
EVENTS = st.builds(
    lambda value, at_s, customer, unique_id, region, cancels: make_event(
        value,
        at_s=DAY + at_s,
        customer=customer,
        unique_id=unique_id,
        **({"region": region} if region is not None else {}),
        **({CANCEL: "true"} if cancels else {}),
    ),
    value=st.sampled_from(["2", "2.0", "2.5", "2.50000000000000000001", "0", "-1"]),
    at_s=st.sampled_from([-1, 0, HOUR_S, 2 * HOUR_S, DAY_S - 1, DAY_S, DAY_S + HOUR_S]),
    customer=st.sampled_from(["acme"] * 4 + ["bravo"]),
    unique_id=st.sampled_from(["a", "b", "c", "d", "", None, "\u00e9", "e\u0301"]),
    region=st.sampled_from(["eu", "us", "eu", "us", None]),
    cancels=st.sampled_from([False] * 9 + [True]),
)
RECORDS = st.lists(
    st.builds(lambda event, fates: make_record(event, *fates), EVENTS, FATES),
    max_size=4,
    unique_by=lambda record: record.event.identity,
)
QUERIES = st.builds(
    lambda aggregation, interval, group_by, shift: make_query(
        aggregation,
        interval.value,
        group_by=group_by,
        start_s=interval.floor(DAY) + shift,
        end_s=interval.after(interval.floor(DAY)) + shift,
    ),
    st.sampled_from(["SUM", "COUNT", "MAX", "MIN"]),
    st.sampled_from(Interval),
    st.sampled_from([(), ("customerId",), ("region",), ("customerId", "region")]),
    st.sampled_from([0, 0, 0, HOUR_S, 1]),
)
TERMS = st.builds(
    lambda keys, value, is_live, lasting: Terms(
        dedup=read_dedup_rules(keys, value), is_live=is_live, lasting_meters=lasting
    ),
    st.sampled_from([[], ["region"], ["uniqueId"]]),
    st.sampled_from([policy.value for policy in ValuePolicy]),
    st.booleans(),
    st.sampled_from([frozenset(), frozenset({METER})]),
)


@given(RECORDS, TERMS)
@effort(300)
def test_what_is_sure_counts_in_one_way(records: list[Record], terms: Terms) -> None:
    """Each record that is said to be sure is a unit of its own with one way to count."""
    sure = list_sure(records, terms)
    if sure is not None:
        ways = [unit.outcomes for unit in list_units(records, terms)]
        assert ways == [((event,),) for event in sure]
        assert [record.event for record in records] == list(sure)


@given(RECORDS, QUERIES, TERMS)
@effort(300)
def test_what_is_clear_is_shown_alike_by_every_service(
    records: list[Record], query: UsageQuery, terms: Terms
) -> None:
    """Whatever a right service is free to do, events that are clear are shown in one place."""
    events = [record.event for record in records]
    if not is_clear(events, query):
        return
    drops = [frozenset(names) for size in range(3) for names in combinations(query.group_by, size)]
    for starts, ends, dropped, day in product((True, False), (True, False), drops, WEEK_STARTS):
        other = Freedom(
            widens_start=starts, widens_end=ends, drops_without=dropped, week_start=day
        )
        for event in events:
            assert other.place(event, query) == Freedom().place(event, query)
    assert list(list_freedoms(events, query, terms)) == [Freedom()]


@given(RECORDS, QUERIES, TERMS)
@effort(300)
def test_the_short_way_finds_the_world_of_the_long_one(
    records: list[Record], query: UsageQuery, terms: Terms
) -> None:
    """The worlds are those that come of going through everything, in all that is said of them."""
    mine = [record for record in records if record.event.customer == "acme"]
    due = list_open_worlds(mine, query, terms, NOTHING_KNOWN)
    found = list_worlds(records, query, terms)
    if query.aggregation.value in ("SUM", "COUNT"):
        assert found == due
    shown = [[amount.events for amount in world.cells.values() if amount.events] for world in due]
    assert [
        [amount.events for amount in world.cells.values() if amount.events] for world in found
    ] == shown
    assert [world.freedom for world in found] == [world.freedom for world in due]


def test_of_what_is_sure_nothing_is_learnt() -> None:
    """A reading of sure records leaves what is known as it is."""
    (world,) = list_worlds([make_record(make_event(3))], make_query())
    known = Knowledge.of(make_event(1).identity)
    assert known.learn(world.explanations) == known
