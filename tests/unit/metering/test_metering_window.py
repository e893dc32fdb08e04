"""Time: buckets of UTC against datetime, and the window of a test at awkward moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import DAY, DAY_S, HOUR_S, effort

from pytest_amberflo.metering.window import (
    Interval,
    MeteringWindow,
    format_bucket,
    format_time,
    make_window,
)


def seconds_of(text: str) -> int:
    """The seconds since 1970 of a moment in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


MOMENTS = st.integers(seconds_of("1900-01-01"), seconds_of("2200-01-01") - 1)
#: Moments at and beside the starts of days, where mistakes live.
EDGES = st.builds(lambda moment, step: moment - moment % DAY_S + step, MOMENTS, st.integers(-1, 1))
INTERVALS = st.sampled_from(Interval)


def start_by_calendar(seconds: int, interval: Interval) -> datetime:
    """The start of a bucket as a calendar has it."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    hour = moment.replace(minute=0, second=0)
    midnight = hour.replace(hour=0)
    return {
        Interval.HOUR: hour,
        Interval.DAY: midnight,
        Interval.WEEK: midnight - timedelta(days=midnight.weekday()),
        Interval.MONTH: midnight.replace(day=1),
    }[interval]


def next_by_calendar(start: datetime, interval: Interval) -> datetime:
    """The start of the next bucket as a calendar has it."""
    if interval is Interval.MONTH:
        year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
        return start.replace(year=year, month=month)
    steps = {Interval.HOUR: timedelta(hours=1), Interval.DAY: timedelta(days=1)}
    return start + steps.get(interval, timedelta(days=7))


@given(MOMENTS | EDGES, INTERVALS)
@effort(400)
def test_buckets_are_those_of_the_calendar(seconds: int, interval: Interval) -> None:
    """A bucket starts where the calendar of UTC says, weeks on Monday, and the next one, too."""
    start = start_by_calendar(seconds, interval)
    assert interval.floor(seconds) == int(start.timestamp())
    following = next_by_calendar(start, interval)
    assert interval.after(interval.floor(seconds)) == int(following.timestamp())


@given(MOMENTS | EDGES, INTERVALS)
@effort(200)
def test_floor_and_ceil_enclose_a_moment(seconds: int, interval: Interval) -> None:
    """A moment is in its bucket, and `ceil` is the first start of a bucket that is not before."""
    start, end = interval.floor(seconds), interval.ceil(seconds)
    assert start <= seconds < interval.after(start)
    assert interval.floor(start) == interval.ceil(start) == start
    assert end == (start if start == seconds else interval.after(start))


@given(MOMENTS | EDGES, st.integers(1, 40 * DAY_S), INTERVALS)
@effort(150)
def test_iteration_covers_a_window_without_gap(
    start: int, length: int, interval: Interval
) -> None:
    """The buckets of a window follow one another and hold its first and last second."""
    end = start + length
    buckets = list(interval.iterate(start, end))
    assert buckets[0] == interval.floor(start)
    assert [interval.after(bucket) for bucket in buckets[:-1]] == buckets[1:]
    assert buckets[-1] < end <= interval.after(buckets[-1])


@pytest.mark.parametrize(
    ("interval", "moment", "start", "following"),
    [
        ("HOUR", "2026-12-31 23:59:59", "2026-12-31 23:00", "2027-01-01 00:00"),
        ("DAY", "2024-02-28 23:59:59", "2024-02-28", "2024-02-29"),
        ("DAY", "2024-02-29 00:00:00", "2024-02-29", "2024-03-01"),
        ("DAY", "2023-02-28 12:00:00", "2023-02-28", "2023-03-01"),
        ("WEEK", "2026-11-22 23:59:59", "2026-11-16", "2026-11-23"),
        ("WEEK", "2026-11-23 00:00:00", "2026-11-23", "2026-11-30"),
        ("WEEK", "2027-01-01 00:00:00", "2026-12-28", "2027-01-04"),
        ("WEEK", "1969-12-31 23:59:59", "1969-12-29", "1970-01-05"),
        ("MONTH", "2024-02-29 23:59:59", "2024-02-01", "2024-03-01"),
        ("MONTH", "2024-01-31 00:00:00", "2024-01-01", "2024-02-01"),
        ("MONTH", "2026-12-31 23:59:59", "2026-12-01", "2027-01-01"),
        ("MONTH", "1900-02-28 00:00:00", "1900-02-01", "1900-03-01"),
    ],
)
def test_buckets_at_the_ends_of_days_years_and_februaries(
    interval: str, moment: str, start: str, following: str
) -> None:
    """Leap days, ends of years and weeks across them are where the calendar has them."""
    kind = Interval(interval)
    assert kind.floor(seconds_of(moment)) == seconds_of(start)
    assert kind.after(seconds_of(start)) == seconds_of(following)


def test_end_of_a_window_adds_no_bucket() -> None:
    """An end that is a bucket's start is exclusive: two days have two buckets."""
    starts = list(Interval.DAY.iterate(DAY, DAY + 2 * DAY_S))
    assert starts == [DAY, DAY + DAY_S]


NEW_YORK_SPRING = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 21, 0, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 21, 0, 0, 59, 999_000, tzinfo=UTC),
        datetime(2026, 11, 21, 0, 1, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 12, 1, 0, 0, 30, tzinfo=UTC),
        datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 0, 0, 5, tzinfo=UTC),
        datetime(2024, 3, 1, 0, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 8, 2, 0, 0, tzinfo=NEW_YORK_SPRING),
        datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 0, 30, tzinfo=UTC),
    ],
    ids=lambda now: now.isoformat(),
)
def test_the_window_of_a_test_is_a_day_with_the_event_in_it(now: datetime) -> None:
    """At midnight, at the end of a month, on a leap day and when clocks change it is one day."""
    window = make_window(now.timestamp())
    event = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=window.event_millis)
    start = datetime.fromtimestamp(window.start_seconds, UTC)
    assert (start.hour, start.minute, start.second) == (0, 0, 0)
    assert window.end_seconds - window.start_seconds == DAY_S
    assert start.date() == event.date()
    assert timedelta(seconds=60) <= now - event < timedelta(seconds=60, milliseconds=2)


@given(st.floats(min_value=0, max_value=4_102_444_800))
@effort(200)
def test_the_window_holds_at_any_moment(now_s: float) -> None:
    """The event is inside, a minute in the past, and the window begins and ends with buckets."""
    window = make_window(now_s + 60)
    assert window.start_seconds * 1000 <= window.event_millis < window.end_seconds * 1000
    assert window.event_millis <= now_s * 1000
    for edge in (window.start_seconds, window.end_seconds):
        assert Interval.DAY.floor(edge) == Interval.HOUR.floor(edge) == edge


def test_the_window_is_integers() -> None:
    """Times are whole seconds and milliseconds: JSON has no place for a fraction there."""
    window = make_window(DAY + 100.25)
    assert window == MeteringWindow(
        start_seconds=DAY, end_seconds=DAY + DAY_S, event_millis=(DAY + 40) * 1000 + 250
    )
    assert type(window.event_millis) is int


@pytest.mark.parametrize(
    ("start", "interval", "name"),
    [
        (DAY, "DAY", "2026-11-21"),
        (DAY, "MONTH", "2026-11-21"),
        (DAY, "HOUR", "2026-11-21 00:00"),
        (DAY + 13 * HOUR_S, "HOUR", "2026-11-21 13:00"),
        (DAY + 10 * HOUR_S, "DAY", "2026-11-21 10:00"),
        (-DAY_S, "DAY", "1969-12-31"),
    ],
)
def test_a_bucket_has_a_name(start: int, interval: str, name: str) -> None:
    """A bucket is called by its day, with the hour where days do not tell it."""
    assert format_bucket(start, Interval(interval)) == name


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (DAY * 1000, "2026-11-21 00:00:00.000"),
        (DAY * 1000 + 61_007, "2026-11-21 00:01:01.007"),
        (-1, "1969-12-31 23:59:59.999"),
    ],
)
def test_a_moment_is_shown_to_the_millisecond(time_ms: int, text: str) -> None:
    """Times are UTC, with three digits of a second."""
    assert format_time(time_ms) == text


def test_a_start_in_milliseconds_has_a_name() -> None:
    """A service that keys buckets in milliseconds gets a report that says so, not a crash."""
    assert "1795219200000" in format_bucket(DAY * 1000, Interval.DAY)


def test_a_time_in_microseconds_is_shown() -> None:
    """An event whose time is a thousand times too large is reported, not a crash."""
    assert "1795219200000000" in format_time(DAY * 1_000_000)


def test_a_month_of_a_query_in_milliseconds_can_be_found() -> None:
    """A query in milliseconds is judged, or refused with a reason; it does not crash."""
    assert Interval.MONTH.floor(DAY * 1000) <= DAY * 1000
