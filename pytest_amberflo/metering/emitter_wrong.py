"""Fields of events that are not what they have to be, in the sender's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.emitter_finding import Finding, Kind
from pytest_amberflo.metering.misvalue import describe_value
from pytest_amberflo.metering.story import describe_duration
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_amberflo.metering.dedup import DedupRules
    from pytest_amberflo.metering.emission import Emitted
    from pytest_amberflo.metering.pairing import Flaw, Pair, Pairing

#: How far an event may lie after its arrival, in seconds: clocks differ, and some round up.
_AHEAD_S: Final = 5.0
#: Numbers below are seconds, and those above microseconds, if they are to be moments of our days.
_SECONDS_BELOW_MS: Final = 10**11
_MICROSECONDS_FROM_MS: Final = 10**14


def find_mistakes(
    pairing: Pairing, customers: Collection[str], rules: DedupRules
) -> Iterator[Finding]:
    """What is wrong with the events that came for what was declared."""
    owners = {
        value: pair.declared.call.label
        for pair in pairing.pairs
        for name, value in pair.declared.match
        if name == "uniqueId"
    }
    for pair in pairing.pairs:
        texts = [_describe_flaw(flaw, pair, customers, owners) for flaw in pair.flaws]
        if not any(flaw.field == "uniqueId" for flaw in pair.flaws):
            texts += find_idlessness(pair, rules)
        texts += describe_time(pair.record.event, pair.record.at_s)
        for text in texts:
            label = pair.declared.call.label
            yield Finding(
                kind=Kind.WRONG_FIELD,
                text=f"{label}: {text}",
                call=pair.declared.call,
                declared=pair.declared,
                record=pair.record,
            )


def find_idlessness(pair: Pair, rules: DedupRules) -> list[str]:
    """Whether nothing tells an event from another call's that is made at the same moment."""
    has_own = any(name != "uniqueId" for name, _ in pair.declared.match)
    event = pair.record.event.to_event()
    has_key = event is not None and rules.configured_value(event) is not None
    if pair.record.event.unique_id or has_own or has_key:
        return []
    blank = "no uniqueId" if pair.record.event.unique_id is None else "an empty uniqueId"
    text = (
        f"{blank}: {pair.record.event} and an equal call in the same millisecond would be one "
        "record. Make one of what happened, and send the same one when it is sent again."
    )
    return [text]


def describe_time(event: Emitted, at_s: float) -> list[str]:
    """What is wrong with the time of an event that came at a moment."""
    time_ms = event.time_ms
    if time_ms is None:
        return []
    if time_ms < _SECONDS_BELOW_MS:
        return [
            f"seconds sent where milliseconds are due: meterTimeInMillis is {time_ms}, "
            "which is in January 1970."
            if time_ms < 2_678_400_000
            else f"seconds sent where milliseconds are due: meterTimeInMillis is {time_ms}."
        ]
    if time_ms >= _MICROSECONDS_FROM_MS:
        return [f"microseconds sent where milliseconds are due: meterTimeInMillis is {time_ms}."]
    ahead_s = time_ms / 1000 - at_s
    if ahead_s <= _AHEAD_S:
        return []
    late = describe_duration(ahead_s)
    return [f"clock {ahead_s:.0f} s ahead: the event is {late} later than its own arrival."]


def _describe_flaw(
    flaw: Flaw, pair: Pair, customers: Collection[str], owners: dict[str, str]
) -> str:
    due, came = flaw.due, flaw.came
    match flaw.field:
        case "meterApiName":
            return describe_meter(due, came)
        case "meterValue":
            return describe_value(due, came)
        case "customerId":
            if came is None:
                return f"no customerId: {pair.record.event} is nobody's usage; `{due}` is due."
            whose = ", the customer of another call" if came in customers else ""
            return f"wrong customer: {pair.record.event} is for `{came}`{whose}; `{due}` is due."
        case "uniqueId":
            if came is None:
                return f"no uniqueId; `{due}` is due."
            other = owners.get(came)
            if other is not None and other != pair.declared.call.label:
                return f"uniqueId `{came}` is that of {other}; `{due}` is due."
            return f"uniqueId is `{came}`; `{due}` is due."
        case field:
            if came is None:
                return f"{field} is missing; `{due}` is due."
            return f"{field} is `{came}`; `{due}` is due."


def describe_meter(due: str, came: str | None) -> str:
    """What is wrong with the name of a meter."""
    if came is None:
        return f"no meterApiName; `{due}` is due."
    if find_nearest(came, (due,)) is not None:
        return f"undeclared meter `{came}`: did you mean `{due}`?"
    return f"undeclared meter `{came}`; `{due}` is due."
