"""Requests and responses against their description. The only importer of openapi_core.

openapi-core finds an operation by URL and insists on the description's servers; here the
operation is known and the target is elsewhere, so it is handed to it directly, as an extract of
the description. How texts become values and which schemas they keep is decided here.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from jsonschema_path import SchemaPath
from msgspec import Struct
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.styles.exceptions import EmptyQueryParameterValue
from openapi_core.exceptions import OpenAPIError
from openapi_core.security.exceptions import SecurityProviderError
from openapi_core.templating.paths.datatypes import PathOperationServer
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
    MissingRequiredRequestBody,
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
from openapi_core.validation.response.exceptions import HeaderValidationError
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.openapi.body import find_status, judge_body, refuse_type
from pytest_amberflo.openapi.credentials import is_given, list_missing
from pytest_amberflo.openapi.dialect import find_errors
from pytest_amberflo.openapi.payload import choose_media_type
from pytest_amberflo.openapi.readable import PLACE, make_readable
from pytest_amberflo.openapi.reading import (
    NO_VALUE,
    Payload,
    ReaderFactory,
    Unread,
    contents_of,
    read_content_type,
)
from pytest_amberflo.openapi.rulebook import RefusingHandlers, Rulebook
from pytest_amberflo.openapi.shape import Readings
from pytest_amberflo.openapi.violation import CheckName, Violation, read_schema_errors
from pytest_amberflo.openapi.wire import read_fields, read_headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.http.exchange import Request, Response
    from pytest_amberflo.openapi.description import Description
    from pytest_amberflo.openapi.extract import Extract
    from pytest_amberflo.openapi.wire import Fields

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


class _NotJudgedError(OpenAPIError):
    """A text or body cannot be read or judged; the message says why."""


class _Request(Struct):
    """A request as openapi-core wants to see it."""

    parameters: RequestParameters
    content_type: str
    body: Payload | None
    host_url: str = ""
    path: str = "/"
    method: str = "operation"


class _Response(Struct):
    """A response as openapi-core wants to see it."""

    status_code: int
    headers: Fields
    content_type: str
    data: Payload | None


class _PathResult(Struct, frozen=True):
    """What a URL gives for the variables of a path; the request brings them itself."""

    variables: Mapping[str, str]


class _OneOperation:
    """Finds the operation of a readable description, whatever the URL."""

    def __init__(self, spec: SchemaPath, base_url: str | None = None) -> None:  # noqa: ARG002
        self._spec = spec

    def find(self, method: str, name: str) -> PathOperationServer:  # noqa: ARG002
        path = self._spec / PLACE[0] / PLACE[1]
        return PathOperationServer(path, path / PLACE[2], None, _PathResult({}), None)


class _Schemas(Struct, frozen=True):
    """Makes the judges of schemas; `document` is what their references mean."""

    document: Mapping[str, Any]
    minor: int
    is_sent: bool

    def create(self, spec: Any, schema: SchemaPath, **_: Any) -> _SchemaJudge:  # noqa: ARG002
        return _SchemaJudge(self, contents_of(schema))

    def find_errors(self, schema: Any, value: Any) -> tuple[Any, ...]:
        try:
            return find_errors(
                schema, value, minor=self.minor, is_sent=self.is_sent, document=self.document
            )
        except RecursionError:
            raise _NotJudgedError("nested too deeply to be judged") from None
        except EvaluationError as error:
            raise _NotJudgedError(f"cannot be judged: the pattern {error}") from None


class _SchemaJudge(Struct, frozen=True):
    schemas: _Schemas
    schema: Any

    def validate(self, value: Any) -> None:
        """Raise an error where no reading of the value keeps the schema."""
        if isinstance(value, Unread):
            raise _NotJudgedError(value.reason)
        values = value.values if isinstance(value, Readings) else (value,)
        first: tuple[Any, ...] = ()
        for reading in values if value is not NO_VALUE else ():
            errors = self.schemas.find_errors(self.schema, reading)
            if not errors:
                return
            first = first or errors
        if first:
            raise InvalidSchemaValue(values[0], "any", schema_errors=first)


class _Guards:
    """Makes the checks of security schemes."""

    def create(self, scheme: SchemaPath) -> Any:
        data = contents_of(scheme)

        def check(parameters: RequestParameters) -> None:
            if not is_given(data, parameters):
                raise SecurityProviderError("missing")

        return check


class _OperationContract:
    """The checks of one operation."""

    def __init__(self, description: Description, operation: Operation) -> None:
        minor = description.minor
        self.operation = operation
        self.extract: Extract = description.extract(operation)
        self.data = make_readable(self.extract, minor)
        spec = SchemaPath.from_dict(self.data, handlers=RefusingHandlers())
        readers = ReaderFactory(self.data)

        def build(kind: Any, *, is_sent: bool, **more: Any) -> Any:
            return kind(
                spec,
                path_finder_cls=_OneOperation,
                schema_validators_factory=_Schemas(self.data, minor, is_sent=is_sent),
                style_deserializers_factory=readers,
                media_type_deserializers_factory=readers,
                **more,
            )

        self.request_validators = [
            build(kind, is_sent=True, security_provider_factory=_Guards())
            for kind in _REQUEST[minor]
        ]
        self.response_validators = [build(kind, is_sent=False) for kind in _RESPONSE[minor]]

    @property
    def readable(self) -> dict[str, Any]:
        """The operation in its readable form."""
        found: dict[str, Any] = self.data["paths"]["/"]["operation"]
        return found


class Contract:
    """The checks of one description; those of an operation are built when it is used."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._rulebook = Rulebook(description)
        self._operations: dict[tuple[str | int, ...], _OperationContract] = {}

    def prepare(self, operations: Iterable[Operation] | None = None) -> None:
        """Check the description itself, as far as these operations use it; all if None.

        Raises DocumentError where it breaks OpenAPI's rules. A shipped description is not checked
        again: a test of this package does that.
        """
        if self._description.is_shipped:
            return
        self._rulebook.check_root()
        used = list(self._description.list_operations() if operations is None else operations)
        for operation in used:
            self._rulebook.check(operation, self._of(operation).extract)
        self._rulebook.conclude(used)

    def _of(self, operation: Operation) -> _OperationContract:
        if operation.pointer not in self._operations:
            checks = _OperationContract(self._description, operation)
            self._operations[operation.pointer] = checks
        return self._operations[operation.pointer]

    def check_request(
        self, operation: Operation, request: Request, path_texts: Mapping[str, str]
    ) -> tuple[Violation, ...]:
        """Every violation of a request: security, parameters, body."""
        checks = self._of(operation)
        outgoing = _Request(_adapt_parameters(checks, request, path_texts), "", None)
        found: list[Violation] = []
        validators = checks.request_validators
        body = checks.readable.get("requestBody")
        if request.body and isinstance(body, dict):
            content = body.get("content", {})
            content_type = read_content_type(request.headers)
            outgoing.body = Payload(request.body, content_type)
            outgoing.content_type = choose_media_type(content, content_type) or ""
            if not outgoing.content_type:
                found.append(refuse_type("request", content_type, content))
                validators = validators[:-1]
        errors = _collect(validator.iter_errors(outgoing) for validator in validators)
        read = [v for e in errors for v in _read_error(e, "request", checks, outgoing)]
        return tuple(dict.fromkeys([*read, *found]))

    def check_response(
        self, operation: Operation, request: Request, response: Response
    ) -> tuple[Violation, ...]:
        """Every violation of a response: status, content type, headers, body."""
        checks = self._of(operation)
        documented = checks.readable["responses"]
        key = find_status(documented, response.status)
        if key is None:
            label, names = operation.label, ", ".join(documented) or "none"
            rule = f"{response.status} is not documented for {label} (it has {names})"
            origin = checks.extract.origin_of(checks.extract.operation.get("responses"))
            place = str(origin) if origin is not None else None
            return (Violation(check="status", path="status", rule=rule, origin=place),)
        content = documented[key].get("content")
        found, media_type = judge_body(operation.method, response, content)
        incoming = _Response(response.status, read_headers(response.headers), "", None)
        validators = checks.response_validators
        if media_type is None:
            validators = validators[1:]
        else:
            incoming.content_type = media_type
            incoming.data = Payload(response.body, read_content_type(response.headers))
        outgoing = _Request(_adapt_parameters(checks, request, {}), "", None)
        errors = _collect(validator.iter_errors(outgoing, incoming) for validator in validators)
        read = [v for e in errors for v in _read_error(e, "response-schema", checks, outgoing)]
        return tuple(dict.fromkeys([*found, *read]))


def _adapt_parameters(
    checks: _OperationContract, request: Request, path_texts: Mapping[str, str]
) -> RequestParameters:
    fields = read_fields(request, path_texts, checks.operation.parameters)
    fields["query"].may_be_empty = frozenset(
        parameter["name"]
        for parameter in checks.readable["parameters"]
        if parameter.get("allowEmptyValue") is True
    )
    return RequestParameters(
        query=fields["query"],
        header=fields["header"],
        cookie=fields["cookie"],
        path=fields["path"],
    )


def _collect(runs: Iterable[Iterator[Exception]]) -> list[Exception]:
    with warnings.catch_warnings():
        # What the library thinks of a description is no news to whoever wrote it.
        warnings.simplefilter("ignore")
        return [error for errors in runs for error in errors]


def _read_error(
    error: Exception, check: CheckName, checks: _OperationContract, outgoing: _Request
) -> Iterator[Violation]:
    cause = error.__cause__
    part = ""
    if isinstance(error, ParameterValidationError):
        part = f"{error.location} parameter {error.name}"
    elif isinstance(error, HeaderValidationError):
        part = f"header {error.name}"
    if isinstance(cause, SecurityNotFound):
        required = checks.readable["security"]
        schemes = checks.extract.components["securitySchemes"]
        for place, name in list_missing(required, schemes, outgoing.parameters):
            rule = f"missing; security scheme {name} asks for it"
            yield Violation(check=check, path=place, rule=rule)
    elif isinstance(cause, InvalidSchemaValue):
        errors: Any = tuple(cause.schema_errors)
        yield from read_schema_errors(errors, check, prefix=part, extract=checks.extract)
    elif isinstance(error, MissingRequestBodyError):
        if isinstance(error, MissingRequiredRequestBody):
            yield Violation(check=check, path="body", rule="missing")
    elif isinstance(cause, EmptyQueryParameterValue):
        yield Violation(check=check, path=part, rule="empty")
    else:
        rule = "missing" if cause is None and part else str(cause or error)
        yield Violation(check=check, path=part or "$", rule=rule)
