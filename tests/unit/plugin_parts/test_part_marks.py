"""pytest's marks as data: what is taken, and what would be run as code or break pytest."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_amberflo.marks import MarkError, MarkSpec, parse_mark

CODE = "__import__('os').abort()"


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("skip", MarkSpec(name="skip")),
        ({"skip": ["no time"]}, MarkSpec(name="skip", args=("no time",))),
        (
            {"skipif": {"condition": True, "reason": "r"}},
            MarkSpec(name="skipif", kwargs={"condition": True, "reason": "r"}),
        ),
        ("xfail", MarkSpec(name="xfail")),
        ({"xfail": {"run": False}}, MarkSpec(name="xfail", kwargs={"run": False})),
        ({"xfail": True}, MarkSpec(name="xfail", args=(True,))),
        (
            {"filterwarnings": ["error", "ignore:a.b:DeprecationWarning:x:7"]},
            MarkSpec(name="filterwarnings", args=("error", "ignore:a.b:DeprecationWarning:x:7")),
        ),
        ({"own": CODE}, MarkSpec(name="own", args=(CODE,))),
    ],
)
def test_marks_are_data(mark: Any, expected: MarkSpec) -> None:
    """A mark is kept as it is written; what an unknown one means is for whoever reads it."""
    assert parse_mark(mark) == expected


@pytest.mark.parametrize("name", ["skipif", "xfail"])
@pytest.mark.parametrize("given", [[CODE], {"condition": CODE, "reason": "r"}, [True, CODE]])
def test_a_condition_is_never_run(name: str, given: Any) -> None:
    """A document is no program: pytest evaluates a condition that is a text."""
    with pytest.raises(MarkError, match=f"^the condition of `{name}` is a text"):
        parse_mark({name: given})


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ({"skipif": CODE}, "the condition of `skipif` is a text"),
        ({"skipif": True}, "`skipif` needs a condition and a reason"),
        ({"skipif": {"reason": "r"}}, "`skipif` needs a condition and a reason"),
        ("skipif", "`skipif` needs a condition and a reason"),
        ({"skipif": {"condition": 1, "reason": "r"}}, "`skipif` takes condition (bool), reason"),
        ({"xfail": {"raises": "ValueError"}}, "`xfail` takes condition (bool), reason (str), "),
        ({"xfail": {"strict": "yes"}}, "`xfail` takes condition (bool), reason (str), "),
        ({"skip": 5}, "`skip` takes a reason: `skip: {reason: ...}`"),
        ({"skip": ["a", "b"]}, "`skip` takes a reason"),
        ({"skip": {"why": "a"}}, "`skip` takes a reason"),
        ("usefixtures", "`usefixtures` takes names of fixtures"),
        ({"usefixtures": 7}, "`usefixtures` takes names of fixtures"),
        ({"usefixtures": ["a b"]}, "`usefixtures` takes names of fixtures"),
        ({"usefixtures": {"name": "db"}}, "`usefixtures` takes names of fixtures"),
        ("filterwarnings", "`filterwarnings` takes filters"),
        ({"filterwarnings": "bogus"}, "`filterwarnings` takes filters"),
        ({"filterwarnings": "ignore::os.path"}, "`filterwarnings` takes filters"),
        ({"filterwarnings": "ignore::int"}, "`filterwarnings` takes filters"),
        ({"filterwarnings": "ignore:a:b:c:d:e"}, "`filterwarnings` takes filters"),
        ({"filterwarnings": "ignore::UserWarning:m:x"}, "`filterwarnings` takes filters"),
        ({"filterwarnings": 3}, "`filterwarnings` takes filters"),
        ({"parametrize": ["a", [1]]}, "`parametrize` is for functions; `rows` run a workflow"),
        ("_own", "`_own`: names of marks begin with a letter"),
    ],
)
def test_a_mark_that_would_break_the_item_is_refused(mark: Any, message: str) -> None:
    """What pytest would only find out at the item, or never, is said at collection."""
    with pytest.raises(MarkError) as caught:
        parse_mark(mark)
    assert str(caught.value).startswith(message)
