"""The entry of an item in the trace: steps, requests, responses and checks as plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.exchange_text import clean
from pytest_amberflo.metering.number import format_number
from pytest_amberflo.verdict import ContractDetail, UsageDetail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.arazzo.events import StepResult
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.verdict import Check, ItemResult

#: Half of a pair of surrogates: no UTF-8 can say it.
_HALF: Final = re.compile("[\ud800-\udfff]")
#: In bits; Python does not print much longer ones.
_LONGEST_INTEGER: Final = 10_000


def trace_item(nodeid: str, result: ItemResult, redactor: Redactor) -> Any:
    """The entry of an item, secrets masked, as JSON can carry it."""
    return make_plain(_trace(nodeid, result, redactor))


def make_plain(value: Any) -> Any:
    """The value as JSON and workers of xdist can carry it; what they cannot is described."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value) if _HALF.search(value) else value
    if isinstance(value, Mapping):
        return {str(make_plain(name)): make_plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(item) for item in value]
    if isinstance(value, int):
        is_long = value.bit_length() > _LONGEST_INTEGER
        return f"<integer of {value.bit_length()} bits>" if is_long else int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return clean(repr(value))


def _trace(nodeid: str, result: ItemResult, redactor: Redactor) -> dict[str, Any]:
    workflow = result.workflow
    return {
        "nodeid": nodeid,
        "workflowId": workflow.workflow.workflow_id,
        "outcome": result.verdict.value,
        "inputs": redactor.redact_value(dict(workflow.inputs)),
        "outputs": redactor.redact_value(dict(workflow.outputs)),
        "duration_s": result.duration_s,
        "steps": [
            _trace_step(step, result.checks_of(step), redactor) for step in workflow.each_step()
        ],
        "metering": redactor.redact_value(_trace_metering(result)),
    }


def _trace_step(step: StepResult, checks: Sequence[Check], redactor: Redactor) -> dict[str, Any]:
    entries = [_trace_check(check, redactor) for check in checks]
    entries += [
        {
            "check": "criterion",
            "outcome": "passed" if criterion.passed else "failed",
            "message": redactor.redact(criterion.error or criterion.criterion.condition),
            "pointer": _print_pointer(criterion.criterion.place.pointer),
        }
        for criterion in step.criteria
    ]
    return {
        "stepId": step.step.step_id,
        "attempt": step.attempt,
        "outcome": step.outcome.value,
        "request": _trace_request(step, redactor),
        "response": _trace_response(step.exchange, redactor),
        "checks": entries,
        "action": _trace_action(step, redactor),
        "unknown": [redactor.redact(expression) for expression in step.unknown],
        "duration_s": step.duration_s,
    }


def _trace_action(step: StepResult, redactor: Redactor) -> dict[str, Any] | None:
    action = step.action
    if action is None:
        return {"errors": list(step.action_errors)} if step.action_errors else None
    return {
        "name": action.name,
        "type": action.type,
        "target": action.target,
        "waited_s": action.waited_s,
        "errors": [redactor.redact(error) for error in step.action_errors],
    }


def _trace_check(check: Check, redactor: Redactor) -> dict[str, Any]:
    message, pointer = check.message, None
    if isinstance(check.detail, ContractDetail):
        violations = check.detail.violations
        message = "; ".join(f"{v.path}: {v.rule}" for v in violations)
        pointer = violations[0].path
    elif isinstance(check.detail, UsageDetail) and check.detail.causes:
        message = " ".join((check.message + ":", *check.detail.causes))
    return {
        "check": check.name,
        "outcome": check.outcome.value,
        "message": redactor.redact(message),
        "pointer": pointer,
    }


def _trace_request(step: StepResult, redactor: Redactor) -> dict[str, Any] | None:
    if step.sent is None:
        return None
    request = step.sent.request
    return {
        "method": request.method,
        "url": redactor.redact(request.url),
        "headers": dict(redactor.redact_headers(request.headers)),
        "body": None if request.body is None else redactor.redact_body(request.body),
    }


def _trace_response(exchange: Exchange | None, redactor: Redactor) -> dict[str, Any] | None:
    if exchange is None or exchange.response is None:
        return None
    response = exchange.response
    return {
        "status": response.status,
        "headers": dict(redactor.redact_headers(response.headers)),
        "body": redactor.redact_body(response.body),
        "elapsed_s": exchange.elapsed_s,
    }


def _trace_metering(result: ItemResult) -> dict[str, Any]:
    tally = result.tally
    expected: list[str] = []
    seen: list[str] = []
    for check in result.checks:
        detail = check.detail
        if isinstance(detail, UsageDetail) and detail.judgement is not None:
            expected += [format_number(row.expected) for row in detail.judgement.rows]
            seen += [format_number(row.seen) for row in detail.judgement.rows]
    found = {
        "events": tally.events,
        "expected": expected,
        "seen": seen,
        "polls": tally.polls,
        "settled_after_s": max(tally.visible_after_s, default=None),
    }
    if result.emission is None:
        return found
    from pytest_amberflo.emitter_text import trace_emission  # noqa: PLC0415  only with meters

    return found | trace_emission(result.emission)


def _print_pointer(pointer: Sequence[str | int]) -> str:
    return "".join("/" + str(t).replace("~", "~0").replace("/", "~1") for t in pointer)
