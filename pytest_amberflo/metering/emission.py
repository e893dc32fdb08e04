"""What calls to one's own service must meter, and what came to ingest instead.

Everything here is as loose as senders are: a value may be text, a time may be missing. What the
server made of a request stands beside it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from pytest_amberflo.metering.event import MeterEvent
from pytest_amberflo.metering.number import format_number, is_integral, normalize
from pytest_amberflo.metering.window import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_amberflo.metering.dedup import DedupRules

#: Names and values, sorted by name.
Attributes: TypeAlias = tuple[tuple[str, str], ...]


class CallMark(Struct, frozen=True, kw_only=True):
    """A call to one's own service. Times are UTC in seconds since 1970."""

    number: int
    #: How reports name it: `chat`, or `chat, attempt 2`.
    label: str
    started_s: float
    done_s: float
    #: What it answered, for reports: `POST /chat 200`.
    answer: str = ""
    #: When the same call was sent again, with the same idempotency key, or None.
    repeated_s: float | None = None

    def spans(self, moment_s: float) -> bool:
        """Whether a moment lies within the call."""
        return self.started_s <= moment_s <= self.done_s


class Declared(Struct, frozen=True, kw_only=True):
    """An event that a call must meter, once."""

    call: CallMark
    meter: str
    customer: str
    value: Decimal
    #: Those that the event must have; it may have others.
    dimensions: Attributes = ()
    #: What tells this call's event from those of others: `uniqueId` or dimensions.
    match: Attributes = ()
    #: Whether it may as well not come, as after a call that failed.
    is_optional: bool = False

    def __str__(self) -> str:
        """The event as reports name it: `api-calls 2.5`."""
        return f"{self.meter} {format_number(self.value)}"


class Emitted(Struct, frozen=True):
    """An event as it was sent, whatever its members are."""

    meter: str | None
    customer: str | None
    value: Decimal | None
    #: Milliseconds since 1970, as far as the sender knows.
    time_ms: int | None
    unique_id: str | None
    dimensions: Attributes
    #: Members that are not of their type, as `name: JSON`.
    odd: tuple[str, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The unique id, or the value of a dimension; None where there is none."""
        return self.unique_id if name == "uniqueId" else dict(self.dimensions).get(name)

    def to_event(self) -> MeterEvent | None:
        """The event as the oracle knows it; None where something of it is wrong."""
        if self.odd or self.meter is None or self.value is None or self.time_ms is None:
            return None
        return MeterEvent(
            meter=self.meter,
            customer=self.customer,
            value=self.value,
            time_ms=self.time_ms,
            unique_id=self.unique_id,
            dimensions=self.dimensions,
        )

    @property
    def value_text(self) -> str:
        """The value as it was sent: a number, or whatever else it is, as JSON."""
        for member in self.odd:
            if member.startswith("meterValue: "):
                return member.removeprefix("meterValue: ")
        return "without a value" if self.value is None else format_number(self.value)

    def __str__(self) -> str:
        """The event as reports name it, with what tells it apart."""
        value = self.value_text
        when = "" if self.time_ms is None else f" at {format_time(self.time_ms)}"
        name = f"{self.meter or '(no meter)'} {value}{when}"
        return name if self.unique_id is None else f"{name} (uniqueId {self.unique_id})"


class Arrival(Struct, frozen=True, kw_only=True):
    """One request to ingest, and what became of it. Times are UTC in seconds since 1970."""

    number: int
    at_s: float
    #: When it was answered; None while it is under way.
    done_s: float | None
    #: None where the sender got no answer.
    status: int | None
    #: Whether the answer reached its end.
    is_answered: bool
    is_stored: bool
    events: tuple[Emitted, ...]
    #: The body where it was not understood.
    body: str | None = None
    #: What the server said against it.
    problem: str | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the sender was told that the events are there."""
        return self.is_answered and self.status == 200

    @property
    def answer(self) -> str:
        """What the sender got, for reports: `200`, `503` or `no answer`."""
        if self.is_answered and self.status is not None:
            return str(self.status)
        return "under way" if self.done_s is None else "no answer"


class Arrived(Struct, frozen=True, eq=False):
    """A record with every request that brought it, in their order."""

    event: Emitted
    arrivals: tuple[Arrival, ...]

    def __eq__(self, other: object) -> bool:
        """Whether it is the same record, whatever brought it."""
        return isinstance(other, Arrived) and self.event == other.event

    def __hash__(self) -> int:
        return hash(self.event)

    @property
    def at_s(self) -> float:
        """When it came first."""
        return self.arrivals[0].at_s

    @property
    def is_stored(self) -> bool:
        """Whether any of the requests was kept."""
        return any(arrival.is_stored for arrival in self.arrivals)


def read_arrival(data: Mapping[str, Any]) -> Arrival:
    """A request as the server's control API shows it."""
    return Arrival(
        number=data["number"],
        at_s=data["atInSeconds"],
        done_s=data["doneInSeconds"],
        status=data["status"],
        is_answered=data["ending"] == "whole",
        is_stored=data["isStored"],
        events=tuple(event for item in data["events"] or () for event in _read_emitted(item)),
        body=data["body"],
        problem=data["problem"],
    )


def gather_records(arrivals: Iterable[Arrival], rules: DedupRules) -> tuple[Arrived, ...]:
    """The records of these requests, in the order in which they came.

    What the account's rule takes for one is one, named by the event that counts.
    """
    found: dict[object, list[tuple[Emitted, Arrival]]] = {}
    for arrival in sorted(arrivals, key=lambda one: one.number):
        for emitted in arrival.events:
            event = emitted.to_event() if arrival.is_stored else None
            key = rules.key_of(event) if event is not None else _key_of(emitted, rules)
            found.setdefault(key, []).append((emitted, arrival))
    return tuple(_unite(members) for members in found.values())


def _key_of(emitted: Emitted, rules: DedupRules) -> object:
    """The key that an event would have, had it been kept; itself where it cannot be."""
    event = emitted.to_event()
    return emitted if event is None else rules.key_of(event)


def _unite(members: Sequence[tuple[Emitted, Arrival]]) -> Arrived:
    stored = [emitted for emitted, arrival in members if arrival.is_stored]
    event = stored[0] if stored else members[0][0]
    return Arrived(event, tuple(arrival for _, arrival in members))


def _read_emitted(item: Any) -> Iterator[Emitted]:
    """The events of one element of a body: one for each meter that it has a value for."""
    if not isinstance(item, dict):
        yield Emitted(None, None, None, None, None, (), (f"event: {_print(item)}",))
        return
    odd: list[str] = []
    customer = _read_text(item, "customerId", odd)
    unique_id = _read_text(item, "uniqueId", odd)
    dimensions = _read_dimensions(item.get("dimensions"), odd)
    time = _read_number(item, "meterTimeInMillis", odd)
    time_ms = None
    if time is not None and is_integral(time):
        time_ms = int(time)
    elif time is not None:
        odd.append(f"meterTimeInMillis: {time}")
    several = item.get("values")
    named: list[tuple[str | None, dict[str, Any], str]] = []
    if isinstance(several, dict):
        named = [(str(name), several, str(name)) for name in several]
    if not named or "meterApiName" in item or "meterValue" in item:
        named.insert(0, (_read_text(item, "meterApiName", odd), item, "meterValue"))
    for meter, members, name in named:
        wrong: list[str] = []
        value = _read_number(members, name, wrong)
        wrong = [f"meterValue: {member.partition(': ')[2]}" for member in wrong]
        yield Emitted(meter, customer, value, time_ms, unique_id, dimensions, (*odd, *wrong))


def _read_text(item: Mapping[str, Any], name: str, odd: list[str]) -> str | None:
    value = item.get(name)
    if value is None or isinstance(value, str):
        return value
    odd.append(f"{name}: {_print(value)}")
    return None


def _read_number(item: Mapping[str, Any], name: str, odd: list[str]) -> Decimal | None:
    value = item.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return normalize(Decimal(repr(value)))
    if value is not None:
        odd.append(f"{name}: {_print(value)}")
    return None


def _read_dimensions(value: Any, odd: list[str]) -> Attributes:
    if value is None:
        return ()
    if not isinstance(value, dict):
        odd.append(f"dimensions: {_print(value)}")
        return ()
    for name, member in value.items():
        if not isinstance(member, str):
            odd.append(f"dimension {name}: {_print(member)}")
    return tuple(sorted((name, text) for name, text in value.items() if isinstance(text, str)))


def _print(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
