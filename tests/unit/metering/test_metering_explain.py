"""What a wrong reading means: one true sentence for each kind of bug, and no false cause."""

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

from pytest_amberflo.metering.expect import judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.story import describe_event
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Knowledge, Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.usage import Reading

AT = "2026-11-21 01:00:00.000"
EVENT = make_event("2.5", unique_id="evt-1")
COPIES = "The service must keep the first and discard the rest."


def explain_reading(
    reading: Reading,
    records: Sequence[Record],
    query: UsageQuery | None = None,
    known: Knowledge = NOTHING_KNOWN,
    **terms: Any,
) -> tuple[str, ...]:
    """The sentences about a reading."""
    judgement = judge_reading(
        reading, records, query or make_query(), known=known, terms=Terms(**terms)
    )
    return explain(judgement, records)


def stored(*values: str, **members: Any) -> list[Record]:
    """Records of these values, whose ids are their values."""
    return [make_record(make_event(value, unique_id=f"u{value}", **members)) for value in values]


def test_an_event_is_called_by_value_time_and_id() -> None:
    """What tells an event apart is its value, its time and its id, where it has one."""
    assert describe_event(EVENT) == f"2.5 at {AT} (uniqueId evt-1)"
    assert describe_event(make_event("1e3")) == f"1000 at {AT}"


def test_a_lost_event() -> None:
    """The only event of a bucket that shows nothing was lost, and what the service had said."""
    assert explain_reading(read_acme(0), [make_record(EVENT)]) == (
        f"The event of 2.5 at {AT} (uniqueId evt-1) was lost: "
        "it was accepted (200) and is not counted.",
    )


def test_a_small_loss_may_be_a_rounding() -> None:
    """A sum of nothing does not tell a lost 0.1 from one that was rounded; a count does."""
    record = make_record(make_event("0.1"))
    (sentence,) = explain_reading(read_acme(0), [record])
    assert sentence == (
        f"The event of 0.1 at {AT} was lost: it was accepted (200) and is not counted. "
        "Or its value, 0.1, was rounded to 0: a COUNT would tell."
    )
    wrong = judge_reading(read_acme(0), [record], make_query())
    count = judge_reading(read_acme(1), [record], make_query("COUNT"))
    assert explain(wrong, [record], evidence=[count]) == (
        "The value 0.1 was rounded to 0: the COUNT has the event.",
    )


def test_an_event_without_an_answer_that_is_gone() -> None:
    """An open event that was shown and is missing now is said to have been shown."""
    record = make_record(EVENT, Fate.MAYBE, Fate.MAYBE)
    known = Knowledge.of(EVENT.identity)
    assert explain_reading(read_acme(0), [record], known=known) == (
        f"The event of 2.5 at {AT} (uniqueId evt-1) was lost: "
        "it was sent twice without a clear answer and was shown before.",
    )


def test_all_events_of_a_bucket_lost() -> None:
    """Several events that are all missing are counted, not listed."""
    assert explain_reading(read_acme(0), stored("1", "2", "4")) == (
        "All 3 events were lost: they were accepted and are not counted.",
    )


def test_one_event_of_several_lost() -> None:
    """The event whose value is missing is named."""
    assert explain_reading(read_acme(5), stored("1", "2", "4")) == (
        f"1 event was accepted and not counted: 2 at {AT} (uniqueId u2).",
    )


def test_some_events_of_several_lost() -> None:
    """The fewest events that make up what is missing are named."""
    assert explain_reading(read_acme(2), stored("1", "2", "4")) == (
        f"2 events were accepted and not counted: 1 at {AT} (uniqueId u1); "
        f"4 at {AT} (uniqueId u4).",
    )


def test_a_record_that_was_sent_again_is_counted_again() -> None:
    """A duplicate that counts is named, with how often it was sent."""
    record = make_record(EVENT, Fate.MAYBE, Fate.STORED, Fate.STORED)
    assert explain_reading(read_acme("7.5"), [record]) == (
        f"One record was counted 3 times: 2.5 at {AT} (uniqueId evt-1). "
        f"It was sent 3 times. {COPIES}",
    )


def test_a_record_that_was_sent_once_is_counted_twice() -> None:
    """A copy that the service made itself is said to be sent once."""
    assert explain_reading(read_acme(5), [make_record(EVENT)]) == (
        f"One record was counted twice: 2.5 at {AT} (uniqueId evt-1). It was sent once. {COPIES}",
    )


def test_a_count_that_is_too_large() -> None:
    """A count of two for one event is one record counted twice."""
    assert explain_reading(read_acme(2), [make_record(EVENT)], make_query("COUNT")) == (
        f"One record was counted twice: 2.5 at {AT} (uniqueId evt-1). It was sent once. {COPIES}",
    )


@pytest.mark.parametrize(
    ("value", "seen"), [("2.5", "2"), ("2.5", "3"), ("2.75", "2.8"), ("2.71828", "2.7183")]
)
def test_a_rounded_value(value: str, seen: str) -> None:
    """A value that lost digits was rounded."""
    assert explain_reading(read_acme(seen), [make_record(make_event(value))]) == (
        f"The value {value} was rounded to {seen}.",
    )


def test_a_value_with_the_opposite_sign() -> None:
    """A value that is taken off instead of added."""
    assert explain_reading(read_acme("-2.5"), [make_record(EVENT)]) == (
        "The value 2.5 was counted with the opposite sign.",
    )


@pytest.mark.parametrize("seen", ["2500", "0.0025", "250", "2500000"])
def test_a_value_in_another_unit(seen: str) -> None:
    """A value that is a power of ten too large or small has a wrong unit."""
    assert explain_reading(read_acme(seen), [make_record(EVENT)]) == (
        f"The value 2.5 was counted as {seen}: a wrong unit?",
    )


def test_an_event_in_the_wrong_bucket() -> None:
    """An event that stands a day late is one sentence, not a loss and an excess."""
    query = make_query(end_s=DAY + 2 * DAY_S)
    assert explain_reading(read_acme("2.5", bucket=DAY + DAY_S), [make_record(EVENT)], query) == (
        f"The event of 2.5 at {AT} (uniqueId evt-1) is in the bucket 2026-11-22 "
        "and belongs to 2026-11-21.",
    )


def test_an_event_in_the_wrong_hour() -> None:
    """Buckets of hours are called by their hour."""
    query = make_query(interval="HOUR")
    reading = read_acme("2.5", bucket=DAY + 5 * HOUR_S)
    assert explain_reading(reading, [make_record(EVENT)], query) == (
        f"The event of 2.5 at {AT} (uniqueId evt-1) is in the bucket 2026-11-21 05:00 "
        "and belongs to 2026-11-21 01:00.",
    )


def test_an_event_in_the_wrong_group() -> None:
    """An event that is counted for another region is in the wrong group."""
    query = make_query(group_by=("customerId", "region"))
    reading = make_reading({("acme", "us"): {DAY: "2.5"}})
    event = make_event("2.5", region="eu")
    assert explain_reading(reading, [make_record(event)], query) == (
        f"The event of 2.5 at {AT} is in the group customerId acme, region us "
        "and belongs to customerId acme, region eu.",
    )


def test_usage_for_another_customer() -> None:
    """Usage that a foreign customer has and ours lacks is billed to the wrong one."""
    reading = make_reading({("zulu",): {DAY: "2.5"}})
    assert explain_reading(reading, [make_record(EVENT)]) == (
        f"The event of 2.5 at {AT} (uniqueId evt-1) is in the group customerId zulu "
        "and belongs to customerId acme.",
    )


def test_usage_under_another_meter() -> None:
    """Usage of a meter that was not asked for, and that ours lacks."""
    reading = make_reading({}, other_meters={"storage": {("acme",): {DAY: "2.5"}}})
    assert explain_reading(reading, [make_record(EVENT)]) == (
        f"The event of 2.5 at {AT} (uniqueId evt-1) stands under a meter that was not asked for, "
        "not under api-calls.",
    )


def test_several_events_moved_together() -> None:
    """More than one event in the wrong place is called by what they amount to."""
    query = make_query(end_s=DAY + 2 * DAY_S)
    assert explain_reading(read_acme(7, bucket=DAY + DAY_S), stored("3", "4"), query) == (
        "Usage of 7 is in the bucket 2026-11-22 and belongs to 2026-11-21.",
    )


def test_a_leak_of_a_foreign_customer() -> None:
    """A customer that the filter leaves out is named with its usage."""
    reading = make_reading({("acme",): {DAY: "2.5"}, ("zulu",): {DAY: 9}})
    assert explain_reading(reading, [make_record(EVENT)]) == (
        "9 is shown for customerId zulu, which the query's customer filter leaves out.",
    )


def test_usage_where_nothing_was_sent() -> None:
    """A number in a bucket without events may be another writer's."""
    query = make_query(end_s=DAY + 2 * DAY_S)
    reading = make_reading({("acme",): {DAY: "2.5", DAY + DAY_S: 40}})
    assert explain_reading(reading, [make_record(EVENT)], query) == (
        "40 is shown where nothing was sent: another writer on this customer, or usage of "
        "something else.",
    )


def test_usage_that_nobody_asked_for() -> None:
    """A foreign customer without a filter, and another meter, are shown for something else."""
    reading = make_reading(
        {("acme",): {DAY: "2.5"}, ("zulu",): {DAY: 9}},
        other_meters={"storage": {("acme",): {DAY: 4}}},
    )
    query = make_query(customers=None)
    assert explain_reading(reading, [make_record(EVENT)], query, knows_all_writers=True) == (
        "9 is shown for something that the query did not ask for.",
        "4 is shown for something that the query did not ask for.",
    )


def test_a_number_that_nothing_explains() -> None:
    """Too much and too little without a known cause are said as they are."""
    assert explain_reading(read_acme("9.13"), stored("3", "4")) == (
        "2.13 too much: counted twice in part, or another writer on this customer.",
    )
    assert explain_reading(read_acme("5.5"), stored("3", "4")) == ("1.5 is missing.",)


def test_a_total_that_does_not_add_up() -> None:
    """A note of the judgement is a sentence, too."""
    reading = make_reading({("acme",): {DAY: "2.5"}}, totals={("acme",): 5})
    assert explain_reading(reading, [make_record(EVENT)]) == (
        "`groupValue` says 5, but its values add up to 2.5.",
    )


def test_every_wrong_row_has_its_sentence() -> None:
    """Several bugs in one answer are told one by one, and none twice."""
    query = make_query(end_s=DAY + 3 * DAY_S)
    records = [
        make_record(make_event(value, at_s=DAY + day * DAY_S, unique_id=f"d{day}"))
        for day, value in enumerate(("2.5", "3.5", "4.5"))
    ]
    reading = make_reading({("acme",): {DAY: 5, DAY + DAY_S: 3}})
    assert explain_reading(reading, records, query) == (
        "One record was counted twice: 2.5 at 2026-11-21 00:00:00.000 (uniqueId d0). "
        f"It was sent once. {COPIES}",
        "The value 3.5 was rounded to 3.",
        "The event of 4.5 at 2026-11-23 00:00:00.000 (uniqueId d2) was lost: "
        "it was accepted (200) and is not counted.",
    )


def test_a_right_reading_needs_no_sentence() -> None:
    """Where nothing is wrong nothing is said."""
    assert explain_reading(read_acme("2.5"), [make_record(EVENT)]) == ()


def test_hundreds_of_wrong_numbers_take_little_work() -> None:
    """Where everything is wrong, the first causes are told, and how many more there are."""
    records = [
        make_record(make_event(2 + n % 5, at_s=DAY + n * HOUR_S, unique_id=str(n)))
        for n in range(600)
    ]
    query = make_query(interval="HOUR", end_s=DAY + 700 * HOUR_S)
    cells: dict[int, float | str] = {DAY + n * HOUR_S: "7.25" for n in range(700)}
    sentences = explain_reading(make_reading({("acme",): cells}), records, query)
    assert 2 < len(sentences) < 60
    assert any(sentence.startswith("And ") for sentence in sentences)
