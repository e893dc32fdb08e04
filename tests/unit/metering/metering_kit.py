"""Short ways to write events, records, queries and readings, and the effort of properties."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, settings

from pytest_amberflo.metering.event import MeterEvent
from pytest_amberflo.metering.expect import Judgement, judge_reading
from pytest_amberflo.metering.ledger import Fate, Record, Transmission
from pytest_amberflo.metering.query import Aggregation, Take, UsageQuery
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.usage import Reading
from pytest_amberflo.metering.window import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.metering.usage import GroupKey

#: Saturday 2026-11-21 00:00 UTC.
DAY: Final = 1_795_219_200
HOUR_S: Final = 3600
DAY_S: Final = 86400
METER: Final = "api-calls"


def effort(examples: int) -> settings:
    """The settings of a property: the same examples in every run, no time limit for one."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def make_event(
    value: float | str,
    *,
    at_s: float = DAY + HOUR_S,
    customer: str | None = "acme",
    meter: str = METER,
    unique_id: str | None = None,
    **dimensions: str,
) -> MeterEvent:
    """One event; by default an hour after the start of DAY."""
    return MeterEvent(
        meter=meter,
        customer=customer,
        value=Decimal(str(value)),
        time_ms=round(at_s * 1000),
        unique_id=unique_id,
        dimensions=tuple(sorted(dimensions.items())),
    )


def make_record(event: MeterEvent, *fates: Fate) -> Record:
    """A record with one transmission for each fate; stored at once where none is given."""
    sent = tuple(
        Transmission(event=event, fate=fate, at_s=float(DAY)) for fate in fates or (Fate.STORED,)
    )
    return Record(event, sent)


def make_query(
    aggregation: str = "SUM",
    interval: str = "DAY",
    *,
    group_by: Sequence[str] = ("customerId",),
    customers: Sequence[str] | None = ("acme",),
    start_s: int = DAY,
    end_s: int = DAY + DAY_S,
    meter: str = METER,
    take: Take | None = None,
) -> UsageQuery:
    """A query; by default for the sum of customer acme on DAY."""
    filters = () if customers is None else (("customerId", frozenset(customers)),)
    return UsageQuery(
        meter=meter,
        start_s=start_s,
        end_s=end_s,
        aggregation=Aggregation(aggregation),
        interval=Interval(interval),
        group_by=tuple(group_by),
        filters=filters,
        take=take,
    )


def make_reading(
    groups: Mapping[GroupKey, Mapping[int, float | str]],
    *,
    totals: Mapping[GroupKey, float | str] | None = None,
    other_meters: Mapping[str, Mapping[GroupKey, Mapping[int, float | str]]] | None = None,
) -> Reading:
    """What an answer states, numbers as they are written."""
    return Reading(
        groups=_to_decimals(groups),
        totals={group: Decimal(str(total)) for group, total in (totals or {}).items()},
        other_meters={name: _to_decimals(found) for name, found in (other_meters or {}).items()},
    )


def read_acme(number: float | str, *, bucket: int = DAY) -> Reading:
    """A reading of one number for customer acme."""
    return make_reading({("acme",): {bucket: number}})


def judge_events(
    reading: Reading, events: Sequence[MeterEvent], query: UsageQuery | None = None, **terms: Any
) -> Judgement:
    """The judgement of a reading after these events were stored."""
    records = [make_record(event) for event in events]
    return judge_reading(reading, records, query or make_query(), terms=Terms(**terms))


def _to_decimals(
    groups: Mapping[GroupKey, Mapping[int, float | str]],
) -> dict[GroupKey, dict[int, Decimal]]:
    return {
        group: {bucket: Decimal(str(number)) for bucket, number in buckets.items()}
        for group, buckets in groups.items()
    }
