"""JSON texts, read strictly (RFC 8259): what Python reads beyond it is no JSON.

Python's reader takes `NaN`, numbers that become infinite, half characters, and any depth that its
stack allows; each of them breaks later, when the value is used, printed or sent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DEPTH: Final = 200
MAX_DIGITS: Final = 1000
#: An escape of half a character; only two of them in a row are one.
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")


#: In so many characters there are no more levels, and no longer number.
_SMALL: Final = 2 * MAX_DEPTH
_LONG_NUMBER: Final = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
_DECODE: Final = msgspec.json.Decoder().decode
_ENCODE: Final = msgspec.json.Encoder().encode


class JsonTextError(ValueError):
    """A text is no JSON: `reason`, and where reading stopped (0-based), if that is known."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


def read_json(text: str, *, has_unique_names: bool = False) -> Any:
    """The value of a JSON text. Raises JsonTextError.

    With `has_unique_names`, a name that stands twice in an object is refused; else the last one
    counts.
    """
    try:
        if text.startswith("\ufeff"):
            json.loads(text)  # says what is wrong
        value = _DECODERS[has_unique_names].decode(text)
    except json.JSONDecodeError as error:
        raise JsonTextError(error.msg, error.pos) from None
    except RecursionError:
        raise JsonTextError(f"nested more than {MAX_DEPTH} levels deep") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value):
        raise JsonTextError(f"nested more than {MAX_DEPTH} levels deep")
    if "\\u" in text and _HALF.search(text):
        _check_characters(value)
    return value


def read_json_body(body: bytes, *, has_unique_names: bool = False) -> Any:
    """The value of a body in UTF-8, see `read_json`. Raises JsonTextError, UnicodeDecodeError.

    Nearly every body is what its value is written as, perhaps with a space after each `:` and
    `,`: then that is the value, with no name twice in an object. It takes a third of the time.
    """
    try:
        value = _DECODE(body)
        written = _ENCODE(value)
        is_plain = written == body
        if not is_plain:
            is_plain = written == body.replace(b", ", b",").replace(b": ", b":")
        if is_plain and (len(body) <= _SMALL or not _has_extremes(body)):
            return value
    except (ValueError, RecursionError):
        pass  # what is wrong is said below
    return read_json(body.decode("utf-8"), has_unique_names=has_unique_names)


def _has_extremes(body: bytes) -> bool:
    """Whether there may be more digits or levels in a body than are read."""
    if len(body) > MAX_DIGITS and _LONG_NUMBER.search(body):
        return True
    return body.count(b"[") + body.count(b"{") > MAX_DEPTH


def _refuse_constant(constant: str) -> Any:
    raise JsonTextError(f"`{constant}` is no JSON number")


def _read_float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise JsonTextError(f"`{digits[:40]}` is beyond what a number can hold")
    return number


def _read_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise JsonTextError(f"a number of more than {MAX_DIGITS} digits")
    return int(digits)


def _unite_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise JsonTextError(f"`{name}` stands twice in one object")
            names.add(name)
    return members


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _check_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ord(str(error.object)[error.start])
        raise JsonTextError(f"`\\u{half:04x}` is half of a character") from None


#: Made once: `json.loads` makes one for every text, which takes as long as reading a small one.
_DECODERS: Final = {
    has_unique_names: json.JSONDecoder(
        object_pairs_hook=_unite_members if has_unique_names else None,
        parse_constant=_refuse_constant,
        parse_float=_read_float,
        parse_int=_read_int,
    )
    for has_unique_names in (False, True)
}
