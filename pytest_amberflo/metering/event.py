"""Meter events: what an ingest request says was used."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from pytest_amberflo.metering.number import (
    NotMeteringJsonError,
    is_integral,
    load_exact,
    normalize,
    to_decimal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The dimension that makes an event take back an earlier one (Amberflo, Meter Corrections).
CANCEL: Final = "aflo.cancel_previous_resource_event"

#: Bodies below this, in bytes, are kept for who asks next.
_SMALL: Final = 16_384
#: All attributes of a record: two records with equal identity are one (Metering Design
#: Principles, "the deduplication key is based on all the meter attributes").
Identity: TypeAlias = tuple[str, str | None, int, str | None, tuple[tuple[str, str], ...], Decimal]


class UnreadableEventError(ValueError):
    """An ingest request is not understood; the text says which part and why."""


class MeterEvent(Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """One record of one meter. An event with `values` for several meters is several records."""

    meter: str
    customer: str | None
    value: Decimal
    #: Milliseconds since 1970, UTC.
    time_ms: int
    unique_id: str | None = None
    #: Sorted by name.
    dimensions: tuple[tuple[str, str], ...] = ()
    #: How attributes that the event does not have are written: null, or {}. No part of what the
    #: event is, but a service may take null for something else than absent.
    blanks: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether two events are alike in everything but how they are written."""
        return isinstance(other, MeterEvent) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> Identity:
        return (
            *(self.meter, self.customer, self.time_ms),
            *(self.unique_id, self.dimensions, self.value),
        )

    @property
    def cancels(self) -> bool:
        """Whether the event takes back an earlier one, and counts nothing itself."""
        return (CANCEL, "true") in self.dimensions

    @property
    def identity(self) -> Identity:
        """Every attribute, numbers by value; ids and dimensions are compared exactly."""
        return (
            self.meter,
            self.customer,
            self.time_ms,
            self.unique_id,
            self.dimensions,
            normalize(self.value),
        )

    def attribute(self, name: str) -> str | None:
        """The value of a dimension, or of `customerId`; None where the event has none."""
        if name == "customerId":
            return self.customer
        return dict(self.dimensions).get(name)


def read_events(body: bytes) -> tuple[MeterEvent, ...]:
    """The records of an ingest body: one JSON object or an array of them.

    Raises UnreadableEventError for anything else.
    """
    # Whoever counts, expects or enters what is sent asks for the same events: read once.
    return _read_small(body) if len(body) < _SMALL else _read(body)


@lru_cache(maxsize=16)
def _read_small(body: bytes) -> tuple[MeterEvent, ...]:
    return _read(body)


def _read(body: bytes) -> tuple[MeterEvent, ...]:
    try:
        data = load_exact(body)
    except NotMeteringJsonError as error:
        raise UnreadableEventError(f"the body is no JSON: {error}") from None
    items = data if isinstance(data, list) else [data]
    events: list[MeterEvent] = []
    for index, item in enumerate(items):
        where = f"event {index + 1}" if isinstance(data, list) else "the event"
        events.extend(_read_event(item, where))
    return tuple(events)


def _read_event(item: Any, where: str) -> Iterator[MeterEvent]:
    if not isinstance(item, dict):
        raise UnreadableEventError(f"{where} is no object")
    time_ms = _read_number(item, "meterTimeInMillis", where)
    if time_ms is None or not is_integral(time_ms):
        raise UnreadableEventError(f"{where} has no integer `meterTimeInMillis`")
    customer = _read_text(item, "customerId", where)
    unique_id = _read_text(item, "uniqueId", where)
    dimensions = _read_dimensions(item.get("dimensions"), where)
    blanks = tuple(
        f"{name}: {'null' if item[name] is None else '{}'}"
        for name in ("customerId", "uniqueId", "dimensions")
        if name in item and item[name] in (None, {})
    )
    for meter, value in _read_values(item, where):
        yield MeterEvent(
            meter=intern(meter),  # the ledger keeps it
            customer=customer,
            value=value,
            time_ms=int(time_ms),
            unique_id=unique_id,
            dimensions=dimensions,
            blanks=blanks,
        )


def _read_values(item: dict[str, Any], where: str) -> list[tuple[str, Decimal]]:
    meter = _read_text(item, "meterApiName", where)
    value = _read_number(item, "meterValue", where)
    several = item.get("values")
    if several is None:
        if meter is None or value is None:
            raise UnreadableEventError(f"{where} has no `meterApiName` and `meterValue`")
    elif not isinstance(several, dict):
        raise UnreadableEventError(f"`values` of {where} is no object")
    found = [] if meter is None or value is None else [(meter, value)]
    members: dict[str, Any] = several or {}
    for name in members:
        number = _read_number(members, name, where)
        if number is not None:
            found.append((name, number))
    if not found:
        raise UnreadableEventError(f"{where} has no meter with a value")
    return found


def _read_text(item: dict[str, Any], name: str, where: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise UnreadableEventError(f"`{name}` of {where} is no string")
    return value


def _read_number(item: dict[str, Any], name: str, where: str) -> Decimal | None:
    value = item.get(name)
    number = to_decimal(value)
    if number is None and value is not None:
        raise UnreadableEventError(f"`{name}` of {where} is no number")
    return number


def _read_dimensions(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise UnreadableEventError(f"`dimensions` of {where} is no object")
    for name, member in value.items():
        if not isinstance(member, str):
            raise UnreadableEventError(f"dimension `{name}` of {where} is no string")
    return tuple(sorted(value.items()))
