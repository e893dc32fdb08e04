"""Records that were counted too often or not at all, told by the numbers."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import (
    add_exactly,
    count_multiples,
    format_number,
    is_within,
)
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.story import (
    count_times,
    describe_duration,
    describe_event,
    join_names,
    list_differences,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.table import Row

_MOST_FOR_SUBSETS: Final = 12
#: Of more copies it is not said when each was sent.
_MOST_TOLD: Final = 5
#: Nobody counts a record more often than that by mistake, unless it was sent as often.
_MOST_COPIES: Final = 9


class Guess(Struct, frozen=True):
    """A sentence, and how much has to have gone wrong for it to be true: less is likelier."""

    cost: float
    sentence: str


def list_guesses(row: Row, query: UsageQuery, records: Sequence[Record]) -> list[Guess]:
    """What losses and copies of records explain a sum or count that is not zero."""
    events = row.amount.events if row.amount is not None else ()
    if not events:
        return []
    known = {record.event.identity: record for record in records}
    if query.aggregation is Aggregation.COUNT:
        return _guess_count(row, events, known)
    return [
        *_guess_losses(row, events, records),
        *_guess_copies(row, events, known),
        *_guess_many_copies(row, events, known),
    ]


def _guess_count(
    row: Row, events: Sequence[MeterEvent], known: Mapping[Identity, Record]
) -> list[Guess]:
    if row.seen != row.seen.to_integral_value() or abs(row.difference) > 10**6:
        return []
    extra = int(row.difference)
    if extra < 0:
        verb = "event was" if extra == -1 else "events were"
        return [Guess(1, f"{-extra} {verb} accepted and not counted; a count does not say which.")]
    sent = {event.identity: _count_sent(event, known) for event in events}
    repeated = [event for event in events if sent[event.identity] > 1]
    if len(events) == 1 and extra <= _MOST_COPIES:
        return [Guess(0.5, _describe_copies(events[0], extra + 1, known))]
    if len(repeated) == 1 and extra < sent[repeated[0].identity]:
        name, times = describe_event(repeated[0]), count_times(sent[repeated[0].identity])
        sentence = f"{extra} too many: perhaps {name}, which was sent {times}."
        return [Guess(0.5, f"{sentence} For sure, a count does not say which.")]
    if extra == sum(sent.values()) - len(events):
        return [Guess(0.5, f"Every sending was counted: {row.seen} for {len(events)} records.")]
    if extra > _MOST_COPIES * len(events):
        return []
    noun = "record was" if extra == 1 else "records were"
    often = "twice" if extra == 1 else "more than once"
    return [Guess(1, f"{extra} {noun} counted {often}; a count does not say which.")]


def _guess_losses(
    row: Row, events: Sequence[MeterEvent], records: Sequence[Record]
) -> Iterator[Guess]:
    sizes = range(1, len(events)) if len(events) <= _MOST_FOR_SUBSETS else (1,)
    for size in sizes:
        for some in combinations(events, size):
            missing = add_exactly([event.value for event in some])
            if missing != 0 and is_within(-row.difference, missing, row.tolerance):
                names = "; ".join(describe_event(event) for event in some)
                verb = "event was" if size == 1 else "events were"
                reason = explain_overlap(some, records)
                sentence = f"{size} {verb} accepted and not counted: {names}.{reason}"
                yield Guess(size, sentence)
                return


def _guess_copies(
    row: Row, events: Sequence[MeterEvent], known: Mapping[Identity, Record]
) -> Iterator[Guess]:
    sent = [_count_sent(event, known) for event in events]
    most = max(_MOST_COPIES, *(count - 1 for count in sent))
    slack = row.slack_with([max((event.value for event in events), key=abs)] * most)
    for event, count in zip(events, sent, strict=True):
        extra = count_multiples(row.difference, event.value, slack)
        if extra and (extra <= _MOST_COPIES or count > extra):
            cost = 0.5 if count > extra else extra + 0.1
            yield Guess(cost, _describe_copies(event, extra + 1, known))


def _guess_many_copies(
    row: Row, events: Sequence[MeterEvent], known: Mapping[Identity, Record]
) -> Iterator[Guess]:
    if len(events) < 2:
        return
    spare = [event.value for event in events for _ in range(_count_sent(event, known) - 1)]
    extra = add_exactly(spare)
    if extra != 0 and is_within(row.difference, extra, row.slack_with(spare)):
        again = sum(_count_sent(event, known) > 1 and event.value != 0 for event in events)
        yield Guess(0.6, f"Every sending was counted: {again} records were counted repeatedly.")
    slack = row.slack_with([event.value for event in events] * _MOST_COPIES)
    times = count_multiples(row.difference, row.expected, slack)
    if 0 < times <= _MOST_COPIES:
        how = count_times(times + 1)
        yield Guess(1.5, f"Each of the {len(events)} records was counted {how}.")
    repeated = [event for event in events if _count_sent(event, known) > 1]
    slack = row.slack_with([event.value for event in repeated])
    for size in range(2, min(len(repeated), _MOST_FOR_SUBSETS)):
        for some in combinations(repeated, size):
            if is_within(add_exactly([event.value for event in some]), row.difference, slack):
                names = "; ".join(describe_event(event) for event in some)
                yield Guess(1.2, f"{size} records were counted twice: {names}.")
                return


def _count_sent(event: MeterEvent, known: Mapping[Identity, Record]) -> int:
    record = known.get(event.identity)
    return max(1, len(record.sent)) if record is not None else 1


def _describe_copies(event: MeterEvent, counted: int, known: Mapping[Identity, Record]) -> str:
    record = known.get(event.identity)
    sent = len(record.transmissions) if record is not None else 1
    return (
        f"One record was counted {count_times(counted)}: {describe_event(event)}. "
        f"It was sent {count_times(sent)}{_describe_copying(record)}. "
        "The service must keep the first and discard the rest."
    )


def _describe_copying(record: Record | None) -> str:
    """When the copies of a record were sent after the first, where that is known."""
    if record is None:
        return ""
    first = record.transmissions[0].at_s
    after = [transmission.at_s - first for transmission in record.transmissions[1:]]
    if not after or max(after) <= 0 or len(after) > _MOST_TOLD:
        return ""
    return f", the copies after {join_names([describe_duration(seconds) for seconds in after])}"


def explain_loss(row: Row, records: Sequence[Record]) -> str:
    """What became of the events of a bucket that shows nothing."""
    events = row.amount.events if row.amount is not None else ()
    if len(events) != 1:
        return f"All {len(events)} events were lost: they were accepted and are not counted."
    event = events[0]
    answers = _describe_answers(event, records)
    tail = explain_overlap(events, records)
    if 0 < abs(event.value) < 1:
        tail += (
            f" Or its value, {format_number(event.value)}, was rounded to 0: a COUNT would tell."
        )
    return f"The event of {describe_event(event)} was lost: {answers}.{tail}"


def _describe_answers(event: MeterEvent, records: Sequence[Record]) -> str:
    for record in records:
        if record.event.identity == event.identity:
            if record.fate is Fate.STORED:
                return "it was accepted (200) and is not counted"
            times = count_times(len(record.transmissions))
            return f"it was sent {times} without a clear answer and was shown before"
    return "it is not counted"


def explain_overlap(lost: Sequence[MeterEvent], records: Sequence[Record]) -> str:
    """Which other record a lost one may have been taken for; empty where none is near."""
    if len(lost) != 1:
        return ""
    event = lost[0]
    others = [
        record.event
        for record in records
        if record.fate is not Fate.REFUSED and record.event.identity != event.identity
    ]
    for other in others:
        names = list_differences(event, other)
        if len(names) == 1:
            return (
                f" It differs from {describe_event(other)} in {names[0]} only"
                f"{_describe_closeness(event, other, names[0])}: taken for one?"
            )
    for other in others:
        if event.unique_id is not None and event.unique_id == other.unique_id:
            names = list_differences(event, other)
            return (
                f" It has the uniqueId of {describe_event(other)}, but differs in "
                f"{join_names(names)}: taken for one?"
            )
    return ""


def _describe_closeness(event: MeterEvent, other: MeterEvent, name: str) -> str:
    """How two texts differ that a careless service takes for one."""
    attribute = name.removeprefix("dimension ")
    pairs = {
        "meterApiName": (event.meter, other.meter),
        "uniqueId": (event.unique_id, other.unique_id),
    }
    one, two = pairs.get(attribute, (event.attribute(attribute), other.attribute(attribute)))
    if not isinstance(one, str) or not isinstance(two, str):
        return ""
    if one.casefold() == two.casefold():
        return " (only letter case differs)"
    if one.strip() == two.strip():
        return " (only spaces differ)"
    short, long = sorted((one, two), key=len)
    if len(short) > 2 and long.startswith(short):
        return " (one is the beginning of the other)"
    return ""
