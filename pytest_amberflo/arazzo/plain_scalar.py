"""Scalars of YAML without quotes (1.2, core schema)."""

from __future__ import annotations

import re
from sys import intern
from typing import Any, Final

from pytest_amberflo.arazzo.tree import FLOAT, INTEGER, WORDS
from pytest_amberflo.http.json_text import MAX_DIGITS

#: Expressions and the like, of which a run has many that are equal.
_SHORT: Final = 80
#: What numbers begin with.
NUMERIC: Final = "-+.0123456789"
#: What may be a number of some other form.
_ODD: Final = re.compile(r"[-+]?(?:[0-9]+|0[xo].*|\.(?:inf|nan))\Z", re.IGNORECASE)


class UnusualError(Exception):
    """Something that is left to the builder of trees."""


def resolve(text: str) -> Any:
    """The value of a scalar. Raises UnusualError for a number of a form of its own."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMERIC:
        return intern(text) if len(text) < _SHORT else text
    if INTEGER.match(text) and len(text) <= MAX_DIGITS:
        return int(text)
    if _ODD.match(text):
        raise UnusualError
    if FLOAT.match(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise UnusualError
        return number
    return text
