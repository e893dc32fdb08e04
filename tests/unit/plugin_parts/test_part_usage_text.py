"""Expected usage beside seen usage, as text: whole tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from unit.plugin_parts.part_kit import DAY, StepClock, make_exchange

from pytest_amberflo.http.exchange import Response
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.metering.ledger import Ledger
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.usage_text import describe_usage, format_duration, summarize_usage
from pytest_amberflo.verdict import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.verdict import UsageDetail

DAY_S = 86400


def event(value: float, day: int = 0, customer: str = "acme") -> dict[str, Any]:
    """An event of a day, an hour after its start, with an id of its own."""
    return {
        "meterApiName": "api-calls",
        "customerId": customer,
        "meterValue": value,
        "meterTimeInMillis": (DAY + day * DAY_S + 3600) * 1000,
        "uniqueId": f"{customer}-{day}-{value}",
    }


def judge(
    events: Sequence[dict[str, Any]],
    *answers: dict[str, dict[int, float]],
    days: int = 1,
    hold_s: float = 0.0,
    **members: Any,
) -> UsageDetail:
    """The detail of a judged query whose answers have usage by customer and day."""
    body = {
        "meterApiName": "api-calls",
        "startTimeInSeconds": DAY,
        "endTimeInSeconds": DAY + days * DAY_S,
        "aggregation": "SUM",
        "timeGroupingInterval": "DAY",
        "groupBy": ["customerId"],
        "customerFilter": ["acme", "bravo"],
    }
    clock = StepClock()
    found = UsageJudge(Ledger(), Tally(), clock, Terms(knows_all_writers=True))
    found.enter(make_exchange(json.dumps(list(events)).encode()))
    left = [Response(status=200, body=write(answer)) for answer in answers]

    def read() -> Response:
        return left.pop(0) if len(left) > 1 else left[0]

    query = read_query(json.dumps(body | members).encode())
    concluded = found.settle(query, read, settle_s=1.0, hold_s=hold_s)
    assert concluded is not None
    return concluded[2]


def write(usage: dict[str, dict[int, float]]) -> bytes:
    """An answer of the published shape."""
    groups = [
        {
            "groupInfo": {"customerId": customer},
            "records": [{str(DAY + day * DAY_S): number} for day, number in days.items()],
        }
        for customer, days in usage.items()
    ]
    return json.dumps({"clientMeters": {"api-calls": groups}}).encode()


def test_a_lost_event_as_text() -> None:
    """The query, one row with its difference, the causes, and how long was waited."""
    detail = judge([event(2.5)], {}, customerFilter=["acme"])
    assert describe_usage(detail) == [
        "usage of meter api-calls, customer acme, SUM by DAY",
        "                            expected          seen    difference",
        "2026-11-21                       2.5             0          -2.5",
        "",
        "The event of 2.5 at 2026-11-21 01:00:00.000 (uniqueId acme-0-2.5) was lost: "
        "it was accepted (200) and is not counted.",
        "Nothing more came.",
        "Seen in 8 readings over 1.0 s.",
    ]
    assert summarize_usage(detail) == (
        "usage of meter api-calls: 2.5 expected, 0 seen. The event of 2.5 at "
        "2026-11-21 01:00:00.000 (uniqueId acme-0-2.5) was lost: it was accepted (200) and is "
        "not counted."
    )


def test_rows_of_several_groups_have_their_names() -> None:
    """With more than one group a row says which it is; right rows have no difference."""
    events = [event(1), event(2, day=1), event(4, customer="bravo")]
    detail = judge(events, {"acme": {0: 1, 1: 5}, "bravo": {0: 4}}, days=2)
    assert describe_usage(detail) == [
        "usage of meter api-calls, customer acme, bravo, SUM by DAY",
        "                                  expected          seen    difference",
        "2026-11-21  customerId acme              1             1",
        "2026-11-21  customerId bravo             4             4",
        "2026-11-22  customerId acme              2             5            +3",
        "",
        "3 too much: counted twice in part, or another writer on this customer.",
        "Seen in one reading over 0 ms.",
    ]


def test_a_difference_has_its_sign() -> None:
    """Half too much has a plus, half too little a minus."""
    lines = describe_usage(judge([event(1), event(0.5, day=1)], {"acme": {0: 1.5}}, days=2))
    assert lines[2:4] == [
        "2026-11-21                         1           1.5          +0.5",
        "2026-11-22                       0.5             0          -0.5",
    ]


def test_right_usage_as_text() -> None:
    """A right reading has a row without a difference, and when it was right is no news."""
    detail = judge([event(1)], {}, {"acme": {0: 1}})
    assert describe_usage(detail) == [
        "usage of meter api-calls, customer acme, bravo, SUM by DAY",
        "                            expected          seen    difference",
        "2026-11-21                         1             1",
        "",
        "Seen in 2 readings over 10 ms.",
    ]
    bare = replace(detail, settled=None)
    assert describe_usage(bare) == describe_usage(detail)[:-1]
    assert summarize_usage(bare) == "usage of meter api-calls: nothing can be concluded"


def test_a_foreign_customer_has_a_row() -> None:
    """What nobody sent stands in the table, too."""
    detail = judge([event(1)], {"acme": {0: 1}, "zulu": {0: 9}}, customerFilter=["acme"])
    lines = describe_usage(detail)
    assert "2026-11-21  customerId zulu             0             9            +9" in lines
    assert summarize_usage(detail) == (
        "usage of meter api-calls: 0 expected, 9 seen. 9 is shown for customerId zulu, which the "
        "query's customer filter leaves out."
    )


def test_usage_that_changed_after_it_was_right() -> None:
    """When it was right, and that it changed, is said after the causes."""
    lines = describe_usage(judge([event(3)], {"acme": {0: 3}}, {"acme": {0: 6}}, hold_s=1.0))
    assert lines[-1] == (
        "Seen in 2 readings over 10 ms. It was right after 0 ms, and then changed."
    )


def test_readings_that_went_backward() -> None:
    """A replica that lags is mentioned."""
    events = [event(1), event(2)]
    answers: list[dict[str, dict[int, float]]] = [{"acme": {0: 2}}, {"acme": {0: 1}}]
    lines = describe_usage(judge(events, *answers, {"acme": {0: 7}}))
    assert lines[-1] == (
        "Seen in 3 readings over 30 ms. Readings went backwards: a replica may lag."
    )


def test_a_large_table_shows_what_is_wrong_first() -> None:
    """Of many rows twenty are shown in their order, wrong ones among them, others counted."""
    events = [event(1, day=day) for day in range(30)]
    seen = dict.fromkeys(range(30), 1.0) | {25: 7.0}
    lines = describe_usage(judge(events, {"acme": seen}, days=30))
    assert "2026-12-16                         1             7            +6" in lines
    assert lines[2 + 20] == "and 10 more"
    days = [line[:10] for line in lines[2:22]]
    assert days == sorted(days)


def test_usage_of_everybody_has_no_customer() -> None:
    """A query that is not limited to customers names none."""
    detail = judge([event(1)], {"acme": {0: 1}}, customerFilter=[], groupBy=[])
    assert describe_usage(detail)[0] == "usage of meter api-calls, SUM by DAY"


def test_nothing_expected_and_nothing_seen() -> None:
    """Without rows the table says so; without a cause the summary does."""
    detail = judge([], {"acme": {0: 0}})
    assert describe_usage(detail)[1] == "  nothing was expected, and nothing was seen"
    assert summarize_usage(detail) == "usage of meter api-calls: nothing can be concluded"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.0034, "3 ms"), (0.9994, "999 ms"), (1, "1.0 s"), (61.26, "61.3 s")],
)
def test_times_as_readers_name_them(seconds: float, text: str) -> None:
    """Below a second in milliseconds, else in seconds."""
    assert format_duration(seconds) == text
