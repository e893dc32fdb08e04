"""Selectors: a query into a value, by JSONPath, XPath or JSON Pointer (Arazzo 1.1).

A query that finds one node yields its value, several yield a list, none is an error. Of XML, an
element or attribute yields its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError, UnresolvedError
from pytest_amberflo.arazzo.scope import ABSENT, Unknown, describe_type, evaluate, resolve_pointer

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.expression import Expression
    from pytest_amberflo.arazzo.scope import Scope

#: Kind of query to the versions that it has; the first is the default.
VERSIONS: Final[dict[str, tuple[str, ...]]] = {
    "jsonpath": ("rfc9535", "draft-goessner-dispatch-jsonpath-00"),
    "xpath": ("xpath-31", "xpath-30", "xpath-20", "xpath-10"),
    "jsonpointer": ("rfc6901",),
}


class Query(Struct, frozen=True):
    """A query of a kind and version."""

    text: str
    kind: str
    version: str


class Selector(Struct, frozen=True):
    """A query into the value of an expression (Selector Object)."""

    context: Expression
    query: Query


def default_version(kind: str) -> str:
    """The version of a kind of query that is meant where none is named."""
    return VERSIONS[kind][0]


def check_query(query: Query) -> None:
    """Raise ExpressionSyntaxError for a query that does not parse."""
    match query.kind:
        case "jsonpath":
            from pytest_amberflo.arazzo.jsonpath import check_jsonpath  # noqa: PLC0415  costly

            check_jsonpath(query.text, query.version)  # type: ignore[arg-type]
        case "xpath":
            from pytest_amberflo.arazzo.xpath import check_xpath  # noqa: PLC0415  costly

            check_xpath(query.text, query.version)
        case _:
            parse_pointer(query.text)


def parse_pointer(text: str) -> tuple[str, ...]:
    """The tokens of a JSON Pointer, with or without `#`. Raises ExpressionSyntaxError."""
    body = text.removeprefix("#")
    if body and not body.startswith("/"):
        raise ExpressionSyntaxError(text, 0, "a JSON Pointer that starts with `/`")
    tokens = body.split("/")[1:]
    for token in tokens:
        if token.replace("~0", "").replace("~1", "").count("~"):
            offset = text.find("~")
            raise ExpressionSyntaxError(text, max(0, offset), "`~0` or `~1`")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def select(selector: Selector, scope: Scope) -> Any:
    """The value that a selector yields; ABSENT where its context is an absent input.

    Raises EvaluationError.
    """
    value = evaluate(selector.context, scope)
    if value is ABSENT or isinstance(value, Unknown):
        return value
    query = selector.query
    if query.kind == "jsonpointer":
        return resolve_pointer(require_json(value, query), parse_pointer(query.text), query.text)
    found = _query(query, value)
    if not found:
        raise UnresolvedError(query.text, f"finds nothing in {describe_type(value)}")
    return found[0] if len(found) == 1 else found


def require_json(value: Any, query: Query) -> Any:
    """The value, where it is structured. Raises EvaluationError for text and binary data."""
    if isinstance(value, str | bytes):
        raise EvaluationError(query.text, f"the context is no JSON but {describe_type(value)}")
    return value


def _query(query: Query, value: Any) -> list[Any]:
    if query.kind == "jsonpath":
        from pytest_amberflo.arazzo.jsonpath import query_jsonpath  # noqa: PLC0415  costly

        nodes = query_jsonpath(query.text, require_json(value, query), query.version)  # type: ignore[arg-type]
        return [node.value for node in nodes]
    from pytest_amberflo.arazzo.xpath import read_xml, select_xpath  # noqa: PLC0415  costly

    return select_xpath(query.text, read_xml(value, query.text), query.version)
