"""Random ledgers and queries for the model's tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from unit.metering.metering_kit import DAY, METER, make_record
from unit.metering.metering_model import Event, Habits, Query, bucket_after, bucket_of

from pytest_amberflo.metering.event import read_events
from pytest_amberflo.metering.ledger import Fate

if TYPE_CHECKING:
    from pytest_amberflo.metering.ledger import Record

CUSTOMERS: Final = ("acme", "bravo")
INTERVALS: Final = ("HOUR", "DAY", "WEEK", "MONTH")
_VALUES: Final = {
    "counts": st.integers(1, 1000),
    "cents": st.integers(1, 100_000).map(lambda n: n / 100),
    "signed": st.integers(-1000, 1000),
    "fractions": st.integers(-100_000, 100_000).map(lambda n: n / 100),
}
#: Made once: a strategy that is new has to be looked through before its first draw.
_INTERVAL: Final = st.sampled_from(INTERVALS)
_CUSTOMER: Final = st.sampled_from(CUSTOMERS)
_ASKED_FOR: Final = st.sampled_from([("acme",), ("bravo",), CUSTOMERS, ()])
_GROUP_BY: Final = st.sampled_from([[], ["customerId"], ["region"], ["customerId", "region"]])
_REGIONS: Final = st.sampled_from([["eu"], ["eu", "us"]])
_METER: Final = st.sampled_from([METER] * 5 + ["storage"])
_IS_INSIDE: Final = st.sampled_from([True, True, False])
_FATE: Final = st.sampled_from([Fate.STORED, Fate.STORED, Fate.STORED, Fate.MAYBE, Fate.REFUSED])
_REGION: Final = {
    True: st.sampled_from(["eu", "us", None]),
    False: st.sampled_from(["eu", "us"]),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What was sent, what is asked, and whether others can have written."""

    stored: list[Event]
    maybes: list[Event]
    refused: list[Event]
    query: Query
    knows_all_writers: bool

    @property
    def records(self) -> list[Record]:
        """The ledger."""
        fates = (
            (Fate.STORED, self.stored),
            (Fate.MAYBE, self.maybes),
            (Fate.REFUSED, self.refused),
        )
        return [
            make_record(event, fate)
            for fate, events in fates
            for sent in events
            for event in read_events(json.dumps(sent).encode())
        ]


@st.composite
def draw_cases(
    draw: st.DrawFn,
    *,
    aggregations: tuple[str, ...] = ("SUM", "COUNT"),
    is_open: bool = True,
    kinds: tuple[str, ...] = tuple(_VALUES),
    most: int = 5,
) -> Case:
    """A case; unless it `is_open`, nothing about it is: the window is aligned, all is known."""
    interval = draw(_INTERVAL)
    start = first = bucket_of(DAY + draw(st.integers(0, 40)) * 3600, interval)
    end = start
    for _ in range(draw(st.integers(1, 3))):
        last, end = end, bucket_after(end, interval)
    if is_open and draw(st.booleans()):
        start += draw(st.integers(0, 3599))
        end = draw(st.integers(max(last, start) + 1, end))
    customers = draw(_ASKED_FOR)
    query: Query = {
        "meterApiName": METER,
        "startTimeInSeconds": start,
        "endTimeInSeconds": end,
        "aggregation": draw(st.sampled_from(aggregations)),
        "timeGroupingInterval": interval,
        "groupBy": draw(_GROUP_BY),
        "filter": {"customerId": list(customers)} if customers else {},
    }
    if draw(st.booleans()):
        query["filter"]["region"] = draw(_REGIONS)
    values = _VALUES[draw(st.sampled_from(kinds))]
    count = draw(st.integers(1, most))
    margin = bucket_after(first, interval) - first
    around, inside = (first - margin, end + margin), (start, end)
    events = [
        _draw_event(
            draw,
            f"evt-{index}",
            values,
            inside if draw(_IS_INSIDE) else around,
            is_open=is_open,
        )
        for index in range(count)
    ]
    found = [draw(_FATE) if is_open else Fate.STORED for _ in events]
    known = {event["customerId"] for event in events}
    is_shared = not customers or not known.issuperset(customers)
    return Case(
        stored=[e for e, fate in zip(events, found, strict=True) if fate is Fate.STORED],
        maybes=[e for e, fate in zip(events, found, strict=True) if fate is Fate.MAYBE],
        refused=[e for e, fate in zip(events, found, strict=True) if fate is Fate.REFUSED],
        query=query,
        knows_all_writers=draw(st.booleans()) or is_shared,
    )


def _draw_event(
    draw: st.DrawFn,
    unique_id: str,
    values: st.SearchStrategy[float],
    window: tuple[int, int],
    *,
    is_open: bool,
) -> Event:
    event: dict[str, Any] = {
        "meterApiName": draw(_METER),
        "customerId": draw(_CUSTOMER),
        "meterValue": draw(values),
        "meterTimeInMillis": draw(st.integers(window[0] * 1000, window[1] * 1000 - 1)),
        "uniqueId": unique_id,
    }
    region = draw(_REGION[is_open])
    if region is not None:
        event["dimensions"] = {"region": region}
    return event


HABITS: Final = st.builds(
    Habits,
    widens_start=st.booleans(),
    widens_end=st.booleans(),
    drops_groupless=st.booleans(),
    keys_by_window=st.booleans(),
    fills=st.booleans(),
    filler=st.sampled_from([0, None]),
    groupless=st.sampled_from(["absent", "null", "empty"]),
    adds=st.sampled_from(["left", "right", "pairwise", "exactly"]),
    is_official=st.booleans(),
)
