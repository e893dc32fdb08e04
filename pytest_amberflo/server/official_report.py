"""Answers to usage queries, in the official shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.interval import list_starts
from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.report import read_amount

if TYPE_CHECKING:
    from pytest_amberflo.server.aggregate import Group, Usage
    from pytest_amberflo.server.official_query import OfficialQuery

#: The real service is said to answer with about 6 MB at most; one value takes some 80 bytes.
_MOST_VALUES: Final = 200_000


def build_report(query: OfficialQuery, usage: Usage, *, is_sparse: bool) -> dict[str, Any]:
    """The report of a query: groups by their value, the largest first, no gaps in any.

    A sparse one leaves out buckets without a record. Empty buckets hold 0 for every aggregation;
    what the real service has there for MIN is not known. Raises Refusal for an answer that is
    too large, or an amount beyond float64.
    """
    asked = query.usage
    starts = list_starts(asked.interval, asked.start_s, asked.end_s, most=_MOST_VALUES)
    groups = sorted(usage.groups, key=_value_of, reverse=True)
    if query.take is not None:
        if query.take.is_ascending:
            groups.sort(key=_value_of)
        groups = groups[: query.take.limit]
    if starts is None or (not is_sparse and len(starts) * len(groups) > _MOST_VALUES):
        message = "The answer would be too large; ask for less time, a longer interval or `take`"
        raise Refusal(400, "answer-too-large", message)
    shown = [_show_group(group, query, [] if is_sparse else starts) for group in groups]
    report: dict[str, Any] = {"metadata": _describe(query, usage)}
    if not is_sparse:
        report["secondsSinceEpochIntervals"] = starts
    return report | {"clientMeters": shown}


def _value_of(group: Group) -> float:
    return read_amount(group.total)


def _describe(query: OfficialQuery, usage: Usage) -> dict[str, Any]:
    """The query as it was understood, in lower case, its window as it was sent."""
    asked = query.usage
    take = query.take
    interval = None if query.interval is None else query.interval.lower()
    return {
        "account": None,
        "meterApiName": asked.meter,
        "aggregation": usage.aggregation.lower(),
        "timeRange": {"startTimeInSeconds": asked.start_s, "endTimeInSeconds": asked.end_s},
        "timeGroupingInterval": interval,
        "valuesTimeGroupingInterval": interval,
        "groupBy": list(asked.group_by) or None,
        "filter": query.filters,
        "take": take and {"limit": take.limit, "isAscending": take.is_ascending},
    }


def _show_group(group: Group, query: OfficialQuery, starts: list[int]) -> dict[str, Any]:
    amounts = {start: read_amount(amount) for start, amount in group.amounts}
    values = []
    former: float | None = None
    for start in starts or amounts:
        value = amounts.get(start, 0)
        change = _change(former, value)
        point = {"secondsSinceEpochUtc": start, "value": value, "percentageFromPrevious": change}
        values.append(point)
        former = value
    info = {
        name: value
        for name, value in zip(query.usage.group_by, group.values, strict=True)
        if value is not None
    }
    return {
        "group": {"groupInfo": info},
        "groupValue": read_amount(group.total),
        "values": values,
    }


def _change(former: float | None, value: float) -> float:
    """How much more a bucket has than the one before, in percent (from recorded answers)."""
    if former is None or former == value:
        return 0
    if former == 0:
        return 100 if value > 0 else -100
    change = (value - former) / former * 100
    return change if abs(change) < float("inf") else 0
