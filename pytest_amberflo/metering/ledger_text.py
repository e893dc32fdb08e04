"""Ledger files: one JSON object a line, each an entry that stands for itself.

Lines of several files may be put together into one. Numbers of events are texts, so that no
reader rounds them; times are UTC.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.metering.dedup import DedupRules, ValuePolicy
from pytest_amberflo.metering.deferral import Entry, Rules, StoredQuery
from pytest_amberflo.metering.event import MeterEvent
from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission
from pytest_amberflo.metering.reckoning import reckon_entry

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

#: The member that says what a line is, and its version.
MARK: Final = "amberflo_ledger"
VERSION: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = {"type": "string"}
_TEXT_OR_NULL: Final = {"type": ["string", "null"]}
_TRUTH: Final = {"type": "boolean"}
_SECONDS: Final = {"type": "number", "minimum": 0}
_MOMENT: Final = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$",
}


class LedgerTextError(ValueError):
    """A line is no entry; `reason` says why, `column` where, from 1, if that is known."""

    def __init__(self, reason: str, column: int | None = None) -> None:
        super().__init__(reason, column)
        self.reason = reason
        self.column = column

    def __str__(self) -> str:
        """The reason."""
        return self.reason


def write_entry(entry: Entry) -> str:
    """The line of an entry, without its end.

    It says what must come of it, too: people read that, a later run works it out again with
    everything else that was sent.
    """
    ledger = Ledger()
    ledger.add(entry.transmissions)
    expected = reckon_entry(entry, ledger.records(), {})
    data = {
        MARK: VERSION,
        "run": entry.run,
        "item": entry.item,
        "verdict": entry.verdict,
        "target": entry.target,
        "not_before": write_moment(entry.not_before_s),
        "rules": {
            "live": entry.rules.is_live,
            "dedup": {
                "keys": [list(pair) for pair in entry.rules.dedup.keys],
                "value": entry.rules.dedup.value.value,
            },
            "other_writers": entry.rules.has_other_writers,
            "settle_s": entry.rules.settle_s,
            "hold_s": entry.rules.hold_s,
        },
        "sent": [_write_transmission(found) for found in entry.transmissions],
        "expected": [
            {name: row.as_texts()[name] for name in ("customer", "meter", "day", "expected")}
            for row in expected
        ],
        "queries": [
            {
                "path": query.path,
                "body": query.body,
                "server": query.server,
                "description": query.description,
                "total": query.is_total,
            }
            for query in entry.queries
        ],
    }
    return json.dumps(data, separators=(",", ":"))


def _write_transmission(transmission: Transmission) -> dict[str, Any]:
    event = transmission.event
    done_s = transmission.done_s
    return {
        "meterApiName": event.meter,
        "customerId": event.customer,
        "meterValue": str(event.value),
        "meterTimeInMillis": event.time_ms,
        "uniqueId": event.unique_id,
        "dimensions": dict(event.dimensions),
        "blanks": list(event.blanks),
        "fate": transmission.fate.value,
        "at": write_moment(transmission.at_s),
        "done": None if done_s is None else write_moment(done_s),
        "reason": transmission.reason,
        "operation": transmission.operation,
    }


def read_entry(line: str) -> Entry:
    """The entry of a line. Raises LedgerTextError."""
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise LedgerTextError(f"this is no JSON: {error.msg}", error.colno) from None
    except RecursionError:
        raise LedgerTextError("this is nested too deeply") from None
    if not isinstance(data, dict) or MARK not in data:
        raise LedgerTextError(f"this is no entry of a metering ledger: there is no `{MARK}`")
    version = data[MARK]
    if version != VERSION:
        is_newer = isinstance(version, int) and version > VERSION
        who = "a newer" if is_newer else "an older"
        raise LedgerTextError(
            f"it is of version {json.dumps(version)}, of {who} pytest-amberflo than this, which "
            f"reads version {VERSION}: verify it with the one that wrote it"
        )
    found = next(iter(_validator().iter_errors(data)), None)
    if found is not None:
        raise LedgerTextError(f"{found.json_path}: {found.message}")
    try:
        return _read_entry(data)
    except (ValueError, ArithmeticError) as error:
        raise LedgerTextError(f"this is no entry: {error}") from None


def _read_entry(data: dict[str, Any]) -> Entry:
    rules, dedup = data["rules"], data["rules"]["dedup"]
    return Entry(
        run=data["run"],
        item=data["item"],
        verdict=data["verdict"],
        target=data["target"],
        not_before_s=int(read_moment(data["not_before"])),
        rules=Rules(
            is_live=rules["live"],
            dedup=DedupRules(
                keys=tuple((meter, key) for meter, key in dedup["keys"]),
                value=ValuePolicy(dedup["value"]),
            ),
            has_other_writers=rules["other_writers"],
            settle_s=float(rules["settle_s"]),
            hold_s=float(rules["hold_s"]),
        ),
        transmissions=tuple(_read_transmission(found) for found in data["sent"]),
        queries=tuple(
            StoredQuery(
                path=query["path"],
                body=query["body"],
                server=query["server"],
                description=query["description"],
                is_total=query["total"],
            )
            for query in data["queries"]
        ),
    )


def _read_transmission(data: dict[str, Any]) -> Transmission:
    return Transmission(
        event=MeterEvent(
            meter=data["meterApiName"],
            customer=data["customerId"],
            value=Decimal(data["meterValue"]),
            time_ms=data["meterTimeInMillis"],
            unique_id=data["uniqueId"],
            dimensions=tuple(sorted(data["dimensions"].items())),
            blanks=tuple(data["blanks"]),
        ),
        fate=Fate(data["fate"]),
        at_s=read_moment(data["at"]),
        done_s=None if data["done"] is None else read_moment(data["done"]),
        reason=data["reason"],
        operation=data["operation"],
    )


def write_moment(seconds: float) -> str:
    """A moment as text, UTC: `2026-11-22T07:10:00Z`, to the microsecond."""
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    return text.replace("+00:00", "Z")


def read_moment(text: str) -> float:
    """The moment of a text of `write_moment`, in seconds since 1970. Raises ValueError."""
    return (datetime.fromisoformat(text) - _EPOCH) / timedelta(seconds=1)


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  only reading a ledger needs it

    return Draft202012Validator(_object(**_ENTRY))


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members}


def _list(member: Any) -> dict[str, Any]:
    return {"type": "array", "items": member}


_ENTRY: Final[dict[str, Any]] = {
    "run": _TEXT,
    "item": {"type": "string", "minLength": 1},
    "verdict": _TEXT,
    "target": _TEXT,
    "not_before": _MOMENT,
    "rules": _object(
        live=_TRUTH,
        dedup=_object(
            keys=_list(
                {
                    "type": "array",
                    "prefixItems": [_TEXT_OR_NULL, _TEXT],
                    "minItems": 2,
                    "maxItems": 2,
                }
            ),
            value={"enum": [policy.value for policy in ValuePolicy]},
        ),
        other_writers=_TRUTH,
        settle_s=_SECONDS,
        hold_s=_SECONDS,
    ),
    "sent": _list(
        _object(
            meterApiName=_TEXT,
            customerId=_TEXT_OR_NULL,
            meterValue={"type": "string", "pattern": r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$"},
            meterTimeInMillis={"type": "integer"},
            uniqueId=_TEXT_OR_NULL,
            dimensions={"type": "object", "additionalProperties": _TEXT},
            blanks=_list(_TEXT),
            fate={"enum": [fate.value for fate in Fate]},
            at=_MOMENT,
            done={"anyOf": [_MOMENT, {"type": "null"}]},
            reason=_TEXT,
            operation=_TEXT,
        )
    ),
    "queries": _list(
        _object(
            path={"type": "string", "pattern": "^/"},
            body=_TEXT,
            server=_TEXT_OR_NULL,
            description=_TEXT_OR_NULL,
            total=_TRUTH,
        )
    ),
}
