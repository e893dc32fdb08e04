"""What a store looks like from outside: the first 100 bytes of its file.

Read without SQLite, so that a wrong file is refused before anything heavy is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.errors import StoreRefusedError

if TYPE_CHECKING:
    from pathlib import Path

#: `PRAGMA application_id` of our stores: the letters "AFLO".
APPLICATION_ID: Final = 0x41464C4F
#: `PRAGMA user_version` of our stores; it grows with every change of the schema.
SCHEMA_VERSION: Final = 2
#: The oldest version that is made into today's when a store is opened.
OLDEST_VERSION: Final = 1

_MAGIC: Final = b"SQLite format 3\x00"
_HEADER_LENGTH: Final = 100


def check_store_file(path: Path) -> None:
    """Raise StoreRefusedError if a file is certainly no store that can be read.

    A file that is not there yet, or is empty, is a store to be.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_LENGTH)
    except FileNotFoundError:
        if not path.parent.is_dir():
            reason = "its folder does not exist"
            raise StoreRefusedError(path=path, reason=reason) from None
        return
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreRefusedError(path=path, reason=reason) from error
    if header:
        _check_header(path, header)


def _check_header(path: Path, header: bytes) -> None:
    if len(header) < _HEADER_LENGTH or not header.startswith(_MAGIC):
        raise StoreRefusedError(path=path, reason="it is no SQLite file")
    check_identity(
        path,
        application_id=int.from_bytes(header[68:72], "big"),
        version=int.from_bytes(header[60:64], "big"),
    )


def check_identity(path: Path, *, application_id: int, version: int) -> None:
    """Raise StoreRefusedError if these pragmas are not those of a store that can be read."""
    if application_id != APPLICATION_ID:
        reason = "it is an SQLite file of another application"
        raise StoreRefusedError(path=path, reason=reason)
    if not OLDEST_VERSION <= version <= SCHEMA_VERSION:
        known = f"{OLDEST_VERSION} to {SCHEMA_VERSION}"
        reason = f"its schema has version {version}, this server reads {known}"
        raise StoreRefusedError(path=path, reason=reason)
