"""Values that were counted as other values: rounded, cut, scaled, negated, or not added up."""

from __future__ import annotations

import struct
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Decimal,
)
from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.number import (
    EXACT,
    ZERO,
    add_exactly,
    format_number,
    is_integral,
    is_within,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.query import Aggregation

_ROUNDINGS: Final = (ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_FLOOR, ROUND_CEILING, ROUND_DOWN)
_MOST_DECIMALS: Final = 6
#: Beyond, a number is no value in another unit.
_MOST_POWER: Final = 18


def find_scaling(value: Decimal, seen: Decimal) -> str | None:
    """What was done to a value that was negated or has a wrong unit."""
    shown = f"{format_number(value)} was"
    if value and seen == value.copy_negate():
        return f"The value {shown} counted with the opposite sign."
    if value == 0 or seen == 0:
        return None
    power = seen.adjusted() - value.adjusted()
    if 2 <= abs(power) <= _MOST_POWER and seen == value.scaleb(power, EXACT):
        return f"The value {shown} counted as {format_number(seen)}: a wrong unit?"
    return None


def find_rounding(values: Sequence[Decimal], seen: Decimal, tolerance: Decimal) -> str | None:
    """How values were rounded, one by one, where that makes what is seen."""
    for digits in range(_MOST_DECIMALS + 1):
        for mode in _ROUNDINGS:
            rounded = [round_value(value, digits, mode) for value in values]
            if rounded != list(values) and is_within(add_exactly(rounded), seen, tolerance):
                changed = [
                    f"{format_number(value)} was rounded to {format_number(short)}"
                    for value, short in zip(values, rounded, strict=True)
                    if value != short
                ]
                if len(values) == 1:
                    return f"The value {changed[0]}."
                return f"Values were rounded: {'; '.join(changed[:4])}."
    return None


def round_value(value: Decimal, digits: int, mode: str) -> Decimal:
    """A value with so many decimals."""
    if is_integral(value) or value.adjusted() > 100:
        return value
    return value.quantize(Decimal(1).scaleb(-digits), mode, EXACT)


def find_precision(values: Sequence[Decimal], seen: Decimal) -> str | None:
    """What a narrow type of number made of values: 32 bits, signed or not, or a limit."""
    total = add_exactly(values)
    if abs(total) < Decimal(10) ** 30:
        try:
            single = add_exactly([Decimal(_to_single(value)) for value in values])
        except OverflowError:
            single = total
        if single != total and is_within(seen, single, abs(total) * Decimal(2) ** -30):
            return f"{format_number(total)} lost digits: it was kept in single precision."
    for bits in (8, 16, 31, 32, 53, 63, 64):
        limit = Decimal(2) ** bits
        if total >= limit and seen in (limit, limit - 1):
            return f"{format_number(total)} was cut to the limit of {format_number(seen)}."
        if is_integral(total) and total >= limit and abs(seen - total) % (limit * 2) == 0:
            return f"{format_number(total)} overflowed: {format_number(seen)} is what is left."
    positive = add_exactly([value for value in values if value > 0])
    if positive != total and seen == positive:
        return "Negative values were not counted."
    magnitude = add_exactly([abs(value) for value in values])
    if magnitude != total and seen == magnitude:
        return "Negative values were counted as positive ones."
    return None


def _to_single(value: Decimal) -> float:
    return float(struct.unpack("f", struct.pack("f", float(value)))[0])


def find_function(
    events: Sequence[MeterEvent], seen: Decimal, asked: Aggregation, tolerance: Decimal
) -> str | None:
    """Which other aggregation makes what is seen of these events."""
    values = [event.value for event in events]
    total = add_exactly(values)
    others = {
        "SUM": total,
        "COUNT": Decimal(len(values)),
        "MAX": max(values),
        "MIN": min(values),
        "the average": EXACT.divide(total, Decimal(len(values))),
        "the first value": min(events, key=lambda event: event.time_ms).value,
        "the last value": max(events, key=lambda event: event.time_ms).value,
    }
    for name, number in others.items():
        slack = tolerance or (
            EXACT.multiply(abs(number), Decimal(2) ** -50) if "av" in name else ZERO
        )
        if name != asked.value and is_within(seen, number, slack):
            return f"{format_number(seen)} is {name} of the events, not their {asked.value}."
    return None
