"""Values with runtime expressions in them: what they become, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError
from pytest_amberflo.arazzo.expression import InputRef, Plain
from pytest_amberflo.arazzo.scope import ABSENT, Scope, receive
from pytest_amberflo.arazzo.template import (
    Interpolation,
    ListTemplate,
    Literal,
    MapTemplate,
    Reference,
    compile_template,
    find_expressions,
    find_syntax_errors,
    render,
    to_text,
)
from pytest_amberflo.http.exchange import Response

INPUTS: dict[str, Any] = {
    "text": "abc",
    "int": 7,
    "big": 10**40,
    "float": 1.5,
    "whole": 2.0,
    "yes": True,
    "null": None,
    "list": [1, "x", None],
    "object": {"a": {"b": [1, 2]}},
    "quote": 'say "hi"',
    "unicode": "é\N{PACKAGE}",
    "empty": "",
    "like": "$inputs.text",
    "braced": "{$inputs.text}",
    "dotted.name": "whole",
}
SCOPE = Scope(
    inputs=INPUTS,
    declared_inputs=frozenset({*INPUTS, "absent"}),
    response=receive(
        Response(status=200, headers=(("Content-Type", "application/xml"),), body=b"<a>1</a>")
    ),
)


def fill(value: Any) -> Any:
    """What a value of a document becomes."""
    return render(compile_template(value), SCOPE)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_a_string_that_is_an_expression_keeps_the_type_of_its_value(name: str) -> None:
    """An expression alone yields the very value, wherever it stands."""
    assert fill(f"$inputs.{name}") is INPUTS[name]
    assert fill({"a": [f"$inputs.{name}"]})["a"][0] is INPUTS[name]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{$inputs.text}", "abc"),
        ("x-{$inputs.text}-y", "x-abc-y"),
        ("{$inputs.text}{$inputs.int}", "abc7"),
        ("{$inputs.big}", str(10**40)),
        ("{$inputs.float}", "1.5"),
        ("{$inputs.whole}", "2.0"),
        ("{$inputs.yes}", "true"),
        ("{$inputs.null}", "null"),
        ("{$inputs.list}", '[1,"x",null]'),
        ("{$inputs.object}", '{"a":{"b":[1,2]}}'),
        ("{$inputs.object#/a/b/1}", "2"),
        ("{$inputs.unicode}", "é\N{PACKAGE}"),
        ("[{$inputs.empty}]", "[]"),
        ("{$inputs.dotted.name}", "whole"),
        ("{$response.body}", "<a>1</a>"),
        ("{{$inputs.int}}", "{7}"),
        ("{}{$inputs.int}{}", "{}7{}"),
        ("$ {$inputs.int} $inputs.int", "$ 7 $inputs.int"),
        ("\\{$inputs.int}", "\\7"),
        ("a\n{$inputs.int}\n", "a\n7\n"),
    ],
)
def test_an_expression_in_braces_becomes_text(text: str, result: str) -> None:
    """Inside a string scalars print as in JSON, strings as they are, structures as JSON."""
    assert fill(text) == result


def test_an_absent_input_is_left_out_of_objects_and_lists() -> None:
    """An optional input that nobody gave leaves no trace, never null."""
    value = {
        "a": "$inputs.absent",
        "b": 1,
        "c": ["$inputs.absent", 2, {"d": "$inputs.absent", "e": 3}],
        "f": {"g": "$inputs.absent"},
    }
    assert fill(value) == {"b": 1, "c": [2, {"e": 3}], "f": {}}
    assert fill("$inputs.absent") is ABSENT
    assert fill("$inputs.absent#/deep") is ABSENT


def test_a_null_input_is_not_left_out() -> None:
    """Null was given; it stays."""
    assert fill({"a": "$inputs.null", "b": ["$inputs.null"]}) == {"a": None, "b": [None]}


@pytest.mark.parametrize(
    "text", ["{$inputs.absent}", "x{$inputs.absent}", "{$inputs.int}{$inputs.absent}"]
)
def test_an_absent_input_inside_text_is_an_error(text: str) -> None:
    """A text cannot leave out a part of itself."""
    with pytest.raises(EvaluationError) as error:
        fill({"a": text})
    assert str(error.value) == (
        "`$inputs.absent`: the input is not given, and a text around it cannot leave it out"
    )


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("$inputs.like", "$inputs.text"),
        ("$inputs.braced", "{$inputs.text}"),
        ("<{$inputs.like}>", "<$inputs.text>"),
        ("<{$inputs.braced}>", "<{$inputs.text}>"),
        (["$inputs.like", "{$inputs.braced}"], ["$inputs.text", "{$inputs.text}"]),
    ],
)
def test_a_value_that_looks_like_an_expression_is_not_evaluated_again(
    value: Any, result: Any
) -> None:
    """What comes out of an expression is data."""
    assert fill(value) == result


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$",
        "$$",
        "$5.00",
        "$ 5",
        "US$",
        "$USD",
        "$ref",
        "$foo.bar",
        "$env.HOME",
        "${inputs.text}",
        "${{ inputs.text }}",
        "a $inputs.text",
        " $inputs.text",
        "$url/path",
        "{inputs.text}",
        "{ $inputs.text }",
        "{",
        "{}",
        "{x}",
        '{"$set": {"a": 1}}',
        "#/$defs/a",
    ],
)
def test_other_dollars_and_braces_are_text(text: str) -> None:
    """What neither starts like an expression nor has one in braces is sent as it stands."""
    assert compile_template(text) == Literal(text)
    assert fill({"a": text}) == {"a": text}


def test_names_of_members_are_never_expressions() -> None:
    """Only values are evaluated, so `$ref` and `$inputs.x` are names like any other."""
    assert fill({"$inputs.text": "$inputs.int", "$ref": 1}) == {"$inputs.text": 7, "$ref": 1}


@pytest.mark.parametrize("value", [None, True, 1, 1.5, [], {}, [1, {"a": None}]])
def test_values_without_strings_stay_what_they_are(value: Any) -> None:
    """A value without expressions is one literal."""
    assert compile_template(value) == Literal(value)
    assert repr(fill(value)) == repr(value)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("$inputs", 7),
        ("$inputs.", 8),
        ("$inputs#/a", 7),
        ("$inputs.text{x}", 12),
        ("$inputs.text {$inputs.int}", 13),
        ("$response.body.id", 14),
        ("$steps.send.id", 14),
        ("$input.text", 0),
        ("$Inputs.text", 0),
        ("$statuscode.x", 0),
        ("$workflow.flow.outputs.id", 0),
        ("{$inputs.text", 13),
        ("{$inputs.}", 9),
        ("{$input.text}", 1),
        ("{$nothing}", 1),
        ("{$}", 1),
        ("{$ inputs.text}", 1),
        ("ok {$inputs.int} {$inputs.", 26),
        ("{$url.x}", 5),
    ],
)
def test_what_must_be_an_expression_and_is_none_is_refused(text: str, offset: int) -> None:
    """A text that would be sent as a constant by mistake is refused where the mistake is."""
    with pytest.raises(ExpressionSyntaxError) as refusal:
        compile_template([text])
    assert refusal.value.offset == offset
    assert refusal.value.text == text


@pytest.mark.parametrize("text", ["$statusCode.x", "$method.x", "$self.x"])
def test_a_member_of_a_value_without_members_is_refused(text: str) -> None:
    """A source that has no members, followed by one, is no constant."""
    with pytest.raises(ExpressionSyntaxError):
        compile_template(text)


def test_every_syntax_error_of_a_value_is_found_with_its_place() -> None:
    """One mistake does not hide the next."""
    value = {"a": "$inputs.", "b": ["fine", {"c": "{$x}"}], "d": "$inputs.text"}
    found = [(pointer, error.text) for pointer, error in find_syntax_errors(value)]
    assert found == [(("a",), "$inputs."), (("b", 1, "c"), "{$x}")]


def test_every_expression_of_a_template_is_found_with_its_place() -> None:
    """Expressions are listed in the order of the document, those inside texts too."""
    value = {"a": "$inputs.int", "b": [1, "{$url}-{$inputs.text}", {"c": "$inputs.list"}]}
    assert list(find_expressions(compile_template(value))) == [
        (("a",), InputRef("int")),
        (("b", 1), Plain("url")),
        (("b", 1), InputRef("text")),
        (("b", 2, "c"), InputRef("list")),
    ]


def test_templates_are_compiled_no_further_than_needed() -> None:
    """Only the parts of a value that hold expressions are templates."""
    template = compile_template({"a": [1, 2], "b": ["$inputs.int", {"c": 1}], "d": "x{$url}"})
    assert template == MapTemplate(
        (
            ("a", Literal([1, 2])),
            ("b", ListTemplate((Reference(InputRef("int")), Literal({"c": 1})))),
            ("d", Interpolation(("x", Plain("url")))),
        )
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (b"bytes \xff", "bytes \N{REPLACEMENT CHARACTER}"),
        (1e20, "1e+20"),
        (False, "false"),
        (["é"], '["é"]'),
    ],
)
def test_any_value_has_a_text(value: Any, text: str) -> None:
    """Text stays, bytes are taken as UTF-8, everything else is JSON."""
    assert to_text(value) == text


@effort(120)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_value_passes_through_an_expression_unchanged(value: Any) -> None:
    """An input of any type arrives as itself, and inside text as JSON that reads back."""
    scope = Scope(inputs={"v": value})
    assert render(compile_template({"a": ["$inputs.v"]}), scope) == {"a": [value]}
    text = render(compile_template("{$inputs.v}"), scope)
    assert text == value if isinstance(value, str) else json.loads(text) == value
