"""Every event that is accepted is counted, once and with its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER, Send
from pytest_amberflo.probes.promise import probe
from pytest_amberflo.probes.wire import write_data

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_HOUR_MS = 3_600_000


@probe
def one_event(field: Field) -> Script:
    """One event is counted, with its value, in the bucket of its time."""
    yield field.send(field.event(2.5))
    yield field.usage()


@probe
def an_event_of_a_minute_ago(field: Field) -> Script:
    """An event of a minute ago is counted."""
    yield field.send(field.event(at_ms=field.now_ms - 60_000))
    yield field.usage()


@probe
def an_event_of_just_now(field: Field) -> Script:
    """An event of this very moment is counted."""
    yield field.send(field.event(at_ms=field.now_ms))
    yield field.usage()


@probe
def events_one_after_another(field: Field) -> Script:
    """Of many events that are sent one after another none is lost, neither first nor last."""
    yield field.send(*(field.event(1000 + n) for n in range(40)))
    yield field.usage()


@probe
def events_of_several_hours(field: Field) -> Script:
    """Events of several hours are counted, each in its own hour."""
    times = [field.anchor_ms - n * _HOUR_MS for n in range(6)]
    yield field.send(*(field.event(at_ms=time) for time in times))
    yield field.usage()


@probe
def events_sent_in_two_goes(field: Field) -> Script:
    """What is sent later adds to what was sent before."""
    yield field.send(*field.events(3))
    yield LATER
    yield field.send(*field.events(3))
    yield field.usage()


@probe
def events_at_the_same_time(field: Field) -> Script:
    """Different events that are sent at the same time over several connections all count."""
    yield field.send(*field.events(8), at_once=True)
    yield field.usage()


@probe
def arrays_at_the_same_time(field: Field) -> Script:
    """Arrays of events that are sent at the same time over several connections all count."""
    bodies = [field.send_array(*field.events(3)).bodies[0] for _ in range(5)]
    yield Send(bodies=tuple(bodies), at_once=True)
    yield field.usage()


@probe
def an_event_without_unique_id(field: Field) -> Script:
    """An event without a uniqueId is counted."""
    first, second = field.events(2)
    yield field.send(field.vary(first, unique_id=None), field.vary(second, unique_id=None))
    yield field.usage()


@probe
def an_event_without_dimensions(field: Field) -> Script:
    """An event without dimensions is counted."""
    yield field.send(*field.events(2, dimensions={}))
    yield field.usage()


@probe
def an_event_with_little(field: Field) -> Script:
    """An event with neither uniqueId nor dimensions is counted."""
    first, second = field.events(2, dimensions={})
    yield field.send(field.vary(first, unique_id=None))
    yield LATER
    yield field.send(field.vary(second, unique_id=None))
    yield field.usage()


@probe
def an_event_with_many_dimensions(field: Field) -> Script:
    """An event with twenty dimensions is counted, once."""
    dimensions = {f"dimension-{n}": f"value {n}" for n in range(20)}
    yield field.send(field.event(dimensions=dimensions))
    yield field.usage()


@probe
def an_event_of_several_meters(field: Field) -> Script:
    """An event with `values` counts for each of its meters, each with its own value."""
    field.need_event_member("values")
    meters = field.new_meter(), field.new_meter(), field.new_meter()
    values = dict(zip(meters, (5, 11.5, 23), strict=True))
    body = write_data(
        {
            "customerId": field.customer,
            "meterTimeInMillis": field.anchor_ms,
            "uniqueId": field.new_id(),
            "dimensions": {"region": "eu-west"},
            "values": values,
        }
    )
    yield Send(bodies=(body,))
    yield LATER
    yield Send(bodies=(body,), reason="replay")
    yield field.read(*(field.ask("SUM", "HOUR", meter=meter) for meter in meters))


@probe
def two_customers_by_turns(field: Field) -> Script:
    """Events of two customers that are sent by turns are counted, each for its customer."""
    other = field.new_customer()
    for _ in range(4):
        yield field.send(field.event(), field.event(customer=other))
    yield field.usage(field.customer, other)


@probe
def two_meters_by_turns(field: Field) -> Script:
    """Events of two meters that are sent by turns are counted, each under its meter."""
    other = field.new_meter()
    for _ in range(4):
        yield field.send(field.event(), field.event(meter=other))
    yield field.read(*field.usage().asks, *field.usage(meter=other).asks)


@probe
def events_alike_but_for_the_id(field: Field) -> Script:
    """Events of one moment that differ in their uniqueId only are all counted."""
    event = field.event()
    yield field.send(*(field.vary(event, unique_id=field.new_id()) for _ in range(6)))
    yield field.usage()
