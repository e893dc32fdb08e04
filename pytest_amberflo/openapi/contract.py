"""Requests and responses against their description. The only importer of openapi_core.

openapi-core finds an operation by URL and insists on the description's servers; here the
operation is known and the target is elsewhere, so it is handed to it directly.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from jsonschema_path import SchemaPath
from openapi_core.casting.schemas.exceptions import CastError
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.exceptions import DeserializeError
from openapi_core.deserializing.styles.exceptions import EmptyQueryParameterValue
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.templating.paths.datatypes import PathOperationServer
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.templating.security.exceptions import SecurityNotFound
from openapi_core.validation.request import (
    V30RequestBodyValidator,
    V30RequestParametersValidator,
    V30RequestSecurityValidator,
    V31RequestBodyValidator,
    V31RequestParametersValidator,
    V31RequestSecurityValidator,
    V32RequestBodyValidator,
    V32RequestParametersValidator,
    V32RequestSecurityValidator,
)
from openapi_core.validation.request.exceptions import (
    MissingRequestBodyError,
    ParameterValidationError,
)
from openapi_core.validation.response import (
    V30ResponseDataValidator,
    V30ResponseHeadersValidator,
    V31ResponseDataValidator,
    V31ResponseHeadersValidator,
    V32ResponseDataValidator,
    V32ResponseHeadersValidator,
)
from openapi_core.validation.response.exceptions import (
    HeaderValidationError,
    MissingData,
    MissingRequiredHeader,
)
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from pytest_amberflo.http.exchange import (
    NotJsonError,
    find_header,
    is_json_type,
    is_xml_type,
    load_json,
    media_type_of,
)
from pytest_amberflo.openapi.rulebook import RefusingHandlers, check_description
from pytest_amberflo.openapi.violation import (
    CheckName,
    Violation,
    locate_schema,
    read_schema_errors,
)
from pytest_amberflo.openapi.wire import read_cookies, read_path, read_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.http.exchange import Request, Response
    from pytest_amberflo.openapi.description import Description

_REQUEST: Final = {
    0: (V30RequestSecurityValidator, V30RequestParametersValidator, V30RequestBodyValidator),
    1: (V31RequestSecurityValidator, V31RequestParametersValidator, V31RequestBodyValidator),
    2: (V32RequestSecurityValidator, V32RequestParametersValidator, V32RequestBodyValidator),
}
_RESPONSE: Final = {
    0: (V30ResponseDataValidator, V30ResponseHeadersValidator),
    1: (V31ResponseDataValidator, V31ResponseHeadersValidator),
    2: (V32ResponseDataValidator, V32ResponseHeadersValidator),
}


@dataclass(frozen=True, slots=True)
class _PathResult:
    """What a URL gives for the variables of a path; the request brings them itself."""

    variables: Mapping[str, str]


_NO_VARIABLES: Final = _PathResult({})


@dataclass
class _Request:
    """A request as openapi-core wants to see it."""

    host_url: str
    path: str
    path_pattern: str
    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None


@dataclass
class _Response:
    """A response as openapi-core wants to see it."""

    status_code: int
    headers: Headers
    content_type: str
    data: bytes | None


class _KnownPath:
    """Finds the operation that the request itself names, whatever the URL."""

    def __init__(self, spec: SchemaPath, base_url: str | None = None) -> None:  # noqa: ARG002
        self._spec = spec

    def find(self, method: str, name: str) -> PathOperationServer:
        path = self._spec / "paths" / name
        return PathOperationServer(path, path / method, None, _NO_VARIABLES, None)


class Contract:
    """The checks of one description. Building it takes a while; keep one a description."""

    def __init__(self, description: Description) -> None:
        self._description = description

    def prepare(self) -> None:
        """Check the description itself. Raises DocumentError where it breaks OpenAPI's rules.

        A shipped description is not checked again: a test of this package does that.
        """
        if not self._description.is_shipped:
            check_description(self._description, self._spec)

    @cached_property
    def _spec(self) -> SchemaPath:
        return SchemaPath.from_dict(
            self._description.source.data,
            base_uri=self._description.source.uri,
            handlers=RefusingHandlers(),
        )

    @cached_property
    def _request_validators(self) -> tuple[Any, ...]:
        kinds = _REQUEST[self._description.minor]
        return tuple(kind(self._spec, path_finder_cls=_KnownPath) for kind in kinds)  # type: ignore[arg-type]

    @cached_property
    def _response_validators(self) -> tuple[Any, ...]:
        kinds = _RESPONSE[self._description.minor]
        return tuple(kind(self._spec, path_finder_cls=_KnownPath) for kind in kinds)  # type: ignore[arg-type]

    def check_request(
        self, operation: Operation, request: Request, path_texts: Mapping[str, str]
    ) -> tuple[Violation, ...]:
        """Every violation of a request: security, parameters, body."""
        outgoing = _adapt_request(operation, request, path_texts)
        found: list[Violation] = []
        for validator in self._request_validators:
            for error in _collect(validator.iter_errors(outgoing)):
                found.extend(self._read_request_error(error, operation, request))
        return tuple(dict.fromkeys(found))

    def check_response(
        self, operation: Operation, request: Request, response: Response
    ) -> tuple[Violation, ...]:
        """Every violation of a response: status, content type, headers, body."""
        strict = _check_json_text(response)
        if strict is not None:
            return (strict,)
        outgoing = _adapt_request(operation, request, {})
        incoming = _adapt_response(response)
        found: list[Violation] = []
        for validator in self._response_validators:
            for error in _collect(validator.iter_errors(outgoing, incoming)):
                found.extend(self._read_response_error(error, operation, response))
        return tuple(dict.fromkeys(found))

    def _read_request_error(
        self, error: Exception, operation: Operation, request: Request
    ) -> Iterator[Violation]:
        cause = error.__cause__
        if isinstance(cause, SecurityNotFound):
            yield from self._read_security_error(operation)
        elif isinstance(error, ParameterValidationError):
            part = f"{error.location} parameter {error.name}"
            yield from self._read_value_error(error, "request", part)
        elif isinstance(error, MissingRequestBodyError):
            yield Violation(check="request", path="body", rule="missing")
        elif isinstance(cause, MediaTypeNotFound):
            yield _wrong_type("request", cause, media_type_of(request.headers))
        else:
            at = (*operation.pointer, "requestBody")
            media_type = media_type_of(request.headers) or ""
            yield from self._read_body_error(error, "request", at, media_type)

    def _read_response_error(
        self, error: Exception, operation: Operation, response: Response
    ) -> Iterator[Violation]:
        cause = error.__cause__
        if isinstance(error, ResponseNotFound):
            known = ", ".join(map(str, self._documented(operation)))
            rule = f"{response.status} is not documented for {operation.label} (it has {known})"
            origin = self._origin((*operation.pointer, "responses"))
            yield Violation(check="status", path="status", rule=rule, origin=origin)
        elif isinstance(error, MissingData):
            yield Violation(check="response-schema", path="body", rule="missing")
        elif isinstance(error, MissingRequiredHeader):
            path = f"header {error.name}"
            yield Violation(check="response-schema", path=path, rule="missing")
        elif isinstance(error, HeaderValidationError):
            yield from self._read_value_error(error, "response-schema", f"header {error.name}")
        elif isinstance(cause, MediaTypeNotFound):
            yield _wrong_type("content-type", cause, media_type_of(response.headers))
        else:
            at = (*operation.pointer, "responses", self._status_key(operation, response.status))
            media_type = media_type_of(response.headers) or ""
            yield from self._read_body_error(error, "response-schema", at, media_type)

    def _read_security_error(self, operation: Operation) -> Iterator[Violation]:
        data = self._description.source.data
        own = self._description.at(tuple(map(str, operation.pointer)))
        assert own is not None
        item = self._description.resolve(data["paths"][operation.path], ("paths", operation.path))
        required = item[operation.method.lower()].get("security", data.get("security", []))
        schemes = data.get("components", {}).get("securitySchemes", {})
        for requirement in required:
            for name in requirement:
                scheme = schemes.get(name, {})
                part = f"{scheme.get('in', 'header')} {scheme.get('name', 'Authorization')}"
                rule = f"missing; security scheme {name} asks for it"
                yield Violation(check="request", path=part, rule=rule)

    def _read_value_error(
        self, error: Exception, check: CheckName, part: str
    ) -> Iterator[Violation]:
        cause = error.__cause__
        if isinstance(cause, InvalidSchemaValue):
            yield from read_schema_errors(_schema_errors(cause), check, prefix=part)
        elif isinstance(cause, EmptyQueryParameterValue):
            yield Violation(check=check, path=part, rule="empty")
        elif cause is None:
            yield Violation(check=check, path=part, rule="missing")
        else:
            yield Violation(check=check, path=part, rule=str(cause))

    def _read_body_error(
        self, error: Exception, check: CheckName, at: tuple[str | int, ...], media_type: str
    ) -> Iterator[Violation]:
        cause = error.__cause__
        if isinstance(cause, InvalidSchemaValue):
            if is_xml_type(media_type):
                return  # a JSON Schema says nothing of elements and attributes
            schema_at = locate_schema(self._description.source, at, media_type)
            yield from read_schema_errors(
                _schema_errors(cause),
                check,
                source=self._description.source,
                schema_at=schema_at,
            )
        elif isinstance(cause, CastError | DeserializeError):
            yield Violation(
                check=check, path="$", rule=f"the body is no {media_type or 'content'}"
            )
        else:
            yield Violation(check=check, path="$", rule=str(cause or error))

    def _documented(self, operation: Operation) -> tuple[str, ...]:
        responses = self._spec / "paths" / operation.path / operation.method.lower() / "responses"
        return tuple(str(key) for key in responses.str_keys())

    def _status_key(self, operation: Operation, status: int) -> str:
        known = self._documented(operation)
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx"):
            if key in known:
                return key
        return "default"

    def _origin(self, pointer: tuple[str | int, ...]) -> str:
        source = self._description.source
        return f"{source.name}:{source.locate(pointer, key=True).line}"


def _collect(errors: Iterator[Exception]) -> list[Exception]:
    with warnings.catch_warnings():
        # A deprecated parameter is no violation, and no news to whoever wrote the description.
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(errors)


def _schema_errors(cause: InvalidSchemaValue) -> tuple[Any, ...]:
    return tuple(cause.schema_errors)


def _check_json_text(response: Response) -> Violation | None:
    """The violation of a body that claims to be JSON and is none; Python's reader takes NaN."""
    media_type = media_type_of(response.headers)
    if not response.body or not is_json_type(media_type):
        return None
    try:
        load_json(response.body)
    except NotJsonError as error:
        return Violation(check="response-schema", path="$", rule=f"the body is no JSON: {error}")
    return None


def _wrong_type(check: CheckName, cause: MediaTypeNotFound, found: str | None) -> Violation:
    due = " or ".join(cause.availableMimetypes)
    shown = found or "no content type"
    return Violation(check=check, path="header Content-Type", rule=f"{shown}; {due} is due")


def _adapt_request(
    operation: Operation, request: Request, path_texts: Mapping[str, str]
) -> _Request:
    parameters = RequestParameters(
        query=ImmutableMultiDict(read_query(operation, request)),
        header=Headers(list(request.headers)),
        cookie=ImmutableMultiDict(read_cookies(request)),
        path=read_path(operation, path_texts),
    )
    return _Request(
        host_url="",
        path=operation.path,
        path_pattern=operation.path,
        method=operation.method.lower(),
        parameters=parameters,
        content_type=(find_header(request.headers, "content-type") or "").lower(),
        body=request.body,
    )


def _adapt_response(response: Response) -> _Response:
    return _Response(
        status_code=response.status,
        headers=Headers(list(response.headers)),
        content_type=(find_header(response.headers, "content-type") or "").lower(),
        data=response.body or None,
    )
