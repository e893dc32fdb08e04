"""Simple conditions: literals, operators and runtime expressions (Criterion Object).

`||` binds weakest, then `&&`, then the comparisons, then `!`. A name or pointer ends at a
space, a parenthesis or an operator. What is not there (a member, a header, an input not given)
is null. Beside the text of the specification: strings compare without regard to case; a string
that is a number equals and orders as that number beside a number, and among numeric strings for
`<`; `'true'` and `'false'` equal booleans; null equals only null, so `!= null` holds for all
else; a value that stands alone holds unless it is false, null, zero or empty text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from pytest_amberflo.arazzo.errors import (
    EvaluationError,
    UnresolvedError,
)
from pytest_amberflo.arazzo.expression import Expression, InputRef, OutputRef, StepRef, WorkflowRef
from pytest_amberflo.arazzo.scope import ABSENT, Scope, describe_type, evaluate, resolve_pointer
from pytest_amberflo.http.json_text import MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class Constant(Struct, frozen=True):
    """A literal."""

    value: Any


class Operand(Struct, frozen=True):
    """An expression with the members and indexes that are taken from its value."""

    text: str
    expression: Expression
    path: tuple[str, ...] = ()


class Comparison(Struct, frozen=True):
    """Two values and the operator between them."""

    operator: Operator
    left: Condition
    right: Condition


class Negation(Struct, frozen=True):
    """`!` and what it negates."""

    inner: Condition


class Conjunction(Struct, frozen=True):
    """Conditions with `&&` between them."""

    parts: tuple[Condition, ...]


class Disjunction(Struct, frozen=True):
    """Conditions with `||` between them."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Constant | Operand | Comparison | Negation | Conjunction | Disjunction


def find_operands(condition: Condition) -> Iterator[Operand]:
    """Every operand of a condition, from left to right."""
    match condition:
        case Operand():
            yield condition
        case Negation(inner):
            yield from find_operands(inner)
        case Comparison(_, left, right):
            yield from find_operands(left)
            yield from find_operands(right)
        case Conjunction(parts) | Disjunction(parts):
            for part in parts:
                yield from find_operands(part)


def holds(condition: Condition, scope: Scope) -> bool:
    """Whether the condition holds in a scope. Raises EvaluationError."""
    match condition:
        case Comparison(operator, left, right):
            return _compare(operator, _value_of(left, scope), _value_of(right, scope))
        case Conjunction(parts):
            return all(holds(part, scope) for part in parts)
        case Disjunction(parts):
            return any(holds(part, scope) for part in parts)
        case Negation(inner):
            return not holds(inner, scope)
        case _:
            value = _value_of(condition, scope)
            return bool(value) or isinstance(value, list | dict)


def read_operand(operand: Operand, scope: Scope) -> Any:
    """The operand's value, None for what is not there. Raises EvaluationError."""
    try:
        value = _evaluate_dotted(operand.expression, scope)
        if value is ABSENT:
            return None
        return resolve_pointer(value, operand.path, operand.expression)
    except UnresolvedError:
        return None


def _value_of(condition: Condition, scope: Scope) -> Any:
    match condition:
        case Constant(value):
            return value
        case Operand():
            return read_operand(condition, scope)
        case _:
            return holds(condition, scope)


def _evaluate_dotted(expression: Expression, scope: Scope) -> Any:
    """The value of an expression whose name may go on into members: `$inputs.order.id`."""
    try:
        return evaluate(expression, scope)
    except UnresolvedError:
        if isinstance(expression, InputRef | OutputRef | StepRef | WorkflowRef):
            return _evaluate_shorter(expression, scope)
        raise


def _evaluate_shorter(
    expression: InputRef | OutputRef | StepRef | WorkflowRef, scope: Scope
) -> Any:
    parts = expression.name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        shorter = shorten_name(expression, length)
        try:
            value = evaluate(shorter, scope)
        except UnresolvedError:
            continue
        members = (*parts[length:], *(expression.pointer or ()))
        return value if value is ABSENT else resolve_pointer(value, tuple(members), expression)
    return evaluate(expression, scope)


def shorten_name(
    expression: InputRef | OutputRef | StepRef | WorkflowRef, length: int
) -> InputRef | OutputRef | StepRef | WorkflowRef:
    """The expression with only the first `length` dotted parts of its name and no pointer."""
    name = ".".join(expression.name.split(".")[:length])
    match expression:
        case StepRef(step_id):
            return StepRef(step_id, name)
        case WorkflowRef(workflow_id, field):
            return WorkflowRef(workflow_id, field, name)
        case InputRef():
            return InputRef(name)
        case OutputRef():
            return OutputRef(name)


def _compare(operator: Operator, left: Any, right: Any) -> bool:
    if operator == "==":
        return _equal(left, right)
    if operator == "!=":
        return not _equal(left, right)
    if left is None or right is None:
        return False
    first, second = _orderable(left, right)
    match operator:
        case "<":
            return bool(first < second)
        case "<=":
            return bool(first <= second)
        case ">":
            return bool(first > second)
        case _:
            return bool(first >= second)


def _equal(left: Any, right: Any) -> bool:
    if type(left) is int and type(right) is int:
        return left == right
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str) and isinstance(other, bool):
            return one.casefold() == ("true" if other else "false")
        if isinstance(one, str) and isinstance(other, int | float):
            number = to_number(one)
            return number is not None and number == other
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _orderable(left: Any, right: Any) -> tuple[Any, Any]:
    numbers = to_number(left), to_number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold(), right.casefold()
    kinds = f"{describe_type(left)} and {describe_type(right)}"
    raise EvaluationError("<, <=, >, >=", f"{kinds} have no order")


def to_number(value: Any) -> int | float | None:
    """The number that a value is or, being text, spells; None for anything else.

    A text of more than MAX_DIGITS characters spells none.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and NUMBER.fullmatch(text := value.strip()):
        if len(text) > MAX_DIGITS:
            return None
        return float(text) if any(char in text for char in ".eE") else int(text)
    return None
