"""Usage that is not ours: foreign customers and meters, other writers, totals of groups."""

from __future__ import annotations

import functools
import operator
from decimal import Decimal

import pytest
from unit.metering.metering_kit import (
    DAY,
    judge_events,
    make_event,
    make_query,
    make_reading,
    read_acme,
)

from pytest_amberflo.metering.expect import Status

RIGHT, PARTIAL, WRONG, BLIND = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.BLIND
OTHERS = "the query is not limited to a customer: others may have written, too"
THREE = make_event(3)
BRAVO = make_event(7, customer="bravo")
OPEN_TO_ALL = make_query(customers=None)
UNGROUPED = make_query(customers=None, group_by=())


def test_a_foreign_customer_in_a_filtered_answer_is_a_leak() -> None:
    """A group that the customer filter leaves out is a finding, whoever wrote."""
    reading = make_reading({("acme",): {DAY: 3}, ("zulu",): {DAY: 9}})
    judgement = judge_events(reading, [THREE])
    assert judgement.status is WRONG
    assert judgement.wrong_rows == ()
    (stray,) = judgement.strays
    assert (stray.group, stray.bucket) == (("zulu",), DAY)
    assert (stray.expected, stray.seen) == (Decimal(0), Decimal(9))


def test_a_foreign_customer_with_no_usage_is_no_leak() -> None:
    """Groups of zeros say nothing."""
    reading = make_reading({("acme",): {DAY: 3}, ("zulu",): {DAY: 0}})
    assert judge_events(reading, [THREE]).status is RIGHT


def test_a_foreign_customer_that_was_asked_for_is_none_of_our_business() -> None:
    """A customer in the filter whose usage we did not send is not judged."""
    reading = make_reading({("acme",): {DAY: 3}, ("zulu",): {DAY: 9}})
    assert judge_events(reading, [THREE], make_query(customers=("acme", "zulu"))).status is RIGHT


def test_foreign_customers_of_an_open_query_are_left_alone() -> None:
    """Without a filter, other customers of the account are no finding."""
    reading = make_reading({("acme",): {DAY: 3}, ("zulu",): {DAY: 9}})
    assert judge_events(reading, [THREE], OPEN_TO_ALL).status is RIGHT


def test_foreign_customers_are_a_finding_where_nobody_else_writes() -> None:
    """On a server of our own, every customer is ours."""
    reading = make_reading({("acme",): {DAY: 3}, ("zulu",): {DAY: 9}})
    judgement = judge_events(reading, [THREE], OPEN_TO_ALL, knows_all_writers=True)
    assert (judgement.status, [row.group for row in judgement.strays]) == (WRONG, [("zulu",)])


@pytest.mark.parametrize("seen", [3, 0])
def test_our_own_customer_is_judged_in_an_open_query(seen: int) -> None:
    """Grouped by customer, our group is ours although others are there."""
    reading = make_reading({("acme",): {DAY: 2 * seen}, ("zulu",): {DAY: 9}})
    expected = WRONG if seen else PARTIAL
    assert judge_events(reading, [THREE], OPEN_TO_ALL).status is expected


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT"])
def test_a_customer_of_the_ledger_that_the_filter_leaves_out_is_a_leak(aggregation: str) -> None:
    """A leak is seen also where the other customer is one of ours."""
    seen = (3, 7) if aggregation == "SUM" else (1, 1)
    reading = make_reading({("acme",): {DAY: seen[0]}, ("bravo",): {DAY: seen[1]}})
    assert judge_events(reading, [THREE, BRAVO], make_query(aggregation)).status is WRONG


def test_usage_of_nobody_in_a_filtered_answer_is_wrong() -> None:
    """A group without a customer does not pass a customer filter."""
    reading = make_reading({("acme",): {DAY: 3}, (None,): {DAY: 8}})
    assert judge_events(reading, [THREE]).status is WRONG


def test_usage_of_another_meter_is_a_finding() -> None:
    """What an answer says of a meter that was not asked for is wrong, zeros are not."""
    for seen, expected in ((3, WRONG), (0, RIGHT)):
        reading = make_reading(
            {("acme",): {DAY: 3}}, other_meters={"storage": {("acme",): {DAY: seen}}}
        )
        assert judge_events(reading, [THREE]).status is expected


def test_too_much_in_a_shared_number_is_blind() -> None:
    """Where others may have written to the same number, too much says nothing."""
    judgement = judge_events(make_reading({(): {DAY: 11}}), [THREE], UNGROUPED)
    assert (judgement.status, judgement.notes) == (BLIND, (OTHERS,))


def test_too_little_in_a_shared_number_is_not() -> None:
    """Other writers only add: what is missing has not come, whatever of theirs has."""
    events = [THREE, make_event(4)]
    for seen in (0, 2, 3, 6):
        assert judge_events(make_reading({(): {DAY: seen}}), events, UNGROUPED).status is PARTIAL
    assert judge_events(make_reading({(): {DAY: -2}}), events, UNGROUPED).status is WRONG


def test_a_shared_number_is_judged_where_nobody_else_writes() -> None:
    """On a server of our own too much is wrong, filtered or not."""
    reading = make_reading({(): {DAY: 11}})
    assert judge_events(reading, [THREE], UNGROUPED, knows_all_writers=True).status is WRONG


@pytest.mark.parametrize("group_by", [("customerId",), ()])
def test_too_much_of_our_own_customer_is_wrong(group_by: tuple[str, ...]) -> None:
    """A query of our customers alone is not shared."""
    group = tuple("acme" for _ in group_by)
    query = make_query(group_by=group_by)
    assert judge_events(make_reading({group: {DAY: 6}}), [THREE], query).status is WRONG


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        ("10.5", RIGHT),
        ("10.500000000000001", RIGHT),
        ("10.51", WRONG),
        ("21", WRONG),
        ("0", WRONG),
    ],
)
def test_the_total_of_a_group_is_the_sum_of_its_values(total: str, expected: Status) -> None:
    """`groupValue` of a sum must be what its values add up to, but for rounding."""
    reading = make_reading({("acme",): {DAY: "10.5"}}, totals={("acme",): total})
    judgement = judge_events(reading, [make_event("3.5"), make_event(7)])
    assert judgement.status is expected
    if expected is WRONG:
        note = f"`groupValue` says {total}, but its values add up to 10.5"
        assert judgement.notes == (note,)


@pytest.mark.parametrize("aggregation", ["COUNT", "MAX", "MIN"])
def test_totals_of_other_aggregations_are_not_judged(aggregation: str) -> None:
    """What the total of a count or extreme is, nobody says."""
    reading = make_reading({("acme",): {DAY: 1}}, totals={("acme",): 99})
    assert judge_events(reading, [make_event(1)], make_query(aggregation)).status is RIGHT


@pytest.mark.parametrize("aggregation", ["MAX", "MIN"])
def test_an_extreme_of_a_customer_that_the_filter_leaves_out_is_a_leak(aggregation: str) -> None:
    """A leak into a filtered query is a finding for every aggregation."""
    reading = make_reading({("acme",): {DAY: 3}, ("bravo",): {DAY: 7}})
    assert judge_events(reading, [THREE, BRAVO], make_query(aggregation)).status is WRONG


def test_our_group_is_ours_beside_a_foreign_one_that_was_asked_for() -> None:
    """Grouped by customer, too much of our customer is wrong, whoever else is asked for."""
    query = make_query(customers=("acme", "zulu"))
    assert judge_events(read_acme(6), [THREE], query).status is WRONG


def test_a_lower_minimum_in_a_shared_number_is_blind() -> None:
    """Where others may have written, a smaller minimum says nothing."""
    query = make_query("MIN", customers=None, group_by=())
    assert judge_events(make_reading({(): {DAY: 1}}), [THREE], query).status is BLIND


def test_a_wrong_total_of_a_shared_number_is_wrong() -> None:
    """An answer that contradicts itself is wrong, whoever wrote."""
    reading = make_reading({(): {DAY: 3}}, totals={(): 9})
    assert judge_events(reading, [THREE], UNGROUPED).status is WRONG


def test_usage_of_nobody_in_an_open_query_is_left_alone() -> None:
    """Others may send events without a customer; ours have one."""
    reading = make_reading({("acme",): {DAY: 3}, (None,): {DAY: 8}})
    assert judge_events(reading, [THREE], OPEN_TO_ALL).status is RIGHT


@pytest.mark.parametrize(
    ("values", "value", "total"),
    [
        (["0.1", "0.2", "0.7"], "1.0", "0.9999999999999999"),
        (["0.1", "0.2", "-0.3"], "5.551115123125783e-17", "0"),
        (["0.1"] * 1000, "99.9999999999986", "100.0"),
    ],
    ids=["whole sum", "cancelling", "many"],
)
def test_a_total_may_be_added_in_another_order(values: list[str], value: str, total: str) -> None:
    """A service may add the events of a group in another order than those of a bucket."""
    events = [make_event(text, unique_id=str(n)) for n, text in enumerate(values)]
    shown = functools.reduce(operator.add, map(float, values))
    assert abs(shown - float(value)) < 1e-12
    assert Decimal(total) != Decimal(value)
    reading = make_reading({("acme",): {DAY: value}}, totals={("acme",): total})
    assert judge_events(reading, events).status is RIGHT
