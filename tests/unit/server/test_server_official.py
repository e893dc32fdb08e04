"""Usage in the official shape, batches, raw events, and golden figures of public recordings."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from unit.server import answer_judge
from unit.server.conftest import open_client

from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

_DAY_S = 86_400
_START_S = 1_718_150_400
_INGEST = "/ingest"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client of an empty account."""
    with EmbeddedServer(["key-of-the-first-tenant"]) as server, open_client(server.url) as opened:
        yield opened


@pytest.fixture
def send(client: httpx.Client) -> Callable[..., None]:
    """Sends an event at a moment in seconds; it is always another one."""
    numbers = iter(range(10**6))

    def send_one(at_s: int, value: float, customer: str = "acme", **dimensions: str) -> None:
        event = {
            "meterApiName": "m",
            "customerId": customer,
            "meterValue": value,
            "meterTimeInMillis": at_s * 1000,
            "uniqueId": str(next(numbers)),
            "dimensions": dimensions,
        }
        assert client.post(_INGEST, json=event).status_code == 200

    return send_one


def _query(start_s: int, end_s: int | None, **members: Any) -> dict[str, Any]:
    window = {"startTimeInSeconds": start_s, "endTimeInSeconds": end_s}
    asked = {"meterApiName": "m", "aggregation": "sum", "timeGroupingInterval": "day"}
    return asked | {"timeRange": window} | members


def test_the_sample_of_the_guide(client: httpx.Client, send: Callable[..., None]) -> None:
    """Two groups over three days: values, totals, order and changes are those of the sample."""
    for group, values in {"xxx": (0, 4040, 19605), "yyy": (0, 2507, 20101)}.items():
        for start_s, value in zip((1619222400, 1619308800, 1619395200), values, strict=True):
            send(start_s + 77, value, group)
    report = client.post(
        "/usage", json=_query(1619294851, 1619467650, groupBy=["customerId"])
    ).json()
    assert report["secondsSinceEpochIntervals"] == [1619222400, 1619308800, 1619395200]
    window = {"startTimeInSeconds": 1619294851, "endTimeInSeconds": 1619467650}
    assert report["metadata"]["timeRange"] == window
    first, second = report["clientMeters"]
    assert first["group"] == {"groupInfo": {"customerId": "xxx"}}
    assert (first["groupValue"], second["groupValue"]) == (23645, 22608)
    assert [v["value"] for v in first["values"]] == [0, 4040, 19605]
    changes = [v["percentageFromPrevious"] for v in first["values"]]
    assert changes == [0, 100, pytest.approx(385.2722772277228, rel=1e-14)]
    changes = [v["percentageFromPrevious"] for v in second["values"]]
    assert changes == [0, 100, pytest.approx(701.7949740725967, rel=1e-14)]


def test_the_recorded_answer(client: httpx.Client, send: Callable[..., None]) -> None:
    """An end on the edge of a day adds none; without groups there is one, of no dimensions."""
    send(1657584000, 2813011043)
    send(1657584000 + _DAY_S, 967448360)
    query = _query(1657584000, 1657756800, filter={"customerId": "acme"})
    report = client.post("/usage/", json=query).json()
    (group,) = report["clientMeters"]
    assert group["group"] == {"groupInfo": {}}
    assert group["groupValue"] == 3780459403
    assert [v["value"] for v in group["values"]] == [2813011043, 967448360]
    changes = [v["percentageFromPrevious"] for v in group["values"]]
    assert changes == [0, pytest.approx(-65.60808524348192, rel=1e-14)]
    assert report["metadata"]["filter"] == {"customerId": ["acme"]}
    assert report["metadata"]["groupBy"] is None


def test_nothing_is_no_group_but_all_buckets(client: httpx.Client) -> None:
    """The buckets stand there without data."""
    report = client.post("/usage", json=_query(_START_S, _START_S + 2 * _DAY_S)).json()
    assert report["clientMeters"] == []
    assert report["secondsSinceEpochIntervals"] == [_START_S, _START_S + _DAY_S]


@pytest.mark.parametrize("path", ["/usage", "/usage-java", "/usage/sparse"])
def test_gaps_are_filled_unless_asked_not_to(
    client: httpx.Client, send: Callable[..., None], path: str
) -> None:
    """Empty buckets of a group hold 0; sparse ones are left out."""
    send(_START_S, 5)
    send(_START_S + 2 * _DAY_S, 7)
    query = _query(_START_S, _START_S + 4 * _DAY_S)
    (group,) = client.post(path, json=query).json()["clientMeters"]
    values = [v["value"] for v in group["values"]]
    assert values == ([5, 7] if path == "/usage/sparse" else [5, 0, 7, 0])
    assert group["groupValue"] == 12


@pytest.mark.parametrize(
    ("aggregation", "expected", "total"),
    [("SUM", [5, 6], 11), ("Min", [2, 6], 2), ("max", [3, 6], 6), ("cOuNt", [2, 1], 3)],
)
def test_aggregations_in_any_letter_case(
    client: httpx.Client,
    send: Callable[..., None],
    aggregation: str,
    expected: list[int],
    total: int,
) -> None:
    """A group's value is over the whole window; enumerations are answered in lower case."""
    for at_s, value in ((_START_S, 2), (_START_S, 3), (_START_S + 3600, 6)):
        send(at_s, value)
    members = {"aggregation": aggregation, "timeGroupingInterval": "Hour"}
    report = client.post("/usage", json=_query(_START_S, _START_S + 7200, **members)).json()
    (group,) = report["clientMeters"]
    assert [v["value"] for v in group["values"]] == expected
    assert group["groupValue"] == total
    assert report["metadata"]["aggregation"] == aggregation.lower()
    assert report["metadata"]["timeGroupingInterval"] == "hour"


@pytest.mark.parametrize(
    ("take", "expected"),
    [
        (None, ["c", "a", "b"]),
        ({"limit": 2}, ["c", "a"]),
        ({"limit": 2, "isAscending": True}, ["b", "a"]),
        ({"limit": 9, "isAscending": False}, ["c", "a", "b"]),
    ],
    ids=str,
)
def test_groups_are_ordered_and_taken(
    client: httpx.Client, send: Callable[..., None], take: Any, expected: list[str]
) -> None:
    """The largest first, unless the smallest are asked for."""
    for customer, value in (("a", 2), ("b", 1), ("c", 3)):
        send(_START_S, value, customer)
    query = _query(_START_S, _START_S + 1, groupBy=["customerId"], take=take)
    groups = client.post("/usage", json=query).json()["clientMeters"]
    assert [group["group"]["groupInfo"]["customerId"] for group in groups] == expected


def test_the_window_ends_now_and_is_widened(
    client: httpx.Client, send: Callable[..., None]
) -> None:
    """Without an end it is now, without an interval hours, without an aggregation the meter's."""
    now_s = int(time.time())
    send(now_s, 4)
    window = {"startTimeInSeconds": str(now_s - 3600), "endTimeInSeconds": None}
    query = {"meterApiName": "m", "timeRange": window, "startTimeInSeconds": 5}
    report = client.post("/usage", json=query).json()
    assert report["clientMeters"][0]["groupValue"] == 4
    assert report["metadata"]["aggregation"] == "sum"
    assert report["metadata"]["timeGroupingInterval"] is None
    assert abs(report["metadata"]["timeRange"]["endTimeInSeconds"] - now_s) < 60
    assert len(report["secondsSinceEpochIntervals"]) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"timeRange": None},
        {"timeRange": 5},
        {"timeRange": {}},
        {"timeRange": {"startTimeInSeconds": "soon"}},
        {"timeRange": {"startTimeInSeconds": 5, "endTimeInSeconds": 5}},
        {"timeRange": {"startTimeInSeconds": 1_718_153_645_993}},
        {
            "timeRange": {"startTimeInSeconds": 0, "endTimeInSeconds": 10**11},
            "timeGroupingInterval": "HOUR",
        },
        {"meterApiName": ""},
        {"aggregation": "AVG"},
        {"timeGroupingInterval": "YEAR"},
        {"groupBy": [1]},
        {"filter": {"a": 5}},
        {"filter": [1]},
        {"take": {}},
        {"take": {"limit": 0}},
        {"take": {"limit": 1.5}},
        {"take": {"limit": 1, "isAscending": "no"}},
    ],
    ids=str,
)
def test_wrong_queries_are_refused_in_the_official_form(client: httpx.Client, change: Any) -> None:
    """With `errorMessage`, as official clients expect."""
    answer = client.post("/usage", json=_query(_START_S, _START_S + 1) | change)
    assert (answer.status_code, list(answer.json())) == (400, ["errorMessage"])


def test_undeclared_dimensions_are_refused(
    client: httpx.Client, send: Callable[..., None]
) -> None:
    """Where a meter declares its dimensions, others cannot be grouped or filtered by."""
    send(_START_S, 1, region="eu", tier="gold")
    meter = {"meterApiName": "m", "label": "M", "meterType": "sum_of_all_usage"}
    client.post("/meters", json=meter | {"dimensions": ["region"]})
    for members, status in (
        ({"groupBy": ["region", "customerId"]}, 200),
        ({"groupBy": ["tier"]}, 400),
        ({"filter": {"tier": ["gold"]}}, 400),
        ({"filter": {"region": ["eu"]}}, 200),
    ):
        query = _query(_START_S, _START_S + 1, **members)
        assert client.post("/usage", json=query).status_code == status


def test_batches(client: httpx.Client, send: Callable[..., None]) -> None:
    """Several reports in the order of their queries."""
    send(_START_S, 3)
    queries = [_query(_START_S, _START_S + 1, meterApiName=name) for name in ("m", "n")]
    reports = client.post("/usage/batch", json=queries).json()
    assert [len(report["clientMeters"]) for report in reports] == [1, 0]
    reports = client.post("/usage/sparse/batch", json=queries).json()
    assert [report["metadata"]["meterApiName"] for report in reports] == ["m", "n"]
    wrongs: tuple[Any, ...] = ({}, [5], [queries[0], {"timeRange": {}}], queries * 51)
    for wrong in wrongs:
        assert client.post("/usage/batch", json=wrong).status_code == 400


def test_all_meters(client: httpx.Client, send: Callable[..., None]) -> None:
    """One report each, of those that are defined and those that only have records."""
    meter = {"meterApiName": "peak", "label": "P", "meterType": "max_in_period"}
    client.post("/meters", json=meter)
    send(_START_S, 3)
    send(_START_S, 4, "other")
    params: dict[str, Any] = {
        "startTimeInSeconds": _START_S,
        "endTimeInSeconds": _START_S + 1,
        "timeGroupingInterval": "DAY",
    }
    reports = client.get("/usage/all", params=params).json()
    assert [(r["metadata"]["meterApiName"], r["metadata"]["aggregation"]) for r in reports] == [
        ("peak", "max"),
        ("m", "sum"),
    ]
    assert reports[1]["clientMeters"][0]["groupValue"] == 7
    grouped = client.get("/usage/all", params=params | {"groupBy": "customerId"}).json()
    assert [group["groupValue"] for group in grouped[1]["clientMeters"]] == [4, 3]
    single = client.get("/usage/all", params=params | {"customerId": "acme"}).json()
    assert single[1]["clientMeters"][0]["groupValue"] == 3
    assert client.get("/usage/all").status_code == 400
    assert client.get("/usage/all", params=params | {"groupBy": "x"}).status_code == 400


def test_the_rate_of_usage(client: httpx.Client, send: Callable[..., None]) -> None:
    """Per second, of one customer."""
    send(int(time.time()) - 5, 3600)
    params = {"meterApiName": "m", "customerId": "acme"}
    answer = client.get("/usage/current-usage-rate", params=params).json()
    assert answer == {"rate": 1.0, "request": params}
    assert client.get("/usage/current-usage-rate").status_code == 400


@pytest.mark.parametrize("is_ascending", [True, False])
def test_raw_events_page_by_page(
    client: httpx.Client, send: Callable[..., None], *, is_ascending: bool
) -> None:
    """Every event once, in order, while others arrive; every cell is a text."""
    for number in range(25):
        send(_START_S + number % 7, number, f"c{number % 2}", region=f"r{number}")
    params: dict[str, Any] = {"meterApiName": "m", "pageSize": 4, "isAscending": is_ascending}
    seen: list[tuple[str, str]] = []
    token = None
    while token is not None or not seen:
        page = client.get("/usage/events", params=params | {"nextPageToken": token or ""}).json()
        assert page["columns"][:4] == [
            "customerId",
            "measure_name",
            "measure_value::double",
            "sourceTimeInMillis",
        ]
        seen += [(row[3], row[2]) for row in page["rows"]]
        token = page["nextPageToken"]
    times = [int(moment) for moment, _ in seen]
    assert times == sorted(times, reverse=not is_ascending)
    assert sorted(float(value) for _, value in seen) == list(range(25))
    page = client.get("/usage/events", params={"customerId": "c1", "limit": 3}).json()
    assert len(page["rows"]) == 3
    assert {row[0] for row in page["rows"]} == {"c1"}
    window = {"startTimeInSeconds": _START_S + 1, "endTimeInSeconds": _START_S + 2}
    assert len(client.get("/usage/events", params=window).json()["rows"]) == 4
    for wrong in (
        {"nextPageToken": "x"},
        {"nextPageToken": "WzFd"},
        {"nextPageToken": "e30="},
        {"pageSize": "0"},
        {"pageSize": "many"},
        {"startTimeInSeconds": "-1"},
    ):
        assert client.get("/usage/events", params=wrong).status_code == 400


@pytest.mark.parametrize(
    ("headers", "is_text"),
    [
        ({}, False),
        ({"Accept": "application/json"}, False),
        ({"Accept": "text/plain"}, True),
        ({"Accept": "text/plain;q=0.5, application/json"}, False),
        ({"Accept": "application/json;q=0.1, text/*"}, True),
        ({"Accept": "text/plain, */*"}, False),
        ({"User-Agent": "Amberflo.io SDK 3.3.1; Python", "Accept": "application/json"}, True),
    ],
    ids=str,
)
def test_the_answer_to_an_ingest_is_json_or_text(
    client: httpx.Client, headers: dict[str, str], *, is_text: bool
) -> None:
    """Official clients hand the text on as it is, so they get it plain."""
    event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 5}
    text = client.post("/ingest", json=event, headers=headers).text
    assert text == ("1 records were ingested" if is_text else '"1 records were ingested"')


@pytest.mark.parametrize("path", ["/ingest", "/ingest/", "/ingest-endpoint/", "/"])
@pytest.mark.parametrize(
    ("media_type", "join"),
    [("application/x-ndjson", "\n"), ("application/json", "\r\n"), ("application/jsonl", "\n\n")],
)
def test_events_line_by_line(client: httpx.Client, path: str, media_type: str, join: str) -> None:
    """One object to a line, by media type or by look."""
    events = [
        {"meterApiName": "m", "meterValue": n, "meterTimeInMillis": 5, "uniqueId": "\u2028"}
        for n in (1, 2)
    ]
    body = join.join(json.dumps(event, ensure_ascii=False) for event in events) + "\n"
    answer = client.post(path, content=body.encode(), headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()) == (200, "2 records were ingested")


def test_lines_that_are_none(client: httpx.Client) -> None:
    """All or nothing, with the number of the line's event."""
    good = '{"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 5}'
    for body in (f"{good}\n{{", f"{good}\n[]", f"{good} {good}", f"{good}\n5"):
        assert client.post("/ingest", content=body).status_code == 400
    headers = {"Content-Type": "application/x-ndjson"}
    answer = client.post("/ingest", content=f"{good}\n{{", headers=headers)
    assert "event 1" in answer.json()["details"]
    assert client.get("/usage/events").json()["rows"] == []


def test_formats_that_are_not_served(client: httpx.Client) -> None:
    """Schemas of the account's own and CSV are refused so that clients do not try again."""
    for params in ({"schemaDetection": "AUTO"}, {"ingestSchemaId": "x"}):
        answer = client.post("/ingest", params=params, json={"any": 1})
        assert (answer.status_code, answer.json()["code"]) == (400, "custom-schema-unsupported")
        assert next(iter(params)) in answer.json()["errorMessage"]
    answer = client.post("/ingest", content="a,b", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 415


def test_each_shape_breaks_the_others_description(
    client: httpx.Client, send: Callable[..., None]
) -> None:
    """The descriptions are two and not one that lets both through."""
    send(_START_S, 1)
    window = {"startTimeInSeconds": _START_S, "endTimeInSeconds": _START_S + 1}
    flat = {"meterApiName": "m", "aggregation": "SUM", "timeGroupingInterval": "DAY"} | window
    published = client.post("/usage", json=flat)
    official = client.post("/usage", json=_query(_START_S, _START_S + 1))
    names = (answer_judge.PUBLISHED[0], answer_judge.OFFICIAL)
    assert [answer_judge.list_errors(n, published) == [] for n in names] == [True, False]
    assert [answer_judge.list_errors(n, official) == [] for n in names] == [False, True]


@pytest.mark.parametrize("query", [{"meterApiName": "m"}, [], {}, "m", None], ids=str)
def test_queries_without_any_window_are_refused_in_both_forms(
    client: httpx.Client, query: Any
) -> None:
    """Nothing tells which form is meant; whoever reads the answer finds the text."""
    answer = client.post("/usage", json=query)
    problem = answer.json()
    assert answer.status_code == 400
    assert problem["message"] == problem["errorMessage"]
