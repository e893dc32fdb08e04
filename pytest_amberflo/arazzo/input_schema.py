"""The inputs of a workflow: JSON Schema 2020-12, with references into the document.

`$ref` and `$anchor` lead within the document only (`#/components/inputs/page`, also behind the
document's own `$self`), or to the `$defs` of the schema itself; nothing is fetched. Formats are
checked, defaults are filled in.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urljoin

from pytest_amberflo.arazzo.errors import Problem
from pytest_amberflo.arazzo.input_format import make_format_checker
from pytest_amberflo.arazzo.plain_inputs import compile_inputs, find_plain
from pytest_amberflo.arazzo.plain_schema import is_plain_schema
from pytest_amberflo.arazzo.scope import read_index
from pytest_amberflo.arazzo.written import Derived

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from pytest_amberflo.arazzo.model import Document, Workflow
    from pytest_amberflo.arazzo.source import Pointer

_URI: Final = "urn:arazzo:document"
_MAX_REFS: Final = 50
#: Keywords with schemas that hold only sometimes: in a list, alone, and by name.
_SOMETIMES: Final = ("anyOf", "oneOf", "then", "else", "dependentSchemas")
#: Where a schema keeps parts of its own.
_OWN: Final = ("$defs", "definitions")


class UnusableSchemaError(Exception):
    """Values cannot be held against the schema, for a mistake in it; the text says which."""


#: Schemas that say the same in every document.
_WHOLE: Final[Derived[InputSchema]] = Derived(256)


def find_whole(schema: Any) -> InputSchema | None:
    """The inputs by a schema that refers to nothing beside itself, if they are known."""
    return _WHOLE.find(schema)


class InputSchema:
    """The schema of a workflow's inputs, its references followed."""

    def __init__(self, document: Document, workflow: Workflow) -> None:
        self._schema = workflow.inputs
        self._plain = find_plain(workflow.inputs)
        self._at: Pointer = (*workflow.place.pointer, "inputs")
        # What is whole outlives its document, and does not need it.
        self._owner = None if self.is_whole else document
        if self.is_whole:
            _WHOLE.keep(self, workflow.inputs)

    @property
    def _document(self) -> Document:
        assert self._owner is not None
        return self._owner

    @property
    def is_whole(self) -> bool:
        """Whether it surely refers to nothing beside itself."""
        return not isinstance(self._schema, dict) or self._plain is not None

    @cached_property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        """The schema of each declared input by its name, `$ref` and `allOf` followed."""
        if self._plain is not None:
            return self._plain.properties
        found: dict[str, Mapping[str, Any]] = {}
        for schema in self._each_schema(self._schema):
            members = schema.get("properties")
            for name, member in members.items() if isinstance(members, dict) else ():
                found.setdefault(name, self._merge(member))
        for name, member in self._list_sometimes(self._schema):
            if name not in found:
                merged = self._merge(member)
                found[name] = {k: v for k, v in merged.items() if k not in ("default", "examples")}
        return found

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The names of the inputs that must have a value."""
        if self._plain is not None:
            return self._plain.required
        names: dict[str, None] = {}
        for schema in self._each_schema(self._schema):
            listed = schema.get("required")
            for name in listed if isinstance(listed, list) else ():
                names[str(name)] = None
        return tuple(names)

    @cached_property
    def is_open(self) -> bool:
        """Whether inputs that are not declared may be given by the schema's own words."""
        if self._schema is True:
            return True
        if self._plain is not None:
            return self._plain.is_open
        return any(
            schema.get("patternProperties")
            or isinstance(schema.get("additionalProperties"), dict)
            or schema.get("additionalProperties") is True
            for schema in self._each_schema(self._schema)
        )

    def fill(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with the schema's defaults for those that are missing."""
        defaults = {
            name: schema["default"]
            for name, schema in self.properties.items()
            if "default" in schema
        }
        return {**defaults, **values}

    def find_errors(self, values: Mapping[str, Any]) -> list[ValidationError]:
        """What is wrong with these values, in the order of their names.

        Raises UnusableSchemaError; `find_problems` says beforehand what can be known.
        """
        if self._schema is None or self._schema is True or self._is_surely_accepted(values):
            return []
        from jsonschema.exceptions import UnknownType  # noqa: PLC0415  costly
        from referencing.exceptions import Unresolvable  # noqa: PLC0415

        try:
            errors = list(self._validator.iter_errors(dict(values)))
        except UnknownType as error:
            raise UnusableSchemaError(f"there is no type `{error.type}`") from None
        except Unresolvable as error:
            raise UnusableSchemaError(f"`{error.ref}` leads nowhere in this document") from None
        except RecursionError:
            raise UnusableSchemaError("its references lead in a circle") from None
        except (re.error, ArithmeticError) as error:
            raise UnusableSchemaError(f"it cannot be applied to these values: {error}") from None
        return sorted(errors, key=lambda error: str(error.json_path))

    def _is_surely_accepted(self, values: Mapping[str, Any]) -> bool:
        """Whether values keep a schema without references beyond doubt; saves its validator."""
        if self._plain is not None:
            return self._plain.accept(values) is True
        return compile_inputs(self._schema)(values) is True

    def find_problems(self) -> Iterator[Problem]:
        """What is wrong with the schema itself and with those that it refers to."""
        if not isinstance(self._schema, dict) or self._plain is not None:
            return
        left: list[tuple[Pointer, Any]] = [(self._at, self._schema)]
        seen: set[Pointer] = set()
        while left:
            at, schema = left.pop(0)
            if at in seen:
                continue
            seen.add(at)
            yield from self._check_part(at, schema)
            found = [self._locate(reference) for _, reference in _find_references(schema, at)]
            left += [part for part in found if part is not None]

    def _check_part(self, at: Pointer, schema: Any) -> Iterator[Problem]:
        source = self._document.source
        for pointer, reference in _find_references(schema, at):
            fault = self._find_fault(reference)
            if fault is not None:
                message = f"`{pointer[-1]}: {reference}` {fault}"
                yield Problem(span=source.locate(pointer), message=message)
        if is_plain_schema(schema):
            return
        from jsonschema import Draft202012Validator  # noqa: PLC0415  costly
        from jsonschema.exceptions import SchemaError  # noqa: PLC0415

        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            message = f"the schema of the inputs is not valid: {error.message}"
            yield Problem(span=source.locate((*at, *error.absolute_path)), message=message)

    def _find_fault(self, reference: str) -> str | None:
        """What is wrong with a reference, or None."""
        seen: set[str] = set()
        while reference not in seen:
            seen.add(reference)
            schema = self._follow(reference)
            if schema is None:
                return "leads nowhere in this document"
            following = schema.get("$ref") if isinstance(schema, dict) else None
            if not isinstance(following, str):
                return None
            reference = following
        return "leads back to itself"

    @cached_property
    def _validator(self) -> Draft202012Validator:
        from jsonschema import Draft202012Validator  # noqa: PLC0415  costly
        from referencing import Registry  # noqa: PLC0415
        from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

        if self.is_whole:
            return Draft202012Validator(
                self._schema or False, format_checker=make_format_checker()
            )
        data = self._document.source.data
        components = data.get("components", {}).get("inputs", {})
        # References by pointer lead through the document as it stands; anchors are only looked
        # for where JSON Schema expects schemas.
        own = {name: self._own_parts(name) for name in _OWN}
        own["$defs"] = {"inputs": self._schema, **components, **own["$defs"]}
        holder = {**data, **own}
        registry = Registry().with_resource(self._uri, DRAFT202012.create_resource(holder))
        pointer = "/".join(str(token).replace("~", "~0").replace("/", "~1") for token in self._at)
        return Draft202012Validator(
            {"$ref": f"{self._uri}#/{pointer}"},
            registry=registry,
            format_checker=make_format_checker(),
        )

    @property
    def _uri(self) -> str:
        """What the document is called in references: its own name for itself, if it has one."""
        own = self._document.self_uri
        return _URI if own is None else urljoin(self._document.source.uri, own)

    def _own_parts(self, keyword: str) -> dict[str, Any]:
        """The schemas that the schema keeps under a keyword of its own."""
        parts = self._schema.get(keyword) if isinstance(self._schema, dict) else None
        return parts if isinstance(parts, dict) else {}

    def _list_sometimes(self, schema: Any) -> Iterator[tuple[str, Any]]:
        """The members that a schema has under some conditions."""
        for part in list(self._each_schema(schema)):
            for keyword in _SOMETIMES:
                inner = part.get(keyword)
                if keyword == "dependentSchemas" and isinstance(inner, dict):
                    inner = list(inner.values())
                for branch in inner if isinstance(inner, list) else [inner]:
                    for found in self._each_schema(branch):
                        members = found.get("properties")
                        yield from members.items() if isinstance(members, dict) else ()
                    yield from self._list_sometimes(branch) if branch is not None else ()

    def _each_schema(self, schema: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
        """The schema and those that it takes in by `$ref` and `allOf`."""
        if not isinstance(schema, dict) or depth > _MAX_REFS:
            return
        yield schema
        if isinstance(schema.get("$ref"), str):
            yield from self._each_schema(self._follow(schema["$ref"]), depth + 1)
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            yield from self._each_schema(part, depth + 1)

    def _merge(self, schema: Any) -> Mapping[str, Any]:
        parts = list(self._each_schema(schema))
        if len(parts) == 1:
            return parts[0]
        merged: dict[str, Any] = {}
        for part in parts:
            merged = {**part, **merged}
        return merged

    def _follow(self, reference: str) -> Any:
        found = self._locate(reference)
        return None if found is None else found[1]

    def _locate(self, reference: str) -> tuple[Pointer, Any] | None:
        """Where a reference leads, and the schema there; None where it leads nowhere."""
        uri, _, fragment = reference.partition("#")
        if uri and urljoin(self._uri, uri) != self._uri:
            return None
        fragment = unquote(fragment)
        value: Any = self._document.source.data
        if fragment and not fragment.startswith("/"):
            return _find_anchor(value, fragment)
        pointer: Pointer = ()
        if fragment[1:].partition("/")[0] in _OWN:
            value, pointer = self._schema, self._at
        for token in fragment.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            index = read_index(key)
            if isinstance(value, dict) and key in value:
                value, pointer = value[key], (*pointer, key)
            elif isinstance(value, list) and index is not None and index < len(value):
                value, pointer = value[index], (*pointer, index)
            else:
                return None
        return pointer, value


def _find_anchor(value: Any, name: str) -> tuple[Pointer, Any] | None:
    """The schema with a `$anchor` of this name and where it stands, or None."""
    stack: list[tuple[Pointer, Any]] = [((), value)]
    while stack:
        pointer, current = stack.pop()
        if isinstance(current, dict):
            if name in (current.get("$anchor"), current.get("$dynamicAnchor")):
                return pointer, current
            stack.extend(((*pointer, key), member) for key, member in current.items())
        elif isinstance(current, list):
            stack.extend(((*pointer, index), item) for index, item in enumerate(current))
    return None


def _find_references(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name in ("$ref", "$dynamicRef") and isinstance(member, str):
                yield (*pointer, name), member
            elif name not in ("enum", "const", "default", "examples"):
                yield from _find_references(member, (*pointer, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find_references(item, (*pointer, index))
