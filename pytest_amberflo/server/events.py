"""Raw events, page by page."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.server.documents import Documents
    from pytest_amberflo.server.routing import Call

_CODE: Final = "invalid-query"
_PAGE: Final = 100
_MOST_ON_A_PAGE: Final = 1_000
_MOST_INTEGER: Final = 2**63
#: What the order of events goes by; with all of it no two records are alike.
_ORDER: Final = ("time_ms", "meter", "customer", "unique_id", "dimensions", "value")
#: The columns that every page has, by their names in a recorded answer; dimensions follow.
COLUMNS: Final = (
    "customerId",
    "measure_name",
    "measure_value::double",
    "sourceTimeInMillis",
    "uniqueId",
)


def list_events(call: Call, documents: Documents) -> Any:
    """The events of a meter, a customer or a window, a page at a time; every cell is a text.

    Each record stands there once, whatever became of it; the real service leaves some out. The
    order is by time, the latest first unless `isAscending`; what has not been sent is empty.
    """
    fields = Fields(members=_read_integers(call.query), code=_CODE)
    size = fields.find_integer("pageSize", least=1, below=_MOST_ON_A_PAGE + 1) or _PAGE
    limit = fields.find_integer("limit", least=1)
    is_ascending = call.query.get("isAscending", "false").lower() == "true"
    after, seen = _read_token(call.query.get("nextPageToken"))
    if limit is not None:
        size = min(size, max(limit - seen, 0))
    conditions, values = _build_conditions(fields, documents)
    order = ", ".join(f"{name} {'ASC' if is_ascending else 'DESC'}" for name in _ORDER)
    if after is not None:
        sign = ">" if is_ascending else "<"
        marks = ", ".join("?" * len(_ORDER))
        conditions.append(f"({', '.join(_ORDER)}) {sign} ({marks})")
        values += after
    statement = (
        f"SELECT {', '.join(_ORDER)} FROM record WHERE {' AND '.join(conditions)}"  # noqa: S608
        f" ORDER BY {order} LIMIT ?"
    )
    rows = documents.connection.execute(statement, [*values, size + 1]).fetchall()
    has_more = len(rows) > size and (limit is None or seen + size < limit)
    page = rows[:size]
    token = _write_token(page[-1], seen + size) if has_more and page else None
    return {"query": dict(call.query), "nextPageToken": token} | _show(page)


def _read_integers(query: Mapping[str, str]) -> dict[str, Any]:
    names = ("startTimeInSeconds", "endTimeInSeconds", "pageSize", "limit")
    return {
        name: int(text)
        if name in names and text.isascii() and text.isdigit() and len(text) < 16
        else text
        for name, text in query.items()
        if text or name not in names
    }


def _build_conditions(fields: Fields, documents: Documents) -> tuple[list[str], list[Any]]:
    conditions = ["tenant = ?", "received_us + lag_us <= ?"]
    values: list[Any] = [documents.tenant, documents.clock.now_us()]
    for name, column in (("meterApiName", "meter"), ("customerId", "customer")):
        text = fields.find_text(name)
        if text is not None:
            conditions.append(f"{column} = ?")
            values.append(text)
    for name, sign in (("startTimeInSeconds", ">="), ("endTimeInSeconds", "<")):
        seconds = fields.find_seconds(name)
        if seconds is not None:
            conditions.append(f"time_ms {sign} ?")
            values.append(seconds * 1000)
    return conditions, values


def _show(page: list[tuple[Any, ...]]) -> dict[str, Any]:
    dimensions = [json.loads(row[4]) for row in page]
    names = sorted({name for members in dimensions for name in members})
    rows = []
    for row, members in zip(page, dimensions, strict=True):
        time_ms, meter, customer, unique_id, _, value = row
        cells = [customer or "", meter, repr(value), str(time_ms), unique_id or ""]
        rows.append([*cells, *(members.get(name, "") for name in names)])
    return {"columns": [*COLUMNS, *names], "rows": rows}


def _write_token(row: tuple[Any, ...], seen: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([seen, *row]).encode()).decode()


def _read_token(token: str | None) -> tuple[list[Any] | None, int]:
    """The event that a page ended with, and how many had been given out by then."""
    if not token:
        return None, 0
    try:
        seen, *after = json.loads(base64.urlsafe_b64decode(token.encode()))
        is_usable = type(seen) is int and len(after) == len(_ORDER)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        is_usable = False
    if not is_usable or not all(_can_bind(item) for item in after):
        raise Refusal(400, _CODE, "nextPageToken is none that this server has given out")
    return after, seen


def _can_bind(item: Any) -> bool:
    """Whether SQLite takes a value that somebody made up."""
    if isinstance(item, str):
        return "\x00" not in item and not any("\ud800" <= char <= "\udfff" for char in item)
    return type(item) is float or (type(item) is int and abs(item) < _MOST_INTEGER)


ROUTES: Final = (make_route("usageEvents", "GET", "/usage/events", list_events, Shape.OFFICIAL),)
