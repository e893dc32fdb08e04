"""When figures are settled, what needs it, and what is asked then."""

from __future__ import annotations

from datetime import datetime

import pytest
from msgspec.structs import replace
from unit.metering.metering_kit import DAY, DAY_S, make_event

from pytest_amberflo.metering.dedup import DedupRules, read_dedup_rules
from pytest_amberflo.metering.deferral import find_due, needs_settling, plan_totals
from pytest_amberflo.metering.event import CANCEL, MeterEvent
from pytest_amberflo.metering.ledger import Fate, Transmission
from pytest_amberflo.metering.query import Aggregation

STORED, MAYBE, REFUSED = Fate.STORED, Fate.MAYBE, Fate.REFUSED
TAKEN_BACK = replace(make_event(1, unique_id="a"), dimensions=((CANCEL, "true"),))


def seconds(text: str) -> float:
    """A moment, UTC."""
    return datetime.fromisoformat(text + "+00:00").timestamp()


def send(
    event: MeterEvent | None = None, fate: Fate = STORED, at_s: float = DAY + 7200.0
) -> Transmission:
    """One transmission."""
    return Transmission(event=event or make_event(1, unique_id="a"), fate=fate, at_s=at_s)


@pytest.mark.parametrize(
    ("sent", "event", "due"),
    [
        ("2026-11-21 18:10", "2026-11-21 18:09", "2026-11-22 07:10"),
        ("2026-11-21 00:00", "2026-11-20 23:59", "2026-11-22 07:10"),
        ("2026-11-21 23:59:58", "2026-11-21 23:58", "2026-11-22 07:10"),
        ("2026-11-30 12:00", "2026-11-30 11:59", "2026-12-01 07:10"),
        ("2028-02-28 12:00", "2028-02-28 11:59", "2028-02-29 07:10"),
        ("2026-12-31 23:30", "2026-12-31 23:29", "2027-01-01 07:10"),
        # More than a day late: a day until it is seen at all.
        ("2026-11-21 18:10", "2026-11-01 00:00", "2026-11-23 07:10"),
        ("2026-11-21 18:10", "2026-11-20 18:11", "2026-11-22 07:10"),
        # Ahead of its time.
        ("2026-11-21 18:10", "2026-11-23 05:00", "2026-11-24 07:10"),
    ],
)
def test_figures_of_the_real_service_settle_in_the_morning_after(
    sent: str, event: str, due: str
) -> None:
    """More than 7 hours later, past midnight, when live events reach into no day of ours."""
    found = send(make_event(1, at_s=seconds(event)), at_s=seconds(sent))
    due_s = find_due([found], is_live=True)
    assert due_s == seconds(due)
    assert due_s - found.at_s > 7 * 3600
    fresh_since = due_s - 7 * 3600
    assert fresh_since // DAY_S > max(found.at_s, found.event.time_ms / 1000) // DAY_S


def test_the_last_transmission_decides() -> None:
    """All of an item is judged at once."""
    early, late = send(), send(at_s=DAY + 3 * DAY_S + 60.0)
    assert find_due([late, early], is_live=True) == find_due([late], is_live=True)
    assert find_due([early], is_live=True) < find_due([late], is_live=True)


def test_other_services_are_settled_at_once() -> None:
    """A day of waiting is the real service's own."""
    assert find_due([send(at_s=DAY + 0.5)], is_live=False) == DAY


@pytest.mark.parametrize(
    ("transmissions", "expected"),
    [
        ([send()], False),
        ([send(fate=MAYBE), send()], False),
        ([send(fate=REFUSED), send(fate=MAYBE), send()], False),
        ([send(), send()], True),
        ([send(), send(make_event(2, unique_id="b"))], False),
        (
            [send(), send(replace(make_event(1, unique_id="a"), dimensions=((CANCEL, "true"),)))],
            True,
        ),
    ],
)
def test_acknowledged_copies_and_cancellations_need_settled_figures(
    transmissions: list[Transmission], *, expected: bool
) -> None:
    """A retry for want of an answer is no copy; two that were acknowledged are."""
    assert needs_settling(transmissions, DedupRules()) is expected


def test_records_that_the_rule_makes_one_need_settled_figures() -> None:
    """Text that is processed again has another time and the same block."""
    pair = [
        send(make_event(1, unique_id="a", block_id="b1")),
        send(make_event(1, unique_id="b", block_id="b1")),
    ]
    assert not needs_settling(pair, DedupRules())
    assert needs_settling(pair, read_dedup_rules(["block_id"]))


def test_totals_are_asked_for_each_customer_and_meter() -> None:
    """SUM and COUNT by day of all days; an event without a customer cannot be asked for."""
    events = [
        make_event(1, at_s=DAY + 60),
        make_event(2, at_s=DAY + 2 * DAY_S),
        make_event(3, customer="globex"),
        make_event(4, meter="other"),
        make_event(5, customer=None),
    ]
    queries = list(plan_totals(events))
    assert [(q.meter, *sorted(q.customers or ()), q.aggregation) for q in queries] == [
        (meter, customer, aggregation)
        for meter, customer in (("api-calls", "acme"), ("api-calls", "globex"), ("other", "acme"))
        for aggregation in (Aggregation.SUM, Aggregation.COUNT)
    ]
    assert (queries[0].start_s, queries[0].end_s) == (DAY, DAY + 3 * DAY_S)


def test_no_total_is_of_more_than_a_year() -> None:
    """Events that lie far apart are asked for in several windows, and none is left out."""
    days = [DAY - number * 200 * DAY_S for number in range(5)]
    queries = [
        query
        for query in plan_totals(make_event(1, at_s=day + 5) for day in days)
        if query.aggregation is Aggregation.SUM
    ]
    assert len(queries) == 3
    assert all(query.end_s - query.start_s <= 366 * DAY_S for query in queries)
    for day in days:
        assert sum(query.start_s <= day < query.end_s for query in queries) == 1
