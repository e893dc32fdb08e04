"""Values of documents, known by how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

T = TypeVar("T")


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


class Derived(Generic[T]):
    """What was made of values, for the time when the very same ones come again.

    Blocks that are written alike are one value in all documents (`block_yaml`), and so is what is
    made of them: to look that up takes less than to write the value down.
    """

    def __init__(self, most: int) -> None:
        """At most so many are kept, with all that they were made of."""
        self._most = most
        self._known: dict[Hashable, tuple[Sequence[Any], T]] = {}

    def find(self, *values: Any, key: Hashable = None) -> T | None:
        """What was kept for these values, and nothing else; None where nothing was."""
        found = self._known.get((key, *map(id, values)))
        return None if found is None else found[1]

    def keep(self, made: T, *values: Any, key: Hashable = None) -> None:
        """Keep what was made of values, which must not change. Their identity stays theirs."""
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[(key, *map(id, values))] = values, made
