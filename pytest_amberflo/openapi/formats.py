"""The formats of OpenAPI and JSON Schema that values are held to.

The set is fixed here: which formats jsonschema knows depends on what else is installed. A format
that is not among them says nothing about a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jsonschema import FormatChecker

#: Greatest finite number of single precision (IEEE 754).
_MAX_FLOAT: Final = 3.4028235677973366e38
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\Z")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_DURATION: Final = re.compile(
    r"P(?=.)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)\Z"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
#: What must be escaped in a URI (RFC 3986, 2).
_NO_URI: Final = re.compile(r"[^!#-;=?-\[\]_a-z~]|%(?![0-9A-Fa-f]{2})")


def _is_within(bits: int) -> Callable[[Any], bool]:
    return lambda value: not _is_number(value) or -(1 << bits - 1) <= value < 1 << bits - 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    return not _is_number(value) or abs(value) <= _MAX_FLOAT


def _is_double(value: Any) -> bool:
    return not _is_number(value) or abs(value) <= 1.7976931348623157e308


def _is_base64(value: Any) -> bool:
    try:
        return not isinstance(value, str) or base64.b64decode(value, validate=True) is not None
    except (binascii.Error, ValueError):
        return False


def _is_uri(value: Any) -> bool:
    return not isinstance(value, str) or (bool(_SCHEME.match(value)) and _is_reference(value))


def _is_reference(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    try:
        urlsplit(value)
    except ValueError:
        return False
    return _NO_URI.search(value) is None


def _on_a_day(value: Any) -> Any:
    return f"2000-01-01T{value}" if isinstance(value, str) else value


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, str) or pattern.match(value) is not None


_OWN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "int32": _is_within(32),
    "int64": _is_within(64),
    "float": _is_float,
    "double": _is_double,
    "byte": _is_base64,
    "email": _matches(_EMAIL),
    "hostname": _matches(_HOST),
    "duration": _matches(_DURATION),
    "uri": _is_uri,
    "uri-reference": _is_reference,
}
#: Formats that jsonschema checks.
_FOREIGN: Final = ("date", "date-time", "ipv4", "ipv6", "uuid")
#: A check for every format that is known, None for those that jsonschema checks.
CHECKS: Final[Mapping[str, Callable[[Any], bool] | None]] = {
    **_OWN,
    **dict.fromkeys((*_FOREIGN, "time")),
}


def make_format_checker() -> FormatChecker:
    """The checks of every format that is known."""
    from jsonschema import FormatChecker  # noqa: PLC0415  costly, and most values need none

    checker = FormatChecker(_FOREIGN)
    for name, check in _OWN.items():
        checker.checks(name)(check)
    checker.checks("time")(lambda value: checker.conforms(_on_a_day(value), "date-time"))
    return checker
