"""Meters are defined, read, changed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_TYPES = ("SUM_OF_ALL_USAGE", "MAX_IN_PERIOD", "UNIQUE_CUSTOMERS_COUNT")


def _define(field: Field, **changes: Any) -> dict[str, Any]:
    data = {
        "meterApiName": field.new_meter(),
        "displayName": "Calls of the API",
        "type": "SUM_OF_ALL_USAGE",
    }
    return data | changes


def _shows(wanted: Mapping[str, Any]) -> Callable[[Any], str | None]:
    """What of a definition is not as wanted."""

    def check(found: Any) -> str | None:
        if not isinstance(found, dict):
            return "the answer is no definition"
        for name, value in wanted.items():
            if found.get(name) != value:
                return f"`{name}` is {found.get(name)!r}, {value!r} is due"
        return None

    return check


def _lists(*wanted: Mapping[str, Any], without: str | None = None) -> Callable[[Any], str | None]:
    """What is wrong with a list of definitions: each that is wanted stands there once."""

    def check(found: Any) -> str | None:
        items = found if isinstance(found, list) else []
        for data in wanted:
            name = data["meterApiName"]
            mine = [item for item in items if item.get("meterApiName") == name]
            if len(mine) != 1:
                return f"{name} is listed {len(mine)} times, once is due"
            problem = _shows(data)(mine[0])
            if problem is not None:
                return problem
        if without is not None and any(item.get("meterApiName") == without for item in items):
            return f"{without} is listed, and it was removed"
        return None

    return check


@probe
def a_new_meter(field: Field) -> Script:
    """A new meter is answered, and read by its name, as it was defined."""
    create = field.api.find("createMeterDefinition")
    get = field.api.find("getMeterDefinitionById")
    data = _define(field, dimensions=["region", "plan"])
    path = {"meterApiName": data["meterApiName"]}
    yield field.call(create, "a new meter", 200, data=data, check=_shows(data))
    yield LATER
    yield field.call(get, "a meter", 200, path=path, check=_shows(data), polls=True)


@probe
def meters_of_every_type(field: Field) -> Script:
    """Meters of every type of the description can be defined and keep their type."""
    create = field.api.find("createMeterDefinition")
    listing = field.api.find("listMeterDefinitions")
    meters = [_define(field, type=name, displayName=name.lower()) for name in _TYPES]
    for data in meters:
        yield field.call(create, f"a meter of type {data['type']}", 200, data=data)
    yield LATER
    yield field.call(listing, "the list of meters", 200, check=_lists(*meters), polls=True)


@probe
def a_changed_meter(field: Field) -> Script:
    """A changed meter shows the change, and stands in the list once."""
    create = field.api.find("createMeterDefinition")
    update = field.api.find("updateMeterDefinition")
    get = field.api.find("getMeterDefinitionById")
    listing = field.api.find("listMeterDefinitions")
    data = _define(field)
    changed = data | {"displayName": "Calls, all of them"}
    path = {"meterApiName": data["meterApiName"]}
    yield field.call(create, "a new meter", 200, data=data)
    yield field.call(get, "a meter", 200, path=path, check=_shows(data), polls=True)
    yield field.call(update, "a changed meter", 200, data=changed, check=_shows(changed))
    yield LATER
    yield field.call(get, "a changed meter", 200, path=path, check=_shows(changed), polls=True)
    yield field.call(listing, "the list of meters", 200, check=_lists(changed), polls=True)


@probe
def a_removed_meter(field: Field) -> Script:
    """A removed meter is neither found nor listed any more; another one stays."""
    create = field.api.find("createMeterDefinition")
    delete = field.api.find("deleteMeterDefinition")
    get = field.api.find("getMeterDefinitionById")
    listing = field.api.find("listMeterDefinitions")
    data, other = _define(field), _define(field)
    name = data["meterApiName"]
    for one in (data, other):
        yield field.call(create, "a new meter", 200, data=one)
    yield field.call(get, "a meter", 200, path={"meterApiName": name}, polls=True)
    done = field.api.statuses_of(delete, 200, 204)
    yield field.call(delete, "the removal of a meter", *done, path={"meterApiName": name})
    yield LATER
    gone = field.api.statuses_of(get, 404)
    yield field.call(get, "a removed meter", *gone, path={"meterApiName": name}, polls=True)
    check = _lists(other, without=name)
    yield field.call(listing, "the list of meters", 200, check=check, polls=True)


@probe
def an_unknown_meter(field: Field) -> Script:
    """A meter that nobody has defined is not found."""
    get = field.api.find("getMeterDefinitionById")
    gone = field.api.statuses_of(get, 404)
    path = {"meterApiName": field.new_meter()}
    yield field.call(get, "an unknown meter", *gone, path=path)


@probe
def a_meter_of_unknown_type(field: Field) -> Script:
    """A meter of an unknown type, or without a member that must be there, is refused."""
    create = field.api.find("createMeterDefinition")
    listing = field.api.find("listMeterDefinitions")
    due = field.api.statuses_of(create, 400, 422)
    data = _define(field)
    what = "a meter of an unknown type"
    yield field.call(create, what, *due, data=data | {"type": "AVERAGE"})
    for name in ("displayName", "type", "meterApiName"):
        partial = {member: value for member, value in data.items() if member != name}
        yield field.call(create, f"a meter without {name}", *due, data=partial)
    yield LATER
    check = _lists(without=data["meterApiName"])
    yield field.call(listing, "the list of meters", 200, check=check)


@probe
def usage_of_a_defined_meter(field: Field) -> Script:
    """Events of a meter that was defined count, each once."""
    create = field.api.find("createMeterDefinition")
    data = _define(field, dimensions=["region"])
    meter = data["meterApiName"]
    yield field.call(create, "a new meter", 200, data=data)
    events = [
        field.event(meter=meter, dimensions={"region": region}) for region in ("eu", "us", "eu")
    ]
    yield field.send(*events)
    yield LATER
    yield field.send(events[0], reason="replay")
    yield field.read(
        *field.usage(meter=meter).asks,
        field.ask("SUM", "DAY", meter=meter, group_by=["region"]),
    )
