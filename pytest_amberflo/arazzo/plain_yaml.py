"""YAML without anything unusual, read into values and without places.

Most documents are right, and nobody asks where things stand in them: so read, 110 lines take
0.1 ms where they are blocks, 0.5 ms where they are not, and 1.2 ms as a tree.
"""

from __future__ import annotations

from contextlib import closing
from sys import intern
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml

from pytest_amberflo.arazzo.block_yaml import read_blocks
from pytest_amberflo.arazzo.plain_scalar import NUMERIC, UnusualError, resolve
from pytest_amberflo.arazzo.tree import LOADER, MAX_VALUES
from pytest_amberflo.http.json_text import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.arazzo.source import Pointer

#: The first line of an object or list, from 1; None where it is not known.
FindLine: TypeAlias = "Callable[[Pointer], int | None]"

_STARTS: Final = {yaml.MappingStartEvent: dict, yaml.SequenceStartEvent: list}
_ENDS: Final = frozenset((yaml.MappingEndEvent, yaml.SequenceEndEvent))


def read_plain(text: str) -> tuple[Any, FindLine] | None:
    """The value of a plain document, and what finds the lines of it.

    None for whatever needs a second look: anchors, tags, what is no YAML, a name that stands
    twice. The value may be in use elsewhere, too, and must not be changed.
    """
    try:
        block = read_blocks(text)
    except UnusualError:
        return read_events(text)
    return block.value, block.line_of


def read_events(text: str) -> tuple[Any, FindLine] | None:
    """The same, by the parser, of a document that has more than blocks."""
    try:
        with closing(_Loading(text)) as loading:
            value, lines = _Reader(loading.loader).read()
    except (UnusualError, yaml.YAMLError, UnicodeEncodeError):
        return None
    return value, lambda pointer: lines.get(id(value_at(value, pointer)))


def value_at(value: Any, pointer: Pointer) -> Any:
    """The value at a pointer, None where there is none."""
    for token in pointer:
        try:
            value = value[token]
        except (LookupError, TypeError):
            return None
    return value


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
        """The value and the lines. Raises UnusualError."""
        stack = self._stack
        while (event := self._next_event()) is not None:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if event.tag is not None or event.anchor is not None:
                    raise UnusualError
                text = event.value
                if stack and type(stack[-1]) is dict:
                    if not event.style and text[:1] in NUMERIC:
                        resolve(text)  # what would be refused as a value is so as a name
                    # A name: text, however it is written. Documents have the same ones again and
                    # again; one text for all of them takes a fifth of their memory away.
                    stack.append(intern(text))
                else:
                    self._add(text if event.style else resolve(text))
            elif kind in _ENDS:
                self._add(stack.pop())
            elif kind in _STARTS:
                self._open(event, _STARTS[kind]())
            elif kind is yaml.AliasEvent:
                raise UnusualError
        if len(self._roots) != 1 or self._count > MAX_VALUES:
            raise UnusualError
        return self._roots[0], self._lines

    def _open(self, event: Any, value: Any) -> None:
        stack = self._stack
        is_name = bool(stack) and type(stack[-1]) is dict
        if event.tag is not None or event.anchor is not None:
            raise UnusualError
        if is_name or len(stack) >= MAX_DEPTH:
            raise UnusualError
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
                raise UnusualError
            owner[name] = value
