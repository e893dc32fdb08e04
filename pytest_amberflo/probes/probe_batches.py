"""Events in one array are as good as events sent one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


@probe
def an_array_of_one(field: Field) -> Script:
    """An array with one event counts it."""
    yield field.send_array(field.event())
    yield field.usage()


@probe
def an_array_of_some(field: Field) -> Script:
    """An array counts each of its events, the first and the last, too."""
    yield field.send_array(*field.events(5))
    yield field.usage()


@probe
def a_large_array(field: Field) -> Script:
    """An array of 150 events counts all of them."""
    yield field.send_array(*(field.event(1000 + n) for n in range(150)))
    yield field.usage()


@probe
def array_after_array(field: Field) -> Script:
    """Several arrays of one customer all count."""
    yield field.send_array(*field.events(3))
    yield field.send_array(*field.events(2))
    yield LATER
    yield field.send_array(*field.events(3))
    yield field.usage()


@probe
def an_array_of_equal_values(field: Field) -> Script:
    """Events of an array with the same value and the same time all count."""
    event = field.event(9)
    yield field.send_array(*(field.vary(event, unique_id=field.new_id()) for _ in range(7)))
    yield field.usage()


@probe
def an_array_of_several_customers(field: Field) -> Script:
    """Events of an array count for their own customers, not for that of the first or the last."""
    customers = [field.customer, field.new_customer(), field.new_customer()]
    yield field.send_array(
        *(field.event(customer=customer) for customer in [*customers, *customers])
    )
    yield field.usage(*customers)


@probe
def an_array_of_several_meters(field: Field) -> Script:
    """Events of an array count under their own meters."""
    meters = [field.meter, field.new_meter(), field.new_meter()]
    yield field.send_array(*(field.event(meter=meter) for meter in [*meters, *meters]))
    yield field.read(*(ask for meter in meters for ask in field.usage(meter=meter).asks))


@probe
def an_array_of_several_hours(field: Field) -> Script:
    """Events of an array count in the buckets of their own times, in whatever order they stand."""
    hours = (0, -3, -1, -30, -2)
    times = [field.anchor_ms + hour * 3_600_000 for hour in hours]
    yield field.send_array(*(field.event(at_ms=time) for time in times))
    yield field.usage()


@probe
def an_array_of_several_regions(field: Field) -> Script:
    """Events of an array keep their own dimensions; one without gets none of its neighbour's."""
    regions: list[dict[str, str]] = [{"region": "eu"}, {}, {"region": "us"}, {"plan": "pro"}]
    yield field.send_array(*(field.event(dimensions=found) for found in regions))
    known = {"region": ["eu", "us"]}
    yield field.read(
        field.ask("SUM", "DAY"),
        field.ask("SUM", "DAY", group_by=["region"]),
        field.ask("SUM", "DAY", filters=known),
        field.ask("SUM", "DAY", group_by=["plan"], filters={"plan": ["pro"]}),
    )


@probe
def an_array_with_and_without_ids(field: Field) -> Script:
    """Events of an array without uniqueId get none of their neighbour's."""
    first, second, third = field.events(3)
    bare = replace(second, unique_id=None)
    like = replace(third, unique_id=None, time_ms=second.time_ms)
    yield field.send_array(first, bare, like)
    yield LATER
    yield field.send_array(bare, first, reason="replay")
    yield field.usage()


@probe
def an_array_partly_known(field: Field) -> Script:
    """An array of which some records are known already counts the new ones, and only them."""
    known, new = field.events(3), field.events(3)
    yield field.send_array(*known)
    yield LATER
    mixed = [event for pair in zip(known, new, strict=True) for event in pair]
    yield field.send_array(*mixed, reason="replay")
    yield field.usage()


@probe
def an_array_known_at_its_start(field: Field) -> Script:
    """An array whose first record is known already counts all that follow."""
    first, *others = field.events(4)
    yield field.send(first)
    yield LATER
    yield field.send_array(first, *others, reason="replay")
    yield field.usage()


@probe
def an_array_known_at_its_end(field: Field) -> Script:
    """An array whose last record is known already counts all before it."""
    *others, last = field.events(4)
    yield field.send(last)
    yield LATER
    yield field.send_array(*others, last, reason="replay")
    yield field.usage()
