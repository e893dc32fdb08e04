"""Criteria: whether they hold, and with which operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.condition import find_operands, holds, read_operand
from pytest_amberflo.arazzo.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.arazzo.model import Criterion
    from pytest_amberflo.arazzo.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedOperand:
    """An operand of a condition as it is written, and its value or why it has none."""

    text: str
    value: Any
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionResult:
    """What became of one criterion."""

    criterion: Criterion
    passed: bool
    operands: tuple[EvaluatedOperand, ...]
    #: Why the condition could not be evaluated; it then counts as failed.
    error: str | None = None


def judge_criteria(criteria: Sequence[Criterion], scope: Scope) -> tuple[CriterionResult, ...]:
    """The result of every criterion in a scope; all must hold, each is evaluated."""
    return tuple(judge_criterion(criterion, scope) for criterion in criteria)


def judge_criterion(criterion: Criterion, scope: Scope) -> CriterionResult:
    """The result of one criterion; an evaluation error fails it (Condition Evaluation)."""
    condition = criterion.parsed
    if condition is None:
        raise NotImplementedError(criterion.type)
    error: str | None = None
    try:
        passed = holds(condition, scope)
    except EvaluationError as reason:
        passed, error = False, str(reason)
    operands: dict[str, EvaluatedOperand] = {}
    if not passed:
        for operand in find_operands(condition):
            try:
                value = EvaluatedOperand(text=operand.text, value=read_operand(operand, scope))
            except EvaluationError as reason:
                value = EvaluatedOperand(text=operand.text, value=None, error=reason.reason)
            operands[operand.text] = value
    return CriterionResult(
        criterion=criterion, passed=passed, operands=tuple(operands.values()), error=error
    )
