"""A step and the values of the moment, made into the request to send."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from msgspec import Struct

from pytest_amberflo.arazzo.body import Body, build_body
from pytest_amberflo.arazzo.errors import ArazzoError, EvaluationError
from pytest_amberflo.arazzo.parameter import (
    StyleError,
    serialize_cookie,
    serialize_header,
    serialize_path,
    serialize_query,
    serialize_querystring,
    undeclared,
)
from pytest_amberflo.arazzo.scope import ABSENT, Scope, SentRequest
from pytest_amberflo.arazzo.template import render
from pytest_amberflo.http.exchange import Headers, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.arazzo.model import Parameter, Step
    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.arazzo.source import Pointer


_HALF_CHARACTER: Final = "the value holds half of a character, which has no form in UTF-8"


class PlanError(ArazzoError):
    """A step's request cannot be built: which part, where it stands, and why."""

    def __init__(self, part: str, pointer: Pointer, reason: str) -> None:
        super().__init__(part, pointer, reason)
        self.part = part
        self.pointer = pointer
        self.reason = reason

    def __str__(self) -> str:
        """The part and the reason."""
        return f"{self.part}: {self.reason}"


class Plan(Struct, frozen=True, kw_only=True):
    """A request ready to be sent, with the texts of its path parameters by name."""

    sent: SentRequest
    path_texts: Mapping[str, str]


class _Parts(Struct):
    """What the parameters of a step become; grows as they are read."""

    path: dict[str, Any]
    path_texts: dict[str, str]
    query: dict[str, Any]
    pairs: list[tuple[str, str | None]]
    headers: list[tuple[str, str]]
    cookies: list[tuple[str, str]]


def plan_request(
    step: Step,
    operation: Operation,
    parameters: Sequence[Parameter],
    scope: Scope,
    base_url: str,
) -> Plan:
    """The request of a step to an operation below `base_url`. Raises PlanError."""
    parts = _Parts({}, {}, {}, [], [], [])
    for parameter in parameters:
        _add_parameter(parts, parameter, operation, scope)
    body = _build_body(step, operation, scope)
    request = Request(
        method=operation.method,
        url=_build_url(base_url, step, operation, parts),
        headers=_build_headers(parts, operation, body.content_type if body else None),
        body=body.raw if body is not None else None,
    )
    payload = body.payload if body is not None else None
    sent = SentRequest(request=request, payload=payload, path=parts.path, query=parts.query)
    return Plan(sent=sent, path_texts=parts.path_texts)


def _build_body(step: Step, operation: Operation, scope: Scope) -> Body | None:
    body = step.request_body
    if body is None:
        return None
    try:
        return build_body(body, operation, scope)
    except EvaluationError as error:
        raise PlanError("request body", body.place.pointer, str(error)) from error
    except UnicodeEncodeError:
        raise PlanError("request body", body.place.pointer, _HALF_CHARACTER) from None


def merge_parameters(
    outer: Sequence[Parameter], inner: Sequence[Parameter]
) -> tuple[Parameter, ...]:
    """The parameters of a workflow with those of a step, which override by name and place.

    Names of headers are the same in any letter case (RFC 9110, 5.1).
    """
    if not outer and len(inner) < 2:
        return tuple(inner)
    merged = {_key_of(parameter): parameter for parameter in (*outer, *inner)}
    return tuple(merged.values())


def _key_of(parameter: Parameter) -> tuple[str, str | None]:
    is_header = parameter.location == "header"
    return (parameter.name.lower() if is_header else parameter.name), parameter.location


def _add_parameter(
    parts: _Parts, parameter: Parameter, operation: Operation, scope: Scope
) -> None:
    location = parameter.location or "query"
    declared = operation.find_parameter(parameter.name, location)
    try:
        value = render(parameter.value, scope)
        if value is ABSENT:
            if location == "path" or (declared is not None and declared.required):
                raise _refuse(parameter, "it is required; the input is absent")
            return
        _serialize(parts, location, declared or undeclared(parameter.name, location), value)
    except (EvaluationError, StyleError) as error:
        raise _refuse(parameter, str(error)) from error
    except UnicodeEncodeError:
        raise _refuse(parameter, _HALF_CHARACTER) from None


def _refuse(parameter: Parameter, reason: str) -> PlanError:
    what = f"{parameter.location or 'query'} parameter `{parameter.name}`"
    return PlanError(what, parameter.place.pointer, reason)


def _serialize(parts: _Parts, location: str, declared: Any, value: Any) -> None:
    match location:
        case "path":
            parts.path[declared.name] = value
            parts.path_texts[declared.name] = serialize_path(declared, value)
        case "query":
            parts.query[declared.name] = value
            parts.pairs += serialize_query(declared, value)
        case "querystring":
            parts.query[declared.name] = value
            parts.pairs.append((serialize_querystring(declared, value), None))
        case "header":
            parts.headers.append((declared.name, serialize_header(declared, value)))
        case _:
            parts.cookies += serialize_cookie(declared, value)


def _build_url(base_url: str, step: Step, operation: Operation, parts: _Parts) -> str:
    path = operation.path
    if "{" in path:
        path = _fill_path(step, operation, parts)
    url = _join_url(base_url, path)
    query = "&".join(name if value is None else f"{name}={value}" for name, value in parts.pairs)
    return f"{url}?{query}" if query else url


@lru_cache(maxsize=256)
def _join_url(base_url: str, path: str) -> str:
    return base_url.rstrip("/") + quote(path, safe="/%!$&'()*+,;=:@-._~")


def _fill_path(step: Step, operation: Operation, parts: _Parts) -> str:
    path = operation.path
    for name, text in parts.path_texts.items():
        path = path.replace("{" + name + "}", text)
    open_brace = path.find("{")
    if open_brace >= 0:
        name = path[open_brace + 1 : path.find("}", open_brace)]
        raise PlanError(
            f"path parameter `{name}`",
            step.place.pointer,
            f"step `{step.step_id}` does not give it",
        )
    _check_segments(operation.path, path, step)
    return path


def _check_segments(template: str, path: str, step: Step) -> None:
    """Raise PlanError for a segment that became `.` or `..`: the request would go elsewhere."""
    for before, after in zip(template.split("/"), path.split("/"), strict=False):
        if before != after and after in (".", ".."):
            names = " ".join(f"`{name}`" for name in re.findall(r"{(.*?)}", before))
            reason = f"`{after}` as a whole segment would lead to another path"
            raise PlanError(f"path parameter {names}", step.place.pointer, reason)


def _build_headers(parts: _Parts, operation: Operation, content_type: str | None) -> Headers:
    headers = list(parts.headers)
    names = [name.lower() for name, _ in headers]
    if content_type is not None and "content-type" not in names:
        headers.append(("Content-Type", content_type))
    if "accept" not in names:
        headers.append(("Accept", ", ".join(operation.response_types) or "*/*"))
    if parts.cookies:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in parts.cookies)))
    return tuple(headers)
