"""JSONPath: RFC 9535, and the dialect that came before it. The only importer of jsonpath."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from jsonpath import JSONPathEnvironment, JSONPathError
from jsonpath.function_extensions import ExpressionType, FilterFunction
from msgspec import Struct

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError
from pytest_amberflo.arazzo.regex import search

Dialect: TypeAlias = Literal["rfc9535", "draft-goessner-dispatch-jsonpath-00"]

RFC_9535: Final[Dialect] = "rfc9535"
GOESSNER: Final[Dialect] = "draft-goessner-dispatch-jsonpath-00"
DIALECTS: Final = (RFC_9535, GOESSNER)
#: `[(@.length-1)]`, the one script expression of the older dialect that everybody used.
_FROM_END: Final = re.compile(r"\[\(\s*@\.length\s*-\s*([0-9]+)\s*\)\]")
#: `@.tags.length` in a filter: the property that arrays and strings have in JavaScript.
_LENGTH: Final = re.compile(r"(@(?:\.\w+|\[[^\[\]]*\])*?)\.length\b(?!\s*[.\[(])")


class Found(Struct, frozen=True):
    """A node that a query found: its value, and the members and indexes that lead to it."""

    value: Any
    path: tuple[str | int, ...]


class _Search(FilterFunction):
    """`match` and `search` of RFC 9535, within a limit of time."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012  as its base has it
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole

    def __call__(self, value: Any, pattern: Any) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            return search(_dot_is_no_line_break(pattern), value, whole=self._whole)
        except EvaluationError as error:
            if "takes more than" in error.reason:
                raise
            return False  # a pattern that is none matches nothing (RFC 9535, 2.4.6)


def check_jsonpath(text: str, dialect: Dialect) -> None:
    """Raise ExpressionSyntaxError where a query does not parse."""
    try:
        _compile(text, dialect)
    except JSONPathError as error:
        raise _explain(text, error) from None
    except RecursionError:
        raise ExpressionSyntaxError(text, 0, "a JSONPath that is nested less deeply") from None
    except Exception as error:  # noqa: BLE001  the library lets through what its parts raise
        raise ExpressionSyntaxError(text, 0, f"JSONPath ({error})") from None


def query_jsonpath(text: str, value: Any, dialect: Dialect) -> list[Found]:
    """The nodes that a query finds in a value, in order. Raises EvaluationError."""
    try:
        nodes = _compile(text, dialect).finditer(value)
        return [Found(node.obj, tuple(node.parts)) for node in nodes]
    except JSONPathError as error:
        reason = str(_explain(text, error))
        raise EvaluationError(text, reason) from None
    except EvaluationError:
        raise
    except RecursionError:
        raise EvaluationError(text, "the query or the value is nested too deeply") from None
    except Exception as error:  # noqa: BLE001  the library lets through what its parts raise
        raise EvaluationError(text, str(error)) from None


@lru_cache(maxsize=512)
def _compile(text: str, dialect: Dialect) -> Any:
    if dialect == GOESSNER:
        rewritten = _LENGTH.sub(r"length(\1)", _FROM_END.sub(r"[-\1]", text))
        return _environment(dialect).compile(rewritten)
    return _environment(dialect).compile(text)


@lru_cache(maxsize=2)
def _environment(dialect: Dialect) -> JSONPathEnvironment:
    environment = JSONPathEnvironment(strict=dialect == RFC_9535)
    environment.function_extensions["match"] = _Search(whole=True)
    environment.function_extensions["search"] = _Search(whole=False)
    return environment


def _explain(text: str, error: JSONPathError) -> ExpressionSyntaxError:
    token = getattr(error, "token", None)
    offset = getattr(token, "index", 0) or 0
    # Its str() adds lines of its own, and fails where there is no text to quote.
    message = str(error.args[0]) if error.args else type(error).__name__
    return ExpressionSyntaxError(text, min(max(0, offset), len(text)), f"JSONPath ({message})")


def _dot_is_no_line_break(pattern: str) -> str:
    """The I-Regexp as a pattern of Python: there `.` leaves out CR as well as LF (RFC 9485)."""
    parts: list[str] = []
    in_class = escaped = False
    for char in pattern:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "[":
            in_class = True
        elif char == "]":
            in_class = False
        elif char == "." and not in_class:
            parts.append(r"[^\n\r]")
            continue
        parts.append(char)
    return "".join(parts)
