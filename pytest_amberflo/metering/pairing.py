"""Declared events beside those that came, one to one.

A sum cannot tell a lost event from a wrong one. So each declared event is paired with at most one
record, such that the pairs differ in as little as possible all together: an event with one wrong
field is told as that, not as one that is missing and one that nobody expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.metering.assignment import FORBIDDEN, assign
from pytest_amberflo.metering.misvalue import is_distorted
from pytest_amberflo.metering.number import format_number
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.emission import Arrived, Declared, Emitted

#: What it costs that a declared event has no record, and that a record has no declared event.
_MISSING: Final = 100
_EXTRA: Final = 100
#: What it costs that a field differs. A pair that costs as much as both of the above is none.
_METER: Final = 130
_NEAR_METER: Final = 60
_CUSTOMER: Final = 60
_VALUE: Final = 75
_DISTORTED_VALUE: Final = 50
_DIMENSION: Final = 40
_MATCH: Final = 130
#: The share that other fields count for where `match` says whose event it is.
_MATCHED: Final = 0.4
#: Of pairs that cost the same, the one that is nearer in time is the better by less than this.
_UNIT: Final = 100_000
#: An event that is further from its arrival does not tell when it happened, in seconds.
_TELLING_S: Final = 60.0
#: How far clocks of one machine may seem to be apart, in seconds.
_SLACK_S: Final = 0.05


class Flaw(Struct, frozen=True):
    """A field that is not what is due."""

    #: `meterApiName`, `customerId`, `meterValue`, `uniqueId`, or `dimension NAME`.
    field: str
    due: str
    #: None where the event does not have it.
    came: str | None
    #: Whether the call's own events were to be told apart by it.
    is_match: bool = False


class Pair(Struct, frozen=True):
    """A declared event, its record, and what is wrong with that."""

    declared: Declared
    record: Arrived
    flaws: tuple[Flaw, ...]


class Pairing(Struct, frozen=True, kw_only=True):
    """The best way to pair."""

    pairs: tuple[Pair, ...]
    #: Without a record, although they need one.
    missing: tuple[Declared, ...]
    #: Without a declared event.
    extra: tuple[Arrived, ...]

    @property
    def is_right(self) -> bool:
        """Whether every event came, as it was due, and nothing else did."""
        return not (self.missing or self.extra or any(pair.flaws for pair in self.pairs))


def pair_events(
    declared: Sequence[Declared], own: Sequence[Arrived], strange: Sequence[Arrived] = ()
) -> Pairing:
    """The pairing that differs in as little as possible.

    `strange` are records that only count where they fit something: of customers that nobody
    here knows.
    """
    records = [*own, *strange]
    costs = [
        [
            *(_cost(due, record, _EXTRA) for record in own),
            *(_cost(due, record, 0) for record in strange),
            # Each row has a way out of its own.
            *(
                (0 if due.is_optional else _MISSING * _UNIT) if index == row else FORBIDDEN
                for index in range(len(declared))
            ),
        ]
        for row, due in enumerate(declared)
    ]
    columns = assign(costs)
    pairs, missing, taken = [], [], set()
    for due, column in zip(declared, columns, strict=True):
        if column < len(records):
            taken.add(column)
            record = records[column]
            pairs.append(Pair(due, record, find_flaws(due, record.event)))
        elif not due.is_optional:
            missing.append(due)
    extra = tuple(record for index, record in enumerate(own) if index not in taken)
    return Pairing(pairs=tuple(pairs), missing=tuple(missing), extra=extra)


def find_flaws(declared: Declared, event: Emitted) -> tuple[Flaw, ...]:
    """The declared fields that an event does not have, or has otherwise."""
    flaws = []
    if event.meter != declared.meter:
        flaws.append(Flaw("meterApiName", declared.meter, event.meter))
    if event.customer != declared.customer:
        flaws.append(Flaw("customerId", declared.customer, event.customer))
    if event.value != declared.value:
        came = None if event.value is None else format_number(event.value)
        odd = [text for text in event.odd if text.startswith("meterValue: ")]
        came = odd[0].removeprefix("meterValue: ") if odd else came
        flaws.append(Flaw("meterValue", format_number(declared.value), came))
    for name, value in declared.dimensions:
        came = event.attribute(name) if name != "uniqueId" else dict(event.dimensions).get(name)
        if came != value:
            flaws.append(Flaw(f"dimension {name}", value, came))
    for name, value in declared.match:
        if event.attribute(name) != value:
            field = name if name == "uniqueId" else f"dimension {name}"
            flaws.append(Flaw(field, value, event.attribute(name), is_match=True))
    return tuple(flaws)


def _cost(declared: Declared, record: Arrived, extra: int) -> int:
    """What a pair costs more than its record would alone."""
    if record.at_s < declared.call.started_s - _SLACK_S:
        return FORBIDDEN  # it came before the call was made
    flaws = find_flaws(declared, record.event)
    weight = float(sum(_weigh(flaw, declared, record.event) for flaw in flaws))
    if declared.match and not any(flaw.is_match for flaw in flaws):
        weight *= _MATCHED
    if weight >= _MISSING + _EXTRA:
        return FORBIDDEN
    return (round(weight) - extra) * _UNIT + _distance(declared, record)


def _weigh(flaw: Flaw, declared: Declared, event: Emitted) -> int:
    if flaw.is_match:
        return _MATCH
    match flaw.field:
        case "meterApiName":
            is_near = flaw.came is not None and find_nearest(flaw.came, (flaw.due,)) is not None
            return _NEAR_METER if is_near else _METER
        case "customerId":
            return _CUSTOMER
        case "meterValue":
            is_near = event.value is None or is_distorted(declared.value, event.value)
            return _DISTORTED_VALUE if is_near else _VALUE
        case _:
            return _DIMENSION


def _distance(declared: Declared, record: Arrived) -> int:
    """How far an event is from the call in time, in milliseconds, below the unit.

    What it says itself tells more than when it came, for it may have waited; unless it says a
    time that is cut, or of another clock.
    """
    call, time_ms, moment_s = declared.call, record.event.time_ms, record.at_s
    if time_ms is not None and abs(time_ms / 1000 - moment_s) <= _TELLING_S:
        moment_s = time_ms / 1000
    away_s = max(call.started_s - moment_s, moment_s - call.done_s, 0.0)
    return min(_UNIT - 1, int(away_s * 1000))
