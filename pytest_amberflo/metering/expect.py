"""Expected usage against seen usage: right, not yet right, or wrong."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.metering.amount import is_blind
from pytest_amberflo.metering.baseline import add_baseline
from pytest_amberflo.metering.cut import cut_world, note_surplus
from pytest_amberflo.metering.number import (
    EXACT,
    ZERO,
    add_exactly,
    is_integral,
    is_within,
    subtract,
    tolerance_of,
)
from pytest_amberflo.metering.oracle import BARE_TERMS, TooManyWorldsError, World, list_worlds
from pytest_amberflo.metering.partial import Copies, Excuse, excuse_row
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.table import ADDING, Row, Seen, has_company, place_seen, tabulate
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Knowledge, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from pytest_amberflo.metering.baseline import Baseline
    from pytest_amberflo.metering.event import Identity
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading

_OTHERS_NOTE: Final = "the query is not limited to a customer: others may have written, too"
_DECLARED_NOTE: Final = "others write to this customer, too, and may have sent what is too much"
_FRESH_NOTE: Final = (
    "fresh figures may count copies and cancelled events for some hours: it can be judged later"
)
_BLIND_NOTE: Final = (
    "the values are so far apart that a lost one is within the rounding of the sum"
)


class Status(Enum):
    """What a reading says about the service."""

    RIGHT = "right"
    #: Events are missing that may still become visible.
    PARTIAL = "partial"
    #: No event that may still come can make it right.
    WRONG = "wrong"
    #: Nothing can be concluded.
    BLIND = "blind"
    #: Fresh figures of the real service count what settled ones may leave out.
    DEFERRED = "deferred"


class Judgement(Struct, frozen=True, kw_only=True):
    """A reading beside the world that is nearest to it."""

    status: Status
    query: UsageQuery
    rows: tuple[Row, ...]
    #: What is wrong beside the numbers of the asked meter, or why nothing can be concluded.
    notes: tuple[str, ...] = ()
    #: Usage in groups or meters that the query did not ask for.
    strays: tuple[Row, ...] = ()
    #: What this reading and those before it show of records that are not surely stored.
    knowledge: Knowledge = NOTHING_KNOWN
    world: World | None = None
    #: The days on which weeks may start after this reading; empty where it does not tell.
    week_starts: frozenset[int] = frozenset()

    @property
    def proven(self) -> frozenset[Identity]:
        """Records that the readings so far prove stored."""
        return self.knowledge.proven

    @property
    def wrong_rows(self) -> tuple[Row, ...]:
        """The rows that are not right."""
        return tuple(row for row in self.rows if not row.is_right)


class _Match(Struct, frozen=True):
    """A world, cut as the answer may be, beside the answer."""

    world: World
    seen: Seen
    notes: tuple[str, ...]
    query: UsageQuery
    is_shared: bool

    def tabulate(self) -> tuple[Row, ...]:
        """The rows of both."""
        return tabulate(self.world, self.seen.cells, self.query, is_shared=self.is_shared)

    def is_right(self) -> bool:
        """Whether the answer is what this world says."""
        if self.notes or self.seen.strays:
            return False
        cells, seen = self.world.cells, self.seen.cells
        if not all(amount.admits(seen.get(cell, ZERO)) for cell, amount in cells.items()):
            return False
        is_adding = self.query.aggregation in ADDING
        return not is_adding or all(number == 0 or cell in cells for cell, number in seen.items())

    def measure(self) -> Decimal:
        """How far the answer is from this world."""
        cells, seen = self.world.cells, self.seen.cells
        gaps = [subtract(seen.get(cell, ZERO), amount.value) for cell, amount in cells.items()]
        if self.query.aggregation in ADDING:
            gaps += [number for cell, number in seen.items() if cell not in cells]
        return add_exactly([gap.copy_abs() for gap in gaps])


def judge_reading(
    reading: Reading,
    records: Sequence[Record],
    query: UsageQuery,
    *,
    known: Knowledge = NOTHING_KNOWN,
    terms: Terms = BARE_TERMS,
    baseline: Baseline | None = None,
) -> Judgement:
    """What an answer to `query` says, given everything that was sent.

    `known` is what earlier right readings of the same ledger have shown: hand the `knowledge` of
    each right judgement to the next. `baseline` is the usage before the first ingest.
    """
    try:
        worlds = list_worlds(records, query, terms, known)
    except TooManyWorldsError as error:
        return Judgement(
            status=Status.BLIND, query=query, rows=(), notes=(str(error),), knowledge=known
        )
    matches = list(_match_worlds(reading, records, query, terms, worlds, baseline))
    right = [
        match
        for match in matches
        if match.is_right() and any(map(known.allows, match.world.explanations))
    ]
    if right:
        return _accept(right, query, known)
    nearest = min(matches, key=lambda match: match.measure())
    status, notes = _find_excuse(matches, records, query, terms)
    return Judgement(
        status=status,
        query=query,
        rows=nearest.tabulate(),
        notes=(*nearest.notes, *notes),
        strays=nearest.seen.strays,
        knowledge=known,
        world=nearest.world,
    )


def _match_worlds(
    reading: Reading,
    records: Sequence[Record],
    query: UsageQuery,
    terms: Terms,
    worlds: Sequence[World],
    baseline: Baseline | None,
) -> Iterator[_Match]:
    is_shared = has_company(records, query, terms)
    places: dict[int, Seen] = {}
    for plain in worlds:
        day = plain.freedom.week_start
        if day not in places:
            places[day] = place_seen(reading, records, query, terms, day)
        seen = places[day]
        world = cut_world(add_baseline(plain, baseline), seen, query)
        notes = (
            *note_surplus(seen, query),
            *_check_totals(reading, world, query, is_shared=is_shared),
        )
        yield _Match(world, seen, notes, query, is_shared)


def _accept(right: Sequence[_Match], query: UsageQuery, known: Knowledge) -> Judgement:
    match = right[0]
    blind = _find_blind(match.world, query)
    explanations = frozenset(
        found for one in right for found in one.world.explanations if known.allows(found)
    )
    days = frozenset(day for one in right for day in one.world.week_starts)
    return Judgement(
        status=Status.BLIND if blind else Status.RIGHT,
        query=query,
        rows=match.tabulate(),
        notes=blind,
        knowledge=known.learn(explanations),
        world=match.world,
        week_starts=days,
    )


def _find_excuse(
    matches: Sequence[_Match], records: Sequence[Record], query: UsageQuery, terms: Terms
) -> tuple[Status, tuple[str, ...]]:
    """Why a reading that is not right need not be wrong."""
    found: set[Excuse] = set()
    mine = [record for record in records if record.event.meter == query.meter]
    for match in matches:
        if not match.world.is_full or match.notes or match.seen.strays:
            continue
        copies = Copies(mine, query, match.world) if terms.is_fresh else None
        excuses = {excuse_row(row, query, terms, copies) for row in match.tabulate()}
        if Excuse.NONE not in excuses:
            # What is missing may come; only then is the rest looked at.
            order = (Excuse.LATE, Excuse.OTHERS, Excuse.FRESH)
            found.add(next(excuse for excuse in order if excuse in excuses))
    if Excuse.FRESH in found:
        return Status.DEFERRED, (_FRESH_NOTE,)
    if Excuse.OTHERS in found:
        return Status.BLIND, (_DECLARED_NOTE if terms.has_other_writers else _OTHERS_NOTE,)
    return (Status.PARTIAL if Excuse.LATE in found else Status.WRONG), ()


def _check_totals(
    reading: Reading, world: World, query: UsageQuery, *, is_shared: bool
) -> tuple[str, ...]:
    """What is wrong with `groupValue`: of a sum it is what the values of the group add up to.

    A service may add the events in another order than those of a bucket, so the tolerance is
    that of the events; where others' may be among them, nothing is known of their number.
    """
    if query.aggregation is not Aggregation.SUM:
        return ()
    notes: list[str] = []
    for group, total in reading.totals.items():
        values = list(reading.groups[group].values())
        amounts = [amount for (other, _), amount in world.cells.items() if other == group]
        events = [event.value for amount in amounts for event in amount.events]
        exact = add_exactly(values)
        if all(is_integral(value) for value in (total, *values)) and tolerance_of(values) == 0:
            tolerance = ZERO
        elif not events or is_shared:
            continue
        else:
            own = add_exactly([amount.tolerance for amount in amounts])
            tolerance = EXACT.add(tolerance_of([*events, *values]), own)
        if not is_within(total, exact, tolerance):
            notes.append(f"`groupValue` says {total}, but its values add up to {exact}")
    return tuple(notes)


def _find_blind(world: World, query: UsageQuery) -> tuple[str, ...]:
    if query.aggregation is not Aggregation.SUM:
        return ()
    if any(is_blind(amount.events, amount.tolerance) for amount in world.cells.values()):
        return (_BLIND_NOTE,)
    return ()
