"""Documents in YAML 1.2 or JSON, read into plain values with the place of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.excerpt import Span
from pytest_amberflo.arazzo.tree import MAX_DEPTH, MAX_DIGITS, Place, TreeBuilder, empty_place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Members and indexes that lead from the root of a document to a value.
Pointer: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 32 * 1024 * 1024


class Source:
    """One document: its text, its plain value (`data`) and the place of everything in it.

    `name` is what reports call it, `uri` where it was retrieved from (absolute). `data` is made
    of dict, list, str, int, float, bool and None and must not be changed.
    """

    __slots__ = ("_places", "data", "name", "text", "uri")

    def __init__(self, *, name: str, uri: str, text: str, data: Any, places: Place | None) -> None:
        self.name = name
        self.uri = uri
        self.text = text
        self.data = data
        self._places = places

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def locate(self, pointer: Pointer, *, key: bool = False) -> Span:
        """The span of the value at `pointer`, or of the nearest parent that is there.

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
    return parse_source(
        _decode(raw, name), name=name, uri=path.resolve().as_uri(), is_json=is_json
    )


def parse_source(text: str, *, name: str, uri: str, is_json: bool = False) -> Source:
    """The document that `text` holds. Raises DocumentError with the place of what is wrong."""
    if is_json:
        return Source(name=name, uri=uri, text=text, data=_load_json(text, name), places=None)
    places = TreeBuilder(text, name).build()
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


def _child_of(place: Place, token: str | int) -> tuple[Place | None, Place | None]:
    children = place.children
    if isinstance(children, dict) and isinstance(token, str):
        keys = place.keys or {}
        return children.get(token), keys.get(token)
    if isinstance(children, list) and isinstance(token, int) and token < len(children):
        return children[token], None
    return None, None


def _build_or_root(text: str, name: str) -> Place:
    try:
        return TreeBuilder(text, name).build()
    except DocumentError:
        # Valid JSON that YAML cannot read (a pair of surrogate escapes): no places within.
        return empty_place()


def _load_json(text: str, name: str) -> Any:
    def refuse(constant: str) -> Any:
        raise _JsonRefusalError(f"`{constant}` is no JSON number")

    def read_float(digits: str) -> float:
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise _JsonRefusalError(f"`{digits}` is beyond what a number can hold")
        return number

    def read_int(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise _JsonRefusalError(f"a number of more than {MAX_DIGITS} digits")
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
        TreeBuilder(text, name).build()
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
