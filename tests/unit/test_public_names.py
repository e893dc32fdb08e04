"""What the package offers by name."""

from __future__ import annotations

import pytest

import pytest_amberflo


@pytest.mark.parametrize("name", pytest_amberflo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """`__all__` and what can be imported agree."""
    assert getattr(pytest_amberflo, name) is not None
    assert name in dir(pytest_amberflo)


def test_other_names_are_not() -> None:
    """A misspelt name is an AttributeError like any other module's."""
    with pytest.raises(AttributeError, match="has no attribute 'Verdikt'"):
        pytest_amberflo.__getattr__("Verdikt")
