"""What `POST /ingest` takes, what it refuses, and what it says."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.mark.parametrize("path", ["/ingest", "/ingest/"])
def test_one_event_is_stored(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    check_answer: Callable[[httpx.Response], None],
    path: str,
) -> None:
    """An object is one event, with and without a slash at the end of the path."""
    answer = client.post(path, json=make_event())
    assert answer.status_code == 200
    assert answer.json() == "1 records were ingested"
    check_answer(answer)
    assert count_records() == 1


def test_an_array_is_stored(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
) -> None:
    """All events of an array are stored, however many statements that takes."""
    events = [make_event(uniqueId=f"id-{n}") for n in range(237)]
    answer = client.post("/ingest", json=events)
    assert answer.json() == "237 records were ingested"
    assert count_records() == 237


def test_an_empty_array_is_right(
    client: httpx.Client, check_answer: Callable[[httpx.Response], None]
) -> None:
    """An array without events is described as right."""
    answer = client.post("/ingest", json=[])
    assert answer.json() == "0 records were ingested"
    check_answer(answer)


def test_an_event_may_bring_several_meters(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
    meter: str,
) -> None:
    """An event with `values` is one record per meter, beside its own meter's."""
    event = make_event(values={f"{meter}-in": 3, f"{meter}-out": 4.25})
    assert client.post("/ingest", json=event).json() == "1 records were ingested"
    alone = make_event(values={f"{meter}-in": 5}, meterApiName=..., meterValue=..., uniqueId="2")
    assert client.post("/ingest", json=alone).status_code == 200
    amounts = [
        ask_usage(meterApiName=name)[0]["records"][0]["1718150400"]
        for name in (meter, f"{meter}-in", f"{meter}-out")
    ]
    assert amounts == [2.5, 8, 4.25]


@pytest.mark.parametrize(
    "changes",
    [
        {"customerId": ...},
        {"customerId": None},
        {"uniqueId": None},
        {"uniqueId": ""},
        {"dimensions": None},
        {"dimensions": {}},
        {"dimensions": {"region": ""}},
        {"values": None},
        {"values": {}},
        {"meterValue": 0},
        {"meterValue": -1.5},
        {"meterValue": 10**300},
        {"meterTimeInMillis": 1},
        {"meterTimeInMillis": 1_718_153_645_993.0},
        {"meterApiName": "a meter/with 'odd' \"signs\" \\ und Größe 😀"},
        {"somethingElse": {"nested": [1, None, {}]}},
    ],
    ids=str,
)
def test_right_events_are_taken(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], changes: dict[str, Any]
) -> None:
    """Optional attributes may be left out or null, and unknown ones are dropped."""
    answer = client.post("/ingest", json=make_event(**changes))
    assert (answer.status_code, answer.json()) == (200, "1 records were ingested")


@pytest.mark.parametrize(
    ("changes", "field", "found"),
    [
        ({"meterTimeInMillis": ...}, "meterTimeInMillis", "missing"),
        ({"meterTimeInMillis": None}, "meterTimeInMillis", "missing"),
        ({"meterTimeInMillis": "1718153645993"}, "meterTimeInMillis", '"1718153645993"'),
        ({"meterTimeInMillis": 1718153645993.5}, "meterTimeInMillis", "1718153645993.5"),
        ({"meterTimeInMillis": True}, "meterTimeInMillis", "true"),
        ({"meterTimeInMillis": 0}, "meterTimeInMillis", "0"),
        ({"meterTimeInMillis": -1}, "meterTimeInMillis", "-1"),
        ({"meterTimeInMillis": 10**15}, "meterTimeInMillis", "1000000000000000"),
        ({"meterTimeInMillis": 10**300}, "meterTimeInMillis", "a very large integer"),
        ({"meterTimeInMillis": 1e300}, "meterTimeInMillis", "a very large integer"),
        ({"meterApiName": ...}, "meterApiName", "missing"),
        ({"meterApiName": ""}, "meterApiName", '""'),
        ({"meterApiName": " \t"}, "meterApiName", '" \\t"'),
        ({"meterApiName": 5}, "meterApiName", "5"),
        ({"meterApiName": ["m"]}, "meterApiName", "an array"),
        ({"meterValue": ...}, "meterValue", "missing"),
        ({"meterValue": "2.5"}, "meterValue", '"2.5"'),
        ({"meterValue": True}, "meterValue", "true"),
        ({"meterValue": False}, "meterValue", "false"),
        ({"meterValue": [1]}, "meterValue", "an array"),
        ({"meterValue": 10**400}, "meterValue", "a very large integer"),
        ({"customerId": ""}, "customerId", '""'),
        ({"customerId": " "}, "customerId", '" "'),
        ({"customerId": 0}, "customerId", "0"),
        ({"customerId": False}, "customerId", "false"),
        ({"uniqueId": 0}, "uniqueId", "0"),
        ({"uniqueId": {"id": 1}}, "uniqueId", "an object"),
        ({"dimensions": []}, "dimensions", "an array"),
        ({"dimensions": ""}, "dimensions", '""'),
        ({"dimensions": 0}, "dimensions", "0"),
        ({"dimensions": {"region": 1}}, "dimensions.region", "1"),
        ({"dimensions": {"region": None}}, "dimensions.region", "missing or null"),
        ({"dimensions": {"a": "b", "region": ["eu"]}}, "dimensions.region", "an array"),
        ({"dimensions": {" ": "eu"}}, "dimensions", "an object"),
        ({"values": []}, "values", "an array"),
        ({"values": {"other": "1"}}, "values.other", '"1"'),
        ({"values": {"other": None}}, "values.other", "missing or null"),
        ({"values": {"": 1}}, "values", '""'),
        ({"values": {"other": 1}, "meterValue": ...}, "meterValue", "missing"),
        ({"values": {"other": 1}, "meterApiName": ...}, "meterApiName", "missing"),
        ({"values": {}, "meterValue": ..., "meterApiName": ...}, "values", "an object"),
    ],
    ids=str,
)
def test_wrong_events_are_refused(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    check_answer: Callable[[httpx.Response], None],
    changes: dict[str, Any],
    field: str,
    found: str,
) -> None:
    """One wrong event refuses the whole array, and the answer names it, its field and value."""
    events = [make_event(), make_event(uniqueId="2"), make_event(**changes)]
    answer = client.post("/ingest", json=events)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] == "invalid-event"
    assert problem["message"].startswith(f"Event 2: {field} must be ")
    assert problem["details"].startswith(f"[2].{field} is {found}")
    check_answer(answer)
    assert count_records() == 0


def test_a_single_event_has_no_index(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]]
) -> None:
    """The problem of an event that was sent alone counts no events."""
    answer = client.post("/ingest", json=make_event(meterValue="2"))
    assert answer.json() == {
        "message": "The event: meterValue must be a number",
        "code": "invalid-event",
        "details": 'meterValue is "2"',
        # For clients of the official form, which look here.
        "errorMessage": "The event: meterValue must be a number",
    }


def test_long_values_are_shortened(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]]
) -> None:
    """A problem stays readable whatever was sent."""
    answer = client.post("/ingest", json=make_event(meterValue="x" * 100_000))
    assert len(answer.json()["details"]) < 120
    answer = client.post("/ingest", json=make_event(dimensions={"y" * 100_000: 1}))
    assert len(answer.json()["details"]) < 200


@pytest.mark.parametrize("payload", ["event", 5, None, True, [[]], ["event"], [None]])
def test_only_objects_are_events(
    client: httpx.Client, check_answer: Callable[[httpx.Response], None], payload: object
) -> None:
    """Any other JSON is refused."""
    answer = client.post("/ingest", content=json.dumps(payload))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-event")
    check_answer(answer)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid-json"),
        (b" ", "invalid-json"),
        (b"{", "invalid-json"),
        (b"{}{}", "invalid-json"),
        (b"{'meterApiName': 1}", "invalid-json"),
        (b'{"a": 01}', "invalid-json"),
        (b'{"a": "\n"}', "invalid-json"),
        (b"\xef\xbb\xbf{}", "invalid-json"),
        (b"[" * 100_000 + b"]" * 100_000, "invalid-json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "invalid-json"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "invalid-json"),
        (b'{"unknown": NaN}', "invalid-json"),
        (b'[{"unknown": [-Infinity]}]', "invalid-json"),
        (b'{"a": "\xe9"}', "invalid-encoding"),
        ('{"a": "é"}'.encode("utf-16"), "invalid-encoding"),
        (b'{"a": "\\ud800"}', "invalid-text"),
        (b'{"\\udc00": 1}', "invalid-text"),
        (b'[{"customerId": "a\\u0000b"}]', "invalid-text"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_json_is_refused(
    client: httpx.Client,
    check_answer: Callable[[httpx.Response], None],
    body: bytes,
    code: str,
) -> None:
    """Only JSON in UTF-8, with texts that are Unicode, is read."""
    answer = client.post("/ingest", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    check_answer(answer)


@pytest.mark.parametrize("spelling", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_no_value_is_beyond_float64(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    spelling: str,
) -> None:
    """A number that float64 cannot hold is refused, and the answer says which one it was."""
    events = json.dumps([make_event(), make_event(meterValue=12345)])
    answer = client.post("/ingest", content=events.replace("12345", spelling))
    assert answer.status_code == 400
    assert "[1].meterValue" in answer.json()["details"]
    assert count_records() == 0


def test_pairs_of_surrogates_are_text(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
) -> None:
    """A character beyond the basic plane may be escaped as two halves."""
    assert client.post("/ingest", json=make_event(customerId="😀")).status_code == 200
    groups = ask_usage(groupBy=["customerId"])
    assert [group["groupInfo"] for group in groups] == [{"customerId": "😀"}]


def test_the_content_type_is_not_looked_at(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]]
) -> None:
    """JSON counts as JSON, as tools send it that label it as a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = json.dumps(make_event())
    assert client.post("/ingest", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip"])
def test_gzip_is_inflated(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    coding: str,
) -> None:
    """Bodies may be compressed, as Amberflo's own Python client sends them."""
    text = json.dumps([make_event(), make_event(uniqueId="2")]).encode()
    body = gzip.compress(text[:50]) + gzip.compress(text[50:])
    answer = client.post("/ingest", content=body, headers={"Content-Encoding": coding})
    assert answer.status_code == 200, answer.text
    assert count_records() == 2


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (b"[]", "gzip", 400),
        (gzip.compress(b"[]")[:-4], "gzip", 400),
        (gzip.compress(b"[]") + b"rest", "gzip", 400),
        (gzip.compress(b"") * 1000 + gzip.compress(b"[]"), "gzip", 400),
        (gzip.compress(b" " * (16 * 1024 * 1024 + 1)), "gzip", 413),
        (b"[]", "br", 415),
        (gzip.compress(gzip.compress(b"[]")), "gzip, gzip", 415),
    ],
    ids=["plain", "cut", "rest", "members", "bomb", "brotli", "twice"],
)
def test_bad_compression_is_refused(
    client: httpx.Client, body: bytes, coding: str, status: int
) -> None:
    """Broken data, bombs and other codings end with a problem."""
    answer = client.post("/ingest", content=body, headers={"Content-Encoding": coding})
    assert answer.status_code == status
    assert answer.json()["message"]


def test_an_inflated_body_may_be_as_large_as_the_limit(client: httpx.Client) -> None:
    """The limit itself is within the limit."""
    body = gzip.compress(b"[" + b" " * (16 * 1024 * 1024 - 2) + b"]")
    answer = client.post("/ingest", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.json() == "0 records were ingested"
