"""What the engine needs to know of an API's description, whoever reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.source import Pointer, Source


class OperationParameter(Struct, frozen=True, kw_only=True):
    """A parameter as an operation declares it, its style and explode filled in (OpenAPI)."""

    name: str
    location: str
    required: bool
    style: str
    explode: bool
    allow_reserved: bool
    schema: Mapping[str, Any] | bool | None
    #: The media type of a parameter with `content`, else None.
    media_type: str | None


class Encoding(Struct, frozen=True, kw_only=True):
    """How one member of a form or multipart body is written (Encoding Object)."""

    content_type: str | None
    #: None for what the description leaves out.
    style: str | None
    explode: bool | None
    allow_reserved: bool | None

    @property
    def has_style(self) -> bool:
        """Whether the member is written like a query parameter; its content type is then void."""
        return (self.style, self.explode, self.allow_reserved) != (None, None, None)


class Server(Struct, frozen=True, kw_only=True):
    """A server of a description: a URL template and the defaults of its variables."""

    url: str
    variables: Mapping[str, str]

    def expand(self) -> str:
        """The URL with every variable replaced by its default."""
        url = self.url
        for name, value in self.variables.items():
            url = url.replace("{" + name + "}", value)
        return url


class Operation(Struct, frozen=True, kw_only=True):
    """One operation of a description, with what applies to it from its path and the root."""

    pointer: Pointer
    operation_id: str | None
    #: Upper case.
    method: str
    #: The path template: `/meters/{meterApiName}`.
    path: str
    parameters: tuple[OperationParameter, ...]
    #: Media types of the request body, in the order of the description.
    media_types: tuple[str, ...]
    #: Media type of the request body to the schema of each of its members.
    body_schemas: Mapping[str, Mapping[str, Any]]
    #: Media types of the responses.
    response_types: tuple[str, ...]
    servers: tuple[Server, ...]
    #: Media type of the request body to the encoding of each of its members.
    encodings: Mapping[str, Mapping[str, Encoding]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What reports call it: the operationId, or method and path."""
        return self.operation_id or f"{self.method} {self.path}"

    def find_parameter(self, name: str, location: str) -> OperationParameter | None:
        """The declared parameter, header names without regard to case, or None."""
        for parameter in self.parameters:
            if parameter.location != location:
                continue
            if parameter.name == name or (
                location == "header" and parameter.name.lower() == name.lower()
            ):
                return parameter
        return None


class ApiDescription(Protocol):
    """A description whose operations steps can call."""

    @property
    def source(self) -> Source:
        """The document it was read from."""

    @property
    def operation_ids(self) -> tuple[str, ...]:
        """Every operationId, in the order of the document."""

    def find(self, operation_id: str) -> Operation | None:
        """The operation with this operationId, or None."""

    def list_paths(self) -> tuple[str, ...]:
        """Every operation as method and path: `POST /usage`."""

    def at(self, pointer: tuple[str, ...]) -> Operation | None:
        """The operation that the reference tokens of a JSON Pointer lead to, or None."""
