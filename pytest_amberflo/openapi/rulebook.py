"""Descriptions against OpenAPI's own rules: what a run uses of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jsonschema.exceptions import ValidationError, best_match
from jsonschema_path import SchemaPath
from openapi_spec_validator import (
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
    OpenAPIV32SpecValidator,
)

from pytest_amberflo.arazzo.errors import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.arazzo.source import Pointer, Source
    from pytest_amberflo.openapi.description import Description
    from pytest_amberflo.openapi.extract import Extract

_RULES: Final[Any] = {
    0: OpenAPIV30SpecValidator,
    1: OpenAPIV31SpecValidator,
    2: OpenAPIV32SpecValidator,
}
_LONGEST: Final = 200
_MOST: Final = 20
#: Members whose own members have names of the user's.
_MAPS: Final = ("content", "headers", "responses", "encoding")
_PARTS: Final = ("paths", "components", "webhooks")


class RefusingHandlers(dict[str, Any]):
    """Handlers of references that open nothing: an extract is whole in itself.

    The library's own would fetch whatever a description names, from any host.
    """

    def __contains__(self, scheme: object) -> bool:
        """Whether a scheme has a handler: each has, and it refuses."""
        return True

    def __missing__(self, scheme: str) -> Any:
        """A handler that raises ValueError."""

        def refuse(uri: str) -> Any:
            raise ValueError(f"{uri} is outside")

        return refuse


class Rulebook:
    """Holds a description to OpenAPI's rules: its root, and each operation once it is used."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._found: dict[Pointer, list[tuple[Source, Problem]]] = {}

    def check_root(self) -> None:
        """Find what is wrong apart from operations and components."""
        if () in self._found:
            return
        source, data = self._description.source, self._description.source.data
        root = {name: value for name, value in data.items() if name not in _PARTS}
        root.update({name: {} for name in _PARTS if name in data})
        if isinstance(data.get("paths"), dict):
            paths = data["paths"].items()
            root["paths"] = {path: item for path, item in paths if not isinstance(item, dict)}
        self._found[()] = [
            (source, Problem(span=source.locate(tuple(error.absolute_path)), message=message))
            for error, message in _list_complaints(root, self._description.minor)
        ]

    def check(self, operation: Operation, extract: Extract) -> None:
        """Find what is wrong with an operation and with what it uses."""
        if operation.pointer in self._found:
            return
        keys = operation.pointer[1:]
        root: dict[str, Any] = {
            "openapi": self._description.source.data["openapi"],
            "info": {"title": "", "version": ""},
            "components": {"securitySchemes": extract.components["securitySchemes"]},
        }
        inner = root["paths"] = {}
        for key in keys[:-1]:
            inner[str(key)] = inner = {}
        inner[str(keys[-1])] = _without_schemas(extract.operation)
        found = self._found[operation.pointer] = [*extract.faults]
        for error, message in _list_complaints(root, self._description.minor):
            pointer = (*operation.pointer[:1], *tuple(error.absolute_path)[1:])
            source, place = self._find_place(pointer, operation, extract)
            found.append((source, Problem(span=source.locate(place), message=message)))

    def _find_place(
        self, pointer: Pointer, operation: Operation, extract: Extract
    ) -> tuple[Source, Pointer]:
        """Where what stands at a pointer of an extract stands in the description."""
        value: Any = None
        source, place = self._description.source, pointer
        depth = len(operation.pointer)
        if pointer[:depth] == operation.pointer:
            value = extract.operation
            node = self._description.node_of(operation)
            source, place = node.source, (*node.pointer, *pointer[depth:])
        for index in range(depth, len(pointer)):
            try:
                value = value[pointer[index]]
            except (LookupError, TypeError):
                break
            origin = extract.origin_of(value)
            if origin is not None:
                source, place = origin.source, (*origin.pointer, *pointer[index + 1 :])
        return source, place

    def conclude(self, operations: Iterable[Operation]) -> None:
        """Raise DocumentError with what was found in the root and in these operations."""
        keys: list[Pointer] = [(), *(operation.pointer for operation in operations)]
        found = dict.fromkeys(problem for key in keys for problem in self._found[key])
        for source in dict.fromkeys(source for source, _ in found):
            problems = [problem for owner, problem in found if owner is source]
            raise DocumentError(source.name, source.text, problems[:_MOST])


def _without_schemas(value: Any, *, is_map: bool = False) -> Any:
    """An object of OpenAPI with an empty schema for each, since those have been checked."""
    if isinstance(value, list):
        return [_without_schemas(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: {}
        if name in ("schema", "itemSchema") and not is_map
        else _without_schemas(member, is_map=name in _MAPS)
        for name, member in value.items()
    }


def _list_complaints(root: dict[str, Any], minor: int) -> Iterator[tuple[Any, str]]:
    """What the validator of OpenAPI says, with the error that it made of it; up to a limit."""
    count = 0
    try:
        spec = SchemaPath.from_dict(root, handlers=RefusingHandlers())
        for error in _RULES[minor](spec).iter_errors():
            nearest: Any = best_match([error]) if error.context else error
            text = str(nearest.message).splitlines()[0][:_LONGEST]
            if text.endswith("is not a 'regex'"):
                continue  # Python's `re` is not their dialect, and extraction has read them
            yield nearest, f"not valid OpenAPI: {text}"
            count += 1
            if count == _MOST:
                return
    except RecursionError:
        return  # forms that are built on what offers them; extraction has refused real circles
    except Exception as error:  # noqa: BLE001
        # The validator walks what it has not yet found to be sound, and asserts that it is.
        if count == 0:
            yield ValidationError(""), f"not valid OpenAPI: {error!r}"[:_LONGEST]
