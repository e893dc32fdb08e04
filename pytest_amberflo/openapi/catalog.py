"""The documents of a run: each read once, found by identity or place, shipped ones standing in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

from pytest_amberflo.arazzo.bound import AsyncDescription, SourceError
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import Source, parse_source, read_source
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_amberflo.arazzo.bound import Opened
    from pytest_amberflo.arazzo.model import Document

SHIPPED: Final = Path(__file__).parent / "shipped"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
#: Files that are looked through for a document's own name (`$self`).
_MOST_FILES: Final = 200


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
        base = urljoin(place, referrer.self_uri) if referrer.self_uri is not None else place
        uri = urljoin(base, url)
        if uri not in self._by_uri:
            self._by_uri[uri] = self._find(uri, url, referrer)
        return self._by_uri[uri]

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
            beside = _to_path(urljoin(referrer.source.uri, url))
            if beside is not None and beside.is_file():
                return self._read(beside, url)
        if urlsplit(uri).scheme not in ("http", "https"):
            raise SourceError(f"`{url}` is neither a file nor a web address")
        raw = self._fetch(uri)
        is_json = urlsplit(uri).path.endswith(".json")
        text = raw.decode("utf-8-sig", "replace")
        return _interpret(parse_source(text, name=uri, uri=uri, is_json=is_json))

    def _find_named(self, uri: str, referrer: Document) -> Opened | None:
        """The document beside the referrer whose `$self` is this URI."""
        place = _to_path(referrer.source.uri)
        for path in _list_files(place.parent) if place is not None else ():
            if b"$self" not in path.read_bytes():
                continue
            source = read_source(path, name=self._shorten(path))
            own = source.data.get("$self") if isinstance(source.data, dict) else None
            if isinstance(own, str) and urljoin(source.uri, own) == uri:
                return _interpret(source)
        return None

    def _read(self, path: Path, url: str) -> Opened:
        try:
            return _interpret(read_source(path, name=self._shorten(path)))
        except FileNotFoundError:
            if path.name in list_shipped():
                self.stand_ins[self._shorten(path)] = path.name
                return read_shipped(path.name)
        except OSError as error:
            raise SourceError(f"`{url}` cannot be read: {error.strerror}") from None
        siblings = [p.name for p in path.parent.glob("*") if p.suffix in _SUFFIXES]
        raise SourceError(
            f"there is no file {self._shorten(path)}",
            name=path.name,
            candidates=(*siblings, *list_shipped()),
        )


def _interpret(source: Source) -> Opened:
    """The document by what its root says that it is. Raises DocumentError."""
    data = source.data
    if isinstance(data, dict) and "openapi" not in data:
        if "arazzo" in data:
            return load_document(source)
        if "asyncapi" in data:
            return AsyncDescription(source=source)
    return Description(source)


def _to_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    return Path(url2pathname(unquote(parts.path))) if parts.scheme == "file" else None


def _list_files(folder: Path) -> Iterator[Path]:
    found = (p for p in sorted(folder.rglob("*")) if p.suffix in _SUFFIXES and p.is_file())
    for _, path in zip(range(_MOST_FILES), found, strict=False):
        yield path
