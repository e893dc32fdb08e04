"""Which records count, as SQL: visibility, cancellation, filtering rules, deduplication."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.behaviour import DedupRule
from pytest_amberflo.server.documents import METER
from pytest_amberflo.server.exclusion import Exclusion, read_exclusions
from pytest_amberflo.server.meter_kind import MeterKind
from pytest_amberflo.server.record import CANCEL_DIMENSION
from pytest_amberflo.server.schema import IS_CANCEL

if TYPE_CHECKING:
    from pytest_amberflo.server.behaviour import Behaviour
    from pytest_amberflo.server.documents import Document, Documents

#: ABSENT is a number and no customer's name is one, so only what was not sent becomes NULL.
CUSTOMER: Final = "nullif(customer, 0)"
#: The value of one dimension; takes its name.
DIMENSION: Final = "(SELECT value FROM json_each(record.dimensions) WHERE key = ?)"
#: Takes a JSON list.
LISTED: Final = "(SELECT value FROM json_each(?))"

_HAS_CANCELS: Final = (
    f"SELECT EXISTS (SELECT 1 FROM record WHERE tenant = ? AND meter = ? AND {IS_CANCEL})"  # noqa: S608
)
#: A record's match: same meter, customer and unique id; without an id, all else equal. Only
#: what arrived before it is cancelled, so that a corrected event can follow under the same id.
_CANCELLED: Final = f"""EXISTS (
    SELECT 1 FROM record AS cancel
    WHERE instr(cancel.dimensions, '"{CANCEL_DIMENSION}":"true"') > 0
    AND cancel.tenant = record.tenant AND cancel.meter = record.meter
    AND cancel.customer = record.customer AND cancel.unique_id = record.unique_id
    AND cancel.received_us > record.received_us
    AND cancel.received_us + cancel.lag_us <= ?
    AND (record.unique_id <> 0 OR (
        cancel.time_ms = record.time_ms AND cancel.value = record.value
        AND json_remove(cancel.dimensions, '$."{CANCEL_DIMENSION}"') = record.dimensions)))
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a meter's records are read from: a table expression named `record`, and conditions."""

    table: str
    table_values: tuple[str | int, ...]
    conditions: tuple[str, ...]
    values: tuple[str | int, ...]
    #: SQL: how often a record counts.
    weight: str
    #: What the meter counts the different values of; None if it counts otherwise.
    unique: tuple[str, ...] | None
    #: What the meter is read as if a query does not say.
    kind: MeterKind


def build_source(documents: Documents, meter: str, *, avoids_fresh: bool) -> Source:
    """The records of a tenant's meter that count now.

    `avoids_fresh`: whether all are read as settled (`minimizeFresh`; that it means this is our
    reading of its name).
    """
    behaviour = documents.behaviour
    definition = documents.find(METER, meter)
    now_us = documents.clock.now_us()
    settle_us = 0 if avoids_fresh else round(behaviour.settle_s * 1_000_000)
    conditions = ["tenant = ?", "meter = ?", "received_us + lag_us <= ?"]
    values: list[str | int] = [documents.tenant, meter, now_us]
    # Bounds are integers of our own making.
    fresh = f"received_us > {now_us - settle_us}" if settle_us else None
    (has_cancels,) = documents.connection.execute(_HAS_CANCELS, values[:2]).fetchone()
    if has_cancels:
        conditions.append(f"NOT ({IS_CANCEL})")
        conditions.append(_unless_fresh(f"NOT {_CANCELLED}", fresh))
        values.append(now_us)
    for exclusion in read_exclusions(documents, meter):
        text, found = _write_exclusion(exclusion)
        conditions.append(_unless_fresh(text, None))
        values += found
    rule = _find_rule(definition, meter, behaviour)
    kind = MeterKind.SUM if definition is None else MeterKind(definition["meterType"])
    source = Source(
        table="record",
        table_values=(),
        conditions=tuple(conditions),
        values=tuple(values),
        weight="1" if fresh is None else f"iif({fresh}, copies, 1)",
        unique=_find_unique(definition, kind),
        kind=kind,
    )
    return source if rule.is_plain else _rank(source, rule, fresh)


def _unless_fresh(condition: str, fresh: str | None) -> str:
    return condition if fresh is None else f"({condition} OR {fresh})"


def _find_rule(definition: Document | None, meter: str, behaviour: Behaviour) -> DedupRule:
    rule = behaviour.dedup_by_meter.get(meter, behaviour.dedup)
    config = {} if definition is None else definition.get("deduplicationConfig", {})
    return DedupRule(key=config.get("key", rule.key), value=config.get("value", rule.value))


def _find_unique(definition: Document | None, kind: MeterKind) -> tuple[str, ...] | None:
    if definition is None or not kind.is_unique:
        return None
    return tuple(definition.get("aggregationDimensions") or ("customerId",))


def _write_exclusion(exclusion: Exclusion) -> tuple[str, list[str | int]]:
    """A condition that holds for what is not excluded."""
    parts = []
    values: list[str | int] = [exclusion.from_us, exclusion.until_us]
    for name, listed in exclusion.dimensions:
        if name == "customerId":
            parts.append(f"{CUSTOMER} IN {LISTED}")
        else:
            parts.append(f"{DIMENSION} IN {LISTED}")
            values.append(name)
        values.append(json.dumps(listed))
    fits = f"coalesce({' AND '.join(parts) or '1'}, 0)"
    if exclusion.is_negated:
        fits = f"NOT {fits}"
    return f"NOT (received_us >= ? AND received_us < ? AND {fits})", values


def _rank(source: Source, rule: DedupRule, fresh: str | None) -> Source:
    """The source with only the first, or the last, record of each key."""
    attribute, names = _name_key(rule)
    order = "DESC" if rule.value == "last" else "ASC"
    general = ["time_ms", "unique_id", "dimensions", *(["value"] if rule.value == "key" else [])]
    if attribute is not None:
        # Records without the attribute follow the general rule.
        general = [attribute, *(f"iif({attribute} IS NULL, {name}, 0)" for name in general)]
    parts = ", ".join(["customer", *general])
    place = f"row_number() OVER (PARTITION BY {parts} ORDER BY received_us {order})"
    conditions = " AND ".join(source.conditions)
    return Source(
        table=f"(SELECT *, {place} AS place FROM record WHERE {conditions}) AS record",  # noqa: S608
        table_values=(*names * parts.count("?"), *source.values),
        conditions=(_unless_fresh("place = 1", fresh),),
        values=(),
        weight=source.weight,
        unique=source.unique,
        kind=source.kind,
    )


def _name_key(rule: DedupRule) -> tuple[str | None, tuple[str, ...]]:
    """SQL for the attribute that is the key, NULL where there is none, and what it takes."""
    if rule.key == "record":
        return None, ()
    if rule.key == "uniqueId":
        return "nullif(unique_id, 0)", ()
    return DIMENSION, (rule.key,)
