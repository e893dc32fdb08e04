"""Judging the usage of one item: polls, verdicts, causes, and what is open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from unit.plugin_parts.judge_kit import FAILED, PASSED, UNVERIFIED, WRONG, Item, event, query
from unit.plugin_parts.part_kit import DAY

from pytest_amberflo.http.exchange import Response
from pytest_amberflo.patience import NotJudgedError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("aggregation", "right", "message", "wrong"),
    [
        ("SUM", 6.5, "usage 6.5 as expected", (2.5, 4, 9, 0, None)),
        ("COUNT", 2, "usage 2 as expected", (1, 3, 0, None)),
        ("MAX", 4, "usage 4 as expected", (2.5, 5, 6.5, None)),
        ("MIN", 2.5, "usage 2.5 as expected", (4, 2, 6.5, None)),
    ],
)
def test_usage_is_right_or_not(
    aggregation: str, right: float, message: str, wrong: tuple[float | None, ...]
) -> None:
    """Of two events only one number is right; all others fail, some after the time to settle."""
    for shown in (right, *wrong):
        item = Item()
        item.send(event(2.5), event(4, "evt-2"))
        expected = (PASSED, message) if shown == right else WRONG
        assert item.conclude(shown, asked=query(aggregation)) == expected
        assert item.tally.judged == 1


def test_a_lost_event_has_a_cause() -> None:
    """What never comes fails when time is over, with the event and what was answered."""
    item = Item()
    item.send(event(2.5))
    concluded = item.read(None, settle_s=5.0)
    assert concluded is not None
    assert concluded[2].causes == (
        "The event of 2.5 at 2026-11-21 01:00:00.000 (uniqueId evt-1) was lost: "
        "it was accepted (200) and is not counted.",
        "Nothing more came.",
    )
    assert item.clock.now() == 55.0
    assert item.tally.visible_after_s == []


def test_a_record_counted_twice_ends_at_once() -> None:
    """Too much is not waited for, and the record is named."""
    item = Item()
    item.send(event(3))
    item.send(event(3.0))
    concluded = item.read(6)
    assert concluded is not None
    assert concluded[0] is FAILED
    assert concluded[2].causes == (
        "One record was counted twice: 3 at 2026-11-21 01:00:00.000 (uniqueId evt-1). "
        "It was sent twice. The service must keep the first and discard the rest.",
    )
    assert item.clock.pauses == []
    assert (item.tally.events, item.tally.copies, item.tally.polls) == (2, 1, 1)


def test_usage_that_comes_late_is_waited_for() -> None:
    """The time from the last ingest to the first right reading is kept."""
    item = Item()
    item.send(event(3))
    item.clock.sleep(1.5)
    concluded = item.read(None, None, None, 3)
    assert concluded is not None
    outcome, _, detail = concluded
    assert outcome is PASSED
    assert detail.visible_after_s == pytest.approx(1.5 + 0.01 + 0.02 + 0.04)
    assert item.tally.visible_after_s == [detail.visible_after_s]
    assert detail.settled is not None
    assert (detail.settled.readings, item.tally.polls) == (4, 4)


def test_usage_that_is_there_at_once_took_no_time() -> None:
    """Usage that the first reading shows was visible when the ingest was answered."""
    item = Item()
    item.send(event(3))
    assert item.conclude(3)[0] is PASSED
    assert item.tally.visible_after_s == [0.0]


def test_a_window_that_is_not_whole_is_said() -> None:
    """A query whose window has a margin says so, although it passed."""
    for start, end, note in (
        (DAY + 60, DAY + 86400, " (the window is not of whole DAYs: its margin may count or not)"),
        (DAY, DAY + 86399, " (the window is not of whole DAYs: its margin may count or not)"),
        (DAY, DAY + 86400, ""),
    ):
        item = Item()
        item.send(event(3))
        asked = query(startTimeInSeconds=start, endTimeInSeconds=end)
        assert item.conclude(3, asked=asked) == (PASSED, f"usage 3 as expected{note}")


def test_usage_that_does_not_stay_right_fails() -> None:
    """A right number that grows while it is watched is wrong."""
    item = Item()
    item.send(event(3))
    concluded = item.read(3, 3, 6, hold_s=2.0)
    assert concluded is not None
    assert concluded[0] is FAILED
    assert concluded[2].settled is not None
    assert concluded[2].settled.has_changed


def test_what_was_shown_once_must_stay() -> None:
    """An event without an answer that a reading showed may not be missing in the next query."""
    item = Item()
    item.send(event(3))
    item.send(event(4, "evt-2"), status=500)
    assert item.conclude(7)[0] is PASSED
    assert item.conclude(3) == WRONG
    fresh = Item()
    fresh.send(event(3))
    fresh.send(event(4, "evt-2"), status=500)
    assert fresh.conclude(3)[0] is PASSED


def test_a_blind_query_is_unverified() -> None:
    """Where nothing can be concluded the check says why, and nothing counts as judged."""
    item = Item()
    item.send(event(1e17), event(3, "evt-2"))
    assert item.conclude(1e17) == (
        UNVERIFIED,
        "the values are so far apart that a lost one is within the rounding of the sum",
    )
    assert item.tally.judged == 0
    assert len(item.judge.find_unobserved()) == 2


def test_a_cut_query_is_judged_by_what_came() -> None:
    """With `take`, the group that came is judged, and one that was cut is not observed."""
    item = Item()
    item.send(event(3), event(1, "evt-2", customerId="bravo"))
    asked = query(take={"limit": 1}, customerFilter=["acme", "bravo"])
    assert item.conclude(3, asked=asked)[0] is PASSED
    assert ["evt-2" in reason for reason in item.judge.find_unobserved()] == [True]


def test_others_may_have_written_where_we_are_not_alone() -> None:
    """Too much in a number that is not limited to our customer is a finding only if alone."""
    for is_alone, expected in ((True, FAILED), (False, UNVERIFIED)):
        item = Item(is_alone=is_alone)
        item.send(event(3))
        body = {"clientMeters": {"api-calls": [{"groupInfo": {}, "records": [{str(DAY): 9}]}]}}
        shared = query(groupBy=[], customerFilter=[])
        response = Response(status=200, body=json.dumps(body).encode())
        assert item.conclude(response, asked=shared)[0] is expected


def test_an_answer_that_is_no_usage_fails() -> None:
    """An answer of a wrong form is a finding with its place, and is not polled again."""
    item = Item()
    item.send(event(3))
    concluded = item.read(Response(status=200, body=b'{"clientMeters": 7}'))
    assert concluded is not None
    outcome, message, detail = concluded
    assert outcome is FAILED
    assert message == (
        "the answer is no usage: $.clientMeters: a number stands where meters are due"
    )
    assert (detail.judgement, item.tally.polls) == (None, 1)


def read_none() -> Response | None:
    """An answer that broke its contract."""
    return None


def read_throttled() -> Response | None:
    """A service that throttles for too long."""
    raise NotJudgedError(60.0, 10.0)


def test_an_answer_that_breaks_its_contract_concludes_nothing() -> None:
    """The broken contract is a finding of its own; usage is not judged."""
    item = Item()
    item.send(event(3))
    assert item.judge.settle(query(), read_none, settle_s=5.0, hold_s=0.0) is None
    assert (item.tally.polls, item.tally.judged) == (1, 0)


@pytest.mark.parametrize("read", [read_throttled])
def test_a_spent_budget_is_passed_on(read: Callable[[], Response | None]) -> None:
    """Throttling beyond the budget is an error, never a verdict on usage."""
    item = Item()
    item.send(event(3))
    with pytest.raises(NotJudgedError):
        item.judge.settle(query(), read, settle_s=5.0, hold_s=0.0)
    assert item.tally.judged == 0


def test_a_lost_answer_of_another_meter_is_not_proven_by_this_one() -> None:
    """An event that was never answered and never stored may be missing in its own query."""
    item = Item()
    item.send(event(3))
    item.send(event(4, "evt-2", meterApiName="storage"), status=500)
    assert item.conclude(3)[0] is PASSED
    empty = Response(status=200, body=b'{"clientMeters": {}}')
    assert item.conclude(empty, asked=query(meterApiName="storage"))[0] is PASSED


def test_lost_answers_of_other_items_do_not_blind_this_one() -> None:
    """A service that was down for a while does not make all later items unverified."""
    first = Item()
    for number in range(13):
        first.send(event(1, f"lost-{number}", customerId=f"other-{number}"), status=500)
    second = Item(ledger=first.ledger)
    second.send(event(3))
    assert second.conclude(3)[0] is PASSED


def test_a_failed_usage_check_is_a_judged_one() -> None:
    """The summary takes failed usage checks off the judged ones: there must be one to take off."""
    item = Item()
    item.send(event(3))
    assert item.conclude(Response(status=200, body=b"{}"))[0] is FAILED
    assert item.tally.judged == 1
