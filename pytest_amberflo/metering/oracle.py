"""The oracle: what usage may rightly be, computed from the ledger and a query.

Some things are not known: whether a transmission without an answer was stored, whether a
service widens an unaligned window, whether usage without a dimension has a group, on what day
its weeks start. Each choice of these is a *world*, and one world must explain a whole reading:
with a range for each number instead, a lost 3 could hide behind a 3 that may not have been
stored. The embedded server adds up in SQL; this is Python on purpose, so that one checks the
other.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from pytest_amberflo.metering.amount import Amount, aggregate
from pytest_amberflo.metering.number import ZERO
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Explanation, Terms
from pytest_amberflo.metering.unit import Unit, list_sure, list_units
from pytest_amberflo.metering.window import MONDAY, Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.terms import Knowledge
    from pytest_amberflo.metering.usage import GroupKey

#: A place in a usage table: a group and the start of a bucket.
Cell: TypeAlias = "tuple[GroupKey, int]"

#: More open choices than this make more worlds than can be gone through.
MAX_CHOICES: Final = 12
_MOST_WORLDS: Final = 2**15
#: Nothing is known of the service but the rules.
BARE_TERMS: Final = Terms()


class TooManyWorldsError(ValueError):
    """So much is open that nothing can be concluded."""


class Freedom(Struct, frozen=True, kw_only=True):
    """What a right service is free to do, as one of them does it."""

    widens_start: bool = True
    widens_end: bool = True
    #: Attributes to group by without which usage is in no group at all.
    drops_without: frozenset[str] = frozenset()
    week_start: int = MONDAY

    @property
    def is_full(self) -> bool:
        """Whether nothing is left out that could be shown."""
        return self.widens_start and self.widens_end and not self.drops_without

    def place(self, event: MeterEvent, query: UsageQuery) -> Cell | None:
        """Where an event of the query's meter is shown; None where it is not."""
        low, high = query.start_s, query.end_s
        if self.widens_start:
            low = query.interval.floor(low, self.week_start)
        if self.widens_end and not query.is_open_ended:
            high = query.interval.ceil(high, self.week_start)
        if not low * 1000 <= event.time_ms < high * 1000 or not passes(event, query):
            return None
        group = tuple(event.attribute(name) or None for name in query.group_by)
        if any(event.attribute(name) is None for name in self.drops_without):
            return None
        return group, query.interval.floor(event.time_ms // 1000, self.week_start)


_FULL: Final = Freedom()


class World(Struct, frozen=True, kw_only=True):
    """The usage that one choice of everything open leads to, and every choice that does."""

    cells: dict[Cell, Amount]
    #: What each choice that leads here says of the records that are not surely stored.
    explanations: frozenset[Explanation] = frozenset({Explanation()})
    #: One way of a service that leads here.
    freedom: Freedom
    #: The days on which weeks start in all ways that lead here.
    week_starts: frozenset[int] = frozenset()
    #: Whether no other world has all that this one has, and more.
    is_full: bool = True

    @property
    def assumed(self) -> frozenset[Identity]:
        """The records that are stored in this world, whichever choice led to it."""
        return frozenset.intersection(*(found.stored for found in self.explanations))


def passes(event: MeterEvent, query: UsageQuery) -> bool:
    """Whether an event is of the query's meter and passes its filters; values compare exactly."""
    if event.meter != query.meter:
        return False
    return all(event.attribute(name) in allowed for name, allowed in query.filters)


def is_clear(events: Iterable[MeterEvent], query: UsageQuery) -> bool:
    """Whether nothing that a right service is free to do makes a difference for these events."""
    for name in query.group_by:
        for event in events:
            if event.attribute(name) is None:
                return False
    return query.is_aligned and query.interval is not Interval.WEEK


def list_freedoms(
    events: Sequence[MeterEvent], query: UsageQuery, terms: Terms
) -> Iterator[Freedom]:
    """Every way of a right service that makes a difference for these events; the fullest first."""
    if is_clear(events, query):
        yield _FULL
        return
    days: Sequence[int] = (MONDAY,)
    if query.interval is Interval.WEEK:
        days = sorted(terms.week_starts)
    asked = [event for event in events if passes(event, query)]
    without = [
        name
        for name in dict.fromkeys(query.group_by)
        if any(event.attribute(name) is None for event in asked)
    ]
    both, only = (True, False), (True,)
    start, end = query.start_s * 1000, query.end_s * 1000
    for day in days:
        low = query.interval.floor(query.start_s, day) * 1000
        high = end if query.is_open_ended else query.interval.ceil(query.end_s, day) * 1000
        starts = both if any(low <= event.time_ms < start for event in asked) else only
        ends = both if any(end <= event.time_ms < high for event in asked) else only
        for dropped in product((False, True), repeat=len(without)):
            drops = frozenset(name for name, is_it in zip(without, dropped, strict=True) if is_it)
            for widens_start, widens_end in product(starts, ends):
                yield Freedom(
                    widens_start=widens_start,
                    widens_end=widens_end,
                    drops_without=drops,
                    week_start=day,
                )


class _Open(Struct):
    """The ways in which an open unit shows: where, what, and which records that takes."""

    ways: list[tuple[tuple[tuple[Cell, MeterEvent], ...], frozenset[Identity], bool]]


class _Table(Struct):
    """What surely counts under one freedom, and what is open."""

    fixed: dict[Cell, list[MeterEvent]] = field(default_factory=lambda: defaultdict(list))
    open_units: list[_Open] = field(default_factory=list)


def list_worlds(
    records: Sequence[Record],
    query: UsageQuery,
    terms: Terms = BARE_TERMS,
    known: Knowledge = NOTHING_KNOWN,
) -> tuple[World, ...]:
    """Every distinct world of these records; the first has all that may be stored, in full.

    Records that are known to be stored are in all of them. Raises TooManyWorldsError.
    """
    # Records hang together within a meter and customer only.
    mine = [
        record
        for record in records
        if record.event.meter == query.meter
        and (query.customers is None or record.event.customer in query.customers)
    ]
    sure = list_sure(mine, terms)
    if sure is not None and is_clear(sure, query):
        worlds: tuple[World, ...] = (_build_only(sure, query),)
    else:
        worlds = list_open_worlds(mine, query, terms, known)
    if query.aggregation in (Aggregation.MAX, Aggregation.MIN):
        return tuple(_complete_extremes(world, worlds, query, terms) for world in worlds)
    return worlds


def _build_only(events: Sequence[MeterEvent], query: UsageQuery) -> World:
    """The world of events that surely count, where a service is free to do nothing."""
    shown: dict[Cell, list[MeterEvent]] = defaultdict(list)
    for event in events:
        cell = _FULL.place(event, query)
        if cell is not None:
            shown[cell].append(event)
    cells = {cell: aggregate(found, query.aggregation) for cell, found in shown.items()}
    return World(cells=cells, freedom=_FULL, week_starts=frozenset({_FULL.week_start}))


def list_open_worlds(
    records: Sequence[Record], query: UsageQuery, terms: Terms, known: Knowledge
) -> tuple[World, ...]:
    """The worlds of records of a meter and its customers, of which anything may be open."""
    units = [_fix(unit, known.proven) for unit in list_units(records, terms)]
    events = [event for unit in units for outcome in unit.outcomes for event in outcome]
    found: dict[object, World] = {}
    count = 0
    for freedom in list_freedoms(events, query, terms):
        table = _place_units(units, query, freedom)
        open_count = len(table.open_units)
        if open_count > MAX_CHOICES:
            raise TooManyWorldsError(f"{open_count} records may or may not be stored")
        for world in _iterate_worlds(table, query, freedom):
            count += 1
            if count > _MOST_WORLDS:
                raise TooManyWorldsError("too much is open: nothing can be concluded")
            key = frozenset((cell, amount.value) for cell, amount in world.cells.items())
            found[key] = _unite(found[key], world) if key in found else world
    return tuple(found.values())


def _fix(unit: Unit, proven: frozenset[Identity]) -> Unit:
    """A unit without the ways that lack what is proven."""
    if not proven or not unit.is_open or not unit.keeps:
        return unit
    due = proven & {event.identity for outcome in unit.outcomes for event in outcome}
    kept = [outcome for outcome in unit.outcomes if due <= {event.identity for event in outcome}]
    return Unit(tuple(kept)) if kept else unit


def _unite(first: World, second: World) -> World:
    return replace(
        first,
        explanations=first.explanations | second.explanations,
        week_starts=first.week_starts | second.week_starts,
        is_full=first.is_full or second.is_full,
    )


def _place_units(units: Sequence[Unit], query: UsageQuery, freedom: Freedom) -> _Table:
    """The cells of every unit; one whose ways all show the same is not open here."""
    table = _Table()
    for unit in units:
        ways: dict[object, tuple[tuple[tuple[Cell, MeterEvent], ...], frozenset[Identity]]] = {}
        for outcome in unit.outcomes:
            placed = [(freedom.place(event, query), event) for event in outcome]
            shown = tuple((cell, event) for cell, event in placed if cell is not None)
            stored = frozenset(event.identity for _, event in shown) if unit.keeps else frozenset()
            ways.setdefault(shown, (shown, stored))
        if len(ways) == 1:
            for cell, event in next(iter(ways.values()))[0]:
                table.fixed[cell].append(event)
        else:
            fullest = max(len(shown) for shown, _ in ways.values())
            table.open_units.append(
                _Open([(shown, stored, len(shown) == fullest) for shown, stored in ways.values()])
            )
    return table


def _iterate_worlds(table: _Table, query: UsageQuery, freedom: Freedom) -> Iterator[World]:
    fixed = {cell: aggregate(found, query.aggregation) for cell, found in table.fixed.items()}
    open_names = frozenset(
        name for unit in table.open_units for _, names, _ in unit.ways for name in names
    )
    for chosen in product(*(unit.ways for unit in table.open_units)):
        added: dict[Cell, list[MeterEvent]] = defaultdict(list)
        for shown, _, _ in chosen:
            for cell, event in shown:
                added[cell].append(event)
        cells = dict(fixed)
        for cell, some in added.items():
            cells[cell] = aggregate([*table.fixed.get(cell, ()), *some], query.aggregation)
        stored = frozenset(name for _, names, _ in chosen for name in names)
        yield World(
            cells=cells,
            explanations=frozenset({Explanation(stored, open_names - stored)}),
            freedom=freedom,
            week_starts=frozenset({freedom.week_start}),
            is_full=freedom.is_full and all(is_full for _, _, is_full in chosen),
        )


def _complete_extremes(
    world: World, worlds: Sequence[World], query: UsageQuery, terms: Terms
) -> World:
    """A world in which cells that only other worlds fill show nothing, or what was before.

    Meters whose values last show the last ones again, so that extremes are compared only where
    there may be events; there they are one of ours, or nothing.
    """
    touched = {cell for other in worlds for cell in other.cells}
    cells = dict(world.cells)
    for group, bucket in touched:
        before = _list_before(world.cells, group, bucket)
        if (group, bucket) not in cells:
            nothing = Amount(value=ZERO, tolerance=ZERO, events=(), also=before)
            cells[group, bucket] = nothing
        elif query.meter in terms.lasting_meters:
            amount = cells[group, bucket]
            pick = max if query.aggregation is Aggregation.MAX else min
            also = frozenset(pick(amount.value, value) for value in before)
            cells[group, bucket] = replace(amount, also=also)
    return replace(world, cells=cells)


def _list_before(cells: Mapping[Cell, Amount], group: GroupKey, bucket: int) -> frozenset[Decimal]:
    """The values of a group's events in earlier buckets."""
    return frozenset(
        event.value
        for (other, start), amount in cells.items()
        if other == group and start < bucket
        for event in amount.events
    )
