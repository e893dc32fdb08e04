"""YAML without anything unusual, read into values and without places.

Most documents are right, and nobody asks where things stand in them: so read, 110 lines take
0.5 ms, and 1.2 ms as a tree.
"""

from __future__ import annotations

import re
from contextlib import closing
from sys import intern
from typing import TYPE_CHECKING, Any, Final

import yaml

from pytest_amberflo.arazzo.tree import FLOAT, INTEGER, LOADER, MAX_VALUES, WORDS
from pytest_amberflo.http.json_text import MAX_DEPTH, MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable

#: Expressions and the like, of which a run has many that are equal.
_SHORT: Final = 80
_NUMERIC: Final = "-+.0123456789"
#: What may be a number of some other form.
_ODD: Final = re.compile(r"[-+]?(?:[0-9]+|0[xo].*|\.(?:inf|nan))\Z", re.IGNORECASE)
_STARTS: Final = {yaml.MappingStartEvent: dict, yaml.SequenceStartEvent: list}
_ENDS: Final = frozenset((yaml.MappingEndEvent, yaml.SequenceEndEvent))


class _UnusualError(Exception):
    """Something that is left to the builder of trees."""


def read_plain(text: str) -> tuple[Any, dict[int, int]] | None:
    """The value of a plain document, and by identity of each object and list its first line.

    None for whatever needs a second look: anchors, tags, what is no YAML, a name that stands
    twice.
    """
    try:
        with closing(_Loading(text)) as loading:
            return _Reader(loading.loader).read()
    except (_UnusualError, yaml.YAMLError, UnicodeEncodeError):
        return None


class _Loading:
    """A loader that is disposed of in the end."""

    def __init__(self, text: str) -> None:
        self.loader = LOADER(text)
        self.close: Callable[[], None] = self.loader.dispose


class _Reader:
    """Reads the events of one document."""

    def __init__(self, loader: Any) -> None:
        self._next_event = loader.get_event
        self._lines: dict[int, int] = {}
        #: Open objects and lists, each with the member name that waits for its value.
        self._stack: list[Any] = []
        self._roots: list[Any] = []
        self._count = 0

    def read(self) -> tuple[Any, dict[int, int]]:
        """The value and the lines. Raises _UnusualError."""
        stack = self._stack
        while (event := self._next_event()) is not None:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if event.tag is not None or event.anchor is not None:
                    raise _UnusualError
                text = event.value
                if stack and type(stack[-1]) is dict:
                    if not event.style and text[:1] in _NUMERIC:
                        _resolve(text)  # what would be refused as a value is so as a name
                    # A name: text, however it is written. Documents have the same ones again and
                    # again; one text for all of them takes a fifth of their memory away.
                    stack.append(intern(text))
                else:
                    self._add(text if event.style else _resolve(text))
            elif kind in _ENDS:
                self._add(stack.pop())
            elif kind in _STARTS:
                self._open(event, _STARTS[kind]())
            elif kind is yaml.AliasEvent:
                raise _UnusualError
        if len(self._roots) != 1 or self._count > MAX_VALUES:
            raise _UnusualError
        return self._roots[0], self._lines

    def _open(self, event: Any, value: Any) -> None:
        stack = self._stack
        is_name = bool(stack) and type(stack[-1]) is dict
        if event.tag is not None or event.anchor is not None:
            raise _UnusualError
        if is_name or len(stack) >= MAX_DEPTH:
            raise _UnusualError
        self._lines[id(value)] = event.start_mark.line + 1
        stack.append(value)

    def _add(self, value: Any) -> None:
        """Add a value to what is open around it."""
        stack = self._stack
        self._count += 1
        if not stack:
            self._roots.append(value)
        elif type(stack[-1]) is list:
            stack[-1].append(value)
        else:
            name = stack.pop()
            owner = stack[-1]
            if name in owner:
                raise _UnusualError
            owner[name] = value


def _resolve(text: str) -> Any:
    """The value of a scalar without quotes."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _NUMERIC:
        return intern(text) if len(text) < _SHORT else text
    if INTEGER.match(text) and len(text) <= MAX_DIGITS:
        return int(text)
    if _ODD.match(text):
        raise _UnusualError
    if FLOAT.match(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise _UnusualError
        return number
    return text
