"""Amounts: what some events are together, and how far a float64 service may be from it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.metering.number import ZERO, add_exactly, is_within, tolerance_of
from pytest_amberflo.metering.query import Aggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import MeterEvent


class Amount(Struct, frozen=True, kw_only=True):
    """What a cell may say: an exact value and how far a float64 sum may be from it."""

    value: Decimal
    tolerance: Decimal
    events: tuple[MeterEvent, ...]
    #: Other numbers that would be right, too.
    also: frozenset[Decimal] = frozenset()

    def admits(self, seen: Decimal) -> bool:
        """Whether a service that counts right may say this."""
        if is_within(seen, self.value, self.tolerance):
            return True
        return any(is_within(seen, other, self.tolerance) for other in self.also)


def aggregate(events: Sequence[MeterEvent], aggregation: Aggregation) -> Amount:
    """What a bucket with these events says (at least one event)."""
    values = [event.value for event in events]
    match aggregation:
        case Aggregation.SUM:
            amount, tolerance = add_exactly(values), tolerance_of(values)
        case Aggregation.COUNT:
            amount, tolerance = Decimal(len(values)), ZERO
        case Aggregation.MAX:
            amount = max(values)
            tolerance = tolerance_of([amount])
        case Aggregation.MIN:
            amount = min(values)
            tolerance = tolerance_of([amount])
    return Amount(value=amount, tolerance=tolerance, events=tuple(events))


def is_blind(events: Sequence[MeterEvent], tolerance: Decimal) -> bool:
    """Whether the tolerance of a sum is so wide that a lost event could hide in it."""
    smallest = min((abs(event.value) for event in events if event.value != 0), default=ZERO)
    return tolerance * 2 >= smallest > 0
