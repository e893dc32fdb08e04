"""Patterns of schemas, which are of ECMA-262, in Python's dialect."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_ESCAPES: Final = {
    (r"\d", False): "[0-9]",
    (r"\d", True): "0-9",
    (r"\D", False): "[^0-9]",
    (r"\w", False): "[A-Za-z0-9_]",
    (r"\w", True): "A-Za-z0-9_",
    (r"\W", False): "[^A-Za-z0-9_]",
}


@lru_cache(maxsize=256)
def to_python(pattern: str) -> str:
    """The pattern of ECMA-262 in Python's dialect.

    There `$` would also match before a last newline, and classes hold digits of every script.
    """
    text, is_class, position = "", False, 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            escape = pattern[position : position + 2]
            text += _ESCAPES.get((escape, is_class), escape)
            position += 2
            continue
        if char in "[]":
            is_class = char == "["
        text += r"\Z" if char == "$" and not is_class else char
        position += 1
    return text
