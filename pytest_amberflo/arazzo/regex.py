"""Regular expressions of documents, with a limit on the time that they may take.

A pattern of a document can be made to take exponential time. `regex` is used because it can
stop a search; Python's `re` cannot. Patterns are Python's dialect; a pattern matches anywhere in
the text unless it is anchored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import regex

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError

_LIMIT_S: Final = 1.0
#: `(?R)`, `(?1)` and `(?&name)`: a pattern that calls itself takes memory faster than time.
_CALL: Final = regex.compile(r"(?<!\\)(?:\\\\)*\(\?(?:R|[0-9]+|&\w+|P>\w+)\)")


def check_pattern(pattern: str) -> None:
    """Raise ExpressionSyntaxError where a pattern does not parse."""
    try:
        _compile(pattern)
    except regex.error as error:
        offset = getattr(error, "pos", None) or 0
        expected = f"a regular expression ({error})"
        raise ExpressionSyntaxError(pattern, offset, expected) from None
    except RecursionError:
        expected = "a regular expression that is nested less deeply"
        raise ExpressionSyntaxError(pattern, 0, expected) from None


def search(pattern: str, text: str, *, whole: bool = False) -> bool:
    """Whether the pattern matches somewhere in the text, or with `whole` all of it.

    Raises EvaluationError for a pattern that does not parse or takes too long.
    """
    try:
        compiled = _compile(pattern)
        find = compiled.fullmatch if whole else compiled.search
        return find(text, timeout=_LIMIT_S) is not None
    except regex.error as error:
        raise EvaluationError(pattern, f"is no regular expression: {error}") from None
    except (MemoryError, RecursionError):
        raise EvaluationError(pattern, "is nested or repeated too deeply") from None
    except TimeoutError:
        reason = f"takes more than {_LIMIT_S:g} s on this text"
        raise EvaluationError(pattern, reason) from None


@lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    call = _CALL.search(pattern)
    if call is not None:
        raise regex.error("a pattern must not call itself", pattern, call.start())
    return regex.compile(pattern)
