"""Schemas against the rules of their own version: which keywords there are, and what each takes.

OpenAPI 3.0, Schema Object; JSON Schema 2020-12. What a keyword holds is looked at one level deep,
where the schema is read anyway: the metaschemas take seconds for a large description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_schema, value))


def _is_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


def _is_type(value: Any) -> bool:
    return value in _TYPES[:-1] if isinstance(value, str) else False


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_names, value.values()))


def _is_types(value: Any) -> bool:
    names = value if isinstance(value, list) and value else [value]
    return all(isinstance(name, str) and name in _TYPES for name in names)


def _is_discriminator(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("propertyName"), str):
        return False
    mapping = value.get("mapping", {})
    return isinstance(mapping, dict) and all(isinstance(form, str) for form in mapping.values())


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


_Rule = tuple["Callable[[Any], bool]", str]
_COUNT: Final[_Rule] = (_is_count, "a whole number from 0 on")
_NUMBER: Final[_Rule] = (_is_number, "a number")
_FLAG: Final[_Rule] = (_is_flag, "true or false")
_TEXT: Final[_Rule] = (_is_text, "a string")
_SCHEMA: Final[_Rule] = (_is_schema, "a schema")
_OBJECT: Final[_Rule] = (_is_object, "an object")
_SCHEMAS: Final[_Rule] = (_is_schemas, "a list of schemas, one at least")
_MAP: Final[_Rule] = (_is_map, "an object of schemas")
_NAMES: Final[_Rule] = (_is_names, "a list of names")
_LIST: Final[_Rule] = (_is_list, "a list")

_COMMON: Final[dict[str, _Rule]] = {
    "multipleOf": (_is_positive, "a number above 0"),
    "maximum": _NUMBER,
    "minimum": _NUMBER,
    "maxLength": _COUNT,
    "minLength": _COUNT,
    "pattern": _TEXT,
    "maxItems": _COUNT,
    "minItems": _COUNT,
    "uniqueItems": _FLAG,
    "maxProperties": _COUNT,
    "minProperties": _COUNT,
    "required": _NAMES,
    "enum": _LIST,
    "allOf": _SCHEMAS,
    "oneOf": _SCHEMAS,
    "anyOf": _SCHEMAS,
    "not": _SCHEMA,
    "items": _SCHEMA,
    "properties": _MAP,
    "additionalProperties": _SCHEMA,
    "format": _TEXT,
    "title": _TEXT,
    "description": _TEXT,
    "readOnly": _FLAG,
    "writeOnly": _FLAG,
    "deprecated": _FLAG,
    "discriminator": (_is_discriminator, "a `propertyName` and a `mapping` of strings"),
    "xml": _OBJECT,
    "externalDocs": _OBJECT,
}
_OLD: Final[dict[str, _Rule]] = {
    **_COMMON,
    "type": (_is_type, "one of string, number, integer, boolean, array, object"),
    "exclusiveMaximum": _FLAG,
    "exclusiveMinimum": _FLAG,
    "nullable": _FLAG,
    "items": _OBJECT,
    "not": _OBJECT,
}
#: Keywords of 3.0 that take any value.
_OLD_ANY: Final = frozenset(("default", "example", "$ref", "definitions", "$defs"))
_NEW: Final[dict[str, _Rule]] = {
    **_COMMON,
    "type": (_is_types, f"one or more of {', '.join(_TYPES)}"),
    "exclusiveMaximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "prefixItems": _SCHEMAS,
    "contains": _SCHEMA,
    "minContains": _COUNT,
    "maxContains": _COUNT,
    "patternProperties": _MAP,
    "propertyNames": _SCHEMA,
    "dependentSchemas": _MAP,
    "dependentRequired": (_is_dependencies, "an object of lists of names"),
    "unevaluatedItems": _SCHEMA,
    "unevaluatedProperties": _SCHEMA,
    "if": _SCHEMA,
    "then": _SCHEMA,
    "else": _SCHEMA,
    "contentSchema": _SCHEMA,
    "contentMediaType": _TEXT,
    "contentEncoding": _TEXT,
    "examples": _LIST,
    "$defs": _MAP,
    "$ref": _TEXT,
    "$id": _TEXT,
}


def find_faults(schema: Mapping[str, Any], minor: int) -> Iterator[tuple[str, str]]:
    """Keyword and fault of each keyword that breaks the rules of version 3.`minor`."""
    if minor == 0 and isinstance(schema.get("$ref"), str):
        return  # all else is ignored
    rules = _OLD if minor == 0 else _NEW
    for keyword, value in schema.items():
        if keyword in rules:
            is_right, due = rules[keyword]
            if not is_right(value):
                yield keyword, f"`{keyword}` takes {due}"
        elif minor == 0 and keyword not in _OLD_ANY and not keyword.startswith("x-"):
            yield keyword, f"schemas of OpenAPI 3.0 have no `{keyword}`"
