"""Aggregation in SQL against a plain model in Python."""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    import httpx

_EXAMPLES = itertools.count()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVALS = ["HOUR", "DAY", "WEEK", "MONTH"]


def _floor(interval: str, moment: datetime) -> datetime:
    """The start of a bucket, by the calendar."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if interval == "HOUR":
        return hour
    day = hour.replace(hour=0)
    if interval == "DAY":
        return day
    return day - timedelta(days=day.weekday()) if interval == "WEEK" else day.replace(day=1)


def _after(interval: str, start: datetime) -> datetime:
    if interval == "MONTH":
        return (start + timedelta(days=32)).replace(day=1)
    return (
        start + {"HOUR": timedelta(hours=1), "DAY": timedelta(1), "WEEK": timedelta(7)}[interval]
    )


def _attribute(event: dict[str, Any], name: str) -> str | None:
    value: str | None
    value = event.get(name) if name == "customerId" else event.get("dimensions", {}).get(name)
    return value


def _model(events: list[dict[str, Any]], query: dict[str, Any]) -> dict[Any, Any]:
    """Groups to buckets to values, straight from the rules."""
    interval = query["timeGroupingInterval"]
    start = _floor(interval, _EPOCH + timedelta(seconds=query["startTimeInSeconds"]))
    end = _EPOCH + timedelta(seconds=query["endTimeInSeconds"])
    if _floor(interval, end) != end:
        end = _after(interval, _floor(interval, end))
    filters = dict(query.get("filter", {}))
    groups: dict[Any, Any] = defaultdict(lambda: defaultdict(list))
    for event in events:
        moment = _EPOCH + timedelta(milliseconds=event["meterTimeInMillis"])
        if not start <= moment < end:
            continue
        if query.get("customerFilter") and event.get("customerId") not in query["customerFilter"]:
            continue
        if any(_attribute(event, name) not in allowed for name, allowed in filters.items()):
            continue
        names = query.get("groupBy", [])
        key = frozenset(
            (name, value) for name in names if (value := _attribute(event, name)) is not None
        )
        bucket = int(_floor(interval, moment).timestamp())
        groups[key][bucket].append(event["meterValue"])
    return groups


_EDGES = [
    "2024-02-28T23:00", "2024-02-29T00:00", "2024-03-01T00:00", "2024-03-04T00:00",
    "2024-03-31T01:00", "2024-04-01T00:00", "2023-12-31T23:00", "2024-01-01T00:00",
]  # fmt: skip
_MOMENTS = st.builds(
    lambda edge, shift: int(
        datetime.fromisoformat(edge).replace(tzinfo=UTC).timestamp() * 1000 + shift
    ),
    st.sampled_from(_EDGES),
    st.one_of(st.sampled_from([-1000, -1, 0, 1, 999, 1000]), st.integers(-4 * 10**8, 4 * 10**8)),
)
_NAMES = st.sampled_from(["customerId", "region", "tier"])
_VALUES = st.sampled_from(["a", "b", "B", ""])
_CUSTOMERS = st.sampled_from(["a", "b", "B"])
_EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "meterTimeInMillis": _MOMENTS,
            "meterValue": st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6)),
        },
        optional={
            "customerId": _CUSTOMERS,
            "dimensions": st.dictionaries(st.sampled_from(["region", "tier"]), _VALUES),
        },
    ),
    max_size=25,
)
_QUERIES = st.fixed_dictionaries(
    {
        "window": st.tuples(_MOMENTS, _MOMENTS),
        "aggregation": st.sampled_from(["SUM", "MAX", "COUNT"]),
        "timeGroupingInterval": st.sampled_from(_INTERVALS),
    },
    optional={
        "groupBy": st.lists(_NAMES, max_size=3),
        "customerFilter": st.lists(_CUSTOMERS, max_size=2),
        "filter": st.dictionaries(_NAMES, st.lists(_VALUES, max_size=2), max_size=2),
    },
)


@given(events=_EVENTS, queries=st.lists(_QUERIES, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, database=None)
def test_sql_agrees_with_the_model(
    client: httpx.Client, events: list[dict[str, Any]], queries: list[dict[str, Any]]
) -> None:
    """Any events, any query: the same groups, the same buckets, the same amounts."""
    meter = f"model-{next(_EXAMPLES)}"
    for number, event in enumerate(events):
        event |= {"meterApiName": meter, "uniqueId": str(number)}
    assert client.post("/ingest", json=events).status_code == 200
    for query in queries:
        start, end = sorted(moment // 1000 for moment in query.pop("window"))
        query |= {
            "meterApiName": meter,
            "startTimeInSeconds": start,
            "endTimeInSeconds": max(end, start + 1),
        }
        answer = client.post("/usage", json=query)
        assert answer.status_code == 200, answer.text
        _compare(answer.json()["clientMeters"][meter], _model(events, query), query["aggregation"])


def _compare(groups: list[dict[str, Any]], model: dict[Any, Any], aggregation: str) -> None:
    keys = [frozenset(group["groupInfo"].items()) for group in groups]
    assert len(keys) == len(model)
    assert set(keys) == set(model)
    for group in groups:
        buckets = model[frozenset(group["groupInfo"].items())]
        assert [[int(start) for start in record] for record in group["records"]] == [
            [start] for start in sorted(buckets)
        ]
        for record in group["records"]:
            ((start, amount),) = record.items()
            _compare_amount(amount, buckets[int(start)], aggregation)


def _compare_amount(amount: float, values: list[float], aggregation: str) -> None:
    if aggregation == "COUNT":
        assert amount == len(values)
    elif aggregation == "MAX":
        assert amount == max(values)
    elif all(isinstance(value, int) for value in values):
        assert amount == sum(values)
    else:
        error = (len(values) + 1) * 2**-53 * fsum(abs(value) for value in values)
        assert amount == pytest.approx(fsum(values), abs=error, rel=0)
