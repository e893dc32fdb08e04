"""Meters are told apart by the whole of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


def _try(field: Field, *meters: str) -> Script:
    """The same record for each meter, and one more of each; each shows its own."""
    event = field.event(meter=meters[0])
    yield field.send(*(field.vary(event, meter=meter) for meter in meters))
    yield field.send(*(field.event(meter=meter) for meter in meters))
    yield field.read(*(ask for meter in meters for ask in field.usage(meter=meter).asks))


@probe
def meters_apart(field: Field) -> Script:
    """Usage of one meter is not shown under another."""
    yield from _try(field, field.meter, field.new_meter(), field.new_meter())


@probe
def names_of_another_case(field: Field) -> Script:
    """Meters whose names differ in letter case only are two."""
    stem = field.new_meter()
    yield from _try(field, stem + "-calls", stem + "-CALLS")


@probe
def names_that_begin_alike(field: Field) -> Script:
    """A meter whose name begins with another's is another."""
    stem = field.new_meter()
    yield from _try(field, stem, stem + "s", stem + "-eu")


@probe
def long_names(field: Field) -> Script:
    """Meters whose long names differ at the end only are two."""
    stem = field.new_meter() + "-" + "0123456789" * 8
    yield from _try(field, stem + "a", stem + "b")


@probe
def names_with_dots_and_dashes(field: Field) -> Script:
    """Names that differ in `-`, `_` or `.` only are of different meters."""
    stem = field.new_meter()
    yield from _try(field, stem + "-in-bytes", stem + "_in_bytes", stem + ".in.bytes")


@probe
def an_unknown_meter(field: Field) -> Script:
    """A meter without events shows nothing."""
    yield field.send(field.event())
    meter = field.new_meter()
    yield field.read(
        field.ask("SUM", "DAY", meter=meter), field.ask("SUM", "DAY", meter=meter, customers=())
    )


@probe
def all_usage_of_a_meter(field: Field) -> Script:
    """Without groups and filters the usage of all customers is added up."""
    meter = field.new_meter()
    customers = [field.customer, field.new_customer(), field.new_customer()]
    yield field.send(*(field.event(customer=customer, meter=meter) for customer in customers))
    yield field.read(
        field.ask("SUM", "HOUR", meter=meter, customers=(), is_alone=True),
        field.ask("COUNT", "DAY", meter=meter, customers=(), is_alone=True),
    )
