"""Customers are told apart by the whole of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


def _try(field: Field, *customers: str) -> Script:
    """The same record for each customer, and one more of each; each sees its own."""
    event = field.event(customer=customers[0])
    same = [field.vary(event, customer=customer) for customer in customers]
    yield field.send(*same)
    yield field.send(*(field.event(customer=customer) for customer in customers))
    yield field.read(
        *(ask for customer in customers for ask in field.usage(customer).asks),
        field.ask("SUM", "DAY", customers=customers, group_by=["customerId"]),
    )


@probe
def customers_apart(field: Field) -> Script:
    """Usage of one customer is not shown for another."""
    yield from _try(field, field.customer, field.new_customer(), field.new_customer())


@probe
def ids_of_another_case(field: Field) -> Script:
    """Customers whose ids differ in letter case only are two."""
    stem = field.new_customer()
    yield from _try(field, stem + "-acme", stem + "-ACME", stem + "-Acme")


@probe
def ids_that_begin_alike(field: Field) -> Script:
    """A customer whose id begins with another's is another."""
    stem = field.new_customer()
    yield from _try(field, stem, stem + "0", stem + "-test")


@probe
def ids_with_a_space(field: Field) -> Script:
    """Customers whose ids differ in a space at the end or the start are two."""
    stem = field.new_customer()
    yield from _try(field, stem, stem + " ", " " + stem)


@probe
def long_ids(field: Field) -> Script:
    """Customers whose long ids differ at the end only are two."""
    stem = field.new_customer() + "-" + "0123456789" * 16
    yield from _try(field, stem + "a", stem + "b")


@probe
def ids_with_marks(field: Field) -> Script:
    """Ids of customers may hold signs, quotes and letters outside ASCII."""
    stem = field.new_customer()
    yield from _try(
        field, stem + "/o'neil", stem + '"%_*', stem + "@a.example?x=1&y", stem + "-Zoë"
    )


@probe
def ids_with_leading_zeros(field: Field) -> Script:
    """Ids that look like numbers are texts."""
    stem = "1" + "".join(str(ord(char) % 10) for char in field.new_customer())
    yield from _try(field, "0" + stem, stem, "00" + stem)


@probe
def a_replay_for_one_of_two(field: Field) -> Script:
    """A record that comes again for one customer changes nothing for either."""
    other = field.new_customer()
    event = field.event()
    yield field.send(event, field.vary(event, customer=other))
    yield LATER
    yield field.send(event, reason="replay")
    yield field.usage(field.customer, other)


@probe
def customers_at_the_same_time(field: Field) -> Script:
    """Events of several customers that come at the same time count for their own."""
    customers = [field.customer, *(field.new_customer() for _ in range(3))]
    events = [field.event(customer=customer) for customer in [*customers, *customers]]
    yield field.send(*events, at_once=True)
    yield field.usage(*customers)


@probe
def a_new_customer(field: Field) -> Script:
    """A customer that nobody has announced has its usage counted from the first event on."""
    customer = field.new_customer()
    yield field.read(field.ask("SUM", "DAY", customers=[customer]))
    yield field.send(field.event(customer=customer))
    yield field.usage(customer)
