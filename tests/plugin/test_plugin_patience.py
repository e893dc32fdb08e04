"""Services that are right but slow, throttled or forgetful, and items that prove nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.server import BaseHTTPRequestHandler

    from pytest_run import Run, Write

_NO_HOLD = ("--amberflo-hold", "0")


@pytest.fixture(autouse=True)
def _workflow(write: Write) -> None:
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)


class Lags(MeteringService):
    """Shows an event some time after it was accepted."""

    lag_s = 0.4

    def store(self, events: Iterable[Event]) -> None:
        """Keep the time with the event."""
        super().store(events)
        self.since = time.monotonic()

    def visible(self) -> list[Event]:
        """Nothing until the lag is over."""
        return super().visible() if time.monotonic() - self.since > self.lag_s else []


class Throttles(MeteringService):
    """Asks to come back, once for each path."""

    status = 503

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, str] | None = {"Retry-After": "0"}
        self.refused: set[str] = set()

    def answer(
        self, handler: BaseHTTPRequestHandler, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        """Refuse the first request of each path."""
        if path in self.refused:
            super().answer(handler, path, headers, body)
            return
        self.refused.add(path)
        self.send(handler, self.status, {"message": "slow down"}, headers=self.headers)


class LosesAnswers(MeteringService):
    """Stores the first two ingests and drops the connection instead of answering."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Store; answer the third time."""
        if self.dropped < 2:
            self.dropped += 1
            self.store([data])
            handler.close_connection = True
            handler.connection.shutdown(2)
            return
        super().ingest(handler, data)


class ForgetsWhatItShowed(MeteringService):
    """Shows usage once, and then no more."""

    def visible(self) -> list[Event]:
        """Everything at first, nothing later."""
        return super().visible() if self.usage_queries == 1 else []


class CountsLate(MeteringService):
    """Counts the event a second time a little later."""

    def visible(self) -> list[Event]:
        """Once at first, twice later."""
        return self.stored * (1 if self.usage_queries <= 2 else 2)


class NeverShows(MeteringService):
    """Answers an ingest with 500 and stores nothing."""

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Fail."""
        self.send(handler, 500, {"message": "Internal server error"})


class AnswersAnything(MeteringService):
    """Answers every request with usage of nothing."""

    def answer(self, handler: BaseHTTPRequestHandler, *_request: object) -> None:
        """Answer."""
        self.send(handler, 200, {"clientMeters": {}})


def test_lag_is_waited_for(run: Run) -> None:
    """Usage that shows up within the settle time is right, and the time is reported."""
    with Lags() as slow:
        result = run("--amberflo-target", slow.url, *_NO_HOLD)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["amberflo: 1 judged on *; visible after [4-9]?? ms *"])


def test_settle_is_not_endless(run_serially: Run) -> None:
    """Usage that comes after the settle time is lost."""
    with Lags() as slow:
        slow.lag_s = 60
        result = run_serially("--amberflo-target", slow.url, "--amberflo-settle=0.3", *_NO_HOLD)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  Nothing more came.", "  Seen in * readings over * ms."])


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {"Retry-After": "0"}), (429, {"Retry-After": "1"}), (429, None)]
)
def test_throttling_is_waited_for(
    run_serially: Run, status: int, headers: dict[str, str] | None
) -> None:
    """A service that asks to come back is asked again; the event is counted once."""
    with Throttles() as busy:
        busy.status, busy.headers = status, headers
        result = run_serially("--amberflo-target", busy.url, *_NO_HOLD)
        ingests = [body for _, path, _, body in busy.requests if "ingest" in path]
    result.assert_outcomes(passed=1)
    assert len(ingests) == 2
    assert ingests[0] == ingests[1]
    result.stdout.fnmatch_lines(["amberflo: *; 2 events sent, 1 re-sent, throttled 2 times; *"])


def test_throttling_beyond_the_budget_is_not_judged(run_serially: Run) -> None:
    """A service that asks for too much time is no bug and no pass."""
    with Throttles() as busy:
        busy.headers = {"Retry-After": "3600"}
        result = run_serially("--amberflo-target", busy.url)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "  not judged: the service throttled; 0 s of 60 s were waited, "
            "and it asks for 3600 s more"
        ]
    )
    result.stdout.fnmatch_lines(["amberflo: 0 judged on *, 1 error; *"])


def test_lost_answers_are_sent_again_byte_for_byte(run_serially: Run) -> None:
    """A connection that breaks after the event was stored does not make it count twice."""
    with LosesAnswers() as forgetful:
        result = run_serially("--amberflo-target", forgetful.url, *_NO_HOLD)
        ingests = [body for _, path, _, body in forgetful.requests if "ingest" in path]
    result.assert_outcomes(passed=1)
    assert len(ingests) == 3
    assert len(set(ingests)) == 1
    result.stdout.fnmatch_lines(["amberflo: *; 3 events sent, 2 re-sent (2 without an answer); *"])


def test_severity_turns_patience_into_a_failure(run_serially: Run) -> None:
    """`amberflo_severity` decides whether a lost answer is worth a red item."""
    with LosesAnswers() as forgetful:
        result = run_serially(
            "--amberflo-target", forgetful.url, "--amberflo-severity=lost-answer=error", *_NO_HOLD
        )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["  sent again: 127.0.0.1:* closed the connection without an answer"]
    )


def test_an_ingest_that_keeps_failing_ends(run_serially: Run) -> None:
    """Four attempts, and then the step's criterion and the contract say what came."""
    with NeverShows() as broken:
        result = run_serially("--amberflo-target", broken.url)
        assert len(broken.requests) == 4
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["    status  500 is not documented for ingestMeterEvents (it has 200, 400, 401)"]
    )


@pytest.mark.parametrize("service", [ForgetsWhatItShowed, CountsLate])
def test_right_usage_is_watched(run_serially: Run, service: type[MeteringService]) -> None:
    """Usage that was right and changes while it is watched fails."""
    with service() as fickle:
        result = run_serially("--amberflo-target", fickle.url, "--amberflo-hold=0.5")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  Seen in * It was right after * ms, and then changed."])


def test_what_is_not_understood_is_no_pass(write: Write, run_serially: Run) -> None:
    """A request that looks like an ingest and is none makes the item unverified."""
    text = edit(
        INGEST_AND_QUERY,
        (
            "        operationId: queryUsage\n",
            "        operationPath: "
            "'{$sourceDescriptions.meteringApi.url}#/paths/~1usage~1raw/post'\n",
        ),
    )
    write("workflows/raw.yaml", text)
    description = edit(
        _DESCRIPTION, ("  /usage:\n", "  /usage/raw:\n"), ("queryUsage", "queryRawUsage")
    )
    write("openapi/amberflo-metering-openapi.yaml", description)
    with AnswersAnything() as service:
        result = run_serially("workflows/raw.yaml", "--amberflo-target", service.url)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["    `queryRawUsage` looks like an ingest or usage query and is not understood; *"]
    )


@pytest.mark.parametrize("aggregation", ["SUM", "MAX", "COUNT"])
@pytest.mark.parametrize("interval", ["HOUR", "DAY"])
def test_every_aggregation_is_judged(
    write: Write, run_serially: Run, aggregation: str, interval: str
) -> None:
    """SUM, MAX and COUNT by HOUR and DAY agree with the embedded server, and a loss shows."""
    text = edit(
        INGEST_AND_QUERY,
        ("aggregation: SUM", f"aggregation: {aggregation}"),
        ("timeGroupingInterval: DAY", f"timeGroupingInterval: {interval}"),
    )
    write("ingest.arazzo.yaml", text)
    run_serially().assert_outcomes(passed=1)

    class Loses(MeteringService):
        def store(self, events: Iterable[Event]) -> None:
            """Keep nothing."""

    with Loses() as wrong:
        result = run_serially("--amberflo-target", wrong.url, "--amberflo-settle=0.2", *_NO_HOLD)
    result.assert_outcomes(failed=1)


def test_trace_has_every_step(run_serially: Run, pytester: pytest.Pytester, write: Write) -> None:
    """`--amberflo-trace` writes one file for all workers, with an entry for every item."""
    write("other.arazzo.yaml", INGEST_AND_QUERY)
    run_serially("--amberflo-trace=trace.json").assert_outcomes(passed=2)
    trace = json.loads((pytester.path / "trace.json").read_text(encoding="utf-8"))
    assert (trace["version"], trace["target"]) == (1, "embedded")
    assert sorted(entry["nodeid"] for entry in trace["workflows"]) == [
        "ingest.arazzo.yaml::ingest-and-query-usage::once",
        "other.arazzo.yaml::ingest-and-query-usage::once",
    ]
    entry = trace["workflows"][0]
    assert entry["outcome"] == "passed"
    assert entry["inputs"]["meterValue"] == 2.5
    assert entry["outputs"]["ingestResult"] == "1 records were ingested"
    assert [step["stepId"] for step in entry["steps"]] == ["ingestEvent", "queryUsage"]
    assert [check["check"] for check in entry["steps"][1]["checks"]] == [
        "request",
        "status",
        "content-type",
        "response-schema",
        "usage",
        "criterion",
    ]
    assert entry["metering"]["expected"] == entry["metering"]["seen"] == ["2.5"]


_DESCRIPTION = """\
openapi: 3.0.3
info: {title: A stranger's description, version: "7"}
servers:
  - url: https://app.amberflo.io
paths:
  /ingest:
    post:
      operationId: ingestMeterEvents
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {}}}}
  /usage:
    post:
      operationId: queryUsage
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {}}}}
"""
