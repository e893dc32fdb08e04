"""The oracle: what usage may rightly be, computed from the ledger and a query.

Some things are not known: whether a transmission without an answer was stored, whether a
service widens an unaligned window, whether usage without a dimension has a group. Each choice
of these is a *world*, and one world must explain a whole reading: with a range for each number
instead, a lost 3 could hide behind a 3 that may not have been stored. The embedded server adds
up in SQL; this is Python on purpose, so that one checks the other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import add_exactly, tolerance_of
from pytest_amberflo.metering.query import Aggregation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import GroupKey

#: A place in a usage table.
Cell: TypeAlias = "tuple[GroupKey, int]"

#: More open choices than this make more worlds than can be gone through.
MAX_CHOICES: Final = 12


class TooManyWorldsError(ValueError):
    """So much is open that nothing can be concluded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What a cell may say: an exact value and how far a float64 sum may be from it."""

    value: Decimal
    tolerance: Decimal
    events: tuple[MeterEvent, ...]

    def admits(self, seen: Decimal) -> bool:
        """Whether a service that counts right may say this."""
        return abs(seen - self.value) <= self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One choice of everything open, and the usage that it leads to."""

    cells: dict[Cell, Amount]
    #: Records that may or may not be stored, and are stored in this world.
    assumed: frozenset[Identity]


@dataclass(frozen=True, slots=True)
class _Choice:
    """The answers to what is open about a service."""

    stored: frozenset[int]
    keeps_start_margin: bool
    keeps_end_margin: bool
    keeps_groupless: bool


def list_worlds(
    records: Sequence[Record],
    query: UsageQuery,
    known_stored: frozenset[Identity] = frozenset(),
) -> tuple[World, ...]:
    """Every distinct world of these records; the first has all that may be stored, in full.

    `known_stored` are records that an earlier reading showed: what is stored stays stored.
    Raises TooManyWorldsError.
    """
    maybes = [
        index
        for index, record in enumerate(records)
        if record.fate is Fate.MAYBE and record.event.identity not in known_stored
    ]
    if len(maybes) > MAX_CHOICES:
        raise TooManyWorldsError(f"{len(maybes)} records may or may not be stored")
    worlds: dict[tuple[tuple[Cell, Decimal], ...], World] = {}
    for choice in _list_choices(records, query, maybes):
        world = _build_world(records, query, choice, frozenset(maybes))
        fingerprint = tuple(sorted(((c, a.value) for c, a in world.cells.items()), key=repr))
        worlds.setdefault(fingerprint, world)
    return tuple(worlds.values())


def _list_choices(
    records: Sequence[Record], query: UsageQuery, maybes: Sequence[int]
) -> Iterator[_Choice]:
    events = [record.event for record in records]
    start, end = query.start_s * 1000, query.end_s * 1000
    low, high = query.interval.floor(query.start_s) * 1000, query.interval.ceil(query.end_s) * 1000
    start_open = any(low <= event.time_ms < start for event in events)
    end_open = any(end <= event.time_ms < high for event in events)
    group_open = any(event.attribute(name) is None for event in events for name in query.group_by)
    both = (True, False)
    for stored in product(both, repeat=len(maybes)):
        kept = frozenset(i for i, is_stored in zip(maybes, stored, strict=True) if is_stored)
        for margins in product(
            both if start_open else (False,),
            both if end_open else (False,),
            both if group_open else (True,),
        ):
            yield _Choice(kept, *margins)


def _build_world(
    records: Sequence[Record], query: UsageQuery, choice: _Choice, maybes: frozenset[int]
) -> World:
    inside: dict[Cell, list[MeterEvent]] = defaultdict(list)
    low = query.interval.floor(query.start_s) if choice.keeps_start_margin else query.start_s
    high = query.interval.ceil(query.end_s) if choice.keeps_end_margin else query.end_s
    for index, record in enumerate(records):
        if record.fate is Fate.REFUSED:
            continue
        if index in maybes and index not in choice.stored:
            continue
        event = record.event
        if not low * 1000 <= event.time_ms < high * 1000 or not passes(event, query):
            continue
        group = tuple(event.attribute(name) or None for name in query.group_by)
        if None in group and not choice.keeps_groupless:
            continue
        inside[group, query.interval.floor(event.time_ms // 1000)].append(event)
    cells = {cell: aggregate(events, query.aggregation) for cell, events in inside.items()}
    assumed = frozenset(records[index].event.identity for index in choice.stored)
    return World(cells=cells, assumed=assumed)


def passes(event: MeterEvent, query: UsageQuery) -> bool:
    """Whether an event is of the query's meter and passes its filters; values compare exactly."""
    if event.meter != query.meter:
        return False
    return all(event.attribute(name) in allowed for name, allowed in query.filters)


def aggregate(events: Sequence[MeterEvent], aggregation: Aggregation) -> Amount:
    """What a bucket with these events says (at least one event)."""
    values = [event.value for event in events]
    zero = Decimal(0)
    match aggregation:
        case Aggregation.SUM:
            amount, tolerance = add_exactly(values), tolerance_of(values)
        case Aggregation.COUNT:
            amount, tolerance = Decimal(len(values)), zero
        case Aggregation.MAX:
            amount = max(values)
            tolerance = tolerance_of([amount])
        case Aggregation.MIN:
            amount = min(values)
            tolerance = tolerance_of([amount])
    return Amount(value=amount, tolerance=tolerance, events=tuple(events))


def is_blind(events: Sequence[MeterEvent], tolerance: Decimal) -> bool:
    """Whether the tolerance of a sum is so wide that a lost event could hide in it."""
    smallest = min((abs(event.value) for event in events if event.value != 0), default=Decimal(0))
    return tolerance * 2 >= smallest > 0
