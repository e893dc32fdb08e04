"""From what was heard, or must have been sent, to the entries of a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.event import MeterEvent
from pytest_amberflo.metering.ledger import Fate, Transmission

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_amberflo.metering.emission import Arrival, Declared

#: How often the real service may have got an event that nobody could see: its fresh figures
#: count every copy.
_UNSEEN_COPIES: Final = 8


def list_heard(arrival: Arrival, customers: Collection[str]) -> Iterator[Transmission]:
    """What a request brought for these customers, as far as it could count."""
    fate = Fate.STORED if arrival.is_stored else Fate.REFUSED
    for emitted in arrival.events:
        event = emitted.to_event() if emitted.customer in customers else None
        if event is not None:
            yield Transmission(event=event, fate=fate, at_s=arrival.at_s, done_s=arrival.done_s)


def foresee(due: Declared, *, is_live: bool) -> Iterator[Transmission]:
    """An event as it must have been sent, at the time of its call.

    Fresh figures of the real service also count copies that nobody here could see.
    """
    moment = due.call.done_s
    event = MeterEvent(
        meter=due.meter,
        customer=due.customer,
        value=due.value,
        time_ms=round(moment * 1000),
        unique_id=f"of {due.call.label}",
        dimensions=due.dimensions,
    )
    yield Transmission(event=event, fate=Fate.STORED, at_s=due.call.started_s, done_s=moment)
    for _ in range(_UNSEEN_COPIES if is_live else 0):
        yield Transmission(event=event, fate=Fate.MAYBE, at_s=moment, reason="a retry, perhaps")
