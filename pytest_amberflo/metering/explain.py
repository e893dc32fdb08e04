"""What a wrong reading means, in the terms of the service and of whoever emits events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pytest_amberflo.metering.count import explain_loss, list_guesses
from pytest_amberflo.metering.displaced import explain_moves
from pytest_amberflo.metering.distortion import (
    find_function,
    find_precision,
    find_rounding,
    find_scaling,
)
from pytest_amberflo.metering.intruder import find_intruders
from pytest_amberflo.metering.number import format_number
from pytest_amberflo.metering.oracle import BARE_TERMS
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.story import describe_event
from pytest_amberflo.metering.suspicion import find_suspect
from pytest_amberflo.metering.table import ADDING
from pytest_amberflo.metering.usage import describe_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.table import Row
    from pytest_amberflo.metering.terms import Terms


#: Of more wrong numbers than that, causes are not looked for one by one.
_MOST_ROWS: Final = 30
#: What is said of a row for want of anything better.
_VAGUE: Final = (
    " is missing.",
    " too much: ",
    " where nothing was sent: ",
    " belongs elsewhere ",
    " a count does not say which.",
)


def explain(
    judgement: Judgement,
    records: Sequence[Record],
    terms: Terms = BARE_TERMS,
    evidence: Sequence[Judgement] = (),
) -> tuple[str, ...]:
    """The likely causes of a wrong reading, most telling first; one sentence each.

    `evidence` are judgements of other queries, of which a right COUNT tells a lost event from
    one whose value was rounded to zero.
    """
    left, strays = list(judgement.wrong_rows), list(judgement.strays)
    count = len(left) + len(strays)
    lines = explain_moves(judgement.query, left, strays)
    suspicion = None
    if count > 1 and len(lines) + len(left) + len(strays) > 1:
        suspicion = find_suspect(judgement, records, terms)
    rest = len(left[_MOST_ROWS:]) + len(strays[_MOST_ROWS:])
    lines += [_explain_row(row, judgement, records, terms, evidence) for row in left[:_MOST_ROWS]]
    lines += [_explain_stray(row, judgement, terms) for row in strays[:_MOST_ROWS]]
    if rest:
        lines.append(f"And {rest} more numbers are wrong.")
    if suspicion is not None:
        telling = [line for line in lines if not any(vague in line for vague in _VAGUE)]
        lines = [suspicion, *telling]
    lines += [note[0].upper() + note[1:] + "." for note in judgement.notes]
    return tuple(dict.fromkeys(lines))


def _explain_row(
    row: Row,
    judgement: Judgement,
    records: Sequence[Record],
    terms: Terms,
    evidence: Sequence[Judgement],
) -> str:
    events = row.amount.events if row.amount is not None else ()
    if not events:
        found = find_intruders(row, judgement, records, terms)
        return found or (
            f"{format_number(row.seen)} is shown where nothing was sent: another writer on this "
            "customer, or usage of something else."
        )
    if row.seen == 0:
        return _find_rounding_to_zero(events, judgement, evidence) or explain_loss(row, records)
    if judgement.query.aggregation in ADDING:
        found = _explain_sum(row, events, judgement, records, terms)
    else:
        found = _explain_extreme(row, events, judgement, records, terms)
    if found is not None:
        return found
    if row.difference > 0:
        return (
            f"{format_number(row.difference)} too much: counted twice in part, or another writer "
            "on this customer."
        )
    return f"{format_number(row.difference.copy_negate())} is missing."


def _explain_sum(
    row: Row,
    events: Sequence[MeterEvent],
    judgement: Judgement,
    records: Sequence[Record],
    terms: Terms,
) -> str | None:
    """The likeliest of what may have become of the events of a sum or count."""
    asked = judgement.query.aggregation
    values = [event.value for event in events]
    tolerance = row.tolerance
    is_sum = asked is Aggregation.SUM
    if is_sum and len(events) == 1:
        scaled = find_scaling(values[0], row.seen)
        if scaled is not None:
            return scaled
    guesses = sorted(list_guesses(row, judgement.query, records), key=lambda guess: guess.cost)
    if guesses and guesses[0].cost <= 1:
        return guesses[0].sentence
    found = find_intruders(row, judgement, records, terms)
    if found is None and is_sum:
        found = find_function(events, row.seen, asked, tolerance) if len(events) > 2 else None
    if found is None and guesses:
        found = guesses[0].sentence
    if found is None and is_sum:
        found = find_rounding(values, row.seen, tolerance)
    if found is None:
        found = find_function(events, row.seen, asked, tolerance)
    if found is None and is_sum:
        found = find_precision(values, row.seen)
    return found


def _explain_extreme(
    row: Row,
    events: Sequence[MeterEvent],
    judgement: Judgement,
    records: Sequence[Record],
    terms: Terms,
) -> str | None:
    """What may have become of a maximum or minimum."""
    asked, seen = judgement.query.aggregation, row.seen
    tolerance = row.tolerance
    others = [event for event in events if event.value == seen]
    best = [event for event in events if event.value == row.expected]
    function = find_function(events, seen, asked, tolerance) if len(events) > 1 else None
    if others and best:
        cause = f"{describe_event(others[0])} is the {asked.value} that is shown"
        return f"{cause}: {describe_event(best[0])} is not counted."
    intruder = find_intruders(row, judgement, records, terms)
    if intruder is not None or function is not None:
        return intruder or function
    return find_scaling(row.expected, seen) or find_rounding([row.expected], seen, tolerance)


def _find_rounding_to_zero(
    events: Sequence[MeterEvent], judgement: Judgement, evidence: Sequence[Judgement]
) -> str | None:
    """A value that is there as nothing: a right COUNT of other readings has its event."""
    if judgement.query.aggregation is Aggregation.COUNT:
        return None
    count_query = replace(judgement.query, aggregation=Aggregation.COUNT)
    counted = {
        event.identity
        for other in evidence
        if other.query == count_query
        for row in other.rows
        if row.is_right and row.amount is not None
        for event in row.amount.events
    }
    if not all(event.identity in counted for event in events):
        return None
    values = ", ".join(format_number(event.value) for event in events[:4])
    noun = "The value" if len(events) == 1 else "The values"
    verb = "was" if len(events) == 1 else "were"
    return f"{noun} {values} {verb} rounded to 0: the COUNT has the event."


def _explain_stray(row: Row, judgement: Judgement, terms: Terms) -> str:
    query = judgement.query
    shown = format_number(row.seen)
    is_customer = query.customers is not None and "customerId" in query.group_by
    if not is_customer or row.other_meter is not None:
        return f"{shown} is shown for something that the query did not ask for."
    group = describe_group(row.group, query)
    if terms.is_live and query.uses_customer_filter:
        return (
            f"{shown} is shown for {group}: the service may not know `customerFilter` and pass it "
            "over. Its own filter is `filter.customerId`."
        )
    return f"{shown} is shown for {group}, which the query's customer filter leaves out."
