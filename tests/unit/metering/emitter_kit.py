"""Calls, what they were to meter, and requests that came to ingest, by seconds from a start."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

from pytest_amberflo.metering.emission import Arrival, CallMark, Declared, read_arrival
from pytest_amberflo.metering.emitter import Emission, Scene, judge_emission

#: 2026-09-21 14:13:20 UTC.
START_S = 1_790_000_000.0
_NUMBERS = count(1)


def call(number: int, *, answer: str = "POST /chat 200", **more: Any) -> CallMark:
    """The call that starts after so many seconds, and takes a tenth of one."""
    return CallMark(
        number=number,
        label=f"chat-{number}",
        started_s=START_S + number,
        done_s=START_S + number + 0.1,
        answer=answer,
        **more,
    )


def due(number: int, value: float | str = 1, **more: Any) -> Declared:
    """An event of meter `tokens` that a call must meter, for customer `acme`."""
    members: dict[str, Any] = {"call": call(number), "meter": "tokens", "customer": "acme"} | more
    return Declared(value=Decimal(str(value)), **members)


def event(at: float, value: Any = 1, uid: Any = "u", **more: Any) -> dict[str, Any]:
    """An event as it is sent, stamped so many seconds after the start; None leaves out."""
    members = {
        "meterApiName": "tokens",
        "customerId": "acme",
        "meterValue": value,
        "meterTimeInMillis": round((START_S + at) * 1000),
        "uniqueId": uid,
    }
    return {name: member for name, member in (members | more).items() if member is not None}


def came(
    at: float,
    *events: Any,
    status: int = 200,
    ending: str = "whole",
    stored: bool | None = None,
    problem: str | None = None,
    body: str | None = None,
    done: float | None = None,
) -> Arrival:
    """A request that came so many seconds after the start, as the server tells of it."""
    return read_arrival(
        {
            "number": next(_NUMBERS),
            "atInSeconds": START_S + at,
            "doneInSeconds": START_S + (at + 0.01 if done is None else done),
            "status": status if ending == "whole" else None,
            "ending": ending,
            "isStored": status == 200 if stored is None else stored,
            "events": None if body is not None else list(events),
            "body": body,
            "problem": problem,
        }
    )


def lost(at: float, *events: Any, stored: bool = True) -> Arrival:
    """A request without an answer."""
    return came(at, *events, ending="none", stored=stored)


def judge(declared: list[Declared], arrivals: list[Arrival], **more: Any) -> Emission:
    """What comes of it."""
    calls = {one.call.number: one.call for one in declared}
    members: dict[str, Any] = {
        "calls": tuple(calls.values()),
        "customers": frozenset(one.customer for one in declared) | {"acme"},
    }
    scene = Scene(declared=tuple(declared), arrivals=tuple(arrivals), **members | more)
    return judge_emission(scene)


def findings(declared: list[Declared], arrivals: list[Arrival], **more: Any) -> list[str]:
    """The kind and the text of each finding."""
    found = judge(declared, arrivals, **more).findings
    return [f"{finding.kind.value}: {finding.text}" for finding in found]
