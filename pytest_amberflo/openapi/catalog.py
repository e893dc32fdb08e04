"""The descriptions of a run: each document read once, the shipped ones where a user has none."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

from pytest_amberflo.arazzo.binding import SourceError
from pytest_amberflo.arazzo.source import read_source
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from collections.abc import Callable

SHIPPED: Final = Path(__file__).parent / "shipped"


def list_shipped() -> tuple[str, ...]:
    """The file names of the descriptions that come with the package."""
    return tuple(sorted(path.name for path in SHIPPED.glob("*.yaml")))


@cache
def read_shipped(name: str) -> Description:
    """The shipped description of this file name."""
    return Description(read_source(SHIPPED / name, name=name), is_shipped=True)


class Catalog:
    """Opens descriptions by URL; `shorten` turns a path into what reports call it."""

    def __init__(self, shorten: Callable[[Path], str]) -> None:
        self._shorten = shorten
        self._by_path: dict[Path, Description] = {}
        #: Paths that were asked for, are not there, and are served by a shipped description.
        self.stand_ins: dict[str, str] = {}

    def open(self, url: str, base_uri: str) -> Description:
        """The description at `url`, relative to `base_uri`.

        A file that is not there and has the name of a shipped description is that description.
        Raises SourceError, and DocumentError for a file that is no OpenAPI description.
        """
        parts = urlsplit(urljoin(base_uri, url))
        if parts.scheme != "file":
            raise SourceError(
                f"`{url}` is not a file; descriptions from the network are not supported yet",
                hint="Save it beside the workflow and refer to the file.",
            )
        path = Path(url2pathname(unquote(parts.path)))
        if path not in self._by_path:
            self._by_path[path] = self._read(path, url)
        return self._by_path[path]

    def _read(self, path: Path, url: str) -> Description:
        try:
            return Description(read_source(path, name=self._shorten(path)))
        except FileNotFoundError:
            if path.name in list_shipped():
                self.stand_ins[self._shorten(path)] = path.name
                return read_shipped(path.name)
        except OSError as error:
            raise SourceError(f"`{url}` cannot be read: {error.strerror}") from None
        siblings = [
            p.name for p in path.parent.glob("*") if p.suffix in (".yaml", ".yml", ".json")
        ]
        raise SourceError(
            f"there is no file {self._shorten(path)}",
            name=path.name,
            candidates=(*siblings, *list_shipped()),
        )
