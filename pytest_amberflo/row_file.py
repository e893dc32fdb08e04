"""Rows from a file of recorded events: one JSON object a line, its members the row's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.http.json_text import JsonTextError, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES: Final = 32 * 1024 * 1024
_MOST_ROWS: Final = 10_000


class RowFileError(Exception):
    """A file of rows cannot be used; the text says where and why."""


class RecordedRow(Struct, frozen=True, kw_only=True):
    """One line: its number from 1, and its members."""

    line: int
    inputs: dict[str, Any]


def read_row_file(path: Path, name: str) -> tuple[RecordedRow, ...]:
    """The rows of a file, `name` being what reports call it. Raises RowFileError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RowFileError(f"{name} is larger than {_MOST_BYTES // 1024 // 1024} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RowFileError(f"there is no file {name}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RowFileError(f"{name} cannot be read: {error}") from None
    rows = tuple(_read_lines(text, name))
    if not rows:
        raise RowFileError(f"{name} has no rows")
    if len(rows) > _MOST_ROWS:
        raise RowFileError(f"{name} has {len(rows)} rows, {_MOST_ROWS} are the most")
    return rows


def _read_lines(text: str, name: str) -> Iterator[RecordedRow]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = read_json(line)
        except JsonTextError as error:
            raise RowFileError(f"{name}:{number}: no JSON: {error.reason}") from None
        if not isinstance(data, dict):
            raise RowFileError(f"{name}:{number}: a JSON object of inputs is due")
        yield RecordedRow(line=number, inputs=data)
