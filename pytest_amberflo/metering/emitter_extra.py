"""Events that nobody expected: the same once more, or something else."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_amberflo.metering.emitter_finding import Finding, Kind
from pytest_amberflo.metering.pairing import find_flaws
from pytest_amberflo.metering.story import describe_duration, join_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_amberflo.metering.emission import Arrival, Arrived, CallMark, Declared, Emitted
    from pytest_amberflo.metering.pairing import Pair, Pairing


def is_twin(due: Declared, pair: Pair) -> bool:
    """Whether a record that came for another call is also that of `due`, sent for both.

    It came again although the sender had been told that it is there, or twice in one request.
    """
    if due.call == pair.declared.call and due.match == pair.declared.match:
        return False
    if find_flaws(due, pair.record.event):
        return False
    arrivals = pair.record.arrivals
    return any(
        later.number == earlier.number
        or (earlier.is_acknowledged and (earlier.done_s or earlier.at_s) <= later.at_s)
        for earlier, later in pairwise(arrivals)
    )


def find_twins(pairing: Pairing) -> Iterator[Finding]:
    """Calls that sent one record between them."""
    left = list(pairing.missing)
    for pair in pairing.pairs:
        twins = [due for due in left if is_twin(due, pair)]
        if not twins:
            continue
        left = [due for due in left if due not in twins]
        calls = sorted({due.call for due in (pair.declared, *twins)}, key=lambda c: c.number)
        labels = [call.label for call in calls]
        who = f"{len(labels)} calls ({join_names(labels)})"
        yield Finding(
            kind=Kind.MISSING,
            text=(
                f"{who if len(labels) > 1 else labels[0]} sent identical records: nothing tells "
                f"them apart, so one of {len(twins) + 1} counts: {pair.record.event}. Give each a "
                "uniqueId of its own, made of what happened."
            ),
            call=twins[0].call,
            declared=twins[0],
            record=pair.record,
        )


def find_collisions(pairing: Pairing) -> Iterator[Finding]:
    """Events of different calls that have one unique id."""
    seen: dict[tuple[str | None, str | None, str], Pair] = {}
    for pair in pairing.pairs:
        event = pair.record.event
        if not event.unique_id or any(flaw.field == "uniqueId" for flaw in pair.flaws):
            continue
        first = seen.setdefault((event.meter, event.customer, event.unique_id), pair)
        if first.declared.call == pair.declared.call:
            continue
        yield Finding(
            kind=Kind.WRONG_FIELD,
            text=(
                f"{pair.declared.call.label}: uniqueId `{event.unique_id}` is that of "
                f"{first.declared.call.label}, too: two calls have one id, and where the account "
                "goes by it, one of them counts."
            ),
            call=pair.declared.call,
            declared=pair.declared,
            record=pair.record,
        )


def explain_extra(
    pairing: Pairing, calls: Sequence[CallMark], shared: Collection[str] = ()
) -> Iterator[Finding]:
    """What each event is that nobody expected.

    Of `shared` customers only copies are told: all else may be somebody else's.
    """
    for record in pairing.extra:
        silent = _find_silent(record, pairing, calls)
        original = _find_original(record, pairing)
        is_copy = original is not None and _is_same(original.record.event, record.event)
        if record.event.customer in shared and not is_copy:
            continue
        if original is not None and (is_copy or silent is None):
            yield Finding(
                kind=Kind.DUPLICATE,
                text=f"{original.declared.call.label}: {_describe_copy(original, record)}",
                call=original.declared.call,
                record=record,
            )
        elif silent is not None:
            what = f"the call ({silent.answer})" if silent.answer else "it"
            yield Finding(
                kind=Kind.UNEXPECTED,
                text=f"{silent.label}: {record.event} came, and {what} is to meter nothing.",
                call=silent,
                record=record,
            )
        else:
            yield Finding(
                kind=Kind.UNEXPECTED,
                text=f"{record.event} came, and no call was to meter it.",
                call=_find_nearest_call(record, calls),
                record=record,
            )


def _find_silent(record: Arrived, pairing: Pairing, calls: Sequence[CallMark]) -> CallMark | None:
    """The call that is to meter nothing and was made when the event is said to have happened."""
    busy = {pair.declared.call.number for pair in pairing.pairs}
    busy |= {due.call.number for due in pairing.missing}
    idle = [call for call in calls if call.number not in busy]
    time_ms = record.event.time_ms
    moment_s = record.at_s if time_ms is None else time_ms / 1000
    for call in idle:
        # A time may be cut to a whole millisecond.
        if call.started_s - 0.002 <= moment_s <= call.done_s + 0.002:
            return call
    started = [call for call in idle if call.started_s <= record.at_s]
    return started[-1] if started and len(idle) == len(calls) else None


def _find_original(record: Arrived, pairing: Pairing) -> Pair | None:
    """The event that this one may be once more: as much alike as any, and right itself."""
    found: list[tuple[int, float, Pair]] = []
    for pair in pairing.pairs:
        one, other = pair.record.event, record.event
        if (one.meter, one.customer) != (other.meter, other.customer):
            continue
        differences = list_differences(one, other)
        is_alike = "meterValue" not in differences and not any(
            name.startswith("dimension ") for name in differences
        )
        has_id = one.unique_id is not None and "uniqueId" not in differences
        if is_alike or has_id:
            away = abs((one.time_ms or 0) - (other.time_ms or 0))
            found.append((len(differences), away, pair))
    return min(found, key=lambda entry: entry[:2])[2] if found else None


def _is_same(one: Emitted, other: Emitted) -> bool:
    """Whether two events have the same unique id, or the same time and value."""
    differences = list_differences(one, other)
    if one.unique_id is not None and "uniqueId" not in differences:
        return True
    return differences == ["uniqueId"]


def list_differences(one: Emitted, other: Emitted) -> list[str]:
    """The attributes in which two events of a meter and customer differ."""
    pairs = {
        "uniqueId": (one.unique_id, other.unique_id),
        "meterTimeInMillis": (one.time_ms, other.time_ms),
        "meterValue": (one.value, other.value),
    }
    names = [name for name, (first, second) in pairs.items() if first != second]
    mine, theirs = dict(one.dimensions), dict(other.dimensions)
    every = sorted(mine.keys() | theirs.keys())
    return names + [f"dimension {name}" for name in every if mine.get(name) != theirs.get(name)]


def _describe_copy(original: Pair, record: Arrived) -> str:
    """How an event came to be there twice, as two records."""
    first, second = original.record, record
    if second.at_s < first.at_s:
        first, second = second, first
    who = _name_resending(original, first, second)
    one, other = first.event, second.event
    both = f"{one} and {_describe_second(other)}"
    differences = list_differences(one, other)
    if differences == ["uniqueId"]:
        id_text = (
            "minted a new uniqueId" if other.unique_id is not None else "left out the uniqueId"
        )
        return f"{who} {id_text}: {both} are two records."
    if differences == ["meterTimeInMillis"]:
        away_s = abs((one.time_ms or 0) - (other.time_ms or 0)) / 1000
        return (
            f"{who} re-stamped the time: two records, {describe_duration(away_s)} apart: {both}."
        )
    if one.unique_id is not None and one.unique_id == other.unique_id:
        shown = join_names(differences)
        return f"{who} changed {shown}, so {both} are two records."
    if differences == ["meterTimeInMillis", "uniqueId"] or set(differences) == {
        "meterTimeInMillis",
        "uniqueId",
    }:
        return f"{who} made a new event, with another uniqueId and time: {both} both count."
    return f"{who} differs in {join_names(differences)}: {both} both count."


def _name_resending(original: Pair, first: Arrived, second: Arrived) -> str:
    """Who sent an event for the second time, as far as that can be told."""
    call = original.declared.call
    if call.repeated_s is not None and (
        _happened_s(second) >= call.repeated_s or first.at_s < call.repeated_s <= second.at_s
    ):
        return "the repeated call was metered again, although its idempotency key is the same: it"
    if any(arrival.number == second.arrivals[0].number for arrival in first.arrivals):
        return "metered twice in one request: the second"
    earlier = [arrival for arrival in first.arrivals if arrival.at_s <= second.at_s]
    if not all(_was_told(arrival, second.at_s) for arrival in earlier):
        return "the retry"
    return "metered twice: the second"


def _was_told(arrival: Arrival, moment_s: float) -> bool:
    """Whether a sender knew at a moment that what it sent is there."""
    return arrival.is_acknowledged and arrival.done_s is not None and arrival.done_s <= moment_s


def _happened_s(record: Arrived) -> float:
    """When an event is said to have happened; when it came, where it does not say."""
    time_ms = record.event.time_ms
    # A time may be cut to a whole millisecond.
    return record.at_s if time_ms is None else time_ms / 1000 + 0.001


def _describe_second(event: Emitted) -> str:
    """An event as it stands after one of the same meter."""
    return str(event).removeprefix(f"{event.meter} ")


def _find_nearest_call(record: Arrived, calls: Sequence[CallMark]) -> CallMark | None:
    before = [call for call in calls if call.started_s <= record.at_s]
    return before[-1] if before else None
