"""Numbers: exact reading, and how far a float64 sum may rightly be from the exact one."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import effort

from pytest_amberflo.metering.number import (
    NotMeteringJsonError,
    add_exactly,
    format_number,
    is_integral,
    load_exact,
    normalize,
    tolerance_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Floats as metered values are, far from the ends of float64; zero and both signs included.
METERED = st.one_of(
    st.just(0.0),
    st.floats(min_value=1e-200, max_value=1e200),
    st.floats(min_value=-1e200, max_value=-1e-200),
    st.floats(min_value=-1000, max_value=1000).filter(lambda v: v == 0 or abs(v) > 1e-200),
    st.integers(min_value=-(10**6), max_value=10**6).map(lambda n: n / 100),
)


def add_left_to_right(values: Sequence[float]) -> float:
    """The sum with one rounding for each value, in their order."""
    total = 0.0
    for value in values:
        total += value
    return total


def add_pairwise(values: Sequence[float]) -> float:
    """The sum of the sums of both halves."""
    if len(values) < 2:
        return values[0] if values else 0.0
    middle = len(values) // 2
    return add_pairwise(values[:middle]) + add_pairwise(values[middle:])


ADDERS: tuple[Callable[[Sequence[float]], float], ...] = (
    add_left_to_right,
    add_pairwise,
    math.fsum,
)


@given(st.data())
@effort(300)
def test_float64_sum_is_within_tolerance_in_any_order(data: st.DataObject) -> None:
    """A service that adds in float64 is never off by more than the tolerance, in any order."""
    values = data.draw(st.lists(METERED, min_size=1, max_size=40))
    ordered = data.draw(st.permutations(values))
    adder = data.draw(st.sampled_from(ADDERS))
    written = [Decimal(repr(value)) for value in values]
    seen = Decimal(repr(adder(ordered)))
    exact = sum((Fraction(value) for value in written), Fraction(0))
    assert abs(Fraction(seen) - exact) <= Fraction(tolerance_of(written))


@given(st.lists(st.integers(min_value=-(2**40), max_value=2**40), min_size=1, max_size=40))
@effort(100)
def test_integers_below_2_53_have_no_tolerance(values: list[int]) -> None:
    """Sums of integers that float64 holds exactly are compared exactly."""
    assert tolerance_of([Decimal(value) for value in values]) == 0


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=12), max_size=30))
@effort(100)
def test_sum_has_no_rounding(values: list[Decimal]) -> None:
    """The expected sum is that of fractions, however many digits it takes."""
    assert Fraction(add_exactly(values)) == sum(map(Fraction, values), Fraction(0))


def test_small_value_survives_beside_a_large_one() -> None:
    """The exact sum keeps every digit where the usual decimal precision would not."""
    values = [Decimal(10) ** 40, Decimal("0.001"), -(Decimal(10) ** 40)]
    assert add_exactly(values) == Decimal("0.001")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["0.5"], Fraction(2, 2**53) * Fraction(1, 2)),
        (["0.5", "-0.5"], Fraction(3, 2**53)),
        (["1.5", "2", "2.5"], Fraction(4, 2**53) * 6),
        ([str(2**53)], Fraction(2)),
        ([str(2**52), str(-(2**52))], Fraction(3)),
    ],
)
def test_tolerance_is_a_rounding_for_each_value_and_one_more(
    values: list[str], expected: Fraction
) -> None:
    """It is (n + 1) * 2**-53 * sum(|v|): magnitudes count, a small result does not shrink it."""
    found = Fraction(tolerance_of([Decimal(value) for value in values]))
    assert abs(found - expected) <= expected / 10**27


@pytest.mark.parametrize("values", [[], ["2.0", "3e0"], [str(2**53 - 1)], ["-7", "7"], ["0.0"]])
def test_integers_in_any_spelling_are_exact(values: list[str]) -> None:
    """`2.0` and `3e0` are integers, and the last sum below 2**53 is still exact."""
    assert tolerance_of([Decimal(value) for value in values]) == 0


def test_every_number_keeps_its_text() -> None:
    """Numbers are decimals of their text, not floats."""
    data = load_exact(b'{"a": 0.1, "b": 12345678901234567890.5, "c": [1e2, -0.0, 7]}')
    assert data["a"] == Decimal("0.1")
    assert data["b"] == Decimal("12345678901234567890.5")
    assert data["c"] == [Decimal(100), Decimal(0), Decimal(7)]
    assert all(isinstance(number, Decimal) for number in (data["a"], *data["c"]))


def test_integer_of_any_length_is_read() -> None:
    """Integers longer than Python's own limit for texts are numbers, too."""
    assert load_exact(b"9" * 6000) == Decimal("9" * 6000)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON_VALUES)
@effort(60)
def test_reads_whatever_json_can_say(value: Any) -> None:
    """Everything but numbers comes as `json` reads it."""
    assert load_exact(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": 1, "b": 2, "a": 1}', "`a` stands twice in one object"),
        (b'{"b": 1, "a": 1, "a": 2}', "`a` stands twice in one object"),
        (b'[{"x": {"y": 1, "y": 2}}]', "`y` stands twice in one object"),
        (b"NaN", "`NaN` is no JSON number"),
        (b"[-Infinity]", "`-Infinity` is no JSON number"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"),
    ],
)
def test_refuses_what_is_no_single_json_value(body: bytes, reason: str) -> None:
    """Texts that are no JSON, or hide one of two values, are refused with the reason."""
    with pytest.raises(NotMeteringJsonError) as caught:
        load_exact(body)
    assert str(caught.value) == reason


@pytest.mark.parametrize("body", [b"\xff\xfe1\x00", b'"\xe9"', b"[" * 200_000])
def test_refuses_other_encodings_and_endless_nesting(body: bytes) -> None:
    """Bytes that are no UTF-8, and nesting without end, are refused, not a crash."""
    with pytest.raises(NotMeteringJsonError):
        load_exact(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", True), ("2.0", True), ("2e3", True), ("2.5", False), ("1e-1", False), ("-0", True)],
)
def test_tells_integers_by_value(text: str, expected: bool) -> None:  # noqa: FBT001
    """A number without a fraction is an integer, however it is written."""
    assert is_integral(Decimal(text)) is expected


@pytest.mark.parametrize("text", ["NaN", "Infinity"])
def test_what_is_not_finite_is_no_integer(text: str) -> None:
    """NaN and infinity are no integers."""
    assert not is_integral(Decimal(text))


@pytest.mark.parametrize(
    ("text", "normal"), [("2", "2"), ("2.0", "2"), ("2e0", "2"), ("-0.00", "0"), ("100", "1E+2")]
)
def test_one_number_has_one_spelling(text: str, normal: str) -> None:
    """Numbers of one value come out in one spelling; zero has no sign."""
    assert str(normalize(Decimal(text))) == normal


def test_normal_spelling_keeps_every_digit() -> None:
    """Two numbers that differ in the fiftieth digit stay two."""
    first, second = Decimal("1." + "0" * 48 + "1"), Decimal("1." + "0" * 48 + "2")
    assert normalize(first) != normalize(second)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2.50", "2.5"),
        ("1E+3", "1000"),
        ("-0.0", "0"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("123456789012345678901234", "123456789012345678901234"),
        ("1E+23", "100000000000000000000000"),
        ("1E+24", "1E+24"),
        ("1E+30", "1E+30"),
        ("-1E-7", "-0.0000001"),
    ],
)
def test_numbers_are_shown_as_readers_write_them(text: str, shown: str) -> None:
    """Short numbers have no exponent and no trailing zeros; long ones are powers of ten."""
    assert format_number(Decimal(text)) == shown


def test_an_absurd_number_can_be_shown() -> None:
    """A number of a million digits in an answer is shown, not a crash of the report."""
    assert format_number(Decimal("1E+1000000")) == "1E+1000000"
