"""Runtime expressions: every one reads back, and no text breaks the parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort

from pytest_amberflo.arazzo.errors import ExpressionSyntaxError
from pytest_amberflo.arazzo.expression import (
    ComponentRef,
    Expression,
    InputRef,
    MessagePart,
    OutputRef,
    Plain,
    SourceRef,
    StepRef,
    WorkflowRef,
)
from pytest_amberflo.arazzo.grammar import Within, parse_expression, read_expression


def _expressions(within: Within) -> st.SearchStrategy[Expression]:
    """Every expression that the grammar can write in these surroundings."""
    spaces = {"exclude_categories": ("Zs", "Zl", "Zp", "Cc", "Cs")}
    if within is Within.TEXT:
        free = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
        tokens = free | st.just("")
    elif within is Within.BRACES:
        free = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
        tokens = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=6)
    else:
        safe = st.characters(codec="utf-8", exclude_characters="(){}<>=!&|", **spaces)  # type: ignore[arg-type]
        free = st.text(safe, min_size=1, max_size=6)
        tokens = st.text(safe, max_size=6)
    dotted = st.from_regex(r"[A-Za-z0-9_.\-]{1,6}", fullmatch=True)
    strict = st.from_regex(r"[A-Za-z0-9_\-]{1,6}", fullmatch=True)
    header = st.from_regex(r"[A-Za-z0-9#$%'*+\-.^_`~]{1,6}", fullmatch=True)
    pointer = st.none() | st.lists(tokens, max_size=3).map(tuple)
    sides = st.sampled_from(["request", "response", "message"])
    return st.one_of(
        st.builds(Plain, st.sampled_from(["url", "method", "statusCode", "self"])),
        st.builds(MessagePart, sides, st.just("header"), header),
        st.builds(MessagePart, sides, st.sampled_from(["query", "path"]), free),
        st.builds(MessagePart, sides, st.sampled_from(["body", "payload"]), st.none(), pointer),
        st.builds(InputRef, dotted, pointer),
        st.builds(OutputRef, dotted, pointer),
        st.builds(StepRef, strict, dotted, pointer),
        st.builds(WorkflowRef, strict, st.sampled_from(["inputs", "outputs"]), dotted, pointer),
        st.builds(SourceRef, strict, free),
        st.builds(
            ComponentRef,
            st.sampled_from(["parameters", "successActions", "failureActions", "inputs"]),
            dotted,
        ),
    )


@effort(150)
@given(_expressions(Within.TEXT))
def test_any_expression_prints_and_reads_back(expression: Expression) -> None:
    """A text that is one expression is what it was printed from."""
    assert parse_expression(str(expression)) == expression


@effort(150)
@given(_expressions(Within.BRACES), st.text(max_size=3))
def test_any_expression_in_braces_reads_back(expression: Expression, after: str) -> None:
    """Between braces an expression ends with the closing one, whatever follows."""
    text = f"{{{expression}}}{after}"
    assert read_expression(text, 1, Within.BRACES) == (expression, len(str(expression)) + 1)


@effort(150)
@given(
    _expressions(Within.CONDITION),
    st.sampled_from(["", " == 1", ")", "==1", "!=1", "<1", "&&true", "||true", "\t", "}"]),
)
def test_any_expression_in_a_condition_reads_back(expression: Expression, after: str) -> None:
    """In a condition an expression ends at a space, an operator or a parenthesis."""
    text = f"({expression}{after}"
    assert read_expression(text, 1, Within.CONDITION) == (expression, len(str(expression)) + 1)


PIECES = (
    *"$.#/~{}[]()\\\"' =<>!&|-_a0",
    "$inputs.",
    "$steps.",
    ".outputs.",
    "$response.body",
    "$request.query.",
    "\\u00",
    "é",
    "\ud800",
)


@effort(150)
@given(st.text(max_size=20) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_an_expression_or_a_syntax_error(text: str) -> None:
    """Nothing but the parser's own error comes out of it, with a place inside the text."""
    for within in Within:
        expected, place = "$", -1
        try:
            expression, place = read_expression(text, 0, within)
            message = str(expression)
        except ExpressionSyntaxError as error:
            expected, place, message = error.expected, error.offset, str(error)
        assert 0 <= place <= len(text)
        assert expected in message
