"""The part of a description that one operation uses, as a description that is whole in itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.errors import Problem
    from pytest_amberflo.arazzo.source import Pointer, Source

SCHEMAS: Final = "#/components/schemas/"


class Origin(Struct, frozen=True):
    """Where a schema or object stands; `name` is what a reference calls the schema around it."""

    source: Source
    pointer: Pointer
    name: str = ""

    def __str__(self) -> str:
        """`file:line  Name`."""
        line = self.source.locate(self.pointer, key=True).line
        return f"{self.source.name}:{line}  {self.name}".rstrip()


class Extract(Struct, frozen=True):
    """What one operation uses: `operation` and the `components` that it refers to.

    Components are those of all operations that were extracted from the description.
    """

    operation: dict[str, Any]
    components: Mapping[str, dict[str, Any]]
    #: What is wrong with the schemas that it uses, each with the document it is in.
    faults: tuple[tuple[Source, Problem], ...]
    _origins: Mapping[int, tuple[Any, Origin]]

    def __repr__(self) -> str:
        return f"Extract({len(self.components)} components)"

    def origin_of(self, value: Any) -> Origin | None:
        """Where an object of this extract stands in the description, or None."""
        found = self._origins.get(id(value))
        return found[1] if found is not None else None


def list_references(value: Any) -> Iterator[str]:
    """The schemas that a value of an extract refers to."""
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, str) and member.startswith(SCHEMAS):
                yield member.removeprefix(SCHEMAS)
            elif name not in ("enum", "const", "default"):
                yield from list_references(member)
    elif isinstance(value, list):
        for item in value:
            yield from list_references(item)


def list_applied(schema: Any) -> Iterator[str]:
    """The references that apply to the very value that the schema applies to."""
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    keywords = ["allOf"]
    if "discriminator" not in schema:  # with one, the value chooses and the circle ends
        keywords += ["oneOf", "anyOf"]
    for keyword in keywords:
        parts = schema.get(keyword)
        for part in parts if isinstance(parts, list) else ():
            yield from list_applied(part)
    for keyword in ("not", "if", "then", "else"):
        yield from list_applied(schema.get(keyword))
