"""Time in metering: buckets of UTC, half-open windows, and the window of a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long before now the event of a test lies: clocks of services differ, and a future event
#: may be refused.
_PAST_S: Final = 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86400
#: Of the buckets that begin with a multiple of it.
_LENGTHS_S: Final = {"HOUR": 3600, "DAY": _DAY_S}
#: The length of 400 years of the Gregorian calendar.
_CYCLE_S: Final = 146_097 * _DAY_S

#: Days on which a week may start.
MONDAY: Final = 0
WEEK_STARTS: Final = range(7)


class Interval(Enum):
    """The length of a bucket (`timeGroupingInterval`)."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"

    def floor(self, seconds: int, week_start: int = MONDAY) -> int:
        """The start of the bucket that holds a moment, in seconds since 1970, UTC.

        Weeks start on `week_start` (0 for Monday to 6 for Sunday); on what day the real service
        starts them is not known. Any moment has a bucket, however far from now.
        """
        length = _LENGTHS_S.get(self._value_)
        if length is not None:
            return seconds - seconds % length
        if self is Interval.WEEK:
            # 1970-01-05 was a Monday.
            return seconds - (seconds - (4 + week_start) * _DAY_S) % (7 * _DAY_S)
        # The calendar repeats itself every 400 years, also beyond the year 9999.
        cycles, within = divmod(seconds, _CYCLE_S)
        moment = _EPOCH + timedelta(seconds=within)
        start = _seconds_of(moment.replace(day=1, hour=0, minute=0, second=0))
        return start + cycles * _CYCLE_S

    def after(self, start: int) -> int:
        """The start of the bucket that follows the one starting at `start`."""
        if self is not Interval.MONTH:
            return start + {"HOUR": 3600, "DAY": _DAY_S, "WEEK": 7 * _DAY_S}[self.value]
        return self.floor(start + 31 * _DAY_S)

    def ceil(self, seconds: int, week_start: int = MONDAY) -> int:
        """The first start of a bucket at or after a moment."""
        start = self.floor(seconds, week_start)
        return start if start == seconds else self.after(start)

    def iterate(self, start: int, end: int) -> Iterator[int]:
        """The starts of the buckets that overlap a window."""
        bucket = self.floor(start)
        while bucket < end:
            yield bucket
            bucket = self.after(bucket)


class MeteringWindow(Struct, frozen=True, kw_only=True):
    """A window of whole UTC days and the time of an event inside it.

    `start_seconds` belongs to the window, `end_seconds` does not; seconds since 1970.
    `event_millis` is in milliseconds since 1970, a little in the past.
    """

    start_seconds: int
    end_seconds: int
    event_millis: int


def make_window(now_s: float) -> MeteringWindow:
    """The window for a test that starts now (`now_s`: seconds since 1970, UTC)."""
    event_millis = int((now_s - _PAST_S) * 1000)
    start = Interval.DAY.floor(event_millis // 1000)
    return MeteringWindow(
        start_seconds=start, end_seconds=Interval.DAY.after(start), event_millis=event_millis
    )


def format_bucket(start: int, interval: Interval) -> str:
    """A bucket as a reader names it: `2026-11-21`, with the hour where buckets are hours.

    A start that is no date is shown as it is.
    """
    try:
        moment = _EPOCH + timedelta(seconds=start)
    except OverflowError:
        return f"{start} (no date in seconds: milliseconds?)"
    if interval is Interval.HOUR or start % _DAY_S:
        return moment.strftime("%Y-%m-%d %H:%M")
    return moment.strftime("%Y-%m-%d")


def format_time(time_ms: int) -> str:
    """A moment to the millisecond, UTC: `2026-11-21 17:03:11.204`.

    A moment that is no date is shown as it is.
    """
    try:
        moment = _EPOCH + timedelta(milliseconds=time_ms)
    except OverflowError:
        return f"{time_ms} (no date in milliseconds)"
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _seconds_of(moment: datetime) -> int:
    return int((moment - _EPOCH).total_seconds())
