"""Parameters in the styles of OpenAPI: values to the text that stands in a request.

OpenAPI 3.0 to 3.2, Parameter Object, "Style Values" and "Style Examples". Nested structures
have no defined form there; here they are JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pytest_amberflo.arazzo.operation import OperationParameter
from pytest_amberflo.arazzo.scope import describe_type
from pytest_amberflo.arazzo.template import to_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: RFC 3986 reserved characters, which `allowReserved` leaves as they are.
_RESERVED: Final = ":/?#[]@!$&'()*+,;="
#: Those of them that do not end a value in a query.
_PASSED: Final = _RESERVED.replace("&", "").replace("#", "")
#: What is encoded already, which `allowReserved` leaves alone too (RFC 6570, 3.2.3).
_TRIPLE: Final = re.compile(r"(%[0-9A-Fa-f]{2})")
_DELIMITERS: Final = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "|"}


class StyleError(ValueError):
    """A value has no form in the style of its parameter; the text says why."""


def undeclared(name: str, location: str) -> OperationParameter:
    """A parameter that the operation does not declare, in the default style of its place."""
    style = "form" if location in ("query", "cookie") else "simple"
    return OperationParameter(
        name=name,
        location=location,
        required=False,
        style=style,
        explode=style == "form",
        allow_reserved=False,
        schema=None,
        media_type=None,
    )


def serialize_path(parameter: OperationParameter, value: Any) -> str:
    """The text for a parameter's place in a path template, never empty. Raises StyleError."""
    if parameter.media_type is not None:
        text = quote(_as_content(parameter, value), safe="")
    else:
        text = _in_path_style(parameter, value)
    if not text:
        raise StyleError("a path parameter must not be empty")
    return text


def _in_path_style(parameter: OperationParameter, value: Any) -> str:
    prefix, separator = {
        "simple": ("", ","),
        "label": (".", "." if parameter.explode else ","),
        "matrix": (";", ";" if parameter.explode else ","),
    }.get(parameter.style, ("", ","))
    named = parameter.style == "matrix"
    name = quote(parameter.name, safe="")
    if isinstance(value, dict):
        pairs = _quoted_pairs(value, "=" if parameter.explode else ",", safe="")
        text = separator.join(pairs)
        return f"{prefix}{text}" if parameter.explode or not named else f"{prefix}{name}={text}"
    items = [quote(_scalar(item), safe="") for item in value] if isinstance(value, list) else []
    if named and parameter.explode and isinstance(value, list):
        return prefix + separator.join(_name_value(name, item) for item in items)
    text = separator.join(items) if isinstance(value, list) else quote(_scalar(value), safe="")
    return f"{prefix}{_name_value(name, text)}" if named else f"{prefix}{text}"


def _name_value(name: str, text: str) -> str:
    """A pair of the matrix style; without a value, the name alone."""
    return f"{name}={text}" if text else name


def serialize_query(parameter: OperationParameter, value: Any) -> tuple[tuple[str, str], ...]:
    """The encoded names and values that a query parameter becomes. Raises StyleError."""
    safe = _PASSED if parameter.allow_reserved else ""
    name = quote(parameter.name, safe="")
    if parameter.media_type is not None:
        return ((name, _quote(_as_content(parameter, value), safe)),)
    if parameter.style == "deepObject":
        return _deep_object(parameter, value, safe)
    delimiter = _DELIMITERS.get(parameter.style, ",")
    if isinstance(value, dict):
        if parameter.explode:
            return tuple((quote(k, safe=""), _quote(_scalar(v), safe)) for k, v in value.items())
        return ((name, delimiter.join(_quoted_pairs(value, delimiter, safe=safe))),)
    if isinstance(value, list):
        items = [_quote(_scalar(item), safe) for item in value]
        if parameter.explode:
            return tuple((name, item) for item in items)
        return ((name, delimiter.join(items)),) if items else ()
    return ((name, _quote(_scalar(value), safe)),)


def serialize_querystring(parameter: OperationParameter, value: Any) -> str:
    """The whole query string, encoded: a form text as it is, an object as a form, else content.

    OpenAPI 3.2, `in: querystring`. Raises StyleError.
    """
    media_type = parameter.media_type or "application/x-www-form-urlencoded"
    if media_type.endswith("json"):
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        return quote(text, safe="")
    if isinstance(value, dict):
        pairs = [(name, item) for name, item in value.items()]
        return "&".join(f"{quote(k, safe='')}={quote(_scalar(v), safe='')}" for k, v in pairs)
    if isinstance(value, list):
        raise StyleError(f"`{parameter.name}` is an array; a query string is text or an object")
    return quote(_scalar(value), safe=_RESERVED + "%~")


def serialize_header(parameter: OperationParameter, value: Any) -> str:
    """The value of a header parameter. Raises StyleError."""
    if parameter.media_type is not None:
        text = _as_content(parameter, value)
    elif isinstance(value, dict):
        text = ",".join(_pairs(value, "=" if parameter.explode else ","))
    elif isinstance(value, list):
        text = ",".join(_scalar(item) for item in value)
    else:
        text = _scalar(value)
    if text.isascii() and text.isprintable():
        return text
    for char in text:
        if char in "\r\n\0":
            raise StyleError("a header's value must not hold a line break or a null character")
        if ord(char) > 255:
            raise StyleError(f"`{char}` cannot stand in a header (only Latin-1 can)")
    return text


def serialize_cookie(parameter: OperationParameter, value: Any) -> tuple[tuple[str, str], ...]:
    """The names and values of a cookie parameter; style `cookie` (3.2) encodes nothing.

    Raises StyleError.
    """
    encode = _as_cookie if parameter.style == "cookie" else _encode
    name = parameter.name
    if parameter.media_type is not None:
        return ((name, encode(_as_content(parameter, value))),)
    if isinstance(value, dict):
        pairs = [(encode(key), encode(_scalar(item))) for key, item in value.items()]
        if parameter.explode:
            return tuple(pairs)
        return ((name, ",".join(text for pair in pairs for text in pair)),)
    if isinstance(value, list):
        items = [encode(_scalar(item)) for item in value]
        return tuple((name, i) for i in items) if parameter.explode else ((name, ",".join(items)),)
    return ((name, encode(_scalar(value))),)


def _encode(text: str) -> str:
    return quote(text, safe="")


def _as_cookie(text: str) -> str:
    if any(char in ";\r\n\0" or ord(char) > 255 for char in text):
        raise StyleError("a cookie's value must not hold `;`, line breaks or beyond Latin-1")
    return text


def _deep_object(
    parameter: OperationParameter, value: Any, safe: str
) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise StyleError(
            f"`{parameter.name}` is {describe_type(value)}; deepObject needs an object"
        )
    name = quote(parameter.name, safe="")
    pairs: list[tuple[str, str]] = []
    for key, member in value.items():
        inner = member if isinstance(member, list) else [member]
        pairs += [(f"{name}[{quote(key, safe='')}]", _quote(_scalar(v), safe)) for v in inner]
    return tuple(pairs)


def _pairs(value: Mapping[str, Any], separator: str) -> Sequence[str]:
    return [f"{key}{separator}{_scalar(member)}" for key, member in value.items()]


def _quoted_pairs(value: Mapping[str, Any], separator: str, *, safe: str) -> Sequence[str]:
    return [
        f"{quote(key, safe='')}{separator}{_quote(_scalar(member), safe)}"
        for key, member in value.items()
    ]


def _quote(text: str, safe: str) -> str:
    """The text percent-encoded; where reserved characters pass, what is encoded already does."""
    if not safe:
        return quote(text, safe="")
    parts = _TRIPLE.split(text)
    return "".join(
        part if index % 2 else quote(part, safe=safe) for index, part in enumerate(parts)
    )


def _scalar(value: Any) -> str:
    return "" if value is None else to_text(value)


def _as_content(parameter: OperationParameter, value: Any) -> str:
    media_type = parameter.media_type or ""
    if media_type.endswith("json"):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict | list):
        raise StyleError(f"`{parameter.name}` is {describe_type(value)}; {media_type} needs text")
    return _scalar(value)
