"""The parameters of a message, read from its text by their styles.

OpenAPI 3.0 to 3.2, "Style Values". A text is split where the wire has a delimiter and only then
decoded: an encoded delimiter is part of a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote, unquote_plus, urlsplit

from msgspec import Struct

from pytest_amberflo.http.exchange import Headers, Request, find_header
from pytest_amberflo.openapi.payload import FORM
from pytest_amberflo.openapi.shape import ALL_TYPES, Shape, make_readings, read_members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.operation import OperationParameter

_Decode: TypeAlias = Callable[[str], str]
_DEEP: Final = re.compile(r"\[([^\[\]]*)\]")
_SEPARATORS: Final = {"spaceDelimited": r"%20|\+", "pipeDelimited": r"\|"}


class MisreadError(ValueError):
    """A text is not in the style of its parameter; the message says what it is not."""


class Fields(Mapping[str, str]):
    """The texts of one place of a message, by name; a name may repeat."""

    def __init__(
        self, place: str, pairs: Sequence[tuple[str, str]], known: Sequence[str] = ()
    ) -> None:
        self.place = place
        #: Names that are declared as parameters of their own.
        self.known = frozenset(known)
        #: Names and texts as they stand, texts still encoded.
        self.pairs = [(self._key(name), value) for name, value in pairs]
        #: The name of the parameter that is the whole query, and its text.
        self.whole: dict[str, str] = {}
        #: Names that may stand without a value.
        self.may_be_empty: frozenset[str] = frozenset()

    def _key(self, name: str) -> str:
        return name.lower() if self.place == "header" else name

    def __getitem__(self, name: str) -> str:
        """The text of a name, decoded. Raises KeyError."""
        if name in self.whole:
            return self.whole[name]
        return self.decode(self.raw(name))

    def __iter__(self) -> Iterator[str]:
        """Every name, once."""
        return iter(dict.fromkeys([*(name for name, _ in self.pairs), *self.whole]))

    def __len__(self) -> int:
        """The number of names."""
        return len(list(iter(self)))

    def raw(self, name: str) -> str:
        """The text of a name as it stands. Raises KeyError."""
        found = self.all(name)
        if not found:
            raise KeyError(name)
        return ", ".join(found) if self.place == "header" else found[-1]

    def is_left_empty(self, name: str) -> bool:
        """Whether a name stands there without a value, and may."""
        return name in self.may_be_empty and self.all(name)[-1:] == [""]

    def all(self, name: str) -> list[str]:
        """Every text of a name as it stands, in the order of the message."""
        key = self._key(name)
        return [value for own, value in self.pairs if own == key]

    def decode(self, text: str) -> str:
        """The text without the encoding of its place."""
        match self.place:
            case "header":
                return text.strip()
            case "query":
                return unquote_plus(text)
        return unquote(text)


def read_fields(
    request: Request, path_texts: Mapping[str, str], parameters: Sequence[OperationParameter]
) -> dict[str, Fields]:
    """The fields of each place of a request to an operation with these parameters."""
    query = urlsplit(request.url).query
    cookies = find_header(request.headers, "cookie") or ""
    known = [parameter.name for parameter in parameters if parameter.location == "query"]
    fields = {
        "path": Fields("path", list(path_texts.items())),
        "query": Fields("query", _split_pairs(query, "&", unquote_plus), known),
        "header": Fields("header", request.headers),
        "cookie": Fields("cookie", _split_pairs(cookies, ";", str)),
    }
    for parameter in parameters:
        if parameter.location == "querystring" and query:
            is_form = parameter.media_type == FORM
            fields["query"].whole[parameter.name] = query if is_form else unquote(query)
    return fields


def read_headers(headers: Headers) -> Fields:
    """The fields of a response's headers."""
    return Fields("header", headers)


def _split_pairs(text: str, separator: str, decode: _Decode) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for part in text.split(separator) if part.strip())
    return [(decode(name), value) for name, _, value in parts]


class Style(Struct, frozen=True):
    """How a parameter is written."""

    name: str
    style: str
    explode: bool

    def read(self, fields: Fields, shape: Shape) -> Any:
        """The value, or Readings where the schema allows several.

        Raises KeyError where the parameter is not there, MisreadError.
        """
        types = shape.types
        # A schema that says nothing of types is no reason to look for more than one text.
        kinds = [kind for kind in ("object", "array") if kind in types and types != ALL_TYPES]
        is_plain = bool(types - {"object", "array"})
        values: list[Any] = []
        missing = misread = None
        for kind in [*kinds, *(["scalar"] if is_plain else [])]:
            try:
                values += self._read_kind(kind, fields, shape)
            except KeyError as error:
                missing = error
            except MisreadError as error:
                misread = error
        if values:
            return make_readings(*values)
        raise misread or missing or MisreadError("has no type")

    def _read_kind(self, kind: str, fields: Fields, shape: Shape) -> list[Any]:
        decode = fields.decode
        if kind == "scalar":
            text = decode(self._body(fields))
            return [shape.read(text), text]
        if kind == "array":
            texts = [decode(text) for text in self._list_items(fields)]
            values: list[Any] = [[shape.items.read(text) for text in texts], texts]
            return [*values, []] if texts == [""] else values
        pairs = [(decode(name), decode(text)) for name, text in self._list_members(fields, shape)]
        return [read_members(pairs, shape), dict(pairs)]

    def _body(self, fields: Fields) -> str:
        """The text without the sign that its style begins with."""
        text = fields.raw(self.name)
        if self.style == "label":
            return self._strip(text, ".")
        if self.style == "matrix":
            return self._strip(text, f";{self.name}=")
        return text

    def _strip(self, text: str, prefix: str) -> str:
        if not text.startswith(prefix):
            raise MisreadError(f"`{text}` is not in style {self.style} (`{prefix}...`)")
        return text[len(prefix) :]

    def _list_items(self, fields: Fields) -> list[str]:
        if self.style in _SEPARATORS:
            texts = fields.all(self.name)
            if len(texts) > 1:
                return texts
            return re.split(_SEPARATORS[self.style], fields.raw(self.name))
        if self.style in ("form", "cookie") and self.explode:
            if not fields.all(self.name):
                raise KeyError(self.name)
            return fields.all(self.name)
        if self.style == "deepObject":
            raise MisreadError("an array has no form in style deepObject")
        if self.style == "matrix" and self.explode:
            parts = self._strip(fields.raw(self.name), ";").split(";")
            return [self._strip(part, f"{self.name}=") for part in parts]
        separator = "." if self.style == "label" and self.explode else ","
        return self._body(fields).split(separator)

    def _list_members(self, fields: Fields, shape: Shape) -> list[tuple[str, str]]:
        if self.style == "deepObject":
            return self._list_deep(fields)
        if self.style in ("form", "cookie") and self.explode:
            return self._list_free(fields, shape)
        if self.explode:
            separator = {"label": ".", "matrix": ";"}.get(self.style, ",")
            prefix = {"label": ".", "matrix": ";"}.get(self.style, "")
            return _pair(self._strip(fields.raw(self.name), prefix).split(separator))
        if self.style in _SEPARATORS:
            parts = re.split(_SEPARATORS[self.style], fields.raw(self.name))
        else:
            parts = self._body(fields).split(",")
        if len(parts) % 2:
            raise MisreadError(f"`{fields.raw(self.name)}` does not pair names with values")
        return list(zip(parts[::2], parts[1::2], strict=True))

    def _list_free(self, fields: Fields, shape: Shape) -> list[tuple[str, str]]:
        """The members of an object that stand as fields of their own, without its name."""
        members = shape.members
        found = [
            (name, text)
            for name, text in fields.pairs
            if name in members or (fields.place == "query" and name not in fields.known)
        ]
        if not found:
            raise KeyError(self.name)
        return found

    def _list_deep(self, fields: Fields) -> list[tuple[str, str]]:
        found = []
        for name, text in fields.pairs:
            inner = name[len(self.name) :] if name.startswith(f"{self.name}[") else ""
            if inner:
                match = _DEEP.fullmatch(inner)
                if match is None:
                    raise MisreadError(f"`{name}` nests deeper than style deepObject can say")
                found.append((match.group(1), text))
        if not found:
            raise KeyError(self.name)
        return found


def _pair(parts: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [part.partition("=") for part in parts]
    for name, equals, _ in pairs:
        if not equals:
            raise MisreadError(f"`{name}` does not pair a name with a value")
    return [(name, value) for name, _, value in pairs]
