"""Live runs of which only settled figures tell, the ledger they leave, and its verification."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from live_service import LIVE, LiveName
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from pytest_run import Run, Write

_FAST = ("--amberflo-settle=1", "--amberflo-hold=0", "--amberflo-rate=1000")
_ON_LIVE = ("--amberflo-target=live", *_FAST)
_LEDGER = "--amberflo-ledger=ledger.jsonl"
_BATCH = ("--amberflo-variants=batch", _LEDGER)
_LATER = ("--amberflo-variants=once,replay,batch", _LEDGER)
_VERIFY = "--amberflo-verify=ledger.jsonl"
_SEND = INGEST_AND_QUERY[
    INGEST_AND_QUERY.index("      - stepId: ingestEvent") : INGEST_AND_QUERY.index(
        "      - stepId: queryUsage"
    )
]
#: The record is sent by two steps.
_TWICE = edit(INGEST_AND_QUERY, (_SEND, _SEND + _SEND.replace("ingestEvent", "ingestAgain")))
#: The usage that is shown must be 2.5 by the document's own words.
_STRICT = edit(
    INGEST_AND_QUERY,
    (
        "          - condition: $statusCode == 200\n        outputs:\n          clientMeters",
        "          - context: $response.body\n            type: jsonpath\n"
        "            condition: $.clientMeters['api-calls'][0].records[0][?@ == 2.5]\n"
        "        outputs:\n          clientMeters",
    ),
)


class Fresh(MeteringService):
    """Counts every copy until it has settled, like the real service."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Event] = []
        self.is_settled = False
        self.failed = False

    def store(self, events: Iterable[Event]) -> None:
        """Keep all that came, and each once."""
        events = list(events)
        self.received += events
        super().store(events)

    def visible(self) -> list[Event]:
        """What counts now."""
        return list(self.stored if self.is_settled else self.received)


class NeverSettles(Fresh):
    """Counts every copy for ever."""

    def visible(self) -> list[Event]:
        """Everything."""
        return list(self.received)


class InventsUsage(Fresh):
    """Counts more than was ever sent."""

    def visible(self) -> list[Event]:
        """Everything many times."""
        return self.received * 3


class Empty(Fresh):
    """Shows nothing."""

    def visible(self) -> list[Event]:
        """Nothing."""
        return []


class RefusesFirst(Fresh):
    """Asks to come back before it stores anything."""

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Refuse the first request."""
        if self.failed:
            super().ingest(handler, data)
            return
        self.failed = True
        self.send(handler, 503, {"message": "slow down"}, headers={"Retry-After": "0"})


class FailsFirst(Fresh):
    """Stores, and answers as if it had not."""

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Fail the first request after it was stored."""
        if self.failed:
            super().ingest(handler, data)
            return
        self.failed = True
        self.store([data])
        self.send(handler, 500, {"message": "Internal server error"})


class RefusesKeys(Fresh):
    """Knows no key."""

    api_key = "another"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, write: Write) -> Iterator[Fresh]:
    """The real service's name, on this machine, with fresh figures."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    with Fresh() as service, LiveName(service) as name:
        name.set_up(monkeypatch)
        yield service


def be(service: Fresh, kind: type[Fresh]) -> None:
    """Make a service another one."""
    service.__class__ = kind


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The entries of a ledger."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def make_due(path: Path) -> None:
    """Let the time go by that settling takes."""
    lines = [entry | {"not_before": "2020-01-01T00:00:00Z"} for entry in read_lines(path)]
    text = "".join(json.dumps(entry) + "\n" for entry in lines)
    path.write_text(text, encoding="utf-8")


def test_copies_on_live_are_deferred_and_judged_later(
    run: Run, live: Fresh, pytester: pytest.Pytester
) -> None:
    """Fresh figures with copies are neither right nor wrong; settled ones are judged."""
    result = run(*_ON_LIVE, *_LATER)
    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 1, "deferred": 2}
    result.stdout.fnmatch_lines(
        [
            "amberflo: 1 judged on live (https://app.amberflo.io); *; 2 deferred to ledger.jsonl "
            "(due from 20??-??-?? 07:10 UTC): pytest --amberflo-verify ledger.jsonl"
        ]
    )
    path = pytester.path / "ledger.jsonl"
    entries = read_lines(path)
    assert sorted(entry["verdict"] for entry in entries) == ["deferred", "deferred", "passed"]
    assert {entry["target"] for entry in entries} == {LIVE}
    assert "key-of-the-real-service" not in path.read_text(encoding="utf-8")
    make_due(path)
    live.is_settled = True
    result = run(_VERIFY)
    assert result.ret == 0
    assert result.parseoutcomes() == {"passed": 3}
    result.stdout.fnmatch_lines(
        [
            "amberflo: 3 entries of ledger.jsonl judged on live (https://app.amberflo.io), "
            "3 right; by customer, meter and day: ledger-report.csv, ledger-report.json"
        ]
    )


def test_copies_that_stay_are_a_fault(
    run_serially: Run, live: Fresh, pytester: pytest.Pytester
) -> None:
    """What is still counted when it is due is counted twice."""
    run_serially(*_ON_LIVE, *_LATER)
    make_due(pytester.path / "ledger.jsonl")
    be(live, NeverSettles)
    result = run_serially(_VERIFY)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "usage of meter api-calls: 2.5 expected, * seen. One record was counted *",
            "ledger.jsonl:?  ingest.arazzo.yaml::ingest-and-query-usage::*, sent 20* UTC",
            "  usage of meter api-calls, customer pt-*, SUM by DAY",
            "  request   POST https://app.amberflo.io/usage *",
        ]
    )
    result.stdout.fnmatch_lines(["amberflo: 3 entries of *, 1 right, 2 wrong; *"])


def test_the_table_for_finance_is_exact(
    run_serially: Run, live: Fresh, write: Write, pytester: pytest.Pytester
) -> None:
    """Sent, acknowledged, expected, seen and difference by customer, meter and day."""
    run_serially(*_ON_LIVE, *_BATCH, "--amberflo-input=meterValue=0.1")
    make_due(pytester.path / "ledger.jsonl")
    be(live, NeverSettles)
    run_serially(_VERIFY)
    with (pytester.path / "ledger-report.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row.pop("customer").startswith("pt-")
    assert len(row.pop("day")) == len("2026-11-21")
    assert row == {
        "meter": "api-calls",
        "sent": "0.3",
        "acknowledged": "0.3",
        "expected": "0.1",
        "seen": "0.30000000000000004",
        "difference": "0.20000000000000004",
        "verdict": "wrong",
    }
    (same,) = json.loads((pytester.path / "ledger-report.json").read_text(encoding="utf-8"))
    assert {name: same[name] for name in row} == row
    live.is_settled = True
    be(live, Fresh)
    result = run_serially(_VERIFY, "--amberflo-verify-report=here.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["amberflo: 1 entry *; by customer, meter and day: here.json"])
    (row,) = json.loads((pytester.path / "here.json").read_text(encoding="utf-8"))
    assert (row["seen"], row["difference"], row["verdict"]) == ("0.1", "0", "right")


def test_an_entry_that_is_not_due_is_an_error(
    run_serially: Run, live: Fresh, pytester: pytest.Pytester
) -> None:
    """Nothing is asked too early, and nobody takes that for a pass."""
    run_serially(*_ON_LIVE, *_BATCH)
    queries = live.usage_queries
    result = run_serially(_VERIFY)
    result.assert_outcomes(errors=1)
    assert live.usage_queries == queries
    result.stdout.fnmatch_lines(
        ["not yet due: fresh figures may count copies. It can be judged from 20* UTC on, in * min"]
    )
    (row,) = json.loads((pytester.path / "ledger-report.json").read_text(encoding="utf-8"))
    assert (row["expected"], row["seen"], row["verdict"]) == ("2.5", None, "not seen")


def test_entries_are_items(run_serially: Run, live: Fresh, pytester: pytest.Pytester) -> None:
    """They are listed, selected, named on the command line, and carry numbers in JUnit."""
    run_serially(*_ON_LIVE, *_LATER)
    make_due(pytester.path / "ledger.jsonl")
    live.is_settled = True
    (pytester.path / "test_other.py").write_text("def test_other(): assert False\n", "utf-8")
    listed = run_serially(_VERIFY, "--collect-only", "-q")
    names = [line for line in listed.stdout.lines if line.startswith("ledger.jsonl::")]
    prefix = "ledger.jsonl::ingest-and-query-usage-"
    assert sorted(names) == [prefix + name for name in ("batch", "once", "replay")]
    assert not (pytester.path / "ledger-report.csv").exists()
    files = ("--junitxml=junit.xml", "--amberflo-trace=trace.json")
    result = run_serially(_VERIFY, "-k", "batch", *files)
    assert result.parseoutcomes()["passed"] == 1
    text = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    for name, value in (
        ("verdict", "passed"),
        ("usage_expected", "2.5"),
        ("usage_seen", "2.5"),
        ("not_before", "2020-01-01T00:00:00Z"),
        ("item", "ingest.arazzo.yaml::ingest-and-query-usage::batch"),
    ):
        assert f'<property name="amberflo_{name}" value="{value}"' in text
    trace = json.loads((pytester.path / "trace.json").read_text(encoding="utf-8"))
    assert trace["workflows"][0]["metering"]["seen"] == ["2.5"]
    run_serially(_VERIFY, prefix + "once").assert_outcomes(passed=1)
    refused = run_serially(_VERIFY, "test_other.py")
    refused.stderr.fnmatch_lines(
        ["ERROR: amberflo: --amberflo-verify judges ledger.jsonl and runs nothing else, but *"]
    )


def test_copies_on_live_without_a_ledger_are_refused(run_serially: Run, live: Fresh) -> None:
    """Before anything is sent: nobody could ever say what came of it."""
    result = run_serially(*_ON_LIVE, "--amberflo-variants=once,lost-ack,distinct")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: amberflo: fresh figures of the real service may count copies for hours: "
            "lost-ack, distinct can be judged only later. Give --amberflo-ledger FILE, or "
            "--amberflo-variants once"
        ]
    )
    assert live.requests == []


def test_more_than_was_sent_fails_at_once(run_serially: Run, live: Fresh) -> None:
    """No copy excuses usage that nobody sent."""
    be(live, InventsUsage)
    result = run_serially(*_ON_LIVE, "--amberflo-variants=once,batch", _LEDGER)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*One record was counted 3 times:*", "* 9 times:*"])


@pytest.mark.parametrize("arguments", [(), (_LEDGER,)])
def test_a_retry_that_shows_once_is_right(
    run_serially: Run, live: Fresh, arguments: tuple[str, ...]
) -> None:
    """A request that was sent again after a 503 is no copy where it shows once."""
    be(live, RefusesFirst)
    result = run_serially(*_ON_LIVE, *arguments)
    result.assert_outcomes(passed=1)


def test_a_retry_that_shows_twice_is_judged_later(run_serially: Run, live: Fresh) -> None:
    """It may rightly show twice for a while; without a ledger that is an error of the item."""
    be(live, FailsFirst)
    live.failed = False
    result = run_serially(*_ON_LIVE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "not judged: fresh figures of the real service may count copies for hours, so it can "
            "be judged only later. Give --amberflo-ledger FILE; *",
            "                              expected          seen    difference",
            "  20??-??-?? *                     2.5             5          +2.5",
            "amberflo: 0 judged on live (https://app.amberflo.io), 1 error; *",
        ]
    )
    live.failed = False
    result = run_serially(*_ON_LIVE, _LEDGER)
    assert (result.ret, result.parseoutcomes()) == (0, {"deferred": 1})


def test_a_document_that_repeats_itself_is_judged_later(
    run_serially: Run, live: Fresh, write: Write
) -> None:
    """Right fresh figures say nothing of a record that was acknowledged twice."""
    write("ingest.arazzo.yaml", _TWICE)
    live.is_settled = True
    result = run_serially(*_ON_LIVE, _LEDGER)
    assert (result.ret, result.parseoutcomes()) == (0, {"deferred": 1})
    result = run_serially(*_ON_LIVE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not judged: fresh figures *--amberflo-ledger FILE*"])


def test_a_criterion_on_fresh_figures_decides_nothing(
    run_serially: Run, live: Fresh, write: Write
) -> None:
    """What a document says of usage cannot hold while copies are counted."""
    write("ingest.arazzo.yaml", _STRICT)
    result = run_serially(*_ON_LIVE, *_BATCH)
    assert (result.ret, result.parseoutcomes()) == (0, {"deferred": 1})
    be(live, Empty)
    result = run_serially(*_ON_LIVE, *_BATCH)
    result.assert_outcomes(failed=1)


def test_a_ledger_grows(run_serially: Run, live: Fresh, pytester: pytest.Pytester) -> None:
    """A second run adds to it; a file that is no ledger is left alone, and nothing is sent."""
    path = pytester.path / "ledger.jsonl"
    for count in (1, 2):
        run_serially(*_ON_LIVE, *_BATCH)
        assert len(read_lines(path)) == count
    assert {other.name for other in pytester.path.glob(".ledger*")} == set()
    make_due(path)
    live.is_settled = True
    run_serially(_VERIFY).assert_outcomes(passed=2)
    sent = len(live.requests)
    path.write_text("dear diary\n", encoding="utf-8")
    result = run_serially(*_ON_LIVE, _LEDGER)
    result.stderr.fnmatch_lines(
        [
            "ERROR: amberflo: --amberflo-ledger would add to a file that is no ledger: "
            "ledger.jsonl:1:1  this is no JSON: Expecting value"
        ]
    )
    assert (len(live.requests), path.read_text(encoding="utf-8")) == (sent, "dear diary\n")


def test_a_verification_goes_to_the_target_of_its_ledger(
    run_serially: Run, live: Fresh, pytester: pytest.Pytester
) -> None:
    """Another target that was asked for is an error with the place; the key goes nowhere else."""
    run_serially(*_ON_LIVE, *_BATCH)
    path = pytester.path / "ledger.jsonl"
    make_due(path)
    result = run_serially(_VERIFY, "--amberflo-target", live.url)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "ledger.jsonl:1:1  it was sent to https://app.amberflo.io, and the target is "
            "http://127.0.0.1:*. To verify it: --amberflo-target live"
        ]
    )
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("app.amberflo.io", "elsewhere.example"), encoding="utf-8")
    result = run_serially(_VERIFY)
    result.stderr.fnmatch_lines(
        ["*was sent to https://elsewhere.example; to ask there: --amberflo-target https://*"]
    )


def test_a_broken_ledger_is_an_error_with_its_place(run_serially: Run, write: Write) -> None:
    """The file, the line and what is wrong; pytest ends red."""
    for text, message in (
        ('\n{"amberflo_ledger": 0}\n', "ledger.jsonl:2:1  it is of version 0, of an older *"),
        ('{"a": \n', "ledger.jsonl:1:7  this is no JSON: *"),
        ("", "ledger.jsonl  it has no entries: no run has deferred anything to it"),
    ):
        write("ledger.jsonl", text)
        result = run_serially(_VERIFY)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([message])


def test_a_service_that_is_gone_is_a_failure(
    run_serially: Run, live: Fresh, pytester: pytest.Pytester
) -> None:
    """A verification that reads nothing is red, and the table says what was not seen."""
    run_serially(*_ON_LIVE, *_BATCH)
    make_due(pytester.path / "ledger.jsonl")
    be(live, RefusesKeys)
    result = run_serially(_VERIFY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["usage cannot be read: status 401; the service refuses the key"])
    (row,) = json.loads((pytester.path / "ledger-report.json").read_text(encoding="utf-8"))
    assert (row["sent"], row["seen"]) == ("7.5", None)


def test_what_tells_records_apart_shows_later(
    run_serially: Run, live: Fresh, pytester: pytest.Pytester
) -> None:
    """Fresh figures count everything: whether too much is taken for a copy is seen later."""
    result = run_serially(*_ON_LIVE, "--amberflo-variants=distinct", _LEDGER)
    assert (result.ret, result.parseoutcomes()) == (0, {"deferred": 1})
    make_due(pytester.path / "ledger.jsonl")
    live.stored = [body for body in live.stored if body["uniqueId"] == live.stored[0]["uniqueId"]]
    live.is_settled = True
    result = run_serially(_VERIFY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["usage of meter api-calls: 5 expected, 2.5 seen. *"])


def test_a_ledger_has_no_secret(run_serially: Run, live: Fresh, pytester: pytest.Pytester) -> None:
    """Where the key stands in an event, nothing is kept, and the item is an error."""
    key = "key-of-the-real-service"
    result = run_serially(*_ON_LIVE, *_BATCH, f"--amberflo-input=uniqueId={key}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not kept for later: a secret stands in what was sent or *"])
    assert not (pytester.path / "ledger.jsonl").exists()
