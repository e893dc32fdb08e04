"""Events that did not come, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.metering.emitter_extra import is_twin
from pytest_amberflo.metering.emitter_finding import Finding, Kind
from pytest_amberflo.metering.emitter_wrong import describe_time
from pytest_amberflo.metering.misvalue import describe_value
from pytest_amberflo.metering.pairing import find_flaws, pair_events
from pytest_amberflo.metering.story import join_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.metering.emission import Arrival, Arrived, Declared
    from pytest_amberflo.metering.pairing import Pairing

#: Answers that say: try again.
_PASSING: Final = (408, 429)
_MOST_REFUSED: Final = 2


class Background(Struct, frozen=True, kw_only=True):
    """What else is known of the time of the calls."""

    arrivals: Sequence[Arrival]
    restarted_s: float | None = None
    #: Calls that did not get through to the server, a sentence each.
    refused: tuple[str, ...] = ()


def explain_missing(
    pairing: Pairing, unkept: Sequence[Arrived], background: Background
) -> Iterator[Finding]:
    """Why each event that was due did not come; what a twin took the place of is no loss."""
    left = [due for due in pairing.missing if not any(is_twin(due, p) for p in pairing.pairs)]
    tried = pair_events(left, (), unkept)
    for pair in tried.pairs:
        yield Finding(
            kind=Kind.MISSING,
            text=f"{pair.declared.call.label}: {_describe_try(pair.declared, pair.record)}",
            call=pair.declared.call,
            declared=pair.declared,
            record=pair.record,
        )
    for due in tried.missing:
        text = _describe_silence(due, pairing, tried.missing, background)
        yield Finding(
            kind=Kind.MISSING, text=f"{due.call.label}: {text}", call=due.call, declared=due
        )


def _describe_try(due: Declared, record: Arrived) -> str:
    """What became of an event that was sent and not kept."""
    refused = [
        arrival
        for arrival in record.arrivals
        if arrival.is_answered
        and arrival.status is not None
        and 400 <= arrival.status < 500
        and arrival.status not in _PASSING
    ]
    if refused:
        return _describe_refusal(due, record, refused[-1])
    count = len(record.arrivals)
    answers = join_names(list(dict.fromkeys(arrival.answer for arrival in record.arrivals)))
    if count == 1:
        return (
            f"lost: {record.event} was sent once, was answered {answers}, and was not sent again."
        )
    return (
        f"the batch was dropped after {count} tries: {record.event} was answered {answers} each "
        "time, and then given up. Keep what could not be sent, and go on trying."
        if len({arrival.answer for arrival in record.arrivals}) == 1
        else f"the batch was dropped after {count} tries: {record.event} was answered {answers}, "
        "and then given up. Keep what could not be sent, and go on trying."
    )


def _describe_refusal(due: Declared, record: Arrived, arrival: Arrival) -> str:
    """Why the server would not take an event."""
    if arrival.status in (401, 403):
        return (
            f"{record.event} was refused with {arrival.status}: the sender does not have the API "
            "key of this run."
        )
    event = record.event
    texts = [
        describe_value(flaw.due, flaw.came)
        for flaw in find_flaws(due, event)
        if flaw.field == "meterValue"
    ]
    texts += describe_time(event, record.at_s)
    if (not event.odd and texts) or any(text.startswith("value sent") for text in texts):
        return f"{' '.join(texts)} The server refused it with {arrival.status}."
    return f"{event} was refused with {arrival.status}: {arrival.problem or 'it does not say why'}"


def _describe_silence(
    due: Declared, pairing: Pairing, missing: Sequence[Declared], background: Background
) -> str:
    """What may be said of an event that was never sent."""
    restarted_s = background.restarted_s
    if restarted_s is not None and due.call.done_s <= restarted_s:
        return (
            f"lost flush: {due} was due, and never came: the service was restarted after the "
            "call. What is still in memory must be sent before a process ends."
        )
    unread = [arrival for arrival in background.arrivals if arrival.body is not None]
    if unread:
        return (
            f"{due} was due, and never came; a request that is no JSON did: "
            f"{unread[-1].body} ({unread[-1].problem})"
        )
    if not background.arrivals:
        text = f"{due} was due, and nothing at all came."
        told = "; ".join(background.refused[-_MOST_REFUSED:])
        return f"{text} A caller did not get through: {told}." if told else text
    last = max((pair.declared.call.number for pair in pairing.pairs), default=0)
    count = len({other.call.number for other in missing})
    if last and all(other.call.number > last for other in missing):
        which = "its call is the last" if count == 1 else f"they are the last {count} calls"
        return (
            f"{due} was due, and never came; {which} that {'was' if count == 1 else 'were'} to "
            "meter anything: perhaps a batch that is not full was not sent."
        )
    return f"{due} was due, and never came."
