"""The documents of a run: each read once, found by identity or place, shipped ones standing in."""

from __future__ import annotations

import os
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from pytest_amberflo.arazzo.bound import AsyncDescription, SourceError
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import parse_source, read_file_path, read_source
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_amberflo.arazzo.bound import Opened
    from pytest_amberflo.arazzo.model import Document
    from pytest_amberflo.arazzo.source import Source

SHIPPED: Final = Path(__file__).parent / "shipped"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
#: Files that are looked through for a document's own name (`$self`).
_MOST_FILES: Final = 200
_MOST_SEEN: Final = 5000


class Fetch(Protocol):
    """Gets a document from the network."""

    def __call__(self, url: str) -> bytes:
        """The bytes at a URL. Raises SourceError where they cannot or must not be had."""


def list_shipped() -> tuple[str, ...]:
    """The file names of the descriptions that come with the package."""
    return tuple(sorted(path.name for path in SHIPPED.glob("*.yaml")))


@cache
def read_shipped(name: str) -> Description:
    """The shipped description of this file name."""
    return Description(read_source(SHIPPED / name, name=name), is_shipped=True)


class Catalog:
    """Opens documents by URL; `shorten` turns a path into what reports call it."""

    def __init__(self, shorten: Callable[[Path], str], fetch: Fetch) -> None:
        self._shorten = shorten
        self._fetch = fetch
        self._by_uri: dict[str, Opened] = {}
        self._texts: dict[str, Source] = {}
        #: Paths that were asked for, are not there, and are served by a shipped description.
        self.stand_ins: dict[str, str] = {}

    def open(self, url: str, referrer: Document) -> Opened:
        """What is at `url`, as a document refers to it.

        A relative reference is resolved against the document's `$self`, if it has one, and else
        against where it was read from. A document whose own `$self` is the result is meant first,
        then the place. A file that is not there and has the name of a shipped description is that
        description. Raises SourceError, and DocumentError for what cannot be used.
        """
        place = referrer.source.uri
        base = _join(place, referrer.self_uri) if referrer.self_uri is not None else place
        uri = _find_uri(base, url)
        if uri not in self._by_uri:
            self._by_uri[uri] = self._find(uri, url, referrer)
        return self._by_uri[uri]

    def open_text(self, uri: str) -> Source:
        """The document at an absolute URI that a description refers to; read once.

        Raises SourceError and DocumentError.
        """
        if uri not in self._texts:
            path = _to_path(uri)
            if path is None:
                self._texts[uri] = self._load(uri, uri)
            else:
                try:
                    self._texts[uri] = self._read_file(path, uri)
                except FileNotFoundError:
                    raise self._missing(path) from None
        return self._texts[uri]

    def _find(self, uri: str, url: str, referrer: Document) -> Opened:
        path = _to_path(uri)
        if path is not None and path.exists():
            return self._read(path, url)
        named = self._find_named(uri, referrer)
        if named is not None:
            return named
        if path is not None:
            return self._read(path, url)
        if referrer.self_uri is not None:
            beside = _to_path(_join(referrer.source.uri, url))
            if beside is not None and beside.is_file():
                return self._read(beside, url)
        return self._interpret(self._load(uri, url))

    def _find_named(self, uri: str, referrer: Document) -> Opened | None:
        """The document beside the referrer whose `$self` is this URI."""
        place = _to_path(referrer.source.uri)
        for path in _list_files(place.parent) if place is not None else ():
            try:
                if b"$self" not in path.read_bytes():
                    continue
                source = read_source(path, name=self._shorten(path))
            except (OSError, DocumentError):
                continue  # not the one that is meant, as far as anyone can tell
            own = source.data.get("$self") if isinstance(source.data, dict) else None
            if isinstance(own, str) and _join(source.uri, own) == uri:
                return self._interpret(source)
        return None

    def _load(self, uri: str, url: str) -> Source:
        """The document at a web address."""
        if urlsplit(uri).scheme not in ("http", "https"):
            raise SourceError(f"`{url}` is neither a file nor a web address")
        raw = self._fetch(uri)
        is_json = urlsplit(uri).path.endswith(".json")
        text = raw.decode("utf-8-sig", "replace")
        return parse_source(text, name=uri, uri=uri, is_json=is_json)

    def _read(self, path: Path, url: str) -> Opened:
        try:
            return self._interpret(self._read_file(path, url))
        except FileNotFoundError:
            if path.name in list_shipped():
                self.stand_ins[self._shorten(path)] = path.name
                return read_shipped(path.name)
        raise self._missing(path, *list_shipped())

    def _read_file(self, path: Path, url: str) -> Source:
        try:
            if path.exists() and not path.is_file() and not path.is_dir():
                raise SourceError(f"`{url}` is no file")  # a device or pipe might never end
            return read_source(path, name=self._shorten(path))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SourceError(f"`{url}` cannot be read: {error.strerror}") from None

    def _missing(self, path: Path, *others: str) -> SourceError:
        siblings = [p.name for p in path.parent.glob("*") if p.suffix in _SUFFIXES]
        return SourceError(
            f"there is no file {self._shorten(path)}",
            name=path.name,
            candidates=(*siblings, *others),
        )

    def _interpret(self, source: Source) -> Opened:
        """The document by what its root says that it is. Raises DocumentError."""
        data = source.data
        if isinstance(data, dict) and "openapi" not in data:
            if "arazzo" in data:
                return load_document(source)
            if "asyncapi" in data:
                return AsyncDescription(source=source)
        return Description(source, open_text=self.open_text)


def _find_uri(base: str, url: str) -> str:
    """The URI of the document that a URL means. Raises SourceError for what is none."""
    if base.startswith("file:///") and (url[:1].isalnum() or url.startswith(".")):
        # The folder says as much, and documents have theirs in common.
        base = base[: base.rfind("/") + 1]
    return _join_document(base, url)


@lru_cache(maxsize=256)
def _join_document(base: str, url: str) -> str:
    return urldefrag(_join(base, url))[0]


def _join(base: str, url: str) -> str:
    """The URL resolved against a base. Raises SourceError for what is none."""
    try:
        uri = urljoin(base, url)
        urlsplit(uri)
    except ValueError as error:
        raise SourceError(f"`{url}` is no URL ({error})") from None
    if "\0" in unquote(uri):
        raise SourceError(f"`{url}` is no URL: it holds a null character")
    return uri


def _to_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    is_here = parts.scheme == "file" and parts.netloc in ("", "localhost")
    return read_file_path(parts.path) if is_here else None


def _list_files(folder: Path) -> Iterator[Path]:
    """Documents in a folder and below, in order, as far as a quick look goes."""
    seen = found = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "node_modules")))
        for name in sorted(files):
            seen += 1
            if seen > _MOST_SEEN or found == _MOST_FILES:
                return
            path = Path(place, name)
            if path.suffix in _SUFFIXES and path.is_file():
                found += 1
                yield path
