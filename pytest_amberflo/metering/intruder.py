"""Events of the ledger that are counted where they do not belong."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import add_exactly, is_within
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.story import describe_event
from pytest_amberflo.metering.usage import describe_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.table import Row
    from pytest_amberflo.metering.terms import Terms

#: So many candidates are looked at together; of more, only one by one.
_MOST_TOGETHER: Final = 8


def find_intruders(
    row: Row, judgement: Judgement, records: Sequence[Record], terms: Terms
) -> str | None:
    """The fewest events of the ledger that make up what is too much, and what they are."""
    found = list(_list_candidates(row, judgement, records, terms))
    if judgement.query.aggregation is Aggregation.COUNT:
        return found[0][1] if len(found) == 1 and row.difference == 1 else None
    slack = row.slack_with([event.value for event, _ in found])
    largest = len(found) if len(found) <= _MOST_TOGETHER else 1
    for size in range(1, largest + 1):
        for some in combinations(found, size):
            if _is_sum([event for event, _ in some], row, judgement, slack):
                return " ".join(sentence for _, sentence in some)
    return None


def _is_sum(events: Sequence[MeterEvent], row: Row, judgement: Judgement, slack: Decimal) -> bool:
    if judgement.query.aggregation is not Aggregation.SUM:
        return any(event.value == row.seen for event in events)
    total = add_exactly([event.value for event in events])
    return total != 0 and is_within(total, row.difference, slack)


def _list_candidates(
    row: Row, judgement: Judgement, records: Sequence[Record], terms: Terms
) -> Iterator[tuple[MeterEvent, str]]:
    """Events that are not expected in a row and may be counted there, likeliest first."""
    expected = {event.identity for event in row.amount.events} if row.amount else set()
    placed = {
        event.identity
        for amount in (judgement.world.cells.values() if judgement.world else ())
        for event in amount.events
    }
    reasons = [
        (record, _find_reason(record, row, judgement, placed, terms))
        for record in records
        if record.event.identity not in expected
    ]
    ranked = sorted(
        ((reason, record) for record, reason in reasons if reason is not None),
        key=lambda pair: pair[0][0],
    )
    for (_, text), record in ranked:
        yield record.event, f"The event of {describe_event(record.event)} {text}."


def _find_reason(
    record: Record, row: Row, judgement: Judgement, placed: set[Identity], terms: Terms
) -> tuple[int, str] | None:
    """Why an event must not be in a row, and how likely it got there; None where it is too far."""
    event, query = record.event, judgement.query
    if judgement.world is None:
        return None
    freedom = judgement.world.freedom
    if event.identity in placed:
        group = describe_group(tuple(event.attribute(name) for name in query.group_by), query)
        return 5, f"is counted here and belongs elsewhere ({group})"
    if event.meter != query.meter:
        bucket = query.interval.floor(event.time_ms // 1000, freedom.week_start)
        text = f"is of meter {event.meter} and is counted for {query.meter}"
        return (4, text) if bucket == row.bucket else None
    if record.fate is Fate.REFUSED:
        return 0, "was refused and is counted"
    if event.cancels:
        return 1, "only takes back another one, and is counted itself"
    if freedom.place(event, query) is not None:
        if terms.dedup.configured_value(event) is not None:
            return 1, f"has a `{terms.dedup.name_of(event.meter)}` that came before: counted again"
        return 1, "was cancelled and is still counted"
    return _find_exclusion(event, query)


def _find_exclusion(event: MeterEvent, query: UsageQuery) -> tuple[int, str] | None:
    """Why a query leaves an event of its meter out."""
    start, end = query.start_s * 1000, query.end_s * 1000
    if not start <= event.time_ms < end:
        where = "before the window" if event.time_ms < start else "after the window"
        edge = ", which ends just there" if event.time_ms == end else ""
        return 2, f"lies {where}{edge}, and is counted"
    for name, allowed in query.filters:
        value = event.attribute(name)
        if value not in allowed:
            return 3, f"has {name} {value}, which the filter leaves out, and is counted"
    return None
