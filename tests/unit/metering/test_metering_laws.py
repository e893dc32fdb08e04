"""Laws of the oracle on random ledgers: `take`, baselines, keys of deduplication, witnesses."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import (
    DAY,
    effort,
    make_event,
    make_query,
    make_reading,
    make_record,
    read_acme,
)

from pytest_amberflo.metering.baseline import take_baseline
from pytest_amberflo.metering.dedup import read_dedup_rules
from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission
from pytest_amberflo.metering.query import Take
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.witness import find_sights, list_unseen, plan_witnesses, unite_sights

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pytest_amberflo.metering.event import MeterEvent

Groups: TypeAlias = dict[tuple[str | None, ...], dict[int, float | str]]
UNITERS: dict[str, Callable[[list[int]], int]] = {
    "SUM": sum,
    "COUNT": len,
    "MAX": max,
    "MIN": min,
}
TOTALS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), min_size=1)


@given(TOTALS, st.integers(1, 6), st.booleans(), st.randoms(use_true_random=False))
@effort(80)
def test_any_valid_top_is_right_and_no_other(
    totals: dict[str, int],
    limit: int,
    is_ascending: bool,  # noqa: FBT001
    chance: Random,
) -> None:
    """Whichever of equal groups a service takes is right; one that stands behind is not."""
    sign = 1 if is_ascending else -1
    names = sorted(totals)
    chance.shuffle(names)
    names.sort(key=lambda name: sign * totals[name])
    events = [make_event(value, customer=name) for name, value in totals.items()]
    query = make_query(
        customers=tuple("abcdef"), take=Take(limit=limit, is_ascending=is_ascending)
    )
    terms = Terms(knows_all_writers=True)
    records = [make_record(event) for event in events]
    top: Groups = {(name,): {DAY: totals[name]} for name in names[:limit]}
    right = judge_reading(make_reading(top), records, query, terms=terms)
    assert right.status is Status.RIGHT
    if len(names) > limit and totals[names[limit]] != totals[names[limit - 1]]:
        del top[names[limit - 1],]
        top[names[limit],] = {DAY: totals[names[limit]]}
        wrong = judge_reading(make_reading(top), records, query, terms=terms)
        assert wrong.status is Status.PARTIAL


@given(
    st.lists(st.integers(-50, 50), max_size=4),
    st.lists(st.integers(1, 50), min_size=1, max_size=4),
    st.sampled_from(["SUM", "COUNT", "MAX", "MIN"]),
    st.integers(-3, 3),
)
@effort(100)
def test_a_baseline_is_usage_like_any_other(
    before: list[int], ours: list[int], aggregation: str, error: int
) -> None:
    """With what was there and what was sent, the number of both is right, and no other."""
    unite = UNITERS[aggregation]
    base: Groups = {("acme",): {DAY: unite(before)}} if before else {}
    query = make_query(aggregation)
    baseline = take_baseline(query, make_reading(base), make_reading(base))
    records = [make_record(make_event(v, unique_id=str(n))) for n, v in enumerate(ours)]
    # A zero maximum or minimum is no usage at all.
    shown = before if before and unite(before) != 0 else []
    if aggregation in ("SUM", "COUNT"):
        shown = before
    total = unite([*shown, *ours])
    judgement = judge_reading(read_acme(total + error), records, query, baseline=baseline)
    assert (judgement.status is Status.RIGHT) is (error == 0)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 4)), min_size=1, max_size=7))
@effort(80)
def test_with_a_key_the_first_of_each_counts(sent: list[tuple[str, int]]) -> None:
    """A service that keeps the first record of each key is right; one that keeps all is not."""
    ledger = Ledger()
    events: list[MeterEvent] = []
    for index, (block, power) in enumerate(sent):
        event = make_event(10**power, block=block, unique_id=str(index))
        events.append(event)
        at_s = float(DAY + index)
        ledger.add([Transmission(event=event, fate=Fate.STORED, at_s=at_s, done_s=at_s + 0.5)])
    terms = Terms(dedup=read_dedup_rules(["block"]))
    first = {dict(event.dimensions)["block"]: event.value for event in reversed(events)}
    right = sum(first.values(), Decimal(0))
    every = sum((event.value for event in events), Decimal(0))
    for number in {right, every}:
        judgement = judge_reading(
            read_acme(str(number)), ledger.records(), make_query(), terms=terms
        )
        assert (judgement.status is Status.RIGHT) is (number == right)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["acme", "bravo"]),
            st.sampled_from([0, 1, 2, 4]),
            st.sampled_from([0, 86_399, 90_000, 40 * 86_400]),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=6,
    )
)
@effort(60)
def test_after_all_witnesses_nothing_is_unseen(sent: list[tuple[str, int, int, int]]) -> None:
    """Right answers to the witness queries leave no record that could be wrong unseen."""
    records = [
        make_record(
            make_event(value, customer=customer, at_s=DAY + at, unique_id=str(n)),
            *[Fate.STORED] * times,
        )
        for n, (customer, value, at, times) in enumerate(sent)
    ]
    own = [record.event.identity for record in records]
    sights = unite_sights()
    for query in plan_witnesses(records, own, {}):
        cells: Groups = {}
        for record in records:
            event = record.event
            if event.customer in (query.customers or ()):
                buckets = cells.setdefault((event.customer,), {})
                bucket = query.interval.floor(event.time_ms // 1000)
                weight = 1 if query.aggregation.value == "COUNT" else event.value
                buckets[bucket] = str(Decimal(str(buckets.get(bucket, 0))) + weight)
        judgement = judge_reading(make_reading(cells), records, query)
        assert judgement.status is Status.RIGHT
        sights = unite_sights(sights, find_sights(judgement, records))
    assert list_unseen(records, own, sights) == ()
