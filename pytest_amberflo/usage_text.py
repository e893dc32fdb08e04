"""Expected usage beside seen usage, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.metering.number import format_number
from pytest_amberflo.metering.usage import describe_group
from pytest_amberflo.metering.window import format_bucket

if TYPE_CHECKING:
    from decimal import Decimal

    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.table import Row
    from pytest_amberflo.verdict import UsageDetail

_MOST_ROWS: Final = 20


def summarize_usage(detail: UsageDetail) -> str:
    """What is wrong with usage, in one line."""
    judgement = detail.judgement
    assert judgement is not None
    wrong = judgement.wrong_rows or judgement.strays
    cause = detail.causes[0] if detail.causes else "nothing can be concluded"
    if not wrong:
        return f"usage of meter {judgement.query.meter}: {cause}"
    row = wrong[0]
    numbers = f"{format_number(row.expected)} expected, {format_number(row.seen)} seen"
    return f"usage of meter {judgement.query.meter}: {numbers}. {cause}"


def describe_usage(detail: UsageDetail) -> list[str]:
    """The table of a judged reading, the likely causes, and how long was waited."""
    judgement = detail.judgement
    assert judgement is not None
    lines = [_describe_query(judgement), *_describe_rows(judgement), ""]
    lines += detail.causes
    settled = detail.settled
    if settled is not None:
        lines.append(_describe_waiting(detail))
    return lines


def _describe_query(judgement: Judgement) -> str:
    query = judgement.query
    customers = query.customers
    whose = f", customer {', '.join(sorted(customers))}" if customers else ""
    return (
        f"usage of meter {query.meter}{whose}, {query.aggregation.value} by {query.interval.value}"
    )


def _describe_rows(judgement: Judgement) -> list[str]:
    rows = [*judgement.rows, *judgement.strays]
    if not rows:
        return ["  nothing was expected, and nothing was seen"]
    wrong_first = sorted(rows, key=lambda row: row.is_right)[:_MOST_ROWS]
    shown = [row for row in rows if row in wrong_first]
    names = {id(row): _name_row(row, judgement) for row in shown}
    table = [("", "expected", "seen", "difference")]
    table += [
        (
            names[id(row)],
            format_number(row.expected),
            format_number(row.seen),
            "" if row.is_right else _write_signed(row.difference),
        )
        for row in shown
    ]
    width = max(22, *(len(name) for name, *_ in table))
    wide = max(14, *(len(number) + 2 for _, *numbers in table for number in numbers))
    lines = [
        f"{name:<{width}}{expected:>{wide}}{seen:>{wide}}{difference:>{wide}}".rstrip()
        for name, expected, seen, difference in table
    ]
    if len(rows) > len(shown):
        lines.append(f"and {len(rows) - len(shown)} more")
    return lines


def _write_signed(number: Decimal) -> str:
    sign = "+" if number > 0 else "-"
    return sign + format_number(abs(number))


def _name_row(row: Row, judgement: Judgement) -> str:
    bucket = format_bucket(row.bucket, judgement.query.interval)
    groups = {found.group for found in (*judgement.rows, *judgement.strays)}
    if len(groups) < 2:
        return bucket
    return f"{bucket}  {describe_group(row.group, judgement.query)}"


def _describe_waiting(detail: UsageDetail) -> str:
    settled = detail.settled
    assert settled is not None
    readings = "one reading" if settled.readings == 1 else f"{settled.readings} readings"
    text = f"Seen in {readings} over {format_duration(settled.waited_s)}."
    if settled.has_changed and settled.right_after_s is not None:
        text += f" It was right after {format_duration(settled.right_after_s)}, and then changed."
    if settled.backward:
        text += " Readings went backwards: a replica may lag."
    return text


def format_duration(seconds: float) -> str:
    """A time as a reader names it: `3 ms`, `1.2 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
