"""Runtime expressions: every one reads back, and no text breaks the parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort

from pytest_amberflo.arazzo.condition_grammar import parse_operand
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
from pytest_amberflo.arazzo.selector import parse_pointer
from pytest_amberflo.arazzo.template import (
    Literal,
    compile_embedded,
    compile_template,
    find_expressions,
    find_syntax_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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
    if within is not Within.CONDITION:  # 1.0 lets names be of any characters
        dotted |= st.text(st.characters(codec="utf-8", exclude_characters="#{}"), min_size=1)
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


TEXTS = st.text(max_size=20) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize(
    "read", [parse_expression, parse_operand, compile_template, compile_embedded, parse_pointer]
)
def test_every_reader_raises_nothing_but_syntax_errors(read: Callable[[str], Any]) -> None:
    """The place of a mistake is inside the text, whichever reader finds it."""

    @effort(60)
    @given(TEXTS)
    def check(text: str) -> None:
        refusal: ExpressionSyntaxError | None = None
        try:
            read(text)
        except ExpressionSyntaxError as error:
            refusal = error
        assert refusal is None or 0 <= refusal.offset <= len(refusal.text)
        assert refusal is None or str(refusal)

    check()


@effort(100)
@given(
    st.recursive(
        TEXTS | st.none() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["a", "context", "selector", "type"]), inner, max_size=3
            )
        ),
        max_leaves=5,
    )
)
def test_any_value_is_a_template_or_has_syntax_errors(value: Any) -> None:
    """A value either compiles or has a mistake that can be found; without `$` it is literal."""
    errors = list(find_syntax_errors(value, selectors=True))
    if errors:
        with pytest.raises(ExpressionSyntaxError):
            compile_template(value, selectors=True)
        return
    template = compile_template(value, selectors=True)
    if not list(find_expressions(template)):
        assert template == Literal(value)
