"""The last digits of float64 sums: a service may add in any order, and what it did still shows."""

from __future__ import annotations

import functools
import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from unit.metering.metering_kit import (
    DAY,
    effort,
    make_event,
    make_query,
    make_record,
    read_acme,
)
from unit.plugin_parts.part_kit import StepClock

from pytest_amberflo.metering.baseline import Baseline, BaselineMovedError, take_baseline
from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.settle import wait_until_settled
from pytest_amberflo.metering.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

RIGHT, PARTIAL, WRONG, DEFERRED = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.DEFERRED
#: Values with up to three decimals.
FRACTIONS = st.integers(1, 10**6).map(lambda number: number / 1000)
EARLIER = st.lists(FRACTIONS, min_size=1, max_size=60)
ORDERS = st.randoms(use_true_random=False)
STORED = Fate.STORED


def add(values: Sequence[float], order: Any) -> str:
    """What a service shows that adds float64 numbers in some order."""
    return repr(functools.reduce(operator.add, order.sample(values, len(values)), 0.0))


def take(earlier: Sequence[float], order: Any) -> Baseline:
    """The baseline of two readings of these values."""
    first, second = (read_acme(add(earlier, order)) for _ in range(2))
    return take_baseline(make_query(), first, second, read_acme(len(earlier)))


def judge(
    seen: str, value: float, baseline: Baseline, terms: Terms | None = None, sent: int = 1
) -> Judgement:
    """What is said of a number after one event was sent, perhaps several times."""
    record = make_record(make_event(str(value), unique_id="u"), *[STORED] * sent)
    return judge_reading(
        read_acme(seen), [record], make_query(), baseline=baseline, terms=terms or Terms()
    )


@given(EARLIER, FRACTIONS, ORDERS)
@example([7.0, 0.1, 0.2], 2.5, None)
@effort(80)
def test_the_order_of_additions_is_no_news(earlier: list[float], value: float, order: Any) -> None:
    """Nobody else wrote; what is not there yet is late; with the event, usage is right."""
    order = order or FirstOrder()
    baseline = take(earlier, order)
    assert judge(add(earlier, order), value, baseline).status is PARTIAL
    assert judge(add([*earlier, value], order), value, baseline).status is RIGHT


class FirstOrder:
    """Leaves values where they are."""

    def sample(self, values: Sequence[float], count: int) -> Sequence[float]:
        """All of them."""
        return values[:count]


@given(EARLIER, FRACTIONS, ORDERS, st.integers(2, 4))
@effort(80)
def test_copies_show_below_the_last_digits(
    earlier: list[float], value: float, order: Any, times: int
) -> None:
    """They are found and named; fresh figures of the real service may count what was sent."""
    baseline = take(earlier, order)
    seen = add([*earlier, *[value] * times], order)
    found = judge(seen, value, baseline)
    assert found.status is WRONG
    record = make_record(make_event(str(value), unique_id="u"))
    (sentence,) = explain(found, [record])
    often = "twice" if times == 2 else f"{times} times"
    assert sentence.startswith(f"One record was counted {often}: ")
    fresh = Terms(is_live=True)
    assert judge(seen, value, baseline, fresh, sent=times).status is DEFERRED
    assert judge(seen, value, baseline, fresh, sent=times - 1).status is WRONG
    writers = Terms(has_other_writers=True, distinctive=frozenset({Decimal(str(value))}))
    assert judge(seen, value, baseline, writers).status is WRONG


@given(FRACTIONS, st.integers(2, 9))
@example(0.1, 9)
@effort(80)
def test_copies_of_one_record_are_counted(value: float, times: int) -> None:
    """Each addition may be rounded, so many copies are further from their multiple than one."""
    seen = add([value] * times, FirstOrder())
    record = make_record(make_event(str(value), unique_id="u"))
    found = judge_reading(read_acme(seen), [record], make_query())
    often = "twice" if times == 2 else f"{times} times"
    (sentence,) = explain(found, [record])
    assert sentence.startswith(f"One record was counted {often}: ")


@given(EARLIER, FRACTIONS, ORDERS)
@effort(60)
def test_another_writer_is_news(earlier: list[float], more: float, order: Any) -> None:
    """What somebody adds between two readings is far above the last digits."""
    first, second = read_acme(add(earlier, order)), read_acme(add([*earlier, more], order))
    with pytest.raises(BaselineMovedError):
        take_baseline(make_query(), first, second, read_acme(len(earlier)))


@pytest.mark.parametrize("aggregation", ["COUNT", "MAX", "MIN"])
def test_only_sums_have_last_digits(aggregation: str) -> None:
    """A maximum is one of the values, and a count is whole: both are the same each time."""
    readings = read_acme("0.30000000000000004"), read_acme("0.3")
    with pytest.raises(BaselineMovedError):
        take_baseline(make_query(aggregation), *readings, read_acme(2))
    assert take_baseline(make_query("SUM"), *readings, read_acme(2)).cells


def test_whole_numbers_have_no_last_digits() -> None:
    """Sums of integers are exact."""
    with pytest.raises(BaselineMovedError):
        take_baseline(
            make_query(), read_acme(9007199254740), read_acme(9007199254741), read_acme(9)
        )


@given(st.lists(FRACTIONS, min_size=2, max_size=6, unique=True), ORDERS)
@effort(60)
def test_strangers_in_a_bucket_are_named(values: list[float], order: Any) -> None:
    """Events of another day that stand where nothing is expected, as a float64 sum."""
    total = sum(Decimal(str(value)) for value in values)
    assume(total not in {Decimal(str(value)) for value in values})
    records = [
        make_record(make_event(str(value), at_s=DAY - 1, unique_id=f"u{value}"))
        for value in values
    ]
    found = judge_reading(read_acme(add(values, order)), records, make_query())
    assert found.status is WRONG
    (sentence,) = explain(found, records)
    assert all(f"uniqueId u{value}" in sentence for value in values)


@pytest.mark.parametrize(("shown", "backward"), [("5.000000000000001", 0), ("4.9", 1)])
def test_the_last_digits_do_not_go_backwards(shown: str, backward: int) -> None:
    """A replica that lags shows less; one that adds in another order shows the same."""
    baseline = take([0.1] * 50, FirstOrder())
    readings = [judge(seen, 2.5, baseline) for seen in ("5.000000000000002", shown)]

    def poll() -> Judgement:
        return readings.pop(0) if len(readings) > 1 else readings[0]

    settled = wait_until_settled(poll, StepClock(), settle_s=1, hold_s=0)
    assert settled is not None
    assert settled.backward == backward
