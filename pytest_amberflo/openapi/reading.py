"""Readers of parameters and bodies, in the form that openapi-core asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.http.exchange import find_header, is_xml_type
from pytest_amberflo.openapi.payload import (
    ContentType,
    UnreadableError,
    parse_content_type,
    read_body,
)
from pytest_amberflo.openapi.shape import Shape
from pytest_amberflo.openapi.wire import MisreadError, Style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.http.exchange import Headers

#: The value of a body that is right as far as schemas can tell: they say nothing of XML.
NO_VALUE: Final = object()


class Payload(Struct, frozen=True):
    """A body with what it says that it is."""

    raw: bytes
    content_type: ContentType


class Unread(Struct, frozen=True):
    """Why a text or body has no value."""

    reason: str


def read_content_type(headers: Headers) -> ContentType:
    """The content type of a message, empty where it has none."""
    return parse_content_type(find_header(headers, "content-type") or "")


def contents_of(path: Any) -> Any:
    """The value at a path of openapi-core, its reference followed."""
    with path.resolve() as resolved:
        return resolved.contents


class ReaderFactory:
    """Makes the readers of parameters, by style, and of bodies, by media type."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def create(
        self,
        spec: Any,  # noqa: ARG002  part of the library's signature
        kind: Any,
        style: str = "",
        explode: bool = False,  # noqa: FBT001, FBT002  likewise
        *,
        name: str = "",
        schema: Any = None,
        **_: Any,
    ) -> Reader:
        """The reader of a parameter (`kind` is its schema), or of a media type (`kind` itself)."""
        if style:
            shape = Shape(contents_of(kind), self._document)
            return Reader(shape, Style(name, style, explode))
        shape = Shape({} if schema is None else contents_of(schema), self._document)
        return Reader(shape, parse_content_type(kind))


class Reader(Struct, frozen=True):
    """Reads one parameter or body."""

    shape: Shape
    form: Style | ContentType

    def deserialize(self, given: Any) -> Any:
        """The value, or Readings, Unread or NO_VALUE. Raises KeyError where nothing is there."""
        try:
            if isinstance(self.form, Style):
                if given.is_left_empty(self.form.name):
                    return NO_VALUE
                return self.form.read(given, self.shape)
            if isinstance(given, Payload):
                return self._read(given)
            # A parameter with content.
            return self._read(Payload(given.encode("utf-8", "surrogatepass"), self.form))
        except MisreadError as error:
            return Unread(str(error))
        except UnreadableError as error:
            return Unread(f"{'the body' if isinstance(given, Payload) else 'it'} {error}")

    def _read(self, payload: Payload) -> Any:
        value = read_body(payload.raw, payload.content_type, self.shape)
        return NO_VALUE if is_xml_type(payload.content_type.media_type) else value
