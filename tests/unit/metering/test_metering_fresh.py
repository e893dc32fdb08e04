"""Fresh figures of the real service: what they may count, and what is wrong at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from unit.metering.metering_kit import (
    DAY,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.event import CANCEL
from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.settle import Settled, wait_until_settled
from pytest_amberflo.metering.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.ledger import Record

RIGHT, PARTIAL, WRONG, DEFERRED = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.DEFERRED
FRESH, SETTLED = Terms(is_live=True), Terms(is_live=True, is_settled=True)
STORED, MAYBE, REFUSED = Fate.STORED, Fate.MAYBE, Fate.REFUSED
FOUR_TIMES = make_record(make_event("2.5", unique_id="a"), STORED, STORED, STORED, STORED)
LARGE_AND_SMALL = [
    make_record(make_event(5, unique_id="a"), STORED, STORED),
    make_record(make_event(1, unique_id="b"), STORED, STORED),
]


def judge(
    seen: float | str, records: Sequence[Record], terms: Terms, aggregation: str = "SUM"
) -> Judgement:
    """The judgement of a reading that shows this."""
    return judge_reading(read_acme(seen), records, make_query(aggregation), terms=terms)


@pytest.mark.parametrize(
    ("aggregation", "seen", "expected"),
    [
        ("SUM", "0", PARTIAL),
        ("SUM", "2.5", RIGHT),
        ("SUM", "5", DEFERRED),
        ("SUM", "7.5", DEFERRED),
        ("SUM", "10", DEFERRED),
        ("SUM", "12.5", WRONG),
        ("SUM", "4", WRONG),
        ("SUM", "-2.5", WRONG),
        ("COUNT", "1", RIGHT),
        ("COUNT", "4", DEFERRED),
        ("COUNT", "5", WRONG),
        ("COUNT", "2.5", WRONG),
        ("MAX", "2.5", RIGHT),
        ("MAX", "5", WRONG),
    ],
)
def test_copies_may_be_counted_up_to_every_transmission(
    aggregation: str, seen: str, expected: Status
) -> None:
    """Above what is expected and within everything that was sent: later. Above that: wrong."""
    assert judge(seen, [FOUR_TIMES], FRESH, aggregation).status is expected


@pytest.mark.parametrize("seen", ["5", "10"])
@pytest.mark.parametrize("terms", [SETTLED, Terms()])
def test_settled_figures_and_other_services_count_no_copies(seen: str, terms: Terms) -> None:
    """Nobody but fresh figures of the real service is excused."""
    assert judge(seen, [FOUR_TIMES], terms).status is WRONG


@pytest.mark.parametrize(
    ("fates", "most"),
    [((MAYBE, STORED), 2), ((REFUSED, STORED), 1), ((STORED, MAYBE, REFUSED, MAYBE), 3)],
)
def test_what_was_refused_may_not_be_counted(fates: tuple[Fate, ...], most: int) -> None:
    """A request that was sent again after a 503 may show twice; after a 4xx it may not."""
    record = make_record(make_event("2.5", unique_id="a"), *fates)
    for times in range(2, most + 1):
        assert judge(str(2.5 * times), [record], FRESH).status is DEFERRED
    assert judge(str(2.5 * (most + 1)), [record], FRESH).status is WRONG


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("6", RIGHT),
        ("7", DEFERRED),  # 5 + 1 + 1
        ("11", DEFERRED),  # 5 + 5 + 1
        ("12", DEFERRED),
        ("5", PARTIAL),
        ("2", PARTIAL),  # 1 + 1: the 5 has not come yet
        ("10", PARTIAL),  # 5 + 5: the 1 has not come yet
        ("8", WRONG),
        ("13", WRONG),
    ],
)
def test_copies_do_not_stand_for_what_is_missing(seen: str, expected: Status) -> None:
    """A copy of one record may be visible before the other record is: that is waited for."""
    assert judge(seen, LARGE_AND_SMALL, FRESH).status is expected


def test_a_cancelled_event_may_be_counted_until_figures_are_settled() -> None:
    """Real-time figures know no cancellation."""
    event = make_event("2.5", unique_id="a")
    cancel = replace(event, dimensions=((CANCEL, "true"),))
    records = [make_record(event), make_record(cancel)]
    assert judge("0", records, FRESH).status is RIGHT
    assert judge("2.5", records, FRESH).status is RIGHT
    assert judge("0", records, SETTLED).status is RIGHT
    assert judge("2.5", records, SETTLED).status is WRONG


def test_usage_of_others_is_no_copy() -> None:
    """A group that nobody asked for is wrong, however fresh."""
    reading = make_reading({("acme",): {DAY: "5"}, ("globex",): {DAY: "1"}})
    found = judge_reading(reading, [FOUR_TIMES], make_query(), terms=FRESH)
    assert found.status is WRONG


class Clock:
    """A clock that moves when something sleeps."""

    def __init__(self) -> None:
        self.moment = 0.0

    def now(self) -> float:
        """The present moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += seconds


def settle(*shown: str, hold_s: float = 2.0) -> Settled:
    """How waiting ends for readings one after another, the last one repeated."""
    left = list(shown)

    def poll() -> Judgement:
        return judge(left.pop(0) if len(left) > 1 else left[0], [FOUR_TIMES], FRESH)

    settled = wait_until_settled(poll, Clock(), settle_s=60.0, hold_s=hold_s)
    assert settled is not None
    return settled


@pytest.mark.parametrize(
    ("shown", "expected", "has_changed"),
    [
        (("0", "10"), DEFERRED, False),
        (("2.5", "5", "10"), DEFERRED, False),
        (("10", "2.5"), RIGHT, False),
        (("5", "10", "12.5"), WRONG, True),
        (("10", "0"), WRONG, True),
    ],
)
def test_fresh_figures_are_watched(
    shown: tuple[str, ...], expected: Status, *, has_changed: bool
) -> None:
    """Copies come and go while usage is watched; more than was sent, or nothing, is wrong."""
    settled = settle(*shown)
    assert (settled.judgement.status, settled.has_changed) == (expected, has_changed)
    assert expected is WRONG or settled.waited_s >= 2.0
