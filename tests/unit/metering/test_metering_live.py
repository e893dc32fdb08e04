"""The real service: fresh figures count copies for hours, and some filters are not known."""

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

from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate, fate_of
from pytest_amberflo.metering.terms import Terms

if TYPE_CHECKING:
    from pytest_amberflo.metering.ledger import Record

RIGHT, PARTIAL, WRONG = Status.RIGHT, Status.PARTIAL, Status.WRONG
DEFERRED = Status.DEFERRED
LIVE = Terms(is_live=True)
#: Sent three times, sent twice of which one got no answer, and sent once.
RECORDS = [
    make_record(make_event(10, unique_id="a"), *[Fate.STORED] * 3),
    make_record(make_event(3, unique_id="b"), Fate.MAYBE, Fate.STORED),
    make_record(make_event(1, unique_id="c"), Fate.REFUSED, Fate.STORED),
]


def judge(seen: float, records: list[Record], aggregation: str = "SUM") -> Judgement:
    """What is said of a number on the real service."""
    return judge_reading(read_acme(seen), records, make_query(aggregation), terms=LIVE)


@pytest.mark.parametrize(
    ("aggregation", "statuses"),
    [
        (
            "SUM",
            {
                14: RIGHT,
                24: DEFERRED,
                34: DEFERRED,
                17: DEFERRED,
                37: DEFERRED,
                38: WRONG,
                15: WRONG,
                20: PARTIAL,
                47: WRONG,
                13: PARTIAL,
                0: PARTIAL,
            },
        ),
        ("COUNT", {3: RIGHT, 4: DEFERRED, 6: DEFERRED, 7: WRONG, 2: PARTIAL}),
        ("MAX", {10: RIGHT, 30: WRONG, 3: PARTIAL}),
    ],
)
def test_copies_are_judged_later(aggregation: str, statuses: dict[int, Status]) -> None:
    """Above what is settled and within all that was sent: later. Above that: wrong at once."""
    assert {seen: judge(seen, RECORDS, aggregation).status for seen in statuses} == statuses


def test_elsewhere_copies_are_wrong_at_once() -> None:
    """A service that is not the real one has no time for it."""
    judgement = judge_reading(read_acme(24), RECORDS, make_query())
    assert judgement.status is WRONG


def test_what_is_deferred_says_why() -> None:
    """A deferred reading has the reason in its notes."""
    assert judge(24, RECORDS).notes == (
        "fresh figures may count copies and cancelled events for some hours: it can be judged "
        "later",
    )


def test_records_that_differ_in_value_only_are_not_judged() -> None:
    """What the real service makes of them is contradictory: any of them, or all."""
    records = [make_record(make_event(value, unique_id="a")) for value in (3, 5)]
    found = {seen: judge(seen, records).status for seen in (3, 5, 8, 4, 11)}
    assert found == {3: RIGHT, 5: RIGHT, 8: RIGHT, 4: WRONG, 11: WRONG}


def test_copies_without_an_id_are_not_judged() -> None:
    """Nobody knows whether the real service keeps them apart."""
    records = [make_record(make_event(3), *[Fate.STORED] * 3)]
    found = {seen: judge(seen, records).status for seen in (3, 6, 9, 12)}
    assert found == {3: RIGHT, 6: RIGHT, 9: RIGHT, 12: WRONG}


def test_thousands_of_copies_take_little_work() -> None:
    """Where there are too many choices only the range is looked at."""
    records = [
        make_record(make_event(3**n, unique_id=str(n)), *[Fate.STORED] * 5) for n in range(20)
    ]
    settled = sum(3**n for n in range(20))
    assert judge(settled, records).status is RIGHT
    assert judge(settled * 3, records).status is DEFERRED
    assert judge(settled * 5 + 1, records).status is WRONG


def test_a_filter_that_may_not_be_known_is_no_leak() -> None:
    """`customerFilter` is passed over by the real service: that is said, not `leak`."""
    query = replace(make_query(), uses_customer_filter=True)
    reading = make_reading({("acme",): {DAY: 14}, ("zulu",): {DAY: 9}})
    judgement = judge_reading(reading, RECORDS, query, terms=LIVE)
    assert judgement.status is WRONG
    (sentence,) = explain(judgement, RECORDS, LIVE)
    assert sentence.startswith("9 is shown for customerId zulu: the service may not know")
    (other,) = explain(judge_reading(reading, RECORDS, query), RECORDS)
    assert "which the query's customer filter leaves out" in other


def test_a_refused_array_may_be_stored_in_part() -> None:
    """On the real service a member of a refused array may have been kept."""
    assert fate_of(400, sent=True, may_be_partial=True) is Fate.MAYBE
    assert fate_of(400, sent=True) is Fate.REFUSED
    assert fate_of(None, sent=False, may_be_partial=True) is Fate.REFUSED
    assert fate_of(200, sent=True, may_be_partial=True) is Fate.STORED


def test_lasting_values_may_show_again() -> None:
    """A meter whose values last shows an earlier maximum where a smaller one came."""
    records = [
        make_record(make_event(value, at_s=DAY + n * 86400)) for n, value in enumerate((7, 3))
    ]
    query = make_query("MAX", end_s=DAY + 2 * 86400)
    reading = make_reading({("acme",): {DAY: 7, DAY + 86400: 7}})
    lasting = Terms(lasting_meters=frozenset({"api-calls"}))
    assert judge_reading(reading, records, query).status is WRONG
    assert judge_reading(reading, records, query, terms=lasting).status is RIGHT
    worse = make_reading({("acme",): {DAY: 7, DAY + 86400: 9}})
    assert judge_reading(worse, records, query, terms=lasting).status is WRONG
