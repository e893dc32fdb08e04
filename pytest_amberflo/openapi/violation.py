"""Violations of a description: what breaks it, where in the message and where in the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pytest_amberflo.arazzo.scope import describe_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

    from pytest_amberflo.arazzo.source import Source

#: The kinds of check that `amberflo_severity` can turn down.
CheckName: TypeAlias = Literal["request", "status", "content-type", "response-schema"]

_LONGEST: Final = 80
_KINDS: Final = {
    "string": "a string",
    "number": "a number",
    "integer": "an integer",
    "object": "an object",
    "array": "an array",
    "boolean": "a boolean",
    "null": "null",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One way in which a message breaks its description."""

    check: CheckName
    #: A JSON path into the body (`$.clientMeters`), or a part of the message (`header X-API-KEY`).
    path: str
    #: What stands there against what is due, in one line.
    rule: str
    #: `file:line` of the rule in the description, with the schema's name; None where unknown.
    origin: str | None = None


def read_schema_errors(
    errors: tuple[ValidationError, ...],
    check: CheckName,
    *,
    prefix: str = "",
    source: Source | None = None,
    schema_at: tuple[str | int, ...] = (),
) -> Iterator[Violation]:
    """The violations that errors of a schema stand for; each alternative by its nearest form.

    `prefix` replaces the `$` of the paths, `schema_at` is where the schema stands in `source`.
    """
    for error in errors:
        for leaf in _find_leaves(error):
            yield from _read_leaf(leaf, check, prefix, source, schema_at)


def _find_leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors that tell most: of alternatives, those of the one that fits best."""
    if error.validator not in ("oneOf", "anyOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [
        found
        for found in branches.values()
        if not any(e.validator == "type" and not e.path for e in found)
    ]
    if len(fitting) != 1:
        yield error
        return
    for inner in fitting[0]:
        yield from _find_leaves(inner)


def _read_leaf(
    error: ValidationError,
    check: CheckName,
    prefix: str,
    source: Source | None,
    schema_at: tuple[str | int, ...],
) -> Iterator[Violation]:
    path = (prefix + error.json_path[1:]) if prefix else error.json_path
    origin = None
    if source is not None:
        origin = _locate_rule(source, schema_at, tuple(error.absolute_schema_path))
    shown = _show(error.instance)
    due: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    match error.validator:
        case "required":
            yield from _read_missing(error, check, path, origin)
            return
        case "type":
            names = [due] if isinstance(due, str) else list(due)
            kinds = " or ".join(_KINDS.get(name, str(name)) for name in names)
            rule = f"{shown} is {describe_type(error.instance)}, {kinds} is due"
        case "enum":
            rule = f"{shown} is none of {', '.join(map(_show, due))}"
        case "additionalProperties" | "unevaluatedProperties" if due is False:
            known = schema.get("properties", {})
            names = [name for name in instance if name not in known]
            rule = f"{', '.join(map(_show, names))} must not be there"
        case "oneOf" | "anyOf":
            rule = f"{shown} is of none of the {len(due)} forms that are allowed"
            if error.validator == "oneOf" and not error.context:
                rule = f"{shown} is of several forms, exactly one is allowed"
        case _:
            rule = f"{error.message} ({error.validator}: {_show(due)})"
    yield Violation(check=check, path=path, rule=rule, origin=origin)


def _read_missing(
    error: ValidationError, check: CheckName, path: str, origin: str | None
) -> Iterator[Violation]:
    # jsonschema yields one error a name; its message is the only place that says which.
    name = error.message.partition("'")[2].partition("' is a required")[0]
    member = f".{name}" if name.isidentifier() else f"['{name}']"
    yield Violation(check=check, path=path + member, rule="missing", origin=origin)


def _locate_rule(
    source: Source, start: tuple[str | int, ...], schema_path: tuple[str | int, ...]
) -> str | None:
    """`file:line  Name` of the schema that a rule belongs to."""
    pointer, name = start, ""
    for part in schema_path[:-1]:
        pointer, name = _follow_references(source.data, pointer, name)
        if part != "$ref":
            pointer = (*pointer, part)
    pointer, name = _follow_references(source.data, pointer, name)
    if _at(source.data, pointer) is None:
        return None
    line = source.locate(pointer, key=True).line
    return f"{source.name}:{line}  {name}".rstrip()


def _follow_references(
    data: Any, pointer: tuple[str | int, ...], name: str
) -> tuple[tuple[str | int, ...], str]:
    for _ in range(50):
        value = _at(data, pointer)
        reference = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        tokens = reference[2:].split("/")
        pointer = tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)
        name = str(pointer[-1])
    return pointer, name


def locate_schema(
    source: Source, body_at: tuple[str | int, ...], media_type: str
) -> tuple[str | int, ...]:
    """The pointer of the schema of a request or response body, its reference followed."""
    pointer, _ = _follow_references(source.data, body_at, "")
    return (*pointer, "content", media_type, "schema")


def _at(data: Any, pointer: tuple[str | int, ...]) -> Any:
    for token in pointer:
        if isinstance(data, dict):
            data = data.get(str(token))
        elif isinstance(data, list) and isinstance(token, int) and token < len(data):
            data = data[token]
        else:
            return None
    return data


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
