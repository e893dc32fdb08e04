"""Usage answers (`clientMeters`), read into groups and buckets from either wire shape."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from pytest_amberflo.metering.number import (
    EXACT,
    ZERO,
    NotMeteringJsonError,
    is_integral,
    load_exact,
    to_decimal,
)
from pytest_amberflo.metering.query import Aggregation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.metering.query import UsageQuery

#: The values of the query's `groupBy`, in its order; None where a group lacks one.
GroupKey: TypeAlias = tuple[str | None, ...]

#: No start of a bucket has more digits, not even one in nanoseconds.
_MOST_DIGITS: Final = 24


class UsageShapeError(ValueError):
    """An answer is not of the form of usage: `path` says where, `reason` why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """Where and why, in one line."""
        return f"{self.path}: {self.reason}"


class Reading(Struct, frozen=True, kw_only=True):
    """The usage of one answer: per group, the number of each bucket by its start in seconds.

    `other_meters` has what the answer says of meters that were not asked for.
    """

    groups: Mapping[GroupKey, Mapping[int, Decimal]]
    #: `groupValue` of each group that has one (official shape).
    totals: Mapping[GroupKey, Decimal]
    other_meters: Mapping[str, Mapping[GroupKey, Mapping[int, Decimal]]]

    def total(self) -> Decimal:
        """The sum over all groups and buckets."""
        total = ZERO
        for buckets in self.groups.values():
            for number in buckets.values():
                total = EXACT.add(total, number)
        return total


def read_usage(body: bytes, query: UsageQuery) -> Reading:
    """The usage that an answer to `query` states. Raises UsageShapeError."""
    try:
        data = load_exact(body)
    except NotMeteringJsonError as error:
        raise UsageShapeError("$", f"the body is no JSON: {error}") from None
    if not isinstance(data, dict) or "clientMeters" not in data:
        raise UsageShapeError("$", "there is no `clientMeters`")
    meters = data["clientMeters"]
    path = "$.clientMeters"
    if isinstance(meters, list):
        groups, totals = _read_groups(meters, path, query)
        return Reading(groups=groups, totals=totals, other_meters={})
    if not isinstance(meters, dict):
        raise UsageShapeError(path, f"{_name(meters)} stands where meters are due")
    read = {
        name: _read_groups(items, f"{path}['{name}']", query) for name, items in meters.items()
    }
    groups, totals = read.pop(query.meter, ({}, {}))
    others = {name: found for name, (found, _) in read.items() if found}
    return Reading(groups=groups, totals=totals, other_meters=others)


def _read_groups(
    items: Any, path: str, query: UsageQuery
) -> tuple[dict[GroupKey, dict[int, Decimal]], dict[GroupKey, Decimal]]:
    if not isinstance(items, list):
        raise UsageShapeError(path, f"{_name(items)} stands where a list of groups is due")
    groups: dict[GroupKey, dict[int, Decimal]] = {}
    totals: dict[GroupKey, Decimal] = {}
    written: set[GroupKey] = set()
    for index, item in enumerate(items):
        at = f"{path}[{index}]"
        if not isinstance(item, dict):
            raise UsageShapeError(at, f"{_name(item)} stands where a group is due")
        exact_key = _read_key(item, at, query)
        key = tuple(value or None for value in exact_key)
        if exact_key in written:
            raise UsageShapeError(at, f"the group {describe_group(key, query)} stands twice")
        written.add(exact_key)
        buckets = dict(_read_buckets(item, at))
        groups[key] = _unite(groups[key], buckets, query) if key in groups else buckets
        total = to_decimal(item.get("groupValue"))
        if total is not None:
            totals[key] = EXACT.add(totals.get(key, ZERO), total)
    return groups, totals


def _unite(
    first: dict[int, Decimal], second: dict[int, Decimal], query: UsageQuery
) -> dict[int, Decimal]:
    """Usage without a dimension and usage with an empty one, which may have a group each."""
    both = dict(first)
    for bucket, number in second.items():
        other = both.get(bucket, ZERO)
        if query.aggregation in (Aggregation.SUM, Aggregation.COUNT):
            both[bucket] = EXACT.add(other, number)
        elif other == 0 or number == 0:
            both[bucket] = number if other == 0 else other
        else:
            pick = max if query.aggregation is Aggregation.MAX else min
            both[bucket] = pick(other, number)
    return both


def _read_key(item: dict[str, Any], at: str, query: UsageQuery) -> GroupKey:
    """The values of a group as they are written; null counts as absent, empty text does not."""
    info, path = item.get("groupInfo"), f"{at}.groupInfo"
    if "group" in item:
        group = item["group"]
        info = group.get("groupInfo") if isinstance(group, dict) else None
        path = f"{at}.group.groupInfo"
    if info is None:
        info = {}
    if not isinstance(info, dict):
        raise UsageShapeError(path, f"{_name(info)} stands where an object is due")
    values: list[str | None] = []
    for name in query.group_by:
        value = info.get(name)
        if value is not None and not isinstance(value, str):
            raise UsageShapeError(f"{path}.{name}", f"{_name(value)} stands where text is due")
        values.append(value)
    return tuple(values)


def _read_buckets(item: dict[str, Any], at: str) -> Iterator[tuple[int, Decimal]]:
    seen: set[int] = set()
    for bucket, value, path in _each_bucket(item, at):
        number = ZERO if value is None else to_decimal(value)
        if number is None:
            raise UsageShapeError(path, f"{_name(value)} stands where a number is due")
        if bucket in seen:
            raise UsageShapeError(path, "this bucket stands twice in the group")
        seen.add(bucket)
        yield bucket, number


def _each_bucket(item: dict[str, Any], at: str) -> Iterator[tuple[int, Any, str]]:
    name = "values" if "values" in item else "records"
    records = item.get(name)
    if not isinstance(records, list):
        raise UsageShapeError(f"{at}.{name}", f"{_name(records)} stands where a list is due")
    for index, record in enumerate(records):
        path = f"{at}.{name}[{index}]"
        if not isinstance(record, dict):
            raise UsageShapeError(path, f"{_name(record)} stands where an object is due")
        if name == "values":
            start = to_decimal(record.get("secondsSinceEpochUtc"))
            if start is None or not is_integral(start):
                raise UsageShapeError(f"{path}.secondsSinceEpochUtc", "this is no integer")
            if start.adjusted() > _MOST_DIGITS:
                raise UsageShapeError(f"{path}.secondsSinceEpochUtc", "this is no moment")
            yield int(start), record.get("value"), f"{path}.value"
            continue
        for key, value in record.items():
            digits = key.removeprefix("-")
            if not (key.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
                key = key if len(key) <= 2 * _MOST_DIGITS else f"{key[:_MOST_DIGITS]}..."  # noqa: PLW2901
                raise UsageShapeError(path, f"`{key}` is no start of a bucket in seconds")
            yield int(key), value, f"{path}['{key}']"


def describe_group(key: GroupKey, query: UsageQuery) -> str:
    """The group as a reader names it: `customerId acme`, or `without groups`."""
    pairs = [
        f"{name} {value}" if value is not None else f"no {name}"
        for name, value in zip(query.group_by, key, strict=True)
    ]
    return ", ".join(pairs) or "of all usage"


def _name(value: Any) -> str:
    if value is None:
        return "nothing"
    kinds = {bool: "a boolean", int: "a number", Decimal: "a number"}
    kinds |= {list: "a list", dict: "an object"}
    return f'the text "{value}"' if isinstance(value, str) else kinds.get(type(value), "a value")
