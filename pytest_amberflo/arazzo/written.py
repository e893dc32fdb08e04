"""Values of documents, known by how they are written."""

from __future__ import annotations

from typing import Any


class Written:
    """A plain value that can be a key: equal to others that are written alike.

    The documents of a suite say much the same again and again. What is made of a value once is
    there for all of them, for the time that it takes to write the value down.
    """

    __slots__ = ("_text", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._text = repr(value)

    def __eq__(self, other: object) -> bool:
        """Whether both are written alike: 1, 1.0 and true are not."""
        return isinstance(other, Written) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
