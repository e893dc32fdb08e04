"""One reading beside what was sent: right, not yet right, wrong, or nothing to conclude."""

from __future__ import annotations

from decimal import Decimal

import pytest
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    HOUR_S,
    judge_events,
    make_event,
    make_query,
    make_reading,
    read_acme,
)

from pytest_amberflo.metering.expect import Status
from pytest_amberflo.metering.query import Take

RIGHT, PARTIAL, WRONG, BLIND = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.BLIND
THREE = [make_event(value, unique_id=value) for value in ("1", "2.5", "7")]


@pytest.mark.parametrize(
    ("aggregation", "seen", "expected"),
    [
        ("SUM", "10.5", RIGHT),
        ("SUM", "1.05e1", RIGHT),
        ("SUM", "0", PARTIAL),
        ("SUM", "1", PARTIAL),
        ("SUM", "3.5", PARTIAL),
        ("SUM", "8", PARTIAL),
        ("SUM", "9.5", PARTIAL),
        ("SUM", "2", WRONG),
        ("SUM", "10", WRONG),
        ("SUM", "10.4999999", WRONG),
        ("SUM", "10.50000001", WRONG),
        ("SUM", "11.5", WRONG),
        ("SUM", "21", WRONG),
        ("SUM", "-10.5", WRONG),
        ("SUM", "10500", WRONG),
        ("COUNT", "3", RIGHT),
        ("COUNT", "0", PARTIAL),
        ("COUNT", "1", PARTIAL),
        ("COUNT", "2", PARTIAL),
        ("COUNT", "2.5", WRONG),
        ("COUNT", "-1", WRONG),
        ("COUNT", "4", WRONG),
        ("COUNT", "10.5", WRONG),
        ("MAX", "7", RIGHT),
        ("MAX", "2.5", PARTIAL),
        ("MAX", "0", PARTIAL),
        ("MAX", "7.5", WRONG),
        ("MAX", "3", WRONG),
        ("MAX", "10.5", WRONG),
        ("MIN", "1", RIGHT),
        ("MIN", "2.5", PARTIAL),
        ("MIN", "0.5", WRONG),
        ("MIN", "3", WRONG),
    ],
)
def test_status_of_a_number(aggregation: str, seen: str, expected: Status) -> None:
    """Right is right only; what some events would show may come; anything else is wrong."""
    judgement = judge_events(read_acme(seen), THREE, make_query(aggregation))
    assert (judgement.status, judgement.notes, judgement.strays) == (expected, (), ())


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT", "MAX", "MIN"])
def test_no_usage_at_all_may_still_come(aggregation: str) -> None:
    """An empty answer is not yet wrong, and shows every cell as missing."""
    judgement = judge_events(make_reading({}), THREE, make_query(aggregation))
    assert (judgement.status, [row.seen for row in judgement.rows]) == (PARTIAL, [Decimal(0)])


def test_nothing_sent_and_nothing_seen_is_right() -> None:
    """Zeros and empty groups are nothing, for any customer."""
    reading = make_reading({("acme",): {DAY: 0}, ("zulu",): {DAY: 0}, (None,): {}})
    judgement = judge_events(reading, [], knows_all_writers=True)
    assert (judgement.status, judgement.rows) == (RIGHT, ())


def test_a_row_has_both_numbers_and_their_difference() -> None:
    """A wrong row shows what was expected, what was seen and how far they are apart."""
    (row,) = judge_events(read_acme("9.25"), THREE).wrong_rows
    assert (row.group, row.bucket) == (("acme",), DAY)
    assert (row.expected, row.seen, row.difference) == (
        Decimal("10.5"),
        Decimal("9.25"),
        Decimal("-1.25"),
    )


def test_rows_are_in_the_order_of_time_and_groups() -> None:
    """Rows are sorted by bucket, then by group, and a wrong cell has one of its own."""
    events = [
        make_event(1, customer="b", at_s=DAY),
        make_event(2, customer="a", at_s=DAY + DAY_S),
        make_event(3, customer="a", at_s=DAY),
    ]
    query = make_query(customers=("a", "b"), end_s=DAY + 2 * DAY_S)
    reading = make_reading({("b",): {DAY: 1, DAY + DAY_S: 9}, ("a",): {DAY: 3}})
    judgement = judge_events(reading, events, query)
    assert [(row.group, row.bucket) for row in judgement.rows] == [
        (("a",), DAY),
        (("b",), DAY),
        (("a",), DAY + DAY_S),
        (("b",), DAY + DAY_S),
    ]
    assert [row.expected for row in judgement.rows] == [3, 1, 2, 0]
    assert [row.seen for row in judgement.rows] == [3, 1, 0, 9]
    assert judgement.status is WRONG


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT"])
def test_usage_where_nothing_was_sent_is_wrong(aggregation: str) -> None:
    """A number in a bucket or group without events is wrong, also beside right ones."""
    right = "10.5" if aggregation == "SUM" else "3"
    query = make_query(aggregation, end_s=DAY + 2 * DAY_S, group_by=("customerId", "region"))
    cells: dict[int, float | str] = {DAY: right, DAY + DAY_S: 1}
    assert judge_events(make_reading({("acme", None): cells}), THREE, query).status is WRONG
    extra = make_reading({("acme", None): {DAY: right}, ("acme", "eu"): {DAY: 1}})
    assert judge_events(extra, THREE, query).status is WRONG


def test_extremes_are_compared_only_where_there_are_events() -> None:
    """Meters carry a maximum forward, so a later bucket without events may show one."""
    query = make_query("MAX", end_s=DAY + 2 * DAY_S)
    reading = make_reading({("acme",): {DAY: 7, DAY + DAY_S: 7}})
    assert judge_events(reading, THREE, query).status is RIGHT


@pytest.mark.parametrize(
    ("seen", "expected"), [(-3, RIGHT), (0, PARTIAL), (-5, PARTIAL), (3, WRONG)]
)
def test_a_maximum_may_be_negative(seen: int, expected: Status) -> None:
    """A maximum below zero is expected as such; zero says that there is nothing yet."""
    events = [make_event(-3), make_event(-5)]
    assert judge_events(read_acme(seen), events, make_query("MAX")).status is expected


UNALIGNED = make_query(start_s=DAY + 10 * HOUR_S, end_s=DAY + 2 * DAY_S)


@pytest.mark.parametrize("key", [DAY, DAY + 10 * HOUR_S], ids=["bucket", "window"])
@pytest.mark.parametrize("aggregation", ["SUM", "COUNT", "MAX", "MIN"])
def test_the_first_bucket_may_be_called_by_the_window(aggregation: str, key: int) -> None:
    """The first bucket's key is its own start or that of the window."""
    query = make_query(aggregation, start_s=UNALIGNED.start_s, end_s=UNALIGNED.end_s, group_by=())
    event = make_event(1, at_s=DAY + 12 * HOUR_S)
    assert judge_events(make_reading({(): {key: 1}}), [event], query).status is RIGHT


@pytest.mark.parametrize("key", [DAY + 11 * HOUR_S, DAY + 1, DAY - DAY_S, DAY * 1000])
def test_a_bucket_under_any_other_key_is_wrong(key: int) -> None:
    """A key that is neither start, or is in milliseconds, is not taken for the bucket."""
    event = make_event(1, at_s=DAY + 12 * HOUR_S)
    assert judge_events(read_acme(1, bucket=key), [event], UNALIGNED).status is WRONG


def test_a_bucket_under_both_keys_is_counted_twice() -> None:
    """The same usage at the start of bucket and of window is too much."""
    event = make_event(1, at_s=DAY + 12 * HOUR_S)
    reading = make_reading({("acme",): {DAY: 1, DAY + 10 * HOUR_S: 1}})
    assert judge_events(reading, [event], UNALIGNED).status is WRONG


def test_integers_are_compared_exactly_up_to_2_53() -> None:
    """One too few in nine quadrillion is wrong."""
    events = [make_event(2**53 - 2), make_event(1)]
    assert judge_events(read_acme(2**53 - 1), events).status is RIGHT
    assert judge_events(read_acme(2**53), events).status is WRONG
    assert judge_events(read_acme(2**53 - 3), events).status is WRONG


def test_a_value_that_rounding_could_swallow_is_blind() -> None:
    """A sum whose tolerance is as wide as an event's value proves nothing, and says so."""
    judgement = judge_events(read_acme("1e17"), [make_event("1e17"), make_event("3")])
    assert judgement.status is BLIND
    assert judgement.notes == (
        "the values are so far apart that a lost one is within the rounding of the sum",
    )


@pytest.mark.parametrize("aggregation", ["COUNT", "MAX"])
def test_values_far_apart_blind_only_a_sum(aggregation: str) -> None:
    """Counting and picking have no rounding to hide in."""
    seen = "2" if aggregation == "COUNT" else "1e17"
    events = [make_event("1e17"), make_event("3")]
    assert judge_events(read_acme(seen), events, make_query(aggregation)).status is RIGHT


def test_a_blind_sum_that_is_wrong_is_wrong() -> None:
    """What no rounding explains is wrong, however wide the tolerance is."""
    judgement = judge_events(read_acme("2e17"), [make_event("1e17"), make_event("3")])
    assert judgement.status is WRONG


def test_a_cut_answer_is_judged_by_what_came() -> None:
    """With `take`, a group that came is judged like any other."""
    query = make_query(take=Take(limit=1))
    assert judge_events(read_acme("10.5"), THREE, query).status is RIGHT
    assert judge_events(read_acme("21"), THREE, query).status is WRONG


def test_many_events_in_a_cell_take_little_work() -> None:
    """No subset of thousands of events is searched for: only their range is looked at."""
    events = [make_event(1, unique_id=str(n)) for n in range(1500)]
    for seen, expected in (("1500", RIGHT), ("700.5", PARTIAL), ("1501", WRONG), ("-1", WRONG)):
        assert judge_events(read_acme(seen), events).status is expected


def test_up_to_twelve_events_are_looked_at_one_by_one() -> None:
    """An odd sum of twelve even values is wrong at once; of thirteen only the range is known."""
    events = [make_event(2, unique_id=str(n)) for n in range(13)]
    assert judge_events(read_acme(3), events[:12]).status is WRONG
    assert judge_events(read_acme(3), events).status is PARTIAL


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("0.7", PARTIAL),
        ("0.7000000000000001", PARTIAL),
        ("0.70000001", WRONG),
        ("-0.7", PARTIAL),
        ("-0.7000000000000001", PARTIAL),
        ("-0.70000001", WRONG),
        ("0.33", PARTIAL),
    ],
)
def test_the_range_of_many_events_is_all_gains_and_all_losses(seen: str, expected: Status) -> None:
    """Of many values of both signs, some may show from all negative to all positive ones."""
    values = ["0.1"] * 7 + ["-0.1"] * 7
    events = [make_event(value, unique_id=str(n)) for n, value in enumerate(values)]
    assert judge_events(read_acme(seen), events).status is expected


@pytest.mark.parametrize("seen", [7, -7])
def test_the_range_of_many_whole_events_is_exact(seen: int) -> None:
    """The ends of the range belong to it."""
    values = [1] * 7 + [-1] * 7
    events = [make_event(value, unique_id=str(n)) for n, value in enumerate(values)]
    assert judge_events(read_acme(seen), events).status is PARTIAL


def test_many_cells_take_little_work() -> None:
    """Each hour of a month is judged by itself."""
    events = [make_event(2, at_s=DAY + n * HOUR_S, unique_id=str(n)) for n in range(700)]
    query = make_query(interval="HOUR", end_s=DAY + 700 * HOUR_S)
    cells = {DAY + n * HOUR_S: 2 for n in range(700)}
    assert judge_events(make_reading({("acme",): cells}), events, query).status is RIGHT
    lost = {bucket: number for bucket, number in cells.items() if bucket != DAY + 5 * HOUR_S}
    judgement = judge_events(make_reading({("acme",): lost}), events, query)
    assert [row.bucket for row in judgement.wrong_rows] == [DAY + 5 * HOUR_S]


def test_weeks_may_start_on_sunday() -> None:
    """On what day weeks start is not known: one start for all of a run is right."""
    query = make_query(interval="WEEK", start_s=DAY - 6 * DAY_S, end_s=DAY + DAY_S)
    sunday = DAY - 6 * DAY_S
    assert judge_events(read_acme("10.5", bucket=sunday), THREE, query).status is RIGHT


def test_an_absurd_number_is_wrong_not_a_crash() -> None:
    """A number of a million digits in an answer is a wrong one."""
    assert judge_events(read_acme("1e1000000"), THREE).status is WRONG
