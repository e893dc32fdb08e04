"""What a probe does, step by step: the values that it yields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.metering.query import UsageQuery

#: Whose key a request carries: that of the account, of the second account, or none.
Account: TypeAlias = Literal["first", "second"]


class Send(Struct, frozen=True, kw_only=True):
    """Requests that ingest events; what they carry is entered in the ledger."""

    #: JSON texts, one a request.
    bodies: tuple[bytes, ...]
    #: All at the same time, each over a connection of its own.
    at_once: bool = False
    #: The connection is closed before the answer can come, as a lost network would.
    is_cut: bool = False
    #: Why something is sent again, "" where it is not.
    reason: str = ""
    account: Account = "first"
    #: The uniqueIds of events that must not count: a filtering rule leaves them out.
    left_out: frozenset[str] = frozenset()
    #: How the name of the key's header is spelled, if not as the description has it.
    key_header: str | None = None


class Call(Struct, frozen=True, kw_only=True):
    """Any other request, and what is due; nothing of it is entered in the ledger."""

    operation: Operation
    #: What is tried, for messages: `an event without a time`.
    what: str
    #: The statuses that keep the promise.
    statuses: tuple[int, ...]
    body: bytes | None = None
    #: Values of the variables of the path.
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    #: The key to send; None sends none.
    key: str | None = None
    #: What is wrong with the JSON of the answer, or None.
    check: Callable[[Any], str | None] | None = None
    #: Whether it may take a while until the answer is right.
    polls: bool = False


class Ask(Struct, frozen=True, kw_only=True):
    """A usage query; what it must show follows from the ledger."""

    query: UsageQuery
    account: Account = "first"
    #: Nobody else writes to the meter: also usage of unknown customers is a finding.
    is_alone: bool = False
    #: At least so many readings are taken after the first right one.
    repeats: int = 1


class Read(Struct, frozen=True, kw_only=True):
    """Usage queries, read when everything is planted; gives their judgements back."""

    asks: tuple[Ask, ...]


class Later(Struct, frozen=True):
    """What follows is sent more than a second and many events later, over other connections."""


LATER: Final = Later()

Move: TypeAlias = Send | Call | Read | Later


class NoPromiseError(Exception):
    """The description does not promise what a probe would test; the text says what."""


class BrokenPromiseError(Exception):
    """A probe has seen itself that its promise is broken; the text says how."""
