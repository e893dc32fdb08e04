"""Whether a response may have a body, must have one, and of which media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.http.exchange import find_header, is_xml_type
from pytest_amberflo.openapi.payload import (
    ContentType,
    UnreadableError,
    choose_media_type,
    parse_content_type,
    read_body_as_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.http.exchange import Response
    from pytest_amberflo.openapi.violation import CheckName, Violation

#: Statuses whose responses have no body (RFC 9110, 6.4.1 and 15.3.6).
_BODILESS: Final = (204, 205, 304)


def find_status(responses: Mapping[str, Any], status: int) -> str | None:
    """The key that a status falls under: itself, its range, the default, or None."""
    keys = (str(status), f"{status // 100}XX", "default")
    return next((key for key in keys if key in responses), None)


def refuse_type(check: CheckName, found: ContentType, content: Mapping[str, Any]) -> Violation:
    """The violation of a content type that is not described."""
    from pytest_amberflo.openapi.violation import Violation  # noqa: PLC0415  only a red run

    shown = found.media_type or "no content type"
    rule = f"{shown}; {' or '.join(content)} is due"
    return Violation(check=check, path="header Content-Type", rule=rule)


def judge_body(
    method: str, response: Response, content: Mapping[str, Any] | None
) -> tuple[list[Violation], str | None]:
    """What is wrong with a body as a whole, and the described media type to judge it by.

    The media type is None where there is nothing to be judged. `content` is that of the
    description, None where it says nothing of a body.
    """
    found = parse_content_type(find_header(response.headers, "content-type") or "")
    if response.status in _BODILESS:
        if response.body:
            rule = f"{len(response.body)} bytes; a response with {response.status} has none"
            return [_break(rule, path="body")], None
        return [], None
    media_type = choose_media_type(content, found) if content is not None else None
    if method == "HEAD":
        if content is None or media_type is not None or not found.media_type:
            return [], None
        return [refuse_type("content-type", found, content)], None
    if content is None:
        return _judge_json(response, found), None
    if not response.body and (media_type is None or _needs_bytes(found)):
        return [_break("missing", path="body")], None
    if media_type is None:
        wrong = refuse_type("content-type", found, content)
        return [wrong, *_judge_json(response, found)], None
    return [], media_type


def _needs_bytes(found: ContentType) -> bool:
    """Whether no bytes at all are no right body of a media type."""
    return found.is_json or is_xml_type(found.media_type)


def _judge_json(response: Response, found: ContentType) -> list[Violation]:
    """A body that is not described, and says that it is JSON, is to be JSON."""
    if not response.body or not found.is_json:
        return []
    try:
        read_body_as_json(response.body)
    except UnreadableError as error:
        return [_break(f"the body {error}")]
    return []


def _break(rule: str, path: str = "$") -> Violation:
    from pytest_amberflo.openapi.violation import Violation  # noqa: PLC0415  only a red run

    return Violation(check="response-schema", path=path, rule=rule)
