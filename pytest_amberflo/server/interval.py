"""The buckets of usage, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum


class Interval(StrEnum):
    """The length of a bucket, `timeGroupingInterval` in Amberflo's published description."""

    HOUR = "HOUR"
    DAY = "DAY"
    #: Starts on Monday; when the real service's week starts is not known.
    WEEK = "WEEK"
    MONTH = "MONTH"


#: Of the buckets that are all alike: length and one start, in seconds since 1970. The week's
#: is the Monday before 1970-01-01, a Thursday.
EVEN_BUCKETS = {
    Interval.HOUR: (3_600, 0),
    Interval.DAY: (86_400, 0),
    Interval.WEEK: (604_800, -259_200),
}


def find_start(interval: Interval, seconds: int) -> int:
    """The start of the bucket that a moment lies in; both in seconds since 1970, UTC."""
    if interval in EVEN_BUCKETS:
        length, origin = EVEN_BUCKETS[interval]
        return seconds - (seconds - origin) % length
    moment = datetime.fromtimestamp(seconds, UTC)
    return _start_of_month(moment.year, moment.month)


def find_end(interval: Interval, seconds: int) -> int:
    """The first start of a bucket at or after a moment; both in seconds since 1970, UTC."""
    start = find_start(interval, seconds)
    if start == seconds:
        return start
    if interval in EVEN_BUCKETS:
        return start + EVEN_BUCKETS[interval][0]
    moment = datetime.fromtimestamp(start, UTC)
    return _start_of_month(moment.year + moment.month // 12, moment.month % 12 + 1)


def list_starts(interval: Interval, start_s: int, end_s: int, *, most: int) -> list[int] | None:
    """The starts of all buckets of a window, in seconds since 1970; None if there are more."""
    end_s = find_end(interval, end_s)
    bucket = find_start(interval, start_s)
    starts = []
    while bucket < end_s:
        starts.append(bucket)
        if len(starts) > most:
            return None
        bucket = find_end(interval, bucket + 1)
    return starts


def _start_of_month(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())
