"""The live service, played by the embedded one: tests in Python, and queries of our own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from live_service import LiveName

from pytest_amberflo.server.behaviour import Behaviour
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_run import Run, Write

_FAST = ("--amberflo-settle=1", "--amberflo-hold=0", "--amberflo-rate=1000")
_ON_LIVE = ("--amberflo-target=live", *_FAST, "test_hand.py")
_LEDGER = "--amberflo-ledger=ledger.jsonl"
_VERIFY = ("--amberflo-verify=ledger.jsonl", *_FAST)
_PLAIN = "def test_usage(metering):\n    metering.ingest()\n    metering.eventually()\n"
_COPIES = _PLAIN.replace("    metering.event", "    metering.replay()\n    metering.event")
_HOURS_S = 10 * 3600


class _Live:
    """The embedded server in the place of the real one: fresh figures count copies for hours."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server

    def settle(self) -> None:
        """Let these hours go by."""
        headers = {"X-Control-Token": "control"}
        url = f"{self._server.url}/control/clock"
        answer = httpx.post(url, json={"advance": _HOURS_S}, headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Live]:
    """The real service's name, on this machine."""
    behaviour = Behaviour(settle_s=_HOURS_S / 2)
    keys = ("key-of-the-real-service",)
    with (
        EmbeddedServer(keys, behaviour=behaviour, control_token="control") as server,
        LiveName(server) as name,
    ):
        name.set_up(monkeypatch)
        yield _Live(server)


@pytest.fixture
def ledger(pytester: pytest.Pytester) -> Path:
    """The ledger's file."""
    return pytester.path / "ledger.jsonl"


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _make_due(path: Path) -> None:
    entries = [entry | {"not_before": "2020-01-01T00:00:00Z"} for entry in _read(path)]
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    path.write_text(text, encoding="utf-8")


def test_copies_are_deferred_and_judged_later(
    run: Run, live: _Live, pytester: pytest.Pytester, ledger: Path
) -> None:
    """What the test sent is in the ledger, and judged from there when figures are settled."""
    pytester.makepyfile(test_hand=_COPIES)
    result = run(*_ON_LIVE, _LEDGER)
    assert (result.ret, result.parseoutcomes()) == (0, {"deferred": 1})
    (entry,) = _read(ledger)
    assert (entry["item"], entry["verdict"]) == ("test_hand.py::test_usage", "deferred")
    assert [row["expected"] for row in entry["expected"]] == ["2.5"]
    _make_due(ledger)
    red = run(*_VERIFY)
    red.assert_outcomes(failed=1)
    red.stdout.fnmatch_lines(["*2.5 expected, 5 seen. One record was counted twice*"])
    live.settle()
    run(*_VERIFY).assert_outcomes(passed=1)


def test_copies_without_a_ledger_are_not_judged(
    run_serially: Run, live: _Live, pytester: pytest.Pytester
) -> None:
    """Green would be a lie, and the message says which option helps."""
    pytester.makepyfile(test_hand=_COPIES)
    result = run_serially(*_ON_LIVE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*MeteringFailure: not judged: fresh figures*--amberflo-ledger*"])


def test_what_was_sent_once_is_judged_at_once(
    run_serially: Run, live: _Live, pytester: pytest.Pytester, ledger: Path
) -> None:
    """Fresh figures say enough of it; the ledger has it all the same, for the books."""
    pytester.makepyfile(test_hand=_PLAIN)
    run_serially(*_ON_LIVE, _LEDGER).assert_outcomes(passed=1)
    assert [entry["verdict"] for entry in _read(ledger)] == ["passed"]


def test_a_red_test_leaves_what_it_sent(
    run_serially: Run, live: _Live, pytester: pytest.Pytester, ledger: Path
) -> None:
    """Whatever was sent will be on an invoice."""
    pytester.makepyfile(test_hand=_PLAIN + "    assert False\n")
    run_serially(*_ON_LIVE, _LEDGER).assert_outcomes(failed=1)
    assert [entry["verdict"] for entry in _read(ledger)] == ["failed"]


def test_a_secret_in_an_event_stays_out_of_the_ledger(
    run_serially: Run, live: _Live, pytester: pytest.Pytester, ledger: Path
) -> None:
    """Then it cannot be judged later, and that is said."""
    sent = "metering.ingest(metering.event(unique_id='key-of-the-real-service'))"
    pytester.makepyfile(test_hand=_COPIES.replace("metering.ingest()", sent))
    result = run_serially(*_ON_LIVE, _LEDGER)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*MeteringFailure: not kept for later: a secret*"])
    assert not ledger.exists()


_PROBES = (
    "--pyargs",
    "pytest_amberflo.probes",
    "--amberflo-description=official",
    "--amberflo-max-events=10000",
    "--amberflo-target=live",
    *_FAST,
    "-k",
    "sent_again_later or twice_in_one_array or another_id",
)


def test_probes_are_deferred_and_judged_later(
    run: Run, live: _Live, pytester: pytest.Pytester, ledger: Path
) -> None:
    """Probes that send copies on the real service are in the ledger, too."""
    outcomes = run(*_PROBES, _LEDGER).parseoutcomes()
    assert outcomes["deferred"] >= 1
    assert not outcomes.keys() & {"failed", "unverified", "errors"}
    _make_due(ledger)
    live.settle()
    run(*_VERIFY).assert_outcomes(passed=len(_read(ledger)))


def test_probes_that_prove_nothing_yet_are_unverified_without_a_ledger(
    run_serially: Run, live: _Live
) -> None:
    """The message says which option helps."""
    result = run_serially(*_PROBES)
    assert result.parseoutcomes().keys() & {"failed", "unverified"}
    result.stdout.fnmatch_lines(["unverified: not judged: fresh figures*--amberflo-ledger*"])


_OWN_DESCRIPTION = """\
openapi: 3.1.0
info: {title: Metering, version: 1.0.0}
servers: [{url: "https://ingest.amberflo.io"}]
paths:
  /ingest:
    post:
      operationId: ingest
      x-note: usage is not described here
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: accepted}}
"""
_ONLY_INGEST = """\
arazzo: 1.0.1
info: {title: Ingest, version: 1.0.0}
sourceDescriptions: [{name: own, url: own.yaml, type: openapi}]
workflows:
  - workflowId: only-ingest
    inputs:
      type: object
      properties:
        apiKey: {type: string}
        customerId: {type: string}
        meterTimeInMillis: {type: integer}
    steps:
      - stepId: ingest
        operationId: ingest
        parameters: [{name: X-API-KEY, in: header, value: $inputs.apiKey}]
        requestBody:
          contentType: application/json
          payload:
            meterApiName: api-calls
            customerId: $inputs.customerId
            meterValue: 2
            meterTimeInMillis: $inputs.meterTimeInMillis
        successCriteria: [{condition: $statusCode == 200}]
"""


def test_a_query_of_our_own_has_the_form_that_the_service_knows(
    run_serially: Run, live: _Live, pytester: pytest.Pytester, write: Write
) -> None:
    """Where no description says how to ask, the real service is asked in the official form."""
    write("own.yaml", _OWN_DESCRIPTION)
    write("only.arazzo.yaml", _ONLY_INGEST)
    run_serially(*_ON_LIVE[:-1], "--amberflo-har=run.har").assert_outcomes(passed=1)
    har = json.loads((pytester.path / "run.har").read_text(encoding="utf-8"))
    sent = [entry["request"] for entry in har["log"]["entries"]]
    asked = [
        json.loads(request["postData"]["text"])
        for request in sent
        if request["url"] == "https://app.amberflo.io/usage"
    ]
    assert asked
    assert all("timeRange" in query for query in asked)
