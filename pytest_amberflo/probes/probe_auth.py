"""Without the right key nothing is taken and nothing is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe
from pytest_amberflo.probes.wire import write_event

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


def _try(field: Field, what: str, *keys: str | None) -> Script:
    """An event and a query with each key; both are refused, and the event is not counted."""
    field.need_security()
    ingest, usage = field.api.ingest, field.api.usage
    due = field.api.statuses_of(ingest, 401, 403)
    also_due = field.api.statuses_of(usage, 401, 403)
    query = field.query_data(field.ask("SUM", "DAY"))
    for key in keys:
        body = write_event(field.event())
        yield field.call(ingest, f"an event {what}", *due, data=body, key=key)
        yield field.call(usage, f"a query {what}", *also_due, data=query, key=key)
    yield LATER
    yield field.send(field.event())
    yield field.usage()


@probe
def no_key(field: Field) -> Script:
    """Without a key events and queries are refused, and nothing is counted."""
    yield from _try(field, "without a key", None)


@probe
def an_unknown_key(field: Field) -> Script:
    """With an unknown key events and queries are refused, and nothing is counted."""
    field.need_known_key()
    yield from _try(field, "with an unknown key", "pt-unknown-key", field.new_id())


@probe
def an_empty_key(field: Field) -> Script:
    """With an empty key events and queries are refused."""
    field.need_known_key()
    yield from _try(field, "with an empty key", "")


@probe
def a_key_that_is_nearly_right(field: Field) -> Script:
    """A key that is cut, longer, or of another letter case is refused."""
    key = field.need_known_key()
    nearly = [key[:-1], key + "x", key[1:], "x" + key]
    swapped = key.swapcase()
    if swapped != key:
        nearly.append(swapped)
    yield from _try(field, "with a key that is nearly right", *(one for one in nearly if one))


@probe
def refused_and_then_sent(field: Field) -> Script:
    """An event that was refused for its key counts when it comes again with the right one."""
    field.need_security()
    event = field.event()
    due = field.api.statuses_of(field.api.ingest, 401, 403)
    body = write_event(event)
    yield field.call(field.api.ingest, "an event without a key", *due, data=body, key=None)
    yield LATER
    yield field.send(event)
    yield field.usage()


@probe
def a_header_of_another_case(field: Field) -> Script:
    """The name of the key's header counts in any letter case, as HTTP has it."""
    name = field.api.key_header
    yield field.send(field.event(), key_header=name.lower())
    yield field.send(field.event(), key_header=name.title())
    yield field.usage()


@probe
def definitions_without_a_key(field: Field) -> Script:
    """Without a key meters are neither listed nor defined."""
    field.need_security()
    listing, create = (
        field.api.find("listMeterDefinitions"),
        field.api.find("createMeterDefinition"),
    )
    due = field.api.statuses_of(listing, 401, 403)
    data = {"meterApiName": field.new_meter(), "displayName": "Calls", "type": "SUM_OF_ALL_USAGE"}
    yield field.call(listing, "a list of meters without a key", *due, key=None)
    yield field.call(create, "a new meter without a key", *due, data=data, key=None)


@probe
def rules_without_a_key(field: Field) -> Script:
    """Without a key filtering rules are neither listed nor set."""
    field.need_security()
    listing, create = field.api.find("listFilteringRules"), field.api.find("createFilteringRule")
    due = field.api.statuses_of(listing, 401, 403)
    meter = field.new_meter()
    what = "a list of rules without a key"
    yield field.call(listing, what, *due, key=None, query={"meterApiName": meter})
    data = {"meterApiName": meter, "action": "EXCLUDE"}
    yield field.call(create, "a new rule without a key", *due, data=data, key=None)
