"""What breaks the description is refused, with nothing of it counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe
from pytest_amberflo.probes.wire import join_array, write_data, write_event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


def _members(field: Field, **changes: Any) -> dict[str, Any]:
    """A good event with some members changed; `...` leaves one out."""
    event = field.event(3)
    good: dict[str, Any] = {
        "meterApiName": event.meter,
        "customerId": event.customer,
        "meterValue": event.value,
        "meterTimeInMillis": event.time_ms,
        "uniqueId": event.unique_id,
        "dimensions": {"region": "eu-west"},
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def _refuse(field: Field, bad: Mapping[str, bytes]) -> Script:
    """Each of these is refused; what was sent rightly before and after counts."""
    due = field.api.statuses_of(field.api.ingest, 400, 422)
    yield field.send(field.event())
    for what, body in bad.items():
        yield field.call(field.api.ingest, what, *due, data=body)
    yield LATER
    yield field.send(field.event())
    yield field.usage()


def _refuse_events(field: Field, what: str, **changes: list[Any]) -> Script:
    """An event is refused with each of the values of a member."""
    bad = {
        f"{what} ({name}: {'left out' if value is ... else repr(value)})": write_data(
            _members(field, **{name: value})
        )
        for name, values in changes.items()
        for value in values
    }
    yield from _refuse(field, bad)


@probe
def no_json(field: Field) -> Script:
    """A body that is no JSON is refused."""
    good = write_event(field.event(21))
    bad = {
        "half an event": good[: len(good) // 2],
        "an event with a comma too many": good[:-1] + b",}",
        "text": b"hello",
        "an array that does not end": b"[" + good,
    }
    yield from _refuse(field, bad)


@probe
def an_empty_body(field: Field) -> Script:
    """An empty body is refused."""
    yield from _refuse(field, {"an empty body": b""})


@probe
def no_event(field: Field) -> Script:
    """JSON that is neither an event nor an array of events is refused."""
    bad = {
        name: name.encode() for name in ('"an event"', "42", "true", "null", "[1, 2]", "[null]")
    }
    yield from _refuse(field, bad)


@probe
def no_time(field: Field) -> Script:
    """An event without a time is refused: it is the one member that must be there."""
    yield from _refuse_events(field, "an event without a time", meterTimeInMillis=[..., None])


@probe
def a_time_that_is_none(field: Field) -> Script:
    """A time that is no integer is refused."""
    times = ["yesterday", "2026-11-21T10:00:00Z", [1], {}, field.anchor_ms + 0.5]
    yield from _refuse_events(field, "a time that is none", meterTimeInMillis=times)


@probe
def a_value_that_is_none(field: Field) -> Script:
    """A value that is no number is refused."""
    yield from _refuse_events(field, "a value that is none", meterValue=["many", [3], {}])


@probe
def ids_that_are_no_texts(field: Field) -> Script:
    """A customer or meter that is no text is refused."""
    wrong: list[Any] = [17, ["a"], {}]
    names = {"customerId": wrong, "meterApiName": wrong}
    yield from _refuse_events(field, "an id that is no text", **names)


@probe
def dimensions_that_are_none(field: Field) -> Script:
    """Dimensions that are no object of texts are refused."""
    wrong = ["eu-west", ["eu-west"], 5, {"region": 5}, {"region": ["eu"]}, {"region": {}}]
    yield from _refuse_events(field, "dimensions that are none", dimensions=wrong)


@probe
def a_bad_event_in_an_array(field: Field) -> Script:
    """An array with a bad event is refused whole: the others count when they are sent again."""
    good = [write_event(field.event()) for _ in range(2)]
    bad = write_data(_members(field, meterTimeInMillis=...))
    late = [write_event(field.event()) for _ in range(2)]
    bodies = {
        "an array that ends with a bad event": join_array([*good, bad]),
        "an array that begins with a bad event": join_array([bad, *late]),
    }
    yield from _refuse(field, bodies)


@probe
def a_query_without_a_member(field: Field) -> Script:
    """A query without a member that must be there is refused."""
    due = field.api.statuses_of(field.api.usage, 400, 422)
    yield field.send(field.event())
    good = field.query_data(field.ask("SUM", "DAY"))
    for name in field.api.required_of_query:
        data = {member: value for member, value in good.items() if member != name}
        yield field.call(field.api.usage, f"a query without {name}", *due, data=data)
    yield field.usage()


@probe
def a_query_of_unknown_kind(field: Field) -> Script:
    """A query with an unknown aggregation or interval is refused."""
    due = field.api.statuses_of(field.api.usage, 400, 422)
    good = field.query_data(field.ask("SUM", "DAY"))
    wrong = {"aggregation": ["TOTAL", 5], "timeGroupingInterval": ["DECADE", 7]}
    for name, values in wrong.items():
        for value in values:
            data = good | {name: value}
            yield field.call(field.api.usage, f"a query with {name} {value}", *due, data=data)
    yield field.usage()


@probe
def a_query_that_is_none(field: Field) -> Script:
    """A query that is no JSON, or no object, is refused."""
    due = field.api.statuses_of(field.api.usage, 400, 422)
    for body in (b"{", b"", b"[]", b'"usage"', b"7"):
        what = f"a query that is `{body.decode()}`"
        yield field.call(field.api.usage, what, *due, data=body)
    yield field.usage()


@probe
def a_query_with_wrong_times(field: Field) -> Script:
    """A query whose window is no numbers is refused."""
    due = field.api.statuses_of(field.api.usage, 400, 422)
    good = field.query_data(field.ask("SUM", "DAY"))
    window = good.get("timeRange", good)
    for name in ("startTimeInSeconds", "endTimeInSeconds"):
        for value in ("today", [1]):
            changed = window | {name: value}
            data = good | ({"timeRange": changed} if "timeRange" in good else changed)
            yield field.call(field.api.usage, f"a query with {name} {value}", *due, data=data)
    yield field.usage()
