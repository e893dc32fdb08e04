"""Simple conditions: how they are read, and what is said of those that cannot be."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import bounded_stack, effort

from pytest_amberflo.arazzo.condition import (
    Comparison,
    Condition,
    Conjunction,
    Constant,
    Disjunction,
    Negation,
    Operand,
    find_operands,
    holds,
)
from pytest_amberflo.arazzo.condition_grammar import parse_condition
from pytest_amberflo.arazzo.errors import ExpressionSyntaxError
from pytest_amberflo.arazzo.expression import InputRef, MessagePart, Plain, StepRef
from pytest_amberflo.arazzo.scope import Scope

A, B, C = Constant(value=1), Constant(value=2), Constant(value=3)
STATUS = Operand("$statusCode", Plain("statusCode"))


def refuse(text: str) -> ExpressionSyntaxError:
    """The error of a text that is no condition."""
    with pytest.raises(ExpressionSyntaxError) as refusal:
        parse_condition(text)
    return refusal.value


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("1 || 2 && 3", Disjunction((A, Conjunction((B, C))))),
        ("1 && 2 || 3", Disjunction((Conjunction((A, B)), C))),
        ("(1 || 2) && 3", Conjunction((Disjunction((A, B)), C))),
        ("1 || 2 || 3", Disjunction((A, B, C))),
        ("1 && 2 && 3", Conjunction((A, B, C))),
        ("(1 && 2) && 3", Conjunction((Conjunction((A, B)), C))),
        ("1 == 2 && 3", Conjunction((Comparison("==", A, B), C))),
        ("1 || 2 != 3", Disjunction((A, Comparison("!=", B, C)))),
        ("1 == (2 && 3)", Comparison("==", A, Conjunction((B, C)))),
        ("!1 == 2", Comparison("==", Negation(A), B)),
        ("1 == !2", Comparison("==", A, Negation(B))),
        ("!(1 == 2)", Negation(Comparison("==", A, B))),
        ("!1 && 2", Conjunction((Negation(A), B))),
        ("! 1", Negation(A)),
        ("!!1", Negation(Negation(A))),
        ("!!!1", Negation(A)),
        ("((1))", A),
        ("( 1 )", A),
        ("\t1\n==\n2 ", Comparison("==", A, B)),
    ],
)
def test_or_binds_weakest_then_and_then_comparisons_then_not(
    text: str, condition: Condition
) -> None:
    """Operators bind as in most languages; parentheses and braces group."""
    assert parse_condition(text) == condition


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("spaces", ["", " ", "  "])
def test_every_comparison_is_read_with_or_without_spaces(operator: str, spaces: str) -> None:
    """An operator ends the expression before it, also without a space."""
    text = f"$statusCode{spaces}{operator}{spaces}1"
    assert parse_condition(text) == Comparison(operator, STATUS, A)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("0", 0),
        ("-7", -7),
        ("1.5", 1.5),
        ("-0.5e2", -50.0),
        ("2E2", 200.0),
        (str(10**30), 10**30),
        ("''", ""),
        ("'a b'", "a b"),
        ("'it''s'", "it's"),
        ("''''", "'"),
        ("'''a'''", "'a'"),
        ("'\"'", '"'),
        ("'$inputs.a'", "$inputs.a"),
        ("'a && b'", "a && b"),
        ("'\\n'", "\\n"),
    ],
)
def test_literals_are_read(text: str, value: object) -> None:
    """Booleans, null, JSON numbers, and strings in which a quote is doubled."""
    condition = parse_condition(text)
    assert condition == Constant(value)
    assert type(condition.value) is type(value)


BODY = MessagePart("response", "body")


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("$response.body.id", Operand("$response.body.id", BODY, ("id",))),
        ("$response.body.a.b-c_d", Operand("$response.body.a.b-c_d", BODY, ("a", "b-c_d"))),
        ("$response.body[0][12]", Operand("$response.body[0][12]", BODY, ("0", "12"))),
        ("$response.body[ 0 ].x", Operand("$response.body[ 0 ].x", BODY, ("0", "x"))),
        ("$response.body['a b']", Operand("$response.body['a b']", BODY, ("a b",))),
        ("$response.body['it''s'].x", Operand("$response.body['it''s'].x", BODY, ("it's", "x"))),
        ("$response.body.éa", Operand("$response.body.éa", BODY, ("éa",))),
        ("$inputs.a.b[0]", Operand("$inputs.a.b[0]", InputRef("a.b"), ("0",))),
        ("$inputs.a['b'].c", Operand("$inputs.a['b'].c", InputRef("a"), ("b", "c"))),
        ("$steps.s.outputs.o[1]", Operand("$steps.s.outputs.o[1]", StepRef("s", "o"), ("1",))),
        ("$statusCode", STATUS),
    ],
)
def test_members_and_indexes_are_taken_from_an_expression(text: str, operand: Operand) -> None:
    """Dots and brackets lead on from a value; the operand keeps its text for reports."""
    assert parse_condition(text) == operand


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("$response.body#/a", ("a",)),
        ("$response.body#/a == 1", ("a",)),
        ("$response.body#/a==1", ("a",)),
        ("$response.body#/a!=1", ("a",)),
        ("$response.body#/a<1", ("a",)),
        ("$response.body#/a&&true", ("a",)),
        ("$response.body#/a||true", ("a",)),
        ("($response.body#/a)", ("a",)),
        ("!($response.body#/a/0)", ("a", "0")),
        ("{$response.body#/a}", ("a",)),
        ("$response.body#/a=b", ("a=b",)),
        ("$response.body#/a|b&c!d", ("a|b&c!d",)),
        ("$response.body#/it's", ("it's",)),
    ],
)
def test_a_pointer_ends_at_a_space_a_parenthesis_or_an_operator(
    text: str, tokens: tuple[str, ...]
) -> None:
    """Single signs that are no operator belong to the pointer."""
    operand = next(find_operands(parse_condition(text)))
    assert operand.expression == MessagePart("response", "body", None, tokens)
    assert operand.path == ()


@pytest.mark.parametrize(
    "text", ["{$statusCode} == 1", "{ $statusCode == 1 }", "{{$statusCode}} == 1"]
)
def test_braces_around_an_expression_group(text: str) -> None:
    """Writers put expressions in braces in conditions, too."""
    assert parse_condition(text) == Comparison("==", STATUS, A)


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("", 0, "a value"),
        ("   ", 3, "a value"),
        ("()", 1, "a value"),
        ("(1", 2, "`)`"),
        ("{1", 2, "`}`"),
        ("(1}", 2, "`)`"),
        ("1)", 1, "an operator or the end"),
        ("1 2", 2, "an operator or the end"),
        ("1 ==", 4, "a value"),
        ("== 1", 0, "a value"),
        ("1 && ", 5, "a value"),
        ("|| 1", 0, "a value"),
        ("1 & 2", 2, "an operator or the end"),
        ("1 | 2", 2, "an operator or the end"),
        ("1 and 2", 2, "an operator or the end"),
        ("1 == 2 == 3", 7, "an operator or the end"),
        ("1 < 2 < 3", 6, "an operator or the end"),
        ("1 <> 2", 3, "a value"),
        ("1 ! 2", 2, "an operator or the end"),
        ("$statusCode = 200", 12, "an operator (equality is `==`)"),
        ("$statusCode=200", 11, "an operator (equality is `==`)"),
        ("$statusCode === 200", 14, "a value (equality is `==`)"),
        ('$statusCode == "200"', 15, "a value (strings stand in single quotes)"),
        ("$statusCode == OK", 15, "a value"),
        ("'never closed", 0, "a closing single quote for the string"),
        ("1 == 'it''s", 5, "a closing single quote for the string"),
        ("01", 0, "a number (strings stand in single quotes)"),
        ("1a", 0, "a number (strings stand in single quotes)"),
        ("1-2", 0, "a number (strings stand in single quotes)"),
        ("2024-01-01", 0, "a number (strings stand in single quotes)"),
        ("1.", 1, "an operator or the end"),
        (".5", 0, "a value"),
        ("+1", 0, "a value"),
        ("True", 0, "a value"),
        ("nullable", 0, "a value"),
        ("true_", 0, "a value"),
        ("$nothing == 1", 0, "a runtime expression"),
        ("$inputs. == 1", 8, "an input's name"),
        ("$response.body.", 15, "a member's name"),
        ("$response.body. a", 15, "a member's name"),
        ("$response.body[", 15, "an index from 0, or a name in single quotes"),
        ("$response.body[-1]", 15, "an index from 0, or a name in single quotes"),
        ("$response.body[a]", 15, "an index from 0, or a name in single quotes"),
        ("$response.body[*]", 15, "an index from 0, or a name in single quotes"),
        ("$response.body[0", 16, "`]`"),
        ("$response.body['a'", 18, "`]`"),
        ("$response.body['a]", 15, "a closing single quote for the string"),
        ("$statusCode == 200;", 18, "an operator or the end"),
        ("__import__('os')", 0, "a value"),
    ],
)
def test_mistakes_are_explained_where_they_are(text: str, offset: int, expected: str) -> None:
    """The offset is that of the first character that cannot stand where it does."""
    error = refuse(text)
    assert (error.offset, error.expected) == (offset, expected)


def test_a_mistyped_source_is_answered_with_the_right_one() -> None:
    """A condition's error names the nearest source, as that of an expression does."""
    assert str(refuse("$statuscode == 200")).endswith("; did you mean `$statusCode`?")


@pytest.mark.parametrize("unit", ["(", "{", "!("])
def test_nesting_is_bounded(unit: str) -> None:
    """Parentheses are bounded, so that no condition exhausts the stack."""
    closing = "}" if unit == "{" else ")"
    assert parse_condition(unit * 40 + "1" + closing * 40)
    assert refuse(unit * 100_000).expected == "at most 50 levels of nesting"


def test_many_signs_of_negation_are_read() -> None:
    """Negations need no stack: only whether their number is even matters."""
    assert parse_condition("!" * 100_001 + "1") == Negation(A)
    assert parse_condition("!" * 100_000 + "1") == Negation(Negation(A))


@pytest.mark.parametrize("operator", ["&&", "||"])
def test_a_chain_of_many_parts_is_evaluated_or_refused(operator: str) -> None:
    """A condition that is long, but not deep, does not exhaust the stack."""
    result = "true" if operator == "&&" else "false"
    with bounded_stack(), suppress(ExpressionSyntaxError):
        condition = parse_condition(f" {operator} ".join([result] * 3000))
        assert holds(condition, Scope(inputs={})) is (operator == "&&")


def test_a_number_of_too_many_digits_is_refused() -> None:
    """A literal that Python will not read is a syntax error."""
    refuse("1" * 5000)


@pytest.mark.parametrize("text", ["$response.body[٣]", "$response.body[²]"])
def test_an_index_is_of_ascii_digits(text: str) -> None:
    """An index that no pointer could have is refused."""
    refuse(text)


def test_operands_are_found_from_left_to_right() -> None:
    """Every expression of a condition is found once for each time it stands there."""
    condition = parse_condition("!($url == 'a') || $method != $statusCode && ($url)")
    assert [operand.text for operand in find_operands(condition)] == [
        "$url",
        "$method",
        "$statusCode",
        "$url",
    ]


PIECES = (
    *"()!{}[]'\"$#/.,=<>&| 1a-\\",
    "==",
    "!=",
    "<=",
    "&&",
    "||",
    "$statusCode",
    "$inputs.a",
    "$response.body",
    "true",
    "null",
    "''",
    "1e9",
    "é",
)


@effort(120)
@given(st.text(max_size=30) | st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_any_text_is_a_condition_or_a_syntax_error(text: str) -> None:
    """Nothing but the parser's own error comes out of it, with a place inside the text."""
    error: ExpressionSyntaxError | None = None
    try:
        parse_condition(text)
    except ExpressionSyntaxError as refusal:
        error = refusal
    assert error is None or 0 <= error.offset <= len(text)
    assert error is None or error.expected in str(error)


_CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.builds(Constant, st.sampled_from([True, False, None, 1, 2.5, "a", "it's", ""]))
    | st.just(STATUS),
    lambda inner: (
        st.builds(Negation, inner)
        | st.builds(Conjunction, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Disjunction, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Comparison, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner, inner)
    ),
    max_leaves=8,
)


def write(condition: Condition) -> str:
    """The condition as text, everything inside it in parentheses."""
    match condition:
        case Constant(value):
            if isinstance(value, str):
                return "'" + value.replace("'", "''") + "'"
            return json.dumps(value)
        case Operand(text):
            return text
        case Negation(inner):
            return f"!({write(inner)})"
        case Comparison(operator, left, right):
            return f"({write(left)}) {operator} ({write(right)})"
        case Conjunction(parts):
            return "&&".join(f"({write(part)})" for part in parts)
        case Disjunction(parts):
            return "||".join(f"({write(part)})" for part in parts)


@effort(120)
@given(_CONDITIONS)
def test_any_condition_reads_back(condition: Condition) -> None:
    """A condition written out with parentheses is read as what it was written from."""
    assert parse_condition(write(condition)) == condition
