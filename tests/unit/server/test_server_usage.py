"""What `POST /usage` answers: buckets, aggregations, groups, filters, numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


def _millis(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def _seconds(text: str) -> int:
    return _millis(text) // 1000


@pytest.mark.parametrize("path", ["/usage", "/usage/"])
def test_usage_is_answered_as_described(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    check_answer: Callable[[httpx.Response], None],
    meter: str,
    path: str,
) -> None:
    """A meter is mapped to its groups, and a group to its buckets."""
    client.post("/ingest", json=make_event())
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "SUM",
        "timeGroupingInterval": "HOUR",
        "groupBy": ["customerId"],
        "customerFilter": ["acme"],
        "filter": {"region": ["eu"]},
        "unknown": 1,
    }
    answer = client.post(path, json=query)
    group = {"groupInfo": {"customerId": "acme"}, "records": [{"1718150400": 2.5}]}
    assert answer.json() == {"clientMeters": {meter: [group]}}
    check_answer(answer)


def test_nothing_is_an_empty_list(ask_usage: Callable[..., Any]) -> None:
    """A meter without records has no groups, known or not."""
    assert ask_usage() == []
    assert ask_usage(groupBy=["customerId"]) == []


@pytest.mark.parametrize(
    ("interval", "moments", "starts"),
    [
        ("HOUR", ["2024-06-12T00:59:59.999", "2024-06-12T01:00"], ["2024-06-12T00", "T01"]),
        ("DAY", ["2024-06-11T23:59:59.999", "2024-06-12T00:00"], ["2024-06-11", "2024-06-12"]),
        ("DAY", ["2024-02-28T12:00", "2024-02-29T12:00"], ["2024-02-28", "2024-02-29"]),
        ("WEEK", ["2024-06-09T23:59:59.999", "2024-06-10T00:00"], ["2024-06-03", "2024-06-10"]),
        ("WEEK", ["2024-12-29T23:59", "2025-01-05T23:59"], ["2024-12-23", "2024-12-30"]),
        ("MONTH", ["2024-02-29T23:59:59.999", "2024-03-01T00:00"], ["2024-02-01", "2024-03-01"]),
        ("MONTH", ["2023-12-31T23:59:59.999", "2024-01-01T00:00"], ["2023-12-01", "2024-01-01"]),
    ],
)
def test_buckets_are_of_utc(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
    interval: str,
    moments: list[str],
    starts: list[str],
) -> None:
    """Each side of an edge lies in its own bucket: a start belongs to its bucket, an end not."""
    for value, moment in enumerate(moments, start=1):
        event = make_event(meterTimeInMillis=_millis(moment), meterValue=value)
        assert client.post("/ingest", json=event).status_code == 200
    if starts[1].startswith("T"):
        starts[1] = starts[0][:10] + starts[1]
    groups = ask_usage(
        timeGroupingInterval=interval,
        startTimeInSeconds=_seconds("2023-01-01"),
        endTimeInSeconds=_seconds("2026-01-01"),
    )
    expected = [{str(_seconds(start)): value} for value, start in enumerate(starts, start=1)]
    assert groups == [{"groupInfo": {}, "records": expected}]


def test_the_first_days_of_1970_have_buckets(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """The week of the epoch starts before it."""
    client.post("/ingest", json=make_event(meterTimeInMillis=1))
    starts = {}
    for interval in ("HOUR", "DAY", "WEEK", "MONTH"):
        groups = ask_usage(timeGroupingInterval=interval, startTimeInSeconds=0, endTimeInSeconds=1)
        starts[interval] = next(iter(groups[0]["records"][0]))
    assert starts == {"HOUR": "0", "DAY": "0", "WEEK": "-259200", "MONTH": "0"}


def test_the_end_of_time_has_buckets(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """The last moment that is taken can be asked for."""
    last_ms = 253_370_764_799_999
    assert client.post("/ingest", json=make_event(meterTimeInMillis=last_ms)).status_code == 200
    for interval in ("HOUR", "DAY", "WEEK", "MONTH"):
        groups = ask_usage(
            timeGroupingInterval=interval,
            startTimeInSeconds=last_ms // 1000 - 1,
            endTimeInSeconds=last_ms // 1000,
        )
        assert list(groups[0]["records"][0].values()) == [2.5]


@pytest.mark.parametrize(
    ("interval", "first", "last"),
    [
        ("HOUR", "2024-06-12T10:00", "2024-06-12T10:59:59.999"),
        ("DAY", "2024-06-12T00:00", "2024-06-12T23:59:59.999"),
        ("WEEK", "2024-06-10T00:00", "2024-06-16T23:59:59.999"),
        ("MONTH", "2024-06-01T00:00", "2024-06-30T23:59:59.999"),
    ],
)
def test_windows_are_widened(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
    interval: str,
    first: str,
    last: str,
) -> None:
    """A window of two seconds in the middle covers its whole bucket and nothing beside it."""
    edges = _millis(first), _millis(last)
    for time_ms in (edges[0] - 1, *edges, edges[1] + 1):
        client.post("/ingest", json=make_event(meterTimeInMillis=time_ms))
    groups = ask_usage(
        aggregation="COUNT",
        timeGroupingInterval=interval,
        startTimeInSeconds=_seconds("2024-06-12T10:30:00"),
        endTimeInSeconds=_seconds("2024-06-12T10:30:02"),
    )
    assert groups == [{"groupInfo": {}, "records": [{str(edges[0] // 1000): 2}]}]


def test_the_end_of_an_aligned_window_is_out(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """A window that ends with a bucket takes nothing of the next one."""
    start = _seconds("2024-06-12")
    for time_ms in (start * 1000 - 1, start * 1000, start * 1000 + 86_400_000):
        client.post("/ingest", json=make_event(meterTimeInMillis=time_ms))
    groups = ask_usage(startTimeInSeconds=start, endTimeInSeconds=start + 86_400)
    assert groups == [{"groupInfo": {}, "records": [{str(start): 2.5}]}]


def test_buckets_ascend_and_empty_ones_are_left_out(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """One object per bucket that has records, whatever order they came in."""
    for day in (3, 1, 10):
        moment = _millis(f"2024-06-{day:02}T12:00")
        client.post("/ingest", json=make_event(meterTimeInMillis=moment, meterValue=day))
    groups = ask_usage(
        startTimeInSeconds=_seconds("2024-06-01"), endTimeInSeconds=_seconds("2024-07-01")
    )
    expected = [{str(_seconds(f"2024-06-{day:02}")): day} for day in (1, 3, 10)]
    assert groups[0]["records"] == expected


@pytest.mark.parametrize(("aggregation", "amount"), [("SUM", 1.5), ("MAX", 4), ("COUNT", 3)])
def test_aggregations(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
    aggregation: str,
    amount: float,
) -> None:
    """Sums add, maxima choose, counts count records and not their values."""
    for value in (4, -2.5, 0):
        client.post("/ingest", json=make_event(meterValue=value))
    assert ask_usage(aggregation=aggregation)[0]["records"] == [{"1718150400": amount}]


def test_the_maximum_of_negatives_is_negative(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """No zero comes from nowhere."""
    client.post("/ingest", json=[make_event(meterValue=value) for value in (-3, -2)])
    assert ask_usage(aggregation="MAX")[0]["records"] == [{"1718150400": -2}]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([2, 3], "5"),
        ([2.5, 2.5], "5"),
        ([0.5], "0.5"),
        ([-0.0], "0"),
        ([2**53 - 1], "9007199254740991"),
        ([2**53 - 3, 2], "9007199254740991"),
        ([2**53, 2**53], "1.8014398509481984e+16"),
        ([1e22], "1e+22"),
        ([10**22, 1], "1e+22"),
        ([0.1], "0.1"),
        ([5e-324], "5e-324"),
        ([1.7976931348623157e308], "1.7976931348623157e+308"),
    ],
)
def test_numbers_are_printed_exactly(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    meter: str,
    values: list[float],
    text: str,
) -> None:
    """Integers are printed as such as far as float64 has them all, others as short as can be."""
    events = [make_event(meterValue=value, uniqueId=str(n)) for n, value in enumerate(values)]
    assert client.post("/ingest", json=events).status_code == 200
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "SUM",
        "timeGroupingInterval": "DAY",
    }
    assert f'[{{"1718150400":{text}}}]' in client.post("/usage", json=query).text


def test_sums_are_accurate(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """Ten times 0.1 is 1 to within one rounding per addition."""
    client.post("/ingest", json=[make_event(meterValue=0.1, uniqueId=str(n)) for n in range(10)])
    amount = ask_usage()[0]["records"][0]["1718150400"]
    assert abs(amount - 1) <= 11 * 2**-53


def test_a_sum_beyond_float64_is_refused(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    check_answer: Callable[[httpx.Response], None],
    meter: str,
) -> None:
    """What JSON has no number for is said in words, whatever SQLite makes of it."""
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "SUM",
        "timeGroupingInterval": "DAY",
    }
    for sign in (1, -1):
        events = [make_event(meterValue=sign * 1.7e308, uniqueId=f"{sign}{n}") for n in range(3)]
        client.post("/ingest", json=events)
        answer = client.post("/usage", json=query)
        assert (answer.status_code, answer.json()["code"]) == (400, "usage-too-large")
        check_answer(answer)
    assert client.post("/usage", json=query | {"aggregation": "MAX"}).status_code == 200


@pytest.fixture
def planted(client: httpx.Client, make_event: Callable[..., dict[str, Any]]) -> None:
    """Five records of different customers and dimensions, with values that tell them apart."""
    rows: list[dict[str, Any]] = [
        {"customerId": "acme", "dimensions": {"region": "eu", "tier": "x"}, "meterValue": 1},
        {"customerId": "acme", "dimensions": {"region": "us"}, "meterValue": 2},
        {"customerId": "bolt", "dimensions": {"region": "eu"}, "meterValue": 4},
        {"customerId": "bolt", "dimensions": ..., "meterValue": 8},
        {"customerId": ..., "dimensions": {"region": "", "tier": "y"}, "meterValue": 16},
    ]
    answer = client.post("/ingest", json=[make_event(**row) for row in rows])
    assert answer.status_code == 200


def _sums(groups: list[dict[str, Any]]) -> list[tuple[dict[str, str], int]]:
    return [(group["groupInfo"], group["records"][0]["1718150400"]) for group in groups]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, [({}, 31)]),
        ([], [({}, 31)]),
        (["customerId"], [({}, 16), ({"customerId": "acme"}, 3), ({"customerId": "bolt"}, 12)]),
        (
            ["region"],
            [({}, 8), ({"region": ""}, 16), ({"region": "eu"}, 5), ({"region": "us"}, 2)],
        ),
        (
            ["tier", "customerId", "tier"],
            [
                ({"customerId": "acme"}, 2),
                ({"customerId": "bolt"}, 12),
                ({"tier": "x", "customerId": "acme"}, 1),
                ({"tier": "y"}, 16),
            ],
        ),
        (["nothing"], [({}, 31)]),
        (["Region"], [({}, 31)]),
    ],
)
def test_groups(
    planted: None,
    ask_usage: Callable[..., Any],
    names: list[str] | None,
    expected: list[tuple[dict[str, str], int]],
) -> None:
    """Records that agree in the named attributes are one group; what is absent has no key."""
    assert _sums(ask_usage(groupBy=names)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"customerFilter": ["acme"]}, 3),
        ({"customerFilter": ["bolt", "acme", "acme"]}, 15),
        ({"customerFilter": ["ACME"]}, None),
        ({"customerFilter": ["0"]}, None),
        ({"customerFilter": []}, 31),
        ({"customerFilter": None}, 31),
        ({"filter": {}}, 31),
        ({"filter": None}, 31),
        ({"filter": {"region": ["eu"]}}, 5),
        ({"filter": {"region": ["eu", "us"]}}, 7),
        ({"filter": {"region": [""]}}, 16),
        ({"filter": {"region": []}}, None),
        ({"filter": {"region": ["eu"], "tier": ["x", "y"]}}, 1),
        ({"filter": {"customerId": ["acme", "bolt"], "region": ["eu"]}}, 5),
        ({"filter": {"customerId": ["acme"]}, "customerFilter": ["bolt"]}, None),
        ({"filter": {"nothing": ["eu"]}}, None),
        ({"filter": {"region' OR 1=1 --": ["eu"]}}, None),
        ({"customerFilter": [f"customer-{n}" for n in range(40_000)] + ["acme"]}, 3),
    ],
    ids=lambda value: str(value)[:60],
)
def test_filters(
    planted: None,
    ask_usage: Callable[..., Any],
    changes: dict[str, Any],
    expected: int | None,
) -> None:
    """One of the values of each name must be there, exactly as it is written."""
    sums = _sums(ask_usage(**changes))
    assert sums == ([] if expected is None else [({}, expected)])


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "$", "a.b", "[0]", "é", "e\u0301", "😀", "a\nb", "meterApiName", "key"]
)
def test_any_name_may_be_a_dimension(
    client: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    ask_usage: Callable[..., Any],
    name: str,
) -> None:
    """Names and values of dimensions come back as they were sent, whatever is in them."""
    value = f"value of {name}"
    client.post("/ingest", json=make_event(dimensions={name + "!": "no", name: value}))
    groups = ask_usage(groupBy=[name], filter={name: [value]})
    assert [group["groupInfo"] for group in groups] == [{name: value}]


def test_a_dimension_may_be_called_like_an_attribute(
    client: httpx.Client, make_event: Callable[..., dict[str, Any]], ask_usage: Callable[..., Any]
) -> None:
    """`customerId` is the attribute, never a dimension of that name."""
    client.post("/ingest", json=make_event(dimensions={"customerId": "impostor"}))
    assert ask_usage(groupBy=["customerId"])[0]["groupInfo"] == {"customerId": "acme"}
    assert ask_usage(customerFilter=["impostor"]) == []
