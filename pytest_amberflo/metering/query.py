"""Usage queries, in the published shape and in the official one."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from pytest_amberflo.metering.number import NotMeteringJsonError, is_integral, load_exact
from pytest_amberflo.metering.window import Interval

E = TypeVar("E", bound=Enum)


class Aggregation(Enum):
    """How the values of a bucket become one number."""

    SUM = "SUM"
    COUNT = "COUNT"
    MAX = "MAX"
    MIN = "MIN"


class UnreadableQueryError(ValueError):
    """A usage query is not understood; the text says which part and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """What a usage request asks for. Times in seconds since 1970, UTC; the end is exclusive."""

    meter: str
    start_s: int
    end_s: int
    aggregation: Aggregation
    interval: Interval
    group_by: tuple[str, ...] = ()
    #: Attribute to the values that pass; all filters must pass.
    filters: tuple[tuple[str, frozenset[str]], ...] = ()
    #: Whether only the first groups were asked for.
    is_cut: bool = False

    @property
    def is_aligned(self) -> bool:
        """Whether the window begins and ends with a bucket."""
        starts = self.interval.floor(self.start_s), self.interval.floor(self.end_s)
        return starts == (self.start_s, self.end_s)

    @property
    def customers(self) -> frozenset[str] | None:
        """The customers that the query is limited to, or None."""
        return dict(self.filters).get("customerId")


def read_query(body: bytes) -> UsageQuery:
    """The query of a usage request. Raises UnreadableQueryError."""
    try:
        data = load_exact(body)
    except NotMeteringJsonError as error:
        raise UnreadableQueryError(f"the body is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise UnreadableQueryError("the body is no object")
    window = data.get("timeRange", data)
    if not isinstance(window, dict):
        raise UnreadableQueryError("`timeRange` is no object")
    meter = data.get("meterApiName")
    if not isinstance(meter, str):
        raise UnreadableQueryError("`meterApiName` is no string")
    return UsageQuery(
        meter=meter,
        start_s=_read_seconds(window, "startTimeInSeconds"),
        end_s=_read_seconds(window, "endTimeInSeconds"),
        aggregation=_read_enum(data, "aggregation", Aggregation),
        interval=_read_enum(data, "timeGroupingInterval", Interval),
        group_by=_read_texts(data.get("groupBy"), "groupBy"),
        filters=_read_filters(data),
        is_cut=data.get("take") is not None,
    )


def _read_seconds(window: dict[str, Any], name: str) -> int:
    value = window.get(name)
    if not isinstance(value, Decimal) or not is_integral(value):
        raise UnreadableQueryError(f"`{name}` is no integer")
    return int(value)


def _read_enum(data: dict[str, Any], name: str, kind: type[E]) -> E:
    value = data.get(name)
    try:
        return kind(str(value).upper())
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise UnreadableQueryError(f"`{name}` is `{value}`, not one of {known}") from None


def _read_texts(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UnreadableQueryError(f"`{name}` is no list of strings")
    return tuple(value)


def _read_filters(data: dict[str, Any]) -> tuple[tuple[str, frozenset[str]], ...]:
    filters: dict[str, frozenset[str]] = {}
    named = data.get("filter")
    if named is not None and not isinstance(named, dict):
        raise UnreadableQueryError("`filter` is no object")
    for name, values in (named or {}).items():
        filters[name] = frozenset(_read_texts(values, f"filter.{name}"))
    customers = _read_texts(data.get("customerFilter"), "customerFilter")
    if customers:
        allowed = frozenset(customers)
        filters["customerId"] = filters.get("customerId", allowed) & allowed
    return tuple(filters.items())
