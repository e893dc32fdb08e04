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
    rows: list[tuple[int, CallMark | None, str, str]] = []
    for pair in emission.pairing.pairs:
        came = _describe_record(pair.record)
        rows.append((pair.declared.call.number, pair.declared.call, _due(pair.declared), came))
    for due in emission.pairing.missing:
        rows.append((due.call.number, due.call, _due(due), "nothing"))
    busy = {number for number, *_ in rows}
    for call in emission.scene.calls:
        if call.number not in busy:
            rows.append((call.number, call, "nothing", ""))
    rows.sort(key=lambda row: row[0])
    shown: int | None = None
    for number, call, due_text, came in rows:
        name = f"{call.label}  {call.answer}" if call is not None and number != shown else ""
        shown = number
        yield name, due_text, came
    for record in emission.pairing.extra:
        yield "", "", _describe_record(record)
    for record in emission.unkept:
        yield "", "", f"{_describe_record(record)}, not kept"


def _due(due: Declared) -> str:
    named = [f"{name}={value}" for name, value in (*due.dimensions, *due.match)]
    text = " ".join([str(due), f"for {due.customer}", *dict.fromkeys(named)])
    return f"{text}, or nothing" if due.is_optional else text


def _describe_record(record: Arrived) -> str:
    event, count = record.event, len(record.arrivals)
    named = [f"{name}={value}" for name, value in event.dimensions]
    text = " ".join([str(event), f"for {event.customer or 'nobody'}", *named])
    return f"{text}, {count} times" if count > 1 else text


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
        kept = (
            ""
            if arrival.is_stored == arrival.is_acknowledged
            else (", kept" if arrival.is_stored else ", not kept")
        )
        why = f"  {arrival.problem}" if arrival.problem else ""
        yield f"  {format_time(int(arrival.at_s * 1000))[11:]}  {what}  {arrival.answer}{kept}{why}"
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
