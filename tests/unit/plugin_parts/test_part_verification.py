"""One entry, judged against a service on loopback whose figures settle when the test says so."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import Event, MeteringService
from msgspec.structs import replace
from unit.plugin_parts.part_kit import DAY, make_settings

from pytest_amberflo.metering.deferral import Entry, Rules, StoredQuery, find_due, plan_totals
from pytest_amberflo.metering.event import read_events
from pytest_amberflo.metering.ledger import Fate, Transmission
from pytest_amberflo.metering.witness import Shape, write_query
from pytest_amberflo.run import Run
from pytest_amberflo.settings import Target
from pytest_amberflo.verdict import Verdict
from pytest_amberflo.verification import Verification, VerifyResult, describe_wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

PASSED, FAILED = Verdict.PASSED, Verdict.FAILED
UNVERIFIED, ERROR = Verdict.UNVERIFIED, Verdict.ERROR
STORED, MAYBE = Fate.STORED, Fate.MAYBE
TOO_MUCH = "usage is not what was sent"


class Service(MeteringService):
    """Counts `times` of each event; refuses the first requests as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 1
        self.refusals: list[int] = []

    def visible(self) -> list[Event]:
        """What counts now."""
        return self.stored * self.times

    def usage(self, handler: BaseHTTPRequestHandler, query: dict[str, Any]) -> None:
        """Refuse, or answer."""
        if self.refusals:
            status = self.refusals.pop(0)
            headers = {"Retry-After": "0"} if status in (429, 503) else None
            self.send(handler, status, {"message": "not now", "code": "X"}, headers=headers)
            return
        super().usage(handler, query)


def event(value: float = 2.5, unique_id: str = "a", **members: Any) -> Event:
    """An event of customer acme an hour after the start of DAY."""
    return {
        "meterApiName": "api-calls",
        "customerId": "acme",
        "meterValue": value,
        "meterTimeInMillis": (DAY + 3600) * 1000,
        "uniqueId": unique_id,
    } | members


def make_entry(service: MeteringService, *sent: tuple[Event, Fate], **rules: Any) -> Entry:
    """The entry of an item that sent these to the service, with the queries of its totals."""
    transmissions = tuple(
        Transmission(event=read_events(json.dumps(body).encode())[0], fate=fate, at_s=DAY + 7200.0)
        for body, fate in sent
    )
    queries = tuple(
        StoredQuery(
            path="/usage",
            body=json.dumps(write_query(query, Shape.PUBLISHED)),
            description="amberflo-metering-openapi.yaml",
            is_total=True,
        )
        for query in plan_totals(found.event for found in transmissions)
    )
    known = {"is_live": True, "settle_s": 0.0, "hold_s": 0.0} | rules
    return Entry(
        run="run",
        item="f.yaml::wf::replay",
        verdict="deferred",
        target=service.url,
        not_before_s=find_due(transmissions, is_live=True),
        rules=Rules(**known),
        transmissions=transmissions,
        queries=queries,
    )


@contextmanager
def start(*stored: Event) -> Iterator[Service]:
    """A service that has these."""
    with Service() as service:
        service.store(stored)
        yield service


def verify(
    service: MeteringService, entry: Entry, root: Path, *others: Entry, **settings: Any
) -> VerifyResult:
    """The result of an entry beside others of its file."""
    target = Target(kind="url", url=service.url, origin="command line")
    run = Run(
        make_settings(target=target, **settings), root=root, run_id="r", api_key="key-of-the-run"
    )
    try:
        return Verification(run, entry, [entry, *others], "key-of-the-run").run()
    finally:
        run.close()


@pytest.mark.parametrize(
    ("times", "verdict"), [(1, PASSED), (2, FAILED), (4, FAILED), (0, FAILED)]
)
def test_copies_are_judged_when_figures_are_settled(
    tmp_path: Path, times: int, verdict: Verdict
) -> None:
    """Once is right; what was excused before is not any more, and neither is a loss."""
    with start(event()) as service:
        service.times = times
        entry = make_entry(service, *[(event(), STORED)] * 4)
        result = verify(service, entry, tmp_path)
        assert [headers["x-api-key"] for _, _, headers, _ in service.requests] == [
            "key-of-the-run"
        ] * 2
    assert result.verdict is verdict
    (row,) = result.rows
    texts = row.as_texts()
    assert (texts["sent"], texts["expected"]) == ("10", "2.5")
    assert texts["seen"] == f"{2.5 * times:g}"
    assert row.is_right == (times == 1)


def test_what_other_entries_sent_is_no_fault(tmp_path: Path) -> None:
    """Two items that wrote to one customer are judged together."""
    with start(event(), event(4, "b")) as service:
        entry = make_entry(service, (event(), STORED))
        other = make_entry(service, (event(4, "b"), STORED))
        assert verify(service, entry, tmp_path).verdict is FAILED
        assert verify(service, entry, tmp_path, other).verdict is PASSED


def test_others_may_have_written_to_a_customer_of_the_users(tmp_path: Path) -> None:
    """Hours later, too much is nobody's fault for certain; too little is a loss."""
    with start(event(), event(4, "b")) as service:
        entry = make_entry(service, (event(), STORED), has_other_writers=True)
        assert verify(service, entry, tmp_path).verdict is UNVERIFIED
        service.stored.pop()
        assert verify(service, entry, tmp_path).verdict is PASSED
        service.stored.clear()
        assert verify(service, entry, tmp_path).verdict is FAILED


def test_an_event_that_may_not_have_come_is_either(tmp_path: Path) -> None:
    """Without an answer it counts or does not; twice it does not."""
    with start() as service:
        entry = make_entry(service, (event(), MAYBE))
        assert verify(service, entry, tmp_path).verdict is PASSED
        service.store([event()])
        assert verify(service, entry, tmp_path).verdict is PASSED
        service.times = 2
        assert verify(service, entry, tmp_path).verdict is FAILED


def test_nothing_to_ask_proves_nothing(tmp_path: Path) -> None:
    """An event without a customer has no total, and the ledger no other query."""
    with start() as service:
        body = event()
        del body["customerId"]
        result = verify(service, make_entry(service, (body, STORED)), tmp_path)
    assert result.verdict is UNVERIFIED
    assert result.reasons[0] == "the ledger has no query for what was sent"


@pytest.mark.parametrize("refusals", [[503, 429, 503], [500], [502, 500]])
def test_a_busy_service_is_asked_again(tmp_path: Path, refusals: list[int]) -> None:
    """Throttling and failures of the moment are no verdict."""
    with start(event()) as service:
        service.refusals = list(refusals)
        assert verify(service, make_entry(service, (event(), STORED)), tmp_path).verdict is PASSED


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "usage cannot be read: status 401; the service refuses the key"),
        (404, "usage cannot be read: status 404"),
    ],
)
def test_an_answer_that_is_no_usage_is_a_failure(
    tmp_path: Path, status: int, message: str
) -> None:
    """Nothing was seen, and the table says so."""
    with start(event()) as service:
        service.refusals = [status] * 2
        result = verify(service, make_entry(service, (event(), STORED)), tmp_path)
    assert result.verdict is FAILED
    assert {finding.message for finding in result.findings} == {message}
    assert [row.seen for row in result.rows] == [None]


def test_an_answer_is_held_to_the_description_of_then(tmp_path: Path) -> None:
    """A text where a number is due is a fault of the service, as on the first day."""

    class Texts(Service):
        def report(self, query: dict[str, Any]) -> Any:
            """Numbers as texts."""
            groups = [{"groupInfo": {"customerId": "acme"}, "records": [{str(DAY): "2.5"}]}]
            return {"clientMeters": {"api-calls": groups}}

    with Texts() as service:
        result = verify(service, make_entry(service, (event(), STORED)), tmp_path)
    assert result.verdict is FAILED
    assert result.findings[0].message == "the response breaks its description"


def test_nobody_there_is_a_failure(tmp_path: Path) -> None:
    """It is asked once more and given up; the next queries are not asked."""
    with start() as service:
        entry = make_entry(service, (event(), STORED))
    result = verify(service, entry, tmp_path)
    assert result.verdict is FAILED
    assert len(result.findings) == 1
    assert "usage cannot be read" in result.findings[0].message


def test_the_key_goes_to_no_stranger(tmp_path: Path) -> None:
    """A server that is neither the target nor this machine has to be given."""
    with start(event()) as service:
        entry = make_entry(service, (event(), STORED))
        strange = tuple(replace(q, server="https://strange.example") for q in entry.queries)
        result = verify(service, replace(entry, queries=strange), tmp_path)
        assert service.requests == []
    assert result.verdict is ERROR
    assert "--amberflo-server NAME=https://strange.example" in result.findings[0].message


def test_a_query_of_another_server_on_this_machine_goes_there(tmp_path: Path) -> None:
    """What was asked elsewhere is asked there again."""
    with start() as target, start(event()) as service:
        entry = make_entry(service, (event(), STORED))
        queries = tuple(replace(query, server=service.url) for query in entry.queries)
        assert verify(target, replace(entry, queries=queries), tmp_path).verdict is PASSED
        assert target.requests == []


def test_a_broken_query_is_an_error(tmp_path: Path) -> None:
    """Somebody has edited the ledger."""
    with start(event()) as service:
        entry = make_entry(service, (event(), STORED))
        broken = tuple(replace(query, body="{}") for query in entry.queries)
        result = verify(service, replace(entry, queries=broken), tmp_path)
    assert (result.verdict, service.requests) == (ERROR, [])


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (0.0, None),
        (-3600.0, None),
        (1.0, "1 min"),
        (60.0, "1 min"),
        (61.0, "2 min"),
        (7 * 3600 + 300.0, "7 h 5 min"),
        (30 * 3600.0, "30 h 0 min"),
    ],
)
def test_an_entry_is_judged_when_it_is_due(before: float, text: str | None) -> None:
    """Not a second earlier; until then it says how long."""
    with start() as service:
        entry = make_entry(service, (event(), STORED))
    wait = describe_wait(entry, entry.not_before_s - before)
    if text is None:
        assert wait is None
    else:
        assert wait is not None
        assert wait.endswith(f"from 2026-11-22 07:10 UTC on, in {text}")
