"""What the items of a run came to, added up, and the line that says it."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_amberflo.run_tally import (
    RunTally,
    summarize,
    summarize_rehearsal,
    summarize_verification,
)


def add_up(digests: list[dict[str, Any]]) -> RunTally:
    """The tally of these digests."""
    tally = RunTally()
    for digest in digests:
        tally.add(digest)
    return tally


def count(verdict: str, **counts: Any) -> dict[str, Any]:
    """A digest with these counts."""
    names = ("events", "copies", "lost_answers", "throttled", "metered", "judged", "wrong")
    empty = dict.fromkeys(names, 0)
    return {"verdict": verdict, "visible_s": [], **empty, **counts}


@pytest.mark.parametrize(
    ("digests", "line"),
    [
        ([], "amberflo: 0 judged on embedded; 0 events sent, 0 re-sent; usage right in 0 of 0"),
        (
            [count("passed", events=1, judged=1, visible_s=[0.004])],
            "amberflo: 1 judged on embedded; 1 event sent, 0 re-sent; usage right in 1 of 1; "
            "visible after 4 ms (slowest 4 ms)",
        ),
        (
            [count("passed", metered=3, judged=2), count("passed", metered=1, judged=2)],
            "amberflo: 2 judged on embedded; 0 events sent, 0 re-sent; 4 due from services under "
            "test; usage right in 4 of 4",
        ),
        (
            [
                count("passed", events=2, copies=1, judged=2, visible_s=[0.2, 0.1]),
                count("failed", events=3, judged=1, wrong=1, throttled=2, lost_answers=1),
                count("unverified", events=1),
                count("error"),
                count("error"),
                count("skipped"),
                count("passed", judged=1, visible_s=[3]),
            ],
            "amberflo: 3 judged on embedded, 1 unverified, 2 error, 1 skipped; 6 events sent, "
            "1 re-sent (1 without an answer), throttled 2 times; usage right in 3 of 4; "
            "visible after 200 ms (slowest 3.0 s)",
        ),
    ],
)
def test_the_line_of_a_run(digests: list[dict[str, Any]], line: str) -> None:
    """What was judged, what was sent, in how many usage was right, and how fast it was."""
    assert summarize(add_up(digests), "embedded") == line


def test_what_is_deferred_is_due_with_the_last() -> None:
    """Entries of items that are not deferred are due at no time."""
    digests = [
        count("deferred", due_s=1_700_000_000.5),
        count("deferred", due_s=1_600_000_000.0),
        count("failed", due_s=1_900_000_000.0),
    ]
    line = summarize(add_up(digests), "live", "later.jsonl")
    assert line.endswith(
        "; 2 deferred to later.jsonl (due from 2023-11-14 22:13 UTC): "
        "pytest --amberflo-verify later.jsonl"
    )


def test_what_is_nothing_is_not_in_a_digest_and_adds_nothing() -> None:
    """A digest has only what there is, and a tally holds nothing of an item but its numbers."""
    tally = add_up([{"verdict": "passed", "nodeid": "f::wf", "target": "embedded"}])
    assert (tally.judged, list(tally.targets)) == (1, ["embedded"])
    lists = (tally.traces, tally.rehearsed, tally.visible_s, tally.stand_ins)
    assert [len(found) for found in lists] == [0, 0, 0, 0]
    assert tally.counts.total() == 0


@pytest.mark.parametrize(
    ("digests", "line"),
    [
        ([], "amberflo: dry run, 0 requests resolved, none sent"),
        (
            [{"verdict": "unverified", "nodeid": "a", "requests": ["send", "", "  POST /x", "q"]}],
            "amberflo: dry run, 2 requests resolved, none sent",
        ),
        (
            [
                {"verdict": "unverified", "nodeid": "a", "requests": ["send"]},
                {"verdict": "failed", "nodeid": "b"},
                {"verdict": "error", "nodeid": "c"},
            ],
            "amberflo: dry run, 1 request resolved, none sent; 2 of 3 workflows unsound",
        ),
    ],
)
def test_the_line_of_a_dry_run(digests: list[dict[str, Any]], line: str) -> None:
    """How many requests there would be; lines below a request are no requests."""
    assert summarize_rehearsal(add_up(digests)) == line


def test_the_line_of_a_verification() -> None:
    """Entries by how they ended, and where the rows are, if there are any."""
    ends = ("passed", "failed", "passed", "error")
    digests: list[dict[str, Any]] = [{"verdict": verdict} for verdict in ends]
    line = "amberflo: 3 entries of l.jsonl judged on live, 2 right, 1 wrong, 1 not judged"
    assert summarize_verification(add_up(digests), "live", "l.jsonl", ["r.csv"]) == line
    digests = [{"verdict": "passed", "rows": [["a"]]}, {"verdict": "unverified", "rows": []}]
    line = (
        "amberflo: 1 entry of l.jsonl judged on live, 1 right, 1 unverified; "
        "by customer, meter and day: r.csv, r.json"
    )
    found = summarize_verification(add_up(digests), "live", "l.jsonl", ["r.csv", "r.json"])
    assert found == line
