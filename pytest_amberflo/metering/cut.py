"""Answers to `take`: what came must be the first groups, and what is missing is no zero."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pytest_amberflo.metering.number import ZERO, add_exactly
from pytest_amberflo.metering.table import uniter_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pytest_amberflo.metering.amount import Amount
    from pytest_amberflo.metering.oracle import Cell, World
    from pytest_amberflo.metering.query import Take, UsageQuery
    from pytest_amberflo.metering.table import Seen
    from pytest_amberflo.metering.usage import GroupKey


def cut_world(world: World, seen: Seen, query: UsageQuery) -> World:
    """A world without the groups that `take` rightly left out of an answer.

    A group may be missing if as many came as were asked for and none of them stands behind it;
    of two that are equal, either may. Without `take` it is the world itself.
    """
    take = query.take
    if take is None or len(seen.groups) < take.limit:
        return world
    totals = total_groups(world.cells, query)
    tolerance = add_exactly([amount.tolerance for amount in world.cells.values()])
    shown = [_total_shown(group, totals, seen, query) for group in seen.groups]
    left_out = {
        group
        for group, total in totals.items()
        if group not in seen.groups
        and not any(_stands_behind(other, total, tolerance, take) for other in shown)
    }
    cells = {cell: amount for cell, amount in world.cells.items() if cell[0] not in left_out}
    return replace(world, cells=cells)


def note_surplus(seen: Seen, query: UsageQuery) -> tuple[str, ...]:
    """What is wrong where more groups came than were asked for."""
    take, count = query.take, len(seen.groups)
    if take is None or count <= take.limit:
        return ()
    return (f"`take` asks for {take.limit} groups at most, and {count} came",)


def total_groups(cells: Mapping[Cell, Amount], query: UsageQuery) -> dict[GroupKey, Decimal]:
    """The total of each group, by which `take` puts them in order."""
    found: dict[GroupKey, list[Decimal]] = defaultdict(list)
    for (group, _), amount in cells.items():
        found[group].append(amount.value)
    unite = uniter_of(query)
    return {group: unite(values) for group, values in found.items()}


def _total_shown(
    group: GroupKey, totals: Mapping[GroupKey, Decimal], seen: Seen, query: UsageQuery
) -> Decimal:
    if group in totals:
        return totals[group]
    if group in seen.foreign:
        return seen.foreign[group]
    numbers = [number for (other, _), number in seen.cells.items() if other == group]
    return uniter_of(query)(numbers) if numbers else ZERO


def _stands_behind(shown: Decimal, missing: Decimal, tolerance: Decimal, take: Take) -> bool:
    """Whether a group that came should have come after one that did not."""
    first, second = (missing, shown) if take.is_ascending else (shown, missing)
    return first + tolerance < second
