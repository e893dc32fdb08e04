"""Which files are workflow documents, by their name and by a cheap look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_amberflo.discovery import has_workflow_name, may_be_workflow
from pytest_amberflo.settings import FILE_NAMES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.arazzo.yaml", True),
        ("a.arazzo.yml", True),
        ("a.b.arazzo.json", True),
        ("arazzo.yaml", True),
        ("arazzo.json", True),
        (".arazzo.yml", True),
        ("a.yaml", False),
        ("a.ARAZZO.yaml", False),
        ("arazzo.yaml.bak", False),
        ("my-arazzo.yaml", False),
        ("arazzo.toml", False),
    ],
)
def test_names_of_workflow_files(tmp_path: Path, name: str, expected: bool) -> None:  # noqa: FBT001
    """A name says that a file is a workflow document; the folder makes no difference."""
    assert has_workflow_name(tmp_path / name, FILE_NAMES) is expected
    assert has_workflow_name(tmp_path / "a.arazzo.yaml" / name, FILE_NAMES) is expected


def test_names_can_be_others(tmp_path: Path) -> None:
    """The globs of a user replace the usual ones."""
    assert has_workflow_name(tmp_path / "x.flow", ("*.flow",))
    assert not has_workflow_name(tmp_path / "a.arazzo.yaml", ("*.flow",))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("flows/*.yaml", True), ("*/flows/x.yaml", True), ("other/*.yaml", False), ("flows", False)],
)
def test_names_may_have_folders(tmp_path: Path, pattern: str, expected: bool) -> None:  # noqa: FBT001
    """A glob with a folder is not passed over in silence."""
    assert has_workflow_name(tmp_path / "flows" / "x.yaml", (pattern,)) is expected


def look(
    folder: Path, name: str, content: bytes, *, is_named: bool = False, below: str = "workflows"
) -> bool:
    """Whether a file of this content is to be looked at."""
    path = folder / below / "deeper" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return may_be_workflow(path, is_named=is_named)


YAML = b"arazzo: 1.0.1\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.yaml", YAML, True),
        ("a.YML", b"# first\ninfo: 1\narazzo : 1.0.1\n", True),
        ("a.yaml", b'\xef\xbb\xbf"arazzo": 1.0.1\n', True),
        ("a.yaml", b"'arazzo':\n  1.0.1\n", True),
        ("a.yaml", b"info: 1\r\narazzo: 1.0.1\r\n", True),
        ("a.json", b'\n {"info": {}, "arazzo" : "1.0.1"}', True),
        ("a.yaml", b'{"arazzo": "1.0.1"}', True),
        ("a.txt", YAML, False),
        ("a.toml", YAML, False),
        ("a.yaml", b"  arazzo: 1.0.1\n", False),
        ("a.yaml", b"# arazzo: 1.0.1\n", False),
        ("a.yaml", b"arazzos: 1.0.1\n", False),
        ("a.yaml", b"x: |\n  y\nmy-arazzo: 1\n", False),
        ("a.json", b'{"x": "arazzo"}', False),
        ("a.yaml", b"", False),
        ("a.yaml", b"\xff\x00\x01", False),
    ],
)
def test_a_cheap_look_finds_the_key(
    tmp_path: Path,
    name: str,
    content: bytes,
    expected: bool,  # noqa: FBT001
) -> None:
    """Below a folder of workflows, YAML and JSON with the key at the top are looked at."""
    assert look(tmp_path, name, content) is expected


@pytest.mark.parametrize("below", ["other", "my-workflows", "Workflows"])
def test_elsewhere_a_file_must_be_named(tmp_path: Path, below: str) -> None:
    """Outside a folder of workflows a file is looked at only if a user named it."""
    assert not look(tmp_path / "1", "a.yaml", YAML, below=below)
    assert look(tmp_path / "2", "a.yaml", YAML, below=below, is_named=True)
    assert not look(tmp_path / "3", "a.txt", YAML, below=below, is_named=True)


def test_what_cannot_be_read_is_no_workflow(tmp_path: Path) -> None:
    """A file that is gone, or a folder, is passed over."""
    folder = tmp_path / "workflows" / "x.yaml"
    folder.mkdir(parents=True)
    assert may_be_workflow(folder, is_named=True) is False
    assert may_be_workflow(tmp_path / "workflows" / "gone.yaml", is_named=True) is False


def test_only_the_beginning_of_a_large_file_is_read(tmp_path: Path) -> None:
    """The look is cheap: a key after megabytes is not found."""
    megabytes = b"#" * (4 * 1024 * 1024)
    assert look(tmp_path / "1", "a.yaml", megabytes[:-100] + b"\n" + YAML)
    assert not look(tmp_path / "2", "a.yaml", megabytes + b"\n" + YAML)
