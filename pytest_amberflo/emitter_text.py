"""What calls were to meter beside what came, as text and as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.metering.number import format_number
from pytest_amberflo.metering.window import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.metering.emission import Arrival, Arrived, CallMark, Declared, Emitted
    from pytest_amberflo.metering.emitter import Emission

_MOST_FINDINGS: Final = 20
_MOST_ROWS: Final = 30
_MOST_REQUESTS: Final = 20
_WIDEST: Final = 60
#: After every call.
_LAST: Final = 10**9


def describe_emission(emission: Emission) -> list[str]:
    """The findings, a table of calls and events, and the requests that brought them."""
    findings = [finding.text for finding in emission.findings[:_MOST_FINDINGS]]
    rest = len(emission.findings) - len(findings)
    lines = [*findings, *([f"And {rest} more."] if rest else []), ""]
    lines += _write_table(list(_list_rows(emission)))
    requests = list(_list_requests(emission.arrivals))
    if requests:
        lines += ["", "requests to ingest", *requests]
    return [*lines, *(f"note: {note}" for note in emission.notes)]


def _list_rows(emission: Emission) -> Iterator[tuple[str, str, str]]:
    """A row for each event: the call, what was due, what came."""
    pairing, found = emission.pairing, emission.findings
    names_customer = len(emission.scene.customers) != 1
    tried = {id(f.declared): f.record for f in found if f.declared is not None and f.record}
    owners = {id(f.record): f.call for f in found if f.record is not None}
    rows: list[tuple[CallMark | None, str, str]] = [
        (pair.declared.call, _due(pair.declared, names_customer), _came(pair.record))
        for pair in pairing.pairs
    ]
    for due in pairing.missing:
        record = tried.get(id(due))
        is_lost = record is not None and not record.is_stored
        came = f"{_came(record)}  not kept" if record is not None and is_lost else "nothing"
        rows.append((due.call, _due(due, names_customer), came))
    rows += [(owners.get(id(record)), "not due", _came(record)) for record in pairing.extra]
    busy = {call.number for call, *_ in rows if call is not None}
    rows += [(call, "nothing", "") for call in emission.scene.calls if call.number not in busy]
    rows.sort(key=lambda row: _LAST if row[0] is None else row[0].number)
    shown: int | None = None
    for call, text, came in rows:
        is_new = call is not None and call.number != shown
        yield f"{call.label}  {call.answer}".rstrip() if call and is_new else "", text, came
        shown = None if call is None else call.number
    told = {id(record) for record in tried.values()}
    for record in emission.unkept:
        if id(record) not in told:
            yield "", "", f"{_came(record)}  not kept"


def _due(due: Declared, names_customer: bool) -> str:  # noqa: FBT001  private
    named = [f"{name}={value}" for name, value in (*due.match, *due.dimensions)]
    whose = [f"customer={due.customer}"] if names_customer else []
    text = "  ".join([str(due), *whose, *dict.fromkeys(named)])
    return f"{text}  (or nothing)" if due.is_optional else text


def _came(record: Arrived) -> str:
    event, count = record.event, len(record.arrivals)
    parts = [f"{event.meter or 'no meter'} {event.value_text}"]
    parts.append("no uniqueId" if event.unique_id is None else f"uniqueId={event.unique_id}")
    parts += [f"{name}={value}" for name, value in event.dimensions]
    parts.append(f"customer={event.customer}" if event.customer else "no customer")
    if event.time_ms is not None:
        parts.append(f"at {format_time(event.time_ms).rpartition(' ')[2]}")
    return "  ".join([*parts, *([f"{count} times"] if count > 1 else [])])


def _write_table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    shown = [("call", "due", "came"), *rows[:_MOST_ROWS]]
    widths = [min(_WIDEST, max(len(row[column]) for row in shown)) for column in (0, 1)]
    lines = [
        f"  {row[0]:<{widths[0]}}   {row[1]:<{widths[1]}}   {row[2]}".rstrip() for row in shown
    ]
    if len(rows) > _MOST_ROWS:
        lines.append(f"  and {len(rows) - _MOST_ROWS} more")
    return lines


def _list_requests(arrivals: Sequence[Arrival]) -> Iterator[str]:
    for arrival in arrivals[:_MOST_REQUESTS]:
        count = len(arrival.events)
        what = f"{count} event{'' if count == 1 else 's'}" if arrival.body is None else "no JSON"
        kept = ", kept" if arrival.is_stored and not arrival.is_acknowledged else ""
        why = f"  {arrival.problem}" if arrival.problem else ""
        when = format_time(int(arrival.at_s * 1000))[11:]
        yield f"  {when}  {what}  {arrival.answer}{kept}{why}"
    if len(arrivals) > _MOST_REQUESTS:
        yield f"  and {len(arrivals) - _MOST_REQUESTS} more"


def trace_emission(emission: Emission) -> dict[str, Any]:
    """What was declared and what came, for the trace."""
    return {
        "declared": [
            {
                "step": due.call.label,
                "meter": due.meter,
                "customer": due.customer,
                "value": format_number(due.value),
                "dimensions": dict(due.dimensions),
                "match": dict(due.match),
            }
            for due in emission.scene.declared
        ],
        "received": [
            {
                "at_s": arrival.at_s,
                "status": arrival.status,
                "answer": arrival.answer,
                "kept": arrival.is_stored,
                "events": [_trace_event(event) for event in arrival.events],
            }
            for arrival in emission.arrivals
        ],
        "findings": [
            {"kind": finding.kind.value, "message": finding.text} for finding in emission.findings
        ],
    }


def _trace_event(event: Emitted) -> dict[str, Any]:
    return {
        "meterApiName": event.meter,
        "customerId": event.customer,
        "meterValue": None if event.value is None else format_number(event.value),
        "meterTimeInMillis": event.time_ms,
        "uniqueId": event.unique_id,
        "dimensions": dict(event.dimensions),
        "wrong": list(event.odd),
    }
