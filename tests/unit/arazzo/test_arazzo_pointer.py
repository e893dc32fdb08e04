"""JSON Pointers into values (RFC 6901)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort

from pytest_amberflo.arazzo.errors import UnresolvedError
from pytest_amberflo.arazzo.expression import InputRef
from pytest_amberflo.arazzo.grammar import parse_expression
from pytest_amberflo.arazzo.scope import Scope, evaluate, resolve_pointer

DEEP = {
    "a/b": 1,
    "m~n": 2,
    "": 3,
    " ": 4,
    "a": {"": {"": 5}},
    "0": 6,
    "list": [7, [8, 9]],
    "~1": 10,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("#/a~1b", 1),
        ("#/m~0n", 2),
        ("#/", 3),
        ("#/ ", 4),
        ("#/a//", 5),
        ("#/0", 6),
        ("#/list/0", 7),
        ("#/list/1/1", 9),
        ("#/~01", 10),
    ],
)
def test_pointers_lead_to_members_and_elements(pointer: str, value: int) -> None:
    """Escapes, empty names and names that look like indexes follow RFC 6901."""
    scope = Scope(inputs={"deep": DEEP})
    assert evaluate(parse_expression(f"$inputs.deep{pointer}"), scope) == value


@pytest.mark.parametrize("token", ["2", "-1", "-", "01", "00", "+1", "1.0", "", "x", "٠", "1 "])  # noqa: RUF001
def test_an_index_is_a_number_without_leading_zeros(token: str) -> None:
    """Anything but an index of the list leads nowhere, `-` and foreign digits included."""
    with pytest.raises(UnresolvedError) as error:
        resolve_pointer([1, 2], (token,), InputRef("a", (token,)))
    assert error.value.reason == f"the value has 2 elements and none at `{token}`"


def _walk(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = [(path, value)]
    if isinstance(value, dict):
        for name, member in value.items():
            found += _walk(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _walk(item, (*path, str(index)))
    return found


@effort(150)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.sampled_from("/~01a #"), max_size=3), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_every_part_of_a_value_has_a_pointer(value: Any) -> None:
    """A pointer printed for any member or element, read back, leads to it."""
    scope = Scope(inputs={"v": value})
    for tokens, part in _walk(value):
        text = str(InputRef("v", tokens))
        assert evaluate(parse_expression(text), scope) is part
