"""What an `operationPath` says: a source description, and a JSON Pointer into it."""

from __future__ import annotations

from pytest_amberflo.arazzo.errors import ExpressionSyntaxError
from pytest_amberflo.arazzo.expression import SourceRef
from pytest_amberflo.arazzo.grammar import Within, parse_expression, read_expression


def split_path(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The source's name and the reference tokens of an operationPath, or None."""
    try:
        if text.startswith("{"):
            expression, end = read_expression(text, 1, Within.BRACES)
            if text[end : end + 2] != "}#":
                return None
            pointer = text[end + 2 :]
        else:
            expression = parse_expression(text)
            if not isinstance(expression, SourceRef):
                return None
            field, _, pointer = expression.reference.partition("#")
            expression = SourceRef(expression.source, field)
    except ExpressionSyntaxError:
        return None
    if not isinstance(expression, SourceRef) or expression.reference != "url":
        return None
    if not pointer.startswith("/"):
        return None
    tokens = pointer[1:].split("/")
    return expression.source, tuple(t.replace("~1", "/").replace("~0", "~") for t in tokens)
