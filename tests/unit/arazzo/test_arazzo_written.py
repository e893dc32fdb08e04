"""What is made of a value once is there for all that are written alike, and for no others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_amberflo.arazzo.template import compile_template
from pytest_amberflo.arazzo.written import Written

_SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text(max_size=2)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)


def tell_types(value: Any) -> Any:
    """The value with the type of everything in it."""
    if isinstance(value, list):
        return list, [tell_types(item) for item in value]
    if isinstance(value, dict):
        return dict, [(name, tell_types(member)) for name, member in value.items()]
    return type(value), str(value)


@given(_VALUES, _VALUES)
def test_only_values_of_the_same_kind_are_alike(first: Any, second: Any) -> None:
    """A number is not a flag, a text is not a number, and the order of members counts."""
    alike = tell_types(first) == tell_types(second)
    assert (Written(first) == Written(second)) is alike
    assert not alike or hash(Written(first)) == hash(Written(second))


def test_one_and_true_have_templates_of_their_own() -> None:
    """Python takes 1, 1.0 and True for equal, and documents do not."""
    templates = [compile_template([value]) for value in (1, 1.0, True)]
    assert [repr(template) for template in templates] == [
        "Literal(value=[1])",
        "Literal(value=[1.0])",
        "Literal(value=[True])",
    ]
