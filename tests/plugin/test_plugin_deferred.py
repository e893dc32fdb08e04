"""Live runs of which only settled figures tell, the ledger they leave, and its verification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from live_service import LIVE, LiveName
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_run import Run, Write

_FAST = ("--amberflo-settle=1", "--amberflo-hold=0", "--amberflo-rate=1000")
_ON_LIVE = ("--amberflo-target=live", *_FAST)
_LATER = ("--amberflo-variants=once,replay,batch", "--amberflo-ledger=ledger.jsonl")
_VERIFY = "--amberflo-verify=ledger.jsonl"


class Fresh(MeteringService):
    """Counts every copy until it has settled, like the real service."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Event] = []
        self.is_settled = False

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


def test_copies_that_stay_are_a_fault(run: Run, live: Fresh, pytester: pytest.Pytester) -> None:
    """What is still counted when it is due is counted twice."""
    run(*_ON_LIVE, *_LATER)
    make_due(pytester.path / "ledger.jsonl")
    be(live, NeverSettles)
    result = run(_VERIFY)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "usage of meter api-calls: 2.5 expected, 10 seen. One record was counted 4 times: *",
            "ledger.jsonl:?  ingest.arazzo.yaml::ingest-and-query-usage::replay, sent 20* UTC",
            "  usage of meter api-calls, customer pt-*, SUM by DAY",
            "*api-calls*https://app.amberflo.io/usage*",
        ]
        if False
        else [
            "usage of meter api-calls: 2.5 expected, * seen. One record was counted *",
            "ledger.jsonl:?  ingest.arazzo.yaml::ingest-and-query-usage::*, sent 20* UTC",
            "  usage of meter api-calls, customer pt-*, SUM by DAY",
            "  request   POST https://app.amberflo.io/usage *",
        ]
    )
