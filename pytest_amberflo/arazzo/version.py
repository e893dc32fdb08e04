"""The version of the specification that a document says it is written in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.excerpt import Span
from pytest_amberflo.arazzo.scope import describe_type

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.source import Source

_VERSION: Final = re.compile(r"1\.([01])\.[0-9]+(?:-.+)?\Z")


def read_version(source: Source) -> int:
    """The minor version of an Arazzo document. Raises DocumentError for any other document."""
    data = source.data
    if not isinstance(data, dict) or "arazzo" not in data:
        found = "it has no `arazzo`" if isinstance(data, dict) else f"it is {describe_type(data)}"
        span = source.locate(())
        first_line = Span(line=span.line, column=1, end_line=span.line, end_column=2)
        problem = Problem(
            span=first_line,
            message=f"not an Arazzo document: {found}",
            hint="An Arazzo document starts with a version: `arazzo: 1.0.1`",
        )
        raise DocumentError(source.name, source.text, [problem])
    version = data["arazzo"]
    match = _VERSION.match(version) if isinstance(version, str) else None
    if match:
        return int(match.group(1))
    if isinstance(version, str):
        message = f"Arazzo `{version}` is not supported; 1.0.x and 1.1.x are"
        hint = "A version has three numbers: `1.0.1`" if re.match(r"1\.[01]\Z", version) else None
    else:
        message = f"`arazzo` is {describe_type(version)}; a version such as `1.0.1` is due"
        hint = None
    span = source.locate(("arazzo",))
    raise DocumentError(source.name, source.text, [Problem(span=span, message=message, hint=hint)])
