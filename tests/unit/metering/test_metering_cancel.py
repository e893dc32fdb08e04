"""Cancellation: what is taken back does not count, and what is not clear is not judged."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from unit.metering.metering_kit import DAY, HOUR_S, make_event, make_query, read_acme

from pytest_amberflo.metering.event import CANCEL, MeterEvent
from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate, Ledger, Record, Transmission
from pytest_amberflo.metering.terms import Terms

RIGHT, PARTIAL, WRONG, DEFERRED = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.DEFERRED
EVENT = make_event(3, unique_id="u-1", region="eu")
OTHER = make_event(16, unique_id="u-2")


def cancel(event: MeterEvent, **members: object) -> MeterEvent:
    """The event that takes another one back."""
    dimensions = tuple(sorted((*event.dimensions, (CANCEL, "true"))))
    return replace(event, **({"dimensions": dimensions} | members))


def send(*events: MeterEvent, fates: str = "") -> list[Record]:
    """Records of events that were sent one after another: stored, maybe or refused."""
    ledger = Ledger()
    kinds = {"s": Fate.STORED, "m": Fate.MAYBE, "r": Fate.REFUSED}
    for index, event in enumerate(events):
        fate = kinds[fates[index]] if fates else Fate.STORED
        at_s = float(DAY + index)
        ledger.add([Transmission(event=event, fate=fate, at_s=at_s, done_s=at_s + 0.5)])
    return list(ledger.records())


def right_sums(records: list[Record], terms: Terms | None = None) -> set[int]:
    """The sums that are right."""
    return {
        seen
        for seen in (0, 3, 6, 16, 19, 22)
        if judge_reading(read_acme(seen), records, make_query(), terms=terms or Terms()).status
        is RIGHT
    }


@pytest.mark.parametrize(
    "marker",
    [
        cancel(EVENT),
        cancel(EVENT, value=EVENT.value * 9),
        cancel(EVENT, time_ms=EVENT.time_ms + 5000),
        cancel(EVENT, dimensions=((CANCEL, "true"),)),
    ],
    ids=["same", "other value", "other time", "no dimensions"],
)
def test_a_cancellation_takes_back_its_match(marker: MeterEvent) -> None:
    """Meter, customer and id say which event is meant; neither it nor the marker counts."""
    records = send(EVENT, OTHER, marker)
    assert right_sums(records) == {16}


def test_without_an_id_all_else_must_be_equal() -> None:
    """An event without an id is taken back by its equal only."""
    event = make_event(3, region="eu")
    assert right_sums(send(event, OTHER, cancel(event))) == {16}
    # A marker of another value has no match: what it does is not judged.
    assert 19 in right_sums(send(event, OTHER, cancel(event, value=event.value * 2)))


@pytest.mark.parametrize("members", [{"customer": "bravo"}, {"meter": "storage"}])
def test_other_customers_and_meters_are_not_taken_back(members: dict[str, str]) -> None:
    """A marker of another customer or meter takes nothing of ours back."""
    assert right_sums(send(EVENT, OTHER, cancel(EVENT, **members))) == {19}


@pytest.mark.parametrize("text", ["false", "TRUE", "1", ""])
def test_only_true_cancels(text: str) -> None:
    """The dimension with any other text is one like any other."""
    marker = replace(EVENT, dimensions=((CANCEL, text), ("region", "eu")))
    assert right_sums(send(EVENT, OTHER, marker)) == {22}


@pytest.mark.parametrize(
    ("records", "right"),
    [
        pytest.param(send(EVENT, OTHER, cancel(EVENT), fates="ssm"), {16, 19}, id="no answer"),
        pytest.param(send(EVENT, OTHER, cancel(EVENT), fates="ssr"), {19}, id="refused"),
        pytest.param(send(cancel(EVENT), EVENT, OTHER), {16, 19}, id="before its match"),
        pytest.param(send(EVENT, OTHER, cancel(EVENT), cancel(EVENT)), {16, 19}, id="sent twice"),
        pytest.param(
            send(EVENT, OTHER, cancel(EVENT), cancel(EVENT, time_ms=EVENT.time_ms + 1)),
            {16, 19},
            id="two markers",
        ),
        pytest.param(send(OTHER, cancel(EVENT)), {16, 19}, id="without a match"),
        pytest.param(send(EVENT, OTHER, cancel(EVENT), fates="mss"), {16}, id="event no answer"),
    ],
)
def test_what_is_not_clear_is_not_judged(records: list[Record], right: set[int]) -> None:
    """A marker that may not be stored, comes early, twice or alone: either is right."""
    assert right_sums(records) == right


def test_what_counted_before_may_be_taken_back() -> None:
    """An event without an answer that was shown may be cancelled afterwards."""
    before = judge_reading(read_acme(3), send(EVENT, fates="m"), make_query())
    after = judge_reading(
        read_acme(0), send(EVENT, cancel(EVENT), fates="ms"), make_query(), known=before.knowledge
    )
    assert (before.status, after.status) == (RIGHT, RIGHT)


def test_a_cancelled_event_that_counts_is_named() -> None:
    """What was taken back and still counts, and a marker that counts itself."""
    marker = cancel(EVENT, time_ms=EVENT.time_ms + HOUR_S)
    records = send(EVENT, OTHER, marker)
    judgement = judge_reading(read_acme(19), records, make_query())
    assert judgement.status is WRONG
    (sentence,) = explain(judgement, records)
    assert "(uniqueId u-1)" in sentence


def test_fresh_figures_of_the_real_service_may_not_know_of_it() -> None:
    """For some hours either is right there, and a marker that counts may be settled later."""
    live = Terms(is_live=True)
    records = send(EVENT, OTHER, cancel(EVENT))
    assert right_sums(records, live) == {16, 19}
    raw = judge_reading(read_acme(22), records, make_query(), terms=live)
    assert raw.status is DEFERRED
    over = judge_reading(read_acme(25), records, make_query(), terms=live)
    assert over.status is WRONG
