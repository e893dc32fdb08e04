"""What a customer's usage was before a test wrote to it.

For a customer that the user gave: before the first ingest, each query of `list_baseline_queries`
is sent twice, and `take_baseline` makes of both answers what later readings are compared with.
Two answers that differ mean that somebody else is writing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.metering.amount import Amount
from pytest_amberflo.metering.number import EXACT, ZERO, is_integral, is_within, tolerance_of
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.usage import describe_group
from pytest_amberflo.metering.window import format_bucket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.metering.oracle import Cell, World
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading


class BaselineMovedError(ValueError):
    """Two readings before the first ingest differ: another writer is at work."""

    def __init__(self, place: str, first: Decimal, second: Decimal) -> None:
        super().__init__(place, first, second)
        self.place = place
        self.first = first
        self.second = second

    def __str__(self) -> str:
        """Where they differ, and by what."""
        return (
            f"usage changes although nothing was sent yet: {self.place} was {self.first} and "
            f"then {self.second}. Another writer is at work; give a customer of its own"
        )


class Baseline(Struct, frozen=True, kw_only=True):
    """The numbers of each cell before the first ingest, for queries like `query`."""

    query: UsageQuery
    cells: Mapping[Cell, Decimal]
    #: How many events made them up, where a COUNT was read, too.
    counts: Mapping[Cell, Decimal]


def list_baseline_queries(query: UsageQuery) -> tuple[UsageQuery, ...]:
    """The queries to send before the first ingest, so that answers to `query` can be judged."""
    kinds = dict.fromkeys((query.aggregation, Aggregation.SUM, Aggregation.COUNT))
    return tuple(replace(query, aggregation=kind, take=None) for kind in kinds)


def take_baseline(
    query: UsageQuery, first: Reading, second: Reading, count: Reading | None = None
) -> Baseline:
    """The baseline of two readings of the same query, `count` being one of its COUNT.

    Raises BaselineMovedError where they differ by more than a service does that adds the same
    events in another order.
    """
    before, after = _list_cells(first, query), _list_cells(second, query)
    counts = {} if count is None else _list_cells(count, query)
    is_sum = query.aggregation is Aggregation.SUM
    for cell in sorted(before.keys() | after.keys(), key=repr):
        numbers = before.get(cell, ZERO), after.get(cell, ZERO)
        slack = _find_slack(numbers, counts.get(cell, ZERO)) if is_sum else ZERO
        if not is_within(*numbers, slack):
            bucket = format_bucket(cell[1], query.interval)
            raise BaselineMovedError(f"{bucket}, {describe_group(cell[0], query)}", *numbers)
    return Baseline(query=query, cells=after, counts=counts)


def _list_cells(reading: Reading, query: UsageQuery) -> dict[Cell, Decimal]:
    found: dict[Cell, Decimal] = {}
    for group, buckets in reading.groups.items():
        for bucket, number in buckets.items():
            start = query.interval.floor(bucket) if bucket == query.start_s else bucket
            found[group, start] = EXACT.add(found.get((group, start), ZERO), number)
    return {cell: number for cell, number in found.items() if number != 0}


def leave_out_own(baseline: Baseline, expected: World, counted: World) -> Baseline:
    """The baseline without what was sent before and is expected in it: the usage of others.

    `counted` is the world of the same records for a COUNT. Extremes stand as they are: they do
    not add up.
    """
    if baseline.query.aggregation not in (Aggregation.SUM, Aggregation.COUNT):
        return baseline
    return replace(
        baseline,
        cells=_subtract(baseline.cells, expected),
        counts=_subtract(baseline.counts, counted),
    )


def _subtract(cells: Mapping[Cell, Decimal], world: World) -> dict[Cell, Decimal]:
    left: dict[Cell, Decimal] = dict(cells)
    for cell, amount in world.cells.items():
        rest = EXACT.subtract(left.get(cell, ZERO), amount.value)
        left[cell] = ZERO if abs(rest) <= amount.tolerance else rest
    return {cell: number for cell, number in left.items() if number != 0}


def add_baseline(world: World, baseline: Baseline | None) -> World:
    """A world in which the baseline counts, too."""
    if baseline is None:
        return world
    cells = dict(world.cells)
    for cell, number in baseline.cells.items():
        amount = cells.get(cell)
        count = baseline.counts.get(cell, ZERO)
        cells[cell] = _add(amount, number, count, baseline.query.aggregation)
    return replace(world, cells=cells)


def _add(
    amount: Amount | None, number: Decimal, count: Decimal, aggregation: Aggregation
) -> Amount:
    events = () if amount is None else amount.events
    values = [event.value for event in events]
    match aggregation:
        case Aggregation.COUNT:
            return Amount(
                value=EXACT.add(number, Decimal(len(events))), tolerance=ZERO, events=events
            )
        case Aggregation.MAX | Aggregation.MIN:
            pick = max if aggregation is Aggregation.MAX else min
            value = pick([number, *([amount.value] if amount is not None and events else [])])
            also = frozenset() if amount is None else amount.also
            return Amount(value=value, tolerance=tolerance_of([value]), events=events, also=also)
        case Aggregation.SUM:
            value = number if amount is None else EXACT.add(number, amount.value)
            tolerance = _find_slack([number, *values], count)
            return Amount(value=value, tolerance=tolerance, events=events)


def _find_slack(values: Sequence[Decimal], count: Decimal) -> Decimal:
    """How far a float64 sum of values may be off, one of them being a sum of `count` more."""
    slack = tolerance_of(values)
    if slack and is_integral(count):
        # One rounding more for each of them.
        each = EXACT.divide(slack, Decimal(len(values) + 1))
        slack = EXACT.add(slack, EXACT.multiply(each, count))
    return slack
