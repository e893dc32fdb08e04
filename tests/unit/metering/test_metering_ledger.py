"""The ledger: what an answer says of a transmission, and what several say of a record."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from unit.metering.metering_kit import make_event, make_record

from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission, fate_of

STORED, REFUSED, MAYBE = Fate.STORED, Fate.REFUSED, Fate.MAYBE


def test_fate_of_every_status() -> None:
    """200 stores, 4xx but 408 refuses, and every other answer leaves it open."""
    fates = {status: fate_of(status, sent=True) for status in range(100, 600)}
    stored = {status for status, fate in fates.items() if fate is STORED}
    refused = {status for status, fate in fates.items() if fate is REFUSED}
    assert stored == {200}
    assert refused == set(range(400, 500)) - {408}


def test_without_an_answer_only_a_connection_tells() -> None:
    """What was never sent is refused; what was sent and got no answer may be stored."""
    assert fate_of(None, sent=False) is REFUSED
    assert fate_of(None, sent=True) is MAYBE


@pytest.mark.parametrize(
    ("fates", "expected"),
    [
        ((STORED,), STORED),
        ((MAYBE,), MAYBE),
        ((REFUSED,), REFUSED),
        ((REFUSED, STORED), STORED),
        ((REFUSED, MAYBE), MAYBE),
        ((MAYBE, STORED), STORED),
        ((REFUSED, MAYBE, STORED), STORED),
        ((REFUSED, REFUSED), REFUSED),
    ],
)
def test_a_record_has_the_best_fate_of_its_transmissions(
    fates: tuple[Fate, ...], expected: Fate
) -> None:
    """Stored once is stored; a refusal undoes nothing; the order makes no difference."""
    for ordered in permutations(fates):
        assert make_record(make_event(3), *ordered).fate is expected


def send(value: str, fate: Fate, at_s: float, *, meter: str = "api-calls") -> Transmission:
    """A transmission of an event of this value."""
    return Transmission(event=make_event(value, meter=meter), fate=fate, at_s=at_s)


def test_transmissions_of_one_record_come_together() -> None:
    """The same record, also with its number in another spelling, is one with two transmissions."""
    ledger = Ledger()
    ledger.add([send("2", MAYBE, 1.0), send("3", STORED, 1.0)])
    ledger.add([send("2.0", STORED, 2.0)])
    assert len(ledger) == 2
    first, second = ledger.records()
    assert [transmission.at_s for transmission in first.transmissions] == [1.0, 2.0]
    assert (first.fate, first.event.value) == (STORED, Decimal(2))
    assert len(second.transmissions) == 1


def test_records_are_in_the_order_of_their_first_transmission() -> None:
    """A record that is sent again keeps its place."""
    ledger = Ledger()
    ledger.add([send("1", STORED, 1.0), send("2", STORED, 2.0), send("1", STORED, 3.0)])
    assert [record.event.value for record in ledger.records()] == [1, 2]


def test_records_of_one_meter() -> None:
    """A meter's records are those of this meter exactly."""
    ledger = Ledger()
    ledger.add([send("1", STORED, 1.0), send("1", STORED, 1.0, meter="API-calls")])
    assert [record.event.meter for record in ledger.records("API-calls")] == ["API-calls"]
    assert ledger.records("other") == ()


def test_an_empty_ledger_has_no_records() -> None:
    """Nothing was sent, nothing is there; a record without transmissions is refused."""
    assert (len(Ledger()), Ledger().records()) == (0, ())
