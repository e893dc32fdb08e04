"""Ledger files on disk: how they grow, whose they are, and which runs may have one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from unit.plugin_parts.part_kit import DAY, make_settings

from pytest_amberflo.ledger_file import (
    LedgerFileError,
    add_lines,
    check_deferral,
    find_target,
    read_ledger,
    write_whole,
)
from pytest_amberflo.metering.deferral import Entry, Rules
from pytest_amberflo.metering.ledger_text import write_entry
from pytest_amberflo.settings import LIVE_URL, VARIANTS, Target

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "http://127.0.0.1:8787"
LIVE = Target(kind="live", url=LIVE_URL, origin="command line")
ELSEWHERE = Target(kind="url", url=LOCAL, origin="command line")
UNSAID = Target(kind="embedded", url=None, origin="default")


def make_line(target: str = LIVE_URL, item: str = "f.yaml::wf") -> str:
    """A line of an entry that sent nothing."""
    return write_entry(
        Entry(
            run="run",
            item=item,
            verdict="deferred",
            target=target,
            not_before_s=DAY,
            rules=Rules(is_live=True),
            transmissions=(),
            queries=(),
        )
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "ledger.jsonl"


def test_a_ledger_grows_by_whole_lines(path: Path) -> None:
    """Each entry is in it with its line; nothing else is left in the folder."""
    add_lines(path, [make_line(item="a::1")])
    add_lines(path, [make_line(item="a::2"), make_line(item="a::3")])
    found = [(entry.line, entry.entry.item) for entry in read_ledger(path)]
    assert found == [(1, "a::1"), (2, "a::2"), (3, "a::3")]
    assert list(path.parent.iterdir()) == [path]


def test_files_may_be_put_together(path: Path) -> None:
    """Without an end of the last line, with empty lines, in any order."""
    path.write_text(f"\n{make_line(item='a::1')}\r\n\n{make_line(item='a::2')}", "utf-8")
    add_lines(path, [make_line(item="a::3")])
    assert [entry.line for entry in read_ledger(path)] == [2, 4, 5]


def test_a_file_that_cannot_be_written_stays_as_it_was(path: Path) -> None:
    """Half a ledger would be worse than none."""
    write_whole(path, "old")
    with pytest.raises(UnicodeError):
        write_whole(path, "new \ud800")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "ledger.jsonl  it is no text in UTF-8, so no metering ledger"),
        (b"", "ledger.jsonl  it has no entries: no run has deferred anything to it"),
        (b"{}", "ledger.jsonl:1:1  this is no entry of a metering ledger"),
        (b'\n\n{"a" 1}', "ledger.jsonl:3:6  this is no JSON: Expecting ':' delimiter"),
        (b"%(line)s\n%(line)s", "ledger.jsonl:2:1  this is the entry of line 1 again"),
    ],
)
def test_a_broken_file_is_told_by_its_place(path: Path, content: bytes, message: str) -> None:
    """File, line and column."""
    path.write_bytes(content.replace(b"%(line)s", make_line().encode()))
    with pytest.raises(LedgerFileError) as caught:
        read_ledger(path)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    """It may have gone since the options were read."""
    with pytest.raises(LedgerFileError, match="cannot be read: No such file"):
        read_ledger(path)


@pytest.mark.parametrize(
    ("url", "kind"), [(LIVE_URL, "live"), ("https://eu.amberflo.io/x", "live"), (LOCAL, "url")]
)
def test_the_target_is_the_ledgers_own(path: Path, url: str, kind: str) -> None:
    """The real service and this machine need not be named again."""
    add_lines(path, [make_line(url)])
    target = find_target(path, UNSAID)
    assert (target.kind, target.url) == (kind, url)
    assert find_target(path, ELSEWHERE) is ELSEWHERE


@pytest.mark.parametrize("url", ["https://elsewhere.example", "https://amberflo.io.example"])
def test_a_ledger_names_no_stranger(path: Path, url: str) -> None:
    """The key goes to somebody else only if the user says so."""
    add_lines(path, [make_line(url)])
    with pytest.raises(pytest.UsageError, match="to ask there: --amberflo-target"):
        find_target(path, UNSAID)
    assert find_target(path, LIVE) is LIVE


def test_the_real_service_is_not_asked_in_clear(path: Path) -> None:
    """A ledger cannot do what an option cannot."""
    add_lines(path, [make_line("http://app.amberflo.io")])
    with pytest.raises(pytest.UsageError, match="would send the key unencrypted"):
        find_target(path, UNSAID)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": LIVE, "variants": ("once",)},
        {"target": LIVE, "variants": VARIANTS, "is_dry_run": True},
        {"target": ELSEWHERE, "variants": VARIANTS},
        {"variants": VARIANTS},
    ],
)
def test_runs_that_need_no_ledger(changes: dict[str, Any]) -> None:
    """On any other service, of what is sent once, and of what is not sent at all."""
    check_deferral(make_settings(**changes))


@pytest.mark.parametrize("variant", VARIANTS[1:])
@pytest.mark.parametrize(
    "changes", [{"target": LIVE}, {"target": ELSEWHERE, "servers": {"metering": LIVE_URL}}]
)
def test_runs_that_need_a_ledger(path: Path, variant: str, changes: dict[str, Any]) -> None:
    """Every variant but the first, wherever it is said that the real service is called."""
    settings = make_settings(variants=("once", variant), **changes)
    with pytest.raises(pytest.UsageError, match=f"hours: {variant} can be judged only later"):
        check_deferral(settings)
    check_deferral(make_settings(variants=("once", variant), ledger=path, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verify": True, "ledger": True}, "sends nothing new: --amberflo-ledger has no use"),
        ({"verify": True, "is_dry_run": True}, "sends nothing new: --amberflo-dry-run has no"),
        ({"ledger": True, "target": UNSAID}, "the embedded server ends with the run"),
    ],
)
def test_what_makes_no_sense_is_refused(path: Path, changes: dict[str, Any], message: str) -> None:
    """Before anything is sent."""
    files = {name: path for name in ("verify", "ledger") if name in changes}
    with pytest.raises(pytest.UsageError, match=message):
        check_deferral(make_settings(**changes | files))


def test_a_file_of_something_else_is_not_added_to(path: Path) -> None:
    """A mistyped name must not spoil a file, nor lose what was sent."""
    path.write_text(json.dumps({"dear": "diary"}), encoding="utf-8")
    with pytest.raises(pytest.UsageError, match=r"is no ledger: ledger\.jsonl:1:1"):
        check_deferral(make_settings(target=ELSEWHERE, ledger=path))
