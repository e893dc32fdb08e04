"""What surely keeps the description of one operation, told without a validator.

Only what is common is read here: credentials in headers, parameters that are one plain text, JSON
bodies. `True` is a promise that openapi-core would find nothing; of everything else nothing is
said. A pair of request and response takes 60 us here and 4 ms there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from pytest_amberflo.arazzo.acceptor import Compiler, accept_any, ask_validator
from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.http.exchange import find_header
from pytest_amberflo.openapi.body import find_status, judge_body
from pytest_amberflo.openapi.extract import SCHEMAS
from pytest_amberflo.openapi.formats import CHECKS
from pytest_amberflo.openapi.payload import (
    UnreadableError,
    choose_media_type,
    parse_content_type,
    read_body_as_json,
)
from pytest_amberflo.openapi.shape import ALL_TYPES, Shape
from pytest_amberflo.openapi.wire import read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.arazzo.acceptor import Accept
    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.http.exchange import Headers, Request, Response
    from pytest_amberflo.openapi.wire import Fields

#: Of a body: the status of its response, 0 for a request, and its content type as it is written.
_Place: TypeAlias = tuple[int, str]
#: Styles in which a single text stands as it is.
_PLAIN_STYLES: Final = ("simple", "form", "cookie")


class _Parameter(Struct, frozen=True):
    """A parameter; `shape` is None where only openapi-core can read it."""

    place: str
    name: str
    is_required: bool
    shape: Shape | None
    accept: Accept

    def accepts(self, fields: Mapping[str, Fields]) -> bool:
        """Whether its text, or that it is not there, is surely right."""
        found = fields.get(self.place)
        if found is None:
            return False
        texts = found.all(self.name)
        if not texts:
            return not self.is_required and self.shape is not None
        if self.shape is None or len(texts) > 1 or not texts[0]:
            return False
        text = found.decode(texts[0])
        return self.accept(self.shape.read(text)) is True or self.accept(text) is True


class Admission:
    """Lets requests and responses of one operation in; `readable` is its readable description."""

    def __init__(self, operation: Operation, readable: Mapping[str, Any], minor: int) -> None:
        self._operation = operation
        self._data: dict[str, Any] = readable["paths"]["/"]["operation"]
        self._schemas: Mapping[str, Any] = readable["components"]["schemas"]
        self._document = readable
        self._compiler = Compiler(
            self._resolve, formats=CHECKS, is_old=minor == 0, may_lack=True, matches=_matches
        )
        self._credentials = _list_credentials(
            self._data["security"], readable["components"]["securitySchemes"]
        )
        self._parameters = [self._read_parameter(data) for data in self._data["parameters"]]
        #: What judges a body, where nothing else of its message has to be looked at.
        self._accepts: dict[_Place, Accept] = {}

    def admits_request(self, request: Request, path_texts: Mapping[str, str]) -> bool:
        """Whether a request surely keeps its description."""
        try:
            return (
                self._admits_credentials(request.headers)
                and self._admits_parameters(request, path_texts)
                and self._admits_body(request)
            )
        except (RecursionError, UnreadableError):
            return False

    def admits_response(self, response: Response) -> bool:
        """Whether a response surely keeps its description."""
        place = response.status, find_header(response.headers, "content-type") or ""
        accept = self._accepts.get(place) if response.body else None
        try:
            if accept is not None:
                return accept(read_body_as_json(response.body)) is True
            return self._admits_anew(response, place)
        except (RecursionError, UnreadableError):
            return False

    def _admits_anew(self, response: Response, place: _Place) -> bool:
        """Whether a response keeps its description, of which no other was like it."""
        key = find_status(self._data["responses"], response.status)
        if key is None:
            return False
        described = self._data["responses"][key]
        headers = described["headers"]
        if any(_is_asked_for(header) for header in headers.values()):
            return False
        content = described.get("content")
        found, media_type = judge_body(self._operation.method, response, content)
        if found or media_type is None:
            return not found and not headers
        if headers and not _lacks_all(response.headers, headers):
            return False
        return self._admits_json(place, content[media_type], response.body, is_kept=not headers)

    def _resolve(self, reference: str) -> Any:
        name = reference.removeprefix(SCHEMAS)
        return self._schemas.get(name) if name != reference else None

    def _read_parameter(self, data: Mapping[str, Any]) -> _Parameter:
        schema, place, name = data.get("schema"), str(data.get("in")), str(data.get("name"))
        is_plain = data.get("style") in _PLAIN_STYLES and "content" not in data
        shape = None
        if is_plain and isinstance(schema, dict) and data.get("allowEmptyValue") is not True:
            shape = Shape(schema, self._document)
            is_scalar = not shape.types & {"object", "array"} and shape.types != ALL_TYPES
            shape = shape if is_scalar and "default" not in schema else None
        accept = self._compiler.compile(schema) if shape is not None else ask_validator
        return _Parameter(place, name, data.get("required") is True, shape, accept)

    def _admits_credentials(self, headers: Headers) -> bool:
        if self._credentials is None:
            return False
        given = {name.lower() for name, _ in headers}
        return any(given.issuperset(names) for names in self._credentials)

    def _admits_parameters(self, request: Request, path_texts: Mapping[str, str]) -> bool:
        if not self._parameters:
            return True
        fields = read_fields(request, path_texts, self._operation.parameters)
        return all(parameter.accepts(fields) for parameter in self._parameters)

    def _admits_body(self, request: Request) -> bool:
        described = self._data.get("requestBody")
        if described is None:
            return True
        if not request.body or not isinstance(described, dict):
            return isinstance(described, dict) and described.get("required") is not True
        place = 0, find_header(request.headers, "content-type") or ""
        accept = self._accepts.get(place)
        if accept is not None:
            return accept(read_body_as_json(request.body)) is True
        content = described.get("content", {})
        media_type = choose_media_type(content, parse_content_type(place[1]))
        if media_type is None:
            return False
        return self._admits_json(place, content[media_type], request.body)

    def _admits_json(
        self, place: _Place, media: Mapping[str, Any], body: bytes, *, is_kept: bool = True
    ) -> bool:
        """Whether a body of a described media type is JSON that its schema accepts.

        With `is_kept`, other bodies at this place need nothing but their schema.
        """
        if not parse_content_type(place[1]).is_json:
            return False
        accept = self._compiler.compile(media["schema"]) if "schema" in media else accept_any
        if is_kept and len(self._accepts) < _MOST_KEPT:
            self._accepts[place] = accept
        return accept(read_body_as_json(body)) is True


#: A service may write its content type in ever new ways.
_MOST_KEPT: Final = 64


def _list_credentials(
    required: Any, schemes: Mapping[str, Any]
) -> Sequence[frozenset[str]] | None:
    """The headers that each alternative asks for; None where one asks for anything else."""
    if not isinstance(required, list):
        return None
    alternatives: list[frozenset[str]] = []
    for requirement in required:
        names: set[str] = set()
        if not isinstance(requirement, dict):
            return None
        for name in requirement:
            scheme = schemes.get(name)
            if not isinstance(scheme, dict) or scheme.get("type") != "apiKey":
                return None
            if scheme.get("in") != "header" or not isinstance(scheme.get("name"), str):
                return None
            names.add(scheme["name"].lower())
        alternatives.append(frozenset(names))
    return alternatives or [frozenset()]


def _matches(pattern: str, text: str) -> bool | None:
    """Whether a text surely matches a pattern; all else is for openapi-core to tell."""
    from pytest_amberflo.arazzo.regex import search  # noqa: PLC0415  costly
    from pytest_amberflo.openapi.pattern import to_python  # noqa: PLC0415  needed with it

    try:
        return search(to_python(pattern), text) or None
    except EvaluationError:
        return None


def _is_asked_for(header: Mapping[str, Any]) -> bool:
    return header.get("required") is True


def _lacks_all(headers: Headers, described: Mapping[str, Any]) -> bool:
    """Whether none of the described headers is there to be judged."""
    names = {name.lower() for name in described}
    return not any(name.lower() in names for name, _ in headers)
