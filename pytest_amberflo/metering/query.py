"""Usage queries, in the published shape and in the official one."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, TypeVar

from msgspec import Struct

from pytest_amberflo.metering.number import (
    NotMeteringJsonError,
    is_integral,
    load_exact,
    to_decimal,
)
from pytest_amberflo.metering.window import Interval

E = TypeVar("E", bound=Enum)

#: The end of a query that names none and asks until now: later than any event.
OPEN_END_S: Final = 253_402_300_800
#: Members that make other numbers of usage; how they do is not known.
_REGROUPING: Final = ("rescaleFunction", "valuesTimeGroupingInterval")


class Aggregation(Enum):
    """How the values of a bucket become one number."""

    SUM = "SUM"
    COUNT = "COUNT"
    MAX = "MAX"
    MIN = "MIN"


class UnreadableQueryError(ValueError):
    """A usage query is not understood; the text says which part and why."""


class Take(Struct, frozen=True, kw_only=True):
    """How many groups were asked for: those with the largest totals, or with the smallest."""

    limit: int
    is_ascending: bool = False


class UsageQuery(Struct, frozen=True, kw_only=True):
    """What a usage request asks for. Times in seconds since 1970, UTC; the end is exclusive."""

    meter: str
    start_s: int
    end_s: int
    aggregation: Aggregation
    interval: Interval
    group_by: tuple[str, ...] = ()
    #: Attribute to the values that pass; all filters must pass.
    filters: tuple[tuple[str, frozenset[str]], ...] = ()
    #: The first groups that were asked for, or None for all.
    take: Take | None = None
    #: Whether customers were limited by `customerFilter`, which the real service does not know.
    uses_customer_filter: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether only the first groups were asked for."""
        return self.take is not None

    @property
    def is_open_ended(self) -> bool:
        """Whether the window lasts until now."""
        return self.end_s >= OPEN_END_S

    @property
    def is_aligned(self) -> bool:
        """Whether the window begins and ends with a bucket."""
        is_end = self.is_open_ended or self.interval.floor(self.end_s) == self.end_s
        return is_end and self.interval.floor(self.start_s) == self.start_s

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
    for name in _REGROUPING:
        if data.get(name) is not None:
            raise UnreadableQueryError(f"`{name}` makes other numbers of usage: not understood")
    has_end = window is data or window.get("endTimeInSeconds") is not None
    meter = data.get("meterApiName")
    if not isinstance(meter, str):
        raise UnreadableQueryError("`meterApiName` is no string")
    return UsageQuery(
        meter=meter,
        start_s=_read_seconds(window, "startTimeInSeconds"),
        end_s=_read_seconds(window, "endTimeInSeconds") if has_end else OPEN_END_S,
        aggregation=_read_enum(data, "aggregation", Aggregation),
        interval=_read_enum(data, "timeGroupingInterval", Interval),
        group_by=_read_texts(data.get("groupBy"), "groupBy"),
        filters=_read_filters(data),
        take=_read_take(data.get("take")),
        uses_customer_filter=bool(data.get("customerFilter")),
    )


def _read_take(value: Any) -> Take | None:
    if value is None:
        return None
    limit = to_decimal(value.get("limit")) if isinstance(value, dict) else None
    if limit is None or not is_integral(limit) or limit < 1:
        raise UnreadableQueryError("`take` has no `limit` of at least 1")
    return Take(limit=int(limit), is_ascending=value.get("isAscending") is True)


def _read_seconds(window: dict[str, Any], name: str) -> int:
    found = window.get(name)
    if type(found) is int:
        return found
    value = to_decimal(found)
    if value is None or not is_integral(value):
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
