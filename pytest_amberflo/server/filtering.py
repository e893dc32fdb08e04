"""Filtering rules, in both forms of the API.

The published form filters on the way in: INCLUDE lets only the listed values of a dimension
through, EXCLUDE all others. Which events a rule has met is a matter of when they arrived, so a
rule is kept with its former texts and their times, and applied when usage is read. The official
form takes back, at any time, what arrived within a range of time.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.documents import REMOVAL, RULE
from pytest_amberflo.server.fields import Fields, drop_absent
from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents
    from pytest_amberflo.server.routing import Call

_CODE: Final = "invalid-rule"


def _show(rule: Document) -> Document:
    text = rule["texts"][-1]
    names = ("dimensionName", "dimensionValues", "action")
    shown = {name: text[name] for name in names if name in text}
    return {"meterApiName": rule["meterApiName"], "ruleId": rule["id"]} | shown


def put_rule(call: Call, documents: Documents) -> Any:
    """The rule, new or with a new text. A rule without a dimension filters nothing."""
    fields = Fields.of(call.payload, _CODE)
    meter = fields.read_text("meterApiName")
    action = fields.members.get("action")
    if action not in (None, "INCLUDE", "EXCLUDE"):
        raise fields.refuse("action", "one of INCLUDE, EXCLUDE")
    values = fields.find_texts("dimensionValues")
    now_us = documents.clock.now_us()
    text = drop_absent(
        {
            "fromMicros": now_us,
            "dimensionName": fields.find_text("dimensionName"),
            "dimensionValues": None if values is None else list(values),
            "action": action,
        }
    )
    name = fields.find_text("ruleId") or f"rule-{secrets.token_hex(6)}"
    former = documents.find(RULE, name)
    texts = [] if former is None else list(former["texts"])
    if former is not None and former["meterApiName"] != meter:
        raise fields.refuse("meterApiName", f"{former['meterApiName']}, as the rule has it")
    if texts:
        texts[-1] = texts[-1] | {"untilMicros": now_us}
    rule = {"id": name, "meterApiName": meter, "texts": [*texts, text]}
    documents.put(RULE, name, rule)
    return _show(rule)


def list_rules(call: Call, documents: Documents) -> Any:
    """The rules of one meter."""
    meter = call.query.get("meterApiName")
    if not meter:
        raise Refusal(400, "invalid-query", "The parameter meterApiName is missing or blank")
    return [_show(rule) for rule in documents.list(RULE) if rule["meterApiName"] == meter]


def put_removal(call: Call, documents: Documents) -> Any:
    """The removal of what a meter was sent within a range of time.

    How the real service has the properties to match is not known: here `dimensions` maps a name
    to the values that are taken back, and without it everything of the range is.
    """
    fields = Fields.of(call.payload, _CODE)
    window = fields.find_fields("ingestionTimeRange")
    start_s = None if window is None else window.find_seconds("startTimeInSeconds")
    if window is None or start_s is None:
        raise fields.refuse("ingestionTimeRange", "an object with startTimeInSeconds")
    if fields.find_text("type") not in (None, "by_property_filter_out"):
        raise fields.refuse("type", "by_property_filter_out")
    times = {
        "startTimeInSeconds": start_s,
        "endTimeInSeconds": window.find_seconds("endTimeInSeconds"),
    }
    removal: Document = {
        "id": fields.read_text("id"),
        "meterApiName": fields.read_text("meterApiName"),
        "type": "by_property_filter_out",
        "ingestionTimeRange": drop_absent(times),
        "dimensions": _read_dimensions(fields),
    }
    documents.put(REMOVAL, removal["id"], removal)
    return removal


def _read_dimensions(fields: Fields) -> dict[str, list[str]]:
    dimensions = fields.find_fields("dimensions")
    if dimensions is None:
        return {}
    read = {}
    for name, value in dimensions.members.items():
        read[name] = [value] if isinstance(value, str) else list(dimensions.find_texts(name) or ())
    return read


def list_removals(_: Call, documents: Documents) -> Any:
    """All removals."""
    return list(documents.list(REMOVAL))


_PUBLISHED: Final = "/meter-event-filtering-rules"
_OFFICIAL: Final = "/ingest-snapshot/custom-filtering-rules"

ROUTES: Final = (
    make_route("putFilteringRule", "POST", _PUBLISHED, put_rule, Shape.PUBLISHED),
    make_route("listFilteringRules", "GET", _PUBLISHED, list_rules, Shape.PUBLISHED),
    make_route("putFilteringRule", "POST", _OFFICIAL, put_removal, Shape.OFFICIAL),
    make_route("listFilteringRules", "GET", _OFFICIAL, list_removals, Shape.OFFICIAL),
)
