"""Schemas of inputs that say all there is to say: plain ones, without references."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.arazzo.acceptor import Compiler
from pytest_amberflo.arazzo.input_format import CHECKED
from pytest_amberflo.arazzo.plain_schema import is_plain_schema
from pytest_amberflo.arazzo.written import Derived, Written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.acceptor import Accept


class PlainInputs(Struct, frozen=True, kw_only=True):
    """What a plain schema says, which has no references: nothing beside its own text matters."""

    schema: Mapping[str, Any]
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    is_open: bool
    accept: Accept


@lru_cache(maxsize=64)
def _read_plain(written: Written) -> PlainInputs | None:
    """What a schema says, where it is a plain one; that takes 0.1 ms to find out."""
    schema = written.value
    members = schema.get("properties", {})
    if not is_plain_schema(schema) or not all(isinstance(m, dict) for m in members.values()):
        return None
    others = schema.get("additionalProperties")
    return PlainInputs(
        schema=schema,
        properties=members,
        required=tuple(schema.get("required", ())),
        is_open=others is True or isinstance(others, dict),
        accept=compile_inputs(schema),
    )


def compile_inputs(schema: Any) -> Accept:
    """What surely accepts values of a schema; it follows no references."""
    return Compiler(resolve=lambda _: None, formats=CHECKED).compile(schema)


def share_schema(schema: Any) -> Any:
    """The schema, one for all workflows that have the same, where it is a plain one."""
    plain = find_plain(schema)
    return schema if plain is None else plain.schema


def find_plain(schema: Any) -> PlainInputs | None:
    """What a schema says, where it is a plain one; at once where the very same has been seen."""
    if not isinstance(schema, dict):
        return None
    plain = _SEEN.find(schema)
    if plain is None:
        plain = _read_plain(Written(schema))
        if plain is not None:
            _SEEN.keep(plain, schema)
    return plain


_SEEN: Final[Derived[PlainInputs]] = Derived(256)
