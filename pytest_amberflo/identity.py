"""Names that a run gives itself and what it makes."""

from __future__ import annotations

import secrets
from typing import Final

#: Where a controller of xdist puts what its workers share.
SHARED: Final = "amberflo"
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"


def make_run_id() -> str:
    """A short name that no other run has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


def make_control_token() -> str:
    """What lets a run's own tests control the embedded server."""
    return secrets.token_urlsafe(18)


def make_api_key() -> str:
    """A key for a server on this machine, where the user gave none."""
    return f"pt-key-{secrets.token_urlsafe(18)}"
