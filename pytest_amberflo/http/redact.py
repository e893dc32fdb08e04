"""Secrets, registered once and removed from every text that leaves the process."""

from __future__ import annotations

import json
import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.http.disguise import list_literals, match_written, may_escape

if TYPE_CHECKING:
    from pytest_amberflo.http.exchange import Headers

MASK: Final = "****"
#: Shorter values would blacken half of every text; they are still masked where a name tells.
_SHORTEST: Final = 3
_SECRET_WORDS: Final = frozenset(
    {"apikey", "authorization", "credential", "credentials", "key", "passwd", "password", "secret"}
    | {"token", "cookie"}
)
#: A part of a text that is known to be JSON.
_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a header, member or input of this name holds a secret: `apiKey`, `X-Auth-Token`."""
    return any(word.lower() in _SECRET_WORDS for word in _WORD.findall(name))


class Redactor:
    """Knows the secrets of a run and masks them, encoded forms included."""

    def __init__(self) -> None:
        self._secrets: dict[str, frozenset[str]] = {}
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def register(self, secret: object) -> None:
        """Mask this text from now on; anything that is no text, or too short, is passed over."""
        if not isinstance(secret, str) or len(secret) < _SHORTEST or set(secret) <= {"*"}:
            return
        if secret in self._secrets:
            return
        self._secrets[secret] = list_literals(secret)
        self._pattern = None

    def redact(self, text: str) -> str:
        """The text with every registered secret masked."""
        if not self._may_hold_secret(text):
            return text
        if self._pattern is None:
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(match_written, longest_first)))
        return self._pattern.sub(MASK, text)

    def _may_hold_secret(self, text: str) -> bool:
        """Whether a closer look is due: a green run is spared the pattern, 3 ms to compile."""
        if may_escape(text):
            return bool(self._secrets)
        return any(form in text for forms in self._secrets.values() for form in forms)

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
                    if _is_telling(member) and is_secret_name(str(name))
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
        return _mask_members(masked) if isinstance(value, dict | list) else masked


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


def _is_telling(member: Any) -> bool:
    """Whether a member of a secret name has anything to hide."""
    return not isinstance(member, bool) and member is not None and member not in ({}, [])


def _mask_members(text: str) -> str:
    """The text of a JSON object or array, its secret members masked however they are written.

    A text that stands under a secret name is masked everywhere else, too.
    """
    spans, values = _find_members(text)
    parts: list[str] = []
    done = 0
    for start, end in spans:
        parts += [text[done:start], f'"{MASK}"']
        done = end
    rest = "".join([*parts, text[done:]])
    if not values:
        return rest

    def mask(match: re.Match[str]) -> str:
        part = match[0]
        is_copy = part.startswith('"') and json.loads(part) in values
        return f'"{MASK}"' if is_copy else part

    return _PART.sub(mask, rest)


def _find_members(text: str) -> tuple[list[tuple[int, int]], set[str]]:
    """Where the values of secret members stand, and the texts among them."""
    spans: list[tuple[int, int]] = []
    values: set[str] = set()
    name, last = "", ""
    secret_from, depth = -1, 0
    for match in _PART.finditer(text):
        part = match[0]
        if secret_from >= 0:  # within an object or array under a secret name
            depth += (part in "{[") - (part in "}]")
            if depth == 0:
                spans.append((secret_from, match.end()))
                secret_from = -1
        elif part == ":":
            name = last
        elif name and part in "{[" and is_secret_name(json.loads(name)):
            secret_from, depth = match.start(), 1
        elif name and part not in "{[,}]" and is_secret_name(json.loads(name)):
            if part not in ("true", "false", "null"):
                spans.append(match.span())
            if part.startswith('"'):
                values.add(json.loads(part))
        name = name if part == ":" else ""
        last = part
    return spans, values - {"", MASK}
