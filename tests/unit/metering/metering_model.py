"""A right metering service in a few lines, written without the package.

Events and queries are the JSON that goes over the wire, answers are bytes. What a service is free
to do is a `Habits`; what it must not do is done to its rows by the tests.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Event: TypeAlias = "dict[str, Any]"
Query: TypeAlias = "dict[str, Any]"
Group: TypeAlias = "tuple[str | None, ...]"
Cell: TypeAlias = "tuple[Group, int]"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a right service is free to do."""

    widens_start: bool = False
    widens_end: bool = False
    drops_groupless: bool = False
    #: The first bucket is called by the start of the window, not by its own.
    keys_by_window: bool = False
    #: Buckets without events are listed, with this number.
    fills: bool = False
    filler: int | None = 0
    #: How a group says that it has no value of a dimension: "absent", "null" or "empty".
    groupless: str = "absent"
    #: In which order numbers are added: "left", "right", "pairwise" or "exactly".
    adds: str = "left"
    is_official: bool = False


@dataclass(frozen=True)
class Row:
    """One stored event as a service has it after grouping."""

    group: Group
    bucket: int
    value: float


@cache
def bucket_of(seconds: int, interval: str) -> int:
    """The start of the bucket that holds a moment, by the calendar."""
    moment = _EPOCH + timedelta(seconds=seconds)
    start = moment.replace(minute=0, second=0)
    if interval != "HOUR":
        start = start.replace(hour=0)
    if interval == "WEEK":
        start -= timedelta(days=start.weekday())
    if interval == "MONTH":
        start = start.replace(day=1)
    return int((start - _EPOCH).total_seconds())


def bucket_after(start: int, interval: str) -> int:
    """The start of the next bucket."""
    longest = {"HOUR": 3600, "DAY": 86400, "WEEK": 7 * 86400, "MONTH": 31 * 86400}[interval]
    return bucket_of(start + longest, interval)


def edges_of(query: Query, habits: Habits) -> tuple[int, int]:
    """The first second that counts and the first that does not any more."""
    start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
    interval = query["timeGroupingInterval"]
    if habits.widens_start:
        start = bucket_of(start, interval)
    if habits.widens_end and bucket_of(end, interval) != end:
        end = bucket_after(bucket_of(end, interval), interval)
    return start, end


def list_rows(events: Sequence[Event], query: Query, habits: Habits) -> list[Row]:
    """The events that a query asks for, each with its group and bucket."""
    start, end = edges_of(query, habits)
    rows: list[Row] = []
    for event in events:
        seconds = event["meterTimeInMillis"] // 1000
        attributes = event.get("dimensions", {}) | {"customerId": event["customerId"]}
        filters = {name: attributes.get(name) in kept for name, kept in query["filter"].items()}
        group = tuple(attributes.get(name) for name in query["groupBy"])
        is_kept = None not in group or not habits.drops_groupless
        is_asked = event["meterApiName"] == query["meterApiName"] and all(filters.values())
        if is_asked and is_kept and start <= seconds < end:
            bucket = bucket_of(seconds, query["timeGroupingInterval"])
            rows.append(Row(group, bucket, event["meterValue"]))
    return rows


def aggregate(rows: Sequence[Row], query: Query, habits: Habits) -> dict[Cell, float]:
    """The number of each cell that has events, as float64 has it."""
    cells: defaultdict[Cell, list[float]] = defaultdict(list)
    for row in rows:
        cells[row.group, row.bucket].append(row.value)
    aggregation = query["aggregation"]
    unite = _ADDERS[habits.adds] if aggregation == "SUM" else _UNITERS[aggregation]
    return {cell: unite(values) for cell, values in cells.items()}


def render(table: dict[Cell, float], query: Query, habits: Habits) -> bytes:
    """The answer over the wire."""
    groups: defaultdict[Group, dict[int, float | None]] = defaultdict(dict)
    for (group, bucket), number in table.items():
        groups[group][bucket] = number
    start, interval = query["startTimeInSeconds"], query["timeGroupingInterval"]
    items = []
    for group, found in groups.items():
        buckets = dict(found)
        if habits.fills:
            for bucket in _list_buckets(query):
                buckets.setdefault(bucket, habits.filler)
        if habits.keys_by_window and bucket_of(start, interval) in buckets:
            buckets[start] = buckets.pop(bucket_of(start, interval))
        items.append(_render_group(_render_key(group, query, habits), buckets, habits))
    meters: Any = items if habits.is_official else {query["meterApiName"]: items}
    return json.dumps({"clientMeters": meters}).encode()


def write_query(query: Query, habits: Habits) -> bytes:
    """The query over the wire, in the shape of the answer."""
    data = dict(query)
    if habits.is_official:
        names = ("startTimeInSeconds", "endTimeInSeconds")
        data["timeRange"] = {name: data.pop(name) for name in names}
    return json.dumps(data).encode()


def list_allowed(
    events: Sequence[Event], maybes: Sequence[Event], query: Query
) -> Iterator[dict[Cell, tuple[Fraction, Fraction]]]:
    """Every table that a right service may show: the exact number and how far it may be off."""
    flags = product((False, True), repeat=3)
    choices = [Habits(widens_start=a, widens_end=b, drops_groupless=c) for a, b, c in flags]
    for count in range(len(maybes) + 1):
        for stored in combinations(maybes, count):
            found = {tuple(list_rows([*events, *stored], query, habits)) for habits in choices}
            for rows in found:
                yield _tabulate_exactly(rows, query["aggregation"])


def is_allowed(
    table: dict[Cell, float],
    allowed: Iterable[dict[Cell, tuple[Fraction, Fraction]]],
    *,
    only_with_events: bool = False,
) -> bool:
    """Whether a table is numerically one of those; empty cells are zero.

    `only_with_events`: cells without events are not compared, as for MAX and MIN.
    """
    nothing = (Fraction(0), Fraction(0))
    for right in allowed:
        cells = right.keys() if only_with_events else right.keys() | table.keys()
        numbers = ((exact(table.get(cell, 0.0)), *right.get(cell, nothing)) for cell in cells)
        if all(abs(seen - due) <= tolerance for seen, due, tolerance in numbers):
            return True
    return False


def exact(number: float) -> Fraction:
    """The number that a float's JSON text says."""
    return Fraction(repr(number))


def change_row(rows: Sequence[Row], index: int, **members: Any) -> list[Row]:
    """The rows with one of them changed."""
    return [replace(row, **members) if i == index else row for i, row in enumerate(rows)]


def _tabulate_exactly(
    rows: Sequence[Row], aggregation: str
) -> dict[Cell, tuple[Fraction, Fraction]]:
    cells: defaultdict[Cell, list[Fraction]] = defaultdict(list)
    for row in rows:
        cells[row.group, row.bucket].append(exact(row.value))
    return {cell: _unite_exactly(values, aggregation) for cell, values in cells.items()}


def _unite_exactly(values: list[Fraction], aggregation: str) -> tuple[Fraction, Fraction]:
    zero = Fraction(0)
    if aggregation == "COUNT":
        return Fraction(len(values)), zero
    if aggregation in ("MAX", "MIN"):
        return (max if aggregation == "MAX" else min)(values), zero
    magnitude = sum(map(abs, values), zero)
    is_exact = magnitude < 2**53 and all(value.denominator == 1 for value in values)
    tolerance = zero if is_exact else Fraction(len(values) + 1, 2**53) * magnitude
    return sum(values, zero), tolerance


def _list_buckets(query: Query) -> Iterator[int]:
    interval = query["timeGroupingInterval"]
    bucket = bucket_of(query["startTimeInSeconds"], interval)
    while bucket < query["endTimeInSeconds"]:
        yield bucket
        bucket = bucket_after(bucket, interval)


def _render_key(group: Group, query: Query, habits: Habits) -> dict[str, str | None]:
    info: dict[str, str | None] = {}
    for name, value in zip(query["groupBy"], group, strict=True):
        if value is not None:
            info[name] = value
        elif habits.groupless != "absent":
            info[name] = None if habits.groupless == "null" else ""
    return info


def _render_group(info: Any, buckets: dict[int, float | None], habits: Habits) -> dict[str, Any]:
    if not habits.is_official:
        return {"groupInfo": info, "records": [{str(b): n} for b, n in buckets.items()]}
    values = [{"secondsSinceEpochUtc": b, "value": n} for b, n in buckets.items()]
    total = sum(number or 0 for number in buckets.values())
    return {"group": {"groupInfo": info}, "groupValue": total, "values": values}


def _add_backwards(values: Sequence[float]) -> float:
    return sum(reversed(values))


def _add_pairwise(values: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return _add_pairwise(values[:middle]) + _add_pairwise(values[middle:])


_ADDERS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "left": sum,
    "right": _add_backwards,
    "pairwise": _add_pairwise,
    "exactly": math.fsum,
}
_UNITERS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "COUNT": len,
    "MAX": max,
    "MIN": min,
}
