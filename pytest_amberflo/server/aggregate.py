"""Usage: aggregates the raw records of a store, in SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.interval import EVEN_BUCKETS, Interval, find_end, find_start
from pytest_amberflo.server.query import Aggregation

if TYPE_CHECKING:
    import sqlite3

    from pytest_amberflo.server.query import UsageQuery

_AMOUNTS: Final = {
    Aggregation.SUM: "sum(value)",
    Aggregation.MAX: "max(value)",
    Aggregation.COUNT: "count(*)",
}
_MONTH: Final = "CAST(strftime('%s', time_ms / 1000, 'unixepoch', 'start of month') AS INTEGER)"
#: ABSENT is a number and no customer's name is one, so only what was not sent becomes NULL.
_CUSTOMER: Final = "nullif(customer, 0)"
_DIMENSION: Final = "(SELECT value FROM json_each(record.dimensions) WHERE key = ?)"
_LISTED: Final = "(SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The usage of the records that agree in everything the query groups by."""

    #: In the order of the query's `group_by`; None where the records have no such attribute.
    values: tuple[str | None, ...]
    #: Start of a bucket, seconds since 1970, UTC, and its amount. Ascending, no empty bucket.
    #: None for an amount that is no number any more (infinity less infinity).
    amounts: tuple[tuple[int, float | None], ...]


def aggregate_usage(
    reader: sqlite3.Connection, tenant: int, query: UsageQuery
) -> tuple[Group, ...]:
    """The groups of a query in a stable order; none if there is no record.

    A window is widened to whole buckets (observed with the real service); its start belongs to
    it, its end does not. Raises sqlite3.Error.
    """
    names = [_CUSTOMER if name == "customerId" else _DIMENSION for name in query.group_by]
    columns = [f"{name} AS group_{index}" for index, name in enumerate(names)]
    keys = [f"group_{index}" for index in range(len(names))]
    conditions, limits = _build_conditions(tenant, query)
    # Nothing of the request is part of the statement, it comes in as parameters only.
    statement = (
        f"SELECT {', '.join([*columns, f'{_bucket_of(query.interval)} AS bucket'])},"  # noqa: S608
        f" {_AMOUNTS[query.aggregation]}"
        f" FROM record WHERE {' AND '.join(conditions)}"
        f" GROUP BY {', '.join([*keys, 'bucket'])} ORDER BY {', '.join([*keys, 'bucket'])}"
    )
    shown = [name for name in query.group_by if name != "customerId"]
    rows = reader.execute(statement, [*shown, *limits])
    width = len(keys)
    return tuple(
        Group(values=values, amounts=tuple((row[width], row[width + 1]) for row in members))
        for values, members in groupby(rows, key=lambda row: tuple(row[:width]))
    )


def _bucket_of(interval: Interval) -> str:
    if interval not in EVEN_BUCKETS:
        return _MONTH
    # Times are after 1970 and origins before it: the division truncates nothing negative.
    length, origin = EVEN_BUCKETS[interval]
    return f"((time_ms / 1000 - ({origin})) / {length} * {length} + ({origin}))"


def _build_conditions(tenant: int, query: UsageQuery) -> tuple[list[str], list[str | int]]:
    conditions = ["tenant = ?", "meter = ?", "time_ms >= ?", "time_ms < ?"]
    parameters: list[str | int] = [
        tenant,
        query.meter,
        find_start(query.interval, query.start_s) * 1000,
        find_end(query.interval, query.end_s) * 1000,
    ]
    for item in query.filters:
        values = json.dumps(item.values)
        if item.name == "customerId":
            conditions.append(f"customer IN {_LISTED}")
            parameters.append(values)
        else:
            conditions.append(f"{_DIMENSION} IN {_LISTED}")
            parameters += [item.name, values]
    return conditions, parameters
