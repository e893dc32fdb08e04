"""Meter definitions, in both forms of the API over the same meters.

The published form names a meter by its API name and has types such as SUM_OF_ALL_USAGE; the
official one knows it by an id that the service gives, and has types such as sum_of_all_usage.
Which types the real service takes is not known for sure: this server counts sums, maxima and
unique values, and refuses every other type.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.documents import METER
from pytest_amberflo.server.fields import Fields, drop_absent
from pytest_amberflo.server.meter_kind import MeterKind
from pytest_amberflo.server.refusal import Refusal, describe_value, shorten
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents
    from pytest_amberflo.server.routing import Call

_CODE: Final = "invalid-meter"
_PUBLISHED_TYPES: Final = {kind.published: kind for kind in MeterKind if kind.published}
_OFFICIAL_TYPES: Final = {kind.value: kind for kind in MeterKind}
#: A meter's life goes one way.
_LOCKS: Final = {"open": 0, "close_to_changes": 1, "close_to_deletions": 1, "deprecated": 2}
#: Members that are kept as they come, with what they must be.
_TEXTS: Final = ("description", "unit", "viewGroupingFunction", "viewGroupingInterval")
_FLAGS: Final = ("useInBilling", "squashSumMeter", "seatBased")


def _find_meter(documents: Documents, name: str) -> Document:
    meter = documents.find(METER, name)
    if meter is None:
        details = f"meterApiName is {shorten(name)}"
        raise Refusal(404, "meter-not-found", "There is no such meter", details=details)
    return meter


def _make_meter(members: Document, documents: Documents) -> Document:
    now_ms = documents.now_ms
    made = {"id": str(uuid.uuid4()), "lockingStatus": "open", "useInBilling": True}
    return made | members | {"createTime": now_ms, "updateTime": now_ms}


def _refuse_taken(name: str) -> Refusal:
    details = f"meterApiName is {shorten(name)}"
    return Refusal(400, "meter-exists", "A meter of this name already exists", details=details)


# The published form.


def show_published(meter: Document) -> Document:
    """A meter in the published form."""
    kind = MeterKind(meter["meterType"])
    return {
        "meterApiName": meter["meterApiName"],
        "displayName": meter["label"],
        "label": meter["meterApiName"],
        "type": kind.published or MeterKind.UNIQUE_CUSTOMERS.published,
        "meterTimeInMillis": meter["createTime"],
        "dimensions": meter["dimensions"],
    }


def _read_published(call: Call) -> Document:
    fields = Fields.of(call.payload, _CODE)
    kind = _PUBLISHED_TYPES.get(str(fields.members.get("type")))
    if kind is None:
        raise fields.refuse("type", f"one of {', '.join(_PUBLISHED_TYPES)}")
    return {
        "meterApiName": fields.read_text("meterApiName"),
        "label": fields.read_text("displayName"),
        "meterType": kind.value,
        "dimensions": list(fields.find_texts("dimensions") or ()),
    }


def list_published(_: Call, documents: Documents) -> Any:
    """All meters."""
    return [show_published(meter) for meter in documents.list(METER)]


def create_published(call: Call, documents: Documents) -> Any:
    """A new meter; a name that is taken is refused (400)."""
    members = _read_published(call)
    name = members["meterApiName"]
    if documents.find(METER, name) is not None:
        raise _refuse_taken(name)
    meter = _make_meter(members, documents)
    documents.put(METER, name, meter)
    return show_published(meter)


def update_published(call: Call, documents: Documents) -> Any:
    """The meter with what the request changes; one that is not there is refused (400)."""
    members = _read_published(call)
    former = documents.find(METER, members["meterApiName"])
    if former is None:
        details = f"meterApiName is {shorten(members['meterApiName'])}"
        raise Refusal(400, "meter-not-found", "There is no such meter", details=details)
    meter = former | members | {"updateTime": documents.now_ms}
    documents.put(METER, members["meterApiName"], meter)
    return show_published(meter)


def get_published(call: Call, documents: Documents) -> Any:
    """The meter of the path."""
    return show_published(_find_meter(documents, call.arguments["meterApiName"]))


def delete_published(call: Call, documents: Documents) -> Any:
    """The meter as it was; its records stay."""
    meter = _find_meter(documents, call.arguments["meterApiName"])
    documents.delete(METER, meter["meterApiName"])
    return show_published(meter)


# The official form.


def _show_official(meter: Document) -> Document:
    # Derived by the service, whatever a client sends.
    return meter | {"aggregation": MeterKind(meter["meterType"]).aggregation}


def _read_official(call: Call) -> tuple[str | None, Document]:
    """The id that a client sent, and the members of a meter."""
    fields = Fields.of(call.payload, _CODE)
    sent = fields.read_text("meterType")
    kind = _OFFICIAL_TYPES.get(sent.lower())
    if kind is None:
        known = ", ".join(_OFFICIAL_TYPES)
        details = f"meterType is {describe_value(sent)}; this server counts {known}"
        raise Refusal(400, _CODE, "Invalid meter type", details=details)
    unique = fields.find_texts("aggregationDimensions")
    if kind is MeterKind.ACTIVE_USERS and not unique:
        raise fields.refuse("aggregationDimensions", "a list of one dimension or more")
    lock = fields.find_choice("lockingStatus", tuple(_LOCKS))
    config = fields.find_fields("deduplicationConfig")
    members: Document = {
        "meterApiName": fields.read_text("meterApiName"),
        "label": fields.read_text("label"),
        "meterType": kind.value,
        "dimensions": list(fields.find_texts("dimensions") or ()),
        "aggregationDimensions": None if unique is None else list(unique),
        "lockingStatus": None if lock is None else lock.lower(),
        "timeoutInMinutes": fields.find_integer("timeoutInMinutes", least=0),
        "deduplicationConfig": None if config is None else _read_config(config),
    }
    members |= {name: fields.find_text(name) for name in _TEXTS}
    members |= {name: fields.find_flag(name) for name in _FLAGS}
    return fields.find_text("id"), drop_absent(members)


def _read_config(config: Fields) -> Document:
    """How a meter's records are told apart.

    The real service's `deduplicationConfig` is not described anywhere. Here its `key` is
    `record`, `uniqueId` or the name of a dimension, and its `value` is `key`, `first` or `last`.
    """
    value = config.find_choice("value", ("key", "first", "last"))
    members = {"key": config.find_text("key"), "value": None if value is None else value.lower()}
    return drop_absent(members)


def list_official(call: Call, documents: Documents) -> Any:
    """All meters; with `meterApiName`, the one of that name or none."""
    name = call.query.get("meterApiName")
    meters = documents.list(METER)
    return [_show_official(m) for m in meters if name is None or m["meterApiName"] == name]


def create_official(call: Call, documents: Documents) -> Any:
    """A new meter, with an id of its own; a name that is taken is refused (400)."""
    _, members = _read_official(call)
    name = members["meterApiName"]
    if documents.find(METER, name) is not None:
        raise _refuse_taken(name)
    meter = _make_meter(members, documents)
    documents.put(METER, name, meter)
    return _show_official(meter)


def update_official(call: Call, documents: Documents) -> Any:
    """The meter with what the request changes; it must carry the service's id (400)."""
    sent_id, members = _read_official(call)
    name = members["meterApiName"]
    former = documents.find(METER, name)
    if former is None or former["id"] != sent_id:
        if former is not None and sent_id is None:
            raise _refuse_taken(name)
        details = f"id is {describe_value(sent_id)}, meterApiName is {shorten(name)}"
        message = "There is no meter of this id and name"
        raise Refusal(400, "meter-not-found", message, details=details)
    lock = str(members.get("lockingStatus", former["lockingStatus"]))
    if _LOCKS[lock] < _LOCKS[former["lockingStatus"]]:
        details = f"it is {former['lockingStatus']}, and {lock} was asked for"
        raise Refusal(400, _CODE, "A meter cannot be unlocked", details=details)
    meter = former | members | {"updateTime": documents.now_ms}
    documents.put(METER, name, meter)
    return _show_official(meter)


def get_official(call: Call, documents: Documents) -> Any:
    """The meter of an id. What the real service answers for an unknown id is not known."""
    meter = _find_by_id(call, documents)
    if meter is None:
        raise Refusal(404, "meter-not-found", "There is no meter of this id")
    return _show_official(meter)


def delete_official(call: Call, documents: Documents) -> Any:
    """The meter as it was, once it is deprecated; for any other id nothing, and no complaint."""
    meter = _find_by_id(call, documents)
    if meter is None:
        return {}
    if meter["lockingStatus"] != "deprecated":
        details = f"lockingStatus is {meter['lockingStatus']}"
        message = "Only a deprecated meter can be deleted"
        raise Refusal(400, "meter-in-use", message, details=details)
    documents.delete(METER, meter["meterApiName"])
    return _show_official(meter)


def _find_by_id(call: Call, documents: Documents) -> Document | None:
    wanted = call.arguments["id"]
    return next((meter for meter in documents.list(METER) if meter["id"] == wanted), None)


def provision(call: Call, documents: Documents) -> Any:
    """The meters of a template; there is one template, for language models."""
    fields = Fields.of(call.payload, _CODE)
    if fields.read_text("templateId") != "llm":
        raise fields.refuse("templateId", "llm")
    for name in ("input_tokens", "output_tokens"):
        if documents.find(METER, name) is None:
            members = {
                "meterApiName": name,
                "label": name.replace("_", " ").capitalize(),
                "meterType": MeterKind.SUM.value,
                "dimensions": ["model", "type", "provider"],
            }
            documents.put(METER, name, _make_meter(members, documents))
    return [_show_official(meter) for meter in documents.list(METER)]


ROUTES: Final = (
    make_route("listMeters", "GET", "/meter-definition", list_published, Shape.PUBLISHED),
    make_route("createMeter", "POST", "/meter-definition", create_published, Shape.PUBLISHED),
    make_route("updateMeter", "PUT", "/meter-definition", update_published, Shape.PUBLISHED),
    make_route(
        "getMeter", "GET", "/meter-definition/{meterApiName}", get_published, Shape.PUBLISHED
    ),
    make_route(
        "deleteMeter",
        "DELETE",
        "/meter-definition/{meterApiName}",
        delete_published,
        Shape.PUBLISHED,
    ),
    make_route("listMeters", "GET", "/meters", list_official, Shape.OFFICIAL),
    make_route("createMeter", "POST", "/meters", create_official, Shape.OFFICIAL),
    make_route("updateMeter", "PUT", "/meters", update_official, Shape.OFFICIAL),
    make_route("getMeter", "GET", "/meters/{id}", get_official, Shape.OFFICIAL),
    make_route("deleteMeter", "DELETE", "/meters/{id}", delete_official, Shape.OFFICIAL),
    make_route("provision", "POST", "/provisioning", provision, Shape.OFFICIAL),
)
