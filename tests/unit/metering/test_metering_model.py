"""Judging against a model: a right service is never blamed, a wrong one never passes."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from unit.metering.metering_cases import HABITS, Case, draw_cases
from unit.metering.metering_kit import effort
from unit.metering.metering_model import (
    Cell,
    Habits,
    Row,
    aggregate,
    bucket_after,
    change_row,
    is_allowed,
    list_allowed,
    list_rows,
    render,
    write_query,
)

from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.usage import read_usage
from pytest_amberflo.metering.window import MONDAY

if TYPE_CHECKING:
    from collections.abc import Callable

ADDING = ("SUM", "COUNT")
PICKING = ("MAX", "MIN")
ALL = ADDING + PICKING


def judge(case: Case, table: dict[Cell, float], habits: Habits) -> Judgement:
    """The judgement of a table, by way of the wire."""
    query = read_query(write_query(case.query, habits))
    reading = read_usage(render(table, case.query, habits), query)
    # The model's weeks start on Monday, and that is known: otherwise each of seven ways is right.
    terms = Terms(knows_all_writers=case.knows_all_writers, week_starts=frozenset({MONDAY}))
    return judge_reading(reading, case.records, query, terms=terms)


@given(draw_cases(aggregations=ALL), HABITS, st.data())
@effort(150)
def test_a_right_service_is_right_whatever_its_habits(
    case: Case, habits: Habits, data: st.DataObject
) -> None:
    """Whatever a right service is free to do, and whatever it stored of what is open, is right."""
    kept = [event for event in case.maybes if data.draw(st.booleans())]
    table = aggregate(list_rows([*case.stored, *kept], case.query, habits), case.query, habits)
    judgement = judge(case, table, habits)
    assert (judgement.status, judgement.notes, judgement.strays) == (Status.RIGHT, (), ())
    assert all(row.is_right for row in judgement.rows)


@given(draw_cases(aggregations=ALL), HABITS, st.data())
@effort(120)
def test_usage_that_has_not_all_come_is_partial(
    case: Case, habits: Habits, data: st.DataObject
) -> None:
    """What some of the events alone would show may still become right, and is never wrong."""
    come = [event for event in [*case.stored, *case.maybes] if data.draw(st.booleans())]
    table = aggregate(list_rows(come, case.query, habits), case.query, habits)
    assert judge(case, table, habits).status in (Status.PARTIAL, Status.RIGHT)


def draw_index(rows: list[Row], data: st.DataObject) -> int:
    """One of the rows; a case without rows is no case for a bug."""
    assume(rows)
    return data.draw(st.integers(0, len(rows) - 1))


def drop(_case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """One event is lost."""
    index = draw_index(rows, data)
    return rows[:index] + rows[index + 1 :]


def count_twice(_case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """One event is counted once more."""
    return [*rows, rows[draw_index(rows, data)]]


def move_to_next_bucket(case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """One event is counted a bucket too late."""
    index = draw_index(rows, data)
    late = bucket_after(rows[index].bucket, case.query["timeGroupingInterval"])
    return change_row(rows, index, bucket=late)


def move_to_other_group(_case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """One event is counted for another customer or region, known or not."""
    index = draw_index(rows, data)
    group = list(rows[index].group)
    assume(group)
    place = data.draw(st.integers(0, len(group) - 1))
    group[place] = data.draw(st.sampled_from(["acme", "bravo", "zulu", "eu", "us", "asia"]))
    return change_row(rows, index, group=tuple(group))


def distort_one(_case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """One value is rounded, cut, negated or scaled."""
    index = draw_index(rows, data)
    distort = data.draw(st.sampled_from(DISTORTIONS))
    return change_row(rows, index, value=distort(rows[index].value))


def distort_all(_case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """Every value is rounded, cut, negated or scaled."""
    distort = data.draw(st.sampled_from(DISTORTIONS))
    return [Row(row.group, row.bucket, distort(row.value)) for row in rows]


def leak(_case: Case, rows: list[Row], data: st.DataObject) -> list[Row]:
    """An event that nobody asked for is counted where another one is."""
    row = rows[draw_index(rows, data)]
    return [*rows, Row(row.group, row.bucket, data.draw(st.integers(1, 1000)))]


def merge_groups(_case: Case, rows: list[Row], _data: st.DataObject) -> list[Row]:
    """All groups are counted as one of them; where there is only one, as another."""
    assume(rows)
    group = rows[0].group
    if len({row.group for row in rows}) == 1:
        assume(group)
        group = ("bravo" if group[0] == "acme" else "acme", *group[1:])
    return [Row(group, row.bucket, row.value) for row in rows]


DISTORTIONS: tuple[Callable[[float], float], ...] = (
    round,
    int,
    lambda value: round(value, 1),
    lambda value: -value,
    lambda value: value * 1000,
    lambda value: value / 1000,
    lambda value: value + 1e-9,
)
BUGS = (
    drop,
    count_twice,
    move_to_next_bucket,
    move_to_other_group,
    distort_one,
    distort_all,
    leak,
    merge_groups,
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
@given(draw_cases(aggregations=ADDING), HABITS, st.data())
@effort(45)
def test_a_bug_in_a_sum_or_count_never_passes(
    bug: Callable[[Case, list[Row], st.DataObject], list[Row]],
    case: Case,
    habits: Habits,
    data: st.DataObject,
) -> None:
    """Usage that no right service could show is not right, whatever else is open."""
    rows = bug(case, list_rows(case.stored, case.query, habits), data)
    table = aggregate(rows, case.query, habits)
    assume(not is_allowed(table, list_allowed(case.stored, case.maybes, case.query)))
    assert judge(case, table, habits).status in (Status.PARTIAL, Status.WRONG)


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS if bug is not count_twice], ids=lambda bug: bug.__name__
)
@given(draw_cases(aggregations=PICKING, is_open=False), HABITS, st.data())
@effort(30)
def test_a_bug_in_a_maximum_or_minimum_never_passes(
    bug: Callable[[Case, list[Row], st.DataObject], list[Row]],
    case: Case,
    habits: Habits,
    data: st.DataObject,
) -> None:
    """Where nothing is open, a wrong extreme of a bucket that has events is not right."""
    rows = bug(case, list_rows(case.stored, case.query, habits), data)
    table = aggregate(rows, case.query, habits)
    allowed = list_allowed(case.stored, case.maybes, case.query)
    assume(not is_allowed(table, allowed, only_with_events=True))
    assert judge(case, table, habits).status in (Status.PARTIAL, Status.WRONG)


@given(draw_cases(aggregations=ALL, is_open=False), HABITS, st.sampled_from(ALL))
@effort(50)
def test_another_aggregation_never_passes(case: Case, habits: Habits, other: str) -> None:
    """A service that counts where it should add, or picks where it should count, is not right."""
    table = aggregate(
        list_rows(case.stored, case.query, habits), case.query | {"aggregation": other}, habits
    )
    allowed = list_allowed(case.stored, case.maybes, case.query)
    picks = case.query["aggregation"] in PICKING
    assume(not is_allowed(table, allowed, only_with_events=picks))
    assert judge(case, table, habits).status in (Status.PARTIAL, Status.WRONG)


@given(draw_cases(kinds=("counts", "signed"), most=4), HABITS, st.data())
@effort(60)
def test_partial_is_exactly_what_some_events_explain(
    case: Case, habits: Habits, data: st.DataObject
) -> None:
    """A reading may become right if and only if some of the events alone would show it."""
    rows = list_rows(case.stored, case.query, habits)
    assume(rows)
    bug = data.draw(st.sampled_from([drop, drop, count_twice, distort_one, move_to_next_bucket]))
    for _ in range(data.draw(st.integers(1, 2))):
        rows = bug(case, rows, data)
    table = aggregate(rows, case.query, habits)
    sent = [*case.stored, *case.maybes]
    explained = any(
        is_allowed(table, list_allowed(some, [], case.query))
        for count in range(len(sent) + 1)
        for some in combinations(sent, count)
    )
    expected = (Status.PARTIAL, Status.RIGHT) if explained else (Status.WRONG,)
    assert judge(case, table, habits).status in expected
