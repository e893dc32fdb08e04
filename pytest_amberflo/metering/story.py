"""Names of events, groups and numbers in sentences about usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.metering.number import format_number
from pytest_amberflo.metering.window import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import MeterEvent


def describe_event(event: MeterEvent) -> str:
    """The event by what tells it apart: value, time and unique id."""
    name = f"{format_number(event.value)} at {format_time(event.time_ms)}"
    return f"{name} (uniqueId {event.unique_id})" if event.unique_id is not None else name


def count_times(count: int) -> str:
    """How often, as a reader says it."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def describe_duration(seconds: float) -> str:
    """A time as a reader names it: `12 ms`, `1.2 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def list_differences(one: MeterEvent, other: MeterEvent) -> tuple[str, ...]:
    """The attributes in which two events differ, dimensions by their names."""
    pairs = {
        "meterApiName": (one.meter, other.meter),
        "customerId": (one.customer, other.customer),
        "meterTimeInMillis": (one.time_ms, other.time_ms),
        "uniqueId": (one.unique_id, other.unique_id),
        "meterValue": (one.value, other.value),
    }
    names = [name for name, (first, second) in pairs.items() if first != second]
    first, second = dict(one.dimensions), dict(other.dimensions)
    dimensions = sorted(first.keys() | second.keys())
    names += [f"dimension {n}" for n in dimensions if first.get(n) != second.get(n)]
    return tuple(names)


def join_names(names: Sequence[str]) -> str:
    """Names as a reader lists them: `a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(names[:-1])] if names[:-1] else []), *names[-1:]])
