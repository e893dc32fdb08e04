"""Events and queries as JSON texts, numbers spelled as they are meant."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_amberflo.metering.witness import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.query import UsageQuery


def write_event(event: MeterEvent) -> bytes:
    """The event as a JSON object."""
    return _write_object(_list_members(event)).encode()


def rewrite_event(event: MeterEvent) -> bytes:
    """The same event in another JSON form: order, white space, escapes, spelling of the value."""
    members = []
    for name, value in reversed(_list_members(event)):
        if isinstance(value, dict):
            value = dict(reversed(value.items()))  # noqa: PLW2901
        if name == "meterValue":
            value = _respell(value)  # noqa: PLW2901
        members.append((name, value))
    lines = [f"  {_escape(name)} : {_write(value, escapes=True)}" for name, value in members]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def join_array(bodies: Sequence[bytes]) -> bytes:
    """JSON texts as the items of one array."""
    return b"[" + b",".join(bodies) + b"]"


def write_data(data: Any) -> bytes:
    """JSON data as a text; decimals keep their digits."""
    return _write(data).encode()


def write_query(query: UsageQuery, shape: Shape, *, has_customer_filter: bool) -> bytes:
    """A usage query in a shape of the API."""
    return write_data(build_query(query, shape, has_customer_filter=has_customer_filter))


def build_query(query: UsageQuery, shape: Shape, *, has_customer_filter: bool) -> dict[str, Any]:
    """The members of a usage query."""
    filters = {name: sorted(values) for name, values in query.filters}
    window = {"startTimeInSeconds": query.start_s, "endTimeInSeconds": query.end_s}
    body: dict[str, Any] = {"meterApiName": query.meter}
    body |= window if shape is Shape.PUBLISHED else {"timeRange": window}
    body["aggregation"] = query.aggregation.value
    body["timeGroupingInterval"] = query.interval.value
    if query.group_by:
        body["groupBy"] = list(query.group_by)
    if has_customer_filter and "customerId" in filters:
        body["customerFilter"] = filters.pop("customerId")
    if query.take is not None:
        body["take"] = {"limit": query.take.limit, "isAscending": query.take.is_ascending}
    return body | ({"filter": filters} if filters else {})


def _list_members(event: MeterEvent) -> list[tuple[str, Any]]:
    members: list[tuple[str, Any]] = [("meterApiName", event.meter)]
    if event.customer is not None:
        members.append(("customerId", event.customer))
    members += [("meterValue", event.value), ("meterTimeInMillis", event.time_ms)]
    if event.unique_id is not None:
        members.append(("uniqueId", event.unique_id))
    if event.dimensions:
        members.append(("dimensions", dict(event.dimensions)))
    return members


class _Spelling(Decimal):
    """A number with a spelling of its own."""

    text: str


def _respell(value: Decimal) -> Decimal:
    """The same number with a zero at its end, or with an exponent."""
    plain = format(value, "f")
    spelled = _Spelling(value)
    spelled.text = f"{plain}0" if "." in plain else f"{plain}.0"
    return spelled


def _write_object(members: Iterable[tuple[str, Any]]) -> str:
    return "{" + ",".join(f"{_write(name)}:{_write(value)}" for name, value in members) + "}"


def _write(value: Any, *, escapes: bool = False) -> str:
    if isinstance(value, _Spelling):
        return value.text
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        pairs = (
            f"{_write(k, escapes=escapes)}:{_write(v, escapes=escapes)}" for k, v in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_write(item, escapes=escapes) for item in value) + "]"
    if isinstance(value, str) and escapes:
        return _escape(value)
    return json.dumps(value, ensure_ascii=False)


def _escape(text: str) -> str:
    """The text with its first character, and all outside ASCII, as escapes."""
    if not text:
        return '""'
    first = "".join(f"\\u{unit:04x}" for unit in _utf16(text[0]))
    return '"' + first + json.dumps(text[1:], ensure_ascii=True)[1:]


def _utf16(char: str) -> list[int]:
    raw = char.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
