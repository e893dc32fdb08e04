"""Texts in YAML 1.2 or JSON, read into plain values with the place of each.

The only module of the package that imports yaml. PyYAML splits the text into events (with
its C parser); everything after that is done here, because PyYAML itself keeps the last of two
equal keys, reads `on` as true and `012` as ten, and its recursive composer overflows the C
stack on deep nesting.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.excerpt import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Members and indexes that lead from the root of a document to a value.
Pointer: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 200
#: Values after every alias is written out; bounds what a chain of aliases can blow up to.
MAX_VALUES: Final = 500_000

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset({"str", "int", "float", "bool", "null"})
_WORDS: Final = {
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
_INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z")
_BASED: Final = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_MAX_DIGITS: Final = 1000


class _Place:
    """A value with where it stands; `children` by member name or in order, `keys` by name."""

    __slots__ = ("children", "end", "keys", "size", "start", "value")

    def __init__(self, value: Any, start: Any, end: Any) -> None:
        self.value = value
        self.start = start
        self.end = end
        self.size = 1
        self.children: dict[str, _Place] | list[_Place] | None = None
        self.keys: dict[str, _Place] | None = None

    @property
    def span(self) -> Span:
        return _span_between(self.start, self.end)


class Source:
    """One document: its text, its plain value (`data`) and the place of everything in it.

    `name` is what reports call it, `uri` where it was retrieved from (absolute). `data` is made
    of dict, list, str, int, float, bool and None and must not be changed.
    """

    __slots__ = ("_places", "data", "name", "text", "uri")

    def __init__(self, *, name: str, uri: str, text: str, data: Any, places: _Place | None) -> None:
        self.name = name
        self.uri = uri
        self.text = text
        self.data = data
        self._places = places

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def locate(self, pointer: Pointer, *, key: bool = False) -> Span:
        """The span of the value at `pointer`, or of its member name; of the nearest parent if none.

        With `key`, the span of the member name that leads to the value.
        """
        if self._places is None:
            self._places = _build_or_root(self.text, self.name)
        place = self._places
        span = place.span
        for token in pointer:
            child, name = _child_of(place, token)
            if child is None:
                break
            place = child
            span = name.span if key and name is not None else child.span
        return span

    def forget_places(self) -> None:
        """Give the places' memory back; `locate` finds them anew when it is asked again."""
        self._places = None


def read_source(path: Path, *, name: str) -> Source:
    """The document in a file.

    Raises DocumentError for what is not UTF-8, not YAML (or JSON, by the file's suffix), and
    OSError for a file that cannot be read.
    """
    raw = path.read_bytes()
    is_json = path.suffix.lower() == ".json"
    return parse_source(_decode(raw, name), name=name, uri=path.resolve().as_uri(), is_json=is_json)


def parse_source(text: str, *, name: str, uri: str, is_json: bool = False) -> Source:
    """The document that `text` holds. Raises DocumentError with the place of what is wrong."""
    if is_json:
        return Source(name=name, uri=uri, text=text, data=_load_json(text, name), places=None)
    places = _Builder(text, name).build()
    return Source(name=name, uri=uri, text=text, data=places.value, places=places)


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        message = f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read"
        raise DocumentError(name, "", [Problem(span=None, message=message)])
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise DocumentError(name, "", [Problem(span=None, message=message)]) from None


def _child_of(place: _Place, token: str | int) -> tuple[_Place | None, _Place | None]:
    children = place.children
    if isinstance(children, dict) and isinstance(token, str):
        keys = place.keys or {}
        return children.get(token), keys.get(token)
    if isinstance(children, list) and isinstance(token, int) and token < len(children):
        return children[token], None
    return None, None


def _build_or_root(text: str, name: str) -> _Place:
    try:
        return _Builder(text, name).build()
    except DocumentError:
        # Valid JSON that YAML cannot read (a pair of surrogate escapes): no places within.
        mark = _Mark(0, 0)
        return _Place(None, mark, mark)


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


class _Builder:
    """Builds values and places out of PyYAML's events, without recursion."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._anchors: dict[str, _Place] = {}
        self._open: list[tuple[_Place, str | None]] = []
        self._key: list[_Place | None] = []
        self._root: _Place | None = None

    def build(self) -> _Place:
        for event in self._events():
            if isinstance(event, yaml.ScalarEvent):
                place = _Place(None, event.start_mark, event.end_mark)
                place.value = self._value_of(event, place)
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
            yield from yaml.parse(self._text, Loader=_LOADER)
        except yaml.reader.ReaderError as error:
            line = self._text.count("\n", 0, error.position)
            column = error.position - (self._text.rfind("\n", 0, error.position) + 1)
            mark = _Mark(line, column)
            span = _span_between(mark, _Mark(line, column + 1))
            message = f"a control character (U+{_code_of(error.character):04X}) is no YAML"
            raise DocumentError(
                self._name, self._text, [Problem(span=span, message=message)]
            ) from None
        except yaml.MarkedYAMLError as error:
            raise DocumentError(self._name, self._text, [self._explain(error)]) from None

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
        place = _Place({} if is_map else [], event.start_mark, event.end_mark)
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
            last = children[-1] if isinstance(children, list) else next(reversed(children.values()))
            if (last.end.line, last.end.column) < (place.end.line, place.end.column) and (
                event.end_mark.column == event.start_mark.column
            ):
                place.end = last.end
        self._anchor(anchor, place)
        self._add(place)

    def _anchor(self, anchor: str | None, place: _Place) -> None:
        if anchor is not None:
            self._anchors[anchor] = place

    def _aliased(self, event: Any) -> _Place:
        if event.anchor in self._anchors:
            return self._anchors[event.anchor]
        if any(anchor == event.anchor for _, anchor in self._open):
            raise self._error(f"`*{event.anchor}` stands inside what it repeats", event)
        raise self._error(f"`*{event.anchor}` repeats an anchor that is not there", event)

    def _add(self, place: _Place) -> None:
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

    def _as_key(self, place: _Place, parent: _Place) -> _Place:
        if place.children is not None:
            raise self._error("a member name must be a string", place)
        start, end = place.start, place.end
        key = place.value
        if not isinstance(key, str):
            # Member names are read by the failsafe schema: `200:` and `null:` are text.
            key = self._text[start.index : end.index]
        keys = parent.keys
        assert keys is not None
        if key in keys:
            first = keys[key].start
            raise self._error(
                f"`{key}` stands here a second time; the first is in line {first.line + 1}, "
                f"column {first.column + 1}",
                place,
            )
        named = _Place(key, start, end)
        keys[key] = named
        return named

    def _value_of(self, event: Any, place: _Place) -> Any:
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

    def _resolve(self, text: str, place: _Place) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        first = text[0]
        if first not in "-+.0123456789":
            return text
        if _INTEGER.match(text):
            if len(text) > _MAX_DIGITS:
                raise self._error(f"a number of more than {_MAX_DIGITS} digits", place)
            return int(text)
        if _FLOAT.match(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                raise self._error(f"`{text}` is beyond what a number can hold", place)
            return number
        if _BASED.match(text):
            return int(text, 0)
        if _NO_NUMBER.match(text):
            raise self._error(f"`{text}` is no JSON number", place, "Put text in quotes.")
        return text


def _tag_refusal(tag: str) -> tuple[str]:
    shown = "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
    return (f"the tag `{shown}` is not allowed here; only plain YAML is read",)


def _code_of(character: Any) -> int:
    return character if isinstance(character, int) else ord(str(character)[:1] or "\0")


def _load_json(text: str, name: str) -> Any:
    def refuse(constant: str) -> Any:
        raise _JsonRefusalError(f"`{constant}` is no JSON number")

    def read_float(digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise _JsonRefusalError(f"`{digits}` is beyond what a number can hold")
        return number

    def read_int(digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            raise _JsonRefusalError(f"a number of more than {_MAX_DIGITS} digits")
        return int(digits)

    try:
        return json.loads(
            text,
            object_pairs_hook=_unite_members,
            parse_constant=refuse,
            parse_float=read_float,
            parse_int=read_int,
        )
    except json.JSONDecodeError as error:
        if not text.strip():
            problem = Problem(span=None, message="the file is empty")
        else:
            span = Span(
                line=error.lineno,
                column=error.colno,
                end_line=error.lineno,
                end_column=error.colno + 1,
            )
            problem = Problem(span=span, message=f"not JSON: {error.msg.lower()}")
    except _JsonRefusalError as refusal:
        # YAML's events know the place of what json refused; most JSON is YAML, too.
        _Builder(text, name).build()
        problem = Problem(span=None, message=str(refusal))
    except RecursionError:
        problem = Problem(span=None, message=f"nested more than {MAX_DEPTH} levels deep")
    raise DocumentError(name, text, [problem]) from None


class _JsonRefusalError(Exception):
    """JSON that Python would read and this project does not."""


def _unite_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise _JsonRefusalError(f"`{twice}` stands twice in one object")
    return members
