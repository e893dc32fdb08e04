"""Cancellation: which records take back which, and where that is not clear.

A record with the dimension `aflo.cancel_previous_resource_event` = "true" takes back an earlier
one of the same meter, customer and uniqueId; without an id, the one that is equal in every other
attribute (Amberflo, Meter Corrections). What it does without a match, or when it comes twice, is
not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.metering.event import CANCEL
from pytest_amberflo.metering.ledger import Fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record


class Cancelled(Struct, frozen=True, kw_only=True):
    """What cancellations take back: surely, or perhaps; and those that find nothing."""

    surely: frozenset[Identity]
    maybe: frozenset[Identity]
    unmatched: tuple[Record, ...]


def find_cancelled(records: Sequence[Record], cancels: Sequence[Record]) -> Cancelled:
    """What these cancellations take back of the records of their meter."""
    surely: set[Identity] = set()
    maybe: set[Identity] = set()
    unmatched: list[Record] = []
    for cancel in cancels:
        matches = [
            record
            for record in records
            if not record.event.cancels and is_match(cancel.event, record.event)
        ]
        if not matches:
            unmatched.append(cancel)
        for record in matches:
            identity = record.event.identity
            is_clear = len(matches) == 1 and _is_clear(cancel, record)
            is_first = identity not in surely | maybe
            (surely if is_clear and is_first else maybe).add(identity)
            if not is_first:
                surely.discard(identity)
    return Cancelled(surely=frozenset(surely), maybe=frozenset(maybe), unmatched=tuple(unmatched))


def is_match(cancel: MeterEvent, event: MeterEvent) -> bool:
    """Whether a cancellation is of an event, apart from the order in which they came."""
    if (cancel.meter, cancel.customer) != (event.meter, event.customer):
        return False
    if cancel.unique_id is not None or event.unique_id is not None:
        return cancel.unique_id == event.unique_id
    rest = tuple(pair for pair in cancel.dimensions if pair[0] != CANCEL)
    return (cancel.time_ms, rest, cancel.value) == (event.time_ms, event.dimensions, event.value)


def _is_clear(cancel: Record, record: Record) -> bool:
    """Whether the cancellation surely was stored, once, and after all that it takes back."""
    first = min(transmission.at_s for transmission in cancel.sent)
    last = max(
        transmission.at_s if transmission.done_s is None else transmission.done_s
        for transmission in record.sent
    )
    return cancel.fate is Fate.STORED and len(cancel.sent) == 1 and last <= first
