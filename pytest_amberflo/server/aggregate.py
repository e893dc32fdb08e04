"""Usage: aggregates the raw records of a store, in SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.interval import EVEN_BUCKETS, Interval, find_end, find_start
from pytest_amberflo.server.meter_kind import MeterKind
from pytest_amberflo.server.query import Aggregation
from pytest_amberflo.server.view import CUSTOMER, DIMENSION, LISTED, Source, build_source

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Documents
    from pytest_amberflo.server.query import UsageQuery

_MONTH: Final = "CAST(strftime('%s', time_ms / 1000, 'unixepoch', 'start of month') AS INTEGER)"
_NATIVE: Final = {MeterKind.SUM: Aggregation.SUM, MeterKind.MAX: Aggregation.MAX}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The usage of the records that agree in everything the query groups by."""

    #: In the order of the query's `group_by`; None where the records have no such attribute.
    values: tuple[str | None, ...]
    #: Start of a bucket, seconds since 1970, UTC, and its amount. Ascending, no empty bucket.
    #: None for an amount that is no number any more (infinity less infinity).
    amounts: tuple[tuple[int, float | None], ...]
    #: Over the whole window; None as above.
    total: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a query found."""

    #: The query's own, or the meter's where it has none.
    aggregation: Aggregation
    #: In a stable order; none if there is no record.
    groups: tuple[Group, ...]


def aggregate_usage(
    documents: Documents, query: UsageQuery, *, avoids_fresh: bool = False
) -> Usage:
    """The usage that a query asks for.

    A window is widened to whole buckets (observed with the real service); its start belongs to
    it, its end does not. A meter of unique values is read as their number by COUNT, or without
    an aggregation. Raises sqlite3.Error.
    """
    source = build_source(documents, query.meter, avoids_fresh=avoids_fresh)
    aggregation = query.aggregation or _NATIVE.get(source.kind, Aggregation.COUNT)
    is_unique = source.unique is not None and aggregation is Aggregation.COUNT
    rows = _select(documents, query, source, aggregation, is_bucketed=True)
    totals: dict[tuple[str | None, ...], float | None] = {}
    if is_unique:
        found = _select(documents, query, source, aggregation, is_bucketed=False)
        totals = {tuple(row[:-1]): row[-1] for row in found}
    groups = []
    width = len(query.group_by)
    for values, members in groupby(rows, key=lambda row: tuple(row[:width])):
        amounts = tuple((row[width], row[width + 1]) for row in members)
        total = totals[values] if is_unique else _total(aggregation, amounts)
        groups.append(Group(values=values, amounts=amounts, total=total))
    return Usage(aggregation=aggregation, groups=tuple(groups))


def _total(
    aggregation: Aggregation, amounts: tuple[tuple[int, float | None], ...]
) -> float | None:
    numbers = [amount for _, amount in amounts if amount is not None]
    if len(numbers) < len(amounts):
        return None
    if aggregation is Aggregation.MAX:
        return max(numbers)
    if aggregation is Aggregation.MIN:
        return min(numbers)
    return sum(numbers)


def _select(
    documents: Documents,
    query: UsageQuery,
    source: Source,
    aggregation: Aggregation,
    *,
    is_bucketed: bool,
) -> list[tuple[Any, ...]]:
    names = [CUSTOMER if name == "customerId" else DIMENSION for name in query.group_by]
    keys = [f"group_{index}" for index in range(len(names))]
    columns = [f"{name} AS {key}" for name, key in zip(names, keys, strict=True)]
    if is_bucketed:
        columns.append(f"{_bucket_of(query.interval)} AS bucket")
        keys.append("bucket")
    amount, asked = _write_amount(source, aggregation)
    conditions, limits = _build_conditions(query, source)
    # Nothing of the request is part of the statement, it comes in as parameters only.
    statement = (
        f"SELECT {', '.join([*columns, amount])} FROM {source.table}"  # noqa: S608
        f" WHERE {' AND '.join(conditions)}"
    )
    if keys:
        statement += f" GROUP BY {', '.join(keys)} ORDER BY {', '.join(keys)}"
    shown = [name for name in query.group_by if name != "customerId"]
    values = [*shown, *asked, *source.table_values, *limits]
    return documents.connection.execute(statement, values).fetchall()


def _write_amount(source: Source, aggregation: Aggregation) -> tuple[str, list[str]]:
    if aggregation is Aggregation.SUM:
        return "sum(value)" if source.weight == "1" else f"sum(value * {source.weight})", []
    if aggregation is not Aggregation.COUNT:
        return f"{aggregation.value.lower()}(value)", []
    if source.unique is None:
        return "count(*)" if source.weight == "1" else f"sum({source.weight})", []
    shown = [CUSTOMER if name == "customerId" else DIMENSION for name in source.unique]
    names = [name for name in source.unique if name != "customerId"]
    return f"count(DISTINCT json_array({', '.join(shown)}))", names


def _bucket_of(interval: Interval) -> str:
    if interval not in EVEN_BUCKETS:
        return _MONTH
    # Times are after 1970 and origins before it: the division truncates nothing negative.
    length, origin = EVEN_BUCKETS[interval]
    return f"((time_ms / 1000 - ({origin})) / {length} * {length} + ({origin}))"


def _build_conditions(query: UsageQuery, source: Source) -> tuple[list[str], list[str | int]]:
    conditions = [*source.conditions, "time_ms >= ?", "time_ms < ?"]
    parameters: list[str | int] = [
        *source.values,
        find_start(query.interval, query.start_s) * 1000,
        find_end(query.interval, query.end_s) * 1000,
    ]
    for item in query.filters:
        values = json.dumps(item.values)
        if item.name == "customerId":
            conditions.append(f"customer IN {LISTED}")
            parameters.append(values)
        else:
            conditions.append(f"{DIMENSION} IN {LISTED}")
            parameters += [item.name, values]
    return conditions, parameters
