"""What may have become of a value on its way: told from the two numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from pytest_amberflo.metering.number import EXACT, format_number, subtract

#: Of a value that is this little off, the rest is what floats leave behind.
_NOISE: Final = Decimal("1e-9")
_UNITS: Final = {
    Decimal(1000): "1000 times what is due",
    Decimal("0.001"): "a 1000th of what is due",
    Decimal(1024): "1024 times what is due",
    Decimal(1024 * 1024): "1048576 times what is due",
    Decimal(1000000): "a million times what is due",
    Decimal("0.000001"): "a millionth of what is due",
    Decimal(60): "60 times what is due",
    Decimal(3600): "3600 times what is due",
    Decimal(100): "100 times what is due",
    Decimal("0.01"): "a 100th of what is due",
}


def describe_value(due: str, came: str | None) -> str:
    """What is wrong with a value, as far as that can be told from what is due and what came."""
    if came is None:
        return f"no meterValue; {due} is due."
    if came.startswith('"'):
        return f"value sent as text: {came}; the number {due} is due."
    text = f"value is {came}; {due} is due"
    try:
        wanted, seen = Decimal(due), Decimal(came)
    except InvalidOperation:
        return f"{text}."
    cause = _find_cause(wanted, seen)
    if cause is None:
        difference = subtract(seen, wanted)
        sign = "+" if difference > 0 else ""
        return f"wrong value: {text} ({sign}{format_number(difference)})."
    name, rest = cause
    return f"{name}: {text}{rest}."


def is_distorted(due: Decimal, came: Decimal) -> bool:
    """Whether a value may well be another one, in another unit, rounded, or of floats."""
    return _find_cause(due, came) is not None


def _find_cause(due: Decimal, came: Decimal) -> tuple[str, str] | None:
    difference = subtract(came, due).copy_abs()
    if due == 0:
        return None
    ratio = EXACT.divide(came, due)
    for unit, words in _UNITS.items():
        if subtract(ratio, unit).copy_abs() < _NOISE * unit:
            return "wrong unit", f", so it is {words}"
    if difference < _NOISE * due.copy_abs():
        return "float noise", ": count in whole numbers or decimals, or round before sending"
    if came == -due:
        return "wrong sign", ""
    if difference < 1 and came == came.to_integral_value():
        return "rounded", ""
    return None
