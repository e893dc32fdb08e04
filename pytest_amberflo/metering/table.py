"""Tables of usage: the cells of an answer beside those of a world."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.metering.number import EXACT, ZERO, add_exactly, subtract, tolerance_of
from pytest_amberflo.metering.query import Aggregation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from pytest_amberflo.metering.amount import Amount
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.oracle import Cell, World
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.terms import Terms
    from pytest_amberflo.metering.usage import GroupKey, Reading

#: Aggregations whose empty buckets are zero.
ADDING: Final = (Aggregation.SUM, Aggregation.COUNT)


class Row(Struct, frozen=True, kw_only=True):
    """One cell of usage, expected and seen; `amount` is None where nothing is expected."""

    group: GroupKey
    bucket: int
    amount: Amount | None
    seen: Decimal
    #: Whether usage that others sent may be in the number.
    is_shared: bool = False
    #: The meter, where it is not the one that was asked for.
    other_meter: str | None = None

    @property
    def expected(self) -> Decimal:
        """The expected number; zero where nothing is expected."""
        return self.amount.value if self.amount is not None else ZERO

    @property
    def difference(self) -> Decimal:
        """Seen less expected."""
        return subtract(self.seen, self.expected)

    @property
    def is_right(self) -> bool:
        """Whether a service that counts right may say this."""
        return self.amount.admits(self.seen) if self.amount is not None else self.seen == 0

    @property
    def tolerance(self) -> Decimal:
        """How far a float64 sum may be from what is expected; zero where nothing is."""
        return self.amount.tolerance if self.amount is not None else ZERO

    def slack_with(self, more: Sequence[Decimal]) -> Decimal:
        """How far a float64 sum may be off that has these values in it beside what is expected."""
        events = self.amount.events if self.amount is not None else ()
        values = [*(event.value for event in events), *more]
        return EXACT.add(self.tolerance, tolerance_of(values) if more else ZERO)


class Seen(Struct, frozen=True, kw_only=True):
    """What an answer says of the cells that are ours to judge, and usage that has no place."""

    cells: Mapping[Cell, Decimal]
    strays: tuple[Row, ...]
    #: Groups of customers that are not ours, which were rightly shown.
    foreign: Mapping[GroupKey, Decimal]
    #: Every group of the answer, with usage or without.
    groups: frozenset[GroupKey]


def place_seen(
    reading: Reading,
    records: Sequence[Record],
    query: UsageQuery,
    terms: Terms,
    week_start: int,
) -> Seen:
    """The numbers of a reading by cell. The first bucket may be called by the window's start."""
    owners = {record.event.customer for record in records}
    cells: dict[Cell, list[Decimal]] = defaultdict(list)
    strays: list[Row] = []
    foreign: dict[GroupKey, list[Decimal]] = defaultdict(list)
    for group, buckets in reading.groups.items():
        is_foreign, is_stray = _find_owner(group, owners, query, terms)
        for bucket, number in buckets.items():
            is_first = bucket == query.start_s
            start = query.interval.floor(bucket, week_start) if is_first else bucket
            if is_stray and number != 0:
                strays.append(Row(group=group, bucket=start, amount=None, seen=number))
            elif is_foreign:
                foreign[group].append(number)
            elif not is_stray:
                cells[group, start].append(number)
    for meter, groups in reading.other_meters.items():
        strays += [
            Row(group=group, bucket=bucket, amount=None, seen=number, other_meter=meter)
            for group, buckets in groups.items()
            for bucket, number in buckets.items()
            if number != 0
        ]
    unite = uniter_of(query)
    return Seen(
        cells={cell: unite(numbers) for cell, numbers in cells.items()},
        strays=tuple(strays),
        foreign={group: unite(numbers) for group, numbers in foreign.items()},
        groups=frozenset(reading.groups),
    )


def uniter_of(query: UsageQuery) -> Callable[[Sequence[Decimal]], Decimal]:
    """How numbers of several buckets become that of all of them."""
    if query.aggregation in ADDING:
        return add_exactly
    return max if query.aggregation is Aggregation.MAX else min


def _find_owner(
    group: GroupKey, owners: set[str | None], query: UsageQuery, terms: Terms
) -> tuple[bool, bool]:
    """Whether a group is of a customer that is not ours, and whether it has no place here."""
    if "customerId" not in query.group_by:
        return False, False
    customer = dict(zip(query.group_by, group, strict=True))["customerId"]
    is_foreign = customer not in owners
    is_asked = query.customers is None or customer in query.customers
    return is_foreign, not is_asked or (is_foreign and terms.knows_all_writers)


def tabulate(
    world: World,
    seen: Mapping[Cell, Decimal],
    query: UsageQuery,
    *,
    is_shared: bool,
) -> tuple[Row, ...]:
    """The cells of a world beside the seen ones, in order; empty cells are left out.

    Meters that carry values forward may show a MAX or MIN where there was no event, so only
    cells with events are compared for these.
    """
    cells = set(world.cells)
    if query.aggregation in ADDING:
        cells |= {cell for cell, number in seen.items() if number != 0}
    ordered = sorted(cells, key=lambda cell: (cell[1], [value or "" for value in cell[0]]))
    rows = (
        Row(
            group=group,
            bucket=bucket,
            amount=world.cells.get((group, bucket)),
            seen=seen.get((group, bucket), ZERO),
            is_shared=is_shared,
        )
        for group, bucket in ordered
    )
    return tuple(row for row in rows if not _is_empty(row))


def _is_empty(row: Row) -> bool:
    return row.amount is not None and not row.amount.events and row.is_right and row.seen == 0


def has_company(records: Sequence[Record], query: UsageQuery, terms: Terms) -> bool:
    """Whether usage that others sent may be in the numbers that are ours to judge."""
    if terms.knows_all_writers:
        return False
    if terms.has_other_writers:
        return True
    if "customerId" in query.group_by:
        return False
    owners = {record.event.customer for record in records}
    return query.customers is None or not query.customers <= owners
