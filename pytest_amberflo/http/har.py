"""Exchanges as HAR 1.2, which browsers and many tools show; secrets masked.

The form is that of the HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from pytest_amberflo.http.exchange import find_header
from pytest_amberflo.http.redact import MASK, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.http.exchange import Exchange, Headers, Request
    from pytest_amberflo.http.redact import Redactor

_VERSION: Final = "HTTP/1.1"
#: What HAR has for sizes that are not known.
_UNKNOWN: Final = -1


def write_har(entries: Iterable[dict[str, Any]], version: str) -> str:
    """The text of a HAR file, its entries in the order of their beginnings."""
    log = {
        "version": "1.2",
        "creator": {"name": "pytest-amberflo", "version": version},
        "entries": sorted(entries, key=lambda entry: str(entry["startedDateTime"])),
    }
    return json.dumps({"log": log}, ensure_ascii=False, indent=1) + "\n"


def describe_entry(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    """The HAR entry of an exchange; one without an answer has status 0 and says why."""
    milliseconds = round(exchange.elapsed_s * 1000, 3)
    started = datetime.fromtimestamp(exchange.started_at, UTC)
    comment = "; ".join(exchange.notes)
    return {
        "startedDateTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": milliseconds,
        "request": _describe_request(exchange.request, redactor),
        "response": _describe_response(exchange, redactor),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        **({"comment": comment} if comment else {}),
    }


def _describe_request(request: Request, redactor: Redactor) -> dict[str, Any]:
    query = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    found = {
        "method": request.method,
        "url": redactor.redact(request.url),
        "httpVersion": _VERSION,
        "cookies": [],
        "headers": _list_headers(request.headers, redactor),
        "queryString": [_pair(name, value, redactor) for name, value in query],
        "headersSize": _UNKNOWN,
        "bodySize": len(request.body or b""),
    }
    if request.body is not None:
        mime_type = find_header(request.headers, "content-type") or ""
        text = redactor.redact_body(request.body)
        found["postData"] = {"mimeType": mime_type, "params": [], "text": text}
    return found


def _describe_response(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    response, failure = exchange.response, exchange.failure
    if response is None:
        reason = failure.message if failure is not None else "no answer"
        return _frame(0, "", (), {"size": 0, "mimeType": ""}, redactor) | {"_error": reason}
    content = {
        "size": len(response.body),
        "mimeType": find_header(response.headers, "content-type") or "",
        "text": redactor.redact_body(response.body),
    }
    return _frame(response.status, _name(response.status), response.headers, content, redactor)


def _frame(
    status: int, name: str, headers: Headers, content: dict[str, Any], redactor: Redactor
) -> dict[str, Any]:
    return {
        "status": status,
        "statusText": name,
        "httpVersion": _VERSION,
        "cookies": [],
        "headers": _list_headers(headers, redactor),
        "content": content,
        "redirectURL": redactor.redact(find_header(headers, "location") or ""),
        "headersSize": _UNKNOWN,
        "bodySize": content["size"],
    }


def _list_headers(headers: Headers, redactor: Redactor) -> list[dict[str, str]]:
    masked = redactor.redact_headers(headers)
    return [{"name": name, "value": value} for name, value in masked]


def _pair(name: str, value: str, redactor: Redactor) -> dict[str, str]:
    return {"name": name, "value": MASK if is_secret_name(name) else redactor.redact(value)}


def _name(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
