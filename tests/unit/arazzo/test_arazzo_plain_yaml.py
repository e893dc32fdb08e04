"""YAML read without places: the values of the tree, or nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import check_lines

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.plain_yaml import read_events, read_plain
from pytest_amberflo.arazzo.source import read_source
from pytest_amberflo.arazzo.tree import TreeBuilder
from pytest_amberflo.openapi.catalog import SHIPPED

WORDS = st.sampled_from(
    ["a", "null", "~", "true", "on", "012", "0x1F", "0o7", "1.5", "-2", "+3", ".5", "1e3", "1e999"]
) | st.sampled_from([".inf", "-.INF", ".nan", "1.0.1", "2020-01-01", "'1'", '""', "&x 1", "*x"])
PLAIN = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(WORDS, inner), min_size=1, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def build(text: str) -> Any:
    """The value of the tree, marked by type; an error where there is none."""
    try:
        return repr(TreeBuilder(text, "a").build().value)
    except DocumentError as error:
        return error


@settings(max_examples=250, deadline=None)
@given(PLAIN | VALUES.map(yaml.safe_dump) | st.text(max_size=30))
def test_what_is_read_is_what_the_tree_says(text: str) -> None:
    """Value for value, with types; what the tree refuses is not read."""
    found = read_plain(text)
    if found is not None:
        event("read")
        assert repr(found[0]) == build(text)


@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2\n", "&a x: 1\n", "- !!str 1\n", "--- 1\n--- 2\n", "", "[" * 300, "a: \t- b"],
)
def test_what_is_unusual_is_left_alone(text: str) -> None:
    """The tree has the words for it."""
    assert read_plain(text) is None


def test_our_own_documents_are_plain() -> None:
    """Else nothing would be saved; their lines are those of the tree."""
    workflows = Path(__file__).parents[3] / "workflows"
    # Of the package that is tested, wherever it is installed.
    paths = [*workflows.glob("*.yaml"), *SHIPPED.glob("*.yaml")]
    assert len(paths) > 4
    for path in paths:
        text = path.read_text(encoding="utf-8")
        found = read_plain(text)
        assert found is not None
        value, find_line = found
        tree = TreeBuilder(text, path.name).build()
        assert json.dumps(value) == json.dumps(tree.value)
        check_lines(value, tree, find_line)


def test_lines_are_known_where_there_is_more_than_blocks() -> None:
    """The parser's events have them, too."""
    text = "a:\n- {b: é}\n-\n  - c:\n     d: [1,\n      {}]\n"
    found = read_events(text)
    assert found is not None
    check_lines(found[0], TreeBuilder(text, "a").build(), found[1])


TEXT = "a:\n- 1\n# \U0001f600\n- {b: é}\n"


def test_a_source_reads_again_what_it_forgot(tmp_path: Path) -> None:
    """Text and places are the same afterwards, and values are kept where they are needed."""
    path = tmp_path / "a.yaml"
    path.write_text(TEXT, encoding="utf-8")
    source = read_source(path, name="a")
    before = source.data
    source.forget(keeps_data=True)
    assert (source.text, source.data) == (TEXT, before)
    assert source.locate(("a", 1, "b")).column == 7
    source.forget(keeps_data=False)
    with pytest.raises(LookupError, match="the values of a were given back"):
        _ = source.data


@pytest.mark.parametrize("now", [None, b"a: 1\n", b"\xff"])
def test_a_file_that_has_changed_is_not_taken_for_what_it_was(
    tmp_path: Path, now: bytes | None
) -> None:
    """There is no text any more, and of places the lines that were kept are known."""
    path = tmp_path / "a.yaml"
    path.write_text(TEXT, encoding="utf-8")
    source = read_source(path, name="a")
    source.forget(keeps_data=False, anchors=[("a", 1)])
    if now is None:
        path.unlink()
    else:
        path.write_bytes(now)
    assert source.text == ""
    assert [source.locate(at).line for at in (("a", 1, "b"), ("a", 1), ("a",))] == [4, 4, 1]


def test_a_link_to_a_file_has_the_uri_of_the_file(tmp_path: Path) -> None:
    """Two names of a document are one document; odd characters are written as URIs do."""
    path = tmp_path / "a b é#.yaml"
    path.write_text(TEXT, encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to(path)
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("a b é#.yaml", "link.yaml", "folder/a b é#.yaml", "folder/link.yaml"):
        assert read_source(tmp_path / name, name="a").uri == path.resolve().as_uri()
