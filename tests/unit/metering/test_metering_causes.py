"""Causes that are not the true ones, and readings whose explanation breaks down."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import (
    DAY,
    DAY_S,
    effort,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate

AT = "2026-11-21 01:00:00.000"
COPIES = "The service must keep the first and discard the rest."
NUMBERS = st.decimals(-(10**9), 10**9, places=3)


def explain_sum(seen: str, *values: str, aggregation: str = "SUM") -> tuple[str, ...]:
    """The sentences about a number for events of these values, whose ids are their values."""
    records = [make_record(make_event(value, unique_id=f"u{value}")) for value in values]
    return explain(judge_reading(read_acme(seen), records, make_query(aggregation)), records)


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=5, unique=True))
@effort(150)
def test_whatever_is_wrong_has_one_cause_a_row(seen: Decimal, values: list[Decimal]) -> None:
    """Every number that is not right has exactly one sentence, and a right one has none."""
    sentences = explain_sum(str(seen), *map(str, values))
    records = [make_record(make_event(str(v), unique_id=f"u{v}")) for v in values]
    is_right = judge_reading(read_acme(str(seen)), records, make_query()).status is Status.RIGHT
    assert len(sentences) == (0 if is_right else 1)


@pytest.mark.parametrize(
    ("value", "times"), [("3", 2), ("3", 4), ("2.5", 2), ("2.5", 3), ("7", 10), ("0.25", 2)]
)
def test_a_multiple_is_a_record_counted_several_times(value: str, times: int) -> None:
    """A sum that is a multiple of the only value is that record, counted again."""
    (sentence,) = explain_sum(str(Decimal(value) * times), value)
    count = "twice" if times == 2 else f"{times} times"
    assert sentence == (
        f"One record was counted {count}: {value} at {AT} (uniqueId u{value}). "
        f"It was sent once. {COPIES}"
    )


@pytest.mark.parametrize(
    ("value", "times"), [("5", 2), ("0.5", 2), ("50", 2), ("2.5", 4), ("0.05", 2), ("2", 5)]
)
def test_a_multiple_that_looks_round_is_no_rounding(value: str, times: int) -> None:
    """Four copies of 2.5 are 10: that is a record counted four times, not a rounded value."""
    (sentence,) = explain_sum(str(Decimal(value) * times), value)
    assert sentence.startswith("One record was counted ")


@pytest.mark.parametrize("seen", ["100", "1000", "1000000"])
def test_a_power_of_ten_in_another_unit_is_no_rounding(seen: str) -> None:
    """A value of 1 that counts as 1000 has a wrong unit; nobody rounds 1 to 1000."""
    assert explain_sum(seen, "1") == (f"The value 1 was counted as {seen}: a wrong unit?",)


def test_the_record_that_was_counted_again_is_the_likeliest_one() -> None:
    """With 1 and 3 sent, 3 too much is the 3 counted twice, not the 1 counted four times."""
    assert explain_sum("7", "1", "3") == (
        f"One record was counted twice: 3 at {AT} (uniqueId u3). It was sent once. {COPIES}",
    )


def test_a_count_does_not_say_which_record_was_counted_again() -> None:
    """A count of three for two events does not tell which one is there twice."""
    (sentence,) = explain_sum("3", "1", "4", aggregation="COUNT")
    assert "uniqueId" not in sentence


def test_a_count_does_not_say_which_record_was_lost() -> None:
    """A count of one for two events does not tell which one is missing."""
    (sentence,) = explain_sum("1", "1", "4", aggregation="COUNT")
    assert "uniqueId" not in sentence


def test_a_lost_negative_event_is_a_loss() -> None:
    """Where -2 is lost there is 2 too much: the event is named, and nothing was counted twice."""
    assert explain_sum("1", "1", "-2") == (
        f"1 event was accepted and not counted: -2 at {AT} (uniqueId u-2).",
    )


def test_a_loss_is_named_although_the_rest_is_rounded() -> None:
    """0.30000000000000004 of 0.1, 0.2 and 0.3 is the loss of 0.3."""
    assert explain_sum("0.30000000000000004", "0.1", "0.2", "0.3") == (
        f"1 event was accepted and not counted: 0.3 at {AT} (uniqueId u0.3).",
    )


def test_a_part_of_an_event_elsewhere_is_not_the_event() -> None:
    """Where 4 of an event of 10 stand in another bucket, the event of 10 is not there."""
    record = make_record(make_event(10))
    reading = make_reading({("acme",): {DAY: 6, DAY + DAY_S: 4}})
    query = make_query(end_s=DAY + 2 * DAY_S)
    sentences = explain(judge_reading(reading, [record], query), [record])
    assert not any("The event of 10" in sentence for sentence in sentences)


def test_a_leak_of_our_own_other_customer_is_a_leak() -> None:
    """Usage of another customer of ours in a filtered answer is named as such."""
    records = [make_record(make_event(3)), make_record(make_event(7, customer="bravo"))]
    reading = make_reading({("acme",): {DAY: 3}, ("bravo",): {DAY: 7}})
    assert explain(judge_reading(reading, records, make_query()), records) == (
        "7 is shown for customerId bravo, which the query's customer filter leaves out.",
    )


def test_a_refused_event_that_counts_is_named() -> None:
    """What was answered 4xx and counts all the same is no other writer's."""
    record = make_record(make_event(3, unique_id="evt-1"), Fate.REFUSED)
    (sentence,) = explain(judge_reading(read_acme(3), [record], make_query()), [record])
    assert "evt-1" in sentence


@pytest.mark.parametrize("seen", ["1e30", "1e400"])
def test_a_huge_number_is_explained_not_a_crash(seen: str) -> None:
    """A number far beyond all values sent has a sentence."""
    assert len(explain_sum(seen, "2.5")) == 1


def test_a_tiny_number_is_explained_not_a_crash() -> None:
    """A number far below all values sent has a sentence."""
    assert len(explain_sum("1e-400", "2.5")) == 1


def test_a_bucket_in_milliseconds_is_explained_not_a_crash() -> None:
    """A service that keys buckets in milliseconds is told where it put the usage."""
    records = [make_record(make_event(3))]
    judgement = judge_reading(read_acme(3, bucket=DAY * 1000), records, make_query())
    assert len(explain(judgement, records)) == 1
