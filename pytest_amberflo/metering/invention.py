"""Values that the package sends of its own accord: each loss and each copy has its own sum."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

#: A quarter is exact in float64 and shows whether values were rounded to whole numbers.
_UNIT: Final = Decimal("0.25")


def list_values(count: int, *, copies: int = 1) -> tuple[Decimal, ...]:
    """Values for the events of one bucket, of which each may be sent so many times.

    Each is larger than all before it together, copies included, so that every choice of which
    were counted, and how often, has a sum of its own. Raises ValueError where float64 could not
    tell the sums apart.
    """
    base = copies + 2
    if base**count > 2**50:
        raise ValueError(f"{count} values, each sent {copies} times, have no distinct sums")
    return tuple(_UNIT * (base**index) for index in range(1, count + 1))
