"""Filtering rules let through what they say, of their meter, and are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe
from pytest_amberflo.probes.wire import write_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


def _lists(rule: dict[str, Any]) -> Callable[[Any], str | None]:
    def check(found: Any) -> str | None:
        items = found if isinstance(found, list) else []
        for item in items:
            if item.get("meterApiName") != rule["meterApiName"]:
                return f"a rule of meter {item.get('meterApiName')} is listed"
        if not any(_is_same(item, rule) for item in items):
            return "the rule is not listed as it was set"
        return None

    return check


def _is_same(item: dict[str, Any], rule: dict[str, Any]) -> bool:
    values = item.get("dimensionValues") or []
    return (
        item.get("dimensionName") == rule["dimensionName"]
        and sorted(values) == sorted(rule["dimensionValues"])
        and item.get("action") == rule["action"]
    )


def _set_rule(field: Field, meter: str, action: str, *values: str) -> Script:
    """A rule on the dimension `env`, and that it is listed."""
    create, listing = field.api.find("createFilteringRule"), field.api.find("listFilteringRules")
    rule = {
        "meterApiName": meter,
        "dimensionName": "env",
        "dimensionValues": list(values),
        "action": action,
    }

    def check(found: Any) -> str | None:
        is_kept = isinstance(found, dict) and _is_same(found, rule)
        return None if is_kept else "the answer is not the rule that was set"

    yield field.call(create, f"a rule to {action}", 200, data=rule, check=check)
    query = {"meterApiName": meter}
    what = "the list of rules"
    yield field.call(listing, what, 200, query=query, check=_lists(rule), polls=True)


def _send_filtered(field: Field, meter: str, *values: str) -> Script:
    """Events that must not count; whether they are answered 200 is the service's choice."""
    ingest = field.api.ingest
    allowed = (200, *field.api.statuses_of(ingest, 400, 422))
    for value in values:
        body = write_event(field.event(meter=meter, dimensions={"env": value}))
        yield field.call(ingest, "an event that a rule leaves out", *allowed, data=body)


@probe
def a_rule_to_exclude(field: Field) -> Script:
    """Events with an excluded value do not count, all others do."""
    meter = field.new_meter()
    yield from _set_rule(field, meter, "EXCLUDE", "test", "dev")
    yield LATER
    yield from _send_filtered(field, meter, "test", "dev")
    kept: list[dict[str, str]] = [{"env": "prod"}, {"env": "testing"}, {"plan": "test"}]
    yield field.send(*(field.event(meter=meter, dimensions=found) for found in kept))
    yield field.usage(meter=meter)


@probe
def a_rule_to_include(field: Field) -> Script:
    """Only events with an included value count."""
    meter = field.new_meter()
    yield from _set_rule(field, meter, "INCLUDE", "prod", "stage")
    yield LATER
    yield from _send_filtered(field, meter, "test", "production")
    yield field.send(
        *(field.event(meter=meter, dimensions={"env": env}) for env in ("prod", "stage", "prod"))
    )
    yield field.usage(meter=meter)


@probe
def a_rule_of_another_meter(field: Field) -> Script:
    """A rule of one meter leaves the events of all others alone."""
    meter, other = field.new_meter(), field.new_meter()
    yield from _set_rule(field, meter, "EXCLUDE", "test")
    yield LATER
    yield field.send(
        field.event(meter=other, dimensions={"env": "test"}),
        field.event(dimensions={"env": "test"}),
        field.event(meter=meter, dimensions={"env": "prod"}),
    )
    yield field.read(
        *(ask for name in (meter, other, field.meter) for ask in field.usage(meter=name).asks)
    )


@probe
def a_rule_and_an_array(field: Field) -> Script:
    """Of an array a rule leaves out what it names, and nothing beside it."""
    meter = field.new_meter()
    yield from _set_rule(field, meter, "EXCLUDE", "test")
    yield LATER
    kept = [field.event(meter=meter, dimensions={"env": env}) for env in ("prod", "dev")]
    out = field.event(meter=meter, dimensions={"env": "test"})
    left_out = frozenset({out.unique_id or ""})
    yield field.send_array(kept[0], out, kept[1], left_out=left_out)
    yield field.send(kept[0], reason="replay")
    yield field.usage(meter=meter)


@probe
def a_rule_of_unknown_action(field: Field) -> Script:
    """A rule with an unknown action, or without a meter, is refused."""
    create = field.api.find("createFilteringRule")
    due = field.api.statuses_of(create, 400, 422)
    rule = {"dimensionName": "env", "dimensionValues": ["test"]}
    named = rule | {"meterApiName": field.new_meter()}
    yield field.call(create, "a rule to DELETE", *due, data=named | {"action": "DELETE"})
    yield field.call(create, "a rule without a meter", *due, data=rule | {"action": "EXCLUDE"})
    yield field.call(create, "a rule without a meter", *due, data=rule)
