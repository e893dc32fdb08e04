"""What is open about a ledger: one choice must explain a reading, and what was seen stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    HOUR_S,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.terms import NOTHING_KNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading

RIGHT, PARTIAL, WRONG, BLIND = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.BLIND
TWO_DAYS = make_query(end_s=DAY + 2 * DAY_S)


def send(
    stored: Sequence[MeterEvent] = (),
    maybe: Sequence[MeterEvent] = (),
    refused: Sequence[MeterEvent] = (),
) -> list[Record]:
    """A ledger of events with these fates."""
    return [
        *(make_record(event) for event in stored),
        *(make_record(event, Fate.MAYBE) for event in maybe),
        *(make_record(event, Fate.REFUSED) for event in refused),
    ]


def read_in_turn(
    records: Sequence[Record], *readings: tuple[Reading, UsageQuery]
) -> list[Judgement]:
    """Judge readings one after another; what a right one proves is known to the next."""
    known = NOTHING_KNOWN
    judgements: list[Judgement] = []
    for reading, query in readings:
        judgement = judge_reading(reading, records, query, known=known)
        known = judgement.knowledge
        judgements.append(judgement)
    return judgements


@pytest.mark.parametrize(
    ("seen", "expected"), [(3, RIGHT), (7, RIGHT), (0, PARTIAL), (4, PARTIAL)]
)
def test_an_event_without_an_answer_counts_or_does_not(seen: int, expected: Status) -> None:
    """Both numbers are right; the open event alone shows that the stored one has not come."""
    records = send([make_event(3)], [make_event(4)])
    assert judge_reading(read_acme(seen), records, make_query()).status is expected


def test_an_event_without_an_answer_counts_once() -> None:
    """It is not known whether it counts; that it counts once at most is."""
    assert judge_reading(read_acme(8), send((), [make_event(4)]), make_query()).status is WRONG


def test_an_open_event_does_not_count_in_part() -> None:
    """A number between both possible ones is wrong: it is no range."""
    records = send([make_event(3)], [make_event(4)])
    for seen in (5, 6, "6.999999", "3.5"):
        assert judge_reading(read_acme(seen), records, make_query()).status is WRONG


def test_a_loss_does_not_hide_behind_an_open_event_of_another_bucket() -> None:
    """A lost 3 of one day is seen although a 3 of another day may or may not be stored."""
    records = send([make_event(3)], [make_event(3, at_s=DAY + DAY_S)])
    moved = make_reading({("acme",): {DAY + DAY_S: 3}})
    judgement = judge_reading(moved, records, TWO_DAYS)
    assert judgement.status is PARTIAL
    assert [row.bucket for row in judgement.wrong_rows] == [DAY]


def test_a_loss_does_not_hide_behind_an_open_event_of_another_group() -> None:
    """A lost 3 of one customer is seen although a 3 of another may or may not be stored."""
    records = send([make_event(3)], [make_event(3, customer="bravo")])
    query = make_query(customers=("acme", "bravo"))
    judgement = judge_reading(make_reading({("bravo",): {DAY: 3}}), records, query)
    assert judgement.status is PARTIAL
    assert [row.group for row in judgement.wrong_rows] == [("acme",)]


def test_one_choice_explains_all_cells() -> None:
    """An open record is in its cell or nowhere: it does not explain a number somewhere else."""
    records = send([make_event(1), make_event(1, at_s=DAY + DAY_S)], [make_event(5)])
    wrong = make_reading({("acme",): {DAY: 1, DAY + DAY_S: 6}})
    assert judge_reading(wrong, records, TWO_DAYS).status is WRONG


def test_what_one_aggregation_proves_the_other_must_show() -> None:
    """A sum that has an open event makes a count without it not right."""
    records = send([make_event(3)], [make_event(4)])
    count = (read_acme(1), make_query("COUNT"))
    total, counted = read_in_turn(records, (read_acme(7), make_query("SUM")), count)
    assert (total.status, counted.status) == (RIGHT, PARTIAL)
    total, counted = read_in_turn(records, (read_acme(3), make_query("SUM")), count)
    assert (total.status, counted.status) == (RIGHT, RIGHT)


def test_what_is_stored_stays_stored() -> None:
    """An open event that was shown may not be missing afterwards."""
    query = make_query()
    records = send([make_event(3)], [make_event(4)])
    statuses = [
        judgement.status
        for judgement in read_in_turn(
            records, *((read_acme(seen), query) for seen in (3, 7, 3, 0, 7))
        )
    ]
    assert statuses == [RIGHT, RIGHT, PARTIAL, PARTIAL, RIGHT]


SMALL = [make_event(value, unique_id=value) for value in ("1", "2", "3")]


def test_what_the_only_explanation_needs_is_proven() -> None:
    """Five of 1, 2 and 3 is 2 and 3: both are stored."""
    judgement = judge_reading(read_acme(5), send((), SMALL), make_query())
    assert judgement.proven == {SMALL[1].identity, SMALL[2].identity}


def test_what_only_one_of_two_explanations_needs_is_not_proven() -> None:
    """Three of 1, 2 and 3 is 3, or 1 and 2: nothing is proven."""
    judgement = judge_reading(read_acme(3), send((), SMALL), make_query())
    assert (judgement.status, judgement.proven) == (RIGHT, frozenset())


def test_a_wrong_reading_proves_nothing() -> None:
    """From a reading that no world explains nothing is learnt."""
    judgement = judge_reading(read_acme(5), send((), [make_event(4)]), make_query())
    assert (judgement.status, judgement.proven) == (WRONG, frozenset())


def test_a_wrong_reading_is_shown_beside_the_nearest_world() -> None:
    """Of what could be, the world that differs least is the one that is compared."""
    records = send([make_event(3)], [make_event(40)])
    for seen, expected in ((44, 43), (4, 3)):
        judgement = judge_reading(read_acme(seen), records, make_query())
        assert judgement.world is not None
        (amount,) = judgement.world.cells.values()
        assert judgement.status is WRONG
        assert amount.value == expected
        assert [row.expected for row in judgement.rows] == [expected]


def test_a_refused_event_that_counts_is_wrong() -> None:
    """What was answered 4xx must not be in usage."""
    judgement = judge_reading(read_acme(4), send((), (), [make_event(4)]), make_query())
    assert judgement.status is WRONG


def test_a_margin_does_not_hide_a_loss() -> None:
    """An event of the margin may be left out, one inside may not."""
    records = send(
        [make_event(3, at_s=DAY + HOUR_S), make_event(3, at_s=DAY + 12 * HOUR_S, unique_id="in")]
    )
    query = make_query(start_s=DAY + 10 * HOUR_S)
    statuses = {
        seen: judge_reading(read_acme(seen), records, query).status for seen in (0, 3, 6, 9)
    }
    assert statuses == {0: PARTIAL, 3: RIGHT, 6: RIGHT, 9: WRONG}


def test_usage_without_a_dimension_is_in_no_other_group() -> None:
    """It may be in a group of its own or nowhere, never added to another's."""
    records = send([make_event(3, region="eu"), make_event(4)])
    query = make_query(group_by=("region",))
    readings: dict[Status, list[Reading]] = {
        RIGHT: [
            make_reading({("eu",): {DAY: 3}, (None,): {DAY: 4}}),
            make_reading({("eu",): {DAY: 3}}),
        ],
        WRONG: [
            make_reading({("eu",): {DAY: 7}}),
            make_reading({("eu",): {DAY: 3}, ("us",): {DAY: 4}}),
            make_reading({("eu",): {DAY: 3}, (None,): {DAY: 3}}),
        ],
    }
    for expected, found in readings.items():
        for reading in found:
            assert judge_reading(reading, records, query).status is expected


def test_so_much_that_is_open_is_blind() -> None:
    """With too many open events nothing is concluded, and the reason says how many."""
    events = [make_event(2**n) for n in range(13)]
    judgement = judge_reading(read_acme(1), send((), events), make_query())
    assert (judgement.status, judgement.notes) == (
        BLIND,
        ("13 records may or may not be stored",),
    )


def test_many_open_events_can_be_told_apart() -> None:
    """Nine open events make 512 worlds, and each sum has one of them."""
    events = [make_event(2**n) for n in range(9)]
    records = send((), events)
    judgement = judge_reading(read_acme(0b101000110), records, make_query())
    assert judgement.status is RIGHT
    assert judgement.proven == {events[n].identity for n in (1, 2, 6, 8)}
    assert judge_reading(read_acme(512), records, make_query()).status is WRONG


@pytest.mark.parametrize(
    ("open_event", "first", "second"),
    [
        pytest.param(
            make_event(4, meter="storage"),
            (read_acme(3), make_query()),
            (make_reading({}), make_query(meter="storage")),
            id="of another meter",
        ),
        pytest.param(
            make_event(4, at_s=DAY + DAY_S),
            (read_acme(3), make_query()),
            (make_reading({}), make_query(start_s=DAY + DAY_S, end_s=DAY + 2 * DAY_S)),
            id="of another day",
        ),
        pytest.param(
            make_event(1, unique_id="small"),
            (read_acme(3), make_query("MAX")),
            (read_acme(3), make_query("SUM")),
            id="below the maximum",
        ),
        pytest.param(
            make_event(0, unique_id="zero"),
            (read_acme(3), make_query("SUM")),
            (read_acme(1), make_query("COUNT")),
            id="of value zero",
        ),
    ],
)
def test_an_open_event_that_was_never_shown_may_be_missing(
    open_event: MeterEvent, first: tuple[Reading, UsageQuery], second: tuple[Reading, UsageQuery]
) -> None:
    """A query that cannot show an event does not prove it; the next query may lack it."""
    records = send([make_event(3)], [open_event])
    statuses = [judgement.status for judgement in read_in_turn(records, first, second)]
    assert statuses == [RIGHT, RIGHT]


def test_of_two_equal_open_events_neither_is_proven() -> None:
    """A sum of 4 from two open 4s does not say which of both it was."""
    twins = [make_event(4, region="eu"), make_event(4, region="us")]
    by_region = (make_reading({("us",): {DAY: 4}}), make_query(group_by=("region",)))
    judgements = read_in_turn(send((), twins), (read_acme(4), make_query()), by_region)
    assert [judgement.status for judgement in judgements] == [RIGHT, RIGHT]


@pytest.mark.parametrize("aggregation", ["MAX", "MIN"])
@pytest.mark.parametrize(
    ("records", "changes", "group"),
    [
        pytest.param(send((), [make_event(5)]), {}, "acme", id="without an answer"),
        pytest.param(
            send([make_event(5)]), {"start_s": DAY + 2 * HOUR_S}, "acme", id="in a margin"
        ),
        pytest.param(send([make_event(5)]), {"group_by": ("region",)}, None, id="groupless"),
    ],
)
def test_an_extreme_of_an_open_event_is_that_event(
    aggregation: str, records: list[Record], changes: dict[str, Any], group: str | None
) -> None:
    """An open event may show its own value or nothing, not a hundred times that."""
    query = make_query(aggregation, **changes)
    reading = make_reading({(group,): {DAY: 500}})
    assert judge_reading(reading, records, query).status is WRONG
