"""Places in a text, and the numbered lines around them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

#: Longer lines are cut around the place that matters.
_WIDEST: Final = 140


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of a text; lines and columns count from 1, the end column is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


def quote_lines(
    text: str,
    span: Span,
    *,
    before: int = 2,
    after: int = 0,
    point: bool = True,
) -> tuple[str, ...]:
    """The numbered lines around `span`, its first line marked and, with `point`, underlined."""
    lines = text.splitlines()
    marked = min(span.line, len(lines))
    first = max(1, marked - before)
    last = min(len(lines), marked + after)
    width = max(4, len(str(last)) + 1)
    quoted: list[str] = []
    for number in range(first, last + 1):
        is_marked = number == marked
        content = _clean(lines[number - 1])
        cut = max(0, span.column - _WIDEST // 2) if is_marked and len(content) > _WIDEST else 0
        shown = _shorten(content, cut)
        quoted.append(f"  {'>' if is_marked else ' '}{number:>{width}}  {shown}".rstrip())
        if point and is_marked and number == span.line:
            indent = width + 5 + span.column - 1 - cut + (1 if cut else 0)
            quoted.append(" " * indent + "^" * _length_of(span, content))
    return tuple(quoted)


def narrow_span(span: Span, document: str, text: str, offset: int, length: int = 1) -> Span:
    """The part of a scalar's span that starts at `offset` of its text, where that can be told.

    It can for a plain or simply quoted scalar on one line; else the whole scalar's span stands.
    """
    lines = document.splitlines()
    if span.line != span.end_line or span.line > len(lines):
        return span
    written = lines[span.line - 1][span.column - 1 : span.end_column - 1]
    start = written.find(text)
    if start < 0 or start > 1:
        return span
    column = span.column + start + offset
    return Span(line=span.line, column=column, end_line=span.line, end_column=column + length)


def _clean(line: str) -> str:
    """The line without characters that a terminal would act on; one for one, so columns hold."""
    return "".join(
        " " if char == "\t" else char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for char in line.rstrip()
    )


def _shorten(content: str, cut: int) -> str:
    shown = content[cut : cut + _WIDEST]
    head = "…" if cut else ""
    tail = "…" if cut + _WIDEST < len(content) else ""
    return f"{head}{shown}{tail}"


def _length_of(span: Span, content: str) -> int:
    end = span.end_column if span.end_line == span.line else len(content) + 1
    return max(1, min(end, len(content) + 1, span.column + _WIDEST // 2) - span.column)
