"""Takes out of a description what one operation uses.

Only this part is checked and judged by: a description of thousands of operations costs what a
run uses of it. What `$ref`s lead to is put in place, schemas under `components/schemas`, from
whatever document they are in. A `$dynamicRef` leads to where its anchor stands; schemas that
extend others by an anchor of the same name are not told apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.arazzo.errors import DocumentError, ExpressionSyntaxError
from pytest_amberflo.openapi.extract import (
    SCHEMAS,
    Extract,
    Origin,
    list_applied,
    list_references,
)
from pytest_amberflo.openapi.pattern import to_python
from pytest_amberflo.openapi.schema_rules import find_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.arazzo.errors import Problem
    from pytest_amberflo.arazzo.source import Pointer, Source
    from pytest_amberflo.openapi.references import Node, References

#: Objects of OpenAPI to those of their members that hold other objects: one, a list or a map.
_GRAMMAR: Final[dict[str, dict[str, str | list[str] | dict[str, str]]]] = {
    "operation": {
        "parameters": ["parameter"],
        "requestBody": "requestBody",
        "responses": {"": "response"},
    },
    "parameter": {"schema": "schema", "content": {"": "mediaType"}},
    "requestBody": {"content": {"": "mediaType"}},
    "response": {"headers": {"": "parameter"}, "content": {"": "mediaType"}},
    "mediaType": {"schema": "schema", "itemSchema": "schema", "encoding": {"": "encoding"}},
    "encoding": {},
}
#: What must not stand in the name of a component.
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
_UNUSED: Final = frozenset(
    ("example", "examples", "links", "callbacks", "servers", "externalDocs", "headers", "tags")
)
_SCHEMA_MAPS: Final = frozenset(("properties", "patternProperties", "dependentSchemas"))
_LITERALS: Final = frozenset(("const", "enum", "default", "required", "xml", "discriminator"))
#: Members of schemas that say nothing of values, or of which references have made use.
_LEFT_OUT: Final = frozenset(
    (
        *("example", "examples", "externalDocs", "$comment", "$defs", "definitions"),
        *("$schema", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef"),
    )
)


class Extractor:
    """Takes operations out of a description of version 3.`minor`, each schema once."""

    def __init__(self, references: References, minor: int) -> None:
        self._references = references
        self._minor = minor
        self._keys: dict[tuple[str, Pointer], str] = {}
        self._nodes: dict[str, Node] = {}
        self._schemas: dict[str, Any] = {}
        self._schemes: dict[str, Any] = {}
        self._pending: list[str] = []
        #: With the object, so that no other takes over its id.
        self._origins: dict[int, tuple[Any, Origin]] = {}
        #: By the name of the schema around it, empty for one that stands in its operation.
        self._faults: dict[str, list[tuple[Source, Problem]]] = {}

    def extract(self, node: Node, inherited: Sequence[Node]) -> Extract:
        """What the operation at a node uses; `inherited` are the parameters of its path.

        Raises DocumentError for references that cannot be followed.
        """
        known = len(self._nodes)
        self._faults.pop("", None)
        try:
            operation = self._extract(node, inherited)
            new = list(self._nodes)[known:]
            for key in new:
                self._refuse_circle(key)
        except (DocumentError, RecursionError):
            self._forget(list(self._nodes)[known:])
            raise
        components = {"schemas": self._schemas, "securitySchemes": self._schemes}
        faults = tuple(fault for key in self._list_used(operation) for fault in self._faults[key])
        return Extract(operation, components, faults, self._origins)

    def _extract(self, node: Node, inherited: Sequence[Node]) -> dict[str, Any]:
        operation: dict[str, Any] = self._copy(node, "operation")
        own = operation.get("parameters", [])
        if inherited and isinstance(own, list):
            taken = {_identify(parameter) for parameter in own}
            others = [self._copy(self._references.follow(n), "parameter") for n in inherited]
            operation["parameters"] = [o for o in others if _identify(o) not in taken] + own
        self._add_security(node, operation)
        while self._pending:
            key = self._pending.pop()
            self._schemas[key] = self._schema(self._nodes[key], key)
        return operation

    def _forget(self, keys: list[str]) -> None:
        """Give up schemas of an operation that cannot be used; others may be right."""
        self._pending.clear()
        for key in keys:
            del self._nodes[key]
            self._schemas.pop(key, None)
        self._keys = {place: key for place, key in self._keys.items() if key in self._nodes}

    def _list_used(self, operation: dict[str, Any]) -> list[str]:
        """The schemas with faults that an operation leads to."""
        if not self._faults:
            return []
        seen = {"": None}
        stack: list[Any] = [operation]
        while stack:
            for key in list_references(stack.pop()):
                if key not in seen:
                    seen[key] = None
                    stack.append(self._schemas.get(key))
        return [key for key in seen if key in self._faults]

    def _note(self, value: Any, node: Node, name: str = "") -> None:
        """Keep where a value comes from; a schema that is a file needs no other name."""
        around = self._nodes[name].pointer[-1:] if name else ()
        origin = Origin(node.source, node.pointer, "".join(map(str, around)))
        self._origins[id(value)] = (value, origin)

    def _copy(self, node: Node, kind: str) -> Any:
        """A copy of an object, every reference in it followed, what is unused left out."""
        if kind == "schema":
            if not isinstance(node.value, dict if self._minor == 0 else dict | bool):
                problem = node.error("not valid OpenAPI: a schema is due").problems[0]
                self._blame("", problem, node.source)
            return self._schema(node, "")
        node = self._references.follow(node)
        if not isinstance(node.value, dict):
            return node.value
        parts = _GRAMMAR[kind]
        copy: dict[str, Any] = {}
        for name, child in node.members():
            if name in parts:
                copy[name] = self._copy_part(child, parts[name])
            elif name not in _UNUSED and not name.startswith("x-"):
                copy[name] = child.value
        self._note(copy, node)
        return copy

    def _copy_part(self, node: Node, part: str | list[str] | dict[str, str]) -> Any:
        if isinstance(part, str):
            return self._copy(node, part)
        if isinstance(part, list) and isinstance(node.value, list):
            return [self._copy(node.child(index), part[0]) for index in range(len(node.value))]
        if isinstance(part, dict) and isinstance(node.value, dict):
            copy = {
                name: self._copy(child, part[""])
                for name, child in node.members()
                if not name.startswith("x-")
            }
            self._note(copy, node)
            return copy
        return node.value

    def _add_security(self, node: Node, operation: dict[str, Any]) -> None:
        """Add the security schemes that the operation asks for; by itself or by inheritance."""
        root = self._references.root
        required = operation.get("security", root.value.get("security", []))
        operation["security"] = required
        names = [
            name
            for requirement in (required if isinstance(required, list) else ())
            for name in (requirement if isinstance(requirement, dict) else ())
        ]
        for owner in (root, self._references.document_of(node)):
            declared = owner.descend("components", "securitySchemes")
            for name in names if declared is not None else ():
                if declared is not None and name in declared.value and name not in self._schemes:
                    scheme = self._references.follow(declared.child(name))
                    self._schemes[name] = scheme.value
                    self._note(scheme.value, scheme)

    def _schema(self, node: Node, name: str) -> Any:
        value = node.value
        if not isinstance(value, dict):
            return value
        copy: dict[str, Any] = {}
        self._note(copy, node, name)
        self._check(node, name)
        if node.reference is not None:
            copy["$ref"] = self._refer(self._references.target(node.reference, node))
            if self._minor == 0:
                return copy  # what stands beside a reference is ignored in 3.0
        for key, child in node.members():
            if key == "$ref" or key in _LEFT_OUT or key.startswith("x-"):
                continue
            copy[key] = self._schema_member(key, child, name)
        if isinstance(dynamic := node.value.get("$dynamicRef"), str):
            copy["$ref"] = self._refer(self._references.target(dynamic, node))
        self._check_patterns(node, name)
        self._map_discriminator(node, copy)
        return copy

    def _schema_member(self, key: str, node: Node, name: str) -> Any:
        if key in _LITERALS:
            return node.value
        if key in _SCHEMA_MAPS:
            return {member: self._schema(child, name) for member, child in node.members()}
        if isinstance(node.value, list):
            return [self._schema(node.child(index), name) for index in range(len(node.value))]
        return self._schema(node, name)

    def _refer(self, target: Node) -> str:
        """The reference to a schema of this extract, which is added where it is not there yet."""
        place = (target.source.uri, target.pointer)
        if place not in self._keys:
            own = str(target.pointer[-1]) if target.pointer else target.source.name
            wanted = _NO_NAME.sub("_", own) or "_"
            key, number = wanted, 1
            while key in self._nodes:
                number += 1
                key = f"{wanted}-{number}"
            self._keys[place] = key
            self._nodes[key] = target
            self._pending.append(key)
        return f"{SCHEMAS}{self._keys[place]}"

    def _check(self, node: Node, name: str) -> None:
        """Note what breaks the rules of schemas."""
        for keyword, fault in find_faults(node.value, self._minor):
            problem = node.child(keyword).error(f"not valid OpenAPI: {fault}").problems[0]
            self._blame(name, problem, node.source)

    def _blame(self, name: str, problem: Problem, source: Source) -> None:
        self._faults.setdefault(name, []).append((source, problem))

    def _check_patterns(self, node: Node, name: str) -> None:
        """Note patterns that are no regular expressions."""
        named = node.value.get("patternProperties")
        for pattern in (node.value.get("pattern"), *(named if isinstance(named, dict) else ())):
            if not isinstance(pattern, str):
                continue
            from pytest_amberflo.arazzo.regex import check_pattern  # noqa: PLC0415  costly

            try:
                check_pattern(to_python(pattern))
            except ExpressionSyntaxError as error:
                problem = node.error(f"the pattern {error.message}").problems[0]
                self._blame(name, problem, node.source)

    def _map_discriminator(self, node: Node, copy: dict[str, Any]) -> None:
        """Write every value that a discriminator may have, with the schema that it stands for."""
        given = node.value.get("discriminator")
        if not isinstance(given, dict):
            return
        mapping = given.get("mapping", {})
        targets: dict[str, Node] = {}
        for name, target in self._list_forms(node):
            targets.setdefault(name, target)
        for value, reference in mapping.items() if isinstance(mapping, dict) else ():
            if isinstance(reference, str):
                targets[value] = self._find_form(reference, node)
        copy["discriminator"] = {
            **{key: value for key, value in given.items() if not key.startswith("x-")},
            "mapping": {value: self._refer(target) for value, target in targets.items()},
        }
        if isinstance(default := given.get("defaultMapping"), str):
            target = self._find_form(default, node)
            copy["discriminator"]["defaultMapping"] = self._refer(target)

    def _find_form(self, reference: str, node: Node) -> Node:
        for owner in (self._references.document_of(node), self._references.root):
            schemas = owner.descend("components", "schemas")
            if schemas is not None and reference in schemas.value:
                return schemas.child(reference)
        return self._references.target(reference, node)

    def _list_forms(self, node: Node) -> Iterator[tuple[str, Node]]:
        """The forms by their names: of `oneOf` and `anyOf`, else the schemas built on this one."""
        is_listed = False
        for keyword in ("oneOf", "anyOf"):
            forms = node.value.get(keyword)
            for index in range(len(forms) if isinstance(forms, list) else 0):
                is_listed = True
                form = node.child(keyword).child(index)
                if form.reference is not None:
                    target = self._references.target(form.reference, form)
                    yield str(target.pointer[-1]) if target.pointer else "", target
        if not is_listed:
            yield from self._list_heirs(node)

    def _list_heirs(self, node: Node) -> Iterator[tuple[str, Node]]:
        schemas = self._references.document_of(node).descend("components", "schemas")
        found = [(node.source.uri, node.pointer)]
        for name, heir in schemas.members() if schemas is not None else ():
            parts = heir.value.get("allOf") if isinstance(heir.value, dict) else None
            for index in range(len(parts) if isinstance(parts, list) else 0):
                part = heir.child("allOf").child(index)
                if part.reference is None:
                    continue
                target = self._references.target(part.reference, part)
                if (target.source.uri, target.pointer) in found:
                    found.append((heir.source.uri, heir.pointer))
                    yield name, heir

    def _refuse_circle(self, start: str) -> None:
        """Raise DocumentError for a schema that a value must keep before it can keep it."""
        seen, stack = set(), list(list_applied(self._schemas[start]))
        while stack:
            key = stack.pop().rpartition("/")[2]
            if key == start:
                message = f"the schema `{start}` leads back to itself: its `$ref` is a circle"
                raise self._nodes[start].error(message)
            if key not in seen:
                seen.add(key)
                stack.extend(list_applied(self._schemas.get(key)))


def _identify(parameter: Any) -> Any:
    if not isinstance(parameter, dict):
        return None
    name, location = parameter.get("name"), parameter.get("in")
    return (name.lower() if location == "header" and isinstance(name, str) else name), location
