"""Bodies, read by their media type into the values that schemas speak of."""

from __future__ import annotations

import fnmatch
from email.message import Message
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from msgspec import Struct

from pytest_amberflo.http.exchange import is_json_type, is_xml_type
from pytest_amberflo.http.json_text import JsonTextError, read_json_body
from pytest_amberflo.openapi.shape import make_readings, read_members

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.openapi.shape import Shape

FORM: Final = "application/x-www-form-urlencoded"
_SEQUENCES: Final = (
    "application/jsonl",
    "application/x-ndjson",
    "application/ndjson",
    "application/json-seq",
)


class UnreadableError(ValueError):
    """A body is not what its content type says; the message ends "the body ..."."""


class ContentType(Struct, frozen=True):
    """A content type: `type/subtype` in lower case, and the parameters that follow."""

    media_type: str
    parameters: dict[str, str]

    @property
    def is_json(self) -> bool:
        """Whether it is JSON."""
        return is_json_type(self.media_type)

    @property
    def is_sequence(self) -> bool:
        """Whether it is one JSON value a line."""
        return self.media_type in _SEQUENCES


@lru_cache(maxsize=256)
def parse_content_type(text: str) -> ContentType:
    """The content type of a header (RFC 9110, 8.3.1); a run meets few, and reading takes 40 us."""
    message = Message()
    message["Content-Type"] = text.replace("\r", " ").replace("\n", " ")
    found = message.get_params(failobj=[])
    parameters = {name.lower(): value for name, value in found[1:]}
    return ContentType(text.partition(";")[0].strip().lower(), parameters)


def choose_media_type(keys: Iterable[str], found: ContentType) -> str | None:
    """The key of a content map that a content type falls under, the most special one first."""
    best: tuple[int, str] | None = None
    for key in keys:
        own = parse_content_type(key)
        if own.media_type == found.media_type:
            # A charset says how a text is written, not what it is.
            due = {k: v.lower() for k, v in own.parameters.items() if k != "charset"}
            given = {k: v.lower() for k, v in found.parameters.items()}
            if not due.items() <= given.items():
                continue
            rank = 3 + len(due)
        elif "*" in own.media_type and fnmatch.fnmatchcase(found.media_type, own.media_type):
            rank = 0 if own.media_type == "*/*" else 1
        else:
            continue
        if best is None or rank > best[0]:
            best = (rank, key)
    return best[1] if best is not None else None


def read_body(raw: bytes, content_type: ContentType, shape: Shape) -> Any:
    """The value of a body, or Readings of it; None for XML, of which schemas say nothing.

    Raises UnreadableError.
    """
    if content_type.is_json:
        return read_body_as_json(raw)
    if content_type.is_sequence:
        return [
            read_body_as_json(line)
            for line in raw.replace(b"\x1e", b"\n").split(b"\n")
            if line.strip()
        ]
    if is_xml_type(content_type.media_type):
        return _check_xml(raw)
    if content_type.media_type == FORM:
        pairs = parse_qsl(_decode(raw, "utf-8"), keep_blank_values=True)
        return make_readings(read_members(pairs, shape), dict(pairs))
    if content_type.media_type.startswith("multipart/"):
        return _read_multipart(raw, content_type, shape)
    if content_type.media_type.startswith("text/"):
        text = _decode(raw, content_type.parameters.get("charset", "utf-8"))
        return make_readings(shape.read(text), text)
    return raw.decode("latin-1")  # bytes, as many characters


def read_body_as_json(raw: bytes) -> Any:
    """The JSON value of a body: UTF-8, no name twice in an object. Raises UnreadableError."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise UnreadableError("is no JSON: it begins with a byte order mark")
    try:
        return read_json_body(raw, has_unique_names=True)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at {error.start}"
        raise UnreadableError(f"is no JSON: {byte} is no UTF-8") from None
    except JsonTextError as error:
        at = "" if error.offset is None else f" at character {error.offset + 1}"
        raise UnreadableError(f"is no JSON: {error.reason}{at}") from None


def _decode(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at {error.start}"
        raise UnreadableError(f"is no text: {byte} is no {charset.upper()}") from None
    except (LookupError, ValueError):
        raise UnreadableError(f"is text of a charset that nobody knows: `{charset}`") from None


def _check_xml(raw: bytes) -> None:
    from defusedxml import DefusedXmlException  # noqa: PLC0415  only with XML
    from defusedxml.ElementTree import ParseError, fromstring  # noqa: PLC0415

    try:
        fromstring(raw, forbid_dtd=False)
    except ParseError as error:
        raise UnreadableError(f"is no XML: {error}") from None
    except DefusedXmlException:
        raise UnreadableError("is XML with entities: not read") from None
    except (ValueError, LookupError) as error:
        raise UnreadableError(f"is no XML: {error}") from None


def _read_multipart(raw: bytes, content_type: ContentType, shape: Shape) -> Any:
    from email.parser import BytesParser  # noqa: PLC0415  only with forms
    from email.policy import HTTP  # noqa: PLC0415

    boundary = content_type.parameters.get("boundary", "")
    head = f'Content-Type: {content_type.media_type}; boundary="{boundary}"\r\n\r\n'
    message = BytesParser(policy=HTTP).parsebytes(head.encode("latin-1", "replace") + raw)
    parts: Any = message.get_payload()
    if not boundary or message.defects or not isinstance(parts, list):
        raise UnreadableError(f"is no {content_type.media_type}: its parts are not to be found")
    fields: dict[str, list[tuple[Any, Any]]] = {}
    for part in parts:
        name = part.get_param("name", header="content-disposition")
        raw_part = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(raw_part, bytes):
            continue
        fields.setdefault(name, []).append(_read_part(raw_part, part, shape.member(name)))
    values: list[dict[str, Any]] = [{}, {}]
    for name, found in fields.items():
        is_list = len(found) > 1 or shape.member(name).types <= {"array", "null"}
        for value, reading in zip(values, zip(*found, strict=True), strict=True):
            value[name] = list(reading) if is_list else reading[0]
    return make_readings(*values)


def _read_part(raw: bytes, part: Any, shape: Shape) -> tuple[Any, Any]:
    """A field as its schema has it, and as text."""
    declared = part.get("content-type")
    if declared is not None and is_json_type(parse_content_type(str(declared)).media_type):
        value = read_body_as_json(raw)
        return value, value
    text = raw.decode("latin-1" if part.get_filename() is not None else "utf-8", "replace")
    one = shape.items if shape.types <= {"array", "null"} else shape
    return one.read(text), text
