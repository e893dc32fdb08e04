"""YAML in blocks, as most people write it: indented names with short values, read by its lines.

A parser asks of each character what it may mean, and makes three objects of each value: that is
half of what it costs to collect a document. Here a value is a line, or else the lines that are
indented more; so it takes a fifth of the time, and a block that stands in many documents of a
suite is read once and is one value for all. Whatever is not beyond doubt is left to the parser:
it stays the authority.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.arazzo.plain_scalar import UnusualError, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.source import Pointer

#: Characters of texts that are read, and of blocks that are known again.
_LONGEST_TEXT: Final = 1_000_000
_LONGEST_KNOWN: Final = 2_000
#: Spaces; it bounds how deep the blocks are nested.
_MOST_INDENTED: Final = 60
#: What begins something else than a scalar without quotes, or might.
_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@`")
_VISIBLE: Final = b"\n" + bytes(range(0x20, 0x7F))
_GAP: Final = re.compile(r"(?: *(?:#[^\n]*)?\n)*")
_START: Final = re.compile(rf"({_GAP.pattern})( *)(- )?")
_NAME: Final = re.compile(
    r"""(?:([A-Za-z_$/][\w$./{}-]{0,200})|'([^'\n]{1,200})'|"([^"\\\n]{1,200})"):(?= |\n|\Z)""",
    re.ASCII,
)
_SINGLE: Final = re.compile(r"'((?:[^']|'')*)'(?: +#.*)?")
_DOUBLE: Final = re.compile(r'"([^"\\]*)"(?: +#.*)?')
_WORD: Final = r"[A-Za-z_$/][\w$./-]*"
_SHORT: Final = r"(?:[A-Za-z_$/0-9]|-[0-9])[\w$./-]*"
_PAIR: Final = rf"{_WORD}: +{_SHORT}"
_LIST: Final = re.compile(rf"\[ *({_SHORT}(?: *, *{_SHORT})*)? *\](?: +#.*)?", re.ASCII)
_MAP: Final = re.compile(rf"\{{ *({_PAIR}(?: *, *{_PAIR})*)? *\}}(?: +#.*)?", re.ASCII)
_HEADER: Final = re.compile(r"([|>])(-?)(?: +#.*)?")
_FOLDED: Final = re.compile(r"\n(\n*)")


class Block(Struct, frozen=True):
    """An object or list. Others may hold the same: it must not be changed."""

    value: Any
    #: Its first line in the lines of the block, from 0.
    line: int
    #: The blocks in it, and the line at which each of them begins.
    inner: Mapping[str | int, tuple[int, Block]]

    def line_of(self, pointer: Pointer) -> int | None:
        """The line in the document, from 1, of an object or list in the block of the root.

        None where there is none, or it is written in one line with something else.
        """
        block, begin = self, 1
        for token in pointer:
            if token not in block.inner:
                return None
            offset, block = block.inner[token]
            begin += offset
        return begin + block.line


def read_blocks(text: str) -> Block:
    """The root of a document. Raises UnusualError for whatever needs a second look."""
    if len(text) > _LONGEST_TEXT or not text.endswith("\n") or not _is_printable(text):
        raise UnusualError
    if text.startswith("---\n"):
        text = text[3:]  # what begins the document says no more than an empty line
    return _read_block(text[:-1], -1)


def _is_printable(text: str) -> bool:
    """Whether lines are of spaces and visible characters only."""
    if text.isascii():  # as most are; it is told four times as fast
        return not text.encode().translate(None, _VISIBLE)
    return text.replace("\n", "").isprintable()


def _read_block(text: str, above: int) -> Block:
    """The object or list that lines hold, below something that has `above` spaces before it."""
    start = _START.match(text)
    assert start is not None  # it may be empty
    gap, spaces, dash = start.groups()
    indent = len(spaces)
    if indent > _MOST_INDENTED or indent < above or (indent == above and dash is None):
        raise UnusualError
    read = _read_members if dash is None else _read_items
    return read(text[len(gap) :] if gap else text, indent, gap.count("\n"))


#: It holds a few hundred KB.
_read_known: Final = lru_cache(maxsize=1024)(_read_block)


def _read_members(text: str, indent: int, first: int) -> Block:
    """The object whose member names have `indent` spaces before them."""
    members: dict[str, Any] = {}
    inner: dict[str | int, tuple[int, Block]] = {}
    line, margin = first, " " * indent
    for part in _find_members(indent).split(text):
        found = _NAME.match(part, indent)
        if found is None or not part.startswith(margin):
            raise UnusualError
        name = intern(found[found.lastindex or 0])
        if name in members:
            raise UnusualError
        head, _, tail = part[found.end() :].partition("\n")
        head = head.strip(" ")
        if head and head[0] != "#":
            members[name] = _read_inline(head, tail, indent)
        elif _is_gap(tail):
            members[name] = None
        else:
            read = _read_known if len(tail) <= _LONGEST_KNOWN else _read_block
            block = read(tail, indent)
            members[name] = block.value
            inner[name] = line + 1, block
        line += part.count("\n") + 1
    return Block(members, first, inner)


def _read_items(text: str, indent: int, first: int) -> Block:
    """The list whose dashes have `indent` spaces before them."""
    items: list[Any] = []
    inner: dict[str | int, tuple[int, Block]] = {}
    line, dash = first, " " * indent + "- "
    for part in _find_items(indent).split(text):
        if not part.startswith(dash):
            raise UnusualError
        content = part[indent + 1 :].lstrip(" ")
        if _NAME.match(content):
            # The names in an item stand below its first one, as if there were no dash.
            item = " " * (len(part) - len(content)) + content
            read = _read_known if len(item) <= _LONGEST_KNOWN else _read_block
            block = read(item, indent)
            inner[len(items)] = line, block
            items.append(block.value)
        else:
            head, _, tail = content.partition("\n")
            items.append(_read_inline(head.rstrip(" "), tail, indent))
        line += part.count("\n") + 1
    return Block(items, first, inner)


@cache
def _find_members(indent: int) -> re.Pattern[str]:
    """Where the next member begins; the dash of a list may stand below the name of the list."""
    return re.compile(rf"\n(?= {{0,{indent}}}+(?:[^ \n#-]|-(?! )))")


@cache
def _find_items(indent: int) -> re.Pattern[str]:
    return re.compile(rf"\n(?= {{0,{indent}}}+[^ \n#])")


def _is_gap(text: str) -> bool:
    """Whether there are only comments and nothing."""
    return not text or _GAP.fullmatch(text + "\n") is not None


def _read_inline(head: str, tail: str, indent: int) -> Any:
    """A value that begins behind a name or dash, which has `indent` spaces before it."""
    if head[:1] in ("|", ">"):
        return _read_text(head, tail, indent)
    if not _is_gap(tail):
        raise UnusualError
    return _read_scalar(head)


def _read_scalar(head: str) -> Any:
    """The value of a line, which may have a comment behind it."""
    first = head[:1]
    if first in _INDICATORS and not (first == "-" and head[1:2].isdigit()):
        return _read_marked(head, first)
    text = head.partition(" #")[0].rstrip(" ")
    if not text or text.endswith(":") or ": " in text:
        raise UnusualError
    return resolve(text)


def _read_marked(head: str, first: str) -> Any:
    """The value of a line with quotes or brackets."""
    if first == "'" and (single := _SINGLE.fullmatch(head)):
        return single[1].replace("''", "'")
    if first == '"' and (double := _DOUBLE.fullmatch(head)):
        return double[1]
    if first == "[" and (items := _LIST.fullmatch(head)):
        return [resolve(item.strip(" ")) for item in items[1].split(",")] if items[1] else []
    if first == "{" and (pairs := _MAP.fullmatch(head)):
        return _read_pairs(pairs[1] or "")
    raise UnusualError


def _read_pairs(text: str) -> dict[str, Any]:
    """The members of an object that is written in a line."""
    members: dict[str, Any] = {}
    for pair in text.split(",") if text else ():
        name, _, value = pair.partition(":")
        name = intern(name.strip(" "))
        if name in members:
            raise UnusualError
        members[name] = resolve(value.strip(" "))
    return members


def _read_text(head: str, tail: str, indent: int) -> str:
    """The text of the lines below `|` or `>`."""
    header = _HEADER.fullmatch(head)
    lines = tail.split("\n")
    margin = lines[0][: len(lines[0]) - len(lines[0].lstrip(" "))]
    if header is None or len(margin) <= indent or margin == lines[0]:
        raise UnusualError
    style, strips = header.groups()
    texts: list[str] = []
    for index, line in enumerate(lines):
        if line and not line.startswith(margin):
            before = len(line) - len(line.lstrip(" "))
            if before > indent or not _is_gap("\n".join(lines[index:])):
                raise UnusualError
            break
        text = line[len(margin) :]
        if line and (not text.strip(" ") or (style == ">" and text != text.strip(" "))):
            raise UnusualError  # spaces that mean something
        texts.append(text)
    while not texts[-1]:
        del texts[-1]
    whole = "\n".join(texts)
    if style == ">":
        whole = _FOLDED.sub(lambda breaks: breaks[1] or " ", whole)
    return whole if strips else whole + "\n"
