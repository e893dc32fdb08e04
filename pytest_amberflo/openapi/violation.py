"""Violations of a description: what breaks it, where in the message and where in the text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from pytest_amberflo.arazzo.scope import describe_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

    from pytest_amberflo.openapi.extract import Extract

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


class Violation(Struct, frozen=True, kw_only=True):
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
    extract: Extract | None = None,
) -> Iterator[Violation]:
    """The violations that errors of a schema stand for; each alternative by its nearest form.

    `prefix` replaces the `$` of the paths, `extract` knows where schemas stand.
    """
    for error in errors:
        for leaf in _find_leaves(error):
            yield _read_leaf(leaf, check, prefix, extract)


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
    error: ValidationError, check: CheckName, prefix: str, extract: Extract | None
) -> Violation:
    path = (prefix + error.json_path[1:]) if prefix else error.json_path
    if error.validator == "required":
        name = error.message
        path += f".{name}" if name.isidentifier() else f"[{_quote(name)}]"
    origin = extract.origin_of(error.schema) if extract is not None else None
    rule = _word_rule(error)
    return Violation(check=check, path=path, rule=rule, origin=str(origin) if origin else None)


def _word_rule(error: ValidationError) -> str:
    shown = show(error.instance)
    due: Any = error.validator_value
    match error.validator:
        case None:
            return f"{shown} is there, nothing is allowed"
        case "required":
            return "missing"
        case "type":
            names = [due] if isinstance(due, str) else list(due)
            kinds = " or ".join(_KINDS.get(name, str(name)) for name in names)
            return f"{shown} is {describe_type(error.instance)}, {kinds} is due"
        case "enum":
            return f"{shown} is none of {_cut(', '.join(map(show, due)))}"
        case "additionalProperties" | "unevaluatedProperties" if due is False:
            names = json.loads(error.message)
            return f"{_cut(', '.join(map(show, names)))} must not be there"
        case "oneOf" | "anyOf":
            if error.validator == "oneOf" and not error.context:
                return f"{shown} is of several forms, exactly one is allowed"
            return f"{shown} is of none of the {len(due)} forms that are allowed"
        case "readOnly" | "writeOnly":
            return f"{shown} {error.message}"
    # Messages hold the whole value.
    whole = repr(error.instance)
    message = error.message if len(whole) <= _LONGEST else error.message.replace(whole, shown)
    return f"{_cut(message, 2 * _LONGEST)} ({error.validator}: {show(due)})"


def _quote(name: str) -> str:
    """The name as JSONPath quotes it: between single quotes, unless it has one."""
    return json.dumps(name, ensure_ascii=False) if "'" in name or "\\" in name else f"'{name}'"


def show(value: Any) -> str:
    """The value as JSON, cut to what fits a line."""
    try:
        return _cut(json.dumps(value, ensure_ascii=False, default=str))
    except (RecursionError, ValueError):
        return describe_type(value)


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
