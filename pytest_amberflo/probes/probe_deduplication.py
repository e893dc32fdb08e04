"""Records that differ in any one attribute are two records, and both count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


def _try(field: Field, event: MeterEvent, *others: MeterEvent) -> Script:
    """The first one, then all others, and some of them much later and in an array."""
    near, far = others[: (len(others) + 1) // 2], others[(len(others) + 1) // 2 :]
    yield field.send(event, *near)
    if far:
        yield LATER
        yield field.send_array(*far)
    customers = dict.fromkeys(one.customer or "" for one in (event, *others))
    yield field.usage(*customers)


@probe
def another_time(field: Field) -> Script:
    """Records that differ in their time only, by a millisecond or an hour, all count."""
    event = field.event()
    yield from _try(
        field,
        event,
        *(
            field.vary(event, time_ms=event.time_ms + more)
            for more in (1, 1000, 60_000, 3_600_000)
        ),
    )


@probe
def another_value(field: Field) -> Script:
    """Records that differ in their value only all count, by the general rule."""
    event = field.event(100)
    yield from _try(field, event, *(field.vary(event, value=v) for v in (101, "100.5", 300, 1)))


@probe
def another_sign(field: Field) -> Script:
    """Records that differ in the sign of their value only both count."""
    event = field.event(40)
    yield from _try(field, event, field.vary(event, value=-40), field.vary(event, value=0))


@probe
def another_id(field: Field) -> Script:
    """Records that differ in their uniqueId only all count."""
    event = field.event()
    yield from _try(field, event, *(field.vary(event, unique_id=field.new_id()) for _ in range(4)))


@probe
def an_id_of_another_case(field: Field) -> Script:
    """Records whose uniqueIds differ in letter case only both count."""
    event = field.event(unique_id=field.new_id() + "-abc")
    upper = field.vary(event, unique_id=(event.unique_id or "")[:-3] + "ABC")
    yield from _try(field, event, upper)


@probe
def an_id_with_another_end(field: Field) -> Script:
    """Records whose long uniqueIds differ at the end only both count."""
    stem = field.new_id() + "-" + "0123456789" * 16
    event = field.event(unique_id=stem + "a")
    yield from _try(field, event, field.vary(event, unique_id=stem + "b"))


@probe
def an_id_with_another_start(field: Field) -> Script:
    """Records whose long uniqueIds differ at the start only both count."""
    tail = field.new_id() + "-" + "0123456789" * 16
    event = field.event(unique_id="a" + tail)
    yield from _try(field, event, field.vary(event, unique_id="b" + tail))


@probe
def an_id_that_looks_like_a_number(field: Field) -> Script:
    """Records with the uniqueIds 7, 07, 7.0 and 7 with a space after it all count."""
    event = field.event(unique_id="7")
    yield from _try(field, event, *(field.vary(event, unique_id=t) for t in ("07", "7.0", "7 ")))


@probe
def an_id_or_none(field: Field) -> Script:
    """Records of which one has a uniqueId and the other has none both count."""
    event = field.event()
    yield from _try(field, event, field.vary(event, unique_id=None))


@probe
def an_id_of_an_earlier_time(field: Field) -> Script:
    """One uniqueId at several times is several records, as official clients rely on."""
    event = field.event()
    times = (event.time_ms - 7_200_000, event.time_ms + 5, event.time_ms - 86_400_000)
    yield from _try(field, event, *(field.vary(event, time_ms=time) for time in times))


@probe
def another_dimension_value(field: Field) -> Script:
    """Records that differ in the value of one dimension only all count."""
    event = field.event(dimensions={"region": "eu-west", "plan": "pro"})
    yield from _try(
        field,
        event,
        field.vary(event, dimensions={"region": "eu-east", "plan": "pro"}),
        field.vary(event, dimensions={"region": "eu-west", "plan": "free"}),
        field.vary(event, dimensions={"region": "EU-WEST", "plan": "pro"}),
    )


@probe
def another_dimension_name(field: Field) -> Script:
    """Records that differ in the name of a dimension only both count."""
    event = field.event(dimensions={"region": "eu-west"})
    yield from _try(
        field,
        event,
        field.vary(event, dimensions={"zone": "eu-west"}),
        field.vary(event, dimensions={"Region": "eu-west"}),
    )


@probe
def one_dimension_more(field: Field) -> Script:
    """Records of which one has a dimension more, or none at all, all count."""
    event = field.event(dimensions={"region": "eu-west"})
    yield from _try(
        field,
        event,
        field.vary(event, dimensions={"region": "eu-west", "plan": "pro"}),
        field.vary(event, dimensions={}),
    )


@probe
def swapped_dimension_values(field: Field) -> Script:
    """Records that have the values of two dimensions the other way round both count."""
    event = field.event(dimensions={"source": "a", "target": "b"})
    yield from _try(field, event, field.vary(event, dimensions={"source": "b", "target": "a"}))


@probe
def dimensions_that_read_alike(field: Field) -> Script:
    """Records whose dimensions look alike when they are strung together all count."""
    event = field.event(dimensions={"a": "1", "b": "2"})
    yield from _try(
        field,
        event,
        field.vary(event, dimensions={"a": "1,b=2"}),
        field.vary(event, dimensions={"a": "1;b:2"}),
        field.vary(event, dimensions={"a": "1&b=2"}),
    )


@probe
def a_dimension_with_another_end(field: Field) -> Script:
    """Records whose long dimension values differ at the end only both count."""
    stem = "0123456789" * 16
    event = field.event(dimensions={"path": stem + "a"})
    yield from _try(field, event, field.vary(event, dimensions={"path": stem + "b"}))


@probe
def a_dimension_with_a_space(field: Field) -> Script:
    """Records whose dimension values differ in a space at the end only both count."""
    event = field.event(dimensions={"name": "blue"})
    yield from _try(field, event, field.vary(event, dimensions={"name": "blue "}))


@probe
def another_customer(field: Field) -> Script:
    """Records that differ in their customer only all count, each for its own."""
    event = field.event()
    others = [field.vary(event, customer=field.new_customer()) for _ in range(3)]
    yield from _try(field, event, *others)


@probe
def another_meter(field: Field) -> Script:
    """Records that differ in their meter only both count, each under its own."""
    event = field.event()
    meters = field.new_meter(), field.new_meter()
    first, second = (field.vary(event, meter=meter) for meter in meters)
    yield field.send(event, first)
    yield LATER
    yield field.send(second)
    asks = [ask for meter in (event.meter, *meters) for ask in field.usage(meter=meter).asks]
    yield field.read(*asks)


@probe
def names_that_run_together(field: Field) -> Script:
    """Records whose customer and uniqueId look alike when they are strung together both count."""
    stem, tail = field.new_customer(), field.new_id()
    event = field.event(customer=stem + "-1", unique_id="2-" + tail)
    other = field.vary(event, customer=stem + "-1-2", unique_id=tail)
    third = field.vary(event, customer=stem, unique_id="1-2-" + tail)
    yield from _try(field, event, other, third)


@probe
def all_different_in_one_array(field: Field) -> Script:
    """Records of one array that differ in one attribute each all count."""
    event = field.event(50)
    yield field.send_array(
        event,
        field.vary(event, time_ms=event.time_ms + 1),
        field.vary(event, value=51),
        field.vary(event, unique_id=field.new_id()),
        field.vary(event, unique_id=None),
        field.vary(event, dimensions={"region": "eu-west", "plan": "free"}),
        field.vary(event, dimensions={"region": "eu-west"}),
        field.vary(event, dimensions={}),
    )
    yield field.usage()


@probe
def the_first_value_stays(field: Field) -> Script:
    """A record that comes again after its like with another value takes nothing from either."""
    event = field.event(10)
    other = field.vary(event, value=25)
    yield field.send(event, other)
    yield LATER
    yield field.send(event, reason="replay")
    yield field.usage()
