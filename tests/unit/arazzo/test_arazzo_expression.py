"""Runtime expressions: every source and form, and what is said of those that do not parse."""

from __future__ import annotations

import pytest

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
from pytest_amberflo.arazzo.grammar import (
    Within,
    is_expression,
    leading_word,
    parse_expression,
    read_expression,
)


def refuse(text: str) -> ExpressionSyntaxError:
    """The error of a text that is no expression."""
    with pytest.raises(ExpressionSyntaxError) as refusal:
        parse_expression(text)
    return refusal.value


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("$url", Plain("url")),
        ("$method", Plain("method")),
        ("$statusCode", Plain("statusCode")),
        ("$self", Plain("self")),
        ("$request.header.Accept", MessagePart("request", "header", "Accept")),
        ("$request.query.page", MessagePart("request", "query", "page")),
        ("$request.path.parcelId", MessagePart("request", "path", "parcelId")),
        ("$request.body", MessagePart("request", "body")),
        ("$request.body#/to/name", MessagePart("request", "body", None, ("to", "name"))),
        ("$response.header.X-Rate", MessagePart("response", "header", "X-Rate")),
        ("$response.body", MessagePart("response", "body")),
        ("$response.body#/0/id", MessagePart("response", "body", None, ("0", "id"))),
        ("$message.header.id", MessagePart("message", "header", "id")),
        ("$message.payload", MessagePart("message", "payload")),
        ("$message.payload#/a", MessagePart("message", "payload", None, ("a",))),
        ("$inputs.name", InputRef("name")),
        ("$inputs.parcel.name", InputRef("parcel.name")),
        ("$inputs.parcel#/name", InputRef("parcel", ("name",))),
        ("$outputs.id", OutputRef("id")),
        ("$outputs.list#/0", OutputRef("list", ("0",))),
        ("$steps.send.outputs.id", StepRef("send", "id")),
        ("$steps.send-2.outputs.a.b", StepRef("send-2", "a.b")),
        ("$steps.send.outputs.it#/id", StepRef("send", "it", ("id",))),
        ("$steps.send.outputs.outputs.x", StepRef("send", "outputs.x")),
        ("$workflows.flow.inputs.name", WorkflowRef("flow", "inputs", "name")),
        ("$workflows.flow.outputs.it#/id", WorkflowRef("flow", "outputs", "it", ("id",))),
        ("$sourceDescriptions.parcels.url", SourceRef("parcels", "url")),
        ("$sourceDescriptions.parcels.send.it", SourceRef("parcels", "send.it")),
        ("$sourceDescriptions.parcels./a#b c", SourceRef("parcels", "/a#b c")),
        ("$components.parameters.page", ComponentRef("parameters", "page")),
        ("$components.successActions.a.b", ComponentRef("successActions", "a.b")),
        ("$components.failureActions.again", ComponentRef("failureActions", "again")),
        ("$components.inputs.common", ComponentRef("inputs", "common")),
    ],
)
def test_every_source_is_read_and_prints_as_it_stood(text: str, expression: Expression) -> None:
    """Each form of the grammar gives its own value, which prints back to the text."""
    assert parse_expression(text) == expression
    assert str(expression) == text


@pytest.mark.parametrize(
    ("pointer", "tokens"),
    [
        ("#", ()),
        ("#/", ("",)),
        ("#//", ("", "")),
        ("#/a/", ("a", "")),
        ("#/a~1b", ("a/b",)),
        ("#/a~0b", ("a~b",)),
        ("#/~01", ("~1",)),
        ("#/~10", ("/0",)),
        ("#/a b", ("a b",)),
        ('#/"a"', ('"a"',)),
        ("#/#", ("#",)),
        ("#/é/\N{PACKAGE}", ("é", "\N{PACKAGE}")),
        ("#/a.b/c[0]", ("a.b", "c[0]")),
    ],
)
def test_pointers_are_read_with_their_escapes(pointer: str, tokens: tuple[str, ...]) -> None:
    """Tokens end at a slash; `~1` is a slash and `~0` a tilde, unescaped once."""
    expression = parse_expression(f"$response.body{pointer}")
    assert expression == MessagePart("response", "body", None, tokens)
    assert str(expression) == f"$response.body{pointer}"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("a b", "a b"),
        ("filter[size]", "filter[size]"),
        ('\\"', '"'),
        ("\\\\", "\\"),
        ("a\\/b", "a/b"),
        ("\\b\\f\\n\\r\\t", "\b\f\n\r\t"),
        ("\\u007bx\\u007D", "{x}"),
        ("\\u00e9", "é"),
    ],
)
def test_names_of_query_values_have_the_escapes_of_json(name: str, meant: str) -> None:
    """A name of any characters is written like the inside of a JSON string."""
    assert parse_expression(f"$request.query.{name}") == MessagePart("request", "query", meant)


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    """As in JSON strings, two escapes may stand for one character beyond 16 bits."""
    expression = parse_expression("$request.query.\\ud83d\\udce6")
    # A report that holds half a character cannot leave a worker of xdist.
    assert ascii(expression) == ascii(MessagePart("request", "query", "\N{PACKAGE}"))


def test_a_header_name_may_hold_any_token_character() -> None:
    """Header names are tokens of HTTP."""
    name = "X-1!#$%&'*+.^_`|~"
    expression = parse_expression(f"$request.header.{name}")
    assert expression == MessagePart("request", "header", name)


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("", 0, "`$`"),
        ("url", 0, "`$`"),
        (" $url", 0, "`$`"),
        ("$", 0, "a runtime expression"),
        ("$ url", 0, "a runtime expression"),
        ("$nothing", 0, "a runtime expression"),
        ("$url ", 4, "the end"),
        ("$statusCode#/a", 11, "the end"),
        ("$inputs", 7, "`.` and a name after `$inputs`"),
        ("$inputs.", 8, "an input's name"),
        ("$inputs.#/a", 8, "an input's name"),
        ("$inputs.a#b", 10, "a JSON Pointer that starts with `/`"),
        ("$inputs.a#/b~2", 13, "`~0` or `~1`"),
        ("$inputs.a#/b~", 13, "`~0` or `~1`"),
        ("$outputs.", 9, "an output's name"),
        (
            "$request.x",
            9,
            "`header` or `query` or `path` or `body` or `payload`",
        ),
        ("$request.header", 15, "`.` and the name of a header value"),
        ("$request.header.", 16, "a header's name"),
        ("$request.header.a b", 17, "the end"),
        ("$request.query.", 15, "a query name"),
        ("$request.query.\\x", 16, "an escape as in JSON strings"),
        ("$request.query.\\u12g4", 16, "an escape as in JSON strings"),
        ("$request.query.\\", 16, "an escape as in JSON strings"),
        ("$steps.", 7, "a stepId"),
        ("$steps..outputs.a", 7, "a stepId"),
        ("$steps.send", 11, "`.outputs.` and an output's name"),
        ("$steps.send.output.id", 21, "`.outputs.` and an output's name"),
        ("$steps.send.outputs.", 20, "an output's name"),
        ("$workflows.flow", 15, "`.inputs.` or `.outputs.` and a name"),
        ("$workflows.flow.steps.a", 16, "`inputs` or `outputs`"),
        ("$workflows.flow.inputs", 22, "`.` and a name"),
        ("$workflows.flow.inputs.", 23, "a name of the inputs"),
        ("$sourceDescriptions.a", 21, "`.` and an operationId, workflowId or field"),
        ("$sourceDescriptions.a.", 22, "an operationId, workflowId or field"),
        ("$components.schemas.a", 12, "a kind of component"),
        ("$components.parameters", 22, "`.` and a component's name"),
        ("$components.parameters.", 23, "a component's name"),
        ("$components.parameters.a#/b", 24, "the end"),
    ],
)
def test_errors_say_where_reading_stopped_and_what_was_due(
    text: str, offset: int, expected: str
) -> None:
    """The offset is that of the first character that cannot stand where it does."""
    error = refuse(text)
    assert (error.offset, error.expected) == (offset, expected)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("$input.name", "$inputs"),
        ("$Inputs.name", "$inputs"),
        ("$output.id", "$outputs"),
        ("$statuscode", "$statusCode"),
        ("$status_code", "$statusCode"),
        ("$respons.body", "$response"),
        ("$step.send.outputs.id", "$steps"),
        ("$workflow.flow.inputs.a", "$workflows"),
        ("$sourceDescription.a.b", "$sourceDescriptions"),
        ("$component.parameters.a", "$components"),
        ("$response.headers.ETag", "header"),
        ("$response.Body", "body"),
        ("$request.params.id", None),
        ("$workflows.flow.output.id", "outputs"),
        ("$components.parameter.page", "parameters"),
        ("$components.failureaction.again", "failureActions"),
    ],
)
def test_errors_name_the_nearest_right_word(text: str, near: str | None) -> None:
    """A word that was nearly right is followed by the right one."""
    _, question, suggestion = str(refuse(text)).partition("; did you mean ")
    assert (suggestion.strip("`?") or None) == near
    assert bool(question) == (near is not None)


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("$response.body.id", "$response.body#/id"),
        ("$response.body.items[0].id", "$response.body#/items/0/id"),
        ("$response.body[0]", "$response.body#/0"),
        ("$request.body.to", "$request.body#/to"),
    ],
)
def test_dots_into_a_body_are_answered_with_the_pointer(text: str, pointer: str) -> None:
    """Outside conditions a body is entered by a pointer, which is spelled out."""
    assert f"(a value inside is reached by a pointer: `{pointer}`)" in str(refuse(text))


def test_messages_quote_the_text_and_count_from_one() -> None:
    """The message names the whole text, the place by its character and what stands there."""
    assert str(refuse("$steps.send.output")) == (
        "`$steps.send.output` does not parse: `.outputs.` and an output's name is due at the end"
    )
    assert str(refuse("$inputs.a#b")) == (
        "`$inputs.a#b` does not parse: a JSON Pointer that starts with `/` is due at "
        "character 11, before `b`"
    )


@pytest.mark.parametrize(
    ("text", "within", "expression", "end"),
    [
        ("x{$inputs.a}y", Within.BRACES, InputRef("a"), 11),
        ("x{$inputs.a#/b c}", Within.BRACES, InputRef("a", ("b c",)), 16),
        ("x{$url}", Within.BRACES, Plain("url"), 6),
        ("x{$request.query.a.b}", Within.BRACES, MessagePart("request", "query", "a.b"), 20),
        ("($inputs.a) ", Within.CONDITION, InputRef("a"), 10),
        (" $inputs.a == 1", Within.CONDITION, InputRef("a"), 10),
        (" $inputs.a==1", Within.CONDITION, InputRef("a"), 10),
        (" $inputs.a&&x", Within.CONDITION, InputRef("a"), 10),
        (" $inputs.a<1", Within.CONDITION, InputRef("a"), 10),
        (" $inputs.a[0]", Within.CONDITION, InputRef("a"), 10),
        (" $inputs.a#/b)", Within.CONDITION, InputRef("a", ("b",)), 13),
        (" $response.body.a", Within.CONDITION, MessagePart("response", "body"), 15),
        (" $statusCode.a", Within.CONDITION, Plain("statusCode"), 12),
    ],
)
def test_an_expression_ends_where_its_surroundings_begin(
    text: str, within: Within, expression: Expression, end: int
) -> None:
    """Braces end an expression in a text; spaces, operators and parentheses one in a condition."""
    assert read_expression(text, 1 if text[1] == "$" else 2, within) == (expression, end)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("$url", True),
        ("$inputs", True),
        ("$inputs.", True),
        ("$inputs.a", True),
        ("$inputs#a", True),
        ("$inputsx", False),
        ("$urls", False),
        ("$url/x", False),
        ("$5", False),
        ("$", False),
        ("", False),
        ("inputs.a", False),
        (" $url", False),
    ],
)
def test_a_text_is_told_from_an_expression_by_its_first_word(text: str, starts: bool) -> None:  # noqa: FBT001
    """What starts with a source, and goes on as one, must be an expression."""
    assert is_expression(text) is starts


@pytest.mark.parametrize(
    ("text", "word"), [("$url", "url"), ("$a1", "a"), ("$1", None), ("a", None), ("$", None)]
)
def test_the_leading_word_is_letters_after_a_dollar(text: str, word: str | None) -> None:
    """Digits and other signs end the word."""
    assert leading_word(text) == word
