"""A customer that had usage before: what it had is expected, too, and must not move."""

from __future__ import annotations

import pytest
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.baseline import (
    Baseline,
    BaselineMovedError,
    list_baseline_queries,
    take_baseline,
)
from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.query import Aggregation, Take
from pytest_amberflo.metering.terms import Terms

RIGHT, PARTIAL, WRONG, BLIND = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.BLIND
RECORDS = [make_record(make_event(value, unique_id=f"u{value}")) for value in (3, 4)]


def base_of(number: float, aggregation: str = "SUM", count: int = 5) -> Baseline:
    """A baseline of one number for acme on DAY."""
    reading = read_acme(number)
    return take_baseline(make_query(aggregation), reading, reading, read_acme(count))


def judge(
    seen: float | str, baseline: Baseline, aggregation: str = "SUM", terms: Terms | None = None
) -> Status:
    """What is said of a number after 3 and 4 were sent."""
    return judge_reading(
        read_acme(seen),
        RECORDS,
        make_query(aggregation),
        baseline=baseline,
        terms=terms or Terms(),
    ).status


@pytest.mark.parametrize(
    ("aggregation", "base", "statuses"),
    [
        ("SUM", 100, {107: RIGHT, 100: PARTIAL, 103: PARTIAL, 7: WRONG, 110: WRONG, 99: WRONG}),
        ("COUNT", 5, {7: RIGHT, 5: PARTIAL, 6: PARTIAL, 8: WRONG, 2: WRONG, 4: WRONG}),
        ("MAX", 100, {100: RIGHT, 4: PARTIAL, 107: WRONG}),
        ("MAX", 2, {4: RIGHT, 3: PARTIAL, 6: WRONG}),
        ("MIN", 1, {1: RIGHT, 3: PARTIAL, 0.5: WRONG}),
        ("MIN", 50, {3: RIGHT, 4: PARTIAL, 2: WRONG}),
        ("SUM", -20, {-13: RIGHT, -20: PARTIAL, 7: WRONG}),
    ],
)
def test_what_was_there_is_expected_too(
    aggregation: str, base: float, statuses: dict[float, Status]
) -> None:
    """Sums and counts add to the baseline; an extreme is the more extreme of both."""
    baseline = base_of(base, aggregation)
    found = {seen: judge(seen, baseline, aggregation) for seen in statuses}
    assert found == statuses


def test_usage_that_was_there_must_stay() -> None:
    """A bucket of the baseline without events of ours is compared, too."""
    query = make_query(end_s=DAY + 2 * DAY_S)
    before = make_reading({("acme",): {DAY + DAY_S: 40}})
    baseline = take_baseline(query, before, before)
    for seen, expected in ((40, RIGHT), (0, WRONG), (80, WRONG)):
        reading = make_reading({("acme",): {DAY: 7, DAY + DAY_S: seen}})
        assert judge_reading(reading, RECORDS, query, baseline=baseline).status is expected


def test_fractions_of_a_baseline_widen_the_tolerance() -> None:
    """A float64 sum over what was there may differ in its last digits, by its count."""
    baseline = base_of(0.1, count=1000)
    assert judge("7.1", baseline) is RIGHT
    assert judge("7.1000000000003", baseline) is RIGHT
    assert judge("7.100001", baseline) is WRONG
    assert judge("107.00000001", base_of(100)) is WRONG


def test_a_baseline_that_moves_is_refused() -> None:
    """Two readings that differ before anything was sent mean another writer."""
    with pytest.raises(BaselineMovedError) as caught:
        take_baseline(make_query(), read_acme(4), read_acme(5))
    assert str(caught.value) == (
        "usage changes although nothing was sent yet: 2026-11-21, customerId acme was 4 and then "
        "5. Another writer is at work; give a customer of its own"
    )
    with pytest.raises(BaselineMovedError):
        take_baseline(make_query(), make_reading({}), read_acme(5))
    zeros = take_baseline(make_query(), make_reading({}), read_acme(0))
    assert zeros.cells == {}


def test_the_queries_of_a_baseline() -> None:
    """SUM and COUNT, and the aggregation that was asked for; all groups, not the first ones."""
    kinds = [query.aggregation for query in list_baseline_queries(make_query("MAX"))]
    assert kinds == [Aggregation.MAX, Aggregation.SUM, Aggregation.COUNT]
    queries = list_baseline_queries(make_query(take=Take(limit=1)))
    assert [(query.aggregation, query.take) for query in queries] == [
        (Aggregation.SUM, None),
        (Aggregation.COUNT, None),
    ]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [(7, RIGHT), (9, BLIND), (10, WRONG), (13, WRONG), (11, WRONG), (5, PARTIAL), (12, BLIND)],
)
def test_declared_other_writers(seen: int, expected: Status) -> None:
    """Only an excess that is a multiple of one of our distinctive values is a finding."""
    values = frozenset(record.event.value for record in RECORDS)
    terms = Terms(has_other_writers=True, distinctive=values)
    assert judge_reading(read_acme(seen), RECORDS, make_query(), terms=terms).status is expected
