"""What a server must answer, worked out from everything it was sent: slow, plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CANCEL = "aflo.cancel_previous_resource_event"
#: Meters whose records are not told apart by all their attributes, and by which.
RULES = {"m1": ("uniqueId", "first"), "m2": ("block", "last"), "m3": ("record", "last")}
LAG_S = 3_600
SETTLE_S = 9_000
_LENGTHS = {"HOUR": 3_600, "DAY": 86_400, "WEEK": 604_800}


@dataclass(eq=False)
class Known:
    """A record, as the model keeps it."""

    event: dict[str, Any]
    #: Position in the order of arrivals, and the server's time then, in steps of the test.
    number: int
    time_s: int
    copies: int = 1

    @property
    def dimensions(self) -> dict[str, str]:
        """The dimensions, none if none were sent."""
        found: dict[str, str] = self.event.get("dimensions") or {}
        return found

    @property
    def is_cancel(self) -> bool:
        """Whether it takes another one back."""
        return self.dimensions.get(CANCEL) == "true"

    def get(self, name: str) -> str | None:
        """The customer or a dimension."""
        if name == "customerId":
            customer: str | None = self.event.get("customerId")
            return customer
        return self.dimensions.get(name)


@dataclass
class Model:
    """One tenant's account."""

    #: Meter to its records, by all that was sent of them.
    records: dict[str, dict[Any, Known]] = field(default_factory=dict)
    #: Meter to its rules: dimension, values, action, and the arrivals from and until which.
    rules: dict[str, list[tuple[str, list[str], str, int, int]]] = field(default_factory=dict)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    number: int = 0

    def ingest(self, events: list[dict[str, Any]], now_s: int) -> None:
        """Take events in."""
        for event in events:
            self.number += 1
            dimensions = tuple(sorted((event.get("dimensions") or {}).items()))
            names = ("meterTimeInMillis", "customerId", "uniqueId", "meterValue")
            key = (*(event.get(name) for name in names), dimensions)
            records = self.records.setdefault(event["meterApiName"], {})
            if key in records:
                records[key].copies += 1
            else:
                records[key] = Known(event, self.number, now_s)

    def put_rule(self, meter: str, name: str, values: list[str], action: str) -> None:
        """Replace the rule of a meter's dimension from now on."""
        rules = self.rules.setdefault(meter, [])
        self.number += 1
        for index, rule in enumerate(rules):
            if rule[0] == name and rule[4] == 10**9:
                rules[index] = (*rule[:4], self.number)
        rules.append((name, values, action, self.number, 10**9))

    def usage(
        self, query: dict[str, Any], now_s: int, *, is_settled: bool
    ) -> dict[tuple[str | None, ...], dict[int, float]]:
        """The groups of a query (in flat form) and their buckets."""
        start, end = query["start"], query["end"]
        interval = query["interval"]
        counted = self._count(query["meter"], now_s, is_settled=is_settled)
        groups: dict[tuple[str | None, ...], dict[int, list[tuple[Known, int]]]] = {}
        for known, weight in counted:
            second = known.event["meterTimeInMillis"] // 1000
            bucket = floor(interval, second)
            if not floor(interval, start) <= bucket or bucket >= ceil(interval, end):
                continue
            if any(known.get(name) not in values for name, values in query["filters"].items()):
                continue
            group = tuple(known.get(name) for name in query["groupBy"])
            groups.setdefault(group, {}).setdefault(bucket, []).append((known, weight))
        return {
            group: {b: _aggregate(query["aggregation"], found) for b, found in buckets.items()}
            for group, buckets in groups.items()
        }

    def _count(self, meter: str, now_s: int, *, is_settled: bool) -> list[tuple[Known, int]]:
        """The records that count, each with how often."""
        shown = [
            known
            for known in self.records.get(meter, {}).values()
            if known.time_s + LAG_S <= now_s
        ]
        cancels = [known for known in shown if known.is_cancel]
        found = []
        for known in shown:
            is_fresh = not is_settled and known.time_s + SETTLE_S > now_s
            if known.is_cancel or self._is_filtered(meter, known):
                continue
            if is_fresh or not any(_cancels(cancel, known) for cancel in cancels):
                found.append((known, is_fresh))
        kept = _choose(meter, [known for known, _ in found])
        return [
            (known, known.copies if is_fresh else 1)
            for known, is_fresh in found
            if is_fresh or known in kept
        ]

    def _is_filtered(self, meter: str, known: Known) -> bool:
        for name, values, action, first, last in self.rules.get(meter, ()):
            if first <= known.number < last:
                fits = known.get(name) in values
                if fits != (action == "INCLUDE"):
                    return True
        return False


def _cancels(cancel: Known, known: Known) -> bool:
    one, other = cancel.event, known.event
    if cancel.number < known.number or one.get("customerId") != other.get("customerId"):
        return False
    if one.get("uniqueId") != other.get("uniqueId"):
        return False
    if one.get("uniqueId") is not None:
        return True
    rest = {name: value for name, value in cancel.dimensions.items() if name != CANCEL}
    names = ("meterTimeInMillis", "meterValue")
    return rest == known.dimensions and all(one[name] == other[name] for name in names)


def _choose(meter: str, records: list[Known]) -> set[Known]:
    """The records that are left where some of them are the same by the meter's rule."""
    if meter not in RULES:
        return set(records)
    attribute, place = RULES[meter]
    kept: dict[Any, Known] = {}
    for known in sorted(records, key=lambda known: known.number):
        event = known.event
        value = event.get("uniqueId") if attribute == "uniqueId" else known.get(attribute)
        if attribute == "record" or value is None:
            value = (
                event["meterTimeInMillis"],
                event.get("uniqueId"),
                str(sorted(known.dimensions.items())),
            )
        key = (event.get("customerId"), value)
        if place == "last" or key not in kept:
            kept[key] = known
    return set(kept.values())


def _aggregate(aggregation: str, found: list[tuple[Known, int]]) -> float:
    values = [known.event["meterValue"] for known, _ in found]
    if aggregation == "SUM":
        return float(sum(known.event["meterValue"] * weight for known, weight in found))
    if aggregation == "COUNT":
        return sum(weight for _, weight in found)
    return float(max(values) if aggregation == "MAX" else min(values))


def floor(interval: str, second: int) -> int:
    """The start of a bucket, by the calendar."""
    moment = datetime.fromtimestamp(second, UTC)
    if interval == "MONTH":
        start = moment.replace(day=1, hour=0, minute=0, second=0)
    elif interval == "WEEK":
        start = moment.replace(hour=0, minute=0, second=0) - timedelta(days=moment.weekday())
    elif interval == "DAY":
        start = moment.replace(hour=0, minute=0, second=0)
    else:
        start = moment.replace(minute=0, second=0)
    return int(start.timestamp())


def ceil(interval: str, second: int) -> int:
    """The start of the next bucket, or of this one if it starts here."""
    start = floor(interval, second)
    if start == second:
        return start
    if interval in _LENGTHS:
        return start + _LENGTHS[interval]
    return floor(interval, start + 32 * 86_400)
