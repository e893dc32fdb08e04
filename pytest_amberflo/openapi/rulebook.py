"""Descriptions against OpenAPI's own rules, and references that must not leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openapi_spec_validator import (
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
    OpenAPIV32SpecValidator,
)

from pytest_amberflo.arazzo.errors import DocumentError, Problem

if TYPE_CHECKING:
    from jsonschema_path import SchemaPath

    from pytest_amberflo.openapi.description import Description

_RULES: Final = {
    0: OpenAPIV30SpecValidator,
    1: OpenAPIV31SpecValidator,
    2: OpenAPIV32SpecValidator,
}
_LONGEST: Final = 200
_MOST: Final = 20


class ReferenceRefusedError(Exception):
    """A `$ref` leads out of the document."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri


class RefusingHandlers(dict[str, Any]):
    """Handlers of references that open nothing: a description is whole in itself.

    The library's own would fetch whatever a description names, from any host.
    """

    def __contains__(self, scheme: object) -> bool:
        """Whether a scheme has a handler: each has, and it refuses."""
        return True

    def __missing__(self, scheme: str) -> Any:
        """A handler that raises ReferenceRefusedError."""

        def refuse(uri: str) -> Any:
            raise ReferenceRefusedError(uri)

        return refuse


def check_description(description: Description, spec: SchemaPath) -> None:
    """Raise DocumentError with every way in which a description breaks OpenAPI's rules."""
    source = description.source
    problems: list[Problem] = []
    try:
        for error in _RULES[description.minor](spec).iter_errors():
            pointer = tuple(getattr(error, "absolute_path", ()))
            text = str(getattr(error, "message", error)).splitlines()[0][:_LONGEST]
            problem = Problem(span=source.locate(pointer), message=f"not valid OpenAPI: {text}")
            problems.append(problem)
            if len(problems) == _MOST:
                break
    except ReferenceRefusedError as error:
        message = f"`$ref` leads out of the document ({error.uri}): not supported"
        problems.append(Problem(span=None, message=message))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        # The validator walks what it has not yet found to be sound.
        problems.append(Problem(span=None, message=f"not valid OpenAPI: {error!r}"))
    if problems:
        raise DocumentError(source.name, source.text, problems)
