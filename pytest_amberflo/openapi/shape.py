"""What kind of value a schema is about, and the readings that a text has under it.

A parameter or form field is text; whether `7` is a number there is for its schema to say. Where
the schema leaves it open there is more than one reading, and one that it accepts is enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ALL_TYPES: Final = frozenset(("string", "number", "integer", "boolean", "null", "array", "object"))
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\Z")
_MAX_DIGITS: Final = 400
_MAX_REFS: Final = 50


class Readings(Struct, frozen=True):
    """What a text may mean, the likeliest first."""

    values: tuple[Any, ...]


class Shape:
    """A schema, seen as the kinds of value that it allows; `document` is what its `$ref`s mean."""

    def __init__(self, schema: Any, document: Mapping[str, Any]) -> None:
        self._document = document
        self._parts = list(self._list_parts(schema, 0, set()))

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that the schema speaks of; all where it speaks of none."""
        found: set[str] = set()
        for part in self._parts:
            own = part.get("type", ())
            found.update([own] if isinstance(own, str) else filter(_is_text, own))
            if part.get("nullable") is True:
                found.add("null")
        return frozenset(found) or ALL_TYPES

    @property
    def items(self) -> Shape:
        """Of the items of an array."""
        return self._of("items")

    def member(self, name: str) -> Shape:
        """Of a member of an object."""
        for part in self._parts:
            properties = part.get("properties")
            if isinstance(properties, dict) and name in properties:
                return Shape(properties[name], self._document)
        return self._of("additionalProperties")

    @property
    def members(self) -> frozenset[str]:
        """The names of the members that the schema knows."""
        names: set[str] = set()
        for part in self._parts:
            names.update(part.get("properties") or ())
        return frozenset(names)

    def _of(self, keyword: str) -> Shape:
        found: Any = next((part[keyword] for part in self._parts if keyword in part), {})
        return Shape(found, self._document)

    def _list_parts(self, schema: Any, depth: int, followed: set[str]) -> Iterator[dict[str, Any]]:
        """The schema and those that apply to the same value; `followed` are its references."""
        if not isinstance(schema, dict) or depth > _MAX_REFS:
            return
        yield schema
        reference = schema.get("$ref")
        # Once is enough: forms that lead back to what offers them lead through all of them again.
        if isinstance(reference, str) and reference not in followed:
            followed.add(reference)
            target = self._document["components"]["schemas"][reference.rpartition("/")[2]]
            yield from self._list_parts(target, depth + 1, followed)
        for keyword in ("allOf", "oneOf", "anyOf"):
            parts = schema.get(keyword)
            for part in parts if isinstance(parts, list) else ():
                yield from self._list_parts(part, depth + 1, followed)

    def read(self, text: str) -> Any:
        """The value that a text is by these types, the text itself where it is none of them."""
        types = self.types
        is_short = len(text) <= _MAX_DIGITS
        if types & {"number", "integer"} and is_short and _NUMBER.match(text):
            return float(text) if any(char in text for char in ".eE") else int(text)
        if "boolean" in types and text in ("true", "false"):
            return text == "true"
        if "null" in types and text in (("null",) if "string" in types else ("", "null")):
            return None
        return text


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def make_readings(*values: Any) -> Any:
    """The readings of a text; where they are all the same, that value."""
    unlike = [value for n, value in enumerate(values) if repr(value) not in map(repr, values[:n])]
    return unlike[0] if len(unlike) == 1 else Readings(tuple(unlike))


def read_members(pairs: Sequence[tuple[str, str]], shape: Shape) -> dict[str, Any]:
    """The object that named texts make: a name that repeats, or is of an array, is a list."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    members: dict[str, Any] = {}
    for name, found in texts.items():
        member = shape.member(name)
        if len(found) > 1 or member.types <= {"array", "null"}:
            members[name] = [member.items.read(text) for text in found]
        else:
            members[name] = member.read(found[0])
    return members
