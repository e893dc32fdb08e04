"""Schemas of OpenAPI 3.0, 3.1 and 3.2 as validators, for what is sent and for what comes back.

They stand on those of openapi-schema-validator. Here are the keywords in which a right value
would be refused there or a wrong one pass, or that a document could use to stop a run.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from openapi_schema_validator import OAS30Validator, OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from pytest_amberflo.arazzo.regex import search
from pytest_amberflo.openapi.formats import make_format_checker
from pytest_amberflo.openapi.pattern import to_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Schemas with a discriminator that a value is being judged by: of an instance, by identity.
_CHOSEN: Final[ContextVar[frozenset[tuple[int, int]]]] = ContextVar("_CHOSEN")
_DRAFT: Final[Mapping[str, Any]] = Draft202012Validator.VALIDATORS
_MAX_REFS: Final = 50


def find_errors(
    schema: Any, value: Any, *, minor: int, is_sent: bool, document: Mapping[str, Any]
) -> tuple[ValidationError, ...]:
    """Every error of a value under a schema of a document of version 3.`minor`.

    `document` is what `#/...` refers to. Of `required` the message is the name that is missing,
    of `additionalProperties` the names that must not be there, as JSON. Raises RecursionError for
    a value that is nested too deeply, EvaluationError for a pattern that takes too long.
    """
    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(document))
    kind = _KINDS[minor > 0, is_sent]
    validator = kind(schema, _resolver=registry.resolver(), format_checker=_FORMATS)
    token = _CHOSEN.set(frozenset())
    try:
        return tuple(validator.iter_errors(value))
    finally:
        _CHOSEN.reset(token)


def _type(validator: Any, due: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """`type` of 3.0, where `nullable` belongs to it."""
    if value is None and schema.get("nullable") is True:
        return
    if not validator.is_type(value, due):
        yield ValidationError(f"{value!r} is not of type {due!r}")


def _items(validator: Any, items: Any, value: Any, _: Any) -> Iterator[Any]:
    """`items` of 3.0."""
    if validator.is_type(value, "array"):
        for index, item in enumerate(value):
            yield from validator.descend(item, items, path=index)


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[Any]:
    if validator.is_type(value, "string") and not search(to_python(pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, value: Any, _: Any) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    for pattern, schema in patterns.items():
        for name, member in value.items():
            if search(to_python(pattern), name):
                yield from validator.descend(member, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, due: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    known = schema.get("properties", {})
    patterns = [to_python(pattern) for pattern in schema.get("patternProperties", {})]
    extras = [
        name
        for name in value
        if name not in known and not any(search(pattern, name) for pattern in patterns)
    ]
    if due is False and extras:
        yield ValidationError(json.dumps(extras))
    elif isinstance(due, dict):
        for name in extras:
            yield from validator.descend(value[name], due, path=name)


def _unevaluated_properties(
    validator: Any, due: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[Any]:
    for error in _DRAFT["unevaluatedProperties"](validator, due, value, schema):
        if due is False:
            # jsonschema names them in its message alone.
            names = [name for name in value if repr(name) in error.message]
            yield ValidationError(json.dumps(names))
        else:
            yield error


def _required_for(keyword: str) -> Any:
    """`required`, but for members that are only for the other direction."""

    def required(
        validator: Any, names: Any, value: Any, schema: Mapping[str, Any]
    ) -> Iterator[Any]:
        if not validator.is_type(value, "object"):
            return
        for name in names:
            if name not in value and not _has_mark(validator, schema, name, keyword):
                yield ValidationError(name)

    return required


def _dependent_required(validator: Any, due: Any, value: Any, _: Any) -> Iterator[Any]:
    if validator.is_type(value, "object"):
        for name, others in due.items():
            for other in others if name in value else ():
                if other not in value:
                    yield ValidationError(other, validator="required")


def _has_mark(validator: Any, schema: Mapping[str, Any], name: str, keyword: str) -> bool:
    """Whether a member is marked `readOnly` or `writeOnly`, in place or behind its reference."""
    member, resolver = schema.get("properties", {}).get(name), validator._resolver  # noqa: SLF001
    for _ in range(_MAX_REFS):
        if not isinstance(member, dict):
            return False
        if member.get(keyword) is True:
            return True
        if not isinstance(member.get("$ref"), str):
            return False
        found = resolver.lookup(member["$ref"])
        member, resolver = found.contents, found.resolver
    return False


def _refuse_marked(message: str) -> Any:
    def refuse(_: Any, is_marked: Any, __: Any, ___: Any) -> Iterator[Any]:
        if is_marked is True:
            yield ValidationError(message)

    return refuse


def _multiple_of(validator: Any, due: Any, value: Any, _: Any) -> Iterator[Any]:
    """`multipleOf` in decimals: 19.99 is a multiple of 0.01, which binary fractions deny."""
    if not validator.is_type(value, "number"):
        return
    try:
        quotient = Decimal(repr(value)) / Decimal(repr(due))
        is_whole = quotient == quotient.to_integral_value()
    except (InvalidOperation, ArithmeticError):
        is_whole = False
    if not is_whole:
        yield ValidationError(f"{value!r} is not a multiple of {due!r}")


def _unique_items(validator: Any, due: Any, value: Any, _: Any) -> Iterator[Any]:
    """`uniqueItems` in one pass; jsonschema compares each item with every other."""
    if due is not True or not validator.is_type(value, "array"):
        return
    seen: dict[Any, int] = {}
    for index, item in enumerate(value):
        first = seen.setdefault(_freeze(item), index)
        if first != index:
            yield ValidationError(f"items {first} and {index} are equal")


def _freeze(value: Any) -> Any:
    """A hashable value that is equal for equal JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _freeze(member)) for name, member in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_freeze, value)))
    return (isinstance(value, bool), value)


def _forms(keyword: str) -> Any:
    """`oneOf` and `anyOf`, of which a discriminator chooses where there is one."""

    def forms(validator: Any, due: Any, value: Any, schema: Any) -> Iterator[Any]:
        if not _is_decided(validator, value, schema, due):
            yield from _DRAFT[keyword](validator, due, value, schema)

    return forms


def _is_decided(validator: Any, value: Any, schema: Any, forms: Any) -> bool:
    """Whether the discriminator alone says which form a value is of."""
    given = schema.get("discriminator")
    if not isinstance(given, dict) or not validator.is_type(value, "object"):
        return False
    name, mapping = given.get("propertyName"), given.get("mapping", {})
    kind = value.get(name)
    if "defaultMapping" in given or (isinstance(kind, str) and kind in mapping):
        return True
    return all(isinstance(form, dict) and "$ref" in form for form in forms)


def _discriminator(validator: Any, given: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(given, dict) or not validator.is_type(value, "object"):
        return
    name, mapping = given.get("propertyName"), given.get("mapping", {})
    forms = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    kind = value.get(name)
    reference = mapping.get(kind) if isinstance(kind, str) else None
    reference = reference or given.get("defaultMapping")
    if reference is None:
        if forms and _is_decided(validator, value, schema, forms):
            yield _unknown_form(str(name), value, mapping)
        return
    mark = (id(value), id(schema))
    chosen = _CHOSEN.get()
    if mark in chosen:
        return  # the form is built on this schema and leads back to it
    token = _CHOSEN.set(chosen | {mark})
    try:
        errors = list(validator.descend(value, {"$ref": reference}))
    finally:
        _CHOSEN.reset(token)
    yield from errors


def _unknown_form(name: str, value: Any, mapping: Mapping[str, str]) -> ValidationError:
    if name not in value:
        return ValidationError(name, validator="required")
    error = ValidationError("", validator="enum", validator_value=list(mapping))
    error.instance = value[name]
    error.path.append(name)
    return error


_FORMATS: Final = make_format_checker()
_OWN: Final = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
    "allOf": _DRAFT["allOf"],
    "oneOf": _forms("oneOf"),
    "anyOf": _forms("anyOf"),
    "discriminator": _discriminator,
    "format": _DRAFT["format"],
}
_SENT: Final = {
    "required": _required_for("readOnly"),
    "readOnly": _refuse_marked("is read-only and must not be sent"),
}
_RECEIVED: Final = {
    "required": _required_for("writeOnly"),
    "writeOnly": _refuse_marked("is write-only and must not be sent back"),
}
_OLD: Final = {**_OWN, "type": _type, "items": _items}
_NEW: Final = {
    **_OWN,
    "dependentRequired": _dependent_required,
    "unevaluatedProperties": _unevaluated_properties,
}
del _OLD["patternProperties"]
#: By whether the version is above 3.0, and whether the value is sent.
_extend: Final[Any] = validators.extend
_KINDS: Final[Mapping[tuple[bool, bool], Any]] = {
    (False, True): _extend(OAS30Validator, {**_OLD, **_SENT}),
    (False, False): _extend(OAS30Validator, {**_OLD, **_RECEIVED}),
    (True, True): _extend(OAS31Validator, {**_NEW, **_SENT}),
    (True, False): _extend(OAS31Validator, {**_NEW, **_RECEIVED}),
}
