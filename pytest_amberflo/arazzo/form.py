"""Forms and multipart bodies: the members of an object, each a field or part.

Beside what an Encoding Object says of a member: an array is one field for each element and any
other structure is JSON; a part is a file where its schema says `format: binary` or names a
content media type, or its value is binary data.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.operation import OperationParameter
from pytest_amberflo.arazzo.parameter import StyleError, serialize_query
from pytest_amberflo.arazzo.template import to_text
from pytest_amberflo.http.exchange import is_json_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.operation import Encoding

FORM: Final = "application/x-www-form-urlencoded"
_BINARY: Final = "application/octet-stream"


def encode_form(payload: Mapping[str, Any], encodings: Mapping[str, Encoding]) -> bytes:
    """The object as a form. Raises EvaluationError for a value without a form in its style."""
    pairs = [pair for name, value in payload.items() for pair in _encode(name, value, encodings)]
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


def _encode(name: str, value: Any, encodings: Mapping[str, Encoding]) -> Iterator[tuple[str, str]]:
    """The encoded names and values that one member becomes."""
    encoding = encodings.get(name)
    if encoding is not None and encoding.has_style:
        try:
            yield from serialize_query(_as_parameter(name, encoding), value)
        except StyleError as error:
            raise EvaluationError("payload", str(error)) from None
    elif encoding is not None and is_json_type(_first_type(encoding.content_type)):
        yield quote_plus(name), quote_plus(_dump(value))
    else:
        for item in value if isinstance(value, list) else [value]:
            yield quote_plus(name), quote_plus("" if item is None else to_text(item))


def _as_parameter(name: str, encoding: Encoding) -> OperationParameter:
    """The query parameter that a member is written like."""
    style = encoding.style or "form"
    return OperationParameter(
        name=name,
        location="query",
        required=False,
        style=style,
        explode=style == "form" if encoding.explode is None else encoding.explode,
        allow_reserved=encoding.allow_reserved is True,
        schema=None,
        media_type=None,
    )


def encode_multipart(
    payload: Mapping[str, Any],
    boundary: str,
    schemas: Mapping[str, Mapping[str, Any]],
    encodings: Mapping[str, Encoding],
) -> bytes:
    """The object as the parts of a multipart body."""
    parts: list[bytes] = []
    for name, value in payload.items():
        encoding = encodings.get(name)
        declared = _first_type(encoding.content_type) if encoding is not None else None
        is_whole = is_json_type(declared) or not isinstance(value, list)
        for item in [value] if is_whole else value:
            part = _build_part(name, item, schemas.get(name, {}), declared)
            parts.append(f"--{boundary}\r\n".encode() + part)
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts)


def _build_part(name: str, value: Any, schema: Mapping[str, Any], declared: str | None) -> bytes:
    items = schema.get("items")
    schema = items if isinstance(items, dict) else schema
    media_type = declared or schema.get("contentMediaType")
    is_file = (
        isinstance(value, bytes)
        or schema.get("format") == "binary"
        or (schema.get("contentMediaType") is not None and not is_json_type(media_type))
    )
    disposition = f'form-data; name="{_quote_name(name)}"'
    if is_file:
        disposition += f'; filename="{_quote_name(name)}"'
        media_type = media_type or _BINARY
    elif media_type is None and isinstance(value, dict | list):
        media_type = "application/json"
    head = f"Content-Disposition: {disposition}\r\n"
    if media_type is not None:
        head += f"Content-Type: {media_type}\r\n"
    if isinstance(value, bytes):
        raw = value
    else:
        raw = (_dump(value) if is_json_type(declared) else to_text(value)).encode()
    return head.encode() + b"\r\n" + raw + b"\r\n"


def _first_type(content_type: str | None) -> str | None:
    """The first media type of a list that names one; `image/*` names none."""
    for listed in (content_type or "").split(","):
        media_type = listed.strip()
        if media_type and "*" not in media_type:
            return media_type
    return None


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _quote_name(name: str) -> str:
    """The name as it can stand in a quoted parameter (as browsers write it)."""
    return "".join(quote(char) if char in '"\r\n' else char for char in name)
