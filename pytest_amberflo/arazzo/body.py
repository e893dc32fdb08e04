"""Request bodies: a payload and its media type, made into bytes.

JSON, forms, multipart, XML, text and binary data. A text payload is a template of the body
itself; in JSON and form texts a value is escaped for its place, so that a quote or ampersand in
it stays data.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

import msgspec
from msgspec import Struct

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.form import FORM, encode_form, encode_multipart
from pytest_amberflo.arazzo.replacement import replace_in_json, replace_in_xml
from pytest_amberflo.arazzo.scope import ABSENT, describe_type
from pytest_amberflo.arazzo.template import (
    Interpolation,
    ListTemplate,
    Literal,
    MapTemplate,
    interpolate,
    render,
    to_text,
)
from pytest_amberflo.http.exchange import is_json_type
from pytest_amberflo.http.json_text import JsonTextError, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.arazzo.model import RequestBody
    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.arazzo.scope import Scope


#: Made once: `json.dumps` makes one for every value.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


#: Writes what is plain as that does, in a fifth of the time.
_ENCODE: Final = msgspec.json.Encoder().encode
_NAMES: Final = frozenset({str})
_PLAIN: Final = frozenset({str, int, bool, type(None)})


class Body(Struct, frozen=True, kw_only=True):
    """A body as expressions see it (`payload`) and as it is sent."""

    payload: Any
    raw: bytes
    content_type: str


def build_body(body: RequestBody, operation: Operation, scope: Scope) -> Body | None:
    """The body of a step's request; None where its payload is an absent input.

    Raises EvaluationError.
    """
    if body.payload is None:
        return None
    content_type = choose_content_type(body, operation)
    media_type = content_type.partition(";")[0].strip().lower()
    payload = _render_payload(body, media_type, scope)
    if payload is ABSENT:
        return None
    if is_json_type(media_type):
        return _build_json(body, payload, content_type, scope)
    if media_type == "application/xml" or media_type.endswith(("+xml", "/xml")):
        text = _require_text(payload, content_type)
        if body.replacements:
            text = replace_in_xml(text, body.replacements, scope)
        return Body(payload=text, raw=text.encode(), content_type=content_type)
    if body.replacements and isinstance(payload, dict | list):
        payload = replace_in_json(payload, body.replacements, scope)
    elif body.replacements:
        raise EvaluationError(body.replacements[0].target, f"{content_type} text has no places")
    if media_type == FORM and isinstance(payload, dict):
        encoded = encode_form(payload, operation.encodings.get(media_type, {}))
        return Body(payload=payload, raw=encoded, content_type=content_type)
    if media_type.startswith("multipart/"):
        return _build_multipart(payload, media_type, operation)
    raw = payload if isinstance(payload, bytes) else _require_text(payload, content_type).encode()
    return Body(payload=payload, raw=raw, content_type=content_type)


def choose_content_type(body: RequestBody, operation: Operation) -> str:
    """The content type of a body: its own, else the operation's. Raises EvaluationError.

    Of several, it is the first that has a form for the payload.
    """
    declared = body.content_type or _choose_declared(body, operation.media_types)
    if declared is None:
        reason = f"`{operation.label}` declares none, and `contentType` does not say what it is"
        raise EvaluationError("contentType", reason)
    if "*" in declared:
        raise EvaluationError("contentType", f"`{declared}` leaves open what it is")
    return declared


def _choose_declared(body: RequestBody, media_types: Sequence[str]) -> str | None:
    payload = body.payload
    is_structured = isinstance(payload, MapTemplate | ListTemplate) or (
        isinstance(payload, Literal) and isinstance(payload.value, dict | list)
    )
    fitting = (kind for kind in media_types if not is_structured or _takes_structures(kind))
    return next(fitting, next(iter(media_types), None))


def _takes_structures(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return is_json_type(media_type) or media_type == FORM or media_type.startswith("multipart/")


def dump_json(value: Any) -> bytes:
    """The value as JSON in UTF-8, without spaces.

    Raises EvaluationError for binary data, endless numbers and half characters.
    """
    try:
        if _is_plain(value):
            return _ENCODE(value)
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise EvaluationError("payload", "holds half of a character") from None
    except (TypeError, ValueError) as error:
        raise EvaluationError("payload", f"has no form in JSON: {error}") from None


def _is_plain(value: Any) -> bool:
    """Whether all encoders write a value in one way; of floats not all do with an exponent."""
    kind = type(value)
    if kind is dict:
        if not _NAMES.issuperset(map(type, value)):
            return False
        members = value.values()
    elif kind is list:
        members = value
    else:
        return kind in _PLAIN or (kind is float and (1e-4 <= abs(value) < 1e16 or value == 0))
    return all(_is_plain(member) for member in members if type(member) not in _PLAIN)


def _render_payload(body: RequestBody, media_type: str, scope: Scope) -> Any:
    template = body.payload
    assert template is not None
    if isinstance(template, Interpolation):
        if is_json_type(media_type):
            return interpolate(template, scope, _escape_in_json)
        if media_type == FORM:
            return interpolate(template, scope, lambda _, value: quote_plus(value))
    return render(template, scope)


def _escape_in_json(before: str, value: str) -> str:
    """The value as it can stand where it stands: escaped within quotes, as it is elsewhere."""
    is_inside = False
    position = 0
    while position < len(before):
        char = before[position]
        if char == "\\" and is_inside:
            position += 1
        elif char == '"':
            is_inside = not is_inside
        position += 1
    return json.dumps(value, ensure_ascii=False)[1:-1] if is_inside else value


def _build_json(body: RequestBody, payload: Any, content_type: str, scope: Scope) -> Body:
    is_template = isinstance(body.payload, Literal | Interpolation) and isinstance(payload, str)
    if is_template:
        parsed = _parse_json(payload)
        if parsed is not None and not body.replacements:
            return Body(payload=parsed[0], raw=payload.encode(), content_type=content_type)
        payload = parsed[0] if parsed is not None else payload
    if body.replacements:
        payload = replace_in_json(payload, body.replacements, scope)
    return Body(payload=payload, raw=dump_json(payload), content_type=content_type)


def _parse_json(text: str) -> tuple[Any] | None:
    """The JSON value of a text in a tuple, or None where the text is none: it is a string then."""
    try:
        return (read_json(text),)
    except JsonTextError:
        return None


def _require_text(payload: Any, content_type: str) -> str:
    if isinstance(payload, dict | list):
        raise EvaluationError("payload", f"{describe_type(payload)} has no form in {content_type}")
    return to_text(payload)


def _build_multipart(payload: Any, media_type: str, operation: Operation) -> Body:
    if not isinstance(payload, dict):
        reason = f"{describe_type(payload)} has no form in multipart; an object has"
        raise EvaluationError("payload", reason)
    boundary = f"part-{secrets.token_hex(16)}"
    schemas = operation.body_schemas.get(media_type, {})
    encodings = operation.encodings.get(media_type, {})
    return Body(
        payload=payload,
        raw=encode_multipart(payload, boundary, schemas, encodings),
        content_type=f"{media_type}; boundary={boundary}",
    )
