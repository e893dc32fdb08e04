"""Usage queries in the official shape, nested and in any letter case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.interval import Interval
from pytest_amberflo.server.query import (
    MAX_FILTER_NAMES,
    MAX_GROUP_NAMES,
    Aggregation,
    Filter,
    UsageQuery,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE: Final = "invalid-query"
_AGGREGATIONS: Final = ("SUM", "COUNT", "MIN", "MAX")
_DIGITS: Final = re.compile(r"\d{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """The groups to keep: so many of the largest, or of the smallest."""

    limit: int
    is_ascending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialQuery:
    """A usage query, and what only the official shape has."""

    usage: UsageQuery
    take: Take | None
    #: As the answer's metadata repeats it; None where the query has none.
    interval: Interval | None
    filters: Mapping[str, list[str]] | None


def is_official(payload: Any) -> bool:
    """Whether a query is of the official shape: its window is nested."""
    return isinstance(payload, dict) and "timeRange" in payload


def read_official_query(payload: Any, *, now_s: int) -> OfficialQuery:
    """The query in the JSON of a request. Unknown members are dropped, null counts as absent.

    Without an end the window ends now; without an interval it is widened to the hour, and its
    buckets are hours; without an aggregation the meter's own is used. Raises Refusal (400).
    """
    fields = Fields.of(payload, CODE)
    start_s, end_s = _read_window(fields, now_s)
    interval = fields.find_choice("timeGroupingInterval", tuple(Interval))
    aggregation = fields.find_choice("aggregation", _AGGREGATIONS)
    filters = _read_filters(fields)
    usage = UsageQuery(
        meter=fields.read_text("meterApiName"),
        start_s=start_s,
        end_s=end_s,
        aggregation=None if aggregation is None else Aggregation(aggregation.upper()),
        interval=Interval.HOUR if interval is None else Interval(interval.upper()),
        group_by=_read_group_by(fields),
        filters=tuple(Filter(name=k, values=tuple(v)) for k, v in (filters or {}).items()),
    )
    return OfficialQuery(
        usage=usage,
        take=_read_take(fields),
        interval=None if interval is None else usage.interval,
        filters=filters,
    )


def _read_window(fields: Fields, now_s: int) -> tuple[int, int]:
    window = fields.find_fields("timeRange")
    if window is None:
        raise fields.refuse("timeRange", "an object with startTimeInSeconds")
    # One official client sends the numbers as texts.
    numbers = {
        name: int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
        for name, value in window.members.items()
    }
    window = Fields(members=numbers, code=CODE)
    start_s = window.find_seconds("startTimeInSeconds")
    if start_s is None:
        raise window.refuse("startTimeInSeconds", "seconds since 1970 as an integer")
    end_s = window.find_seconds("endTimeInSeconds")
    if end_s is None:
        end_s = max(now_s, start_s + 1)
    if end_s <= start_s:
        raise window.refuse("endTimeInSeconds", f"after startTimeInSeconds, {start_s}")
    return start_s, end_s


def _read_group_by(fields: Fields) -> tuple[str, ...]:
    names = fields.find_texts("groupBy") or ()
    if len(names) > MAX_GROUP_NAMES:
        raise fields.refuse("groupBy", f"at most {MAX_GROUP_NAMES} names")
    return names


def _read_filters(fields: Fields) -> dict[str, list[str]] | None:
    named = fields.find_fields("filter")
    if named is None:
        return None
    if len(named.members) > MAX_FILTER_NAMES:
        raise fields.refuse("filter", f"at most {MAX_FILTER_NAMES} names")
    filters = {}
    for name, value in named.members.items():
        filters[name] = [value] if isinstance(value, str) else list(named.find_texts(name) or ())
    return filters


def _read_take(fields: Fields) -> Take | None:
    take = fields.find_fields("take")
    if take is None:
        return None
    limit = take.find_integer("limit", least=1)
    if limit is None:
        raise take.refuse("limit", "an integer, 1 or more")
    return Take(limit=limit, is_ascending=take.find_flag("isAscending") or False)
