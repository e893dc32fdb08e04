"""Replacements: values set at places of a payload (Payload Replacement Object).

A target must lead somewhere, but for one thing: the last token of a JSON Pointer may name a member
that an object does not have yet, or the end of an array (`-` or its length). Where a query finds
several places, each is set. The value that the payload came from is left alone.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError, UnresolvedError
from pytest_amberflo.arazzo.scope import ABSENT, describe_type, read_index, resolve_pointer
from pytest_amberflo.arazzo.selector import Query, default_version, parse_pointer
from pytest_amberflo.arazzo.template import render, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.arazzo.model import Replacement
    from pytest_amberflo.arazzo.scope import Scope


def replace_in_json(payload: Any, replacements: Sequence[Replacement], scope: Scope) -> Any:
    """A copy of a JSON value with the replacements made in order. Raises EvaluationError."""
    result = copy.deepcopy(payload)
    for replacement in replacements:
        value = render(replacement.value, scope)
        if value is ABSENT:
            continue
        query = replacement.selector or Query(replacement.target, "jsonpointer", "rfc6901")
        if query.kind == "xpath":
            raise EvaluationError(query.text, "an XPath target needs an XML payload")
        for path in _find_paths(query, result):
            result = _set(result, path, copy.deepcopy(value), query.text)
    return result


def replace_in_xml(text: str, replacements: Sequence[Replacement], scope: Scope) -> str:
    """The XML text with the replacements made, in their order. Raises EvaluationError."""
    from pytest_amberflo.arazzo.xpath import (  # noqa: PLC0415  costly
        read_xml,
        replace_xpath,
        write_xml,
    )

    xml = read_xml(text, "the payload")
    for replacement in replacements:
        value = render(replacement.value, scope)
        if value is ABSENT:
            continue
        target = replacement.target
        query = replacement.selector or Query(target, "xpath", default_version("xpath"))
        if query.kind != "xpath":
            raise EvaluationError(target, f"a {query.kind} target needs a JSON payload")
        if replace_xpath(query.text, xml, query.version, to_text(value)) == 0:
            raise UnresolvedError(target, "finds nothing in the payload")
    return write_xml(xml)


def _find_paths(query: Query, payload: Any) -> list[tuple[str | int, ...]]:
    if query.kind == "jsonpointer":
        try:
            return [parse_pointer(query.text)]
        except ExpressionSyntaxError as error:
            raise EvaluationError(query.text, error.message) from None
    from pytest_amberflo.arazzo.jsonpath import query_jsonpath  # noqa: PLC0415  costly

    nodes = query_jsonpath(query.text, payload, query.version)  # type: ignore[arg-type]
    if not nodes:
        raise UnresolvedError(query.text, "finds nothing in the payload")
    return [node.path for node in nodes]


def _set(payload: Any, path: tuple[str | int, ...], value: Any, text: str) -> Any:
    """The payload with the value at a path, changed in place unless the path is empty."""
    if not path:
        return value
    parent = resolve_pointer(payload, tuple(map(str, path[:-1])), text)
    last = str(path[-1])
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        index = len(parent) if last == "-" else read_index(last)
        if index == len(parent):
            parent.append(value)
        elif index is not None and index < len(parent):
            parent[index] = value
        else:
            raise UnresolvedError(text, f"the array has {len(parent)} elements and none at {last}")
    else:
        raise UnresolvedError(text, f"{describe_type(parent)} has no member `{last}`")
    return payload
