"""YAML read by its lines: never anything else than what the parser reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import check_lines

from pytest_amberflo.arazzo.block_yaml import read_blocks
from pytest_amberflo.arazzo.plain_scalar import UnusualError
from pytest_amberflo.arazzo.tree import TreeBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

WORKFLOWS = Path(__file__).parents[3] / "workflows"
SEED = WORKFLOWS / "ingest-and-query-usage.arazzo.yaml"

#: What may stand behind the spaces of a line; some of it means nothing good.
CONTENTS = (
    *("a:", "b:", "c: 1", "d: x y", "- a", "- b: 1", "- c:", "-   d: 2", "- ", "-", "", "word"),
    *("# c", "e: # c", "f: x # c", "g: x #", "h: 'it''s' # c", 'i: "x # y"', "j: x: y", "k: x:"),
    *("l: |", "m: >-", "n: >", "- |", "- o: |-", "p: |2", "q: |+", "two  words", "x #y", "a:b"),
    *("- - x", '"q": 1', "'q': x", "r: [a, b]", "s: []", "t: {}", "u: {a: b}", "v: [a", "w: }"),
    *("---", "--- a", "...", "? a", ": b", "& a", "*a", "!t x", "%d", "@x", "`x", "'a", '"a'),
    *("n: -1", "n: - 1", "o: .5", "o: 0x1", "p: ~", "p: null", "é: ü", "x: é", "<<: a", "y: a\tb"),
    *(
        "true: 1",
        "1: 1",
        "z: a]",
        'z: "a\\n"',
        "{a}: b",
        "r: {a: b, c: -1 } # d",
        "r: {a: 1, a: 2}",
        "[a: b]",
        "s: [1, 012, -a]",
        "t: {a:b}",
        "/a/{b}: c",
        "z:  ",
        "y: \xa0",
    ),
)
LINES = st.lists(
    st.tuples(st.sampled_from((0, 0, 1, 2, 2, 3, 4, 4, 6)), st.sampled_from(CONTENTS)), max_size=8
)


def check_against_parser(text: str) -> bool:
    """Whether the text is read; then it is what the parser reads, and lines are the parser's."""
    try:
        block = read_blocks(text)
    except UnusualError:
        return False
    tree = TreeBuilder(text, "a").build()
    assert repr(block.value) == repr(tree.value)
    check_lines(block.value, tree, block.line_of)
    return True


@settings(max_examples=300, deadline=None)
@given(LINES, st.sampled_from(("\n", "\n", "\n", "", "\r\n", "\n\n", "\n  ")))
@example([(0, "a:"), (2, "l: |"), (4, "x"), (0, ""), (2, "# c"), (2, "b:")], "\n")
@example([(0, "a:"), (0, "- b: 1"), (2, "b:"), (4, "word")], "\n")
@example([(0, "d: x y"), (2, "word")], "\n")
def test_what_is_read_is_what_the_parser_reads(lines: list[tuple[int, str]], end: str) -> None:
    """Value for value, and what the parser refuses is not read."""
    text = "\n".join(" " * indent + content for indent, content in lines) + end
    if check_against_parser(text):
        event("read")


def test_no_two_lines_are_read_for_what_they_are_not() -> None:
    """Each form alone, and each below each other, and indented below it."""
    texts = [f"{one}\n" for one in CONTENTS]
    texts += [
        f"{one}\n{spaces}{two}\n" for one in CONTENTS for two in CONTENTS for spaces in ("", "  ")
    ]
    assert sum(map(check_against_parser, texts)) > len(texts) // 10


SEED_LINES = SEED.read_text(encoding="utf-8").splitlines()
PLACES = st.integers(0, len(SEED_LINES) - 1)
CHARS = st.sampled_from((*":-#'\"[]{}|>&*!?%@` ,é\t", ": ", " #", "- ", ""))


@settings(max_examples=150, deadline=None)
@given(PLACES, st.integers(0, 30), CHARS, st.integers(-3, 3), st.none() | PLACES)
def test_a_document_with_an_odd_line_is_read_right_or_not_at_all(
    place: int, column: int, char: str, shift: int, other: int | None
) -> None:
    """One line more, indented by more or less, or with a character that may mean something."""
    lines = list(SEED_LINES)
    line = lines[place][:column] + char + lines[place][column:]
    lines[place] = " " * shift + line if shift >= 0 else line[-shift:]
    if other is not None:
        lines.insert(other, lines[place])
    if check_against_parser("\n".join(lines) + "\n"):
        event("read")


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yaml")), ids=lambda path: path.name)
def test_our_own_documents_are_read(path: Path) -> None:
    """Else nothing would be saved."""
    assert check_against_parser(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "---\n" + text,
        lambda text: "# Über\n\n" + text.replace("\n      -", "\n\n # c\n      -"),
        lambda _: "a:\n   - b:\n         c: x # y\n     d: >-\n          e\n\n          f\n# g\n",
    ],
    ids=["as it is", "begun", "apart", "wide"],
)
def test_the_usual_forms_are_read(change: Callable[[str], str]) -> None:
    """Comments, empty lines, other widths, the line that begins a document."""
    assert check_against_parser(change(SEED.read_text(encoding="utf-8")))


def read(text: str) -> Any:
    """The value of a text."""
    return read_blocks(text).value


def test_equal_blocks_are_one_value() -> None:
    """They are read once, and their lines are those of each document."""
    one, other = "a:\n  b:\n    c: 1\n", "x: 1\n# more\na:\n  b:\n    c: 1\n"
    assert read(one)["a"] is read(other)["a"]
    assert [read_blocks(text).line_of(("a", "b")) for text in (one, other)] == [3, 5]


def test_blocks_that_are_written_differently_are_not_one() -> None:
    """1, 1.0 and true are equal in Python, and not in a document."""
    values = [read(f"a:\n  b: {text}\n")["a"] for text in ("1", "1.0", "true", '"1"')]
    assert [repr(value["b"]) for value in values] == ["1", "1.0", "True", "'1'"]


@pytest.mark.parametrize(
    "text", ["a: " + "x" * 1_000_000 + "\n", "".join(f"{' ' * n}a:\n" for n in range(99))]
)
def test_what_is_too_long_or_too_deep_is_left_alone(text: str) -> None:
    """The parser bounds what it takes."""
    with pytest.raises(UnusualError):
        read_blocks(text)
