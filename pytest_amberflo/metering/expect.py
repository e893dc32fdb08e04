"""Expected usage against seen usage: right, not yet right, or wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.number import ZERO, add_exactly, tolerance_of
from pytest_amberflo.metering.oracle import (
    Amount,
    Cell,
    TooManyWorldsError,
    World,
    is_blind,
    list_worlds,
)
from pytest_amberflo.metering.query import Aggregation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from pytest_amberflo.metering.event import Identity
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import GroupKey, Reading

#: Cells with more events are only checked to lie between all negative and all positive values.
_MOST_FOR_SUBSETS: Final = 12


class Status(Enum):
    """What a reading says about the service."""

    RIGHT = "right"
    #: Events are missing that may still become visible.
    PARTIAL = "partial"
    #: No event that may still come can make it right.
    WRONG = "wrong"
    #: Nothing can be concluded.
    BLIND = "blind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cell of usage, expected and seen; `amount` is None where nothing is expected."""

    group: GroupKey
    bucket: int
    amount: Amount | None
    seen: Decimal

    @property
    def expected(self) -> Decimal:
        """The expected number; zero where nothing is expected."""
        return self.amount.value if self.amount is not None else ZERO

    @property
    def difference(self) -> Decimal:
        """Seen less expected."""
        return self.seen - self.expected

    @property
    def is_right(self) -> bool:
        """Whether a service that counts right may say this."""
        return self.amount.admits(self.seen) if self.amount is not None else self.seen == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A reading beside the world that is nearest to it."""

    status: Status
    query: UsageQuery
    rows: tuple[Row, ...]
    #: What is wrong beside the numbers of the asked meter, or why nothing can be concluded.
    notes: tuple[str, ...] = ()
    #: Usage in groups or meters that the query did not ask for.
    strays: tuple[Row, ...] = ()
    #: Records that this reading proves stored.
    proven: frozenset[Identity] = frozenset()
    world: World | None = None

    @property
    def wrong_rows(self) -> tuple[Row, ...]:
        """The rows that are not right."""
        return tuple(row for row in self.rows if not row.is_right)


def judge_reading(
    reading: Reading,
    records: Sequence[Record],
    query: UsageQuery,
    *,
    known_stored: frozenset[Identity] = frozenset(),
    knows_all_writers: bool = False,
) -> Judgement:
    """What an answer to `query` says, given everything that was sent.

    `knows_all_writers`: nobody else can have written to this account, so that usage of customers
    that are not in the ledger is a finding even where the query did not limit customers.
    """
    if query.is_cut:
        note = "the query asks for the first groups only (`take`)"
        return Judgement(status=Status.BLIND, query=query, rows=(), notes=(note,))
    try:
        worlds = list_worlds(records, query, known_stored)
    except TooManyWorldsError as error:
        return Judgement(status=Status.BLIND, query=query, rows=(), notes=(str(error),))
    seen, strays = _seen_cells(reading, records, query, knows_all_writers=knows_all_writers)
    tables = [(world, _tabulate(world, seen, query)) for world in worlds]
    right = [world for world, rows in tables if all(row.is_right for row in rows)]
    notes = _check_totals(reading, query)
    if right and not strays and not notes:
        world = right[0]
        blind = _find_blind(world, query)
        return Judgement(
            status=Status.BLIND if blind else Status.RIGHT,
            query=query,
            rows=_tabulate(world, seen, query),
            notes=blind,
            proven=frozenset.intersection(*(found.assumed for found in right)),
            world=world,
        )
    partial = [world for world, rows in tables if all(map(_may_become_right(query), rows))]
    status = Status.PARTIAL if partial and not strays and not notes else Status.WRONG
    nearest = min(tables, key=lambda pair: sum((abs(r.difference) for r in pair[1]), ZERO))
    is_open = not knows_all_writers and _is_shared(records, query)
    if status is Status.WRONG and is_open and _may_be_others(nearest[1]):
        status = Status.BLIND
        notes = ("the query is not limited to a customer: others may have written, too",)
    return Judgement(
        status=status, query=query, rows=nearest[1], notes=notes, strays=strays, world=nearest[0]
    )


def _seen_cells(
    reading: Reading, records: Sequence[Record], query: UsageQuery, *, knows_all_writers: bool
) -> tuple[dict[Cell, Decimal], tuple[Row, ...]]:
    """The seen number of each cell that is ours to judge, and usage that should not be there."""
    ours = {record.event.customer for record in records}
    cells: dict[Cell, list[Decimal]] = defaultdict(list)
    strays: list[Row] = []
    for group, buckets in reading.groups.items():
        customer = dict(zip(query.group_by, group, strict=True)).get("customerId")
        by_customer = "customerId" in query.group_by
        for bucket, number in buckets.items():
            start = query.interval.floor(bucket) if bucket == query.start_s else bucket
            if by_customer and customer is not None and customer not in ours:
                allowed = query.customers
                unasked = allowed is not None and customer not in allowed
                if number != 0 and (unasked or knows_all_writers):
                    strays.append(Row(group=group, bucket=start, amount=None, seen=number))
                continue
            cells[group, start].append(number)
    for meter_groups in reading.other_meters.values():
        for group, buckets in meter_groups.items():
            strays += [
                Row(group=group, bucket=bucket, amount=None, seen=number)
                for bucket, number in buckets.items()
                if number != 0
            ]
    unite: Callable[[Sequence[Decimal]], Decimal] = (
        add_exactly if query.aggregation in (Aggregation.SUM, Aggregation.COUNT) else max
    )
    return {cell: unite(numbers) for cell, numbers in cells.items()}, tuple(strays)


def _tabulate(world: World, seen: Mapping[Cell, Decimal], query: UsageQuery) -> tuple[Row, ...]:
    """The cells of a world beside the seen ones, in order; empty cells are left out.

    Meters that carry values forward may show a MAX or MIN where there was no event, so only
    cells with events are compared for these.
    """
    cells = set(world.cells)
    if query.aggregation in (Aggregation.SUM, Aggregation.COUNT):
        cells |= {cell for cell, number in seen.items() if number != 0}
    ordered = sorted(cells, key=lambda cell: (cell[1], [value or "" for value in cell[0]]))
    return tuple(
        Row(
            group=group,
            bucket=bucket,
            amount=world.cells.get((group, bucket)),
            seen=seen.get((group, bucket), ZERO),
        )
        for group, bucket in ordered
    )


def _check_totals(reading: Reading, query: UsageQuery) -> tuple[str, ...]:
    if query.aggregation is not Aggregation.SUM:
        return ()
    notes: list[str] = []
    for group, total in reading.totals.items():
        values = list(reading.groups[group].values())
        exact = add_exactly(values)
        if abs(total - exact) > tolerance_of(values):
            notes.append(f"`groupValue` says {total}, but its values add up to {exact}")
    return tuple(notes)


def _find_blind(world: World, query: UsageQuery) -> tuple[str, ...]:
    if query.aggregation is not Aggregation.SUM:
        return ()
    if any(is_blind(amount.events, amount.tolerance) for amount in world.cells.values()):
        return ("the values are so far apart that a lost one is within the rounding of the sum",)
    return ()


def _may_become_right(query: UsageQuery) -> Callable[[Row], bool]:
    """Whether a row is what some of its events alone would show."""

    def may(row: Row) -> bool:
        if row.is_right:
            return True
        if row.amount is None:
            return False
        if row.seen == 0:
            return True
        events = row.amount.events
        values = [event.value for event in events]
        match query.aggregation:
            case Aggregation.COUNT:
                return row.seen == int(row.seen) and 0 < row.seen < len(events)
            case Aggregation.SUM:
                return _is_partial_sum(row.seen, values, row.amount.tolerance)
            case _:
                return any(abs(row.seen - value) <= tolerance_of([value]) for value in values)

    return may


def _is_partial_sum(seen: Decimal, values: Sequence[Decimal], tolerance: Decimal) -> bool:
    if len(values) > _MOST_FOR_SUBSETS:
        low = add_exactly([value for value in values if value < 0])
        high = add_exactly([value for value in values if value > 0])
        return low - tolerance <= seen <= high + tolerance
    return any(
        abs(add_exactly(some) - seen) <= tolerance
        for size in range(1, len(values))
        for some in combinations(values, size)
    )


def _is_shared(records: Sequence[Record], query: UsageQuery) -> bool:
    """Whether usage of customers that are not in the ledger may be in the numbers."""
    ours = {record.event.customer for record in records}
    if query.customers is not None:
        return not query.customers <= ours
    return "customerId" not in query.group_by


def _may_be_others(rows: Sequence[Row]) -> bool:
    return all(row.difference >= 0 for row in rows)
