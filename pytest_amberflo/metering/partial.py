"""Readings that are not right: what may excuse them, late events, other writers, fresh figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from enum import Enum
from itertools import combinations
from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import (
    EXACT,
    ZERO,
    add_exactly,
    count_multiples,
    is_integral,
    is_within,
    subtract,
    tolerance_of,
)
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.table import ADDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.oracle import Cell, World
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.table import Row
    from pytest_amberflo.metering.terms import Terms

#: Cells with more events are only checked to lie between all negative and all positive values.
_MOST_FOR_SUBSETS: Final = 12
#: Sums of copies are gone through one by one up to so many; beyond, only their range is known.
_MOST_SUMS: Final = 4096


class Excuse(Enum):
    """Why a row may not be what is expected although the service is right."""

    NONE = "none"
    #: It is right.
    RIGHT = "right"
    #: Events are missing that may still become visible.
    LATE = "late"
    #: Others may have written to the same number.
    OTHERS = "others"
    #: Copies or cancelled events are counted that later figures leave out.
    FRESH = "fresh"


def excuse_row(row: Row, query: UsageQuery, terms: Terms, copies: Copies | None) -> Excuse:
    """The excuse of a row; `copies` are those that fresh figures may count."""
    if row.is_right:
        return Excuse.RIGHT
    if _is_late(row, query):
        return Excuse.LATE
    if row.is_shared:
        excuse = _excuse_shared(row, query, terms)
        if excuse is not Excuse.NONE:
            return excuse
    return Excuse.NONE if copies is None else copies.excuse(row, query)


def _is_late(row: Row, query: UsageQuery) -> bool:
    """Whether a row is what some of its events alone would show."""
    if row.amount is None or not row.amount.events:
        return False
    base = _base_of(row, query)
    if is_within(row.seen, base, row.tolerance):
        return True
    events = row.amount.events
    values = [event.value for event in events]
    match query.aggregation:
        case Aggregation.COUNT:
            seen = subtract(row.seen, base)
            return is_integral(seen) and 0 < seen < len(events)
        case Aggregation.SUM:
            return _is_partial_sum(subtract(row.seen, base), values, row.tolerance)
        case _:
            return any(is_within(row.seen, value, tolerance_of([value])) for value in values)


def _base_of(row: Row, query: UsageQuery) -> Decimal:
    """What a row would say without its events: the baseline, where there is one."""
    if row.amount is None or query.aggregation not in ADDING:
        return ZERO
    values = [event.value for event in row.amount.events]
    own = add_exactly(values) if query.aggregation is Aggregation.SUM else Decimal(len(values))
    return subtract(row.amount.value, own)


def _is_partial_sum(seen: Decimal, values: Sequence[Decimal], tolerance: Decimal) -> bool:
    if len(values) > _MOST_FOR_SUBSETS:
        low = add_exactly([value for value in values if value < 0])
        high = add_exactly([value for value in values if value > 0])
        return EXACT.subtract(low, tolerance) <= seen <= EXACT.add(high, tolerance)
    return any(
        is_within(add_exactly(some), seen, tolerance)
        for size in range(1, len(values))
        for some in combinations(values, size)
    )


def _excuse_shared(row: Row, query: UsageQuery, terms: Terms) -> Excuse:
    """Others only add: what is missing has not come yet, and too much may be theirs."""
    if query.aggregation is Aggregation.MIN:
        return Excuse.OTHERS if row.difference < 0 else Excuse.LATE
    if row.difference < 0:
        events = row.amount.events if row.amount is not None else ()
        low = add_exactly([event.value for event in events if event.value < 0])
        is_sum = query.aggregation is Aggregation.SUM
        return Excuse.LATE if not is_sum or row.seen >= low else Excuse.NONE
    if query.aggregation is Aggregation.SUM and any(
        count_multiples(row.difference, value, row.slack_with([value]))
        for value in terms.distinctive
    ):
        return Excuse.NONE
    return Excuse.OTHERS


class Copies:
    """Everything that was sent to each cell and that figures without deduplication may count."""

    def __init__(self, records: Sequence[Record], query: UsageQuery, world: World) -> None:
        self._sent: dict[Cell, list[tuple[MeterEvent, int]]] = defaultdict(list)
        for record in records:
            cell = world.freedom.place(record.event, query)
            if record.fate is not Fate.REFUSED and cell is not None:
                self._sent[cell].append((record.event, len(record.sent)))

    def excuse(self, row: Row, query: UsageQuery) -> Excuse:
        """FRESH where a row has all that is expected, and of the rest only what was sent.

        LATE where it has some copies, and not yet all that is expected.
        """
        sent = self._sent.get((row.group, row.bucket), [])
        if self._explain(row, query, sent):
            return Excuse.FRESH
        if query.aggregation is not Aggregation.SUM:
            return Excuse.NONE
        seen = subtract(row.seen, _base_of(row, query))
        every = [(event.value, count) for event, count in sent]
        return Excuse.LATE if _is_reached(seen, every, row) else Excuse.NONE

    def _explain(
        self, row: Row, query: UsageQuery, sent: Sequence[tuple[MeterEvent, int]]
    ) -> bool:
        counted = Counter(event.identity for event in (row.amount.events if row.amount else ()))
        if query.aggregation not in ADDING:
            return any(row.seen == event.value for event, _ in sent)
        return _is_reached(row.difference, _list_spare(sent, counted, query), row)


def _is_reached(number: Decimal, weights: Sequence[tuple[Decimal, int]], row: Row) -> bool:
    """Whether a number is the sum of some of these weights, each as often as it may be counted."""
    tolerance = row.slack_with([value for value, count in weights for _ in range(count)])
    reached = _list_sums(weights)
    if reached is not None:
        return any(is_within(number, total, tolerance) for total in reached)
    low = add_exactly([value * count for value, count in weights if value < 0])
    high = add_exactly([value * count for value, count in weights if value > 0])
    return EXACT.subtract(low, tolerance) <= number <= EXACT.add(high, tolerance)


def _list_spare(
    sent: Sequence[tuple[MeterEvent, int]], counted: Counter[Identity], query: UsageQuery
) -> list[tuple[Decimal, int]]:
    """What is sent beyond what is expected: a weight, and how often it may be counted."""
    is_sum = query.aggregation is Aggregation.SUM
    return [
        (event.value if is_sum else Decimal(1), count - counted[event.identity])
        for event, count in sent
        if count > counted[event.identity]
    ]


def _list_sums(spare: Sequence[tuple[Decimal, int]]) -> set[Decimal] | None:
    """Every sum of some of these; None where there are too many."""
    sums = {ZERO}
    for value, count in spare:
        steps = [EXACT.multiply(value, Decimal(times)) for times in range(count + 1)]
        sums = {EXACT.add(one, step) for one in sums for step in steps}
        if len(sums) > _MOST_SUMS:
            return None
    return sums
