"""Documents out of files, and documents in JSON."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from unit.arazzo.arazzo_kit import read, refuse

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.source import MAX_BYTES, read_file_path, read_source

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("plain.yaml", "a: é\n".encode()),
        ("mark.yaml", b"\xef\xbb\xbf" + "a: é\n".encode()),
        ("little.yaml", "a: é\n".encode("utf-16")),
        ("big.yml", b"\xfe\xff" + "a: é\n".encode("utf-16-be")),
        ("plain.json", '{"a": "é"}'.encode()),
        ("mark.json", b"\xef\xbb\xbf" + '{"a": "é"}'.encode()),
        ("UPPER.JSON", b'{"a": "\\u00e9"}'),
        ("crlf.yaml", "a: é\r\n".encode()),
    ],
)
def test_files_are_read_in_any_unicode_encoding(tmp_path: Path, name: str, raw: bytes) -> None:
    """UTF-8 with or without a byte order mark and UTF-16 with one give the same value."""
    (tmp_path / name).write_bytes(raw)
    source = read_source(tmp_path / name, name="called so")
    assert source.data == {"a": "é"}
    assert source.name == "called so"
    assert source.uri == (tmp_path / name).as_uri()


def test_the_suffix_decides_between_json_and_yaml(tmp_path: Path) -> None:
    """In a file named `.json` only JSON is right, elsewhere anything that is YAML."""
    for name in ("x.yaml", "x.json", "x.txt"):
        (tmp_path / name).write_text("{a: 1}")
    assert read_source(tmp_path / "x.yaml", name="x").data == {"a": 1}
    assert read_source(tmp_path / "x.txt", name="x").data == {"a": 1}
    with pytest.raises(DocumentError, match="x:1:2  not JSON: "):
        read_source(tmp_path / "x.json", name="x")


def test_a_file_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    """The first byte that is no UTF-8 is named with its offset."""
    (tmp_path / "x.yaml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(DocumentError) as refusal:
        read_source(tmp_path / "x.yaml", name="x.yaml")
    assert str(refusal.value) == "x.yaml  not UTF-8 text: byte 0xe9 at offset 6"


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path) -> None:
    """Files are bounded in bytes."""
    path = tmp_path / "x.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(DocumentError) as refusal:
        read_source(path, name="x.yaml")
    message = f"x.yaml  the file has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} are read"
    assert str(refusal.value) == message


def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    """What is no file is left to the caller."""
    with pytest.raises(FileNotFoundError):
        read_source(tmp_path / "nothing.yaml", name="x")
    with pytest.raises(IsADirectoryError):
        read_source(tmp_path, name="x")


@pytest.mark.parametrize("name", ["x.yaml", "a b%41é.yaml", "#?;&.yaml"])
def test_the_uri_of_a_file_leads_back_to_it(tmp_path: Path, name: str) -> None:
    """Whatever is in its name and in those of its folders."""
    path = tmp_path.resolve() / "c%20d é" / name
    path.parent.mkdir()
    path.write_text("a: b\n", encoding="utf-8")
    uri = read_source(path, name="x").uri
    assert read_file_path(urlsplit(uri).path) == path


def test_json_values_are_read() -> None:
    """Strings, numbers, booleans and null of JSON, with white space wherever it may be."""
    text = ' {"a" :\t[1, -2.5e3, true, null, "\\u00e9\\n\\/"] ,\r\n"b":{}} \n'
    assert read(text, is_json=True).data == {"a": [1, -2500.0, True, None, "é\n/"], "b": {}}


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    """JSON writes characters beyond 16 bits as two escapes."""
    assert read('["\\ud83d\\udce6"]', is_json=True).data == ["\N{PACKAGE}"]


@pytest.mark.parametrize("text", ['["\\ud800"]', '["\\udce6\\ud83d"]', '{"\\ud800": 1}'])
def test_half_a_pair_of_surrogates_is_refused(text: str) -> None:
    """An escape that is no character cannot be encoded again, so it is refused."""
    refuse(text, is_json=True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{a: 1}", "1:2"),
        ("{'a': 1}", "1:2"),
        ('{"a" 1}', "1:6"),
        ("[1] [2]", "1:5"),
        ("[01]", "1:3"),
        ("[+1]", "1:2"),
        ("[.5]", "1:2"),
        ("[0x10]", "1:3"),
        ('["a\tb"]', "1:4"),
        ('["\\q"]', "1:3"),
        ('{"a":\n  [1,\n   2\n  "b": 1}', "4:3"),
        ("# no comment\n[]", "1:1"),
        ("nul", "1:1"),
    ],
)
def test_what_is_no_json_is_refused_where_it_stops(text: str, place: str) -> None:
    """Comments, bare names and foreign numbers are errors with their place."""
    assert refuse(text, is_json=True).startswith(f"doc:{place}  not JSON: ")


@pytest.mark.parametrize("text", ["[1,]", '{"a": 1,}'])
def test_a_trailing_comma_is_refused(text: str) -> None:
    """JSON has no comma behind the last value; versions of Python place it differently."""
    assert refuse(text, is_json=True).startswith("doc:1:")


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_json_file_is_refused(text: str) -> None:
    """An empty file is called that, in JSON as in YAML."""
    assert refuse(text, is_json=True) == "doc  the file is empty"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '{"a": 1, "a": 2}',
            "doc:1:10  `a` stands here a second time; the first is in line 1, column 2",
        ),
        (
            '{"x": [{"b": 1}, {"b": 1, "\\u0062": 2}]}',
            "doc:1:27  `b` stands here a second time; the first is in line 1, column 19",
        ),
        ("[1e400]", "doc:1:2  `1e400` is beyond what a number can hold"),
        ('{"n": -1E999}', "doc:1:7  `-1E999` is beyond what a number can hold"),
        (f"[{'9' * 1001}]", "doc:1:2  a number of more than 1000 digits"),
    ],
)
def test_what_python_would_read_and_json_does_not_mean_is_refused(text: str, line: str) -> None:
    """Duplicate names and numbers that no float can hold are refused with their place."""
    assert refuse(text, is_json=True).splitlines()[0] == line


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_constants_of_javascript_are_refused(word: str) -> None:
    """Python reads them, JSON does not have them."""
    assert refuse(f'{{"a": {word}}}', is_json=True) == f"doc  `{word}` is no JSON number"


@pytest.mark.parametrize(
    "text",
    ['{"a": "\\ud83d\\udce6", "a": 1}', '{"a": "\\ud83d\\udce6", "b": NaN}', '["\x7f", NaN]'],
)
def test_a_refusal_of_json_does_not_speak_of_yaml(text: str) -> None:
    """What is wrong with a JSON text is said also where YAML would stumble before."""
    assert "YAML" not in refuse(text, is_json=True)


@pytest.mark.parametrize("unit", ["[", '{"a":', '[{"a":['])
def test_a_hundred_thousand_levels_of_json_are_refused_quickly(unit: str) -> None:
    """Depth neither overflows the stack nor takes long."""
    started = time.process_time()
    report = refuse(unit * 100_000, is_json=True)
    assert "  nested more than 200 levels deep" in report.splitlines()[0]
    assert time.process_time() - started < 1


def test_nesting_of_json_is_bounded_as_in_yaml() -> None:
    """What is too deep for the engine in YAML is too deep in JSON."""
    assert "nested more than 200" in refuse("[" * 201 + "]" * 201, is_json=True)
    assert read("[[]," + "[" * 199 + "]" * 199 + "]", is_json=True).data
