"""What goes over the wire: a request, its response, and both with their times."""

from __future__ import annotations

import email.utils
import time
from datetime import UTC
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec import Struct, field

from pytest_amberflo.http.json_text import JsonTextError, read_json_body

#: Header fields in the order of the wire; names keep their spelling, a name may repeat.
Headers: TypeAlias = tuple[tuple[str, str], ...]


@lru_cache(maxsize=128)
def find_header(headers: Headers, name: str) -> str | None:
    """The values of a header joined by `, `, without regard to the name's case, or None."""
    # Messages have the same headers again and again, and each is asked for some of them.
    wanted = name.lower()
    found: str | None = None
    for key, value in headers:
        if key.lower() == wanted:
            found = value if found is None else f"{found}, {value}"
    return found


def media_type_of(headers: Headers) -> str | None:
    """The media type of a message, lower case and without parameters, or None."""
    content_type = find_header(headers, "content-type")
    return content_type.partition(";")[0].strip().lower() if content_type else None


def charset_of(headers: Headers) -> str:
    """The charset that the content type of a message names, or utf-8."""
    content_type = find_header(headers, "content-type") or ""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip():
            return value.strip().strip('"')
    return "utf-8"


def is_json_type(media_type: str | None) -> bool:
    """Whether a media type is JSON: application/json or a `+json` suffix."""
    return media_type is not None and (
        media_type == "application/json" or media_type.endswith(("+json", "/json"))
    )


def is_xml_type(media_type: str | None) -> bool:
    """Whether a media type is XML: application/xml, text/xml or a `+xml` suffix."""
    return media_type is not None and media_type.endswith(("/xml", "+xml"))


class NotJsonError(ValueError):
    """A body that was to be JSON is none; the text says why."""


def load_json(body: bytes) -> Any:
    """The JSON value of a body, read strictly (see `read_json`). Raises NotJsonError."""
    try:
        return read_json_body(body)
    except UnicodeDecodeError as error:
        raise NotJsonError(
            f"byte 0x{body[error.start]:02x} at {error.start} is no UTF-8"
        ) from None
    except JsonTextError as error:
        at = "" if error.offset is None else f" at character {error.offset + 1}"
        raise NotJsonError(f"{error.reason}{at}") from None


def parse_retry_after(value: str, now_s: float | None = None) -> float | None:
    """The seconds that a `Retry-After` asks for (RFC 9110, 10.2.3), or None if it is neither form.

    `now_s`: the moment that a date is counted from, UTC, seconds since 1970; now if None.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        if moment.tzinfo is None:  # `-0000` and asctime's form: dates of HTTP are UTC
            moment = moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment.timestamp() - (time.time() if now_s is None else now_s))


class Request(Struct, frozen=True, kw_only=True):
    """A request as it is sent: `url` absolute and encoded, `body` None where there is none."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None


class Response(Struct, frozen=True, kw_only=True):
    """A response as it came; `body` is decoded from its content coding."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class TransportFailure(Struct, frozen=True, kw_only=True):
    """Why a request got no response.

    `sent` tells whether the server may have acted on it: False only where no connection was made.
    """

    kind: str
    message: str
    sent: bool


class Exchange(Struct, frozen=True, kw_only=True):
    """One request and what came of it: a response or a failure.

    `started_at` is UTC in seconds since 1970, `elapsed_s` seconds until the last byte.
    """

    request: Request
    response: Response | None
    failure: TransportFailure | None = None
    started_at: float
    elapsed_s: float
    #: Free marks of who sent it and why, for reports: "poll", "resent".
    notes: tuple[str, ...] = field(default=())
