"""Pairs of records that differ in one attribute: both count, whatever a service calls a copy."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pytest_amberflo.json_form import make_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The dimension that a record without any is given.
_DIMENSION = "variant"


class Pair(Struct, frozen=True, kw_only=True):
    """Two records, and the attribute in which they differ."""

    attribute: str
    base: dict[str, Any]
    changed: dict[str, Any]


def list_relatives(record: dict[str, Any], new_id: Callable[[], str]) -> Iterator[Pair]:
    """The pairs that a record gives: another time, dimension, unique id, value.

    Values are super-increasing within a pair, so that a sum tells which of the two is missing.
    """
    for attribute, changed in (
        ("time", _change_time(record)),
        ("dimension", _change_dimension(record)),
        ("unique id", record | {"uniqueId": new_id()}),
        ("value", _change_value(record)),
    ):
        if changed is not None:
            yield Pair(attribute=attribute, base=record, changed=changed)


def _change_time(record: dict[str, Any]) -> dict[str, Any] | None:
    """One millisecond later, or earlier at the end of a second: it stays in its bucket."""
    try:
        time_ms = int(record["meterTimeInMillis"])
    except (KeyError, TypeError, ValueError):
        return None
    later = time_ms - 1 if time_ms % 1000 == 999 else time_ms + 1
    return record | {"meterTimeInMillis": make_number(str(later))}


def _change_dimension(record: dict[str, Any]) -> dict[str, Any] | None:
    dimensions = record.get("dimensions") or {}
    if not isinstance(dimensions, dict):
        return None
    name, value = next(iter(dimensions.items()), (_DIMENSION, "distinct"))
    other = f"{value}-2" if name in dimensions else value
    return record | {"dimensions": {**dimensions, name: other}}


def _change_value(record: dict[str, Any]) -> dict[str, Any] | None:
    try:
        value = Decimal(record["meterValue"])
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None
    other = value * 2 if value else Decimal(1)
    return record | {
        "meterValue": make_number(f"{other:f}" if abs(other) < 10**15 else str(other))
    }
