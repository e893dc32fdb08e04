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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pytest_amberflo.arazzo.errors import (
    EvaluationError,
    ExpressionSyntaxError,
    UnresolvedError,
)
from pytest_amberflo.arazzo.expression import (
    Expression,
    InputRef,
    OutputRef,
    StepRef,
    Within,
    WorkflowRef,
    read_expression,
)
from pytest_amberflo.arazzo.scope import ABSENT, Scope, describe_type, evaluate, resolve_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}
_MAX_DEPTH: Final = 50


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal."""

    value: Any


@dataclass(frozen=True, slots=True)
class Operand:
    """An expression with the members and indexes that are taken from its value."""

    text: str
    expression: Expression
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and the operator between them."""

    operator: Operator
    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Negation:
    """`!` and what it negates."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Conjunction:
    """`&&` between two conditions."""

    left: Condition
    right: Condition


@dataclass(frozen=True, slots=True)
class Disjunction:
    """`||` between two conditions."""

    left: Condition
    right: Condition


Condition: TypeAlias = Constant | Operand | Comparison | Negation | Conjunction | Disjunction


def parse_condition(text: str) -> Condition:
    """The condition that `text` is. Raises ExpressionSyntaxError with the place."""
    reader = _Reader(text)
    condition = reader.read_disjunction()
    reader.skip_space()
    if reader.offset < len(text):
        raise reader.error("an operator or the end")
    return condition


def find_operands(condition: Condition) -> Iterator[Operand]:
    """Every operand of a condition, from left to right."""
    match condition:
        case Operand():
            yield condition
        case Negation(inner):
            yield from find_operands(inner)
        case Comparison(_, left, right) | Conjunction(left, right) | Disjunction(left, right):
            yield from find_operands(left)
            yield from find_operands(right)


def holds(condition: Condition, scope: Scope) -> bool:
    """Whether the condition holds in a scope. Raises EvaluationError."""
    match condition:
        case Conjunction(left, right):
            return holds(left, scope) and holds(right, scope)
        case Disjunction(left, right):
            return holds(left, scope) or holds(right, scope)
        case Negation(inner):
            return not holds(inner, scope)
        case Comparison(operator, left, right):
            return _compare(operator, _value_of(left, scope), _value_of(right, scope))
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
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str) and isinstance(other, bool):
            return one.casefold() == ("true" if other else "false")
        if isinstance(one, str) and isinstance(other, int | float):
            number = _to_number(one)
            return number is not None and number == other
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _orderable(left: Any, right: Any) -> tuple[Any, Any]:
    numbers = _to_number(left), _to_number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold(), right.casefold()
    kinds = f"{describe_type(left)} and {describe_type(right)}"
    raise EvaluationError("<, <=, >, >=", f"{kinds} have no order")


def _to_number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        return float(text) if any(char in text for char in ".eE") else int(text)
    return None


class _Reader:
    """A recursive-descent parser over the text of a condition."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self._depth = 0

    def error(self, expected: str) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(self.text, self.offset, expected)

    def skip_space(self) -> None:
        while self.text[self.offset : self.offset + 1].isspace():
            self.offset += 1

    def take(self, token: str) -> bool:
        self.skip_space()
        if self.text.startswith(token, self.offset):
            self.offset += len(token)
            return True
        return False

    def read_disjunction(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.error(f"at most {_MAX_DEPTH} levels of nesting")
        left = self.read_conjunction()
        while self.take("||"):
            left = Disjunction(left, self.read_conjunction())
        self._depth -= 1
        return left

    def read_conjunction(self) -> Condition:
        left = self.read_comparison()
        while self.take("&&"):
            left = Conjunction(left, self.read_comparison())
        return left

    def read_comparison(self) -> Condition:
        left = self.read_negation()
        for operator in _COMPARISONS:
            if self.take(operator):
                if operator == "==" and self.text.startswith("=", self.offset):
                    raise self.error("a value (equality is `==`)")
                return Comparison(operator, left, self.read_negation())  # type: ignore[arg-type]
        if self.take("="):
            self.offset -= 1
            raise self.error("an operator (equality is `==`)")
        return left

    def read_negation(self) -> Condition:
        count = 0
        self.skip_space()
        while self.text.startswith("!", self.offset) and not self.text.startswith(
            "!=", self.offset
        ):
            self.offset += 1
            count += 1
            self.skip_space()
        value = self.read_primary()
        if count == 0:
            return value
        return Negation(value) if count % 2 else Negation(Negation(value))

    def read_primary(self) -> Condition:
        self.skip_space()
        char = self.text[self.offset : self.offset + 1]
        if char in ("(", "{"):
            return self._read_group(")" if char == "(" else "}")
        if char == "$":
            return self._read_operand()
        if char == "'":
            return self._read_string()
        number = _NUMBER.match(self.text, self.offset)
        if number:
            return self._read_number(number)
        for word, value in _WORDS.items():
            after = self.offset + len(word)
            if self.text.startswith(word, self.offset) and not _is_word(self.text[after : after + 1]):
                self.offset = after
                return Constant(value)
        if char == '"':
            raise self.error("a value (strings stand in single quotes)")
        raise self.error("a value")

    def _read_group(self, closing: str) -> Condition:
        self.offset += 1
        inner = self.read_disjunction()
        if not self.take(closing):
            raise self.error(f"`{closing}`")
        return inner

    def _read_number(self, number: re.Match[str]) -> Condition:
        self.offset = number.end()
        if _is_word(self.text[self.offset : self.offset + 1]):
            self.offset = number.start()
            raise self.error("a number (strings stand in single quotes)")
        value = _to_number(number.group())
        assert value is not None
        return Constant(value)

    def _read_string(self) -> Condition:
        parts: list[str] = []
        start = self.offset
        self.offset += 1
        while True:
            end = self.text.find("'", self.offset)
            if end < 0:
                self.offset = start
                raise self.error("a closing single quote for the string")
            parts.append(self.text[self.offset : end])
            self.offset = end + 1
            if not self.text.startswith("'", self.offset):
                return Constant("'".join(parts))
            self.offset += 1

    def _read_operand(self) -> Condition:
        start = self.offset
        expression, self.offset = read_expression(self.text, start, Within.CONDITION)
        path: list[str] = []
        while (char := self.text[self.offset : self.offset + 1]) in (".", "[") and char:
            self.offset += 1
            path.append(self._read_member() if char == "." else self._read_index())
        return Operand(self.text[start : self.offset], expression, tuple(path))

    def _read_member(self) -> str:
        start = self.offset
        while _is_word(self.text[self.offset : self.offset + 1]):
            self.offset += 1
        if self.offset == start:
            raise self.error("a member's name")
        return self.text[start : self.offset]

    def _read_index(self) -> str:
        self.skip_space()
        if self.text.startswith("'", self.offset):
            name = self._read_string()
            assert isinstance(name, Constant)
            index = str(name.value)
        else:
            start = self.offset
            while self.text[self.offset : self.offset + 1].isdigit():
                self.offset += 1
            index = self.text[start : self.offset]
            if not index:
                raise self.error("an index from 0, or a name in single quotes")
        if not self.take("]"):
            raise self.error("`]`")
        return index


def _is_word(char: str) -> bool:
    return char.isalnum() or char in ("_", "-") if char else False
