"""Secrets, registered once and removed from every text that leaves the process."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.http.exchange import Headers

MASK: Final = "****"
#: Shorter values would blacken half of every text; they are still masked where a name tells.
_SHORTEST: Final = 3
_SHORTEST_BASE64: Final = 6
_SECRET_WORDS: Final = frozenset(
    {"apikey", "authorization", "credential", "credentials", "key", "passwd", "password", "secret"}
    | {"token", "cookie"}
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def is_secret_name(name: str) -> bool:
    """Whether a header, member or input of this name holds a secret: `apiKey`, `X-Auth-Token`."""
    return any(word.lower() in _SECRET_WORDS for word in _WORD.findall(name))


class Redactor:
    """Knows the secrets of a run and masks them, encoded forms included."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def register(self, secret: object) -> None:
        """Mask this text from now on; anything that is no text, or too short, is passed over."""
        if not isinstance(secret, str) or len(secret) < _SHORTEST or set(secret) <= {"*"}:
            return
        if secret in self._forms:
            return
        self._forms.update(_encode(secret))
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def redact(self, text: str) -> str:
        """The text with every registered secret masked."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def redact_headers(self, headers: Headers) -> Headers:
        """The headers with the values of secret ones masked, and secrets in all others."""
        return tuple(
            (name, MASK if is_secret_name(name) else self.redact(value)) for name, value in headers
        )

    def redact_value(self, value: Any) -> Any:
        """A JSON value with secret members and registered secrets masked."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {
                self.redact(str(name)): (
                    MASK
                    if isinstance(member, str) and is_secret_name(str(name))
                    else self.redact_value(member)
                )
                for name, member in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.redact_value(item) for item in value]
        return value

    def redact_body(self, body: bytes) -> str:
        """A body as text, secret members of JSON masked; binary data by its length only."""
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return f"<{len(body)} bytes of binary data>"
        masked = self.redact(text)
        try:
            value = json.loads(masked)
        except (ValueError, RecursionError):
            return masked
        # The text itself is shown, not a copy: what was sent is the point of showing it.
        for secret in set(_find_secrets(value)):
            for ascii_only in (True, False):
                written = json.dumps(secret, ensure_ascii=ascii_only)
                masked = masked.replace(written, f'"{MASK}"')
        return masked


class RedactingFilter(logging.Filter):
    """Masks secrets in the records of a logger."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, its message masked."""
        message = record.getMessage()
        masked = self._redactor.redact(message)
        if masked != message:
            record.msg, record.args = masked, ()
        return True


def _find_secrets(value: Any) -> Iterator[str]:
    """The texts of a JSON value that stand under a secret name."""
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, str) and is_secret_name(name):
                yield member
            else:
                yield from _find_secrets(member)
    elif isinstance(value, list):
        for item in value:
            yield from _find_secrets(item)


def _encode(secret: str) -> Iterator[str]:
    yield secret
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), encoded)
    yield from _encode_base64(secret.encode())


def _encode_base64(secret: bytes) -> Iterator[str]:
    """The part of a base64 text that the secret alone decides, for each of three alignments."""
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + secret).decode().rstrip("=")
        start = (offset * 8 + 5) // 6
        end = (offset + len(secret)) * 8 // 6
        core = text[start:end]
        if len(core) >= _SHORTEST_BASE64:
            yield core
            yield core.replace("+", "-").replace("/", "_")
