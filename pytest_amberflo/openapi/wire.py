"""The parameters of a request as openapi-core looks for them.

It reads each style by keys and separators of its own: a label is under `.name`, an exploded
object of a form is one text under its own name, spaces of a delimited list are still `%20`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from pytest_amberflo.http.exchange import find_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.operation import Operation, OperationParameter
    from pytest_amberflo.http.exchange import Request


def read_path(operation: Operation, texts: Mapping[str, str]) -> dict[str, str]:
    """The path parameters, decoded, under the key that the style of each asks for."""
    values: dict[str, str] = {}
    for name, text in texts.items():
        parameter = operation.find_parameter(name, "path")
        prefix = {"label": ".", "matrix": ";"}.get(parameter.style if parameter else "", "")
        star = "*" if prefix and parameter is not None and parameter.explode else ""
        values[f"{prefix}{name}{star}"] = unquote(text)
    return values


def read_query(operation: Operation, request: Request) -> list[tuple[str, str]]:
    """The pairs of the query, decoded, with exploded objects put together again."""
    raw = urlsplit(request.url).query
    pairs = parse_qsl(raw, keep_blank_values=True)
    declared = {p.name: p for p in operation.parameters if p.location == "query"}
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        parameter = declared.get(name)
        if parameter is not None and parameter.style == "spaceDelimited":
            found.append((name, value.replace(" ", "%20")))
        else:
            found.append((name, value))
    for parameter in declared.values():
        members = _members_of(parameter, pairs, declared)
        if members:
            text = "&".join(f"{name}={value}" for name, value in members)
            found.append((parameter.name, text))
    return found


def read_cookies(request: Request) -> list[tuple[str, str]]:
    """The pairs of the Cookie header, decoded."""
    header = find_header(request.headers, "cookie") or ""
    pairs = (part.partition("=") for part in header.split(";"))
    return [(name.strip(), unquote_plus(value.strip())) for name, equals, value in pairs if equals]


def _members_of(
    parameter: OperationParameter,
    pairs: list[tuple[str, str]],
    declared: Mapping[str, OperationParameter],
) -> list[tuple[str, str]]:
    """The members of an object that stands in the query as pairs of its own, without its name."""
    schema = parameter.schema
    is_object = isinstance(schema, dict) and schema.get("type") == "object"
    if not is_object or parameter.style != "form" or not parameter.explode:
        return []
    return [(name, value) for name, value in pairs if name not in declared]
