"""Usage queries, and how they are read from the published, flat shape."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_amberflo.server.interval import Interval
from pytest_amberflo.server.record import END_OF_TIME_MS
from pytest_amberflo.server.refusal import Refusal, describe_value, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

_END_OF_TIME_S: Final = END_OF_TIME_MS // 1000

#: Groups are joined from as many sub-queries, and SQLite takes a limited number of columns.
MAX_GROUP_NAMES: Final = 32
MAX_FILTER_NAMES: Final = 32

_Choice = TypeVar("_Choice", bound=StrEnum)


class Aggregation(StrEnum):
    """How the values of a bucket become one number."""

    SUM = "SUM"
    MAX = "MAX"
    COUNT = "COUNT"
    #: In the official form only.
    MIN = "MIN"


_PUBLISHED: Final = (Aggregation.SUM, Aggregation.MAX, Aggregation.COUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Lets a record through if one of its attributes has one of the values."""

    #: `customerId` or the name of a dimension.
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """What is asked for. Times in seconds since 1970, UTC; the end does not belong to it."""

    meter: str
    start_s: int
    end_s: int
    #: None for the one that the meter was defined with.
    aggregation: Aggregation | None
    interval: Interval
    #: `customerId` or names of dimensions.
    group_by: tuple[str, ...]
    #: A record must pass all of them.
    filters: tuple[Filter, ...]


def read_query(payload: Any) -> UsageQuery:
    """The query in the JSON of a usage request, as Amberflo's published description has it.

    Enumerated texts count in upper case only, as described; the real service is known to take
    any case. Unknown attributes are dropped, null counts as absent. Raises Refusal (400).
    """
    if not isinstance(payload, dict):
        raise _refuse("The query", "an object", payload)
    start_s = _read_seconds(payload, "startTimeInSeconds")
    end_s = _read_seconds(payload, "endTimeInSeconds")
    if end_s <= start_s:
        raise _refuse("endTimeInSeconds", f"after startTimeInSeconds, {start_s}", end_s)
    return UsageQuery(
        meter=_read_meter(payload),
        start_s=start_s,
        end_s=end_s,
        aggregation=_read_choice(payload, "aggregation", _PUBLISHED),
        interval=_read_choice(payload, "timeGroupingInterval", tuple(Interval)),
        group_by=_read_group_by(payload),
        filters=_read_filters(payload),
    )


def _read_meter(payload: Mapping[str, Any]) -> str:
    value = payload.get("meterApiName")
    if not isinstance(value, str) or not value or value.isspace():
        raise _refuse("meterApiName", "the name of a meter, a text that is not blank", value)
    return value


def _read_seconds(payload: Mapping[str, Any], field: str) -> int:
    value = payload.get(field)
    # An integer may be spelled 1718150400.0: JSON Schema goes by the value.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value < _END_OF_TIME_S:
        raise _refuse(
            field,
            "seconds (not milliseconds) since 1970 as an integer, before the year 9999",
            value,
        )
    return value


def _read_choice(payload: Mapping[str, Any], field: str, choices: tuple[_Choice, ...]) -> _Choice:
    value = payload.get(field)
    for choice in choices:
        if choice.value == value:
            return choice
    raise _refuse(field, f"one of {', '.join(choices)}", value)


def _read_group_by(payload: Mapping[str, Any]) -> tuple[str, ...]:
    value = payload.get("groupBy")
    names = () if value is None else _read_texts(value, "groupBy")
    if len(names) > MAX_GROUP_NAMES:
        raise _refuse("groupBy", f"at most {MAX_GROUP_NAMES} names", value)
    return names


def _read_filters(payload: Mapping[str, Any]) -> tuple[Filter, ...]:
    """The filters of a query.

    An empty `customerFilter` filters nothing, an empty list in `filter` lets nothing through:
    the first names no customer to keep to, the second no value that would do. What the real
    service makes of either is not known.
    """
    filters = []
    customers = payload.get("customerFilter")
    if customers is not None and (values := _read_texts(customers, "customerFilter")):
        filters.append(Filter(name="customerId", values=values))
    named = payload.get("filter")
    if named is None:
        return tuple(filters)
    if not isinstance(named, dict):
        raise _refuse("filter", "an object, a list of texts for each name", named)
    if len(named) > MAX_FILTER_NAMES:
        raise _refuse("filter", f"at most {MAX_FILTER_NAMES} names", named)
    for name, value in named.items():
        values = _read_texts(value, f"filter.{name}")
        filters.append(Filter(name=name, values=values))
    return tuple(filters)


def _read_texts(value: Any, field: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _refuse(field, "a list of texts", value)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise _refuse(f"{field}[{index}]", "a text", item)
    return tuple(value)


def _refuse(field: str, expected: str, value: Any) -> Refusal:
    found = "missing or null" if value is None else describe_value(value)
    return Refusal(
        400,
        "invalid-query",
        f"{shorten(field)} must be {expected}",
        details=f"{shorten(field)} is {found}",
    )
