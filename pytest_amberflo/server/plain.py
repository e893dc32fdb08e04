"""Reads arrays of plain events: all with the same attributes, all of them known, none unusual.

Nearly every large request is such an array. msgspec, which takes half the time of `json`, reads
it, and it is looked at one attribute at a time, by loops that run in C. Only what is surely right
is read here; `json` and `pytest_amberflo.server.intake` are the authority on all else, and say
what is wrong with it.
"""

from __future__ import annotations

from itertools import repeat
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pytest_amberflo.server.record import (
    ABSENT,
    END_OF_TIME_MS,
    EXACT,
    canonical_dimensions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_amberflo.server.record import Record

_NEEDED: Final = frozenset(("meterApiName", "meterTimeInMillis", "meterValue"))
_KNOWN: Final = _NEEDED | {"customerId", "uniqueId", "dimensions"}
_TEXT: Final = {str}
_INTEGER: Final = {int}
_NUMBER: Final = {int, float}
_decode: Final[Callable[[str], Any]] = msgspec.json.Decoder().decode


def read_plain(text: str, tenant: int) -> list[Record] | None:
    """The records of a JSON array if all its events are plain: those `read_intake` would give.

    None if anything about them has to be looked at more closely: also where there is an escape,
    because a text that no store can keep is written with one.
    """
    if "\\" in text:
        return None
    try:
        events = _decode(text)
        names = events[0].keys()
        if not _NEEDED <= names <= _KNOWN or set(map(len, events)) != {len(names)}:
            return None
        columns = {name: [event[name] for event in events] for name in names}
        return _join(columns, tenant)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        # It is no JSON, or something is missing or not of the kind that belongs there.
        return None


def _join(columns: dict[str, list[Any]], tenant: int) -> list[Record] | None:
    meters = columns["meterApiName"]
    times = columns["meterTimeInMillis"]
    values = columns["meterValue"]
    if not (_are_names(meters) and _are_times(times) and _are_amounts(values)):
        return None
    customers: Iterable[Any] = repeat(ABSENT)
    if "customerId" in columns:
        customers = columns["customerId"]
        if not _are_names(columns["customerId"]):
            return None
    ids: Iterable[Any] = columns.get("uniqueId", repeat(ABSENT))
    if "uniqueId" in columns and set(map(type, columns["uniqueId"])) != _TEXT:
        return None
    dimensions: Iterable[str] = repeat("{}")
    if "dimensions" in columns:
        dimensions = _write_dimensions(columns["dimensions"])
    return list(zip(repeat(tenant), meters, times, customers, ids, dimensions, values))


def _are_names(texts: list[Any]) -> bool:
    """Whether none is blank. Raises TypeError for what is no text."""
    return not any(map(str.isspace, texts)) and all(texts)


def _are_times(times: list[Any]) -> bool:
    is_integer = set(map(type, times)) == _INTEGER
    return is_integer and min(times) > 0 and max(times) < END_OF_TIME_MS


def _are_amounts(values: list[Any]) -> bool:
    if not set(map(type, values)) <= _NUMBER:
        return False
    # NaN is neither the least nor the greatest of a list, but it makes the sum one.
    return min(values) >= -EXACT and max(values) <= EXACT and isfinite(sum(values))


def _write_dimensions(sent: list[Any]) -> list[str]:
    """The dimensions of events as canonical text. Raises what `canonical_dimensions` raises."""
    memo: dict[tuple[tuple[str, str], ...], str] = {}
    texts = []
    last, text = object(), ""
    for dimensions in sent:
        # Neighbours are often alike: to compare them is a third of the cost of a look-up.
        if dimensions != last:
            items = tuple(dimensions.items())
            text = memo.get(items) or memo.setdefault(items, canonical_dimensions(items))
            last = dimensions
        texts.append(text)
    return texts
