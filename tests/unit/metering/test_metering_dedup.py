"""Rules of deduplication: the key of a record, and what may count of records with one key."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from unit.metering.metering_kit import (
    DAY,
    judge_events,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.dedup import (
    DedupKeyError,
    DedupRules,
    ValuePolicy,
    read_dedup_rules,
)
from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate, Ledger, Record, Transmission
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.unit import list_units

if TYPE_CHECKING:
    from pytest_amberflo.metering.event import MeterEvent

RIGHT, PARTIAL, WRONG = Status.RIGHT, Status.PARTIAL, Status.WRONG
BY_BLOCK = Terms(dedup=read_dedup_rules(["api-calls=block"]))


def test_rules_are_read() -> None:
    """A key for all meters, or for one; the default is all attributes."""
    rules = read_dedup_rules(["uniqueId", "text-blocks=block_id", "odd=a=b"], "last")
    assert rules.value is ValuePolicy.LAST
    names = {meter: rules.name_of(meter) for meter in ("text-blocks", "odd", "any")}
    assert names == {"text-blocks": "block_id", "odd": "a=b", "any": "uniqueId"}
    assert DedupRules().name_of("any") == "record"
    assert read_dedup_rules(["m=record", "block"]).name_of("m") == "record"


@pytest.mark.parametrize(
    ("texts", "value", "reason"),
    [
        ([""], "key", "``: [METER=]KEY is due"),
        (["=k"], "key", "`=k`: [METER=]KEY is due"),
        (["m="], "key", "`m=`: [METER=]KEY is due"),
        (["m=a", "m=b"], "key", "`m=b`: meter m has the key `a` already"),
        (["a", "b"], "key", "`b`: every meter has the key `a` already"),
        ([], "newest", "`newest`: one of key, first, last is due"),
    ],
)
def test_rules_that_say_nothing_are_refused(texts: list[str], value: str, reason: str) -> None:
    """A refusal has the text and what is due."""
    with pytest.raises(DedupKeyError) as caught:
        read_dedup_rules(texts, value)
    assert str(caught.value).startswith(reason)


def send(*events: MeterEvent, fates: str = "", overlap: bool = False) -> list[Record]:
    """The records of events that were sent one after another, or all at once."""
    ledger = Ledger()
    kinds = {"s": Fate.STORED, "m": Fate.MAYBE, "r": Fate.REFUSED}
    for index, event in enumerate(events):
        at_s = float(DAY + (0 if overlap else 10 * index))
        fate = kinds[fates[index]] if fates else Fate.STORED
        ledger.add([Transmission(event=event, fate=fate, at_s=at_s, done_s=at_s + 1)])
    return list(ledger.records())


def judge(seen: float, records: list[Record], terms: Terms = BY_BLOCK, **query: Any) -> Status:
    """What is said of a sum."""
    return judge_reading(read_acme(seen), records, make_query(**query), terms=terms).status


FIRST = make_event(3, block="b-1", unique_id="u-1")
AGAIN = make_event(5, at_s=DAY + 60, block="b-1", unique_id="u-2")


def test_of_one_key_only_the_first_counts() -> None:
    """Another value, time and id do not make another record where a dimension is the key."""
    records = send(FIRST, AGAIN)
    assert {seen: judge(seen, records) for seen in (0, 3, 5, 8)} == {
        0: PARTIAL,
        3: RIGHT,
        5: WRONG,
        8: WRONG,
    }
    assert judge(8, records, Terms()) is RIGHT


def test_a_second_one_that_counts_is_named() -> None:
    """A block that was billed twice is told by its key."""
    records = send(FIRST, AGAIN)
    judgement = judge_reading(read_acme(8), records, make_query(), terms=BY_BLOCK)
    (sentence,) = explain(judgement, records, BY_BLOCK)
    assert sentence == (
        "The event of 5 at 2026-11-21 00:01:00.000 (uniqueId u-2) has a `block` that came before: "
        "counted again."
    )


def test_of_records_sent_at_once_either_may_be_the_first() -> None:
    """Nobody knows which of two concurrent records, or of two in one request, was first."""
    records = send(FIRST, AGAIN, overlap=True)
    assert [judge(seen, records) for seen in (3, 5, 8)] == [RIGHT, RIGHT, WRONG]


@pytest.mark.parametrize(
    ("fates", "right"),
    [("ms", {3, 5}), ("mm", {0, 3, 5}), ("rs", {5}), ("sr", {3}), ("sm", {3}), ("rr", {0})],
)
def test_answers_decide_which_may_be_the_first(fates: str, right: set[int]) -> None:
    """A first one without an answer may have been stored or not; a refused one was not."""
    records = send(FIRST, AGAIN, fates=fates)
    assert {seen for seen in (0, 3, 5, 8) if judge(seen, records) is RIGHT} == right


def test_other_keys_customers_and_meters_stay_apart() -> None:
    """The key is of a meter and customer; records without it follow the general rule."""
    others = [
        make_event(16, block="b-2"),
        make_event(32, unique_id="u-1"),
        make_event(32, unique_id="u-1", at_s=DAY + 1),
        make_event(64, block="b-1", customer="bravo"),
        make_event(128, block="b-1", meter="storage"),
    ]
    records = send(FIRST, AGAIN, *others)
    assert judge(3 + 16 + 32 + 32, records) is RIGHT
    query = make_query(customers=("bravo",), group_by=())
    bravo = judge_reading(make_reading({(): {DAY: 64}}), records, query, terms=BY_BLOCK)
    assert bravo.status is RIGHT


def test_the_unique_id_can_be_the_key() -> None:
    """With `uniqueId` as key, a second record with that id does not count."""
    terms = Terms(dedup=read_dedup_rules(["uniqueId"]))
    records = send(make_event(3, unique_id="u"), make_event(5, unique_id="u", at_s=DAY + 9))
    assert [judge(seen, records, terms) for seen in (3, 5, 8)] == [RIGHT, WRONG, WRONG]


@pytest.mark.parametrize(("policy", "right"), [("key", {8}), ("first", {3}), ("last", {5})])
def test_records_that_differ_in_value_only(policy: str, right: set[int]) -> None:
    """Both count, the first or the last, as the account says; the seed says both."""
    terms = Terms(dedup=read_dedup_rules([], policy))
    records = send(make_event(3, unique_id="u"), make_event(5, unique_id="u"))
    assert {seen for seen in (3, 5, 8) if judge(seen, records, terms) is RIGHT} == right
    # Another time makes another record, whatever the policy.
    apart = send(make_event(3, unique_id="u"), make_event(5, unique_id="u", at_s=DAY + 5))
    assert judge(8, apart, terms) is RIGHT


def test_a_last_value_may_take_the_place_of_one_that_was_shown() -> None:
    """Where the last value stays, what counted before is not proven for ever."""
    terms = Terms(dedup=read_dedup_rules([], "last"))
    one, two = make_event(3, unique_id="u"), make_event(5, unique_id="u")
    before = judge_reading(read_acme(3), send(one, fates="m"), make_query(), terms=terms)
    after = judge_reading(
        read_acme(5), send(one, two, fates="ms"), make_query(), terms=terms, known=before.knowledge
    )
    assert (before.status, after.status) == (RIGHT, RIGHT)


def test_a_first_value_that_comes_again_is_open() -> None:
    """It is the last that came, or a copy that changes nothing; they are never added up."""
    terms = Terms(dedup=read_dedup_rules([], "last"))
    one, two = make_event(3, unique_id="u"), make_event(5, unique_id="u")
    status = {seen: judge(seen, send(one, two, one), terms) for seen in (3, 5, 8, 11)}
    assert status == {3: RIGHT, 5: RIGHT, 8: WRONG, 11: WRONG}
    # A third value after both leaves no doubt.
    three = make_event(7, unique_id="u")
    assert [judge(seen, send(one, two, one, three), terms) for seen in (3, 5, 7)] == [
        WRONG,
        WRONG,
        RIGHT,
    ]


def test_every_attribute_is_in_the_general_key() -> None:
    """By default, records that differ in anything are two units; the same one is one."""
    variants = [
        make_event(3, unique_id="u", region="eu"),
        make_event(4, unique_id="u", region="eu"),
        make_event(3, unique_id="v", region="eu"),
        make_event(3, unique_id="u", region="us"),
        make_event(3, unique_id="u"),
        make_event(3, region="eu"),
        make_event(3, unique_id="u", region="eu", at_s=DAY + 1),
        make_event(3, unique_id="u", region="eu", customer="bravo"),
        make_event(3, unique_id="u", region="eu", meter="storage"),
    ]
    for order in list(permutations(variants, 9))[:50]:
        units = list_units(send(*order, *order), Terms())
        assert [unit.outcomes for unit in units] == [((event,),) for event in order]


def test_a_judgement_counts_each_once() -> None:
    """Four copies of a record count once in all of COUNT, SUM and MAX."""
    event = make_event(3, unique_id="u")
    for aggregation, seen in (("SUM", 3), ("COUNT", 1), ("MAX", 3)):
        records = [make_record(event, *[Fate.STORED] * 4)]
        status = judge_reading(read_acme(seen), records, make_query(aggregation)).status
        assert status is RIGHT
    assert judge_events(read_acme(6), [event]).status is WRONG


@pytest.mark.parametrize(
    ("fates", "right"),
    [("ss", {5}), ("sm", {3, 5}), ("ms", {3, 5}), ("mm", {0, 3, 5}), ("sr", {3}), ("rs", {5})],
)
def test_answers_decide_which_may_be_the_last(fates: str, right: set[int]) -> None:
    """What got no answer may be stored at any time, or never."""
    terms = Terms(dedup=read_dedup_rules([], "last"))
    records = send(make_event(3, unique_id="u"), make_event(5, unique_id="u"), fates=fates)
    assert {seen for seen in (0, 3, 5, 8) if judge(seen, records, terms) is RIGHT} == right


def test_a_key_and_the_last_value_contradict() -> None:
    """Where both are configured, either record may count, and never both."""
    terms = Terms(dedup=read_dedup_rules(["block"], "last"))
    records = send(FIRST, AGAIN)
    assert [judge(seen, records, terms) for seen in (3, 5, 8)] == [RIGHT, RIGHT, WRONG]
