"""Where values and names stand: in blocks and flows, YAML and JSON, whatever ends a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort, read, spans

from pytest_amberflo.arazzo.excerpt import Span, quote_lines

BLOCK = """\
name: parcels
steps:
  - id: one
    with:
    - 1
    -
      deep: yes
  - two
last: {a: [x, "ý"], b: 1}
"""


def test_values_in_blocks_have_line_and_column() -> None:
    """A value is where its first character is, whatever it is indented by."""
    source = read(BLOCK)
    assert spans(
        source,
        ("name",),
        ("steps",),
        ("steps", 0),
        ("steps", 0, "with"),
        ("steps", 0, "with", 1, "deep"),
        ("steps", 1),
        ("last", "a", 1),
        ("last", "b"),
    ) == [(1, 7), (3, 3), (3, 5), (5, 5), (7, 13), (8, 5), (9, 15), (9, 24)]


def test_names_have_line_and_column() -> None:
    """With `key` the place is that of the name that leads to the value."""
    source = read(BLOCK)
    pointers = [("steps",), ("steps", 0, "with"), ("steps", 0, "with", 1, "deep"), ("last", "b")]
    found = [source.locate(pointer, key=True) for pointer in pointers]
    assert [(span.line, span.column, span.end_column) for span in found] == [
        (2, 1, 6),
        (4, 5, 9),
        (7, 7, 11),
        (9, 21, 22),
    ]


def test_a_block_ends_with_its_last_value() -> None:
    """The end of a block is not where the next one begins, comments and blank lines apart."""
    source = read("a:\n  b: 1\n  c: xy\n\n# about d\nd: 2\n")
    assert source.locate(("a",)) == Span(line=2, column=3, end_line=3, end_column=8)
    assert source.locate(()) == Span(line=1, column=1, end_line=6, end_column=5)


def test_a_flow_ends_with_its_bracket() -> None:
    """The end of a flow structure is behind its closing bracket."""
    source = read("a: [1,\n  2 ]\nb: {c: 1 }\n")
    assert source.locate(("a",)) == Span(line=1, column=4, end_line=2, end_column=6)
    assert source.locate(("b",)) == Span(line=3, column=4, end_line=3, end_column=11)


def test_scalars_of_several_lines_have_both_ends() -> None:
    """Quoted, plain and block scalars may span lines."""
    source = read('a: "x\n  y"\nb: x\n  y\nc: |\n  x\n  y\nd: 1\n')
    assert source.locate(("a",)) == Span(line=1, column=4, end_line=2, end_column=5)
    assert source.locate(("b",)) == Span(line=3, column=4, end_line=4, end_column=4)
    assert source.locate(("c",)).line == 5
    assert source.locate(("d",)).line == 8


def test_columns_count_characters() -> None:
    """A character beyond ASCII, or beyond 16 bits, is one column."""
    source = read('{"é": "ü", "\N{PACKAGE}": "\N{PACKAGE}\N{PACKAGE}", z: 1}')
    assert spans(source, ("é",), ("\N{PACKAGE}",), ("z",)) == [(1, 7), (1, 17), (1, 26)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_line_break_ends_a_line(end: str) -> None:
    """Lines are the same however they end, and names and values never hold the break."""
    source = read(f"a: 1{end}b:{end}  - x{end}  - 200: y{end}")
    assert source.data == {"a": 1, "b": ["x", {"200": "y"}]}
    assert spans(source, ("b", 0), ("b", 1, "200")) == [(3, 5), (4, 10)]


def test_json_with_tabs_has_places() -> None:
    """Tabs are white space in JSON; each is one column."""
    text = '{\n\t"a": [\n\t\t1,\n\t\t{"b":\t"x"}\n\t]\n}\n'
    source = read(text, is_json=True)
    assert spans(source, ("a",), ("a", 0), ("a", 1, "b")) == [(2, 7), (3, 3), (4, 9)]
    assert source.locate(("a", 1, "b"), key=True).column == 4


def test_json_that_yaml_cannot_read_has_the_start_as_its_only_place() -> None:
    """Escaped pairs of surrogates are JSON; what is read then has no place of its own."""
    source = read('{"a": "\\ud83d\\udce6", "b": 1}', is_json=True)
    assert source.data == {"a": "\N{PACKAGE}", "b": 1}
    assert spans(source, ("b",)) == [(1, 1)]


@pytest.mark.parametrize("pointer", [("steps", 9), ("steps", "0"), ("nowhere",), ("name", "x")])
def test_what_is_not_there_is_placed_at_its_nearest_parent(pointer: tuple[str | int, ...]) -> None:
    """A missing value is reported at the structure that ought to have it."""
    source = read(BLOCK)
    parent = pointer[:-1]
    assert source.locate(pointer) == source.locate(parent)


def test_an_alias_leads_to_its_anchor() -> None:
    """A repeated value stands where it was written."""
    source = read("a: &x {n: 1}\nb: *x\n")
    assert spans(source, ("b", "n")) == [(1, 11)]
    assert source.locate(("b",), key=True).line == 2


def test_places_are_found_again_after_they_were_forgotten() -> None:
    """Places may be given up for their memory and are found anew when asked for."""
    source = read(BLOCK)
    before = source.locate(("last", "b"))
    source.forget(keeps_data=True)
    assert source.locate(("last", "b")) == before


def test_lines_around_a_place_are_numbered_and_marked() -> None:
    """Two lines before, the line itself, and carets below the place."""
    span = Span(line=3, column=3, end_line=3, end_column=8)
    assert quote_lines("one\ntwo\na: three\nfour\n", span) == (
        "      1  one",
        "      2  two",
        "  >   3  a: three",
        "           ^^^^^",
    )


def test_lines_after_a_place_are_shown_on_request() -> None:
    """Lines after the place, and a place without carets, are a matter of arguments."""
    span = Span(line=2, column=1, end_line=2, end_column=4)
    assert quote_lines("one\ntwo\nthree\n", span, before=0, after=1, point=False) == (
        "  >   2  two",
        "      3  three",
    )


def test_a_place_of_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    """Carets stay on the first line of the place."""
    span = Span(line=1, column=4, end_line=3, end_column=2)
    assert quote_lines("a: [1,\n2\n]", span)[-1] == "            ^^^"


def test_a_place_behind_the_text_is_shown_at_its_last_line() -> None:
    """A text that ends too early has no line to underline."""
    span = Span(line=3, column=1, end_line=3, end_column=2)
    assert quote_lines("a: [1,\n", span) == ("  >   1  a: [1,",)


def test_characters_that_a_terminal_acts_on_are_replaced() -> None:
    """Escapes become a mark, tabs a space; columns still hold."""
    span = Span(line=1, column=6, end_line=1, end_column=7)
    assert quote_lines("a:\t\x1b[2x\x00", span) == (
        "  >   1  a: \N{REPLACEMENT CHARACTER}[2x\N{REPLACEMENT CHARACTER}",
        "              ^",
    )


def test_a_long_line_is_cut_around_the_place() -> None:
    """The place is in the middle of what is shown of a long line, and the carets below it."""
    text = "x" * 500 + "HERE" + "y" * 500
    line, carets = quote_lines(text, Span(line=1, column=501, end_line=1, end_column=505))
    assert len(line) < 160
    assert line.count("…") == 2
    assert line[carets.index("^") : carets.rindex("^") + 1] == "HERE"


@effort(150)
@given(
    st.text(max_size=300),
    st.integers(1, 12),
    st.integers(1, 400),
    st.integers(0, 4),
    st.integers(0, 400),
)
def test_any_place_of_any_text_can_be_shown(
    text: str, line: int, column: int, lines: int, width: int
) -> None:
    """Showing a place never fails, and prints one line a line."""
    span = Span(line=line, column=column, end_line=line + lines, end_column=column + width)
    shown = quote_lines(text, span)
    assert all(part.isprintable() and len(part) < 700 for part in shown)
