"""What a wrong reading means, in the terms of the service and of whoever emits events."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import EXACT, add_exactly, format_number
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.usage import describe_group
from pytest_amberflo.metering.window import format_bucket, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.expect import Judgement, Row
    from pytest_amberflo.metering.ledger import Record

_MOST_FOR_SUBSETS: Final = 12
_ROUNDINGS: Final = (ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_FLOOR, ROUND_CEILING)


def explain(judgement: Judgement, records: Sequence[Record]) -> tuple[str, ...]:
    """The likely causes of a wrong reading, most telling first; one sentence each."""
    lines: list[str] = []
    left, strays = list(judgement.wrong_rows), list(judgement.strays)
    lines += _explain_moves(judgement, left, strays)
    lines += [_explain_row(row, judgement, records) for row in left]
    lines += [_explain_stray(row, judgement) for row in strays]
    lines += [note[0].upper() + note[1:] + "." for note in judgement.notes]
    return tuple(dict.fromkeys(lines))


def describe_event(event: MeterEvent) -> str:
    """The event by what tells it apart: value, time and unique id."""
    name = f"{format_number(event.value)} at {format_time(event.time_ms)}"
    return f"{name} (uniqueId {event.unique_id})" if event.unique_id is not None else name


def _explain_moves(judgement: Judgement, left: list[Row], strays: list[Row]) -> list[str]:
    """Usage that is missing in one cell and stands in another; both leave their lists."""
    lines: list[str] = []
    for short in [row for row in left if row.difference < 0]:
        for rows in (left, strays):
            excess = next((row for row in rows if row.difference == -short.difference), None)
            if excess is not None:
                is_stray = rows is strays
                lines.append(_describe_move(short, excess, judgement, is_stray=is_stray))
                left.remove(short)
                rows.remove(excess)
                break
    return lines


def _describe_move(short: Row, excess: Row, judgement: Judgement, *, is_stray: bool) -> str:
    query = judgement.query
    amount = format_number(-short.difference)
    events = short.amount.events if short.amount is not None else ()
    what = (
        f"The event of {describe_event(events[0])}" if len(events) == 1 else f"Usage of {amount}"
    )
    if is_stray and excess.group == short.group:
        return f"{what} stands under a meter that was not asked for, not under {query.meter}."
    if excess.group != short.group:
        right, wrong = describe_group(short.group, query), describe_group(excess.group, query)
        return f"{what} is in the group {wrong} and belongs to {right}."
    right = format_bucket(short.bucket, query.interval)
    wrong = format_bucket(excess.bucket, query.interval)
    return f"{what} is in the bucket {wrong} and belongs to {right}."


def _explain_row(row: Row, judgement: Judgement, records: Sequence[Record]) -> str:
    events = row.amount.events if row.amount is not None else ()
    is_sum = judgement.query.aggregation is Aggregation.SUM
    if not events:
        return (
            f"{format_number(row.seen)} is shown where nothing was sent: another writer on this "
            "customer, or usage of something else."
        )
    distortion = _explain_distortion(row, events) if is_sum else None
    if row.seen == 0:
        return _explain_loss(events, records)
    if distortion is not None:
        return distortion
    if judgement.query.aggregation in (Aggregation.SUM, Aggregation.COUNT):
        known = _explain_counts(row, events, records, is_sum=is_sum)
        if known is not None:
            return known
    if row.difference > 0:
        return (
            f"{format_number(row.difference)} too much: counted twice in part, or another writer "
            "on this customer."
        )
    return f"{format_number(-row.difference)} is missing."


def _explain_loss(events: Sequence[MeterEvent], records: Sequence[Record]) -> str:
    if len(events) > 1:
        return f"All {len(events)} events were lost: they were accepted and are not counted."
    event = events[0]
    return f"The event of {describe_event(event)} was lost: {_describe_answers(event, records)}."


def _describe_answers(event: MeterEvent, records: Sequence[Record]) -> str:
    for record in records:
        if record.event.identity == event.identity:
            count = len(record.transmissions)
            if record.fate is Fate.STORED:
                return "it was accepted (200) and is not counted"
            return f"it was sent {_times(count)} without a clear answer and was shown before"
    return "it is not counted"


def _explain_distortion(row: Row, events: Sequence[MeterEvent]) -> str | None:
    if len(events) != 1:
        return None
    value = events[0].value
    shown = f"{format_number(value)} was"
    if row.seen == -value:
        return f"The value {shown} counted with the opposite sign."
    for digits in range(-6, 7):
        unit = Decimal(1).scaleb(-digits)
        if any(value.quantize(unit, rounding, EXACT) == row.seen for rounding in _ROUNDINGS):
            return f"The value {shown} rounded to {format_number(row.seen)}."
    if value == 0 or row.seen == 0:
        return None
    ratio = row.seen / value
    power = round(math.log10(abs(ratio))) if ratio > 0 else 0
    if power and abs(power) >= 2 and ratio == Decimal(10) ** power:
        return f"The value {shown} counted as {format_number(row.seen)}: a wrong unit?"
    return None


def _explain_counts(
    row: Row, events: Sequence[MeterEvent], records: Sequence[Record], *, is_sum: bool
) -> str | None:
    """Which events were lost or counted more than once, where the numbers tell."""
    weights = [event.value if is_sum else Decimal(1) for event in events]
    if len(events) <= _MOST_FOR_SUBSETS and row.difference < 0:
        for size in range(1, len(events)):
            for some in combinations(range(len(events)), size):
                if add_exactly([weights[i] for i in some]) == -row.difference:
                    names = "; ".join(describe_event(events[i]) for i in some)
                    verb = "event was" if size == 1 else "events were"
                    return f"{size} {verb} accepted and not counted: {names}."
    if row.difference > 0:
        for event, weight in zip(events, weights, strict=True):
            if weight > 0 and row.difference % weight == 0:
                return _describe_copies(event, int(row.difference / weight) + 1, records)
    return None


def _describe_copies(event: MeterEvent, counted: int, records: Sequence[Record]) -> str:
    sent = next((len(r.transmissions) for r in records if r.event.identity == event.identity), 1)
    return (
        f"One record was counted {_times(counted)}: {describe_event(event)}. "
        f"It was sent {_times(sent)}. "
        "The service must keep the first and discard the rest."
    )


def _explain_stray(row: Row, judgement: Judgement) -> str:
    query = judgement.query
    shown = format_number(row.seen)
    if judgement.query.customers is not None and "customerId" in query.group_by:
        group = describe_group(row.group, query)
        return f"{shown} is shown for {group}, which the query's customer filter leaves out."
    return f"{shown} is shown for something that the query did not ask for."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
