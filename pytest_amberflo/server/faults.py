"""Faults: what a server does wrong on purpose, and when."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields, drop_absent
from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_CODE: Final = "invalid-fault"
_LONGEST_S: Final = 3_600.0


class FaultKind(StrEnum):
    """What goes wrong."""

    #: Not done; answered with a status.
    STATUS = "status"
    #: Not done; the connection is closed without an answer.
    DROP = "drop"
    #: Events only, all of a request: refused as the documentation has it, and not stored.
    REJECT = "reject"
    #: Events only: accepted, and not stored.
    LOSE = "lose"
    #: Events only: delivered twice. It shows in fresh figures, not in settled ones.
    DUPLICATE = "duplicate"
    #: Events only: stored, and out of sight for `delay`, and up to `jitter` longer.
    LAG = "lag"
    #: Done; answered `delay` later, and up to `jitter` more.
    SLOW = "slow"
    #: Done; the connection is closed without an answer.
    LOST_ANSWER = "lost-answer"
    #: Done; the connection is closed in the middle of the answer.
    TORN_ANSWER = "torn-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with which calls. Without a limit it is all that match."""

    kind: FaultKind
    #: The name of an operation, `ingest` or `usage` mostly; None for every one.
    operation: str | None = None
    #: Only calls that are about this customer, or this meter.
    customer: str | None = None
    meter: str | None = None
    status: int = 503
    #: What the header Retry-After says, in seconds; None for no such header.
    retry_after_s: int | None = None
    delay_s: float = 0.0
    jitter_s: float = 0.0
    #: Of the calls that match: only this one, only every so many, only the first so many.
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    #: From the first call that it strikes, in seconds; None without an end.
    duration_s: float | None = None
    #: The share of the calls that are left, by chance, from a seed.
    probability: float = 1.0
    seed: int = 0


def read_fault(payload: Any) -> Fault:
    """The fault in a JSON object. Raises Refusal (400), for unknown members as well."""
    fields = Fields.of(payload, _CODE)
    for name in fields.members:
        if name not in _MEMBERS:
            raise fields.refuse(name, f"left out; a fault has {', '.join(_MEMBERS)}")
    kind = fields.find_choice("kind", tuple(FaultKind))
    if kind is None:
        raise fields.refuse("kind", f"one of {', '.join(FaultKind)}")
    status = fields.find_integer("status", least=400, below=600)
    probability = fields.find_number("probability")
    if probability is not None and not 0 <= probability <= 1:
        raise fields.refuse("probability", "a number from 0 to 1")
    operation = fields.find_text("operation")
    return Fault(
        kind=FaultKind(kind.lower()),
        operation=None if operation in (None, "*") else operation,
        customer=fields.find_text("customer"),
        meter=fields.find_text("meter"),
        status=503 if status is None else status,
        retry_after_s=fields.find_integer("retryAfter", least=0, below=10**6),
        delay_s=_read_duration(fields, "delay"),
        jitter_s=_read_duration(fields, "jitter"),
        nth=fields.find_integer("nth", least=1),
        every=fields.find_integer("every", least=1),
        times=fields.find_integer("times", least=1),
        duration_s=_read_duration(fields, "duration") or None,
        probability=1.0 if probability is None else float(probability),
        seed=fields.find_integer("seed") or 0,
    )


_MEMBERS: Final = (
    "kind",
    "operation",
    "customer",
    "meter",
    "status",
    "retryAfter",
    "delay",
    "jitter",
    "nth",
    "every",
    "times",
    "duration",
    "probability",
    "seed",
)
_TEXTS: Final = ("kind", "operation", "customer", "meter")


def _read_duration(fields: Fields, name: str) -> float:
    value = fields.find_number(name) or 0.0
    if not 0 <= value <= _LONGEST_S * 24 * 365:
        raise fields.refuse(name, "seconds, 0 or more and less than a year")
    return float(value)


def parse_fault(text: str) -> Fault:
    """The fault that a command line writes as `OPERATION:KIND[:NAME=VALUE,...]`.

    KIND may be a status: `ingest:503:times=2,retryAfter=1`. Raises Refusal.
    """
    operation, _, rest = text.partition(":")
    kind, _, members = rest.partition(":")
    payload: dict[str, Any] = {"operation": operation or None, "kind": kind or None}
    if kind.isascii() and kind.isdigit():
        payload |= {"kind": "status", "status": _read_number(kind)}
    for member in filter(None, members.split(",")):
        name, _, value = member.partition("=")
        payload[name.strip()] = value if name.strip() in _TEXTS else _read_number(value)
    return read_fault(payload)


def _read_number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    if not isfinite(number):
        return text
    return int(number) if number.is_integer() else number


@dataclass(slots=True)
class _Entry:
    fault: Fault
    dice: random.Random
    seen: int = 0
    struck: int = 0
    #: When it struck first, on the book's clock.
    since: float | None = None


@dataclass(slots=True)
class FaultBook:
    """The faults of a server, and how often each has struck. Belongs to the loop's thread."""

    #: For the delays that are left to chance.
    dice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311
    now: Callable[[], float] = time.monotonic
    _entries: dict[int, _Entry] = field(default_factory=dict)
    _last_id: int = 0

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, fault: Fault) -> int:
        """Have a fault from now on; gives back its number."""
        self._last_id += 1
        self._entries[self._last_id] = _Entry(fault, random.Random(fault.seed))  # noqa: S311
        return self._last_id

    def remove(self, number: int) -> bool:
        """Have a fault no more; whether there was one of this number."""
        return self._entries.pop(number, None) is not None

    def clear(self) -> None:
        """Have no faults."""
        self._entries.clear()

    def describe(self) -> list[dict[str, Any]]:
        """All faults, with their numbers and how often they matched and struck."""
        return [_describe(number, entry) for number, entry in self._entries.items()]

    def strike(
        self, operation: str, *, customers: Iterable[str], meters: Iterable[str]
    ) -> tuple[Fault, ...]:
        """The faults that strike a call; each that matches has been counted."""
        struck = []
        known_customers, known_meters = frozenset(customers), frozenset(meters)
        for entry in self._entries.values():
            fault = entry.fault
            if fault.operation not in (None, operation):
                continue
            if fault.customer is not None and fault.customer not in known_customers:
                continue
            if fault.meter is not None and fault.meter not in known_meters:
                continue
            entry.seen += 1
            if _is_struck(entry, self.now()):
                entry.struck += 1
                struck.append(fault)
        return tuple(struck)

    def draw(self, fault: Fault) -> float:
        """How long a fault delays something this time, in seconds."""
        return fault.delay_s + self.dice.random() * fault.jitter_s


def _is_struck(entry: _Entry, now: float) -> bool:
    fault = entry.fault
    if fault.duration_s is not None and not _is_within(entry.since, now, fault.duration_s):
        return False
    if fault.nth is not None and entry.seen != fault.nth:
        return False
    if fault.every is not None and entry.seen % fault.every:
        return False
    if fault.times is not None and entry.struck >= fault.times:
        return False
    # Drawn even where it is certain, so that a seed means the same calls.
    is_struck = entry.dice.random() < fault.probability
    if is_struck and entry.since is None:
        entry.since = now
    return is_struck


def _is_within(since: float | None, now: float, duration_s: float) -> bool:
    return since is None or now - since <= duration_s


def _describe(number: int, entry: _Entry) -> dict[str, Any]:
    fault = entry.fault
    members: Mapping[str, Any] = {
        "id": number,
        "kind": fault.kind.value,
        "operation": fault.operation,
        "customer": fault.customer,
        "meter": fault.meter,
        "status": fault.status if fault.kind is FaultKind.STATUS else None,
        "retryAfter": fault.retry_after_s,
        "delay": fault.delay_s or None,
        "jitter": fault.jitter_s or None,
        "nth": fault.nth,
        "every": fault.every,
        "times": fault.times,
        "duration": fault.duration_s,
        "probability": fault.probability,
        "seen": entry.seen,
        "struck": entry.struck,
    }
    return drop_absent(members)


def refuse_by(fault: Fault) -> Refusal:
    """The refusal that a fault of kind `status` or `reject` answers with."""
    if fault.kind is FaultKind.REJECT:
        details = "a fault that was set on this server"
        return Refusal(400, "rejected", "An event was rejected", details=details)
    headers = () if fault.retry_after_s is None else (("Retry-After", str(fault.retry_after_s)),)
    message = {429: "Too many requests", 503: "Service unavailable"}.get(
        fault.status, "Internal server error" if fault.status >= 500 else "Refused"
    )
    return Refusal(
        fault.status, "fault", message, details="a fault that was set here", headers=headers
    )
