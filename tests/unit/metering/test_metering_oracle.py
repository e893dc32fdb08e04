"""The oracle: the worlds of a ledger, and the amounts of their cells."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    HOUR_S,
    make_event,
    make_query,
    make_record,
)

from pytest_amberflo.metering.amount import aggregate, is_blind
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.oracle import (
    MAX_CHOICES,
    TooManyWorldsError,
    World,
    list_worlds,
    passes,
)
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.terms import Knowledge

if TYPE_CHECKING:
    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.oracle import Cell

ACME = (("acme",), DAY)


def numbers_of(worlds: tuple[World, ...]) -> list[dict[Cell, Decimal]]:
    """The expected numbers of each world."""
    return [{cell: amount.value for cell, amount in world.cells.items()} for world in worlds]


def test_what_is_stored_makes_one_world() -> None:
    """Where nothing is open there is one world, with the events of each cell in it."""
    events = [make_event(3), make_event(4, at_s=DAY + 2 * HOUR_S), make_event(5, at_s=DAY + DAY_S)]
    query = make_query(end_s=DAY + 2 * DAY_S)
    (world,) = list_worlds([make_record(event) for event in events], query)
    assert numbers_of((world,)) == [{ACME: 7, (("acme",), DAY + DAY_S): 5}]
    assert world.cells[ACME].events == (events[0], events[1])
    assert world.assumed == frozenset()


def test_nothing_sent_makes_one_empty_world() -> None:
    """Without records there is one world, and nothing in it."""
    assert numbers_of(list_worlds([], make_query())) == [{}]


def test_what_was_refused_is_in_no_world() -> None:
    """A record that was answered 4xx does not count."""
    assert numbers_of(list_worlds([make_record(make_event(3), Fate.REFUSED)], make_query())) == [
        {}
    ]


def test_what_may_be_stored_makes_two_worlds() -> None:
    """A record without an answer is in one world and not in the other; the first has all."""
    maybe = make_event(4, unique_id="m")
    worlds = list_worlds(
        [make_record(make_event(3)), make_record(maybe, Fate.MAYBE)], make_query()
    )
    assert numbers_of(worlds) == [{ACME: 7}, {ACME: 3}]
    assert [world.assumed for world in worlds] == [{maybe.identity}, frozenset()]


def test_open_records_are_chosen_one_by_one() -> None:
    """Every subset of the open records has its world."""
    records = [make_record(make_event(2**n, unique_id=f"{n}"), Fate.MAYBE) for n in range(4)]
    worlds = list_worlds(records, make_query())
    assert sorted(sum(cells.values()) for cells in numbers_of(worlds)) == list(range(16))


def test_worlds_that_show_the_same_are_one() -> None:
    """Choices that lead to the same numbers are one world."""
    records = [make_record(make_event(3, unique_id=f"{n}"), Fate.MAYBE) for n in range(3)]
    worlds = list_worlds(records, make_query())
    assert sorted(sum(cells.values()) for cells in numbers_of(worlds)) == [0, 3, 6, 9]


def test_what_was_seen_once_is_in_every_world() -> None:
    """A record that an earlier reading showed is stored."""
    maybe = make_event(4)
    worlds = list_worlds(
        [make_record(maybe, Fate.MAYBE)], make_query(), known=Knowledge.of(maybe.identity)
    )
    assert numbers_of(worlds) == [{ACME: 4}]


def test_a_dozen_open_records_are_gone_through() -> None:
    """Up to the most that can be open, every number of them has its world."""
    records = [
        make_record(make_event(1, unique_id=str(n)), Fate.MAYBE) for n in range(MAX_CHOICES)
    ]
    worlds = list_worlds(records, make_query("COUNT"))
    assert sorted(sum(cells.values()) for cells in numbers_of(worlds)) == list(range(13))


def test_too_much_that_is_open_is_said() -> None:
    """Beyond a number of open records nothing is concluded, and the reason has the number."""
    records = [make_record(make_event(2**n), Fate.MAYBE) for n in range(MAX_CHOICES + 1)]
    with pytest.raises(TooManyWorldsError, match=r"^13 records may or may not be stored$"):
        list_worlds(records, make_query())


@pytest.mark.parametrize(
    "elsewhere", [{"meter": "storage"}, {"customer": "zulu"}, {"at_s": DAY - DAY_S}]
)
def test_what_is_open_elsewhere_is_not_open_here(elsewhere: dict[str, Any]) -> None:
    """Many lost answers of other meters, customers or days do not blind a query."""
    records = [
        make_record(make_event(2**n, **elsewhere), Fate.MAYBE) for n in range(MAX_CHOICES + 1)
    ]
    assert numbers_of(list_worlds([make_record(make_event(3)), *records], make_query())) == [
        {ACME: 3}
    ]


@pytest.mark.parametrize("elsewhere", [{"meter": "storage"}, {"customer": "zulu"}])
def test_a_world_assumes_only_what_it_shows(elsewhere: dict[str, Any]) -> None:
    """A record that the query does not ask for is not assumed: showing it is no proof of it."""
    maybe = make_record(make_event(4, **elsewhere), Fate.MAYBE)
    (world,) = list_worlds([make_record(make_event(3)), maybe], make_query())
    assert world.assumed == frozenset()


MARGIN = make_query(start_s=DAY + 2 * HOUR_S, end_s=DAY + DAY_S + 2 * HOUR_S)


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        (DAY + 2 * HOUR_S, [{ACME: 3}]),
        (DAY + 2 * HOUR_S - 0.001, [{ACME: 3}, {}]),
        (DAY, [{ACME: 3}, {}]),
        (DAY - 0.001, [{}]),
        (DAY + DAY_S + 2 * HOUR_S - 0.001, [{(("acme",), DAY + DAY_S): 3}]),
        (DAY + DAY_S + 2 * HOUR_S, [{(("acme",), DAY + DAY_S): 3}, {}]),
        (DAY + 2 * DAY_S - 0.001, [{(("acme",), DAY + DAY_S): 3}, {}]),
        (DAY + 2 * DAY_S, [{}]),
    ],
)
def test_margins_of_an_unaligned_window_are_open(
    at_s: float, expected: list[dict[Cell, int]]
) -> None:
    """Between a window's end and its bucket's end an event may count or not, never beyond."""
    assert numbers_of(list_worlds([make_record(make_event(3, at_s=at_s))], MARGIN)) == expected


def test_a_margin_counts_as_a_whole() -> None:
    """A service widens a window or cuts it: half of a margin is no world."""
    records = [
        make_record(make_event(value, at_s=DAY + value, unique_id=str(value))) for value in (1, 2)
    ]
    assert numbers_of(list_worlds(records, MARGIN)) == [{ACME: 3}, {}]


def test_an_aligned_window_has_no_margin() -> None:
    """The first millisecond of a window counts and the first after it does not."""
    events = [
        make_event(value, at_s=at_s)
        for value, at_s in ((1, DAY - 0.001), (2, DAY), (4, DAY + DAY_S - 0.001), (8, DAY + DAY_S))
    ]
    assert numbers_of(list_worlds(list(map(make_record, events)), make_query())) == [{ACME: 6}]


def test_usage_without_a_dimension_has_a_group_or_none() -> None:
    """An event without the dimension is in the group without it, or left out."""
    records = [make_record(make_event(3, region="eu")), make_record(make_event(4))]
    worlds = list_worlds(records, make_query(group_by=("region",)))
    assert numbers_of(worlds) == [{(("eu",), DAY): 3, ((None,), DAY): 4}, {(("eu",), DAY): 3}]


def test_an_empty_dimension_is_in_the_group_without_it() -> None:
    """An event whose dimension is empty is never in another value's group."""
    (world,) = list_worlds(
        [make_record(make_event(4, region=""))], make_query(group_by=("region",))
    )
    assert list(world.cells) == [((None,), DAY)]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (make_event(1, region="eu"), True),
        (make_event(1, region="EU"), False),
        (make_event(1), False),
        (make_event(1, region="eu", customer="Acme"), False),
        (make_event(1, region="eu", customer=None), False),
        (make_event(1, region="eu", meter="Api-calls"), False),
    ],
)
def test_filters_compare_exactly_and_all_must_pass(event: MeterEvent, expected: bool) -> None:  # noqa: FBT001
    """An event passes if its meter and every filtered attribute is one of those named."""
    query = make_query()
    filters = (*query.filters, ("region", frozenset({"eu", "us"})))
    assert passes(event, replace(query, filters=filters)) is expected


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("SUM", "2.75"), ("COUNT", "3"), ("MAX", "4.5"), ("MIN", "-2")],
)
def test_each_aggregation_of_a_cell(aggregation: str, expected: str) -> None:
    """The values of a cell become one number."""
    events = [make_event(value) for value in ("0.25", "4.5", "-2")]
    amount = aggregate(events, Aggregation(aggregation))
    assert amount.value == Decimal(expected)
    assert amount.events == tuple(events)
    assert amount.admits(Decimal(expected))
    assert not amount.admits(Decimal(expected) + Decimal("1e-9"))


def test_a_sum_admits_what_float64_makes_of_it() -> None:
    """0.1 + 0.2 may be 0.30000000000000004, and no count or integer sum is ever off."""
    fractions = [make_event("0.1"), make_event("0.2")]
    assert aggregate(fractions, Aggregation.SUM).admits(Decimal("0.30000000000000004"))
    assert aggregate(fractions, Aggregation.COUNT).tolerance == 0
    assert aggregate([make_event(1), make_event(2)], Aggregation.SUM).tolerance == 0


@pytest.mark.parametrize(
    ("values", "tolerance", "expected"),
    [
        (["1"], "0.5", True),
        (["1"], "0.4999", False),
        (["1", "-0.001"], "0.0005", True),
        (["0", "1"], "0.4", False),
        (["0", "1"], "0.5", True),
        (["0"], "1", False),
        ([], "1", False),
        (["5"], "0", False),
    ],
)
def test_a_tolerance_of_half_the_smallest_value_is_blind(
    values: list[str],
    tolerance: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """A lost event could hide in a tolerance of half its value; zeros show nothing anyway."""
    events = [make_event(value) for value in values]
    assert is_blind(events, Decimal(tolerance)) is expected
