"""Criteria: whether they passed, what is shown of those that did not, and that nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_amberflo.arazzo.condition import holds
from pytest_amberflo.arazzo.condition_grammar import parse_condition
from pytest_amberflo.arazzo.criteria import judge_criteria
from pytest_amberflo.arazzo.model import Criterion, Place
from pytest_amberflo.arazzo.scope import Scope, receive
from pytest_amberflo.http.exchange import Response

if TYPE_CHECKING:
    from pathlib import Path

SCOPE = Scope(
    inputs={"name": "Bob"},
    response=receive(
        Response(
            status=200, headers=(("Content-Type", "application/json"),), body=b'{"list": [10]}'
        )
    ),
)


def judge(text: str) -> tuple[bool, dict[str, object], str | None]:
    """The result of a criterion: whether it passed, its operands' values, its error."""
    place = Place(())
    criterion = Criterion(
        condition=text,
        type="simple",
        version="",
        context=None,
        parsed=parse_condition(text),
        template=None,
        place=place,
    )
    (result,) = judge_criteria([criterion], SCOPE)
    return result.passed, {o.text: o.error or o.value for o in result.operands}, result.error


def test_a_failed_criterion_shows_its_operands() -> None:
    """Each expression of a failed condition is reported once, with its value."""
    assert judge("$statusCode == 201 && $inputs.name == 'x' || $statusCode < 0") == (
        False,
        {"$statusCode": 200, "$inputs.name": "Bob"},
        None,
    )


def test_a_criterion_that_holds_shows_nothing() -> None:
    """Operands are of interest only where something failed."""
    assert judge("$statusCode == 200") == (True, {}, None)


def test_an_error_fails_the_criterion_and_is_told() -> None:
    """A condition that cannot be evaluated counts as failed, also under a negation."""
    error = "`<, <=, >, >=`: an array and an integer have no order"
    operands = {"$response.body.list": [10]}
    assert judge("$response.body.list < 1") == (False, operands, error)
    assert judge("!($response.body.list < 1)") == (False, operands, error)


def test_an_operand_without_a_value_says_why() -> None:
    """The reason stands where the value would."""
    passed, operands, error = judge("$url == 'x'")
    assert not passed
    assert operands == {"$url": "there is no request"}
    assert error == "`$url`: there is no request"


@pytest.mark.parametrize(
    "evil",
    [
        "__import__('os').system('touch MARKER')",
        "open('MARKER', 'w')",
        "exec(\"open('MARKER', 'w')\")",
        "$(touch MARKER)",
        "`touch MARKER`",
        "'; touch MARKER; '",
        "${{open('MARKER', 'w')}}",
        "{$inputs.name.__class__}",
    ],
)
def test_values_and_literals_are_compared_and_never_executed(tmp_path: Path, evil: str) -> None:
    """Whatever a value or a literal spells, evaluating a condition runs nothing."""
    text = evil.replace("MARKER", str(tmp_path / "executed"))
    scope = Scope(inputs={"evil": text})
    literal = "'" + text.replace("'", "''") + "'"
    assert holds(parse_condition(f"$inputs.evil == {literal}"), scope)
    assert holds(parse_condition("$inputs.evil"), scope)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("member", ["__class__", "keys", "__len__", "real", "lower"])
def test_members_are_those_of_json_and_not_of_python(member: str) -> None:
    """A dot never reaches into the objects that hold the values."""
    scope = Scope(inputs={"value": {"a": 1}, "text": "x", "number": 1})
    for name in ("value", "text", "number"):
        assert holds(parse_condition(f"$inputs.{name}.{member} == null"), scope)
