"""The ledger: every transmission of an event, and what answer it got."""

from __future__ import annotations

import unicodedata
from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.metering.event import MeterEvent


def fold(text: str | None) -> str:
    """An empty text and none, and both forms of an accented letter, may be the same."""
    if not text or text.isascii():
        return text or ""
    return unicodedata.normalize("NFC", text)


class Fate(Enum):
    """What may be said of a transmission from its answer."""

    #: Answered 200: it counts.
    STORED = "stored"
    #: Never arrived, or answered 4xx: it does not count.
    REFUSED = "refused"
    #: No answer, or one that leaves it open: it counts or does not.
    MAYBE = "maybe"


def fate_of(status: int | None, *, sent: bool, may_be_partial: bool = False) -> Fate:
    """The fate of a transmission answered with `status`, or with none.

    Without an answer it is refused only if no connection was made. 408 and every answer that is
    neither 200 nor 4xx leave it open. `may_be_partial`: the event is one of an array, and the
    service may have kept some of it before it refused (not known of the real one): then 4xx
    leaves it open, too.
    """
    if status is None:
        return Fate.MAYBE if sent else Fate.REFUSED
    if status == 200:
        return Fate.STORED
    if 400 <= status < 500 and status != 408:
        return Fate.MAYBE if may_be_partial else Fate.REFUSED
    return Fate.MAYBE


class Transmission(Struct, frozen=True, kw_only=True, gc=False):
    """One sending of one record. Times are UTC in seconds since 1970."""

    event: MeterEvent
    fate: Fate
    at_s: float
    #: When the answer was there; None where that is not known.
    done_s: float | None = None
    #: What was asked again: "" for the first sending, else why it was sent again.
    reason: str = ""
    #: What the sender did that this is the record of, where it says so: a step, an operation.
    operation: str = ""

    def precedes(self, other: Transmission) -> bool:
        """Whether this one was surely stored before the other was, if both were.

        What was sent in one request, or while the other was under way, may come in any order,
        and what got no answer may come at any time.
        """
        is_clear = self.fate is Fate.STORED
        done_s = self.at_s if self.done_s is None else self.done_s
        return is_clear and done_s < other.at_s


class Record(Struct, gc=False):
    """A record with all its transmissions; at most one of them counts."""

    event: MeterEvent
    transmissions: tuple[Transmission, ...]
    #: Its place in the order of first transmissions.
    number: int = 0

    @property
    def sent(self) -> tuple[Transmission, ...]:
        """The transmissions that may have been stored."""
        return tuple(t for t in self.transmissions if t.fate is not Fate.REFUSED)

    @property
    def operations(self) -> tuple[str, ...]:
        """What the sender did, each thing once; transmissions that only repeat say nothing."""
        named = [t.operation for t in self.transmissions if t.operation and not t.reason]
        return tuple(dict.fromkeys(named))

    @property
    def fate(self) -> Fate:
        """STORED if any transmission was, else MAYBE if any may have been, else REFUSED."""
        found = Fate.REFUSED
        for transmission in self.transmissions:
            if transmission.fate is Fate.STORED:
                return Fate.STORED
            if transmission.fate is Fate.MAYBE:
                found = Fate.MAYBE
        return found


class Ledger:
    """The records of a run, in the order of their first transmission."""

    def __init__(self) -> None:
        #: By event: those with all attributes alike are equal.
        self._records: dict[MeterEvent, Record] = {}
        #: By customer: an item reads those of its own, and costs no more the longer the run is.
        self._by_customer: dict[str, list[Record]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, transmissions: Iterable[Transmission]) -> None:
        """Enter transmissions; those of the same record come together."""
        for transmission in transmissions:
            event = transmission.event
            record = self._records.get(event)
            if record is not None:
                record.transmissions += (transmission,)
                continue
            record = Record(event, (transmission,), len(self._records))
            self._records[event] = record
            customer = fold(event.customer)
            if customer in self._by_customer:
                self._by_customer[customer].append(record)
            else:
                self._by_customer[customer] = [record]

    def records(self, meter: str | None = None) -> tuple[Record, ...]:
        """Every record, or those of one meter."""
        return tuple(
            record
            for record in self._records.values()
            if meter is None or record.event.meter == meter
        )

    def records_of(self, customers: Iterable[str | None] | None) -> tuple[Record, ...]:
        """The records of some customers, and of those that may be the same; every one for None."""
        if customers is None:
            return self.records()
        names = dict.fromkeys(map(fold, customers))
        found = [record for name in names for record in self._by_customer.get(name, ())]
        if len(names) > 1:
            found.sort(key=lambda record: record.number)
        return tuple(found)
