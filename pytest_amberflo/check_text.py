"""Checks that did not hold, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.exchange_text import describe_exchange
from pytest_amberflo.usage_text import describe_usage, summarize_usage
from pytest_amberflo.verdict import ContractDetail, UsageDetail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.verdict import Check

_MOST_VIOLATIONS: Final = 50


def describe_checks(checks: Sequence[Check], redactor: Redactor) -> list[str]:
    """What is wrong, then each check with its numbers or violations, then the last exchange."""
    lines: list[str] = []
    headlines: list[str] = []
    for check in checks:
        detail = check.detail
        if isinstance(detail, UsageDetail) and detail.judgement is not None:
            headlines.append(summarize_usage(detail))
            lines += ["", *describe_usage(detail)]
        elif isinstance(detail, ContractDetail):
            first = detail.violations[0]
            headlines.append(f"{check.message}: {first.path}  {first.rule}")
            lines += ["", *describe_violations(detail)]
        else:
            headlines.append(check.message)
    exchanges = [check.exchange for check in checks if check.exchange is not None]
    if exchanges:
        lines += ["", *describe_exchange(exchanges[-1], redactor)]
    return [*headlines[:1], *lines]


def describe_violations(detail: ContractDetail) -> list[str]:
    """The violations of a message: path and rule of each, and where the rules stand."""
    shown = detail.violations[:_MOST_VIOLATIONS]
    width = min(60, max(len(violation.path) for violation in shown))
    lines = [f"  {violation.path:<{width}}  {violation.rule}" for violation in shown]
    origins = dict.fromkeys(violation.origin for violation in shown if violation.origin)
    lines += [f"  {origin}" for origin in list(origins)[:3]]
    if len(detail.violations) > len(shown):
        lines.append(f"  and {len(detail.violations) - len(shown)} more")
    return lines
