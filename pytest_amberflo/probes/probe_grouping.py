"""Groups and filters show what was asked for, whole, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.metering.query import Take
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_REGIONS = ("eu-west", "eu-east", "us-west")


def _plant_regions(field: Field) -> Script:
    """Events of three regions and two plans."""
    pairs = [(region, plan) for region in _REGIONS for plan in ("free", "pro")]
    yield field.send(
        *(field.event(dimensions={"region": region, "plan": plan}) for region, plan in pairs)
    )


@probe
def groups_of_customers(field: Field) -> Script:
    """`groupBy: customerId` shows each customer by itself."""
    customers = [field.customer, field.new_customer(), field.new_customer()]
    yield field.send(*(field.event(customer=customer) for customer in [*customers, *customers]))
    yield field.read(
        field.ask("SUM", "DAY", customers=customers, group_by=["customerId"]),
        field.ask("COUNT", "HOUR", customers=customers, group_by=["customerId"]),
    )


@probe
def customers_of_an_unfiltered_query(field: Field) -> Script:
    """Without a filter every customer of the meter is shown, each in its own group."""
    meter = field.new_meter()
    customers = [field.customer, field.new_customer()]
    yield field.send(*(field.event(customer=customer, meter=meter) for customer in customers))
    yield field.read(
        field.ask("SUM", "DAY", meter=meter, customers=(), group_by=["customerId"], is_alone=True),
        field.ask("SUM", "DAY", meter=meter, customers=(), is_alone=True),
    )


@probe
def one_customer_of_several(field: Field) -> Script:
    """A filter of one customer leaves out all others."""
    others = [field.new_customer(), field.new_customer()]
    yield field.send(*(field.event(customer=customer) for customer in [field.customer, *others]))
    yield field.read(
        field.ask("SUM", "HOUR"),
        field.ask("COUNT", "DAY", group_by=["customerId"]),
        field.ask("SUM", "HOUR", customers=[others[0]]),
    )


@probe
def two_customers_of_several(field: Field) -> Script:
    """A filter of two customers shows both, together or in groups, and no third."""
    others = [field.new_customer(), field.new_customer()]
    yield field.send(*(field.event(customer=customer) for customer in [field.customer, *others]))
    both = [field.customer, others[1]]
    yield field.read(
        field.ask("SUM", "DAY", customers=both),
        field.ask("SUM", "DAY", customers=both, group_by=["customerId"]),
    )


@probe
def a_customer_without_usage(field: Field) -> Script:
    """A filter of a customer without usage shows nothing."""
    yield field.send(field.event())
    nobody = field.new_customer()
    yield field.read(
        field.ask("SUM", "DAY", customers=[nobody]),
        field.ask("COUNT", "DAY", customers=[nobody], group_by=["customerId"]),
        field.ask("SUM", "DAY", customers=[nobody, field.customer]),
    )


@probe
def groups_of_a_dimension(field: Field) -> Script:
    """`groupBy` of a dimension shows each of its values by itself, and nothing twice."""
    yield from _plant_regions(field)
    yield field.read(
        field.ask("SUM", "HOUR", group_by=["region"]),
        field.ask("COUNT", "DAY", group_by=["plan"]),
    )


@probe
def groups_of_two_dimensions(field: Field) -> Script:
    """`groupBy` of two dimensions shows each pair of their values."""
    yield from _plant_regions(field)
    yield field.read(
        field.ask("SUM", "DAY", group_by=["region", "plan"]),
        field.ask("SUM", "DAY", group_by=["plan", "region"]),
        field.ask("SUM", "DAY", group_by=["customerId", "region"]),
    )


@probe
def maximum_in_groups(field: Field) -> Script:
    """MAX in groups is the largest value of each."""
    values = {"eu-west": (5, 60), "eu-east": (90, 20), "us-west": (3, 1)}
    yield field.send(
        *(
            field.event(value, dimensions={"region": region})
            for region, some in values.items()
            for value in some
        )
    )
    yield field.read(
        field.ask("MAX", "DAY", group_by=["region"]),
        field.ask("MAX", "HOUR", group_by=["customerId"]),
    )


@probe
def groups_in_several_buckets(field: Field) -> Script:
    """Groups keep to their buckets where there are several of both."""
    plan = [("eu", 0), ("us", 0), ("eu", 1), ("us", 2), ("eu", 2)]
    yield field.send(
        *(
            field.event(at_ms=field.anchor_ms - hours * 3_600_000, dimensions={"region": region})
            for region, hours in plan
        )
    )
    yield field.read(
        field.ask("SUM", "HOUR", group_by=["region"]),
        field.ask("SUM", "DAY", group_by=["region"]),
        field.ask("COUNT", "MONTH", group_by=["region"]),
        field.ask("SUM", "MONTH", filters={"region": ["us"]}),
    )


@probe
def groups_of_like_values(field: Field) -> Script:
    """Values of a dimension that differ in case, in a space or at the end are groups apart."""
    values = ("blue", "Blue", "blue ", "blu", "blue1")
    yield field.send(*(field.event(dimensions={"colour": value}) for value in values))
    yield field.read(
        field.ask("SUM", "DAY", group_by=["colour"]),
        field.ask("SUM", "DAY", filters={"colour": ["blue"]}),
    )


@probe
def groups_of_an_absent_dimension(field: Field) -> Script:
    """An event without the dimension is in no other value's group."""
    yield field.send(
        field.event(dimensions={"region": "eu"}),
        field.event(dimensions={}),
        field.event(dimensions={"plan": "pro"}),
    )
    yield field.read(
        field.ask("SUM", "DAY", group_by=["region"]),
        field.ask("SUM", "DAY", filters={"region": ["eu"]}),
        field.ask("SUM", "DAY"),
    )


@probe
def a_filter_of_one_value(field: Field) -> Script:
    """A filter of a dimension lets its value through, and no other."""
    yield from _plant_regions(field)
    yield field.read(
        field.ask("SUM", "HOUR", filters={"region": ["eu-east"]}),
        field.ask("COUNT", "DAY", filters={"plan": ["pro"]}),
        field.ask("MAX", "DAY", filters={"region": ["eu-west"]}),
    )


@probe
def a_filter_of_two_values(field: Field) -> Script:
    """A filter of two values lets both through."""
    yield from _plant_regions(field)
    values = ["eu-west", "us-west"]
    yield field.read(
        field.ask("SUM", "DAY", filters={"region": values}),
        field.ask("SUM", "DAY", filters={"region": values}, group_by=["region"]),
    )


@probe
def two_filters(field: Field) -> Script:
    """Of two filters an event must pass both."""
    yield from _plant_regions(field)
    wanted = {"region": ["eu-west", "eu-east"], "plan": ["free"]}
    yield field.read(
        field.ask("SUM", "DAY", filters=wanted),
        field.ask("COUNT", "HOUR", filters=wanted, group_by=["region"]),
    )


@probe
def a_filter_that_nothing_passes(field: Field) -> Script:
    """A filter that no event passes shows nothing."""
    yield from _plant_regions(field)
    yield field.read(
        field.ask("SUM", "DAY", filters={"region": ["mars"]}),
        field.ask("COUNT", "DAY", filters={"region": ["eu"]}),
        field.ask("SUM", "DAY", filters={"region": ["eu-west"], "plan": ["none"]}),
    )


@probe
def a_filter_beside_a_group(field: Field) -> Script:
    """A filter of one dimension and groups of another go together."""
    yield from _plant_regions(field)
    yield field.read(
        field.ask("SUM", "DAY", filters={"plan": ["pro"]}, group_by=["region"]),
        field.ask("SUM", "DAY", filters={"region": ["us-west"]}, group_by=["plan"]),
    )


@probe
def the_largest_groups(field: Field) -> Script:
    """`take` shows as many groups as were asked for, the largest or the smallest ones."""
    for number, region in enumerate(("a", "b", "c", "d")):
        yield field.send(field.event(10**number + 3, dimensions={"region": region}))
    largest, smallest = Take(limit=2), Take(limit=1, is_ascending=True)
    yield field.read(
        field.ask("SUM", "DAY", group_by=["region"], take=largest),
        field.ask("SUM", "DAY", group_by=["region"], take=smallest),
    )


@probe
def values_with_marks(field: Field) -> Script:
    """Values of dimensions with quotes, signs and letters outside ASCII are kept as they are."""
    values = ("it's", 'say "hi"', "50% & more", "a,b;c=d", "Zürich", "a_b", "(x) [y]")
    yield field.send(*(field.event(dimensions={"name": value}) for value in values))
    yield field.read(
        field.ask("SUM", "DAY", group_by=["name"]),
        *(field.ask("SUM", "DAY", filters={"name": [value]}) for value in values[:6]),
    )


@probe
def other_meters_of_the_customer(field: Field) -> Script:
    """A query of one meter shows nothing of the customer's other meters."""
    other = field.new_meter()
    yield field.send(field.event(), field.event(meter=other), field.event(meter=other))
    yield field.read(
        field.ask("SUM", "DAY"),
        field.ask("SUM", "DAY", meter=other),
        field.ask("COUNT", "DAY", group_by=["customerId"]),
    )
