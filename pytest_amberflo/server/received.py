"""What a server has received: every record, with when it came and how often."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_CODE: Final = "invalid-control"
_MOST: Final = 10_000
_LONGEST_S: Final = 300.0
#: Parameter of a search to the column that it must equal.
_COLUMNS: Final = {"meterApiName": "meter", "customerId": "customer", "uniqueId": "unique_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which records are wanted, and how many are waited for."""

    equal: Mapping[str, str]
    #: Dimensions and their values.
    dimensions: Mapping[str, str]
    limit: int
    #: How many there must be before the answer; None for no waiting.
    count: int | None
    timeout_s: float


def read_search(query: Mapping[str, str]) -> Search:
    """The search in the parameters of a query. Raises Refusal (400)."""
    equal, dimensions = {}, {}
    numbers: dict[str, float] = {"limit": 1_000, "timeout": 10.0}
    for name, text in query.items():
        if name in _COLUMNS:
            equal[name] = text
        elif name.startswith("dimensions."):
            dimensions[name.removeprefix("dimensions.")] = text
        elif name in ("limit", "count", "timeout"):
            numbers[name] = _read_number(name, text)
        else:
            known = ", ".join((*_COLUMNS, "dimensions.NAME", "limit", "count", "timeout"))
            details = f"there are {known}"
            raise Refusal(400, _CODE, f"{name[:80]} is no parameter", details=details)
    count = numbers.get("count")
    return Search(
        equal=equal,
        dimensions=dimensions,
        limit=min(int(numbers["limit"]), _MOST),
        count=None if count is None else int(count),
        timeout_s=min(numbers["timeout"], _LONGEST_S),
    )


def _read_number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 10**9:
        raise Refusal(400, _CODE, f"{name} must be a number, 0 or more", details=text[:80])
    return number


def read_received(search: Search, connection: sqlite3.Connection) -> dict[str, Any]:
    """The records that fit, in the order of their arrival, and how many there are in all.

    `count` is the number of different records, `transmissions` that of all their copies.
    """
    conditions, values = ["1"], []
    for name, text in search.equal.items():
        conditions.append(f"{_COLUMNS[name]} = ?")
        values.append(text)
    for name, text in search.dimensions.items():
        conditions.append("(SELECT value FROM json_each(dimensions) WHERE key = ?) = ?")
        values += [name, text]
    where = " AND ".join(conditions)
    count, copies = connection.execute(
        f"SELECT count(*), coalesce(sum(copies), 0) FROM record WHERE {where}",  # noqa: S608
        values,
    ).fetchone()
    rows = connection.execute(
        "SELECT meter, time_ms, customer, unique_id, dimensions, value, received_us, lag_us,"  # noqa: S608
        f" copies FROM record WHERE {where} ORDER BY received_us LIMIT ?",
        [*values, search.limit],
    )
    events = [_show(row) for row in rows]
    return {"count": count, "transmissions": copies, "events": events}


def _show(row: tuple[Any, ...]) -> dict[str, Any]:
    meter, time_ms, customer, unique_id, dimensions, value, received_us, lag_us, copies = row
    event = {
        "meterApiName": meter,
        "meterTimeInMillis": time_ms,
        "meterValue": int(value) if value.is_integer() and abs(value) < 2**53 else value,
        "dimensions": json.loads(dimensions),
        "copies": copies,
        "receivedInMillis": received_us // 1000,
        "visibleInMillis": (received_us + lag_us) // 1000,
    }
    if customer:
        event["customerId"] = customer
    if unique_id != 0:
        event["uniqueId"] = unique_id
    return event
