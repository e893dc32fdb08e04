"""What can go wrong in the engine.

    ArazzoError
    ├── DocumentError            a document cannot be used; carries every Problem found
    ├── ExpressionSyntaxError    a runtime expression or condition does not parse
    └── EvaluationError          an expression has no value in this run
        └── UnresolvedError      ... because what it names is not there

Errors carry fields; the text is built when somebody asks for it. Verdicts of a run are not
errors: see `pytest_amberflo.arazzo.events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.arazzo.excerpt import Span, quote_lines
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a document."""

    #: Where in the text; None when the text as a whole is meant.
    span: Span | None
    #: What is wrong, one line.
    message: str
    #: The name that stands in the document, where a name is the problem.
    name: str | None = None
    #: The names that would have been right.
    candidates: tuple[str, ...] = ()
    #: What to do, when the message alone does not tell.
    hint: str | None = None

    @property
    def suggestion(self) -> str | None:
        """The nearest right name, or None."""
        return find_nearest(self.name, self.candidates) if self.name is not None else None


class ArazzoError(Exception):
    """Any error of the engine."""


class DocumentError(ArazzoError):
    """A document cannot be used; raised with every problem that was found in it.

    `name` is what reports call the document (a path or URL), `text` its text; `problems` are in
    the order of the text.
    """

    def __init__(self, name: str, text: str, problems: Sequence[Problem]) -> None:
        super().__init__(name, text, tuple(problems))
        self.name = name
        self.text = text
        self.problems = tuple(sorted(problems, key=_place_of))

    def __str__(self) -> str:
        """Every problem with its place, the lines around it and what would be right."""
        return "\n\n".join(self._render(problem) for problem in self.problems)

    def _render(self, problem: Problem) -> str:
        span = problem.span
        place = self.name if span is None else f"{self.name}:{span.line}:{span.column}"
        lines = [f"{place}  {problem.message}"]
        if span is not None and self.text.strip():
            lines += ["", *quote_lines(self.text, span)]
        suggestion = problem.suggestion
        if suggestion is not None:
            lines.append(f"  Did you mean `{suggestion}`?")
        if problem.hint is not None:
            lines += [f"  {line}" for line in problem.hint.splitlines()]
        return "\n".join(lines)


class ExpressionSyntaxError(ArazzoError):
    """A runtime expression or condition does not parse.

    `text` is the whole text, `offset` where reading stopped (0-based characters), `expected`
    what could have stood there.
    """

    def __init__(
        self,
        text: str,
        offset: int,
        expected: str,
        *,
        name: str | None = None,
        candidates: Sequence[str] = (),
    ) -> None:
        super().__init__(text, offset, expected)
        self.text = text
        self.offset = offset
        self.expected = expected
        self.name = name
        self.candidates = tuple(candidates)

    @property
    def message(self) -> str:
        """What was expected where, in one line."""
        found = self.text[self.offset : self.offset + 12]
        at = f"at character {self.offset + 1}, before `{found}`" if found else "at the end"
        return f"`{self.text}` does not parse: {self.expected} is due {at}"

    def __str__(self) -> str:
        """The message, with the nearest right name where a name is the problem."""
        near = find_nearest(self.name, self.candidates) if self.name is not None else None
        return f"{self.message}; did you mean `{near}`?" if near else self.message


class EvaluationError(ArazzoError):
    """An expression has no value in this run; `expression` is its text, `reason` says why."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(expression, reason)
        self.expression = expression
        self.reason = reason

    def __str__(self) -> str:
        """The expression and the reason, in one line."""
        return f"`{self.expression}`: {self.reason}"


class UnresolvedError(EvaluationError):
    """What an expression names is not there; `candidates` are the names that are."""

    def __init__(
        self,
        expression: str,
        reason: str,
        *,
        name: str | None = None,
        candidates: Iterable[str] = (),
    ) -> None:
        super().__init__(expression, reason)
        self.name = name
        self.candidates = tuple(candidates)

    def __str__(self) -> str:
        """The expression, the reason and the nearest or all names that exist."""
        message = super().__str__()
        near = find_nearest(self.name, self.candidates) if self.name is not None else None
        if near is not None:
            return f"{message}; did you mean `{near}`?"
        if self.candidates:
            return f"{message}; there is {', '.join(f'`{name}`' for name in self.candidates[:12])}"
        return message


def _place_of(problem: Problem) -> tuple[int, int]:
    span = problem.span
    return (0, 0) if span is None else (span.line, span.column)
