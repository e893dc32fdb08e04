"""A YAML text as a tree of values, each with its place.

PyYAML splits the text into events (with its C parser); everything after that is done here,
because PyYAML itself keeps the last of two equal keys, reads `on` as true and `012` as ten, and
its recursive composer overflows the C stack on deep nesting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.excerpt import Span
from pytest_amberflo.http.json_text import MAX_DEPTH, MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Values after every alias is written out; bounds what a chain of aliases can blow up to.
MAX_VALUES: Final = 500_000

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAG: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset({"str", "int", "float", "bool", "null"})
WORDS: Final = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z")
_BASED: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


class NotYamlError(DocumentError):
    """A text is no YAML at all."""


class Place:
    """A value with where it stands; `children` by member name or in order, `keys` by name.

    `text` is how a scalar that is no string is written.
    """

    __slots__ = ("children", "end", "keys", "size", "start", "text", "value")

    def __init__(self, value: Any, start: Any, end: Any) -> None:
        self.value = value
        self.start = start
        self.end = end
        self.size = 1
        self.text = ""
        self.children: dict[str, Place] | list[Place] | None = None
        self.keys: dict[str, Place] | None = None

    @property
    def span(self) -> Span:
        """Where the value stands, lines and columns from 1."""
        return _span_between(self.start, self.end)


class _Mark:
    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column


def _span_between(start: Any, end: Any) -> Span:
    return Span(
        line=start.line + 1,
        column=start.column + 1,
        end_line=end.line + 1,
        end_column=end.column + 1,
    )


class TreeBuilder:
    """Builds values and places out of PyYAML's events, without recursion."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._anchors: dict[str, Place] = {}
        self._open: list[tuple[Place, str | None]] = []
        self._key: list[Place | None] = []
        self._root: Place | None = None

    def build(self) -> Place:
        """The root of the tree. Raises DocumentError with the place of what is wrong."""
        for event in self._events():
            if isinstance(event, yaml.ScalarEvent):
                place = Place(None, event.start_mark, event.end_mark)
                place.value = self._value_of(event, place)
                if not isinstance(place.value, str):
                    place.text = event.value
                self._anchor(event.anchor, place)
                self._add(place)
            elif isinstance(event, yaml.AliasEvent):
                self._add(self._aliased(event))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._enter(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._leave(event)
            elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                raise self._error("a second document begins here; a file holds one", event)
        if self._root is None:
            problem = Problem(span=None, message="the file is empty")
            raise DocumentError(self._name, self._text, [problem])
        return self._root

    def _events(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._text, Loader=LOADER)
        except yaml.reader.ReaderError as error:
            code = _code_of(error.character)
            message = f"a control character (U+{code:04X}) is no YAML"
            raise self._refuse_character(error.position, message) from None
        except UnicodeEncodeError as error:
            message = f"half of a character (U+{ord(self._text[error.start]):04X}) is no YAML"
            raise self._refuse_character(error.start, message) from None
        except yaml.MarkedYAMLError as error:
            raise NotYamlError(self._name, self._text, [self._explain(error)]) from None

    def _refuse_character(self, position: int, message: str) -> NotYamlError:
        line = self._text.count("\n", 0, position)
        column = position - (self._text.rfind("\n", 0, position) + 1)
        span = _span_between(_Mark(line, column), _Mark(line, column + 1))
        return NotYamlError(self._name, self._text, [Problem(span=span, message=message)])

    def _explain(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark or _Mark(0, 0)
        lines = self._text.splitlines()
        found = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
        span = _span_between(mark, _Mark(mark.line, mark.column + 1))
        if found.startswith("\t"):
            return Problem(
                span=span,
                message="a tab stands where YAML allows only spaces",
                hint="Indent with spaces.",
            )
        what = ", ".join(part for part in (error.problem, error.context) if part)
        return Problem(span=span, message=f"not YAML: {what}")

    def _error(self, message: str, at: Any, hint: str | None = None) -> DocumentError:
        start = at.start_mark if hasattr(at, "start_mark") else at.start
        end = at.end_mark if hasattr(at, "end_mark") else at.end
        problem = Problem(span=_span_between(start, end), message=message, hint=hint)
        return DocumentError(self._name, self._text, [problem])

    def _enter(self, event: Any) -> None:
        is_map = isinstance(event, yaml.MappingStartEvent)
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} levels deep", event)
        expected = "map" if is_map else "seq"
        if event.tag not in (None, "!", _TAG + expected):
            raise self._error(*_tag_refusal(event.tag), event)
        place = Place({} if is_map else [], event.start_mark, event.end_mark)
        place.children = {} if is_map else []
        place.keys = {} if is_map else None
        self._open.append((place, event.anchor))
        self._key.append(None)

    def _leave(self, event: Any) -> None:
        place, anchor = self._open.pop()
        self._key.pop()
        place.end = event.end_mark
        if place.children:
            # A block ends where the next one begins; its last child tells where it really ends.
            children = place.children
            last = (
                children[-1] if isinstance(children, list) else next(reversed(children.values()))
            )
            if (last.end.line, last.end.column) < (place.end.line, place.end.column) and (
                event.end_mark.column == event.start_mark.column
            ):
                place.end = last.end
        self._anchor(anchor, place)
        self._add(place)

    def _anchor(self, anchor: str | None, place: Place) -> None:
        if anchor is not None:
            self._anchors[anchor] = place

    def _aliased(self, event: Any) -> Place:
        if event.anchor in self._anchors:
            return self._anchors[event.anchor]
        if any(anchor == event.anchor for _, anchor in self._open):
            raise self._error(f"`*{event.anchor}` stands inside what it repeats", event)
        raise self._error(f"`*{event.anchor}` repeats an anchor that is not there", event)

    def _add(self, place: Place) -> None:
        if not self._open:
            self._root = place
            return
        parent = self._open[-1][0]
        if isinstance(parent.children, list):
            parent.children.append(place)
            parent.value.append(place.value)
        elif self._key[-1] is None:
            self._key[-1] = self._as_key(place, parent)
            return
        else:
            key = self._key[-1].value
            self._key[-1] = None
            parent.value[key] = place.value
            assert isinstance(parent.children, dict)
            parent.children[key] = place
        parent.size += place.size
        if parent.size > MAX_VALUES:
            raise self._error(f"more than {MAX_VALUES} values, aliases written out", place)

    def _as_key(self, place: Place, parent: Place) -> Place:
        if place.children is not None:
            raise self._error("a member name must be a string", place)
        start, end = place.start, place.end
        key = place.value
        if not isinstance(key, str):
            # Member names are read by the failsafe schema: `200:` and `null:` are text.
            key = place.text
        keys = parent.keys
        assert keys is not None
        if key in keys:
            first = keys[key].start
            raise self._error(
                f"`{key}` stands here a second time; the first is in line {first.line + 1}, "
                f"column {first.column + 1}",
                place,
            )
        named = Place(key, start, end)
        keys[key] = named
        return named

    def _value_of(self, event: Any, place: Place) -> Any:
        tag = event.tag
        text: str = event.value
        if tag is None:
            return text if event.style else self._resolve(text, place)
        kind = tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
        if kind in ("!", "str"):
            return text
        if kind not in _SCALAR_TAGS:
            raise self._error(*_tag_refusal(tag), event)
        value = self._resolve(text, place)
        names = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
        if not isinstance(value, names[kind]):  # type: ignore[arg-type]
            raise self._error(f"`{text}` is no {kind}", event)
        return float(value) if kind == "float" else value

    def _resolve(self, text: str, place: Place) -> Any:
        if text in WORDS:
            return WORDS[text]
        first = text[0]
        if first not in "-+.0123456789":
            return text
        if INTEGER.match(text):
            if len(text) > MAX_DIGITS:
                raise self._error(f"a number of more than {MAX_DIGITS} digits", place)
            return int(text)
        if FLOAT.match(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                raise self._error(f"`{text}` is beyond what a number can hold", place)
            return number
        if _BASED.match(text):
            if len(text) > MAX_DIGITS:
                raise self._error(f"a number of more than {MAX_DIGITS} digits", place)
            return int(text, 0)
        if _NO_NUMBER.match(text):
            raise self._error(f"`{text}` is no JSON number", place, "Put text in quotes.")
        return text


def _tag_refusal(tag: str) -> tuple[str]:
    shown = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
    return (f"the tag `{shown}` is not allowed here; only plain YAML is read",)


def _code_of(character: Any) -> int:
    return character if isinstance(character, int) else ord(str(character)[:1] or "\0")


def empty_place() -> Place:
    """A place without anything in it, at the start of a text."""
    mark = _Mark(0, 0)
    return Place(None, mark, mark)
