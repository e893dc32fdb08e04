"""Values of a document in which runtime expressions stand: compiled once, rendered per run.

A string that is an expression yields the expression's value with its type. An expression in
braces inside a longer string becomes text: scalars as they print in JSON, strings as they are,
structures as JSON (Arazzo 1.1.0, "Runtime Expressions"). A rendered value is data: what looks
like an expression in it is not evaluated again.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError
from pytest_amberflo.arazzo.grammar import (
    SOURCES,
    Within,
    is_expression,
    leading_word,
    parse_expression,
    read_expression,
)
from pytest_amberflo.arazzo.scope import ABSENT, Scope, evaluate
from pytest_amberflo.arazzo.selector import (
    VERSIONS,
    Query,
    Selector,
    check_query,
    default_version,
    select,
)
from pytest_amberflo.arazzo.written import Written
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_amberflo.arazzo.expression import Expression
    from pytest_amberflo.arazzo.source import Pointer


class Literal(Struct, frozen=True):
    """A value without expressions."""

    value: Any


class Reference(Struct, frozen=True):
    """A string that is one expression."""

    expression: Expression


class Interpolation(Struct, frozen=True):
    """A string with expressions in braces among literal text."""

    parts: tuple[str | Expression, ...]


class Selected(Struct, frozen=True):
    """An object that is a selector (Arazzo 1.1)."""

    selector: Selector


class ListTemplate(Struct, frozen=True):
    """An array with expressions somewhere in it."""

    items: tuple[Template, ...]


class MapTemplate(Struct, frozen=True):
    """An object with expressions somewhere in its values; member names are literal."""

    members: tuple[tuple[str, Template], ...]


Template: TypeAlias = Literal | Reference | Interpolation | Selected | ListTemplate | MapTemplate


def compile_template(value: Any, *, selectors: bool = False) -> Template:
    """The template of a document's value. Raises ExpressionSyntaxError for a bad expression.

    With `selectors`, an object of `context`, `selector` and `type` is a selector (Arazzo 1.1).
    """
    if isinstance(value, list | dict):
        return _compile_written(Written(value), selectors=selectors)
    return _compile(value, selectors=selectors)


@lru_cache(maxsize=1024)
def _compile_written(written: Written, *, selectors: bool) -> Template:
    return _compile(written.value, selectors=selectors)


def _compile(value: Any, *, selectors: bool) -> Template:
    if isinstance(value, str):
        return compile_string(value)
    if isinstance(value, list):
        items = tuple(_compile(item, selectors=selectors) for item in value)
        return _literal_or(ListTemplate(items), value, items)
    if isinstance(value, dict):
        if selectors and is_selector(value):
            return Selected(compile_selector(value))
        members = tuple(
            (name, _compile(member, selectors=selectors)) for name, member in value.items()
        )
        return _literal_or(MapTemplate(members), value, tuple(item for _, item in members))
    return Literal(value)


def is_selector(value: Any) -> bool:
    """Whether an object has the three members of a selector, and no others but extensions."""
    if not isinstance(value, dict) or not value.keys() >= {"context", "selector", "type"}:
        return False
    return all(name.startswith("x-") for name in value.keys() - {"context", "selector", "type"})


def compile_selector(value: Mapping[str, Any]) -> Selector:
    """The selector that an object is. Raises ExpressionSyntaxError."""
    query = make_query(str(value["selector"]), value["type"])
    check_query(query)
    return Selector(parse_expression(str(value["context"])), query)


def make_query(text: str, declared: Any) -> Query:
    """The query that a text is, of the declared kind and version. Raises ExpressionSyntaxError."""
    kind, version = read_type(declared)
    if kind not in VERSIONS:
        known = tuple(VERSIONS)
        raise ExpressionSyntaxError(kind, 0, "a kind of query", name=kind, candidates=known)
    if version is not None and version not in VERSIONS[kind]:
        known = VERSIONS[kind]
        raise ExpressionSyntaxError(
            version, 0, f"a version of {kind}", name=version, candidates=known
        )
    return Query(text, kind, version or default_version(kind))


def read_type(declared: Any) -> tuple[str, str | None]:
    """The kind and version that an Expression Type Object or a plain name stands for."""
    if isinstance(declared, dict):
        return str(declared.get("type")), str(declared.get("version"))
    return str(declared), None


@lru_cache(maxsize=4096)
def compile_string(text: str) -> Template:
    """The template of one string. Raises ExpressionSyntaxError for a bad expression in it."""
    if is_expression(text):
        return Reference(parse_expression(text))
    if "{$" in text:
        return _compile_interpolation(text)
    word = leading_word(text)
    if word is not None and text[len(word) + 1 : len(word) + 2] == ".":
        if f"${word}" in SOURCES:  # one that has no members
            parse_expression(text)
        near = find_nearest(f"${word}", SOURCES)
        if near is not None:
            # Sent as it stands it would be a constant, the same for everybody.
            raise ExpressionSyntaxError(
                text, 0, "a runtime expression", name=f"${word}", candidates=SOURCES
            )
    return Literal(text)


def compile_embedded(text: str) -> Template:
    """The template of a text in which expressions stand in braces only, as in conditions."""
    return _compile_interpolation(text) if "{$" in text else Literal(text)


def find_syntax_errors(
    value: Any, pointer: Pointer = (), *, selectors: bool = False
) -> Iterator[tuple[Pointer, ExpressionSyntaxError]]:
    """Every bad expression in a document's value, each with its place relative to the value."""
    if isinstance(value, str) or (selectors and is_selector(value)):
        try:
            compile_template(value, selectors=selectors)
        except ExpressionSyntaxError as error:
            yield pointer, error
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_syntax_errors(item, (*pointer, index), selectors=selectors)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from find_syntax_errors(member, (*pointer, name), selectors=selectors)


def find_expressions(
    template: Template, pointer: Pointer = ()
) -> Iterator[tuple[Pointer, Expression]]:
    """Every expression in a template, each with its place relative to the template."""
    match template:
        case Reference(expression):
            yield pointer, expression
        case Selected(selector):
            yield (*pointer, "context"), selector.context
        case Interpolation(parts):
            yield from ((pointer, part) for part in parts if not isinstance(part, str))
        case ListTemplate(items):
            for index, item in enumerate(items):
                yield from find_expressions(item, (*pointer, index))
        case MapTemplate(members):
            for name, member in members:
                yield from find_expressions(member, (*pointer, name))


def render(template: Template, scope: Scope) -> Any:
    """The value of a template in a scope; members and elements that are ABSENT are left out.

    Returns ABSENT itself when the template as a whole is an absent input. Raises
    EvaluationError.
    """
    # Steps, outputs and criteria render some twenty of them: a `match` takes twice as long.
    if isinstance(template, Reference):
        return evaluate(template.expression, scope)
    if isinstance(template, Literal):
        return template.value
    if isinstance(template, MapTemplate):
        members = {}
        for name, member in template.members:
            value = render(member, scope)
            if value is not ABSENT:
                members[name] = value
        return members
    if isinstance(template, ListTemplate):
        rendered = [render(item, scope) for item in template.items]
        return [value for value in rendered if value is not ABSENT]
    if isinstance(template, Selected):
        return select(template.selector, scope)
    return interpolate(template, scope)


def interpolate(
    template: Interpolation, scope: Scope, escape: Callable[[str, str], str] | None = None
) -> str:
    """The text of an interpolation. Raises EvaluationError.

    `escape` gets the text so far and the text of a value, and returns what is to be put there.
    """
    text = ""
    for part in template.parts:
        if isinstance(part, str):
            text += part
        else:
            value = _embed(part, scope)
            text += value if escape is None else escape(text, value)
    return text


def to_text(value: Any) -> str:
    """The value as it stands inside a string: strings as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _embed(expression: Expression, scope: Scope) -> str:
    value = evaluate(expression, scope)
    if value is ABSENT:
        reason = "the input is not given, and a text around it cannot leave it out"
        raise EvaluationError(str(expression), reason)
    return to_text(value)


def _literal_or(template: Template, value: Any, inner: tuple[Template, ...]) -> Template:
    return Literal(value) if all(isinstance(item, Literal) for item in inner) else template


def _compile_interpolation(text: str) -> Interpolation:
    parts: list[str | Expression] = []
    literal_from = 0
    while (brace := text.find("{$", literal_from)) >= 0:
        if brace > literal_from:
            parts.append(text[literal_from:brace])
        expression, end = read_expression(text, brace + 1, Within.BRACES)
        if text[end : end + 1] != "}":
            raise ExpressionSyntaxError(text, end, "`}`")
        parts.append(expression)
        literal_from = end + 1
    if literal_from < len(text):
        parts.append(text[literal_from:])
    return Interpolation(tuple(parts))
