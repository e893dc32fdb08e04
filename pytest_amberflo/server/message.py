"""Requests and answers, as the routes see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

#: Seconds since 1970, UTC.
Clock = Callable[[], float]


@dataclass(slots=True)
class Notes:
    """What was found out about a head; the next request with the same head need not ask again."""

    #: Whose events a request brings; None where it is no ingest, or was not let in yet.
    tenant: int | None = None
    #: Whether the client would rather have plain text than JSON; None where nobody has looked.
    prefers_text: bool | None = None
    #: Headers by name, as `header_words` gives them.
    words: dict[bytes, bytes] = field(default_factory=dict)


class Request(NamedTuple):
    """One request, complete."""

    # A tuple is made in a fifth of the time of a frozen dataclass, and there is one per request.
    method: str
    #: The path as it was sent, without the query.
    path: str
    #: Names in lower case, in the order they were sent.
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    #: `1.0` or `1.1`.
    http_version: str
    #: Whether the client leaves the connection open.
    keep_alive: bool
    #: What follows the path's question mark, as it was sent.
    query: str = ""
    #: The host and port that a proxy was asked for; empty where the target is a path alone.
    authority: str = ""
    #: Shared by the requests of a connection that have the same head, byte for byte.
    notes: Notes | None = None

    def header_values(self, name: bytes) -> list[bytes]:
        """Every value of a header; `name` in lower case."""
        return [value for key, value in self.headers if key == name]

    def header_words(self, name: bytes) -> bytes:
        """The values of a header as one, in lower case; empty where there is none."""
        words = None if self.notes is None else self.notes.words.get(name)
        if words is None:
            words = b",".join(self.header_values(name)).strip().lower()
            if self.notes is not None:
                self.notes.words[name] = words
        return words


class Ending(Enum):
    """How an answer ends: how much of it leaves before a cut, or what begins after it."""

    WHOLE = "whole"
    TORN = "torn"
    NONE = "none"
    #: The connection begins anew, as one to another host.
    TUNNEL = "tunnel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back for a request."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "application/json"
    ending: Ending = Ending.WHOLE


#: Takes the answer to one request; called exactly once.
Respond = Callable[[Answer], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request that was answered, for those who watch."""

    #: None where no request could be read.
    method: str | None
    path: str | None
    status: int
    duration_s: float


Observe = Callable[[Served], None]


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def encode_json(value: object) -> bytes:
    """A value as JSON, pure ASCII."""
    return _ENCODER.encode(value).encode("ascii")
