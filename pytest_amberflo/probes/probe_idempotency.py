"""The same record again changes nothing, whenever and however it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER, Send
from pytest_amberflo.probes.promise import probe
from pytest_amberflo.probes.wire import join_array, rewrite_event, write_event

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_DAY_MS = 86_400_000
_AGAIN = "replay"


@probe
def sent_again_later(field: Field) -> Script:
    """A record that is sent again later, over another connection, is counted once."""
    event, other = field.events(2)
    yield field.send(event, other)
    yield LATER
    yield field.send(event, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_at_once(field: Field) -> Script:
    """A record that is sent again right away, over the same connection, is counted once."""
    event, other = field.events(2)
    yield field.send(event)
    yield field.send(event, reason=_AGAIN)
    yield field.send(other)
    yield field.usage()


@probe
def sent_many_times(field: Field) -> Script:
    """A record that is sent six times is counted once."""
    event = field.event()
    yield field.send(event)
    yield field.send(event, event, reason=_AGAIN)
    yield LATER
    yield field.send(event, event, event, reason=_AGAIN)
    yield field.usage()


@probe
def sent_in_another_form(field: Field) -> Script:
    """The same record in another JSON form (order, spaces, escapes, 7.0 for 7) is counted once."""
    event = field.event(dimensions={"region": "eu-west", "plan": "Größe L"})
    fraction = field.event(2.5)
    yield field.send(event, fraction)
    yield Send(bodies=(rewrite_event(event),), reason=_AGAIN)
    yield LATER
    yield Send(bodies=(rewrite_event(event), rewrite_event(fraction)), reason=_AGAIN)
    yield field.usage()


@probe
def sent_at_the_same_time(field: Field) -> Script:
    """A record that several connections send at the same time is counted once."""
    event = field.event()
    yield field.send(*[event] * 6, at_once=True)
    yield field.usage()


@probe
def sent_at_the_same_time_again(field: Field) -> Script:
    """A record that is stored already and that several connections send again is counted once."""
    event = field.event()
    yield field.send(event)
    yield LATER
    yield field.send(*[event] * 5, at_once=True, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_after_a_lost_answer(field: Field) -> Script:
    """A record whose answer got lost, and that is sent again, is counted once."""
    events = field.events(3)
    yield field.send(*events, is_cut=True)
    yield field.send(events[0], reason="the answer was lost")
    yield LATER
    yield field.send(events[1], events[2], reason="the answer was lost")
    yield field.usage()


@probe
def sent_again_in_an_array(field: Field) -> Script:
    """A record that was sent alone and comes again in an array is counted once."""
    first, second, third = field.events(3)
    yield field.send(first)
    yield LATER
    yield field.send_array(second, first, third, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_alone(field: Field) -> Script:
    """A record that was sent in an array and comes again alone is counted once."""
    events = field.events(3)
    yield field.send_array(*events)
    yield LATER
    yield field.send(events[1], events[2], reason=_AGAIN)
    yield field.usage()


@probe
def an_array_sent_again(field: Field) -> Script:
    """An array that is sent again is counted once, also in another order of its records."""
    events = field.events(4)
    yield field.send_array(*events)
    yield LATER
    yield field.send_array(*events, reason=_AGAIN)
    yield field.send_array(*reversed(events), reason=_AGAIN)
    yield field.usage()


@probe
def twice_in_one_array(field: Field) -> Script:
    """A record that stands twice in one array is counted once."""
    first, second = field.events(2)
    yield field.send_array(first, second, first, first)
    yield field.usage()


@probe
def twice_in_one_array_in_two_forms(field: Field) -> Script:
    """A record that stands twice in one array, in two JSON forms, is counted once."""
    first, second = field.events(2)
    bodies = [write_event(first), rewrite_event(first), write_event(second)]
    yield Send(bodies=(join_array(bodies),))
    yield field.usage()


@probe
def sent_again_after_it_was_read(field: Field) -> Script:
    """A record that is sent again after its usage was read is counted once."""
    event, other = field.events(2)
    yield field.send(event)
    yield field.usage()
    yield field.send(event, other, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_by_turns(field: Field) -> Script:
    """Two records that are sent again by turns are counted once each."""
    first, second = field.events(2)
    yield field.send(first, second, first, second)
    yield LATER
    yield field.send(second, first, second, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_without_id(field: Field) -> Script:
    """A record without a uniqueId that is sent again is counted once."""
    event = field.vary(field.event(), unique_id=None)
    yield field.send(event)
    yield LATER
    yield field.send(event, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_without_dimensions(field: Field) -> Script:
    """A record without dimensions that is sent again is counted once."""
    event = field.event(dimensions={})
    bare = field.vary(field.event(dimensions={}), unique_id=None)
    yield field.send(event, bare)
    yield LATER
    yield field.send(event, bare, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_of_old(field: Field) -> Script:
    """A record of days or weeks ago that is sent again is counted once."""
    times = [field.anchor_ms - days * _DAY_MS for days in (1, 3, 9, 35)]
    events = [field.event(at_ms=time) for time in times]
    yield field.send(*events)
    yield LATER
    yield field.send(*events, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_of_now(field: Field) -> Script:
    """A record of this very moment that is sent again is counted once."""
    event = field.event(at_ms=field.now_ms)
    yield field.send(event)
    yield LATER
    yield field.send(event, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_with_odd_values(field: Field) -> Script:
    """A record of value 0, below 0 or with a fraction that is sent again is counted once."""
    events = [field.event(value) for value in ("0", "-5", "0.1", "1234567.25")]
    yield field.send(*events)
    yield LATER
    yield field.send(*events, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_after_its_like(field: Field) -> Script:
    """A record stays one when others, alike but for one attribute, came in between."""
    event = field.event()
    yield field.send(event)
    yield field.send(
        field.vary(event, value=event.value + 1),
        field.vary(event, unique_id=field.new_id()),
        field.vary(event, time_ms=event.time_ms + 1),
    )
    yield LATER
    yield field.send(event, reason=_AGAIN)
    yield field.usage()


@probe
def sent_again_for_many_customers(field: Field) -> Script:
    """Records of several customers that are sent again together are counted once each."""
    customers = [field.customer, field.new_customer(), field.new_customer()]
    events = [field.event(customer=customer) for customer in customers]
    yield field.send_array(*events)
    yield LATER
    yield field.send_array(*events, reason=_AGAIN)
    yield field.usage(*customers)


@probe
def sent_again_with_long_texts(field: Field) -> Script:
    """A record with long ids and texts outside ASCII that is sent again is counted once."""
    event = field.event(
        unique_id=field.new_id() + "-" + "x" * 150,
        dimensions={"city": "Zürich", "name": "'O\"Neil"},
    )
    yield field.send(event)
    yield LATER
    yield field.send(event, reason=_AGAIN)
    yield Send(bodies=(rewrite_event(event),), reason=_AGAIN)
    yield field.usage()
