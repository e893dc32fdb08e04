"""Bodies as short as can be are read the short way, and say what the long way says."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_amberflo.http.json_text import (
    MAX_DEPTH,
    MAX_DIGITS,
    JsonTextError,
    read_json,
    read_json_body,
)
from pytest_amberflo.metering.number import NotMeteringJsonError, load_exact, to_decimal

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
#: JSON and what is nearly JSON: of tokens that go wrong, in any order.
TOKENS = st.lists(
    st.sampled_from(
        (
            *("{", "}", "[", "]", ",", ":", '"a"', '"a":', '"\\u0041"', '"\\ud800"', '"\\n"'),
            *("1", "-0", "-0.0", "1.50", "1e5", "1e16", "1e400", "0.00001", "9" * 30, "NaN"),
            *(" ", "\ufeff", "\u00e9", '", "', '": "'),
        )
    ),
    max_size=6,
).map("".join)
BODIES = st.one_of(
    VALUES.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)),
    VALUES.map(json.dumps),
    VALUES.map(lambda value: json.dumps([value, ", ", {": ": value}])),
    TOKENS,
    TOKENS.map(lambda text: f'{{"a":1,{text}}}'),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


def outcome_of(read: Callable[[bytes], Any], body: bytes) -> object:
    """What reading gives, types and order included, or how it is refused."""
    try:
        return repr(read(body))
    except (JsonTextError, NotMeteringJsonError, UnicodeDecodeError) as error:
        return type(error), str(error)


@given(BODIES)
@settings(max_examples=250, deadline=None, derandomize=True)
@example(b'{"a":1,"a":1}')
@example(b'{"a, b": 1, "a,b": "1: 2"}')
@example(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
@example(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
@example(b"9" * MAX_DIGITS)
@example(b"[" + b"9" * (MAX_DIGITS + 1) + b"]")
@example(b'"\xff"')
def test_a_body_says_what_its_text_says(body: bytes) -> None:
    """Values, types and refusals are those of the reader of texts."""
    for has_unique_names in (False, True):
        read_body = partial(read_json_body, has_unique_names=has_unique_names)
        read_text = partial(read_json, has_unique_names=has_unique_names)
        due = outcome_of(lambda raw: read_text(raw.decode("utf-8")), body)  # noqa: B023
        assert outcome_of(read_body, body) == due


def make_decimal(value: Any) -> Any:
    """A value of `load_exact` with all its numbers as decimals."""
    if isinstance(value, dict):
        return {name: make_decimal(member) for name, member in value.items()}
    if isinstance(value, list):
        return [make_decimal(member) for member in value]
    number = to_decimal(value)
    return value if number is None else number


@given(BODIES)
@settings(max_examples=200, deadline=None, derandomize=True)
@example(b'{"a":1,"a":1}')
@example(b'{"a":[1,{"b":2.50,"c":[-0.0,true]}]}')
def test_numbers_of_a_short_body_are_the_decimals_of_a_long_one(body: bytes) -> None:
    """A space in front is the long way: it says the same."""
    found = outcome_of(lambda raw: make_decimal(load_exact(raw)), body)
    longer = outcome_of(lambda raw: make_decimal(load_exact(raw)), b" " + body)
    if isinstance(found, str):
        assert found == longer
    else:
        assert not isinstance(longer, str)


@pytest.mark.parametrize("value", [True, None, "7", [7], {}])
def test_what_is_no_number_is_no_decimal(value: Any) -> None:
    """A boolean above all, which Python takes for an integer."""
    assert to_decimal(value) is None
    assert repr(to_decimal(7)) == repr(Decimal(7))
