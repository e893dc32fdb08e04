"""Usage queries: both wire shapes, filters, letter case and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.metering.metering_kit import DAY, DAY_S, HOUR_S, make_query

from pytest_amberflo.metering.query import (
    Aggregation,
    UnreadableQueryError,
    UsageQuery,
    read_query,
)
from pytest_amberflo.metering.window import Interval

PUBLISHED: dict[str, Any] = {
    "meterApiName": "api-calls",
    "startTimeInSeconds": DAY,
    "endTimeInSeconds": DAY + DAY_S,
    "aggregation": "SUM",
    "timeGroupingInterval": "DAY",
}
OFFICIAL: dict[str, Any] = {
    "meterApiName": "api-calls",
    "timeRange": {"startTimeInSeconds": DAY, "endTimeInSeconds": DAY + DAY_S},
    "aggregation": "SUM",
    "timeGroupingInterval": "DAY",
}


def read(data: Any, **members: Any) -> UsageQuery:
    """The query of a body, with other members."""
    return read_query(json.dumps(data | members).encode())


@pytest.mark.parametrize("data", [PUBLISHED, OFFICIAL], ids=["published", "official"])
def test_both_shapes_say_the_same(data: dict[str, Any]) -> None:
    """The window is understood at the top and in `timeRange`."""
    assert read(data) == UsageQuery(
        meter="api-calls",
        start_s=DAY,
        end_s=DAY + DAY_S,
        aggregation=Aggregation.SUM,
        interval=Interval.DAY,
    )


def test_time_range_goes_before_times_at_the_top() -> None:
    """Clients leave a start beside `timeRange`; the official place counts."""
    query = read(OFFICIAL, startTimeInSeconds=1, endTimeInSeconds="2")
    assert (query.start_s, query.end_s) == (DAY, DAY + DAY_S)


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT", "MAX", "MIN"])
@pytest.mark.parametrize("interval", ["HOUR", "DAY", "WEEK", "MONTH"])
@pytest.mark.parametrize("write", [str.upper, str.lower, str.capitalize])
def test_enums_are_read_in_any_letter_case(aggregation: str, interval: str, write: Any) -> None:
    """`SUM`, `sum` and `Sum` are one aggregation, and so for intervals."""
    names = {"aggregation": write(aggregation), "timeGroupingInterval": write(interval)}
    query = read(OFFICIAL, **names)
    assert (query.aggregation.value, query.interval.value) == (aggregation, interval)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ([], ()),
        (["customerId"], ("customerId",)),
        (["tier", "customerId"], ("tier", "customerId")),
        ("region", ("region",)),
    ],
)
def test_groups_keep_their_order(given: Any, expected: tuple[str, ...]) -> None:
    """`groupBy` is a list in its order, or one name alone."""
    assert read(PUBLISHED, groupBy=given).group_by == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"customerFilter": ["a", "b"]}, {"a", "b"}),
        ({"customerFilter": "a"}, {"a"}),
        ({"customerFilter": []}, None),
        ({"customerFilter": None}, None),
        ({"filter": {"customerId": ["a"]}}, {"a"}),
        ({"filter": {"customerId": "a"}}, {"a"}),
        ({"filter": {}}, None),
        ({"filter": None}, None),
        ({"filter": {"region": ["eu"]}}, None),
        ({"filter": {"customerId": ["a", "b"]}, "customerFilter": ["b", "c"]}, {"b"}),
    ],
)
def test_customers_are_those_of_either_filter(members: Any, expected: set[str] | None) -> None:
    """Both filters limit customers; where both stand, both must pass."""
    assert read(PUBLISHED, **members).customers == expected


def test_other_filters_are_kept_by_name() -> None:
    """Filters on dimensions are attributes with the values that pass, compared exactly later."""
    query = read(PUBLISHED, filter={"region": ["eu", "EU"], "tier": "gold"}, customerFilter=["a"])
    assert dict(query.filters) == {
        "region": {"eu", "EU"},
        "tier": {"gold"},
        "customerId": {"a"},
    }


@pytest.mark.parametrize(("take", "expected"), [(None, False), ({"limit": 3}, True)])
def test_take_cuts_an_answer(take: Any, expected: bool) -> None:  # noqa: FBT001
    """A query with `take` asks for the first groups only."""
    assert read(OFFICIAL, take=take).is_cut is expected


def test_an_integer_may_have_an_exponent() -> None:
    """Times are numbers by value."""
    body = json.dumps(PUBLISHED).replace(str(DAY), "1.7952192e9").encode()
    assert read_query(body).start_s == DAY


def test_unknown_members_are_left_alone() -> None:
    """Members that say nothing about what is counted do not make a query unreadable."""
    assert read(OFFICIAL, comment="x", minimizeFresh=True) == read(OFFICIAL)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "the body is no object"),
        (b'{"a":1,"a":1}', "the body is no JSON: `a` stands twice in one object"),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes, reason: str) -> None:
    """What is no JSON object is refused with the reason."""
    with pytest.raises(UnreadableQueryError) as caught:
        read_query(body)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"meterApiName": None}, "`meterApiName` is no string"),
        ({"meterApiName": 7}, "`meterApiName` is no string"),
        ({"startTimeInSeconds": None}, "`startTimeInSeconds` is no integer"),
        ({"endTimeInSeconds": "1795219200"}, "`endTimeInSeconds` is no integer"),
        ({"endTimeInSeconds": 1.5}, "`endTimeInSeconds` is no integer"),
        ({"startTimeInSeconds": True}, "`startTimeInSeconds` is no integer"),
        ({"timeRange": [1, 2]}, "`timeRange` is no object"),
        ({"timeRange": {}}, "`startTimeInSeconds` is no integer"),
        ({"take": 3}, "`take` has no `limit` of at least 1"),
        ({"take": {"limit": 0}}, "`take` has no `limit` of at least 1"),
        ({"aggregation": None}, "`aggregation` is `None`, not one of SUM, COUNT, MAX, MIN"),
        ({"aggregation": "AVG"}, "`aggregation` is `AVG`, not one of SUM, COUNT, MAX, MIN"),
        (
            {"timeGroupingInterval": "YEAR"},
            "`timeGroupingInterval` is `YEAR`, not one of HOUR, DAY, WEEK, MONTH",
        ),
        ({"groupBy": [1]}, "`groupBy` is no list of strings"),
        ({"groupBy": {"a": 1}}, "`groupBy` is no list of strings"),
        ({"filter": ["a"]}, "`filter` is no object"),
        ({"filter": {"region": [None]}}, "`filter.region` is no list of strings"),
        ({"customerFilter": {"in": ["a"]}}, "`customerFilter` is no list of strings"),
    ],
)
def test_a_wrong_member_is_refused_by_name(members: dict[str, Any], reason: str) -> None:
    """A member of a wrong type or value is refused, named, with what would be right."""
    with pytest.raises(UnreadableQueryError) as caught:
        read(PUBLISHED, **members)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("start_s", "end_s", "interval", "expected"),
    [
        (DAY, DAY + DAY_S, "DAY", True),
        (DAY + HOUR_S, DAY + DAY_S, "DAY", False),
        (DAY, DAY + HOUR_S, "DAY", False),
        (DAY + HOUR_S, DAY + 3 * HOUR_S, "HOUR", True),
        (DAY, DAY + DAY_S, "WEEK", False),
    ],
)
def test_alignment_is_both_ends_on_a_bucket(
    start_s: int,
    end_s: int,
    interval: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """A window is aligned if it begins and ends with a bucket of its interval."""
    query = make_query(interval=interval, start_s=start_s, end_s=end_s)
    assert query.is_aligned is expected


def test_an_official_query_needs_no_end() -> None:
    """A window of the official shape without an end lasts until now."""
    assert read(OFFICIAL, timeRange={"startTimeInSeconds": DAY}).start_s == DAY


@pytest.mark.parametrize("name", ["rescaleFunction", "valuesTimeGroupingInterval"])
def test_what_changes_the_numbers_is_not_passed_over(name: str) -> None:
    """A query that asks for rescaled or regrouped values is not judged as if it did not."""
    with pytest.raises(UnreadableQueryError):
        read(OFFICIAL, **{name: "hour"})
