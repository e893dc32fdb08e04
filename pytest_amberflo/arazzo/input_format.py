"""The formats that inputs are held to: those of JSON Schema, and Arazzo's for numbers.

jsonschema has some of them only where other packages are installed; what is here is always held.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from jsonschema import FormatChecker

#: What RFC 3986 lets stand in a URI reference.
_REFERENCE: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*\Z")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*\Z")
#: "signed 32 bits", "signed 64 bits" (Arazzo 1.1.0, "Data Types").
_BITS: Final = {"int32": 32, "int64": 64}

#: Formats that are checked, by jsonschema or here: for what accepts without a check of its own.
CHECKED: Final[dict[str, None]] = dict.fromkeys(
    (
        *("color", "date", "date-time", "duration", "email", "hostname", "idn-email", "time"),
        *("idn-hostname", "ipv4", "ipv6", "iri", "iri-reference", "json-pointer", "regex"),
        *("relative-json-pointer", "uri", "uri-reference", "uri-template", "uuid", *_BITS),
    )
)


def make_format_checker() -> FormatChecker:
    """The checks of every format that is known."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415  costly

    checker = FormatChecker(formats=())
    checker.checkers = dict(Draft202012Validator.FORMAT_CHECKER.checkers)
    for name, bits in _BITS.items():
        checker.checks(name)(_fits(bits))
    checker.checks("uri", raises=ValueError)(lambda value: _is_reference(value, absolute=True))
    checker.checks("uri-reference", raises=ValueError)(_is_reference)
    checker.checks("json-pointer")(
        lambda value: not isinstance(value, str) or _POINTER.match(value) is not None
    )
    return checker


def _fits(bits: int) -> Any:
    def fits(value: object) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number:
            return True
        number: Any = value
        return bool(number == int(number)) and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)

    return fits


def _is_reference(value: object, *, absolute: bool = False) -> bool:
    if not isinstance(value, str):
        return True
    if not _REFERENCE.match(value):
        return False
    return bool(urlsplit(value).scheme) if absolute else True
