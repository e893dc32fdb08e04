"""What came of a probe: findings while it runs, and its outcome as plain text."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.exchange_text import describe_exchange, shorten
from pytest_amberflo.usage_text import describe_usage, summarize_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.metering.deferral import Entry
    from pytest_amberflo.probes.endpoint import Found
    from pytest_amberflo.verdict import UsageDetail

_MOST_VIOLATIONS = 20
_LONGEST_HEADLINE = 200


class Kind(Enum):
    """The end of a probe."""

    PASSED = "passed"
    FAILED = "failed"
    UNVERIFIED = "unverified"
    SKIPPED = "skipped"
    ERROR = "error"
    #: Only settled figures tell; so it is on the real service.
    DEFERRED = "deferred"


class Finding(Struct, frozen=True, kw_only=True):
    """Something that is not as promised, or that keeps it from being known."""

    kind: Kind
    headline: str
    lines: tuple[str, ...] = ()
    exchange: Exchange | None = None


class ProbeOutcome(Struct, frozen=True, kw_only=True):
    """The end of a probe, secrets masked; `text` is empty for one that passed."""

    key: str
    promise: str
    kind: Kind
    text: str = ""
    events: int = 0
    readings: int = 0
    #: Whether it depends on the seed of the run.
    is_random: bool = False
    #: From the end of planting to the last right answer, in seconds.
    visible_after_s: float | None = None
    #: What is kept to be judged later; None where nothing was sent.
    entry: Entry | None = None


def find_violations(found: Found) -> Finding | None:
    """The finding that an answer breaks its description, or that there is none."""
    exchange = found.exchange
    label = found.operation.label
    if exchange.response is None:
        failure = exchange.failure
        message = failure.message if failure is not None else "no answer"
        return Finding(kind=Kind.ERROR, headline=f"{label}: {message}", exchange=exchange)
    if not found.violations:
        return None
    shown = found.violations[:_MOST_VIOLATIONS]
    width = min(60, max(len(violation.path) for violation in shown))
    lines = [f"  {violation.path:<{width}}  {violation.rule}" for violation in shown]
    lines += [f"  {origin}" for origin in dict.fromkeys(v.origin for v in shown if v.origin)]
    first = shown[0]
    return Finding(
        kind=Kind.FAILED,
        headline=f"response of {label} breaks its description: {first.path}  {first.rule}",
        lines=tuple(lines),
        exchange=exchange,
    )


def find_usage(kind: Kind, detail: UsageDetail, exchange: Exchange | None) -> Finding:
    """The finding that usage is not what was sent."""
    headline = summarize_usage(detail)
    lines = tuple(describe_usage(detail))
    return Finding(kind=kind, headline=headline, lines=lines, exchange=exchange)


def render(promise: str, findings: Sequence[Finding], redactor: Redactor) -> str:
    """The text of a probe that did not pass; the first line says it in short."""
    first = findings[0]
    headline = first.headline
    if first.kind is Kind.UNVERIFIED:
        headline = f"unverified: {headline}"
    lines = [shorten(headline, _LONGEST_HEADLINE), "", f"Promise: {promise}"]
    for finding in findings:
        lines.append("")
        if finding is not first:
            lines += [finding.headline, ""]
        lines += ["  " + line if line else "" for line in finding.lines]
        if finding.exchange is not None:
            lines += ["", *describe_exchange(finding.exchange, redactor)]
    return redactor.redact("\n".join(lines))
