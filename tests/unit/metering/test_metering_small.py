"""Small parts: values of our own, twins, what readings prove together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import DAY, effort, make_event, make_query, make_record, read_acme

from pytest_amberflo.metering.event import MeterEvent, read_events
from pytest_amberflo.metering.expect import Status, judge_reading
from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission
from pytest_amberflo.metering.story import join_names, list_differences
from pytest_amberflo.metering.terms import Explanation, Knowledge
from pytest_amberflo.metering.twin import describe_twins, find_twins


def test_twins_are_the_senders_fault() -> None:
    """Two operations with one record are told apart from a resend."""
    event = make_event(3, unique_id="u")
    ledger = Ledger()
    ledger.add(
        Transmission(event=event, fate=Fate.STORED, at_s=1.0, operation=name, reason=reason)
        for name, reason in (("checkout 1", ""), ("checkout 1", "no answer"), ("checkout 2", ""))
    )
    alone = make_event(4)
    ledger.add([Transmission(event=alone, fate=Fate.STORED, at_s=1.0, operation="checkout 1")])
    (record,) = find_twins(ledger.records())
    assert record.event == event
    assert describe_twins(record).startswith(
        "checkout 1 and checkout 2 sent the same record, 3 at 2026-11-21 01:00:00.000 (uniqueId u)"
    )


def test_differences_have_names() -> None:
    """Attributes by their wire names, dimensions by their own."""
    one, other = make_event(3, region="eu"), make_event(4, customer="b", tier="gold")
    names = list_differences(one, other)
    assert names == ("customerId", "meterValue", "dimension region", "dimension tier")
    assert join_names(names[:1]) == "customerId"
    assert join_names(names[:3]) == "customerId, meterValue and dimension region"


def name(*letters: str) -> frozenset[object]:
    """Identities, for tests just letters."""
    return frozenset(letters)


def test_knowledge_grows_with_readings() -> None:
    """Two ways to explain one reading; the next decides between them."""
    either = frozenset(
        {Explanation(name("c"), name("a", "b")), Explanation(name("a", "b"), name("c"))}  # type: ignore[arg-type]
    )
    known = Knowledge().learn(either)
    assert known.proven == frozenset()
    assert not known.allows(Explanation(name(), name("a", "c")))  # type: ignore[arg-type]
    assert known.allows(Explanation(name("c"), name("a", "b")))  # type: ignore[arg-type]
    decided = known.learn(frozenset({Explanation(name("b"), name("c"))}))  # type: ignore[arg-type]
    assert decided.proven == name("a", "b")


def test_one_choice_explains_sum_and_count_together() -> None:
    """A sum of 3 is 3, or 1 and 2; a count of 1 makes it 3; then 1 alone is impossible."""
    events = [make_event(value, unique_id=str(value)) for value in (1, 2, 3)]
    records = [make_record(event, Fate.MAYBE) for event in events]
    total = judge_reading(read_acme(3), records, make_query())
    both = judge_reading(read_acme(3), records, make_query("COUNT"), known=total.knowledge)
    assert both.status is Status.RIGHT
    none = judge_reading(read_acme(0), records, make_query("COUNT"), known=total.knowledge)
    assert none.status is Status.PARTIAL
    two = judge_reading(read_acme(2), records, make_query("COUNT"), known=total.knowledge)
    assert two.proven == {events[0].identity, events[1].identity} or two.proven == frozenset()
    later = judge_reading(read_acme(1), records, make_query(), known=two.knowledge)
    assert later.status is Status.PARTIAL


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
    st.data(),
)
@effort(80)
def test_growing_usage_is_right_all_along(values: list[int], data: st.DataObject) -> None:
    """Whatever is stored when, readings of what is stored are right, in any aggregation."""
    events = [make_event(value, unique_id=str(n)) for n, value in enumerate(values)]
    records = [make_record(event, Fate.MAYBE) for event in events]
    stored: list[MeterEvent] = []
    known = Knowledge()
    for _ in range(data.draw(st.integers(1, 4))):
        rest = [event for event in events if event not in stored]
        stored += [event for event in rest if data.draw(st.booleans())]
        aggregation = data.draw(st.sampled_from(["SUM", "COUNT", "MAX", "MIN"]))
        numbers = [int(event.value) for event in stored]
        shown = {
            "SUM": sum(numbers),
            "COUNT": len(numbers),
            "MAX": max(numbers, default=0),
            "MIN": min(numbers, default=0),
        }[aggregation]
        judgement = judge_reading(read_acme(shown), records, make_query(aggregation), known=known)
        assert judgement.status is Status.RIGHT
        known = judgement.knowledge
        assert known.proven <= {event.identity for event in stored}


def test_blanks_are_noted_and_no_part_of_identity() -> None:
    """How an attribute that is not there was written is known, and makes no other record."""
    body = b'{"meterApiName":"m","meterValue":1,"meterTimeInMillis":%d' % (DAY * 1000)
    plain, blank = read_events(b"[" + body + b"}," + body + b',"uniqueId":null,"dimensions":{}}]')
    assert (plain.blanks, blank.blanks) == ((), ("uniqueId: null", "dimensions: {}"))
    assert plain == blank
    assert plain.identity == blank.identity
