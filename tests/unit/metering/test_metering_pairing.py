"""The pairing of declared events and records, and how long is listened."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.metering.emitter_kit import START_S, came, due, event, judge

from pytest_amberflo.metering.assignment import assign
from pytest_amberflo.metering.quiet import Hearing, Patience, is_flood

_COSTS = st.integers(0, 4).flatmap(
    lambda rows: st.lists(
        st.lists(st.integers(-50, 50), min_size=rows + 2, max_size=rows + 2),
        min_size=rows,
        max_size=rows,
    )
)
_VALUES = st.lists(st.sampled_from([1, 2, 3, 5, 1000]), max_size=6)
_PATIENCE = Patience(quiet_s=1, settle_s=5, retry_s=15)


@settings(max_examples=60, deadline=None)
@given(costs=_COSTS)
def test_no_assignment_is_cheaper(costs: list[list[int]]) -> None:
    """Every row has a column of its own, and the sum is the least of all."""
    columns = assign(costs)
    assert len(set(columns)) == len(costs)
    cheapest = min(
        sum(row[column] for row, column in zip(costs, chosen, strict=True))
        for chosen in permutations(range(len(costs) + 2), len(costs))
    )
    assert sum(row[c] for row, c in zip(costs, columns, strict=True)) == cheapest


@settings(max_examples=60, deadline=None)
@given(values=_VALUES, order=st.randoms(use_true_random=False), copies=st.data())
def test_what_is_due_and_came_is_paired(values: list[int], order: Any, copies: Any) -> None:
    """In whatever order it came, and however often."""
    declared = [due(number, value) for number, value in enumerate(values, 1)]
    events = [event(n + 0.02, value, f"u{n}") for n, value in enumerate(values, 1)]
    arrivals = [came(10, *order.sample(events, len(events)))]
    for one in events:
        arrivals += [came(11, one)] * copies.draw(st.integers(0, 2))
    found = judge(declared, arrivals)
    assert found.findings == ()
    assert [pair.flaws for pair in found.pairing.pairs] == [()] * len(values)


@settings(max_examples=60, deadline=None)
@given(values=_VALUES.filter(bool), data=st.data())
def test_one_event_that_is_lost_is_one_finding(values: list[int], data: Any) -> None:
    """The others stay paired, and it is the lost one's value that is missing."""
    gone = data.draw(st.integers(0, len(values) - 1))
    declared = [due(number, value) for number, value in enumerate(values, 1)]
    events = [event(n + 0.02, value, f"u{n}") for n, value in enumerate(values, 1)]
    kept = [one for index, one in enumerate(events) if index != gone]
    found = judge(declared, [came(10, *kept)])
    assert len(found.findings) == 1
    assert [int(missing.value) for missing in found.pairing.missing] == [values[gone]]


@settings(max_examples=60, deadline=None)
@given(values=_VALUES.filter(bool), data=st.data())
def test_one_wrong_field_is_one_finding(values: list[int], data: Any) -> None:
    """It is never taken for an event that is missing and one that nobody expected."""
    index = data.draw(st.integers(0, len(values) - 1))
    change = data.draw(
        st.sampled_from(
            [{"meterValue": 77}, {"meterApiName": "token"}, {"dimensions": {"model": "b"}}]
        )
    )
    declared = [
        due(number, value, dimensions=(("model", "a"),), match=(("uniqueId", f"u{number}"),))
        for number, value in enumerate(values, 1)
    ]
    events = [
        event(n + 0.02, value, f"u{n}", dimensions={"model": "a"})
        for n, value in enumerate(values, 1)
    ]
    events[index] |= change
    found = judge(declared, [came(10, *events)])
    assert [finding.kind.value for finding in found.findings] == ["wrong field"]
    assert found.findings[0].call == declared[index].call


def test_what_came_before_a_call_is_not_of_it() -> None:
    """An event cannot come before its cause."""
    found = judge([due(5)], [came(1, event(1))])
    assert [finding.kind.value for finding in found.findings] == ["missing", "unexpected"]


def test_an_event_is_of_the_call_in_which_it_happened() -> None:
    """Not of the one during which it came; and of equal calls it is the other that has none."""
    found = judge([due(1), due(2)], [came(2.05, event(1.02))])
    assert [missing.call.number for missing in found.pairing.missing] == [2]
    found = judge([due(1), due(2)], [came(2.05, event(2.02))])
    assert [missing.call.number for missing in found.pairing.missing] == [1]


def test_many_events_are_paired_in_time() -> None:
    """Some hundred take no noticeable time."""
    declared = [due(number, number % 7) for number in range(200)]
    events = [event(n + 0.02, n % 7, f"u{n}") for n in range(200)]
    assert judge(declared, [came(300, *events)]).is_right


@pytest.mark.parametrize(
    ("arrivals", "complete", "retrying", "end"),
    [
        ([0.1], True, False, 1.1),  # at least the time given
        ([0.1, 0.9], True, False, 2.5),  # twice the longest gap
        ([2.0], True, False, 6.0),
        ([4.0], True, False, 9.0),  # no longer than usage may take to settle
        ([], False, False, 5.0),
        ([0.1], False, False, 5.1),
        ([0.1], False, True, 15.1),
        ([10.0 * n for n in range(1, 7)], False, True, 60.0),  # whatever comes
    ],
)
def test_the_wait_is_over_when_nothing_comes(
    arrivals: list[float], *, complete: bool, retrying: bool, end: float
) -> None:
    """Gaps are those before something came; those between calls are none."""
    hearing = Hearing(
        called_s=START_S,
        calls_s=[START_S - 50, START_S],
        arrivals_s=[START_S + at for at in arrivals],
        is_complete=complete,
        is_retrying=retrying,
    )
    assert _PATIENCE.find_end(hearing) == pytest.approx(START_S + end)


def test_a_flood_is_far_more_than_is_due() -> None:
    """Some dozen events too much may still be told one by one."""
    assert [is_flood(1, 100), is_flood(1, 101), is_flood(100, 2000), is_flood(100, 2001)] == [
        False,
        True,
        False,
        True,
    ]
