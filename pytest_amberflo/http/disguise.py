"""The ways to write a text down: as JSON, in a URL, in HTML, in base64, as Python prints it."""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST_BASE64: Final = 6
_SHORT_JSON: Final = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def match_written(secret: str) -> str:
    """A regular expression for every written form of a text.

    Each way of writing is an expression of its own: within one, every character is written
    independently of the others, and none can be read in two ways, so that matching is linear.
    """
    longest_first = sorted(list_literals(secret), key=len, reverse=True)
    return "|".join(
        dict.fromkeys(
            [
                "".join(map(_match_json, secret)),
                "".join(map(_match_percent, secret)),
                *map(re.escape, longest_first),
            ]
        )
    )


def list_literals(secret: str) -> frozenset[str]:
    """The written forms of a text that leave no choice of how to write a character."""
    forms = {secret, html.escape(secret), html.escape(secret, quote=False)}
    return frozenset(forms.union(_print_python(secret), *map(_encode_base64, _to_bytes(secret))))


def may_escape(text: str) -> bool:
    """Whether characters may be written in another way than as themselves in a text."""
    return "\\" in text or "%" in text or "+" in text


def _to_bytes(text: str) -> Iterator[bytes]:
    yield text.encode("utf-8", "surrogatepass")
    if not text.isascii() and all(ord(char) < 256 for char in text):
        yield text.encode("latin-1")


def _match_json(char: str) -> str:
    r"""A character within a JSON string: itself, its short escape, or `\u` with any digits."""
    units = char.encode("utf-16-be", "surrogatepass")
    written = "".join(r"\\u" + _match_hex(units[at : at + 2]) for at in range(0, len(units), 2))
    if char in _SHORT_JSON:
        return rf"(?:\\{_SHORT_JSON[char]}|{written})"
    if char == "/":
        return rf"(?:\\?/|{written})"
    if char in '"\\':
        return rf"(?:\\{re.escape(char)}|{written})"
    return f"(?:{re.escape(char)}|{written})"


def _match_percent(char: str) -> str:
    """A character within a URL or form: itself, or its bytes as `%XX` with any digits."""
    forms = ["".join("%" + _match_hex(bytes([byte])) for byte in data) for data in _to_bytes(char)]
    if char == " ":
        forms.append(r"\+")
    if char != "%":
        forms.append(re.escape(char))
    return f"(?:{'|'.join(forms)})"


def _match_hex(data: bytes) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in data.hex())


def _print_python(secret: str) -> Iterator[str]:
    """As Python prints texts and bytes."""
    yield repr(secret)[1:-1]
    for data in _to_bytes(secret):
        yield repr(data)[2:-1]


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
