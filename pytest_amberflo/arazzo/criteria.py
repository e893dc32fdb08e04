"""Criteria: whether they hold, and with which operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pytest_amberflo.arazzo.condition import find_operands, holds, read_operand
from pytest_amberflo.arazzo.errors import (
    EvaluationError,
    ExpressionSyntaxError,
    UnresolvedError,
)
from pytest_amberflo.arazzo.scope import resolve_pointer
from pytest_amberflo.arazzo.selector import (
    VERSIONS,
    Query,
    check_query,
    default_version,
    parse_pointer,
)
from pytest_amberflo.arazzo.template import Interpolation, interpolate, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.arazzo.condition import Operand
    from pytest_amberflo.arazzo.model import Criterion
    from pytest_amberflo.arazzo.scope import Scope


class EvaluatedOperand(Struct, frozen=True, kw_only=True):
    """An operand of a condition as it is written, and its value or why it has none."""

    text: str
    value: Any
    error: str | None = None


class CriterionResult(Struct, frozen=True, kw_only=True):
    """What became of one criterion."""

    criterion: Criterion
    passed: bool
    operands: tuple[EvaluatedOperand, ...]
    #: Why the condition could not be evaluated; it then counts as failed.
    error: str | None = None


def check_condition(text: str, kind: str, version: str | None) -> None:
    """Raise ExpressionSyntaxError for a regex, JSONPath or XPath that does not parse."""
    if kind == "regex":
        from pytest_amberflo.arazzo.regex import check_pattern  # noqa: PLC0415  rarely needed

        check_pattern(text)
        return
    known = VERSIONS[kind]
    if version is not None and version not in known:
        raise ExpressionSyntaxError(
            version, 0, f"a version of {kind}", name=version, candidates=known
        )
    check_query(Query(text, kind, version or default_version(kind)))


def judge_criteria(criteria: Sequence[Criterion], scope: Scope) -> tuple[CriterionResult, ...]:
    """The result of every criterion in a scope; all must hold, each is evaluated."""
    return tuple([judge_criterion(criterion, scope) for criterion in criteria])


def judge_criterion(criterion: Criterion, scope: Scope) -> CriterionResult:
    """The result of one criterion; an evaluation error fails it (Condition Evaluation)."""
    error: str | None = None
    try:
        passed = _holds(criterion, scope)
    except EvaluationError as reason:
        passed, error = False, str(reason)
    operands = () if passed else _evaluate_operands(criterion, scope)
    return CriterionResult(criterion=criterion, passed=passed, operands=operands, error=error)


def _holds(criterion: Criterion, scope: Scope) -> bool:
    if criterion.parsed is not None:
        return holds(criterion.parsed, scope)
    context = criterion.context
    if context is None:
        raise EvaluationError(criterion.condition, f"a {criterion.type} condition needs a context")
    value = read_operand(context, scope)
    if value is None:
        raise EvaluationError(criterion.condition, f"the context `{context.text}` is null")
    text = criterion.condition
    if isinstance(criterion.template, Interpolation):
        text = interpolate(criterion.template, scope)
    return _matches(text, criterion, value)


def _matches(text: str, criterion: Criterion, value: Any) -> bool:
    match criterion.type:
        case "regex":
            from pytest_amberflo.arazzo.regex import search  # noqa: PLC0415  rarely needed

            return search(text, to_text(value))
        case "jsonpointer":
            try:
                resolve_pointer(value, parse_pointer(text), text)
            except UnresolvedError:
                return False
            return True
        case "jsonpath":
            from pytest_amberflo.arazzo.jsonpath import query_jsonpath  # noqa: PLC0415  costly

            if isinstance(value, str | bytes):
                raise EvaluationError(text, "the context is text, no JSON")
            return bool(query_jsonpath(text, value, criterion.version))  # type: ignore[arg-type]
        case _:
            from pytest_amberflo.arazzo.xpath import holds_xpath, read_xml  # noqa: PLC0415  costly

            return holds_xpath(text, read_xml(value, text), criterion.version)


def _evaluate_operands(criterion: Criterion, scope: Scope) -> tuple[EvaluatedOperand, ...]:
    """Every operand once, with its value, in the order of the condition."""
    found: dict[str, EvaluatedOperand] = {}
    for operand in _list_operands(criterion):
        try:
            value = EvaluatedOperand(text=operand.text, value=read_operand(operand, scope))
        except EvaluationError as reason:
            value = EvaluatedOperand(text=operand.text, value=None, error=reason.reason)
        found[operand.text] = value
    return tuple(found.values())


def _list_operands(criterion: Criterion) -> Sequence[Operand]:
    if criterion.parsed is not None:
        return list(find_operands(criterion.parsed))
    return [criterion.context] if criterion.context is not None else []
