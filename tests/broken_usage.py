"""Services that change values, mix customers and meters, misplace times or misread questions."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from broken_loss import BrokenService
from right_service import DAY, HOUR, Item

if TYPE_CHECKING:
    from collections.abc import Callable

# ---- values


def _valued(name: str, probe: str, change: Callable[[float], float]) -> type[BrokenService]:
    """A service that counts another value than was sent."""

    def value_of(_self: BrokenService, item: Item) -> float:
        return change(item.value)

    return type(name, (BrokenService,), {"caught_by": probe, "value_of": value_of})


def _to_float32(value: float) -> float:
    single: float = struct.unpack("f", struct.pack("f", value))[0]
    return int(single) if single == int(single) else single


VALUED = (
    _valued("RoundsToIntegers", "probe_values::fractions", round),
    _valued("CutsFractions", "probe_values::fractions", int),
    _valued("RoundsToCents", "probe_values::fractions", lambda v: round(v, 2)),
    _valued("RoundsToSixDigits", "probe_values::tiny", lambda v: round(v, 6)),
    _valued("DropsSigns", "below_zero", abs),
    _valued("DropsNegatives", "below_zero", lambda v: max(v, 0)),
    _valued("TurnsSigns", "below_zero", lambda v: -v),
    _valued("KeepsFloat32", "probe_values::large", _to_float32),
    _valued("StopsAt32Bits", "probe_values::large", lambda v: min(v, 2**31 - 1)),
    _valued("WrapsAt32Bits", "probe_values::large", lambda v: v % 2**32 if v == int(v) else v),
    _valued("StopsAtATrillion", "probe_values::huge", lambda v: min(v, 10**13)),
    _valued("CountsInThousands", "one_event", lambda v: v / 1000),
    _valued("KeepsTwelveDigits", "many_digits", lambda v: float(f"{v:.12g}")),
    _valued("LosesSmallOnes", "probe_values::tiny", lambda v: v if abs(v) > 1e-9 or not v else 0),
)


class SkipsZeros(BrokenService):
    caught_by = "probe_values::zero"

    def store(self, account: str, record: Item) -> None:
        if record.value:
            super().store(account, record)


class SumsInFloat32(BrokenService):
    caught_by = "sum_of_large_and_small"

    def aggregate(self, query: dict[str, Any], values: list[float]) -> float:
        if query["aggregation"] != "SUM":
            return super().aggregate(query, values)
        total = 0.0
        for value in values:
            total = _to_float32(total + value)
        return total


# ---- attribution


def _stored(name: str, probe: str, change: Callable[[Item], Item]) -> type[BrokenService]:
    """A service that keeps another record than was sent, under the right key."""

    def store(self: BrokenService, account: str, record: Item) -> None:
        super(self.__class__, self).store(account, change(record))

    return type(name, (BrokenService,), {"caught_by": probe, "store": store})


def _dimensions(record: Item, change: Callable[[str], str]) -> Item:
    return replace(record, dimensions=tuple((k, change(v)) for k, v in record.dimensions))


STORED = (
    _stored("FoldsMeters", "names_of_another_case", lambda r: replace(r, meter=r.meter.lower())),
    _stored(
        "CutsMeters",
        "long_names",
        lambda r: replace(r, meter=r.meter[:32]) if len(r.meter) > 50 else r,
    ),
    _stored(
        "TakesDashesForUnderscores",
        "names_with_dots_and_dashes",
        lambda r: replace(r, meter=r.meter.replace("_", "-")),
    ),
    _stored(
        "FoldsCustomers",
        "ids_of_another_case",
        lambda r: replace(r, customer=(r.customer or "").lower()),
    ),
    _stored(
        "TrimsCustomers",
        "ids_with_a_space",
        lambda r: replace(r, customer=(r.customer or "").strip()),
    ),
    _stored(
        "TakesCustomersForNumbers",
        "ids_with_leading_zeros",
        lambda r: replace(r, customer=(r.customer or "").lstrip("0")),
    ),
    _stored(
        "DropsMarksOfCustomers",
        "ids_with_marks",
        lambda r: replace(r, customer=(r.customer or "").replace("%", "").replace("'", "")),
    ),
    _stored(
        "LosesLettersOutsideAscii",
        "ids_with_marks",
        lambda r: replace(r, customer=(r.customer or "").encode("ascii", "replace").decode()),
    ),
    _stored("FoldsDimensionValues", "groups_of_like_values", lambda r: _dimensions(r, str.lower)),
    _stored("TrimsDimensionValues", "groups_of_like_values", lambda r: _dimensions(r, str.strip)),
    _stored(
        "EscapesDimensionValues",
        "values_with_marks",
        lambda r: _dimensions(r, lambda v: v.replace("&", "&amp;")),
    ),
    _stored("DropsDimensions", "groups_of_a_dimension", lambda r: replace(r, dimensions=())),
    _stored(
        "KeepsOneDimension",
        "a_filter_of_one_value",
        lambda r: replace(r, dimensions=r.dimensions[1:]),
    ),
    _stored(
        "MovesAMillisecond", "start_of_the_window", lambda r: replace(r, time_ms=r.time_ms - 1)
    ),
    _stored(
        "RoundsSeconds",
        "end_of_the_window",
        lambda r: replace(r, time_ms=(r.time_ms + 500) // 1000 * 1000),
    ),
    _stored(
        "TakesShortTimesForSeconds",
        "events_of_long_ago",
        lambda r: replace(r, time_ms=r.time_ms * 1000) if r.time_ms < 10**12 else r,
    ),
    _stored(
        "TakesItsOwnTime",
        "events_of_several_hours",
        lambda r: replace(r, time_ms=int(time.time() * 1000)),
    ),
    _stored(
        "RoundsHours",
        "edges_of_hours",
        lambda r: replace(r, time_ms=(r.time_ms + 1_800_000) // 3_600_000 * 3_600_000),
    ),
)


class LeaksTheFirstCustomer(BrokenService):
    caught_by = "an_array_of_several_customers"

    def read_all(self, events: list[Any]) -> list[Item]:
        found = super().read_all(events)
        return [replace(record, customer=found[0].customer) for record in found]


class LeaksTheFirstMeter(BrokenService):
    caught_by = "an_array_of_several_meters"

    def read_all(self, events: list[Any]) -> list[Item]:
        found = super().read_all(events)
        return [replace(record, meter=found[0].meter) for record in found]


class LeaksDimensions(BrokenService):
    caught_by = "an_array_of_several_regions"

    def read_all(self, events: list[Any]) -> list[Item]:
        known: dict[str, str] = {}
        for event in events:
            if isinstance(event, dict):
                known = known | event.get("dimensions", {})
                event["dimensions"] = known
        return super().read_all(events)


class LeaksIds(BrokenService):
    caught_by = "an_array_with_and_without_ids"

    def read_all(self, events: list[Any]) -> list[Item]:
        found, known = [], None
        for record in super().read_all(events):
            known = record.unique_id or known
            found.append(
                replace(record, unique_id=known, time_ms=record.time_ms // 10_000 * 10_000)
            )
        return found


class GivesAllMetersOneValue(BrokenService):
    caught_by = "an_event_of_several_meters"

    def read_event(self, event: Any) -> list[Item]:
        found = super().read_event(event)
        return [replace(record, value=found[0].value) for record in found]


class MixesCustomersThatRace(BrokenService):
    caught_by = "customers_at_the_same_time"

    def read_all(self, events: list[Any]) -> list[Item]:
        self.current = events[0].get("customerId") if isinstance(events[0], dict) else None
        time.sleep(0.01)
        return [replace(record, customer=self.current) for record in super().read_all(events)]

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        records = self.read_all([self.parse(body)]) if body.startswith(b"{") else None
        if records is None:
            return super().ingest(account, body)
        with self.lock:
            self.take(account, records)
        return 200, "1 records were ingested"


# ---- time


class ZonedService(BrokenService):
    zone = "America/New_York"
    caught_by = "edges_of_days"

    def floor(self, seconds: int, interval: str) -> int:
        if interval == "HOUR":
            return super().floor(seconds, interval)
        offset = datetime.fromtimestamp(seconds, ZoneInfo(self.zone)).utcoffset()
        assert offset is not None
        shift = int(offset.total_seconds())
        # The bucket is named rightly, but holds the hours of another zone.
        return super().floor(seconds + shift, interval)

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
        return bool(start * 1000 <= item.time_ms < end * 1000)


class LondonService(ZonedService):
    zone = "Europe/London"
    caught_by = "days_of_summer"


class IndianHours(ZonedService):
    caught_by = "edges_of_hours"

    def floor(self, seconds: int, interval: str) -> int:
        shift = HOUR // 2 if interval == "HOUR" else 0
        return super(ZonedService, self).floor(seconds - shift, interval) + shift


class TakesTheEnd(BrokenService):
    caught_by = "end_of_the_window"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
        return bool(start * 1000 <= item.time_ms <= end * 1000)


class LeavesOutTheStart(BrokenService):
    caught_by = "start_of_the_window"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        is_start = item.time_ms == query["startTimeInSeconds"] * 1000
        return super().is_inside(item, query) and not is_start


class EndsASecondEarly(BrokenService):
    caught_by = "end_of_the_window"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        is_last = item.time_ms // 1000 == query["endTimeInSeconds"] - 1
        return super().is_inside(item, query) and not is_last


class IgnoresTheWindow(BrokenService):
    caught_by = "a_window_without_events"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        return True


class IgnoresTheStart(BrokenService):
    caught_by = "a_short_window"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        return bool(item.time_ms < query["endTimeInSeconds"] * 1000)


class CutsToWholeBuckets(BrokenService):
    caught_by = "inside_an_unaligned_window"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        size = {"HOUR": HOUR, "DAY": DAY}.get(query["timeGroupingInterval"])
        start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
        if size:
            start, end = -(-start // size) * size, end // size * size
        return bool(start * 1000 <= item.time_ms < end * 1000)


class WidensTooFar(BrokenService):
    caught_by = "outside_an_unaligned_window"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        start, end = query["startTimeInSeconds"] - HOUR, query["endTimeInSeconds"] + HOUR
        is_aligned = query["startTimeInSeconds"] % HOUR == 0
        return (
            super().is_inside(item, query) if is_aligned else start <= item.time_ms // 1000 < end
        )


def _floored(
    name: str, probe: str, interval: str, floor: Callable[[int], int]
) -> type[BrokenService]:
    """A service whose buckets of one size are not what they should be."""

    def bucket_of(self: BrokenService, item: Item, query: dict[str, Any]) -> int:
        if query["timeGroupingInterval"] == interval:
            return floor(item.time_ms // 1000)
        return super(self.__class__, self).bucket_of(item, query)

    return type(name, (BrokenService,), {"caught_by": probe, "bucket_of": bucket_of})


FLOORED = (
    _floored("MonthsOf30Days", "edges_of_months", "MONTH", lambda s: s - s % (30 * DAY)),
    _floored("WeeksOf8Days", "weeks_of_seven_days", "WEEK", lambda s: s - s % (8 * DAY)),
    _floored("WeeksOf5Days", "weeks_of_seven_days", "WEEK", lambda s: s - s % (5 * DAY)),
    _floored("WeeksFromNoon", "edges_of_weeks", "WEEK", lambda s: s - (s - 43_200) % (7 * DAY)),
    _floored("DaysOf25Hours", "edges_of_days", "DAY", lambda s: s - s % (25 * HOUR)),
    _floored("DaysByHour", "sum_of_a_bucket", "DAY", lambda s: s - s % HOUR),
    _floored("HoursByDay", "one_event", "HOUR", lambda s: s - s % DAY),
    _floored("HoursInMilliseconds", "one_event", "HOUR", lambda s: (s - s % HOUR) * 1000),
    _floored("DaysByTheirEnd", "edges_of_days", "DAY", lambda s: s - s % DAY + DAY),
    _floored(
        "NoLeapDay",
        "leap_day",
        "DAY",
        lambda s: s - s % DAY + (DAY if s // DAY == 1_709_164_800 // DAY else 0),
    ),
    _floored(
        "SkipsAnHourInSpring",
        "changes_of_clocks",
        "HOUR",
        lambda s: s - s % HOUR + (HOUR if s // HOUR == (1_711_846_800) // HOUR else 0),
    ),
)


class LosesTheRepeatedHour(BrokenService):
    caught_by = "changes_of_clocks"

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        local = datetime.fromtimestamp(item.time_ms / 1000, ZoneInfo("Europe/Berlin"))
        return super().is_inside(item, query) and not local.fold


# ---- aggregation, groups, filters


def _aggregated(
    name: str, probe: str, aggregate: Callable[[str, list[float]], float | None]
) -> type[BrokenService]:
    """A service that adds up in its own way; None is the right one."""

    def change(self: BrokenService, query: dict[str, Any], values: list[float]) -> float:
        found = aggregate(query["aggregation"], values)
        right: float = super(self.__class__, self).aggregate(query, values)
        return right if found is None else found

    return type(name, (BrokenService,), {"caught_by": probe, "aggregate": change})


AGGREGATED = (
    _aggregated("AlwaysSums", "count_of_a_bucket", lambda _, v: sum(v)),
    _aggregated("MaxIsTheLast", "maximum_of_a_bucket", lambda n, v: v[-1] if n == "MAX" else None),
    _aggregated("MaxIsTheFirst", "maximum_of_a_bucket", lambda n, v: v[0] if n == "MAX" else None),
    _aggregated(
        "MaxFromZero", "maximum_below_zero", lambda n, v: max(0, *v) if n == "MAX" else None
    ),
    _aggregated("MaxIsMin", "maximum_of_a_bucket", lambda n, v: min(v) if n == "MAX" else None),
    _aggregated("MaxIsSum", "maximum_of_a_bucket", lambda n, v: sum(v) if n == "MAX" else None),
    _aggregated(
        "CountsValues",
        "an_array_of_equal_values",
        lambda n, v: len(set(v)) if n == "COUNT" else None,
    ),
    _aggregated(
        "CountsNonZeros",
        "count_of_a_bucket",
        lambda n, v: sum(map(bool, v)) if n == "COUNT" else None,
    ),
    _aggregated(
        "SumsDistinct",
        "an_array_of_equal_values",
        lambda n, v: sum(set(v)) if n == "SUM" else None,
    ),
    _aggregated(
        "Averages", "sum_of_a_bucket", lambda n, v: sum(v) / len(v) if n == "SUM" else None
    ),
    _aggregated(
        "SumsTheAbsolute", "below_zero", lambda n, v: sum(map(abs, v)) if n == "SUM" else None
    ),
    _aggregated(
        "SumsTheLastTen",
        "events_one_after_another",
        lambda n, v: sum(v[-10:]) if n == "SUM" else None,
    ),
)


class MaxOfTheWholeWindow(BrokenService):
    caught_by = "maximum_of_each_bucket"

    def list_records(self, query: dict[str, Any], buckets: dict[int, list[float]]) -> Any:
        if query["aggregation"] == "MAX":
            top = max(value for values in buckets.values() for value in values)
            buckets = {start: [top] for start in buckets}
        return super().list_records(query, buckets)


class AsksOtherwise(BrokenService):
    """A service that reads queries wrongly."""

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        return super().usage(account, self.change(dict(query)))

    def change(self, query: dict[str, Any]) -> dict[str, Any]:
        return query


def _asked(
    name: str, probe: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> type[BrokenService]:
    def changed(_self: AsksOtherwise, query: dict[str, Any]) -> dict[str, Any]:
        return change(query)

    return type(name, (AsksOtherwise,), {"caught_by": probe, "change": changed})


def _first_of_each(filters: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: values[:1] for name, values in filters.items()}


ASKED = (
    _asked("IgnoresAggregation", "count_of_a_bucket", lambda q: q | {"aggregation": "SUM"}),
    _asked("IgnoresInterval", "sum_of_a_bucket", lambda q: q | {"timeGroupingInterval": "DAY"}),
    _asked("IgnoresGroups", "groups_of_a_dimension", lambda q: q | {"groupBy": []}),
    _asked(
        "GroupsByTheFirst",
        "groups_of_two_dimensions",
        lambda q: q | {"groupBy": (q.get("groupBy") or [])[:1]},
    ),
    _asked(
        "GroupsByCustomerAlways",
        "groups_of_a_dimension",
        lambda q: q | {"groupBy": ["customerId"]},
    ),
    _asked("IgnoresCustomers", "one_customer_of_several", lambda q: q | {"customerFilter": []}),
    _asked(
        "TakesOneCustomer",
        "two_customers_of_several",
        lambda q: q | {"customerFilter": (q.get("customerFilter") or [])[:1]},
    ),
    _asked(
        "IgnoresCustomersInGroups",
        "one_customer_of_several",
        lambda q: q | ({"customerFilter": []} if q.get("groupBy") else {}),
    ),
    _asked("IgnoresFilters", "a_filter_of_one_value", lambda q: q | {"filter": {}}),
    _asked(
        "TakesOneValue",
        "a_filter_of_two_values",
        lambda q: q | {"filter": _first_of_each(q.get("filter") or {})},
    ),
    _asked(
        "TakesOneFilter",
        "two_filters",
        lambda q: q | {"filter": dict(list((q.get("filter") or {}).items())[:1])},
    ),
    _asked(
        "IgnoresFiltersInGroups",
        "a_filter_beside_a_group",
        lambda q: q | ({"filter": {}} if q.get("groupBy") else {}),
    ),
    _asked(
        "IgnoresFiltersOfMax",
        "a_filter_of_one_value",
        lambda q: q | ({"filter": {}} if q["aggregation"] == "MAX" else {}),
    ),
)


class TurnsFiltersRound(BrokenService):
    caught_by = "a_filter_of_one_value"

    def passes_filters(self, item: Item, query: dict[str, Any]) -> bool:
        return not query.get("filter") or not super().passes_filters(item, query)


class JoinsFiltersByOr(BrokenService):
    caught_by = "two_filters"

    def passes_filters(self, item: Item, query: dict[str, Any]) -> bool:
        found, filters = item.attributes, query.get("filter") or {}
        return not filters or any(found.get(name) in values for name, values in filters.items())


class FiltersByPart(BrokenService):
    caught_by = "a_filter_that_nothing_passes"

    def passes_filters(self, item: Item, query: dict[str, Any]) -> bool:
        found = item.attributes
        return all(
            any(value in found.get(name, "") for value in values)
            for name, values in (query.get("filter") or {}).items()
        )


class LetsTheUndimensionedPass(BrokenService):
    caught_by = "groups_of_an_absent_dimension"

    def passes_filters(self, item: Item, query: dict[str, Any]) -> bool:
        found = item.attributes
        return all(
            name not in found or found[name] in values
            for name, values in (query.get("filter") or {}).items()
        )


class FiltersCustomersByStart(BrokenService):
    caught_by = "ids_that_begin_alike"

    def passes_customers(self, item: Item, query: dict[str, Any]) -> bool:
        wanted = query.get("customerFilter")
        return not wanted or any((item.customer or "").startswith(name) for name in wanted)


class FiltersCustomersByFold(BrokenService):
    caught_by = "ids_of_another_case"

    def passes_customers(self, item: Item, query: dict[str, Any]) -> bool:
        wanted = [name.lower() for name in query.get("customerFilter") or []]
        return not wanted or (item.customer or "").lower() in wanted


class ShowsAllForUnknownCustomers(BrokenService):
    caught_by = "a_customer_without_usage"

    def passes_customers(self, item: Item, query: dict[str, Any]) -> bool:
        known = {other.customer for items in self.items.values() for other in items}
        wanted = set(query.get("customerFilter") or []) & known
        return not wanted or item.customer in wanted


class ShowsOtherMeters(BrokenService):
    caught_by = "other_meters_of_the_customer"

    def matches(self, item: Item, query: dict[str, Any]) -> bool:
        return super().matches(item, query | {"meterApiName": item.meter})


class MatchesMetersByStart(BrokenService):
    caught_by = "names_that_begin_alike"

    def matches(self, item: Item, query: dict[str, Any]) -> bool:
        is_mine = item.meter.startswith(query["meterApiName"])
        return is_mine and super().matches(item, query | {"meterApiName": item.meter})


class JoinsTheUndimensioned(BrokenService):
    caught_by = "groups_of_an_absent_dimension"

    def group_of(self, item: Item, names: list[str]) -> tuple[str | None, ...]:
        found = item.attributes
        return tuple(found.get(name, "eu") for name in names)


class FoldsGroups(BrokenService):
    caught_by = "groups_of_like_values"

    def group_of(self, item: Item, names: list[str]) -> tuple[str | None, ...]:
        found = super().group_of(item, names)
        return tuple(value.lower() if value else value for value in found)


class SwapsGroups(BrokenService):
    caught_by = "groups_of_two_dimensions"

    def name_group(self, names: list[str], group: tuple[str | None, ...]) -> dict[str, Any]:
        return super().name_group(names, group[::-1])


class ShowsTwoGroups(BrokenService):
    caught_by = "groups_of_a_dimension"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        answer = super().usage(account, query)
        name = query["meterApiName"]
        answer["clientMeters"][name] = answer["clientMeters"][name][:2]
        return answer


class ShowsTheFirstBucketOnly(BrokenService):
    caught_by = "events_of_several_hours"

    def list_records(self, query: dict[str, Any], buckets: dict[int, list[float]]) -> Any:
        first = min(buckets)
        return super().list_records(query, {first: buckets[first]})


class AddsEmptyGroupsTwice(BrokenService):
    caught_by = "all_usage_of_a_meter"

    def passes_customers(self, item: Item, query: dict[str, Any]) -> bool:
        first = min(
            (i.customer or "" for i in self.items["one"] if i.meter == item.meter), default=""
        )
        return super().passes_customers(item, query) and (
            bool(query.get("customerFilter"))
            or bool(query.get("groupBy"))
            or item.customer == first
        )


# ---- repeated reads


class Reads(BrokenService):
    """A service that changes with being read."""

    def key(self, query: dict[str, Any]) -> str:
        return repr(sorted(query.items(), key=str))


class KeepsAnswersForEver(Reads):
    caught_by = "what_comes_after_a_reading"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        known = self.__dict__.setdefault("answers", {})
        return known.setdefault((account, self.key(query)), super().usage(account, query))


class KeepsEmptyAnswers(Reads):
    caught_by = "what_comes_after_an_empty_reading"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        known = self.__dict__.setdefault("answers", {})
        answer = super().usage(account, query)
        if not answer["clientMeters"][query["meterApiName"]]:
            known.setdefault((account, self.key(query)), answer)
        return known.get((account, self.key(query)), answer)


class KeepsAnswersOfAllCustomers(Reads):
    caught_by = "one_customer_after_another"

    def key(self, query: dict[str, Any]) -> str:
        return super().key(query | {"customerFilter": None})

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        known = self.__dict__.setdefault("answers", {})
        until, answer = known.get(self.key(query), (0.0, None))
        if until < time.monotonic():
            answer = super().usage(account, query)
            known[self.key(query)] = (time.monotonic() + 0.05, answer)
        return answer


class KeepsAnswersOfAllWindows(KeepsAnswersOfAllCustomers):
    caught_by = "one_window_after_another"

    def key(self, query: dict[str, Any]) -> str:
        return repr([query["meterApiName"], query.get("customerFilter"), query["aggregation"]])


class Flaps(Reads):
    caught_by = "the_same_answer_again"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        turns = self.__dict__.setdefault("turns", {})
        turn = turns[self.key(query)] = turns.get(self.key(query), -1) + 1
        answer = super().usage(account, query)
        return {"clientMeters": {}} if turn % 5 == 4 else answer


class Drains(Reads):
    caught_by = "reading_takes_nothing_away"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        answer = super().usage(account, query)
        self.items[account] = [i for i in self.items[account] if not self.matches(i, query)]
        return answer


class DoublesWhenRead(Reads):
    caught_by = "the_same_answer_again"

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        answer = super().usage(account, query)
        again = [i for i in self.items[account] if self.matches(i, query)]
        self.items[account] += again[:1]
        return answer


class LagsOnOneReplica(Reads):
    caught_by = "the_same_answer_again"

    def visible(self, account: str) -> list[Item]:
        found = super().visible(account)
        lag = 0.5 if self.queries % 3 == 2 else 0.0
        return [item for item in found if item.visible_at <= time.monotonic() - lag]


class ForgetsTheRest(Reads):
    caught_by = "usage_stays"

    def store(self, account: str, record: Item) -> None:
        super().store(account, record)
        self.items[account] = self.items[account][-4:]
