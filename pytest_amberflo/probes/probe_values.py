"""Values are kept exactly: sign, fraction and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import Send
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_HOUR_MS = 3_600_000


def _spread(field: Field, values: Iterable[object]) -> list[MeterEvent]:
    """An event of each value, each in an hour of its own."""
    return [
        field.event(value, at_ms=field.anchor_ms - number * _HOUR_MS)
        for number, value in enumerate(values)
    ]


@probe
def zero(field: Field) -> Script:
    """An event of value 0 is an event: COUNT counts it, SUM does not change."""
    yield field.send(field.event(0), field.event(12), field.event(0))
    yield field.usage()


@probe
def below_zero(field: Field) -> Script:
    """Values below zero are taken off."""
    yield field.send(field.event(50), field.event(-20), field.event("-0.5"))
    yield field.usage()


@probe
def only_below_zero(field: Field) -> Script:
    """A bucket with values below zero only has a sum below zero."""
    yield field.send(*_spread(field, (-1, "-2.5", -1000)))
    yield field.usage()


@probe
def fractions(field: Field) -> Script:
    """Fractions are neither rounded nor cut."""
    yield field.send(*_spread(field, ("0.1", "2.5", "0.333", "99.99", "1.005", "3.14159265")))
    yield field.usage()


@probe
def sums_of_fractions(field: Field) -> Script:
    """Fractions of one bucket add up to their sum, within the rounding of float64."""
    yield field.send(*(field.event(value) for value in ("0.1", "0.2", "0.7", "1.25", "2.005")))
    yield field.usage()


@probe
def tiny(field: Field) -> Script:
    """Tiny values are not taken for zero."""
    yield field.send(*_spread(field, ("0.000001", "0.000000001", "1e-12", "0.00012345")))
    yield field.usage()


@probe
def large(field: Field) -> Script:
    """Large integers are exact up to 2**53 - 1, also beyond 32 bits."""
    values = (2_147_483_648, 4_294_967_297, 1_000_000_000_001, 9_007_199_254_740_991)
    yield field.send(*_spread(field, values))
    yield field.usage()


@probe
def huge(field: Field) -> Script:
    """Huge values are kept within the precision of float64."""
    yield field.send(*_spread(field, ("1e15", "1.5e18", "123456789012345678901234")))
    yield field.usage()


@probe
def many_digits(field: Field) -> Script:
    """Values of fifteen digits keep all of them."""
    yield field.send(
        *_spread(field, ("123456789.012345", "0.123456789012345", "98765.4321098765"))
    )
    yield field.usage()


@probe
def spelled_with_an_exponent(field: Field) -> Script:
    """A value may be spelled with an exponent or with zeros at its end."""
    yield field.send(*_spread(field, ("1.5E+3", "2.50e1", "12.500")))
    yield field.usage()


@probe
def sum_of_large_and_small(field: Field) -> Script:
    """A small integer beside a large one is not lost."""
    yield field.send(field.event(1_000_000_000_000), field.event(1), field.event(3))
    yield field.usage()


@probe
def values_that_cancel(field: Field) -> Script:
    """Values that add up to nothing are still events."""
    yield field.send(field.event(75), field.event(-75))
    yield field.usage()


@probe
def values_in_an_array(field: Field) -> Script:
    """Values of an array are each kept as they are."""
    values = ("0", "-3", "0.25", "1000000", "7.125", "1e-6")
    events = _spread(field, values)
    yield field.send_array(*events)
    yield field.usage()


@probe
def integers_and_fractions(field: Field) -> Script:
    """7 and 7.0 are one value: the bucket says 7."""
    event = field.event(7)
    body = field.send(event).bodies[0].replace(b'"meterValue":7,', b'"meterValue":7.0,')
    assert b"7.0" in body
    yield Send(bodies=(body,))
    yield field.usage()
