"""Queries for the first groups only: what came must be first, and what is missing is no zero."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from unit.metering.metering_kit import DAY, judge_events, make_event, make_query, make_reading

from pytest_amberflo.metering.expect import Status
from pytest_amberflo.metering.query import Take

Groups: TypeAlias = dict[tuple[str | None, ...], dict[int, float | str]]
RIGHT, PARTIAL, WRONG = Status.RIGHT, Status.PARTIAL, Status.WRONG
VALUES = {"a": 10, "b": 7, "c": 7, "d": 2}
EVENTS = [make_event(value, customer=name) for name, value in VALUES.items()]


def judge(limit: int, *names: str, is_ascending: bool = False, **changed: float) -> Status:
    """What is said of an answer with these groups."""
    take = Take(limit=limit, is_ascending=is_ascending)
    query = make_query(customers=tuple(VALUES), take=take)
    values: dict[str, float | str] = {**VALUES, **changed}
    groups: Groups = {(name,): {DAY: values[name]} for name in names}
    return judge_events(make_reading(groups), EVENTS, query).status


@pytest.mark.parametrize(
    ("limit", "names", "expected"),
    [
        (1, "a", RIGHT),
        (2, "ab", RIGHT),
        (2, "ac", RIGHT),
        (3, "abc", RIGHT),
        (4, "abcd", RIGHT),
        (9, "abcd", RIGHT),
        (1, "b", PARTIAL),
        (2, "bc", PARTIAL),
        (2, "ad", PARTIAL),
        (2, "a", PARTIAL),
        (9, "abc", PARTIAL),
        (2, "abc", WRONG),
        (1, "", PARTIAL),
    ],
)
def test_the_largest_groups(limit: int, names: str, expected: Status) -> None:
    """The largest come, either of two that are equal at the cut, and never more than asked for."""
    assert judge(limit, *names) is expected


@pytest.mark.parametrize(
    ("limit", "names", "expected"),
    [(1, "d", RIGHT), (2, "db", RIGHT), (2, "dc", RIGHT), (2, "da", PARTIAL), (1, "a", PARTIAL)],
)
def test_the_smallest_groups(limit: int, names: str, expected: Status) -> None:
    """Ascending asks for the smallest."""
    assert judge(limit, *names, is_ascending=True) is expected


def test_what_came_must_be_right() -> None:
    """A group that came is compared like any other."""
    assert judge(1, "a", a=20) is WRONG
    assert judge(2, "a", "b", b=14) is WRONG


def test_foreign_groups_take_places() -> None:
    """Others' groups may come before ours; only behind ours they may not."""
    query = make_query(customers=None, take=Take(limit=2))
    for others, expected in (((99, 12), RIGHT), ((99, 10), RIGHT), ((99, 3), PARTIAL)):
        groups: Groups = {(f"x-{n}",): {DAY: value} for n, value in enumerate(others)}
        assert judge_events(make_reading(groups), EVENTS, query).status is expected


@pytest.mark.parametrize("aggregation", ["COUNT", "MAX", "MIN"])
def test_groups_are_ordered_by_what_was_asked_for(aggregation: str) -> None:
    """The total of a group is its count, its largest or its smallest value."""
    events = [
        make_event(1, customer="a"),
        make_event(9, customer="a", unique_id="2"),
        make_event(5, customer="b"),
    ]
    query = make_query(aggregation, customers=("a", "b"), take=Take(limit=1))
    first = "b" if aggregation == "MIN" else "a"
    numbers = {"COUNT": 2, "MAX": 9, "MIN": 5}
    right = make_reading({(first,): {DAY: numbers[aggregation]}})
    assert judge_events(right, events, query).status is RIGHT
    second, number = ("a", 1) if first == "b" else ("b", 1 if aggregation == "COUNT" else 5)
    wrong = make_reading({(second,): {DAY: number}})
    assert judge_events(wrong, events, query).status is PARTIAL
