"""Documents in YAML: duplicate names, aliases, bounds and what is refused."""

from __future__ import annotations

import time

import pytest
from unit.arazzo.arazzo_kit import read, refuse

from pytest_amberflo.arazzo.tree import MAX_VALUES
from pytest_amberflo.http.json_text import MAX_DEPTH


def test_member_names_are_text_as_they_stand() -> None:
    """Names are read by the failsafe schema: numbers, booleans and null stay as written."""
    text = "200: a\n0x1F: b\n1.0: c\ntrue: d\n~: e\nnull: f\n'404': g\n"
    assert list(read(text).data) == ["200", "0x1F", "1.0", "true", "~", "null", "404"]


@pytest.mark.parametrize(
    "text",
    ["&ok 200: a", "!!int 200: a", "v: &ok 200\n*ok : a", "\N{ZERO WIDTH NO-BREAK SPACE}200: a"],
)
def test_a_name_does_not_hold_its_anchor_or_tag(text: str) -> None:
    """An anchor, a tag or a byte order mark before a number is no part of the name."""
    assert "200" in read(text).data


def test_a_merge_key_is_an_ordinary_name() -> None:
    """YAML 1.2 has no merge: `<<` is a member like any other."""
    text = "base: &base {a: 1}\nmore:\n  <<: *base\n  b: 2\n"
    assert read(text).data["more"] == {"<<": {"a": 1}, "b": 2}


@pytest.mark.parametrize(
    ("text", "block"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            [
                "doc:3:1  `a` stands here a second time; the first is in line 1, column 1",
                "",
                "      1  a: 1",
                "      2  b: 2",
                "  >   3  a: 3",
                "         ^",
            ],
        ),
        (
            "x: {name: 1, 'name': 2}",
            [
                "doc:1:14  `name` stands here a second time; the first is in line 1, column 5",
                "",
                "  >   1  x: {name: 1, 'name': 2}",
                "                      ^^^^^^",
            ],
        ),
        (
            "- 200: a\n  '200': b\n",
            [
                "doc:2:3  `200` stands here a second time; the first is in line 1, column 3",
                "",
                "      1  - 200: a",
                "  >   2    '200': b",
                "           ^^^^^",
            ],
        ),
    ],
)
def test_a_name_that_stands_twice_is_refused_with_both_places(text: str, block: list[str]) -> None:
    """Of two equal names neither is taken: the report points at the second, and at the first."""
    assert refuse(text) == "\n".join(block)


@pytest.mark.parametrize("key", ["? [a]\n: 1", "? {a: 1}\n: 1", "&k [a]: 1", "[a]: 1"])
def test_a_structure_is_no_member_name(key: str) -> None:
    """Lists and objects cannot be names."""
    assert "a member name must be a string" in refuse(key)


def test_an_alias_repeats_the_value() -> None:
    """An alias stands for what its anchor marks, at the latest place before it."""
    text = "a: &x {n: 1}\nb: *x\nc: &x [2]\nd: *x\n"
    assert read(text).data == {"a": {"n": 1}, "b": {"n": 1}, "c": [2], "d": [2]}


def test_an_alias_shares_the_value() -> None:
    """An alias costs no copy: both members are one object."""
    data = read("a: &x {n: 1}\nb: *x\n").data
    assert data["a"] is data["b"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: *nobody", "doc:1:4  `*nobody` repeats an anchor that is not there"),
        ("a: *later\nb: &later 1", "doc:1:4  `*later` repeats an anchor that is not there"),
        ("a: &x [1, *x]", "doc:1:11  `*x` stands inside what it repeats"),
        ("a: &x {b: {c: *x}}", "doc:1:15  `*x` stands inside what it repeats"),
        ("&x\na:\n  - *x\n", "doc:3:5  `*x` stands inside what it repeats"),
    ],
)
def test_an_alias_of_nothing_or_of_itself_is_refused(text: str, line: str) -> None:
    """Unknown anchors and cycles are told apart."""
    assert refuse(text).splitlines()[0] == line


def test_aliases_cannot_blow_up() -> None:
    """Nested aliases are counted as if they were written out, before anything is copied."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    started = time.process_time()
    report = refuse("\n".join(lines))
    assert f"more than {MAX_VALUES} values, aliases written out" in report.splitlines()[0]
    assert time.process_time() - started < 1


def test_many_aliases_of_something_small_are_read() -> None:
    """The bound is on what comes out, not on how often something is repeated."""
    data = read("a: &x [1, 2]\nb: [" + ", ".join(["*x"] * 5000) + "]").data
    assert data["b"] == [[1, 2]] * 5000


@pytest.mark.parametrize("shape", ["[{}]", "{{a: {}}}"], ids=["lists", "objects"])
def test_nesting_is_bounded(shape: str) -> None:
    """As many levels as the bound are read, one more is refused."""
    deep = "1"
    for _ in range(MAX_DEPTH):
        deep = shape.format(deep)
    read(deep)
    assert f"nested more than {MAX_DEPTH} levels deep" in refuse(shape.format(deep))


@pytest.mark.parametrize("unit", ["[", "{a: ", "- ", "? ", '{"a":'])
def test_a_hundred_thousand_brackets_are_refused_quickly(unit: str) -> None:
    """A text that is nothing but depth costs neither the stack nor much time."""
    started = time.process_time()
    report = refuse(unit * 100_000)
    assert f"nested more than {MAX_DEPTH} levels deep" in report
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("v: !!python/object/apply:os.system [id]", "!!python/object/apply:os.system"),
        ("v: !!python/name:os.system", "!!python/name:os.system"),
        ("v: !!binary aGk=", "!!binary"),
        ("v: !!timestamp 2024-01-01", "!!timestamp"),
        ("v: !!set {a, b}", "!!set"),
        ("v: !!omap [a: 1]", "!!omap"),
        ("v: !!merge <<", "!!merge"),
        ("v: !!map [a]", "!!map"),
        ("v: !!seq {a: 1}", "!!seq"),
        ("v: !local 1", "!local"),
        ("v: !<tag:example.com,2000:x> 1", "tag:example.com,2000:x"),
        ("%TAG ! tag:example.com,2000:\n---\nv: !x 1", "tag:example.com,2000:x"),
    ],
)
def test_other_tags_are_refused(text: str, tag: str) -> None:
    """No tag makes anything but plain values."""
    message = f"the tag `{tag}` is not allowed here; only plain YAML is read"
    assert refuse(text).splitlines()[0].endswith(message)


@pytest.mark.parametrize("text", ["v: !!map {a: 1}", "v: !!seq [1]", "v: ! [1]"])
def test_tags_that_say_what_is_there_are_read(text: str) -> None:
    """A structure may be tagged as what it is."""
    assert read(text).data["v"] in ({"a": 1}, [1])


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "a: 1\n---\n", "--- a\n--- b\n"])
def test_a_second_document_is_refused(text: str) -> None:
    """A file holds one document; the second is pointed at."""
    first = refuse(text).splitlines()[0]
    assert first == "doc:2:1  a second document begins here; a file holds one"


@pytest.mark.parametrize("text", ["---\na: 1\n", "a: 1\n...\n", "%YAML 1.2\n---\na: 1\n"])
def test_one_document_may_have_its_markers(text: str) -> None:
    """Start and end marks and a version directive belong to the one document."""
    assert read(text).data == {"a": 1}


@pytest.mark.parametrize("text", ["", "   ", "\n\n\n", "# only a comment\n", "\ufeff"])
def test_an_empty_file_is_refused(text: str) -> None:
    """A file without a value has no place to point at."""
    assert refuse(text) == "doc  the file is empty"


@pytest.mark.parametrize(
    ("char", "code"),
    [("\x00", "0000"), ("\x07", "0007"), ("\x1b", "001B"), ("\x7f", "007F"), ("\ufffe", "FFFE")],
)
@pytest.mark.parametrize("line", ["v: a{}b", 'v: "{}"', "{}"])
def test_control_characters_are_refused_and_not_printed(line: str, char: str, code: str) -> None:
    """A control character is named by its code; a terminal never gets to see it."""
    report = refuse("first: 1\n" + line.format(char))
    column = line.index("{}") + 1
    assert f"doc:2:{column}  a control character (U+{code}) is no YAML" in report
    assert char not in report


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2\nb: 3\n", "doc:2:2"),
        ("a: b: c", "doc:1:5"),
        ("a: 'x", "doc:1:6"),
        ('a: "\\q"', "doc:1:5"),
        ("a: @x", "doc:1:4"),
        ("a: 1\n b: 2", "doc:2:3"),
        ("%YAML 9.9\n---\na: 1", "doc:1:1"),
    ],
)
def test_what_is_no_yaml_is_refused_where_reading_stopped(text: str, place: str) -> None:
    """Syntax errors have line and column of where they were noticed."""
    assert refuse(text).startswith(f"{place}  not YAML: ")


@pytest.mark.parametrize("text", ["a:\n\t- 1", "\ta: 1", "a:\n  b: 1\n\tc: 2"])
def test_a_tab_in_indentation_is_explained(text: str) -> None:
    """The most common invisible mistake has a message of its own."""
    report = refuse(text)
    assert "a tab stands where YAML allows only spaces" in report
    assert report.endswith("Indent with spaces.")


def test_a_lone_surrogate_is_refused() -> None:
    """A text that is no Unicode is refused like any other that is no YAML."""
    assert refuse("v: \ud800").startswith("doc:1:4  ")
