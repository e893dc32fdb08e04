"""Whom and what a call is about, for faults that are meant for some only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.server.routing import Call


def find_customers(call: Call) -> set[str]:
    """The customers that a call names."""
    found = {call.arguments.get("customerId")}
    found |= {value for name, value in call.query.items() if name.lower() == "customerid"}
    for payload in _each(call.payload):
        found.add(_text(payload.get("customerId")))
        found |= set(_texts(payload.get("customerFilter")))
        filters = payload.get("filter")
        if isinstance(filters, dict):
            found |= set(_texts(filters.get("customerId")))
    return {name for name in found if name}


def find_meters(call: Call) -> set[str]:
    """The meters that a call names."""
    found = {call.arguments.get("meterApiName"), call.query.get("meterApiName")}
    found |= {_text(payload.get("meterApiName")) for payload in _each(call.payload)}
    return {name for name in found if name}


def _each(payload: Any) -> Iterator[dict[str, Any]]:
    for item in payload if isinstance(payload, list) else [payload]:
        if isinstance(item, dict):
            yield item


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
