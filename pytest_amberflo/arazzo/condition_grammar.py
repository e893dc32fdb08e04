"""The grammar of simple conditions, read by a small recursive-descent parser."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_amberflo.arazzo.condition import (
    NUMBER,
    Comparison,
    Condition,
    Conjunction,
    Constant,
    Disjunction,
    Negation,
    Operand,
    to_number,
)
from pytest_amberflo.arazzo.errors import ExpressionSyntaxError
from pytest_amberflo.arazzo.grammar import Within, parse_expression, read_expression
from pytest_amberflo.http.json_text import MAX_DIGITS

if TYPE_CHECKING:
    import re

_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")
_WORDS: Final = {"true": True, "false": False, "null": None}
_DIGITS: Final = frozenset("0123456789")
_MAX_DEPTH: Final = 50


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> Condition:
    """The condition that `text` is. Raises ExpressionSyntaxError with the place."""
    reader = _Reader(text)
    condition = reader.read_disjunction()
    reader.skip_space()
    if reader.offset < len(text):
        raise reader.error("an operator or the end")
    return condition


def parse_operand(text: str) -> Operand:
    """The expression that `text` is, with members and indexes taken from its value.

    Raises ExpressionSyntaxError.
    """
    if "#" in text or " " in text.strip():
        return Operand(text, parse_expression(text))
    reader = _Reader(text)
    operand = reader.read_operand()
    if reader.offset < len(text):
        raise reader.error("the end")
    return operand


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
        parts = [self.read_conjunction()]
        while self.take("||"):
            parts.append(self.read_conjunction())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Disjunction(tuple(parts))

    def read_conjunction(self) -> Condition:
        parts = [self.read_comparison()]
        while self.take("&&"):
            parts.append(self.read_comparison())
        return parts[0] if len(parts) == 1 else Conjunction(tuple(parts))

    def read_comparison(self) -> Condition:
        left = self.read_negation()
        for operator in _COMPARISONS:
            if self.take(operator):
                if operator == "==" and self.text.startswith("=", self.offset):
                    raise self.error("a value (equality is `==`)")
                return Comparison(operator, left, self.read_negation())
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
            return self.read_operand()
        if char == "'":
            return self._read_string()
        number = NUMBER.match(self.text, self.offset)
        if number:
            return self._read_number(number)
        for word, value in _WORDS.items():
            after = self.offset + len(word)
            if self.text.startswith(word, self.offset) and not _is_word(
                self.text[after : after + 1]
            ):
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
        value = to_number(number.group())
        if value is None:
            self.offset = number.start()
            raise self.error(f"a number of at most {MAX_DIGITS} digits")
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

    def read_operand(self) -> Operand:
        """The operand that starts here."""
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
            while self.text[self.offset : self.offset + 1] in _DIGITS:
                self.offset += 1
            index = self.text[start : self.offset]
            if not index:
                raise self.error("an index from 0, or a name in single quotes")
        if not self.take("]"):
            raise self.error("`]`")
        return index


def _is_word(char: str) -> bool:
    return char.isalnum() or char in ("_", "-") if char else False
