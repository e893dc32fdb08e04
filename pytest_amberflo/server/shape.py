"""The two forms of Amberflo's API."""

from __future__ import annotations

from enum import Enum


class Shape(Enum):
    """Whose form of the API a path or a request has."""

    #: As a third party has published it.
    PUBLISHED = "published"
    #: As Amberflo's own clients and documentation have it.
    OFFICIAL = "official"
    #: Both have it, and nothing tells which is meant.
    SHARED = "shared"
