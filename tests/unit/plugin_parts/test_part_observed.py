"""What an item enters into the ledger, and the events whose loss nobody would notice."""

from __future__ import annotations

import json

import pytest
from unit.plugin_parts.judge_kit import PASSED, WRONG, Item, event, query
from unit.plugin_parts.part_kit import DAY, make_exchange

from pytest_amberflo.metering.ledger import Fate


@pytest.mark.parametrize(
    ("status", "sent", "fate", "counted"),
    [
        (200, True, Fate.STORED, 1),
        (400, True, Fate.REFUSED, 1),
        (429, True, Fate.REFUSED, 1),
        (503, True, Fate.MAYBE, 1),
        (202, True, Fate.MAYBE, 1),
        (None, True, Fate.MAYBE, 1),
        (None, False, Fate.REFUSED, 0),
    ],
)
def test_every_answer_has_its_fate(
    status: int | None,
    sent: bool,  # noqa: FBT001
    fate: Fate,
    counted: int,
) -> None:
    """What was answered, or not, decides; what was never sent is not counted as sent."""
    item = Item()
    item.send(event(3), status=status, sent=sent)
    (record,) = item.ledger.records()
    assert (record.fate, item.tally.events) == (fate, counted)
    assert record.transmissions[0].at_s == DAY
    assert item.judge.has_ingested


def test_a_resend_keeps_its_reason() -> None:
    """A transmission knows why it was sent again."""
    item = Item()
    body = json.dumps(event(3)).encode()
    item.judge.enter(make_exchange(body, status=None))
    item.judge.enter(make_exchange(body, status=None), "no answer")
    item.judge.enter(make_exchange(body), "no answer")
    (record,) = item.ledger.records()
    assert [sending.reason for sending in record.transmissions] == ["", *["no answer"] * 2]
    assert record.fate is Fate.STORED
    assert (item.tally.events, item.tally.copies) == (3, 2)


def test_the_same_record_twice_in_an_array_is_a_copy() -> None:
    """An array may hold a record twice: two are sent, one is a copy, one counts."""
    item = Item()
    item.send(event(3), event(3))
    assert (item.tally.events, item.tally.copies, len(item.ledger)) == (2, 1, 1)
    assert item.conclude(3)[0] is PASSED


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a,b\n1,2", "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"x": 1}', "the event has no integer `meterTimeInMillis`"),
        (None, "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_an_ingest_that_is_not_understood_is_a_reason(body: bytes | None, reason: str) -> None:
    """What cannot be entered into the ledger is said: the item cannot pass."""
    item = Item()
    item.judge.enter(make_exchange(body))
    assert item.judge.not_in_ledger == [f"an ingest request is not in the ledger: {reason}"]
    assert not item.judge.has_ingested
    assert (item.tally.events, len(item.ledger)) == (0, 0)


def test_an_event_that_no_query_asks_for_is_a_reason() -> None:
    """An event whose loss nobody would notice is told, one sentence each."""
    item = Item()
    item.send(event(3), event(4, "evt-2", meterApiName="storage"))
    before = item.judge.find_unobserved()
    assert len(before) == 2
    assert before[0] == (
        "no usage query would show it if 3 at 2026-11-21 01:00:00.000 (uniqueId evt-1) of meter "
        "api-calls were lost"
    )
    assert item.conclude(3)[0] is PASSED
    assert item.judge.find_unobserved() == before[1:]


@pytest.mark.parametrize(
    ("value", "aggregation", "observed"),
    [
        (3, "SUM", True),
        (-3, "SUM", True),
        (0, "SUM", False),
        (0, "COUNT", True),
        (3, "COUNT", True),
        (3, "MAX", True),
        (3, "MIN", True),
        (0, "MAX", False),
        (0, "MIN", False),
        (-3, "MAX", True),
    ],
)
def test_an_event_alone_is_observed_if_its_loss_would_show(
    value: int,
    aggregation: str,
    observed: bool,  # noqa: FBT001
) -> None:
    """A zero shows in a count only."""
    item = Item()
    item.send(event(value))
    shown = 1 if aggregation == "COUNT" else value
    assert item.conclude(shown, asked=query(aggregation))[0] is PASSED
    assert (item.judge.find_unobserved() == ()) is observed


@pytest.mark.parametrize(
    ("aggregation", "shown", "observed"),
    [("MAX", 9, {"evt-9"}), ("MIN", 2, {"evt-2"}), ("SUM", 15, {"evt-2", "evt-4", "evt-9"})],
)
def test_an_extreme_observes_only_the_extreme(
    aggregation: str, shown: int, observed: set[str]
) -> None:
    """Below a maximum, a lost event would not be noticed."""
    item = Item()
    item.send(*(event(value, f"evt-{value}") for value in (2, 4, 9)))
    assert item.conclude(shown, asked=query(aggregation))[0] is PASSED
    reasons = " ".join(item.judge.find_unobserved())
    assert {name for name in ("evt-2", "evt-4", "evt-9") if name not in reasons} == observed


@pytest.mark.parametrize("aggregation", ["MAX", "MIN"])
def test_a_tie_at_the_extreme_observes_neither(aggregation: str) -> None:
    """Of two equal extremes either could be lost."""
    item = Item()
    item.send(event(9, "a"), event(9, "b"))
    assert item.conclude(9, asked=query(aggregation))[0] is PASSED
    assert len(item.judge.find_unobserved()) == 2


def test_a_refused_event_needs_no_observer() -> None:
    """What the service did not accept cannot be lost."""
    item = Item()
    item.send(event(3), status=400)
    assert item.judge.find_unobserved() == ()
    assert item.conclude(None) == (PASSED, "usage 0 as expected")
    assert item.conclude(3) == WRONG


def test_events_of_other_items_are_known_but_not_ours_to_observe() -> None:
    """The ledger is the run's: what others sent counts, and is not asked of this item."""
    first = Item()
    first.send(event(3))
    second = Item(ledger=first.ledger)
    second.send(event(4, "evt-2"))
    assert second.conclude(7)[0] is PASSED
    assert second.judge.find_unobserved() == ()
    assert len(first.judge.find_unobserved()) == 1
    assert not Item(ledger=first.ledger).judge.has_ingested


def test_an_open_event_that_was_not_stored_is_observed() -> None:
    """A query that would have shown an event without an answer has observed that it is not."""
    item = Item()
    item.send(event(3))
    item.send(event(4, "evt-2"), status=500)
    assert item.conclude(3)[0] is PASSED
    assert item.judge.find_unobserved() == ()


@pytest.mark.parametrize(
    ("aggregation", "shown", "observed"),
    [("MAX", 9, False), ("MIN", 9, False), ("SUM", 9, True), ("COUNT", 1, True)],
)
def test_a_record_that_was_sent_twice_is_observed_by_what_adds_up(
    aggregation: str,
    shown: int,
    observed: bool,  # noqa: FBT001
) -> None:
    """An extreme is the same with a copy counted, so it proves nothing of a replay."""
    item = Item()
    item.send(event(9))
    item.send(event(9))
    assert item.conclude(shown, asked=query(aggregation))[0] is PASSED
    reasons = item.judge.find_unobserved()
    assert (reasons == ()) is observed
    assert all(reason.endswith(" were counted twice") for reason in reasons)


@pytest.mark.parametrize("hidden", [{"meterApiName": "storage"}, {"meterTimeInMillis": 5}])
def test_an_open_event_that_no_query_could_show_is_not_observed(hidden: dict[str, object]) -> None:
    """A query of another meter or window says nothing of an event without an answer."""
    item = Item()
    item.send(event(3))
    item.send(event(4, "evt-2", **hidden), status=500)
    assert item.conclude(3)[0] is PASSED
    (reason,) = item.judge.find_unobserved()
    assert "evt-2" in reason
