"""`x-amberflo` of workflows: every key, and what is wrong with its place."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugin_parts.extension_kit import list_lines, read_workflow

from pytest_amberflo.extension import Row, WorkflowExtension
from pytest_amberflo.marks import MarkSpec

AN_ID = "a row needs an `id` of letters, digits, `.`, `-` and `_`"
A_MARK = "a mark is a name, or one name with its arguments: `skip: {reason: ...}`"


def rows_of(*rows: Any) -> tuple[tuple[Row, ...], list[str]]:
    """The rows of a workflow and what is wrong with them."""
    found, problems = read_workflow({"rows": list(rows)})
    return found.rows, problems


def marks_of(*marks: Any) -> tuple[tuple[MarkSpec, ...], list[str]]:
    """The marks of a workflow and what is wrong with them."""
    found, problems = read_workflow({"marks": list(marks)})
    return found.marks, problems


@pytest.mark.parametrize("extension", [None, {}])
def test_a_workflow_without_extension_has_the_defaults(extension: Any) -> None:
    """Nothing said is no rows, no marks, no mapping, and all variants that are chosen."""
    assert read_workflow(extension) == (WorkflowExtension(), [])
    assert WorkflowExtension().variants is None


def test_every_key_of_a_workflow_is_read() -> None:
    """Rows, inputs, variants, marks and fixtures in one extension."""
    extension = {
        "rows": [{"id": "eu", "inputs": {"region": "eu"}, "without": "customerId"}],
        "inputs": {"customerId": "tenant"},
        "variants": ["once"],
        "marks": ["slow"],
        "fixtures": ["database", "clock"],
    }
    assert read_workflow(extension) == (
        WorkflowExtension(
            rows=(Row(id="eu", inputs={"region": "eu"}, without=frozenset({"customerId"})),),
            inputs={"customerId": "tenant"},
            variants=("once",),
            marks=(MarkSpec(name="slow"),),
            fixtures=("database", "clock"),
        ),
        [],
    )


def test_one_name_stands_for_a_list_of_one() -> None:
    """Where names are due, one alone is enough."""
    found, problems = read_workflow({"variants": "once", "fixtures": "database"})
    assert (found.variants, found.fixtures, problems) == (("once",), ("database",), [])


@pytest.mark.parametrize(
    ("extension", "problem"),
    [
        (
            {"row": []},
            '"row": `x-amberflo` has no `row`; it takes rows, inputs, variants, marks, '
            "fixtures, flush (rows?)",
        ),
        (
            {"settle": 3},
            '"settle": `x-amberflo` has no `settle`; '
            "it takes rows, inputs, variants, marks, fixtures, flush",
        ),
        ([1], "[: `x-amberflo` is an array; an object is due"),
        ("once", '"once": `x-amberflo` is a string; an object is due'),
        ({"rows": {"file": "events.jsonl"}}, '"events.jsonl": there is no file events.jsonl'),
        ({"rows": {}}, "{}: rows are a list, or `{file: events.jsonl}`"),
        ({"rows": "eu"}, '"eu": `rows` is a string; a list is due'),
        ({"rows": None}, "null: `rows` is null; a list is due"),
        ({"inputs": ["a"]}, "[: `inputs` is an array; an object is due"),
        (
            {"inputs": {"costumerId": "tenant"}},
            '"costumerId": workflow `wf` has no input `costumerId` (customerId?)',
        ),
        ({"inputs": {"region": "a.b"}}, '"a.b": `a.b` is no name of a fixture'),
        ({"inputs": {"region": 7}}, "7: `7` is no name of a fixture"),
        ({"variants": ["onse"]}, '"onse": there is no variant `onse` (once?)'),
        ({"variants": [1]}, "1: an integer stands where a name is due"),
        ({"variants": {"once": 1}}, "{: `variants` is an object; a list is due"),
        ({"marks": "slow"}, '"slow": `marks` is a string; a list is due'),
        ({"fixtures": [None]}, "null: null stands where a name is due"),
    ],
)
def test_what_is_wrong_with_a_workflow_has_its_place(extension: Any, problem: str) -> None:
    """Unknown keys, wrong types and unknown names are told where they stand."""
    assert read_workflow(extension)[1] == [problem]


@pytest.mark.parametrize(
    ("extension", "line"),
    [
        ({"rows": {}}, '"rows": {}'),
        ({"rows": [{"id": "x", "inputs": [1]}]}, '"inputs": ['),
        ({"rows": [{"id": "x", "without": {}}]}, '"without": {}'),
        ({"rows": [{"id": "x", "marks": {}}]}, '"marks": {}'),
        ({"inputs": [1]}, '"inputs": ['),
        ({"variants": {}}, '"variants": {}'),
        ({"marks": {}}, '"marks": {}'),
        ({"marks": ["a", {}]}, "{}"),
        ({"fixtures": {}}, '"fixtures": {}'),
        ([], '"x-amberflo": []'),
    ],
)
def test_a_problem_stands_on_the_line_of_its_value(extension: Any, line: str) -> None:
    """Objects and lists in the wrong place are told where they begin."""
    assert list_lines(extension) == [line]


def test_what_is_wrong_is_not_taken() -> None:
    """Of lists and mappings the right members are kept, and nothing stands for a wrong whole."""
    found, problems = read_workflow(
        {"inputs": {"region": 7, "customerId": "tenant"}, "variants": [1, "once"]}
    )
    assert (found.inputs, found.variants) == ({"customerId": "tenant"}, ("once",))
    assert len(problems) == 2
    found, _ = read_workflow({"inputs": [1], "marks": 1, "fixtures": 1, "rows": 1})
    assert found == WorkflowExtension()


def test_problems_do_not_hide_one_another() -> None:
    """Everything that is wrong is told at once."""
    extension = {"row": 1, "marks": 2, "rows": [{"id": "a b"}], "variants": ["twice"]}
    assert len(read_workflow(extension)[1]) == 4


def test_rows_are_in_their_order() -> None:
    """A row has an id, inputs, what is left out, and marks; all but the id are optional."""
    rows, problems = rows_of(
        {"id": "b"},
        {"id": "a.1-x_Y", "inputs": {"region": None}, "without": ["customerId"]},
        {"id": "ünï", "marks": [{"skip": "no"}]},
    )
    assert problems == []
    assert rows == (
        Row(id="b", inputs={}),
        Row(id="a.1-x_Y", inputs={"region": None}, without=frozenset({"customerId"})),
        Row(id="ünï", inputs={}, marks=(MarkSpec(name="skip", kwargs={"reason": "no"}),)),
    )


@pytest.mark.parametrize(
    "name", [None, "", 7, True, "a b", "a::b", "a[1]", "a/b", "a\n", "a,b", "(x)"]
)
def test_an_id_that_is_no_name_of_an_item_is_refused(name: Any) -> None:
    """An id must be usable as the name of a pytest item."""
    rows, problems = rows_of({"id": name} if name is not None else {"inputs": {}})
    assert rows == ()
    assert problems == [f"{{: {AN_ID}"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("eu", '"eu": `1` is a string; an object is due'),
        (
            {"id": "x", "input": {}},
            '"input": `1` has no `input`; it takes id, inputs, without, marks (inputs?)',
        ),
        ({"id": "x", "inputs": [1]}, "[: `inputs` is an array; an object is due"),
        (
            {"id": "x", "inputs": {"Region": "eu"}},
            '"Region": workflow `wf` has no input `Region` (region?)',
        ),
        ({"id": "x", "without": {"a": 1}}, "{: `without` is an object; a list is due"),
        ({"id": "x", "marks": [7]}, f"7: {A_MARK}"),
        ({"id": "first"}, '"first": row `first` stands twice'),
    ],
)
def test_what_is_wrong_with_a_row_has_its_place(row: Any, problem: str) -> None:
    """A wrong row is told where it stands, and the rows beside it are read."""
    rows, problems = rows_of({"id": "first"}, row, {"id": "last"})
    assert problems[0] == problem
    assert (rows[0].id, rows[-1].id) == ("first", "last")
    assert [row.id for row in rows].count("first") == 1


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("slow", MarkSpec(name="slow")),
        ({"slow": None}, MarkSpec(name="slow")),
        ({"skip": "no time"}, MarkSpec(name="skip", kwargs={"reason": "no time"})),
        ({"xfail": "known"}, MarkSpec(name="xfail", kwargs={"reason": "known"})),
        ({"usefixtures": "db"}, MarkSpec(name="usefixtures", args=("db",))),
        ({"usefixtures": ["db", "net"]}, MarkSpec(name="usefixtures", args=("db", "net"))),
        ({"xfail": {"strict": True}}, MarkSpec(name="xfail", kwargs={"strict": True})),
        ({"timeout": 0}, MarkSpec(name="timeout", args=(0,))),
        ({"flag": False}, MarkSpec(name="flag", args=(False,))),
    ],
)
def test_every_form_of_a_mark(mark: Any, expected: MarkSpec) -> None:
    """A name, or a name with one argument, a list of them, or named ones."""
    assert marks_of(mark) == ((expected,), [])


@pytest.mark.parametrize(
    "mark", [7, None, "not a name", "", {}, {"a": 1, "b": 2}, {"a-b": 1}, ["slow"]]
)
def test_what_is_no_mark_is_refused(mark: Any) -> None:
    """Anything else is told where it stands, and the marks beside it are read."""
    marks, problems = marks_of("first", mark, "last")
    assert [found.name for found in marks] == ["first", "last"]
    assert len(problems) == 1
    assert problems[0].endswith(A_MARK)


def test_a_row_leaves_out_only_what_is_an_input() -> None:
    """A misspelled name in `without` is told: else the input would be sent after all."""
    assert rows_of({"id": "x", "without": ["uniqueID"]})[1] != []


def test_no_variants_at_all_are_refused() -> None:
    """A workflow that is run in no way at all would be green without a test."""
    assert read_workflow({"variants": []})[1] != []


def test_a_fixture_is_a_name() -> None:
    """What cannot be the name of a fixture is told at its place."""
    for name in ("not a name", "", "class", "a.b"):
        found, problems = read_workflow({"fixtures": ["db", name]})
        assert (found.fixtures, len(problems)) == (("db",), 1)
        found, problems = read_workflow({"inputs": {"region": name}})
        assert (found.inputs, len(problems)) == ({}, 1)
