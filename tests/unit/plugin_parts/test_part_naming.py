"""The nearest right name."""

from __future__ import annotations

import pytest

from pytest_amberflo.naming import find_nearest


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("costumerId", ("customerId", "uniqueId"), "customerId"),
        ("CUSTOMERID", ("customerIds", "customerId"), "customerId"),
        ("Stra\u00dfe", ("STRASSE", "Strafe"), "STRASSE"),
        ("live", ("live",), None),
        ("live", ("live", "Live"), "Live"),
        ("zzz", ("customerId",), None),
        ("", ("a",), None),
        ("abc", (), None),
        ("embeded", ("live", "embedded"), "embedded"),
    ],
)
def test_the_nearest_name(name: str, candidates: tuple[str, ...], expected: str | None) -> None:
    """The same name in other letters, else one that is much alike, else none; never itself."""
    assert find_nearest(name, candidates) == expected
    assert find_nearest(name, reversed(candidates)) == expected
