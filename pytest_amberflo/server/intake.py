"""Reads events from the JSON of an ingest request, strictly.

Fields as in Amberflo's published description; rules beyond it are marked. The real service is
said to check meters and customers on reading only, and what exactly it refuses on ingest is not
known: this server refuses what can only be a mistake of the sender.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import Any, NamedTuple

from pytest_amberflo.server.record import (
    ABSENT,
    END_OF_TIME_MS,
    EXACT,
    BlankNameError,
    Record,
    canonical_dimensions,
)
from pytest_amberflo.server.refusal import Refusal, describe_value, shorten

#: Dimensions that came earlier in the same request, to their canonical text.
Memo = dict[tuple[tuple[str, str], ...], str]


class Intake(NamedTuple):
    """What one ingest request brings."""

    #: Events in the request, duplicates included.
    event_count: int
    records: list[Record]


def read_intake(payload: Any, tenant: int) -> Intake:
    """The records of an ingest request: one event, or an array of them.

    Raises Refusal (400) that names the event, the field and the value; then nothing of the
    request counts. Whether the real service refuses a whole array for one wrong event is not
    known; one of its clients expects it to.
    """
    records: list[Record] = []
    if type(payload) is dict:
        _read_event(payload, tenant, None, {}, records)
        return Intake(event_count=1, records=records)
    if type(payload) is not list:
        message = "An event or an array of events was expected"
        details = f"the body is {describe_value(payload)}"
        raise Refusal(400, "invalid-event", message, details=details)
    memo: Memo = {}
    for index, event in enumerate(payload):
        if type(event) is not dict:
            message = f"Event {index}: an object was expected"
            details = f"[{index}] is {describe_value(event)}"
            raise Refusal(400, "invalid-event", message, details=details)
        _read_event(event, tenant, index, memo, records)
    return Intake(event_count=len(payload), records=records)


def _read_event(
    event: dict[str, Any], tenant: int, index: int | None, memo: Memo, records: list[Record]
) -> None:
    """Add the records of one event. Null counts as absent; unknown attributes are dropped."""
    # Thousands of events may come in one request: what is right is seen at once and in place,
    # what is not goes to a function that says why.
    get = event.get
    time_ms = get("meterTimeInMillis")
    if type(time_ms) is not int or not 0 < time_ms < END_OF_TIME_MS:
        time_ms = _read_time(time_ms, index)
    customer = get("customerId")
    if type(customer) is not str or not customer or customer.isspace():
        customer = _read_customer(customer, index)
    unique_id = get("uniqueId")
    if type(unique_id) is not str:
        unique_id = _read_unique_id(unique_id, index)
    sent = get("dimensions")
    dimensions = "{}" if sent is None else _read_dimensions(sent, index, memo)
    meter = get("meterApiName")
    value = get("meterValue")
    values = get("values")
    if values is not None:
        for name, amount in _read_amounts(meter, value, values, index):
            records.append((tenant, name, time_ms, customer, unique_id, dimensions, amount))
        return
    if type(meter) is not str or not meter or meter.isspace():
        meter = _read_meter(meter, index)
    if type(value) is float:
        if not isfinite(value):
            raise _refuse_value(value, index, "meterValue")
    elif type(value) is not int or not -EXACT <= value <= EXACT:
        value = _read_value(value, index)
    records.append((tenant, meter, time_ms, customer, unique_id, dimensions, value))


def _read_time(value: Any, index: int | None) -> int:
    expected = "milliseconds since 1970 as an integer, after 1970 and before the year 9999"
    # An integer may be spelled 1718153645993.0: JSON Schema goes by the value.
    if type(value) is float and value.is_integer():
        value = int(value)
    # Amberflo's own clients refuse a time that is not positive; the service is not known to.
    if type(value) is not int or not 0 < value < END_OF_TIME_MS:
        raise _refuse(index, "meterTimeInMillis", value, expected)
    return value


def _read_customer(value: Any, index: int | None) -> int:
    if value is None:
        return ABSENT
    raise _refuse(index, "customerId", value, "a text that is not blank")


def _read_unique_id(value: Any, index: int | None) -> int:
    if value is None:
        return ABSENT
    raise _refuse(index, "uniqueId", value, "a text")


def _read_dimensions(value: Any, index: int | None, memo: Memo) -> str:
    if type(value) is not dict:
        raise _refuse(index, "dimensions", value, "an object of texts")
    try:
        items = tuple(value.items())
        canonical = memo.get(items)
        if canonical is None:
            canonical = memo[items] = canonical_dimensions(items)
    except (TypeError, BlankNameError):
        raise _refuse_dimensions(value, index) from None
    return canonical


def _refuse_dimensions(value: dict[str, Any], index: int | None) -> Refusal:
    for name, member in value.items():
        if not name or name.isspace():
            break
        if type(member) is not str:
            return _refuse(index, f"dimensions.{name}", member, "a text")
    return _refuse(index, "dimensions", value, "an object with names that are not blank")


def _read_amounts(
    meter: Any, value: Any, values: Any, index: int | None
) -> list[tuple[str, float]]:
    """Every meter of an event with `values`, its own first if it has one."""
    if type(values) is not dict:
        raise _refuse(index, "values", values, "an object of meters, each with its number")
    amounts = [
        (_read_meter(name, index, "values"), _read_value(amount, index, f"values.{name}"))
        for name, amount in values.items()
    ]
    if meter is not None or value is not None:
        amounts.insert(0, (_read_meter(meter, index), _read_value(value, index)))
    if not amounts:
        raise _refuse(index, "values", values, "an object with at least one meter")
    return amounts


def _read_meter(value: Any, index: int | None, field: str = "meterApiName") -> str:
    if type(value) is not str or not value or value.isspace():
        raise _refuse(index, field, value, "the name of a meter, a text that is not blank")
    return value


def _read_value(value: Any, index: int | None, field: str = "meterValue") -> float:
    if type(value) not in (int, float):
        raise _refuse(index, field, value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise _refuse_value(value, index, field)
    return number


def _refuse_value(value: float, index: int | None, field: str) -> Refusal:
    return _refuse(index, field, value, "a number that float64 can hold")


def _refuse(index: int | None, field: str, value: Any, expected: str) -> Refusal:
    subject = "The event" if index is None else f"Event {index}"
    place = field if index is None else f"[{index}].{field}"
    found = "missing or null" if value is None else describe_value(value)
    return Refusal(
        400,
        "invalid-event",
        f"{subject}: {shorten(field)} must be {expected}",
        details=f"{shorten(place)} is {found}",
    )
