"""Events: what an ingest request says, and which records are the same one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import effort

from pytest_amberflo.metering.event import MeterEvent, UnreadableEventError, read_events

BASE: dict[str, Any] = {
    "meterApiName": "api-calls",
    "customerId": "acme",
    "meterValue": 2.5,
    "meterTimeInMillis": 1_795_222_800_000,
    "uniqueId": "evt-1",
    "dimensions": {"region": "eu", "tier": "gold"},
}


def read_one(data: Any) -> MeterEvent:
    """The only record of an event given as data or as JSON text."""
    text = data if isinstance(data, str) else json.dumps(data)
    (event,) = read_events(text.encode())
    return event


def change(**members: Any) -> dict[str, Any]:
    """The base event with other members; None leaves one out."""
    return {name: value for name, value in (BASE | members).items() if value is not None}


def test_an_object_is_one_event() -> None:
    """Every attribute of an event in an object is read."""
    assert read_one(BASE) == MeterEvent(
        meter="api-calls",
        customer="acme",
        value=Decimal("2.5"),
        time_ms=1_795_222_800_000,
        unique_id="evt-1",
        dimensions=(("region", "eu"), ("tier", "gold")),
    )


def test_an_array_is_its_events_in_order() -> None:
    """An array holds any number of events; the same one twice stays twice."""
    bodies = [change(uniqueId="b"), change(uniqueId="a"), change(uniqueId="b")]
    events = read_events(json.dumps(bodies).encode())
    assert [event.unique_id for event in events] == ["b", "a", "b"]


def test_an_empty_array_has_no_events() -> None:
    """An empty array is understood: nothing was used."""
    assert read_events(b"[]") == ()


def test_values_make_a_record_for_each_meter() -> None:
    """An event with `values` is one record a meter; null is no value."""
    body = change(meterApiName=None, meterValue=None, values={"in": 7, "out": 0, "none": None})
    events = read_events(json.dumps(body).encode())
    assert [(event.meter, str(event.value)) for event in events] == [("in", "7"), ("out", "0")]
    assert {event.unique_id for event in events} == {"evt-1"}
    assert {event.customer for event in events} == {"acme"}


def test_values_stand_beside_a_meter_of_their_own() -> None:
    """`meterValue` counts for its meter, and `values` for theirs."""
    events = read_events(json.dumps(change(values={"out": 4})).encode())
    assert [(event.meter, str(event.value)) for event in events] == [
        ("api-calls", "2.5"),
        ("out", "4"),
    ]


@pytest.mark.parametrize("name", ["customerId", "uniqueId", "dimensions"])
def test_null_is_the_same_as_absent(name: str) -> None:
    """An optional attribute that is null is one that is not there."""
    absent = change(**{name: None})
    null = absent | {name: None}
    assert read_one(json.dumps(null)) == read_one(absent)


@pytest.mark.parametrize("missing", ["meterApiName", "meterValue"])
def test_values_make_up_for_half_a_meter(missing: str) -> None:
    """A meter without a value, or a value without a meter, is no record beside `values`."""
    events = read_events(json.dumps(change(**{missing: None}, values={"out": 4})).encode())
    assert [event.meter for event in events] == ["out"]


def test_an_event_needs_no_customer_and_no_id() -> None:
    """Attributes that are not there are None, and there are no dimensions."""
    event = read_one(change(customerId=None, uniqueId=None, dimensions=None))
    assert (event.customer, event.unique_id, event.dimensions) == (None, None, ())


@pytest.mark.parametrize("spelling", ["2.5", "2.50", "25e-1", "0.25E1"])
def test_numbers_are_identical_by_value(spelling: str) -> None:
    """A value in any JSON spelling is the same record."""
    text = json.dumps(BASE).replace('"meterValue": 2.5', f'"meterValue": {spelling}')
    assert read_one(text).identity == read_one(BASE).identity


@pytest.mark.parametrize(("one", "other"), [("2", "2.0"), ("2", "2e0"), ("0", "-0.0")])
def test_integers_are_identical_by_value(one: str, other: str) -> None:
    """2, 2.0 and 2e0 are one number, and zero has no sign."""
    texts = [json.dumps(BASE).replace("2.5", spelling) for spelling in (one, other)]
    assert read_one(texts[0]).identity == read_one(texts[1]).identity


def test_times_are_identical_by_value() -> None:
    """A time with an exponent is the time it says."""
    text = json.dumps(BASE).replace("1795222800000", "1.7952228e12")
    assert read_one(text).identity == read_one(BASE).identity


def test_order_of_members_does_not_tell_records_apart() -> None:
    """Members and dimensions in another order are the same record."""
    backwards = dict(reversed(BASE.items()))
    backwards["dimensions"] = dict(reversed(BASE["dimensions"].items()))
    assert read_one(backwards).identity == read_one(BASE).identity


@pytest.mark.parametrize(
    "other",
    [
        change(meterApiName="api-call"),
        change(customerId="Acme"),
        change(customerId="acme "),
        change(customerId=None),
        change(meterValue=2.51),
        change(meterValue=-2.5),
        change(meterTimeInMillis=1_795_222_800_001),
        change(meterTimeInMillis=1_795_222_800),
        change(uniqueId="evt-01"),
        change(uniqueId="EVT-1"),
        change(uniqueId=None),
        change(dimensions={"region": "eu"}),
        change(dimensions={"region": "eu", "tier": "Gold"}),
        change(dimensions={"region": "gold", "tier": "eu"}),
        change(dimensions={"region": "eu", "tier": "gold", "zone": "1"}),
        change(dimensions=None),
    ],
)
def test_any_other_attribute_makes_another_record(other: dict[str, Any]) -> None:
    """A difference in any single attribute tells two records apart."""
    assert read_one(other).identity != read_one(BASE).identity


def test_values_that_float64_cannot_tell_apart_are_two() -> None:
    """Values are compared as they are written, not as floats."""
    text = json.dumps(BASE).replace("2.5", "2.5000000000000000001")
    assert read_one(text).identity != read_one(BASE).identity


@pytest.mark.parametrize("name", ["customerId", "uniqueId", "meterApiName"])
def test_unicode_forms_of_an_id_stay_apart(name: str) -> None:
    """An id in composed and in decomposed form is two ids: services compare bytes."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    first, second = change(**{name: composed}), change(**{name: decomposed})
    assert read_one(first).identity != read_one(second).identity


def test_unicode_forms_of_a_dimension_stay_apart() -> None:
    """A dimension's name and value are compared exactly."""
    forms = ({"r": "\u00e9"}, {"r": "e\u0301"}, {"R": "\u00e9"})
    assert len({read_one(change(dimensions=form)).identity for form in forms}) == 3


def test_escapes_are_the_characters_they_stand_for() -> None:
    """An id written with JSON escapes is the same id."""
    plain = json.dumps(change(uniqueId="\u00e9"), ensure_ascii=False)
    escaped = json.dumps(change(uniqueId="\u00e9"), ensure_ascii=True)
    assert plain != escaped
    assert read_one(plain).identity == read_one(escaped).identity


EVENTS = st.builds(
    MeterEvent,
    meter=st.sampled_from(["a", "b"]),
    customer=st.sampled_from([None, "x", "X"]),
    value=st.sampled_from([Decimal(1), Decimal("1.0"), Decimal("1e0"), Decimal(2)]),
    time_ms=st.sampled_from([0, 1]),
    unique_id=st.sampled_from([None, "u", "v"]),
    dimensions=st.sampled_from([(), (("r", "1"),), (("r", "2"),)]),
)


@given(EVENTS, EVENTS)
@effort(300)
def test_identity_is_all_attributes_and_nothing_else(one: MeterEvent, two: MeterEvent) -> None:
    """Two records are the same exactly if every attribute is equal."""
    assert (one.identity == two.identity) == (one == two)


def test_an_attribute_is_found_by_name() -> None:
    """Dimensions are found by name, `customerId` is one of them, others are None."""
    event = read_one(BASE)
    names = ("region", "customerId", "Region", "uniqueId")
    assert [event.attribute(name) for name in names] == ["eu", "acme", None, None]


def test_a_dimension_does_not_stand_for_the_customer() -> None:
    """A dimension called `customerId` is not the customer."""
    assert read_one(change(dimensions={"customerId": "other"})).attribute("customerId") == "acme"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a,b", "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"a":1}\n{"a":1}', "the body is no JSON: Extra data: line 2 column 1 (char 8)"),
        (b'{"a":1,"a":2}', "the body is no JSON: `a` stands twice in one object"),
        (b'"text"', "the event is no object"),
        (b"null", "the event is no object"),
        (b"[[]]", "event 1 is no object"),
        (b"{}", "the event has no integer `meterTimeInMillis`"),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes, reason: str) -> None:
    """What is no JSON object or array of them is refused with the place and the reason."""
    with pytest.raises(UnreadableEventError) as caught:
        read_events(body)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"meterTimeInMillis": 1.5}, "the event has no integer `meterTimeInMillis`"),
        ({"meterTimeInMillis": "1"}, "`meterTimeInMillis` of the event is no number"),
        ({"meterTimeInMillis": True}, "`meterTimeInMillis` of the event is no number"),
        ({"meterValue": "2"}, "`meterValue` of the event is no number"),
        ({"meterValue": False}, "`meterValue` of the event is no number"),
        ({"meterValue": None}, "the event has no `meterApiName` and `meterValue`"),
        ({"meterApiName": None}, "the event has no `meterApiName` and `meterValue`"),
        ({"meterApiName": 7}, "`meterApiName` of the event is no string"),
        ({"customerId": 7}, "`customerId` of the event is no string"),
        ({"uniqueId": ["x"]}, "`uniqueId` of the event is no string"),
        ({"dimensions": ["r"]}, "`dimensions` of the event is no object"),
        ({"dimensions": {"r": 1}}, "dimension `r` of the event is no string"),
        ({"dimensions": {"r": None}}, "dimension `r` of the event is no string"),
        ({"values": [1]}, "`values` of the event is no object"),
        ({"values": {"out": "1"}}, "`out` of the event is no number"),
    ],
)
def test_a_wrong_attribute_is_refused_by_name(members: dict[str, Any], reason: str) -> None:
    """An attribute of a wrong type, or a missing one, is refused and named."""
    with pytest.raises(UnreadableEventError) as caught:
        read_one(BASE | members)
    assert str(caught.value) == reason


def test_the_refusal_counts_events_of_an_array_from_one() -> None:
    """In an array the refusal says which event, and none of the array is read."""
    body = json.dumps([BASE, change(customerId=3)]).encode()
    with pytest.raises(UnreadableEventError, match=r"^`customerId` of event 2 is no string$"):
        read_events(body)


@pytest.mark.parametrize("values", [{}, {"out": None}])
def test_an_event_that_says_no_value_is_refused(values: dict[str, None]) -> None:
    """An ingest that meters nothing is said to be not understood, not passed over."""
    with pytest.raises(UnreadableEventError):
        read_events(json.dumps(change(meterValue=None) | {"values": values}).encode())
