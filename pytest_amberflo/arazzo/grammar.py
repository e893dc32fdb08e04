"""The grammar of runtime expressions, read by a small recursive-descent parser.

Arazzo 1.1.0, section "Runtime Expressions"; what 1.0.1 allows beyond it (names of any
characters) is read, too. Reading knows three surroundings, because the grammar leaves open
where a name ends: a text that is one expression, an expression between braces, and an
expression within a condition, where spaces and operators end it.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

from pytest_amberflo.arazzo.errors import ExpressionSyntaxError
from pytest_amberflo.arazzo.expression import (
    ComponentRef,
    Expression,
    InputRef,
    MessagePart,
    OutputRef,
    Plain,
    Side,
    SourceRef,
    StepRef,
    Tokens,
    WorkflowRef,
)


class Within(Enum):
    """What surrounds an expression, and so where it ends."""

    TEXT = "text"
    BRACES = "braces"
    CONDITION = "condition"


_PLAIN: Final = ("url", "method", "statusCode", "self")
_DOTTED: Final = (
    "request",
    "response",
    "message",
    "inputs",
    "outputs",
    "steps",
    "workflows",
    "sourceDescriptions",
    "components",
)
SOURCES: Final = tuple(f"${name}" for name in (*_PLAIN, *_DOTTED))
_PARTS: Final = ("header", "query", "path", "body", "payload")
_COMPONENTS: Final = ("inputs", "parameters", "successActions", "failureActions")
_WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TCHAR: Final = _WORD | frozenset("0123456789!#$%&'*+-.^_`|~")
_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
#: A character by its number, or one beyond 16 bits by two halves, as in JSON strings.
_CODE: Final = re.compile(
    r"u(?:(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<code>(?![dD][89a-fA-F])[0-9a-fA-F]{4}))"
)
#: Two characters that end a name or pointer in a condition, beside spaces.
_OPERATORS: Final = ("==", "!=", "<=", ">=", "&&", "||")


def is_expression(text: str) -> bool:
    """Whether `text` starts like a runtime expression, so that it must be one to be right."""
    word = leading_word(text)
    if word is None:
        return False
    rest = text[len(word) + 1 :]
    if word in _PLAIN:
        return not rest
    return word in _DOTTED and (not rest or rest[0] in ".#")


def leading_word(text: str) -> str | None:
    """The letters after a leading `$`, or None where there are none."""
    if not text.startswith("$"):
        return None
    end = 1
    while end < len(text) and text[end] in _WORD:
        end += 1
    return text[1:end] or None


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Expression:
    """The expression that `text` as a whole is. Raises ExpressionSyntaxError.

    Documents of a run say the same again and again: kept, it costs nothing the second time.
    """
    reader = ExpressionReader(text, 0, Within.TEXT)
    expression = reader.read()
    if reader.offset < len(text):
        raise reader.error("the end", hint_pointer=True)
    return expression


def read_expression(text: str, offset: int, within: Within) -> tuple[Expression, int]:
    """The expression that starts at `offset`, and where it ends. Raises ExpressionSyntaxError."""
    reader = ExpressionReader(text, offset, within)
    return reader.read(), reader.offset


class ExpressionReader:
    """Reads one expression out of a text, from `offset` on."""

    __slots__ = ("_start", "_text", "_within", "offset")

    def __init__(self, text: str, offset: int, within: Within) -> None:
        self._text = text
        self._start = offset
        self._within = within
        self.offset = offset

    def error(
        self,
        expected: str,
        name: str | None = None,
        candidates: tuple[str, ...] = (),
        *,
        hint_pointer: bool = False,
    ) -> ExpressionSyntaxError:
        """The syntax error at the present place."""
        if hint_pointer and self._text[self.offset : self.offset + 1] in (".", "["):
            steps = self._text[self.offset :].replace("[", "/").replace("]", "").replace(".", "/")
            known = f"{self._text[self._start : self.offset]}#{steps}"
            expected = f"{expected} (a value inside is reached by a pointer: `{known}`)"
        return ExpressionSyntaxError(
            self._text, self.offset, expected, name=name, candidates=candidates
        )

    def read(self) -> Expression:
        """The expression; `offset` then stands behind it."""
        if self._peek() != "$":
            raise self.error("`$`")
        word = leading_word(self._text[self.offset :]) or ""
        if word in _PLAIN:
            self.offset += len(word) + 1
            return Plain(word)
        if word not in _DOTTED:
            raise self.error("a runtime expression", f"${word}", SOURCES)
        self.offset += len(word) + 1
        self._expect(".", f"`.` and a name after `${word}`")
        if word in ("request", "response", "message"):
            return self._read_message(word)  # type: ignore[arg-type]
        if word == "inputs":
            return InputRef(self._read_name("an input's name"), self._read_pointer())
        if word == "outputs":
            return OutputRef(self._read_name("an output's name"), self._read_pointer())
        if word == "steps":
            return self._read_step()
        if word == "workflows":
            return self._read_workflow()
        if word == "sourceDescriptions":
            source = self._read_segment("a source description's name")
            self._expect(".", "`.` and an operationId, workflowId or field")
            return SourceRef(source, self._read_free_name("an operationId, workflowId or field"))
        return self._read_component()

    def _read_message(self, side: Side) -> MessagePart:
        start = self.offset
        part = self._read_word()
        if part not in _PARTS:
            self.offset = start
            raise self.error(" or ".join(f"`{name}`" for name in _PARTS), part, _PARTS)
        if part in ("body", "payload"):
            return MessagePart(side, part, None, self._read_pointer())  # type: ignore[arg-type]
        self._expect(".", f"`.` and the name of a {part} value")
        name = self._read_token() if part == "header" else self._read_free_name(f"a {part} name")
        return MessagePart(side, part, name)  # type: ignore[arg-type]

    def _read_step(self) -> StepRef:
        step_id = self._read_until(".outputs.", "a stepId", "`.outputs.` and an output's name")
        return StepRef(step_id, self._read_name("an output's name"), self._read_pointer())

    def _read_workflow(self) -> WorkflowRef:
        workflow_id = self._read_segment("a workflowId")
        self._expect(".", "`.inputs.` or `.outputs.` and a name")
        start = self.offset
        field = self._read_word()
        if field not in ("inputs", "outputs"):
            self.offset = start
            raise self.error("`inputs` or `outputs`", field, ("inputs", "outputs"))
        self._expect(".", "`.` and a name")
        name = self._read_name(f"a name of the {field}")
        return WorkflowRef(workflow_id, field, name, self._read_pointer())  # type: ignore[arg-type]

    def _read_component(self) -> ComponentRef:
        start = self.offset
        kind = self._read_word()
        if kind not in _COMPONENTS:
            self.offset = start
            raise self.error("a kind of component", kind, _COMPONENTS)
        self._expect(".", "`.` and a component's name")
        return ComponentRef(kind, self._read_name("a component's name"))

    def _peek(self) -> str:
        return self._text[self.offset : self.offset + 1]

    def _expect(self, char: str, expected: str) -> None:
        if self._peek() != char:
            raise self.error(expected)
        self.offset += 1

    def _read_word(self) -> str:
        start = self.offset
        while self._peek() in _WORD and self._peek():
            self.offset += 1
        return self._text[start : self.offset]

    def _is_end(self) -> bool:
        """Whether a name cannot go on here, whatever kind of name it is."""
        char = self._peek()
        if not char:
            return True
        if self._within is Within.BRACES:
            return char in "{}"
        if self._within is Within.TEXT:
            return False
        return char.isspace() or char in "()<>{}" or self._text.startswith(_OPERATORS, self.offset)

    def _read_while(self, stops: str, expected: str) -> str:
        start = self.offset
        while not self._is_end() and self._peek() not in stops:
            self.offset += 1
        if self.offset == start:
            raise self.error(expected)
        return self._text[start : self.offset]

    def _read_name(self, expected: str) -> str:
        """A name that may hold dots; ends at a pointer."""
        return self._read_while("#{}[" if self._within is Within.CONDITION else "#{}", expected)

    def _read_segment(self, expected: str) -> str:
        """A name without dots."""
        return self._read_while(".#{}[", expected)

    def _read_until(self, stop: str, expected: str, after: str) -> str:
        start = self.offset
        while not self._is_end() and not self._text.startswith(stop, self.offset):
            if self._peek() in "#{}":
                raise self.error(after)
            self.offset += 1
        name = self._text[start : self.offset]
        if not name:
            raise self.error(expected)
        if not self._text.startswith(stop, self.offset):
            raise self.error(after)
        self.offset += len(stop)
        return name

    def _read_token(self) -> str:
        start = self.offset
        while not self._is_end() and self._peek() in _TCHAR:
            self.offset += 1
        if self.offset == start:
            raise self.error("a header's name")
        return self._text[start : self.offset]

    def _read_free_name(self, expected: str) -> str:
        """A name of any characters, with the escapes of a JSON string."""
        name: list[str] = []
        while not self._is_end() and (self._within is Within.TEXT or self._peek() not in "{}"):
            char = self._peek()
            self.offset += 1
            name.append(self._read_escape() if char == "\\" else char)
        if not name:
            raise self.error(expected)
        return "".join(name)

    def _read_escape(self) -> str:
        char = self._peek()
        self.offset += 1
        if char in _ESCAPES and char:
            return _ESCAPES[char]
        escaped = _CODE.match(self._text, self.offset - 1)
        if escaped is not None:
            self.offset = escaped.end()
            return chr(int(escaped["code"], 16)) if escaped["code"] else _join_halves(escaped)
        self.offset -= 1
        raise self.error("an escape as in JSON strings")

    def _read_pointer(self) -> Tokens | None:
        if self._peek() != "#":
            return None
        self.offset += 1
        tokens: list[str] = []
        while self._peek() == "/" and not self._is_end():
            self.offset += 1
            tokens.append(self._read_pointer_token())
        if not self._is_end():
            raise self.error("a JSON Pointer that starts with `/`")
        return tuple(tokens)

    def _read_pointer_token(self) -> str:
        token: list[str] = []
        while not self._is_end() and self._peek() != "/":
            char = self._peek()
            self.offset += 1
            if char == "~":
                escape = self._peek()
                if escape not in ("0", "1"):
                    raise self.error("`~0` or `~1`")
                char = "~" if escape == "0" else "/"
                self.offset += 1
            token.append(char)
        return "".join(token)


def _join_halves(escaped: re.Match[str]) -> str:
    high, low = int(escaped["high"], 16), int(escaped["low"], 16)
    return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
