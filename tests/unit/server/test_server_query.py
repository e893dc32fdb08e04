"""What `POST /usage` refuses, and how it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meterApiName": None}, "meterApiName must be the name of a meter"),
        ({"meterApiName": " "}, "meterApiName must be the name of a meter"),
        ({"meterApiName": ["m"]}, "meterApiName must be the name of a meter"),
        ({"startTimeInSeconds": None}, "startTimeInSeconds must be seconds"),
        ({"startTimeInSeconds": "0"}, "startTimeInSeconds must be seconds"),
        ({"startTimeInSeconds": -1}, "startTimeInSeconds must be seconds"),
        ({"startTimeInSeconds": 0.5}, "startTimeInSeconds must be seconds"),
        ({"startTimeInSeconds": True}, "startTimeInSeconds must be seconds"),
        ({"endTimeInSeconds": 1_718_153_645_993}, "endTimeInSeconds must be seconds (not milli"),
        ({"endTimeInSeconds": 1_718_064_000}, "endTimeInSeconds must be after startTimeInSec"),
        ({"endTimeInSeconds": 1_718_063_999}, "endTimeInSeconds must be after startTimeInSec"),
        ({"aggregation": None}, "aggregation must be one of SUM, MAX, COUNT"),
        ({"aggregation": "sum"}, "aggregation must be one of SUM, MAX, COUNT"),
        ({"aggregation": "MIN"}, "aggregation must be one of SUM, MAX, COUNT"),
        ({"aggregation": ["SUM"]}, "aggregation must be one of SUM, MAX, COUNT"),
        ({"timeGroupingInterval": None}, "timeGroupingInterval must be one of HOUR, DAY, WEEK,"),
        ({"timeGroupingInterval": "day"}, "timeGroupingInterval must be one of HOUR, DAY, WEEK,"),
        ({"groupBy": "customerId"}, "groupBy must be a list of texts"),
        ({"groupBy": ["a", 1]}, "groupBy[1] must be a text"),
        ({"groupBy": [str(n) for n in range(33)]}, "groupBy must be at most 32 names"),
        ({"customerFilter": "acme"}, "customerFilter must be a list of texts"),
        ({"customerFilter": [None]}, "customerFilter[0] must be a text"),
        ({"filter": []}, "filter must be an object"),
        ({"filter": {"region": "eu"}}, "filter.region must be a list of texts"),
        ({"filter": {"region": None}}, "filter.region must be a list of texts"),
        ({"filter": {"region": [1]}}, "filter.region[0] must be a text"),
        ({"filter": {str(n): [] for n in range(33)}}, "filter must be at most 32 names"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_queries_are_refused(
    client: httpx.Client,
    check_answer: Callable[[httpx.Response], None],
    meter: str,
    changes: dict[str, Any],
    message: str,
) -> None:
    """A query that is not understood is told what was expected."""
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_064_000,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "SUM",
        "timeGroupingInterval": "DAY",
    }
    answer = client.post("/usage", json=query | changes)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid-query"
    assert answer.json()["message"].startswith(message)
    check_answer(answer)


@pytest.mark.parametrize("payload", [[], [{}], "query", 5, True])
def test_only_an_object_is_a_query(client: httpx.Client, payload: object) -> None:
    """Any other JSON is refused."""
    answer = client.post("/usage", json=payload)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-query")


def test_integral_floats_are_seconds(ask_usage: Callable[..., Any]) -> None:
    """An integer may be spelled with a fraction of zero."""
    assert ask_usage(startTimeInSeconds=1_718_064_000.0, endTimeInSeconds=1.7182368e9) == []
