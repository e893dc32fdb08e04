"""JSON texts in other forms: the same values in another text, a record changed in one place."""

from __future__ import annotations

import json
from typing import Any


class _Number(str):
    """A number as it stands in a text."""

    __slots__ = ()


def read_records(body: bytes) -> list[dict[str, Any]]:
    """The objects of a body, one or an array of them; numbers keep their text.

    Raises ValueError for anything else.
    """
    value = json.loads(body, parse_float=_Number, parse_int=_Number)
    records = value if isinstance(value, list) else [value]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("the body is no object and no array of objects")
    return records


def is_array(body: bytes) -> bool:
    """Whether a JSON text is an array."""
    return body.lstrip()[:1] == b"["


def write_records(records: list[dict[str, Any]], *, as_array: bool) -> bytes:
    """The body of these records: an array, or else the only one."""
    return _write(records if as_array else records[0]).encode()


def rewrite(body: bytes) -> bytes:
    """The same values in another text: members backwards, other spaces, escapes and digits."""
    value = json.loads(body, parse_float=_Number, parse_int=_Number)
    return (_rewrite(value) + "\n").encode()


def make_number(value: str) -> Any:
    """A number for a record, by its text."""
    return _Number(value)


def _write(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}:{_write(member)}" for name, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return json.dumps(value)


def _rewrite(value: Any) -> str:
    if isinstance(value, _Number):
        is_plain_fraction = "." in value and "e" not in value.lower()
        return f"{value}0" if is_plain_fraction else str(value)
    if isinstance(value, dict):
        members = [f"{_rewrite(name)} : {_rewrite(member)}" for name, member in value.items()]
        return "{ " + " ,\n  ".join(reversed(members)) + " }"
    if isinstance(value, list):
        return "[ " + " , ".join(map(_rewrite, value)) + " ]"
    if isinstance(value, str) and value and value.isprintable() and value[0].isascii():
        return f'"\\u{ord(value[0]):04x}' + json.dumps(value[1:])[1:]
    return json.dumps(value)
