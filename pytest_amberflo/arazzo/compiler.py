"""The texts of a document compiled: expressions, templates, conditions and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.condition_grammar import parse_condition, parse_operand
from pytest_amberflo.arazzo.criteria import check_condition
from pytest_amberflo.arazzo.errors import ExpressionSyntaxError, Problem
from pytest_amberflo.arazzo.excerpt import narrow_span
from pytest_amberflo.arazzo.grammar import parse_expression
from pytest_amberflo.arazzo.selector import Query, check_query
from pytest_amberflo.arazzo.template import (
    Literal,
    Template,
    compile_embedded,
    compile_template,
    find_syntax_errors,
    make_query,
)

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.condition import Condition, Operand
    from pytest_amberflo.arazzo.expression import Expression
    from pytest_amberflo.arazzo.source import Pointer, Source


class Compiler:
    """Compiles texts of one source; what does not parse is None, and kept in `problems`."""

    def __init__(self, source: Source, *, has_selectors: bool) -> None:
        self._source = source
        self._has_selectors = has_selectors
        self.problems: list[Problem] = []

    def _query(self, text: str, declared: Any, at: Pointer) -> Query | None:
        """The query that a text is; None and a problem where it does not parse."""
        try:
            query = make_query(text, declared)
            check_query(query)
        except ExpressionSyntaxError as error:
            self._add_syntax_error(at, error)
            return None
        return query

    def _context(self, data: Any, pointer: Pointer, kind: str) -> Operand | None:
        if "context" not in data:
            if kind != "simple":
                self._add(pointer, f"a {kind} criterion has no `context`")
            return None
        try:
            return parse_operand(data["context"])
        except ExpressionSyntaxError as error:
            self._add_syntax_error((*pointer, "context"), error)
        return None

    def _condition_template(
        self, text: str, kind: str, version: str | None, at: Pointer
    ) -> Template | None:
        """The condition of any kind but simple; what can be known of it now is checked now."""
        try:
            template = compile_embedded(text)
            if isinstance(template, Literal):
                check_condition(text, kind, version)
        except ExpressionSyntaxError as error:
            self._add_syntax_error(at, error)
            return None
        return template

    def _template(self, value: Any, pointer: Pointer) -> Template | None:
        try:
            return compile_template(value, selectors=self._has_selectors)
        except ExpressionSyntaxError:
            for inner, error in find_syntax_errors(value, selectors=self._has_selectors):
                self._add_syntax_error((*pointer, *inner), error)
        return None

    def _expression(self, text: str, pointer: Pointer) -> Expression | None:
        try:
            return parse_expression(text)
        except ExpressionSyntaxError as error:
            self._add_syntax_error(pointer, error)
        return None

    def _condition(self, text: str, pointer: Pointer) -> Condition | None:
        try:
            return parse_condition(text)
        except ExpressionSyntaxError as error:
            self._add_syntax_error(pointer, error)
        return None

    def _add_syntax_error(self, pointer: Pointer, error: ExpressionSyntaxError) -> None:
        span = self._source.locate(pointer)
        problem = Problem(
            span=narrow_span(span, self._source.text, error.text, error.offset),
            message=error.message,
            name=error.name,
            candidates=error.candidates,
        )
        if problem not in self.problems:
            self.problems.append(problem)

    def _add(
        self,
        pointer: Pointer,
        message: str,
        name: str | None = None,
        candidates: tuple[str, ...] = (),
    ) -> None:
        problem = Problem(
            span=self._source.locate(pointer), message=message, name=name, candidates=candidates
        )
        if problem not in self.problems:
            self.problems.append(problem)
