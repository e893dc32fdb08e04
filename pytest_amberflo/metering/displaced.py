"""Usage that is missing in one place and stands in another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.number import ZERO, add_exactly, format_number, is_within
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.story import describe_event
from pytest_amberflo.metering.usage import describe_group
from pytest_amberflo.metering.window import format_bucket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.table import Row

#: So many rows at most are looked at together.
_MOST_ROWS: Final = 12
_MOST_TOGETHER: Final = 3
#: Of many rows only the first ones are compared, and so many moves are told.
_MOST_COMPARED: Final = 40
_MOST_MOVES: Final = 20


def explain_moves(query: UsageQuery, left: list[Row], strays: list[Row]) -> list[str]:
    """One sentence for each piece of usage in a wrong place; its rows leave their lists."""
    lines: list[str] = []
    for size in range(1, _MOST_TOGETHER + 1):
        if size > 1 and (query.aggregation in (Aggregation.MAX, Aggregation.MIN)):
            break
        lines += _match(query, left, strays, shorts=size, excesses=1)
        if size > 1:
            lines += _match(query, left, strays, shorts=1, excesses=size)
    return lines


def _match(
    query: UsageQuery, left: list[Row], strays: list[Row], *, shorts: int, excesses: int
) -> list[str]:
    lines: list[str] = []
    while len(lines) < _MOST_MOVES:
        short = [row for row in left if row.difference < 0][:_MOST_COMPARED]
        excess = [row for row in (*left, *strays) if row.difference > 0][:_MOST_COMPARED]
        if shorts * excesses > 1 and max(len(short), len(excess)) > _MOST_ROWS:
            return lines
        found = next(
            (
                (some, others)
                for some in combinations(short, shorts)
                for others in combinations(excess, excesses)
                if _balance(some, others)
            ),
            None,
        )
        if found is None:
            return lines
        some, others = found
        for row in (*some, *others):
            (left if any(row is one for one in left) else strays).remove(row)
        if shorts == 1:
            lines += [_describe(some[0], row, row.difference, query) for row in others]
        else:
            lines += [_describe(row, others[0], -row.difference, query) for row in some]
    return lines


def _balance(some: Sequence[Row], others: Sequence[Row]) -> bool:
    rows = (*some, *others)
    tolerance = add_exactly([row.tolerance for row in rows])
    return is_within(add_exactly([row.difference for row in rows]), ZERO, tolerance)


def _describe(short: Row, excess: Row, moved: Decimal, query: UsageQuery) -> str:
    event = _find_event(short, moved, query)
    what = f"Usage of {format_number(moved)}"
    if event is not None:
        what = f"The event of {describe_event(event)}"
    elif query.aggregation is Aggregation.COUNT:
        what = f"A count of {format_number(moved)}"
    if excess.other_meter is not None:
        return f"{what} stands under a meter that was not asked for, not under {query.meter}."
    if short.group != excess.group:
        right, wrong = describe_group(short.group, query), describe_group(excess.group, query)
        return f"{what} is in the group {wrong} and belongs to {right}."
    right = format_bucket(short.bucket, query.interval)
    wrong = format_bucket(excess.bucket, query.interval)
    hint = _explain_time(event, short.bucket, excess.bucket, query)
    return f"{what} is in the bucket {wrong} and belongs to {right}{hint}."


def _find_event(short: Row, moved: Decimal, query: UsageQuery) -> MeterEvent | None:
    """The only event that the moved usage can be."""
    events = short.amount.events if short.amount is not None else ()
    if query.aggregation is Aggregation.COUNT:
        return events[0] if len(events) == 1 and moved == 1 else None
    found = [event for event in events if is_within(event.value, moved, short.tolerance)]
    return found[0] if len(found) == 1 else None


def _explain_time(event: MeterEvent | None, right: int, wrong: int, query: UsageQuery) -> str:
    """What the wrong bucket tells of how the time was read."""
    if event is None:
        return ""
    interval = query.interval
    if wrong in (right * 1000, event.time_ms, interval.floor(event.time_ms)):
        return ": its milliseconds were taken for seconds"
    if wrong == interval.floor(event.time_ms // 1_000_000):
        return ": its time was divided by 1000 twice"
    if event.time_ms == right * 1000 and wrong < right:
        return ": it is at the very start of its bucket"
    if event.time_ms >= interval.after(right) * 1000 - 1000 and wrong == interval.after(right):
        return ": it is in the last second of its bucket"
    return ""
