"""An item's result as plain values: steps as lines, properties, the entry of the trace."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pytest_amberflo.deferral import write_line
from pytest_amberflo.exchange_text import clean, describe_request
from pytest_amberflo.metering.number import format_number
from pytest_amberflo.usage_text import format_duration
from pytest_amberflo.verdict import CheckOutcome, UsageDetail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.arazzo.events import StepResult
    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Check, ItemResult


def make_digest(
    nodeid: str, result: ItemResult, steps: Sequence[str], run: Run, *, wants_trace: bool
) -> dict[str, Any]:
    """Everything that the controller needs of an item, as plain values, secrets masked.

    `steps` is a line a step, masked already.
    """
    tally = result.tally
    return _trim(
        {
            "nodeid": nodeid,
            "verdict": result.verdict.value,
            "target": result.target,
            "steps": list(steps),
            "requests": describe_rehearsal(result, run.redactor)
            if run.settings.is_dry_run
            else [],
            "events": tally.events,
            "copies": tally.copies,
            "lost_answers": tally.lost_answers,
            "throttled": tally.throttled,
            "metered": 0 if result.emission is None else len(result.emission.scene.declared),
            "judged": tally.judged,
            "wrong": sum(
                check.name == "usage"
                and check.outcome in (CheckOutcome.FAILED, CheckOutcome.WARNED)
                for check in result.checks
            ),
            "visible_s": list(tally.visible_after_s),
            "stand_ins": dict(run.catalog.stand_ins),
            "notes": list(run.notes),
            "entry": write_line(result.entry, nodeid),
            "due_s": result.entry.not_before_s if result.entry is not None else None,
            "trace": _trace(nodeid, result, run) if wants_trace else None,
        }
    )


def _trim(digest: dict[str, Any]) -> dict[str, Any]:
    """A digest without what is nothing: it may travel to another process."""
    return {name: value for name, value in digest.items() if value}


def make_skeleton(nodeid: str, workflow_id: str, outcome: str, run: Run) -> dict[str, Any]:
    """The digest of an item that did not run."""
    trace = {"nodeid": nodeid, "workflowId": workflow_id, "outcome": outcome}
    empty = {"inputs": {}, "outputs": {}, "duration_s": 0.0, "steps": [], "metering": None}
    return _trim(
        {
            "nodeid": nodeid,
            "verdict": outcome,
            "stand_ins": dict(run.catalog.stand_ins),
            "notes": list(run.notes),
            "trace": trace | empty,
        }
    )


def list_properties(result: ItemResult, redactor: Redactor) -> list[tuple[str, str]]:
    """The properties of an item in JUnit, secrets masked."""
    pairs = [_pair(name, str(value)) for name, value in _list_properties(result)]
    # Masked together: there is hardly ever anything to mask.
    text = "\n".join([value for _, value in pairs])
    if redactor.redact(text) == text:
        return pairs
    return [(name, redactor.redact(value)) for name, value in pairs]


@lru_cache(maxsize=512)
def _pair(name: str, value: str) -> tuple[str, str]:
    """A property; items that have the same one, which pytest keeps, share it."""
    return name, value


def _list_properties(result: ItemResult) -> Iterator[tuple[str, str | int | float]]:
    tally = result.tally
    yield "amberflo_target", result.target
    yield "amberflo_verdict", result.verdict.value
    yield "amberflo_events_sent", tally.events
    yield "amberflo_events_resent", tally.copies
    yield "amberflo_usage_judged", tally.judged
    if result.emission is not None:
        yield "amberflo_events_due", len(result.emission.scene.declared)
        yield "amberflo_events_heard", result.emission.count
    for check in result.checks:
        detail = check.detail
        if isinstance(detail, UsageDetail) and detail.judgement is not None:
            rows = detail.judgement.rows
            yield "amberflo_usage_expected", _numbers([row.expected for row in rows])
            yield "amberflo_usage_seen", _numbers([row.seen for row in rows])
    if tally.visible_after_s:
        yield "amberflo_visible_after_ms", round(max(tally.visible_after_s) * 1000)
    if result.entry is not None:
        from pytest_amberflo.metering.ledger_text import write_moment  # noqa: PLC0415  rare

        yield "amberflo_not_before", write_moment(result.entry.not_before_s)


def mask_steps(result: ItemResult, redactor: Redactor) -> tuple[str, ...]:
    """A line a step, secrets masked."""
    return tuple(clean(redactor.redact(line)) for line in describe_steps(result))


def describe_steps(result: ItemResult) -> Iterator[str]:
    """A line a step: what was sent, what came, and what it proved."""
    for step in result.workflow.each_step():
        yield "  ".join(_describe_step(step, result.checks_of(step)))


def describe_rehearsal(result: ItemResult, redactor: Redactor) -> list[str]:
    """Every request that would be sent, with the values that only a response will tell."""
    lines: list[str] = []
    for step in result.workflow.each_step():
        if step.sent is None:
            continue
        lines.append(step.step.step_id)
        text = "\n".join(describe_request(step.sent.request, redactor))
        for expression in step.unknown:
            placeholder = "{" + expression + "}"
            text = text.replace(quote(placeholder, safe=""), placeholder)
            text += f"\n  not known before a response: {redactor.redact(expression)}"
        lines += text.split("\n")
    return lines


def _describe_step(step: StepResult, checks: Sequence[Check]) -> Iterator[str]:
    yield step.step.step_id
    if step.sent is not None:
        request = step.sent.request
        yield f"{request.method} {urlsplit(request.url).path}"
    exchange = step.exchange
    if step.called is not None:
        yield f"workflow {step.called.workflow.workflow_id}"
    elif exchange is None:
        yield "not sent"
    else:
        yield str(exchange.response.status) if exchange.response is not None else "no answer"
        yield format_duration(exchange.elapsed_s)
    if step.outcome.value != "passed":
        yield step.outcome.value
    if step.action is not None:
        target = f" {step.action.target}" if step.action.target else ""
        yield f"{step.action.name}: {step.action.type}{target}"
    for check in checks:
        is_news = check.name in ("usage", "emitter") or check.outcome is not CheckOutcome.PASSED
        if is_news and check.message:
            yield check.message


def _numbers(values: Sequence[Any]) -> str:
    return ", ".join(format_number(value) for value in values) or "0"


def _trace(nodeid: str, result: ItemResult, run: Run) -> Any:
    from pytest_amberflo.trace import trace_item  # noqa: PLC0415  only where it is asked for

    return trace_item(nodeid, result, run.redactor)
