"""Documents in YAML 1.2 or JSON, read into plain values with the place of each."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, unquote

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.excerpt import Span
from pytest_amberflo.arazzo.plain_yaml import read_plain, value_at
from pytest_amberflo.arazzo.tree import NotYamlError, Place, TreeBuilder, empty_place
from pytest_amberflo.http.json_text import JsonTextError, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_amberflo.arazzo.plain_yaml import FindLine

#: Members and indexes that lead from the root of a document to a value.
Pointer: TypeAlias = tuple[str | int, ...]

_FORGOTTEN: Final = object()
MAX_BYTES: Final = 32 * 1024 * 1024


class Source:
    """One document: its text, its plain value (`data`) and the place of everything in it.

    `name` is what reports call it, `uri` where it was retrieved from (absolute). `data` is made
    of dict, list, str, int, float, bool and None and must not be changed.
    """

    __slots__ = (
        *("_anchors", "_checksum", "_data", "_find_line", "_path", "_places", "_text"),
        *("name", "uri"),
    )

    def __init__(
        self,
        *,
        name: str,
        uri: str,
        text: str,
        data: Any,
        places: Place | None = None,
        find_line: FindLine | None = None,
        path: Path | None = None,
    ) -> None:
        """`path` is the file that the text is in, if any: it can be read there again."""
        self.name = name
        self.uri = uri
        self._path = path
        self._checksum = 0
        #: Lines of the text that was forgotten, by pointer.
        self._anchors: Mapping[Pointer, int] = {}
        #: None where it is to be read again.
        self._text: str | None = text
        self._data = data
        self._places = places
        self._find_line = find_line

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @property
    def text(self) -> str:
        """The text of the document; empty where its file has changed since it was forgotten."""
        if self._text is None:
            self._text = self._read_again()
        return self._text

    def _read_again(self) -> str:
        assert self._path is not None
        try:
            text = _decode(self._path.read_bytes(), self.name)
        except (OSError, DocumentError):
            return ""
        return text if _sum_up(text) == self._checksum else ""

    @property
    def data(self) -> Any:
        """The plain value. Raises LookupError where it was forgotten."""
        if self._data is _FORGOTTEN:
            raise LookupError(f"the values of {self.name} were given back")
        return self._data

    def locate(self, pointer: Pointer, *, key: bool = False) -> Span:
        """The span of the value at `pointer`, or of the nearest parent that is there.

        With `key`, the span of the member name that leads to the value.
        """
        if self._places is None:
            if not self.text and self._anchors:
                return self._remember(pointer)
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

    def _remember(self, pointer: Pointer) -> Span:
        """The line that the nearest anchor had; more is not known of a text that has changed."""
        known = (pointer[:length] for length in range(len(pointer), 0, -1))
        line = next((self._anchors[at] for at in known if at in self._anchors), 1)
        return Span(line=line, column=1, end_line=line, end_column=2)

    def value_at(self, pointer: Pointer) -> Any:
        """The value at a pointer, None where there is none."""
        return value_at(self.data, pointer)

    def line_of(self, pointer: Pointer) -> int:
        """The first line of an object of this document that stands at a pointer."""
        line = self._find_line(pointer) if self._find_line is not None else None
        return self.locate(pointer).line if line is None else line

    def forget(self, *, keeps_data: bool, anchors: Iterable[Pointer] = ()) -> None:
        """Give the memory of text and places, and of values, back: 20 KB for 100 lines.

        Who asks for the text or a place again has it read anew. The lines of the `anchors` stay,
        for the case that the file has changed by then.
        """
        if not self._anchors:  # else it was forgotten before, and to find them is costly now
            self._anchors = _share_lines(*((at, self.line_of(at)) for at in anchors))
        if not keeps_data:
            self._data = _FORGOTTEN
        if self._path is not None and self._text is not None:
            self._checksum = _sum_up(self._text)
            self._text = None
        self._places = self._find_line = None


@lru_cache(maxsize=1024)
def _share_lines(*lines: tuple[Pointer, int]) -> Mapping[Pointer, int]:
    """Lines by pointer, for all documents that have the same."""
    return dict(lines)


def read_source(path: Path, *, name: str) -> Source:
    """The document in a file.

    Raises DocumentError for what is not UTF-8, not YAML (or JSON, by the file's suffix), and
    OSError for a file that cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        raw = file.read()
    is_json = path.suffix.lower() == ".json"
    uri = _find_uri(path)
    return parse_source(_decode(raw, name), name=name, uri=uri, is_json=is_json, path=path)


def parse_source(
    text: str, *, name: str, uri: str, is_json: bool = False, path: Path | None = None
) -> Source:
    """The document that `text` holds. Raises DocumentError with the place of what is wrong.

    `path` is the file that it is in, if any.
    """
    if is_json:
        return Source(name=name, uri=uri, text=text, data=_load_json(text, name), path=path)
    plain = read_plain(text)
    if plain is not None:
        data, find_line = plain
        return Source(name=name, uri=uri, text=text, data=data, find_line=find_line, path=path)
    places = TreeBuilder(text, name).build()
    return Source(name=name, uri=uri, text=text, data=places.value, places=places, path=path)


def read_file_path(path: str) -> Path:
    """The file that the path of a `file:` URI means."""
    if os.name == "nt":
        from urllib.request import url2pathname  # noqa: PLC0415  costly, and drives are there only

        return Path(url2pathname(path))
    return Path(unquote(path))


def _find_uri(path: Path) -> str:
    """The URI of a file, links followed."""
    text = str(path)
    folder, separator, name = text.rpartition(os.sep)
    if not separator or path.is_symlink():
        return path.resolve().as_uri()
    return f"{_resolve_folder(folder + separator)}/{quote(os.fsencode(name))}"


@lru_cache(maxsize=128)
def _resolve_folder(folder: str) -> str:
    """The URI of a folder, links followed; kept, as that takes longer than to read a document."""
    return Path(folder).resolve().as_uri().rstrip("/")


def _sum_up(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        message = f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read"
        raise DocumentError(name, "", [Problem(span=None, message=message)])
    encoding = "utf-8"
    if not raw.isascii():
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
    if not text:
        return empty_place()
    try:
        return TreeBuilder(text, name).build()
    except NotYamlError:
        # Valid JSON that YAML cannot read (a pair of surrogate escapes): no places within.
        return empty_place()


def _load_json(text: str, name: str) -> Any:
    try:
        return read_json(text, has_unique_names=True)
    except JsonTextError as error:
        refusal = error
    if not text.strip():
        problem = Problem(span=None, message="the file is empty")
    elif refusal.offset is not None:
        message = f"not JSON: {refusal.reason.lower()}"
        problem = Problem(span=_span_at(text, refusal.offset), message=message)
    else:
        _find_place(text, name)
        problem = Problem(span=None, message=refusal.reason)
    raise DocumentError(name, text, [problem])


def _span_at(text: str, offset: int) -> Span:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return Span(line=line, column=column, end_line=line, end_column=column + 1)


def _find_place(text: str, name: str) -> None:
    """Raise what the reader of YAML says of a JSON text that is refused: it knows the place.

    Most JSON is YAML, too; where this is not, what it says is of no interest.
    """
    with suppress(NotYamlError):
        TreeBuilder(text, name).build()
