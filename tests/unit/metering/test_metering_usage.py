"""Usage answers: both wire shapes into one reading, and wrong forms with their place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from unit.metering.metering_kit import DAY, DAY_S, METER, make_query, make_reading

from pytest_amberflo.metering.usage import (
    Reading,
    UsageShapeError,
    describe_group,
    read_usage,
)

BY_CUSTOMER = make_query()
BY_BOTH = make_query(group_by=("customerId", "region"))
UNGROUPED = make_query(group_by=())


def published(*groups: Any, meter: str = METER) -> dict[str, Any]:
    """An answer of the published shape: a map of meters to groups."""
    return {"clientMeters": {meter: list(groups)}}


def official(*groups: Any) -> dict[str, Any]:
    """An answer of the official shape: a list of groups."""
    return {"metadata": {}, "secondsSinceEpochIntervals": [DAY], "clientMeters": list(groups)}


def value_at(bucket: int, value: Any) -> dict[str, Any]:
    """One value of the official shape."""
    return {"secondsSinceEpochUtc": bucket, "value": value, "percentageFromPrevious": 0}


def read(data: Any, query: Any = BY_CUSTOMER) -> Reading:
    """The reading of an answer."""
    return read_usage(json.dumps(data).encode(), query)


def refuse(data: Any, query: Any = BY_CUSTOMER) -> str:
    """Where and why an answer is no usage."""
    with pytest.raises(UsageShapeError) as caught:
        read(data, query)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.reason}"
    return str(caught.value)


def test_published_shape_is_read() -> None:
    """Groups of a meter, buckets by their start, one or several in a record."""
    records = [{str(DAY): 2.5}, {str(DAY + DAY_S): 3, str(DAY + 2 * DAY_S): 0.1}]
    group = {"groupInfo": {"customerId": "acme"}, "records": records}
    assert read(published(group)) == make_reading(
        {("acme",): {DAY: "2.5", DAY + DAY_S: 3, DAY + 2 * DAY_S: "0.1"}}
    )


def test_official_shape_is_read() -> None:
    """A list of groups with values and, for each, its total."""
    acme = {
        "group": {"groupInfo": {"customerId": "acme"}},
        "groupValue": 5.5,
        "values": [value_at(DAY, 2.5), value_at(DAY + DAY_S, 3)],
    }
    bravo = {"group": {"groupInfo": {"customerId": "bravo"}}, "groupValue": 0, "values": []}
    assert read(official(acme, bravo)) == make_reading(
        {("acme",): {DAY: "2.5", DAY + DAY_S: 3}, ("bravo",): {}},
        totals={("acme",): "5.5", ("bravo",): 0},
    )


def test_numbers_keep_their_text() -> None:
    """Values are decimals of their text: 0.1 is no float."""
    group = {"groupInfo": {"customerId": "acme"}, "records": [{str(DAY): 0.1}]}
    assert read(published(group)).groups["acme",][DAY] == Decimal("0.1")


@pytest.mark.parametrize(
    "data", [official(), published(), {"clientMeters": {}}], ids=["list", "map", "no meter"]
)
def test_no_usage_is_no_groups(data: Any) -> None:
    """An empty list, a meter without groups and a missing meter all say that there is nothing."""
    assert read(data) == make_reading({})


def test_null_and_zero_are_the_same() -> None:
    """An empty bucket is 0 or null; both shapes, and a value that is not there."""
    group = {"groupInfo": {"customerId": "acme"}, "records": [{str(DAY): None, "0": 0}]}
    expected = make_reading({("acme",): {DAY: 0, 0: 0}})
    assert read(published(group)) == expected
    values = [value_at(DAY, None), {"secondsSinceEpochUtc": 0}]
    group = {"group": {"groupInfo": {"customerId": "acme"}}, "values": values}
    assert read(official(group)) == expected


@pytest.mark.parametrize("info", [{"customerId": "acme"}, {"customerId": "acme", "region": None}])
def test_a_dimension_may_be_absent_null_or_empty(info: dict[str, Any]) -> None:
    """A group without a dimension has None for it, however the answer writes that."""
    written = [info, info | {"region": ""}]
    for one in written:
        reading = read(published({"groupInfo": one, "records": [{str(DAY): 1}]}), BY_BOTH)
        assert list(reading.groups) == [("acme", None)]


@pytest.mark.parametrize("form", [{}, {"groupInfo": None}, {"groupInfo": {}}, {"group": None}])
def test_without_group_by_there_is_one_group(form: dict[str, Any]) -> None:
    """All usage is one group without a key, and its info may be missing or empty."""
    reading = read(published(form | {"records": [{str(DAY): 7}]}), UNGROUPED)
    assert reading == make_reading({(): {DAY: 7}})


def test_groups_are_in_the_order_of_the_query() -> None:
    """A group's key has the query's order, and what was not asked for is left out."""
    info = {"tier": "gold", "region": "eu", "customerId": "acme"}
    reading = read(published({"groupInfo": info, "records": []}), BY_BOTH)
    assert list(reading.groups) == [("acme", "eu")]


def test_ids_are_read_exactly() -> None:
    """Ids of groups keep letter case, spaces and unicode form."""
    names = ["acme", "Acme", "acme ", "caf\u00e9", "cafe\u0301"]
    groups = [{"groupInfo": {"customerId": name}, "records": []} for name in names]
    assert [key for (key,) in read(published(*groups)).groups] == names


def test_other_meters_are_kept_apart() -> None:
    """Usage of meters that were not asked for is not added to the one that was."""
    groups = [{"groupInfo": {"customerId": "acme"}, "records": [{str(DAY): 4}]}]
    data = {"clientMeters": {METER: [], "storage": groups, "empty": []}}
    assert read(data) == make_reading({}, other_meters={"storage": {("acme",): {DAY: 4}}})


@pytest.mark.parametrize("total", [None, "5", [5]])
def test_a_total_that_is_no_number_is_no_total(total: Any) -> None:
    """`groupValue` is left out where it is not there or no number: the schema judges that."""
    group = {"group": {"groupInfo": {"customerId": "acme"}}, "groupValue": total, "values": []}
    assert read(official(group)).totals == {}


def test_total_of_a_reading_is_that_of_all_cells() -> None:
    """The sum goes over groups and buckets, exactly."""
    assert make_reading({("a",): {0: "0.1", 1: "0.2"}, ("b",): {0: 4}}).total() == Decimal("4.3")


@pytest.mark.parametrize("twin", ["acme", None])
def test_a_group_that_stands_twice_is_refused(twin: str | None) -> None:
    """One group in two places would hide half of its usage."""
    group = {"groupInfo": {"customerId": twin}, "records": []}
    name = "customerId acme" if twin else "no customerId"
    assert refuse(published(group, group)) == (
        f"$.clientMeters['api-calls'][1]: the group {name} stands twice"
    )


def test_a_bucket_that_stands_twice_is_refused() -> None:
    """One bucket in two places would hide half of its usage, in both shapes."""
    records = [{str(DAY): 1}, {f"0{DAY}": 1}]
    group = {"groupInfo": {"customerId": "acme"}, "records": records}
    assert refuse(published(group)) == (
        "$.clientMeters['api-calls'][0].records[1]['01795219200']: "
        "this bucket stands twice in the group"
    )
    group = {"group": {}, "values": [value_at(DAY, 0), value_at(DAY, None)]}
    assert refuse(official(group)) == (
        "$.clientMeters[0].values[1].value: this bucket stands twice in the group"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"OK", "$: the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "$: there is no `clientMeters`"),
        (b"{}", "$: there is no `clientMeters`"),
        (b'{"clientMeters": {"m": [], "m": []}}', "$: the body is no JSON: `m` stands twice"),
        (b'{"clientMeters": null}', "$.clientMeters: nothing stands where meters are due"),
        (b'{"clientMeters": 3}', "$.clientMeters: a number stands where meters are due"),
        (b'{"clientMeters": true}', "$.clientMeters: a boolean stands where meters are due"),
        (b'{"clientMeters": "x"}', '$.clientMeters: the text "x" stands where meters are due'),
    ],
)
def test_an_answer_of_another_form_is_refused(body: bytes, message: str) -> None:
    """What has no `clientMeters`, or not as list or object, is refused with its place."""
    with pytest.raises(UsageShapeError) as caught:
        read_usage(body, BY_CUSTOMER)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (7, "[0]: a number stands where a group is due"),
        ({"groupInfo": [], "records": []}, "[0].groupInfo: a list stands where an object is due"),
        (
            {"groupInfo": {"customerId": 7}, "records": []},
            "[0].groupInfo.customerId: a number stands where text is due",
        ),
        (
            {"groupInfo": {"customerId": False}, "records": []},
            "[0].groupInfo.customerId: a boolean stands where text is due",
        ),
        ({}, "[0].records: nothing stands where a list is due"),
        ({"records": {}}, "[0].records: an object stands where a list is due"),
        ({"records": [1]}, "[0].records[0]: a number stands where an object is due"),
        (
            {"records": [{"2026-11-21": 1}]},
            "[0].records[0]: `2026-11-21` is no start of a bucket in seconds",
        ),
        ({"records": [{"": 1}]}, "[0].records[0]: `` is no start of a bucket in seconds"),
        ({"records": [{"\u0663": 1}]}, "[0].records[0]: `\u0663` is no start of a bucket"),
        (
            {"records": [{}, {str(DAY): "2"}]},
            "[0].records[1]['1795219200']: the text \"2\" stands where a number is due",
        ),
        (
            {"records": [{str(DAY): [2]}]},
            "[0].records[0]['1795219200']: a list stands where a number is due",
        ),
    ],
)
def test_a_wrong_place_of_the_published_shape_is_named(group: Any, message: str) -> None:
    """Every wrong form has a path to it and says what stands there."""
    assert refuse(published(group)).startswith(f"$.clientMeters['api-calls']{message}")


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (None, "[0]: nothing stands where a group is due"),
        (
            {"group": {"groupInfo": "acme"}, "values": []},
            '[0].group.groupInfo: the text "acme" stands where an object is due',
        ),
        (
            {"group": {"groupInfo": {"customerId": {}}}, "values": []},
            "[0].group.groupInfo.customerId: an object stands where text is due",
        ),
        ({"values": None}, "[0].values: nothing stands where a list is due"),
        ({"values": [None]}, "[0].values[0]: nothing stands where an object is due"),
        ({"values": [{"value": 1}]}, "[0].values[0].secondsSinceEpochUtc: this is no integer"),
        (
            {"values": [value_at(DAY, 0), {"secondsSinceEpochUtc": 1.5}]},
            "[0].values[1].secondsSinceEpochUtc: this is no integer",
        ),
        ({"values": [value_at(DAY, "1")]}, '[0].values[0].value: the text "1" stands where a'),
        ({"values": [value_at(DAY, True)]}, "[0].values[0].value: a boolean stands where a"),
    ],
)
def test_a_wrong_place_of_the_official_shape_is_named(group: Any, message: str) -> None:
    """Every wrong form has a path to it and says what stands there."""
    assert refuse(official(group)).startswith(f"$.clientMeters{message}")


def test_a_meter_whose_usage_is_no_list_is_refused() -> None:
    """The path names the meter, also one that was not asked for."""
    data = {"clientMeters": {METER: [], "storage": {"records": []}}}
    assert refuse(data) == (
        "$.clientMeters['storage']: an object stands where a list of groups is due"
    )


def test_groups_have_names() -> None:
    """A group is called by the query's keys; all usage has no key."""
    assert describe_group(("acme", None), BY_BOTH) == "customerId acme, no region"
    assert describe_group((), UNGROUPED) == "of all usage"


def test_a_start_of_any_length_is_refused_not_a_crash() -> None:
    """A bucket key without end is a wrong form with a path."""
    records = [{"1" * 5000: 1}]
    assert refuse(published({"groupInfo": {}, "records": records})).startswith("$.clientMeters")


def test_absent_and_empty_dimensions_may_be_two_groups() -> None:
    """Events without a dimension and with an empty one may rightly have a group each."""
    infos = [{"region": None}, {"region": ""}]
    groups = [{"groupInfo": info, "records": [{str(DAY): 1}]} for info in infos]
    reading = read(published(*groups), make_query(group_by=("region",)))
    assert reading.total() == 2
