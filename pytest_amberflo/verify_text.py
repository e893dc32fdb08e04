"""A judged entry of a ledger as text and plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.check_text import describe_violations
from pytest_amberflo.digest import make_skeleton
from pytest_amberflo.exchange_text import describe_exchange, shorten
from pytest_amberflo.failure import FailureText
from pytest_amberflo.metering.ledger_text import write_moment
from pytest_amberflo.metering.number import format_number
from pytest_amberflo.metering.window import format_time
from pytest_amberflo.usage_text import describe_usage, summarize_usage
from pytest_amberflo.verdict import CheckOutcome, ContractDetail, UsageDetail, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.metering.reckoning import Reckoning
    from pytest_amberflo.run import Run
    from pytest_amberflo.verification import Finding, VerifyResult


class VerifyFailure(AssertionError):  # noqa: N818  pytest shows the name of an assertion
    """An entry is red; carries its result."""

    def __init__(self, result: VerifyResult) -> None:
        super().__init__(result.entry.item)
        self.result = result


def describe_verification(result: VerifyResult, place: str, redactor: Redactor) -> FailureText:
    """The text of a red entry, secrets masked; the first line says it in short."""
    entry = result.entry
    red = [found for found in result.findings if found.outcome is not CheckOutcome.PASSED]
    sent = format_time(int(min((t.at_s for t in entry.transmissions), default=0) * 1000))[:16]
    lines = [_summarize(result, red), "", f"{place}  {entry.item}, sent {sent} UTC", ""]
    for finding in red:
        lines += [*("  " + line if line else "" for line in _describe(finding)), ""]
        if finding.exchange is not None:
            lines += [*describe_exchange(finding.exchange, redactor), ""]
    if result.verdict is Verdict.UNVERIFIED and result.reasons:
        lines += ["  Nothing wrong was seen, and nothing could have been:"]
        lines += [f"    {reason}" for reason in result.reasons]
    return FailureText(redactor.redact("\n".join(lines).rstrip()))


def _summarize(result: VerifyResult, red: Sequence[Finding]) -> str:
    if not red:
        return shorten(f"unverified: {result.reasons[0]}", 200)
    first = min(red, key=lambda found: found.outcome is not CheckOutcome.FAILED)
    if isinstance(first.detail, UsageDetail) and first.detail.judgement is not None:
        return shorten(summarize_usage(first.detail), 200)
    return shorten(first.message, 200)


def _describe(finding: Finding) -> list[str]:
    detail = finding.detail
    if isinstance(detail, ContractDetail):
        return [finding.message, *describe_violations(detail)]
    if isinstance(detail, UsageDetail) and detail.judgement is not None:
        return describe_usage(detail)
    return [finding.message]


def describe_readings(result: VerifyResult) -> Iterator[str]:
    """A line a query: what was asked, and what it proved."""
    for finding in result.findings:
        detail = finding.detail
        what = ""
        if isinstance(detail, UsageDetail) and detail.judgement is not None:
            query = detail.judgement.query
            whose = ", ".join(sorted(query.customers or ()))
            what = f"  {query.aggregation.value} of {query.meter}" + (
                f", {whose}" if whose else ""
            )
        yield f"POST {finding.query.path}{what}  {finding.message}"


def list_verify_properties(result: VerifyResult) -> Iterator[tuple[str, str]]:
    """The properties of an entry in JUnit."""
    yield "amberflo_target", result.target
    yield "amberflo_verdict", result.verdict.value
    yield "amberflo_item", result.entry.item
    yield "amberflo_not_before", write_moment(result.entry.not_before_s)
    yield "amberflo_usage_judged", str(result.tally.judged)
    for name in ("expected", "seen"):
        numbers = [getattr(row, name) for row in result.rows]
        texts = ["?" if number is None else format_number(number) for number in numbers]
        yield f"amberflo_usage_{name}", ", ".join(texts) or "0"


def make_verify_digest(
    nodeid: str,
    result: VerifyResult | str,
    run: Run,
    rows: Sequence[Reckoning] = (),
) -> dict[str, Any]:
    """What the controller needs of an entry: of its result, or of how it ended without one."""
    if isinstance(result, str):
        digest = make_skeleton(nodeid, "", result, run)
        return digest | {"rows": [row.as_texts() for row in rows]}
    verdict = result.verdict.value
    digest = make_skeleton(nodeid, result.entry.item, verdict, run)
    numbers = [(row.expected, row.seen) for row in result.rows]
    metering = {
        "events": 0,
        "expected": [format_number(one) for one, _ in numbers if one is not None],
        "seen": [format_number(other) for _, other in numbers if other is not None],
        "polls": result.tally.polls,
        "settled_after_s": None,
    }
    wrong = sum(finding.outcome is CheckOutcome.FAILED for finding in result.findings)
    return digest | {
        "steps": [run.redactor.redact(line) for line in describe_readings(result)],
        "judged": result.tally.judged,
        "wrong": wrong,
        "throttled": result.tally.throttled,
        "lost_answers": result.tally.lost_answers,
        "rows": [row.as_texts() for row in result.rows],
        "trace": digest["trace"] | {"duration_s": result.duration_s, "metering": metering},
    }
