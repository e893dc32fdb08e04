"""Numbers of JSON texts as exact decimals, and how far float64 sums may be from them."""

from __future__ import annotations

import json
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DecimalException
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Wide enough that sums and differences of the values of a test are exact, and without a limit
#: that an absurd number in an answer could reach.
EXACT: Final = Context(prec=400, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
ZERO: Final = Decimal(0)
_ULP: Final = Decimal(2) ** -53
_EXACT_BELOW: Final = Decimal(2) ** 53
#: Longer numbers are shown as powers of ten.
_MOST_DIGITS: Final = 24
_DECODE: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode


class NotMeteringJsonError(ValueError):
    """A text is no JSON, or says one thing twice; the text says which."""


def load_exact(body: bytes) -> Any:
    """The JSON value of a body; numbers are decimals of their text, integers may be `int`.

    `to_decimal` makes one of both. Raises NotMeteringJsonError, also where an object has a member
    twice: one of the two values would be hidden.
    """
    try:
        value = _DECODE(body)
        # As its value is written, perhaps with spaces: then nothing stands twice in it.
        written = _ENCODE(value)
        if written == body:
            return value
        if written == body.replace(b", ", b",").replace(b": ", b":"):
            return value
    except (ValueError, ArithmeticError, RecursionError):
        pass  # what is wrong is said below
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            json.loads(text)  # says what is wrong
        return _DECODER.decode(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NotMeteringJsonError(str(error)) from None


def to_decimal(value: Any) -> Decimal | None:
    """The number that a value of `load_exact` is; None for anything else."""
    if type(value) is int:
        return _convert(value)
    return value if isinstance(value, Decimal) else None


#: The same few numbers come again and again, and stay in the ledger: 0.1 KB each.
_convert: Final = lru_cache(maxsize=256)(Decimal)


def _refuse_constant(constant: str) -> Any:
    raise NotMeteringJsonError(f"`{constant}` is no JSON number")


def _unite_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotMeteringJsonError(f"`{twice}` stands twice in one object")
    return members


def _read_decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except DecimalException:
        number = Decimal("NaN")
    if not number.is_finite():
        shown = text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}..."
        raise NotMeteringJsonError(f"`{shown}` is beyond every number")
    return number


#: Made once: `json.loads` makes one for every text, which takes as long as reading a small one.
_DECODER: Final = json.JSONDecoder(
    parse_float=_read_decimal,
    parse_int=_read_decimal,
    parse_constant=_refuse_constant,
    object_pairs_hook=_unite_members,
)


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """The difference without rounding."""
    return EXACT.subtract(left, right)


def is_within(seen: Decimal, value: Decimal, tolerance: Decimal) -> bool:
    """Whether a number is no further from a value than a tolerance, both ends included."""
    return EXACT.subtract(seen, value).copy_abs() <= tolerance


def count_multiples(number: Decimal, unit: Decimal, tolerance: Decimal = ZERO) -> int:
    """How many times a unit goes into a number, which is a multiple of it; 0 where it is not."""
    if unit == 0 or number == 0:
        return 0
    ratio = EXACT.divide(number, unit)
    if not 1 - _ULP < ratio < _EXACT_BELOW:
        return 0
    times = ratio.to_integral_value()
    return int(times) if is_within(number, EXACT.multiply(times, unit), tolerance) else 0


def add_exactly(values: Sequence[Decimal]) -> Decimal:
    """The sum without rounding."""
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total


def tolerance_of(values: Sequence[Decimal]) -> Decimal:
    """How far a float64 sum of these values may rightly be from their exact sum.

    Zero where all are integers and no partial sum can reach 2**53; else one rounding per
    addition and one for printing: (n + 1) * 2**-53 * sum(|v|).
    """
    magnitude = add_exactly([abs(value) for value in values])
    if magnitude < _EXACT_BELOW and all(is_integral(value) for value in values):
        return ZERO
    return EXACT.multiply(EXACT.multiply(Decimal(len(values) + 1), _ULP), magnitude)


def is_integral(value: Decimal) -> bool:
    """Whether a number has no fraction."""
    return value.is_finite() and value == value.to_integral_value()


def normalize(value: Decimal) -> Decimal:
    """The number in one spelling: 2, 2.0 and 2e0 are the same."""
    return ZERO if value == 0 else EXACT.normalize(value)


def format_number(value: Decimal) -> str:
    """The number as a reader writes it: `2.5`, `1000`, without an exponent where it is short."""
    short = normalize(value)
    if not short.is_finite() or not -_MOST_DIGITS < short.adjusted() < _MOST_DIGITS:
        return str(short)
    plain = format(short, "f")
    return plain if len(plain) <= _MOST_DIGITS else str(short)
