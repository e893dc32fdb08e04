"""Mistakes of senders: each is found, and named in the sender's terms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.metering.emitter_kit import START_S, call, came, due, event, findings, judge, lost

from pytest_amberflo.emitter_text import describe_emission, trace_emission
from pytest_amberflo.metering.dedup import read_dedup_rules

_AT = "at 2026-09-21 14:13:21.020"
_E = event(1.02)

RIGHT = {
    "one event": ([due(1)], [came(1.05, _E)]),
    "a value as a float": ([due(1, "2.5")], [came(1.05, event(1.02, 2.50))]),
    "sent again after a 503": ([due(1)], [came(1.05, _E, status=503), came(1.2, _E)]),
    "sent again after a lost answer": ([due(1)], [lost(1.05, _E), came(1.2, _E)]),
    "sent three times as it was": ([due(1)], [came(1.05, _E), came(1.2, _E), came(1.3, _E)]),
    "sent again within a larger batch": (
        [due(1), due(2)],
        [lost(1.05, _E), came(2.2, _E, event(2.02, uid="v"))],
    ),
    "a batch out of order": (
        [due(1, 3), due(2, 4)],
        [came(2.5, event(2.02, 4, "v"), event(1.02, 3))],
    ),
    "equal calls": ([due(1), due(2)], [came(2.5, event(2.02, uid="v"), event(1.02))]),
    "more dimensions than are due": (
        [due(1, dimensions=(("model", "a"),))],
        [came(1.05, event(1.02, dimensions={"model": "a", "host": "h"}))],
    ),
    "two events of one call with one id": (
        [
            due(1, dimensions=(("type", "in"),)),
            due(1, 2, dimensions=(("type", "out"),)),
        ],
        [
            came(
                1.05,
                event(1.02, dimensions={"type": "in"}),
                event(1.02, 2, dimensions={"type": "out"}),
            )
        ],
    ),
    "one event with values of two meters": (
        [due(1, meter="in"), due(1, 2, meter="out")],
        [came(1.05, event(1.02, None, meterApiName=None, values={"in": 1, "out": 2}))],
    ),
    "a meter's values for another customer": (
        [due(1)],
        [came(1.05, _E, event(1.02, 7, customerId="somebody-else"))],
    ),
    "nothing due, nothing came": ([], []),
    "what may come, and does not": ([due(1, is_optional=True)], []),
    "what may come, and does": ([due(1, is_optional=True)], [came(1.05, _E)]),
    "told apart by a dimension instead of an id": (
        [due(1, match=(("call", "1"),)), due(2, match=(("call", "2"),))],
        [
            came(1.05, event(1.02, uid=None, dimensions={"call": "1"})),
            came(2.05, event(2.02, uid=None, dimensions={"call": "2"})),
        ],
    ),
    "a time cut to the hour": (
        [due(1), due(2)],
        [
            came(1.05, _E | {"meterTimeInMillis": 1_789_999_200_000}),
            came(2.05, event(2, uid="v") | {"meterTimeInMillis": 1_789_999_200_000}),
        ],
    ),
    "a clock that is two seconds ahead": ([due(1)], [came(1.05, event(3.05))]),
    "a null that is absent": ([due(1)], [came(1.05, _E | {"dimensions": None})]),
}

WRONG = {
    "never sent": ([due(1)], [], "missing: chat-1: tokens 1 was due, and nothing at all came."),
    "one of two": (
        [due(1), due(2)],
        [came(2.5, _E)],
        "missing: chat-2: tokens 1 was due, and never came; its call is the last that was to "
        "meter anything: perhaps a batch that is not full was not sent.",
    ),
    "an uncounted cached call": (
        [due(1), due(2), due(3)],
        [came(1.05, _E), came(3.05, event(3.02, uid="w"))],
        "missing: chat-2: tokens 1 was due, and never came.",
    ),
    "loss on retry exhaustion": (
        [due(1)],
        [came(1.1 * n, _E, status=503) for n in (1, 2, 3)],
        f"missing: chat-1: the batch was dropped after 3 tries: tokens 1 {_AT} (uniqueId u) was "
        "answered 503 each time, and then given up. Keep what could not be sent, and go on "
        "trying.",
    ),
    "loss without a second try": (
        [due(1)],
        [lost(1.1, _E, stored=False)],
        f"missing: chat-1: lost: tokens 1 {_AT} (uniqueId u) was sent once, was answered no "
        "answer, and was not sent again.",
    ),
    "a new id on retry": (
        [due(1)],
        [lost(1.05, _E), came(1.2, event(1.02, uid="v"))],
        f"duplicate: chat-1: the retry minted a new uniqueId: tokens 1 {_AT} (uniqueId u) and 1 "
        f"{_AT} (uniqueId v) are two records.",
    ),
    "a retry without the id": (
        [due(1)],
        [lost(1.05, _E), came(1.2, event(1.02, uid=None))],
        f"duplicate: chat-1: the retry left out the uniqueId: tokens 1 {_AT} (uniqueId u) and 1 "
        f"{_AT} are two records.",
    ),
    "re-stamping": (
        [due(1)],
        [lost(1.05, _E), came(1.2, event(1.2))],
        "duplicate: chat-1: the retry re-stamped the time: two records, 180 ms apart: tokens 1 "
        f"{_AT} (uniqueId u) and 1 at 2026-09-21 14:13:21.200 (uniqueId u).",
    ),
    "a new event on retry": (
        [due(1)],
        [lost(1.05, _E), came(1.2, event(1.2, uid="v"))],
        "duplicate: chat-1: the retry made a new event, with another uniqueId and time: tokens 1 "
        f"{_AT} (uniqueId u) and 1 at 2026-09-21 14:13:21.200 (uniqueId v) both count.",
    ),
    "a retry with another value": (
        [due(1)],
        [lost(1.05, _E), came(1.2, event(1.02, 2))],
        f"duplicate: chat-1: the retry changed meterValue, so tokens 1 {_AT} (uniqueId u) and 2 "
        f"{_AT} (uniqueId u) are two records.",
    ),
    "a double flush": (
        [due(1)],
        [came(1.05, _E), came(1.2, event(1.02, uid="v"))],
        "duplicate: chat-1: metered twice: the second minted a new uniqueId: tokens 1 "
        f"{_AT} (uniqueId u) and 1 {_AT} (uniqueId v) are two records.",
    ),
    "twice in one batch": (
        [due(1)],
        [came(1.05, _E, event(1.02, uid="v"))],
        "duplicate: chat-1: metered twice in one request: the second minted a new uniqueId: "
        f"tokens 1 {_AT} (uniqueId u) and 1 {_AT} (uniqueId v) are two records.",
    ),
    "a wrong unit": (
        [due(1, 3)],
        [came(1.05, event(1.02, 3000))],
        "wrong field: chat-1: wrong unit: value is 3000; 3 is due, so it is 1000 times what is "
        "due.",
    ),
    "float noise": (
        [due(1, "0.3")],
        [came(1.05, event(1.02, 0.1 + 0.2))],
        "wrong field: chat-1: float noise: value is 0.30000000000000004; 0.3 is due: count in "
        "whole numbers or decimals, or round before sending.",
    ),
    "rounded": (
        [due(1, "2.5")],
        [came(1.05, event(1.02, 2))],
        "wrong field: chat-1: rounded: value is 2; 2.5 is due.",
    ),
    "a wrong sign": (
        [due(1, "2.5")],
        [came(1.05, event(1.02, -2.5))],
        "wrong field: chat-1: wrong sign: value is -2.5; 2.5 is due.",
    ),
    "a wrong value": (
        [due(1, 7)],
        [came(1.05, event(1.02, 9))],
        "wrong field: chat-1: wrong value: value is 9; 7 is due (+2).",
    ),
    "a value as text": (
        [due(1, 5)],
        [came(1.05, event(1.02, "5"), status=400, problem="meterValue must be a number")],
        'missing: chat-1: value sent as text: "5"; the number 5 is due. The server refused it '
        "with 400.",
    ),
    "another field as a number": (
        [due(1)],
        [came(1.05, event(1.02, uid=17), status=400, problem="uniqueId must be a text")],
        f"missing: chat-1: tokens 1 {_AT} was refused with 400: uniqueId must be a text",
    ),
    "a wrong key": (
        [due(1)],
        [came(1.05, _E, status=401, problem="The API key is unknown")],
        f"missing: chat-1: tokens 1 {_AT} (uniqueId u) was refused with 401: the sender does not "
        "have the API key of this run.",
    ),
    "garbage": (
        [due(1)],
        [came(1.05, body="meter=tokens", status=400, problem="The body is no JSON")],
        "missing: chat-1: tokens 1 was due, and never came; a request that is no JSON did: "
        "meter=tokens (The body is no JSON)",
    ),
    "an undeclared meter": (
        [due(1, meter="api-calls")],
        [came(1.05, event(1.02, meterApiName="api-call"))],
        "wrong field: chat-1: undeclared meter `api-call`: did you mean `api-calls`?",
    ),
    "another meter": (
        [due(1)],
        [came(1.05, event(1.02, meterApiName="storage"))],
        "wrong field: chat-1: undeclared meter `storage`; `tokens` is due.",
    ),
    "no customer": (
        [due(1)],
        [came(1.05, event(1.02, customerId=None))],
        f"wrong field: chat-1: no customerId: tokens 1 {_AT} (uniqueId u) is nobody's usage; "
        "`acme` is due.",
    ),
    "an unknown customer": (
        [due(1)],
        [came(1.05, event(1.02, customerId="other"))],
        f"wrong field: chat-1: wrong customer: tokens 1 {_AT} (uniqueId u) is for `other`; "
        "`acme` is due.",
    ),
    "an id collision": (
        [due(1, 3), due(2, 4)],
        [came(1.05, event(1.02, 3)), came(2.05, event(2.02, 4))],
        "wrong field: chat-2: uniqueId `u` is that of chat-1, too: two calls have one id, and "
        "where the account goes by it, one of them counts.",
    ),
    "the id of another call": (
        [due(1, 3, match=(("uniqueId", "a"),)), due(2, 4, match=(("uniqueId", "b"),))],
        [came(1.05, event(1.02, 3, "a")), came(2.05, event(2.02, 4, "a"))],
        "wrong field: chat-2: uniqueId `a` is that of chat-1; `b` is due.",
    ),
    "an id of its own": (
        [due(1, match=(("uniqueId", "a"),))],
        [came(1.05, event(1.02, uid="z"))],
        "wrong field: chat-1: uniqueId is `z`; `a` is due.",
    ),
    "identical records": (
        [due(1), due(2)],
        [came(1.05, _E), came(2.05, _E)],
        "missing: 2 calls (chat-1 and chat-2) sent identical records: nothing tells them apart, "
        f"so one of 2 counts: tokens 1 {_AT} (uniqueId u). Give each a uniqueId of its own, made "
        "of what happened.",
    ),
    "identical records in one batch": (
        [due(1), due(2)],
        [came(2.05, _E, _E)],
        "missing: 2 calls (chat-1 and chat-2) sent identical records: nothing tells them apart, "
        f"so one of 2 counts: tokens 1 {_AT} (uniqueId u). Give each a uniqueId of its own, made "
        "of what happened.",
    ),
    "no uniqueId": (
        [due(1)],
        [came(1.05, event(1.02, uid=None))],
        f"wrong field: chat-1: no uniqueId: tokens 1 {_AT} and an equal call in the same "
        "millisecond would be one record. Make one of what happened, and send the same one when "
        "it is sent again.",
    ),
    "an empty uniqueId": (
        [due(1)],
        [came(1.05, event(1.02, uid=""))],
        f"wrong field: chat-1: an empty uniqueId: tokens 1 {_AT} (uniqueId ) and an equal call in "
        "the same millisecond would be one record. Make one of what happened, and send the same "
        "one when it is sent again.",
    ),
    "a missing dimension": (
        [due(1, dimensions=(("model", "a"),))],
        [came(1.05, _E)],
        "wrong field: chat-1: dimension model is missing; `a` is due.",
    ),
    "a wrong dimension": (
        [due(1, dimensions=(("model", "a"),))],
        [came(1.05, event(1.02, dimensions={"model": "b"}))],
        "wrong field: chat-1: dimension model is `b`; `a` is due.",
    ),
    "seconds": (
        [due(1)],
        [came(1.05, _E | {"meterTimeInMillis": int(START_S)})],
        "wrong field: chat-1: seconds sent where milliseconds are due: meterTimeInMillis is "
        "1790000000, which is in January 1970.",
    ),
    "microseconds": (
        [due(1)],
        [came(1.05, _E | {"meterTimeInMillis": int(START_S) * 10**6}, status=400, problem="?")],
        "missing: chat-1: microseconds sent where milliseconds are due: meterTimeInMillis is "
        "1790000000000000. The server refused it with 400.",
    ),
    "a clock ahead": (
        [due(1)],
        [came(1.05, event(41.05))],
        "wrong field: chat-1: clock 40 s ahead: the event is 40.0 s later than its own arrival.",
    ),
    "something else": (
        [due(1)],
        [came(1.05, _E), came(1.1, event(1.02, 99, "w"))],
        "unexpected: tokens 99 at 2026-09-21 14:13:21.020 (uniqueId w) came, and no call was to "
        "meter it.",
    ),
}


def _may_be_ours(customer: str | None) -> bool:
    return customer in (None, "other")


@pytest.mark.parametrize(("declared", "arrivals"), RIGHT.values(), ids=RIGHT)
def test_a_right_sender_is_right(declared: Any, arrivals: Any) -> None:
    """At least once with the same record is once, in whatever batches and order."""
    assert findings(declared, arrivals, may_be_ours=_may_be_ours) == []


@pytest.mark.parametrize(("declared", "arrivals", "text"), WRONG.values(), ids=WRONG)
def test_a_mistake_has_its_name(declared: Any, arrivals: Any, text: str) -> None:
    """One finding, which says what the sender did."""
    assert findings(declared, arrivals, may_be_ours=_may_be_ours) == [text]


def test_customers_that_were_mixed_up_are_told_as_that() -> None:
    """Two calls at once, each metered for the customer of the other."""
    declared = [due(1, 3), due(1, 4, call=call(2), customer="globex")]
    arrivals = [came(2.5, event(1.02, 3, "a", customerId="globex"), event(2.02, 4, "b"))]
    texts = [text.partition(" is for ")[2] for text in findings(declared, arrivals)]
    assert texts == [
        "`globex`, the customer of another call; `acme` is due.",
        "`acme`, the customer of another call; `globex` is due.",
    ]


def test_a_failed_call_that_is_metered_is_named() -> None:
    """An event at the time of a call that is to meter nothing is that call's."""
    calls = (call(1), call(2, answer="POST /chat 402"))
    arrivals = [came(1.05, _E), came(2.05, event(2.02, uid="v"))]
    assert findings([due(1)], arrivals, calls=calls) == [
        "unexpected: chat-2: tokens 1 at 2026-09-21 14:13:22.020 (uniqueId v) came, and the call "
        "(POST /chat 402) is to meter nothing."
    ]


def test_a_repeated_call_that_is_metered_again_is_named() -> None:
    """The idempotency key is the same, so it is one call."""
    again = call(1, repeated_s=START_S + 2)
    arrivals = [came(1.05, _E), came(2.05, event(2.02, uid="v"))]
    assert findings([due(1, call=again)], arrivals) == [
        "duplicate: chat-1: the repeated call was metered again, although its idempotency key is "
        f"the same: it made a new event, with another uniqueId and time: tokens 1 {_AT} (uniqueId "
        "u) and 1 at 2026-09-21 14:13:22.020 (uniqueId v) both count."
    ]


def test_the_tail_of_a_batch_is_named() -> None:
    """What is missing are the last calls."""
    declared = [due(number) for number in range(1, 6)]
    arrivals = [came(5.5, *(event(n + 0.02, uid=f"u{n}") for n in (1, 2, 3)))]
    tail = (
        "tokens 1 was due, and never came; they are the last 2 calls that were to meter anything: "
        "perhaps a batch that is not full was not sent."
    )
    assert findings(declared, arrivals) == [
        f"missing: chat-4: {tail}",
        f"missing: chat-5: {tail}",
    ]


def test_a_lost_flush_is_named() -> None:
    """What was called for before a restart and never came was in memory."""
    assert findings([due(1)], [], restarted_s=START_S + 1.5) == [
        "missing: chat-1: lost flush: tokens 1 was due, and never came: the service was restarted "
        "after the call. What is still in memory must be sent before a process ends."
    ]


def test_who_did_not_get_through_is_told() -> None:
    """Where nothing at all came, the sender may have asked for another host."""
    refused = ("the proxy does not lead to ingest.amberflo.com",)
    assert findings([due(1)], [], refused=refused) == [
        "missing: chat-1: tokens 1 was due, and nothing at all came. A caller did not get "
        "through: the proxy does not lead to ingest.amberflo.com."
    ]


def test_a_sender_that_did_not_wait_for_the_answer_sent_again() -> None:
    """The answer came, and too late."""
    slow = came(1.05, _E, done=3.0)
    assert findings([due(1)], [slow, came(1.6, event(1.02, uid="v"))])[0].startswith(
        "duplicate: chat-1: the retry minted a new uniqueId: "
    )


def test_what_the_rule_takes_for_one_is_one() -> None:
    """Where the unique id is the key, a retry that stamps anew is no second record."""
    arrivals = [lost(1.05, _E), came(1.2, event(1.2))]
    assert findings([due(1)], arrivals, rules=read_dedup_rules(["uniqueId"])) == []
    assert len(findings([due(1)], arrivals)) == 1


def test_where_a_dimension_is_the_key_no_id_is_needed() -> None:
    """It tells the events apart; one without it has nothing."""
    rules = read_dedup_rules(["block"])
    told = came(1.05, event(1.02, uid=None, dimensions={"block": "7"}))
    assert findings([due(1)], [told], rules=rules) == []
    bare = came(1.05, event(1.02, uid=None))
    assert len(findings([due(1)], [bare], rules=rules)) == 1


def test_other_meters_are_a_note_where_a_call_says_nothing() -> None:
    """Where all calls say what they meter, another meter is a finding."""
    arrivals = [came(1.05, _E), came(1.06, event(1.02, uid="s", meterApiName="storage"))]
    emission = judge([due(1)], arrivals, is_closed=False)
    assert emission.findings == ()
    assert emission.notes == (
        "events of meter storage came, and no step says that its call meters them",
    )
    assert len(findings([due(1)], arrivals)) == 1


def test_of_a_shared_customer_only_copies_are_told() -> None:
    """Another test may be sending for the same customer at the same time."""
    arrivals = [came(1.05, _E), came(1.2, event(1.21, uid="v"))]
    shared = frozenset({"acme"})
    assert findings([due(1)], arrivals, shared=shared) == []
    copy = came(1.2, event(1.02, uid="v"))
    assert len(findings([due(1)], [arrivals[0], copy], shared=shared)) == 1


def test_customers_of_others_are_left_alone() -> None:
    """An event of a customer that may not be ours takes no part."""
    arrivals = [came(1.05, event(1.02, customerId="pt-other-1"))]
    assert findings([due(1)], arrivals) == ["missing: chat-1: tokens 1 was due, and never came."]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
_NAMES = (
    "meterApiName",
    "customerId",
    "meterValue",
    "meterTimeInMillis",
    "uniqueId",
    "dimensions",
    "values",
)


@settings(max_examples=120, deadline=None)
@given(
    changes=st.lists(st.dictionaries(st.sampled_from(_NAMES), _JSON), max_size=3),
    bodies=st.lists(_JSON, max_size=2),
    status=st.sampled_from([200, 400, 429, 503]),
)
def test_whatever_is_sent_can_be_told(changes: Any, bodies: Any, status: int) -> None:
    """No member of an event, and no event, is of a kind that the report cannot name."""
    events = [_E | change for change in changes]
    found = judge([due(1)], [came(1.05, *events, *bodies, status=status, problem="no")])
    assert found.count >= 0
    assert "call" in describe_emission(found)[len(found.findings[:20]) + 1]
    assert json.dumps(trace_emission(found))
