"""The API keys that a server accepts."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.errors import KeyUnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Longer ones would leave no room for the other headers of a request.
_MAX_KEY_LENGTH: Final = 4096


def check_keys(keys: Sequence[str]) -> None:
    """Raise KeyUnusableError for a key that no header could carry, or if there is none."""
    if isinstance(keys, str):
        raise KeyUnusableError(position=1, reason="keys come in a list, this is a single string")
    if not keys:
        raise KeyUnusableError(position=1, reason="there must be at least one")
    for position, key in enumerate(keys, start=1):
        if not key:
            raise KeyUnusableError(position=position, reason="it is empty")
        if len(key) > _MAX_KEY_LENGTH:
            raise KeyUnusableError(position=position, reason="it is too long for a header")
        if not all("!" <= char <= "~" for char in key):
            reason = "it holds characters other than visible ASCII"
            raise KeyUnusableError(position=position, reason=reason)


class Keyring:
    """Tells whose a key is. It holds digests only, never a key."""

    def __init__(self, keys: Sequence[str]) -> None:
        check_keys(keys)
        self._digests = tuple({_digest(key.encode("ascii")): None for key in keys})

    def find_tenant(self, key: bytes) -> int | None:
        """The tenant of a key, or None for an unknown key.

        Takes the same time whether and where the key is found. The number is derived from the
        key, so several processes on one store agree on it.
        """
        presented = _digest(key)
        found = None
        for digest in self._digests:
            if hmac.compare_digest(digest, presented):
                found = digest
        return None if found is None else int.from_bytes(found[:8], "big", signed=True)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(b"amberflo tenant\x00" + key).digest()
