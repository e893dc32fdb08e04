"""A record counts once, however often and however spelled it is sent."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

_EXAMPLES = itertools.count()


def test_a_replay_changes_nothing(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
    count_records: Callable[[], int],
) -> None:
    """The same record again is answered like the first time and does not count."""
    for _ in range(3):
        answer = client.post("/ingest", json=make_event())
        assert (answer.status_code, answer.json()) == (200, "1 records were ingested")
    twice = client.post("/ingest", json=[make_event()] * 120)
    assert twice.json() == "120 records were ingested"
    assert count_records() == 1
    assert ask_usage()[0]["records"] == [{"1718150400": 2.5}]


@pytest.mark.parametrize(
    "spelling",
    [
        '{{"meterValue": 2.0, {rest}}}',
        '{{"meterValue": 2e0, {rest}}}',
        '{{"meterValue": 0.2E+1, {rest}}}',
        '{{{rest}, "meterValue": 2, "unknown": [1]}}',
        '[{{{rest}, "meterValue": 200e-2, "values": null}}]',
    ],
)
def test_spelling_makes_no_record(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    spelling: str,
) -> None:
    """Neither the order of names nor the spelling of a number makes another record."""
    event = make_event(meterValue=2)
    client.post("/ingest", json=event)
    del event["meterValue"]
    event["dimensions"] = dict(reversed(event["dimensions"].items()))
    rest = json.dumps(event)[1:-1].replace("1718153645993", "1718153645993.0")
    answer = client.post("/ingest", content=spelling.format(rest=rest))
    assert answer.status_code == 200, answer.text
    assert count_records() == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"meterTimeInMillis": 1_718_153_645_994}),
        ({}, {"uniqueId": "id-2"}),
        ({}, {"uniqueId": "ID-1"}),
        ({}, {"uniqueId": "id-1 "}),
        ({"uniqueId": ...}, {"uniqueId": ""}),
        ({"uniqueId": ...}, {"uniqueId": "0"}),
        ({}, {"customerId": "Acme"}),
        ({"customerId": ...}, {"customerId": "0"}),
        ({}, {"meterValue": 2.5000000000000004}),
        ({}, {"meterValue": -2.5}),
        ({}, {"dimensions": {"region": "eu"}}),
        ({}, {"dimensions": ...}),
        ({"dimensions": {"a": "b"}}, {"dimensions": {"b": "a"}}),
        ({"dimensions": {"a": 'b","c":"d'}}, {"dimensions": {"a": "b", "c": "d"}}),
        ({"uniqueId": "Caf\u00e9"}, {"uniqueId": "Cafe\u0301"}),
        ({"dimensions": {"a": "\u212b"}}, {"dimensions": {"a": "\u00c5"}}),
    ],
    ids=str,
)
def test_one_other_attribute_makes_another_record(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    """Records that differ anywhere both count; texts are compared exactly."""
    for changes in (first, second, first, second):
        assert client.post("/ingest", json=make_event(**changes)).status_code == 200
    assert count_records() == 2


def test_meters_of_one_event_are_records_of_their_own(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    meter: str,
) -> None:
    """The same meter and value, once as the event's own and once in `values`, is one record."""
    client.post("/ingest", json=make_event(values={meter: 2.5}))
    client.post("/ingest", json=make_event())
    assert count_records() == 1
    client.post("/ingest", json=make_event(values={meter: 3}))
    assert count_records() == 2


_TEXTS = st.sampled_from(["a", "A", "a ", "é", "e\u0301", "ß", "ss", "\u200b", '"', "\\", "0"])
_DIMENSIONS = st.dictionaries(st.sampled_from(["x", "y", "Y"]), _TEXTS, max_size=2)
_EVENTS = st.fixed_dictionaries(
    {
        "meterTimeInMillis": st.sampled_from([1_718_153_645_993, 1_718_153_645_994]),
        "meterValue": st.sampled_from([0, 1, 1.0, 1.5, -1, 2**53, 1e22]),
    },
    optional={
        "customerId": _TEXTS,
        "uniqueId": st.one_of(_TEXTS, st.just("")),
        "dimensions": _DIMENSIONS,
    },
)


def _key_of(event: dict[str, Any]) -> tuple[object, ...]:
    """What tells a record from others, by the rule as it is written down."""
    return (
        event["meterTimeInMillis"],
        event["meterValue"],
        event.get("customerId"),
        event.get("uniqueId"),
        frozenset(event.get("dimensions", {}).items()),
    )


@given(requests=st.lists(st.lists(_EVENTS, min_size=1, max_size=6), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None, database=None)
def test_as_many_count_as_are_different(
    client: httpx.Client, requests: list[list[dict[str, Any]]]
) -> None:
    """Whatever is sent in whatever portions: the store counts the set of records."""
    meter = f"dedup-{next(_EXAMPLES)}"
    for events in requests:
        for event in events:
            event["meterApiName"] = meter
        payload = events[0] if len(events) == 1 else events
        assert client.post("/ingest", json=payload).status_code == 200
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "COUNT",
        "timeGroupingInterval": "DAY",
    }
    groups = client.post("/usage", json=query).json()["clientMeters"][meter]
    expected = {_key_of(event) for events in requests for event in events}
    assert groups == [{"groupInfo": {}, "records": [{"1718150400": len(expected)}]}]
