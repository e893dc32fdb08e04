"""Simple conditions: whether they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_amberflo.arazzo.condition import Comparison, Constant, holds, to_number
from pytest_amberflo.arazzo.condition_grammar import parse_condition
from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.scope import Scope, receive
from pytest_amberflo.http.exchange import Response

BODY = {
    "id": 7,
    "name": "Ada",
    "count": "12",
    "none": None,
    "yes": True,
    "no": False,
    "zero": 0,
    "empty": "",
    "list": [10, 20, {"deep": "X"}],
    "nothing": [],
    "object": {},
    "a b": 3,
    "it's": 4,
    "x.y": 5,
    "0": "zero",
}
SCOPE = Scope(
    inputs={"name": "Bob", "order": {"id": 7, "lines": [1, 2]}, "a.b": 3, "none": None},
    declared_inputs=frozenset({"name", "order", "a.b", "none", "absent"}),
    steps={"send": {"out": {"k": [1]}, "x.y": 2}},
    step_ids=frozenset({"send", "later"}),
    response=receive(
        Response(
            status=200,
            headers=(("Content-Type", "application/json"), ("X-Rate", "5"), ("x-rate", "6")),
            body=json.dumps(BODY).encode(),
        )
    ),
)


def does_hold(text: str, scope: Scope = SCOPE) -> bool:
    """Whether a condition holds."""
    return holds(parse_condition(text), scope)


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("$statusCode == 200", True),
        ("$statusCode == '200'", True),
        ("$statusCode == 2e2", True),
        ("$statusCode != 200", False),
        ("$statusCode >= 200 && $statusCode < 300", True),
        ("$response.body.name == 'ada'", True),
        ("'STRASSE' == 'straße'", True),
        ("'a' == 'b'", False),
        ("'a' != 'A'", False),
        ("'a ' == 'a'", False),
        ("1 == 1.0", True),
        ("$response.body.count == 12", True),
        ("12 == $response.body.count", True),
        ("10 == '10.0'", True),
        ("1 == ' 1 '", True),
        ("0 == ''", False),
        ("1 == 'x'", False),
        ("'10' == '10.0'", False),
        ("true == 'TRUE'", True),
        ("'false' == false", True),
        ("'1' == true", False),
        ("1 == true", False),
        ("0 == false", False),
        ("true == true", True),
        ("true == false", False),
    ],
)
def test_equality_is_loose_and_ignores_case(condition: str, result: bool) -> None:  # noqa: FBT001
    """Letters' case never matters; text that spells a number or boolean equals it."""
    assert does_hold(condition) is result


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("null == null", True),
        ("null != null", False),
        ("null == false", False),
        ("null == 0", False),
        ("null == ''", False),
        ("null == 'null'", False),
        ("null != 1", True),
        ("$response.body.name != null", True),
        ("$response.body.none == null", True),
        ("$response.body.none != null", False),
        ("null < 1", False),
        ("null >= null", False),
        ("1 > null", False),
        ("null <= 1", False),
    ],
)
def test_null_equals_only_itself_and_has_no_order(condition: str, result: bool) -> None:  # noqa: FBT001
    """Null differs from everything else and is neither more nor less than anything."""
    assert does_hold(condition) is result


@pytest.mark.parametrize(
    "expression",
    [
        "$response.body.nowhere",
        "$response.body.id.deeper",
        "$response.body.name[0]",
        "$response.body.list[99]",
        "$response.body#/nowhere",
        "$response.header.X-Nothing",
        "$inputs.absent",
        "$inputs.absent.deeper",
        "$inputs.order.nowhere",
        "$steps.later.outputs.id",
        "$steps.send.outputs.nothing",
    ],
)
def test_what_is_not_there_is_null(expression: str) -> None:
    """A missing member, header, input or output is null, and does not hold by itself."""
    assert does_hold(f"{expression} == null")
    assert not does_hold(f"{expression} != null")
    assert not does_hold(expression)
    assert does_hold(f"!{expression}")


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("1 < 2", True),
        ("2 < 1", False),
        ("2 <= 2", True),
        ("2 < 2", False),
        ("2.5 > 2", True),
        ("2 >= 2.5", False),
        ("-1 < 0", True),
        ("$response.body.count > 9", True),
        ("'10' > '9'", True),
        ("'10' > 9", True),
        ("'abc' < 'ABD'", True),
        ("'b' > 'A'", True),
        ("'a' <= 'A'", True),
        ("'10' < 'a'", True),
    ],
)
def test_numbers_and_text_have_an_order(condition: str, result: bool) -> None:  # noqa: FBT001
    """Text that spells numbers is ordered as numbers, other text without regard to case."""
    assert does_hold(condition) is result


@pytest.mark.parametrize(
    ("condition", "kinds"),
    [
        ("true > false", "a boolean and a boolean"),
        ("'a' < 1", "a string and an integer"),
        ("$response.body.object < 1.5", "an object and a number"),
        ("1 < $response.body.list", "an integer and an array"),
    ],
)
def test_what_has_no_order_is_an_error(condition: str, kinds: str) -> None:
    """A comparison that makes no sense is not silently false."""
    with pytest.raises(EvaluationError) as error:
        does_hold(condition)
    assert error.value.reason == f"{kinds} have no order"


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$response.body.yes", True),
        ("$response.body.no", False),
        ("$response.body.none", False),
        ("$response.body.zero", False),
        ("$response.body.id", True),
        ("$response.body.empty", False),
        ("$response.body.name", True),
        ("$response.body.nothing", True),
        ("$response.body.object", True),
        ("true", True),
        ("false", False),
        ("null", False),
    ],
)
def test_a_value_alone_holds_unless_it_says_no(expression: str, result: bool) -> None:  # noqa: FBT001
    """False, null, zero and empty text do not hold; every list and object does."""
    assert does_hold(expression) is result
    assert does_hold(f"!{expression}") is not result


@pytest.mark.parametrize(
    "condition",
    [
        "$response.body.list[1] == 20",
        "$response.body.list[2].deep == 'x'",
        "$response.body['a b'] == 3",
        "$response.body['it''s'] == 4",
        "$response.body['x.y'] == 5",
        "$response.body[0] == 'zero'",
        "$response.body#/list/2/deep == 'x'",
        "$response.header.x-RATE == '5, 6'",
        "$inputs.name == 'bob'",
        "$inputs.order.id == 7",
        "$inputs.order.lines[1] == 2",
        "$inputs.order['id'] == 7",
        "$inputs.order#/id == 7",
        "$inputs.a.b == 3",
        "$steps.send.outputs.out.k[0] == 1",
        "$steps.send.outputs.out#/k/0 == 1",
        "$steps.send.outputs.x.y == 2",
    ],
)
def test_members_are_reached_by_dots_brackets_and_pointers(condition: str) -> None:
    """A dotted name is tried as a whole first, then as a name and its members."""
    assert does_hold(condition)


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ({"a": "X", "b": [1]}, {"b": [1.0], "a": "x"}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, "a"], [1, "A"], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 2], False),
        ({}, [], False),
        ([True], [1], False),
        ({"a": None}, {"a": None}, True),
    ],
)
def test_structures_are_equal_by_their_parts(left: Any, right: Any, result: bool) -> None:  # noqa: FBT001
    """Lists and objects are compared element by element, under the same loose rules."""
    assert holds(Comparison("==", Constant(left), Constant(right)), SCOPE) is result
    assert holds(Comparison("!=", Constant(left), Constant(right)), SCOPE) is not result


def test_what_decides_already_spares_the_rest() -> None:
    """`&&` and `||` look at their right side only where it matters."""
    assert not does_hold("false && 'a' < 1")
    assert does_hold("true || 'a' < 1")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$url", "there is no request"),
        ("$request.header.Accept", "there is no request"),
        ("$self", "the document has no `$self`"),
        ("$message.payload", "only AsyncAPI steps have messages"),
        ("$components.parameters.x", "a component is referred to, it has no value"),
    ],
)
def test_what_can_have_no_value_is_an_error(expression: str, reason: str) -> None:
    """There is a difference between what is missing and what makes no sense."""
    with pytest.raises(EvaluationError) as error:
        does_hold(f"{expression} == null")
    assert error.value.reason == reason


def test_a_status_code_without_a_response_is_an_error() -> None:
    """Where no response came there is no status to compare."""
    with pytest.raises(EvaluationError, match="there is no response"):
        does_hold("$statusCode == 200", replace(SCOPE, response=None))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        (1.5, 1.5),
        ("7", 7),
        (" -2 ", -2),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("01", None),
        ("1_0", None),
        ("0x1", None),
        ("٣", None),
        ("nan", None),
        ("", None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_text_is_a_number_where_json_would_say_so(value: object, number: object) -> None:
    """Only what is a JSON number, spaces around it apart, is one."""
    assert to_number(value) == number


def test_text_of_too_many_digits_is_no_number() -> None:
    """A response cannot stop a run with a text that Python will not read as a number."""
    scope = replace(SCOPE, inputs={"name": "9" * 5000})
    assert not does_hold("$inputs.name == 1", scope)
