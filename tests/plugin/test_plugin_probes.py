"""`pytest --pyargs pytest_amberflo.probes`: what is collected, and what is told of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from broken_loss import KeepsEverything
from right_service import FIRST_KEY, SECOND_KEY, RightService

if TYPE_CHECKING:
    from pytest_run import Run, Write

PROBES = ("--pyargs", "pytest_amberflo.probes")
FEW = (*PROBES, "-k", "one_event or sent_again_later or no_key or usage_of_the_other")


@pytest.fixture
def _first_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBERFLO_API_KEY", FIRST_KEY)


def test_probes_pass_on_the_embedded_server(run: Run) -> None:
    """Selected probes run; tenancy is skipped without a second key, and says so."""
    result = run(*FEW, "-rs")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(["*AMBERFLO_API_KEY_2 is not set: there is one account only*"])


def test_probes_of_tenancy_run_with_a_second_key(
    run_serially: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded server takes the second key as another account's."""
    monkeypatch.setenv("AMBERFLO_API_KEY_2", "the-other-account-1")
    run_serially(*PROBES, "-k", "probe_tenancy").assert_outcomes(passed=5)


def test_python_files_do_not_matter(write: Write, run_serially: Run) -> None:
    """Each probe is collected once, also where python_files would take its file."""
    write("pytest.ini", "[pytest]\npython_files = *.py\npython_functions = *\n")
    result = run_serially(*FEW, "--collect-only", "-q")
    lines = [line for line in result.stdout.lines if "::one_event" in line]
    assert len(lines) == 1, result.stdout.str()


def test_promises_are_shown(run_serially: Run) -> None:
    """Under -v each probe stands with its promise, and so it does when it is only collected."""
    promise = "One event is counted, with its value, in the bucket of its time."
    result = run_serially(*PROBES, "-k", "one_event", "-v")
    result.stdout.fnmatch_lines([f"*one_event PASSED  {promise}*"])
    result = run_serially(*PROBES, "-k", "one_event", "--collect-only", "-v")
    result.stdout.fnmatch_lines([f"*{promise}*"])


@pytest.mark.usefixtures("_first_key")
def test_a_broken_promise_is_told_whole(run_serially: Run, pytester: pytest.Pytester) -> None:
    """The failure has the cause, the promise, the table, the exchange, and no key."""
    with KeepsEverything() as service:
        target = ("--amberflo-target", service.url, "--amberflo-settle", "1")
        result = run_serially(*FEW, *target, "--amberflo-hold", "0", "--junitxml=junit.xml")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "usage of meter api-calls: *One record was counted twice*",
            "Promise: A record that is sent again later, over another connection, is *",
            "*expected*seen*difference*",
            "*request   POST http://127.0.0.1:*X-API-KEY: [*][*][*][*]",
            "*response  200 application/json*",
            "FAILED *probe_idempotency.py::sent_again_later - usage of meter api-calls*",
        ]
    )
    assert FIRST_KEY not in result.stdout.str()
    report = (pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert 'name="amberflo_promise" value="A record that is sent again later' in report
    assert 'name="amberflo_verdict" value="failed"' in report


@pytest.mark.usefixtures("_first_key")
def test_the_whole_suite_runs_against_an_endpoint(
    run_serially: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right endpoint keeps every promise, from the command line."""
    monkeypatch.setenv("AMBERFLO_API_KEY_2", SECOND_KEY)
    with RightService() as service:
        target = ("--amberflo-target", service.url, "--amberflo-settle", "2")
        result = run_serially(*PROBES, *target, "--amberflo-hold", "0", "-q")
    assert result.ret == 0, result.stdout.str()
    found = result.parseoutcomes()
    assert found["skipped"] == 2
    assert found["passed"] > 190


def test_keys_that_nobody_knows_are_not_probed(run_serially: Run) -> None:
    """Without AMBERFLO_API_KEY it is not known which keys an endpoint should refuse."""
    with RightService() as service:
        target = ("--amberflo-target", service.url, "--amberflo-settle", "0")
        result = run_serially(*PROBES, "-k", "an_unknown_key or one_event", *target, "-rs")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*The service refused the key: is AMBERFLO_API_KEY right?*",
            "*AMBERFLO_API_KEY is not set: which keys are right is not known*",
        ]
    )


def test_an_endpoint_that_is_not_there_is_an_error_of_each_probe(run_serially: Run) -> None:
    """Nothing hangs, and nothing is green."""
    result = run_serially(*FEW, "--amberflo-target", "http://127.0.0.1:9", "--amberflo-settle=0")
    assert result.parseoutcomes().get("passed") is None
    result.stdout.fnmatch_lines(["*127.0.0.1:9 refused the connection*"])


def test_the_description_may_be_a_file(write: Write, run_serially: Run) -> None:
    """What a file does not promise is skipped; what it demands is law."""
    write("api.yaml", _DESCRIPTION)
    names = "one_event or count_of_a_bucket or edges_of_weeks or a_new_meter"
    result = run_serially(*PROBES, "-k", names, "--amberflo-description", "api.yaml", "-rs")
    result.assert_outcomes(failed=1, skipped=3)
    result.stdout.fnmatch_lines(
        [
            "*response of queryUsage breaks its description*$.total*missing*",
            "*the description has no *aggregation COUNT*",
        ]
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("publised", "did you mean `published`"),
        ("missing.yaml", "there is no file missing.yaml"),
        ("", "is empty"),
    ],
)
def test_a_description_that_is_none_is_a_usage_error(
    run_serially: Run, value: str, told: str
) -> None:
    """Whoever misspells it is told before anything is sent."""
    result = run_serially(*FEW, f"--amberflo-description={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str()


def test_a_description_without_metering_is_told(write: Write, run_serially: Run) -> None:
    """A file that describes no ingest cannot be probed."""
    text = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {}\n"
    write("api.yaml", text)
    result = run_serially(*PROBES, "-k", "one_event", "--amberflo-description=api.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*api.yaml has no operation such as POST /ingest*"])


def test_a_dry_run_sends_nothing(run_serially: Run) -> None:
    """Probes are skipped then, with the reason."""
    result = run_serially(*FEW, "--amberflo-dry-run", "-rs")
    assert set(result.parseoutcomes()) <= {"skipped", "deselected"}
    assert re.search(r"a dry run sends nothing", result.stdout.str())


_DESCRIPTION = """\
openapi: 3.0.3
info: {title: A service like Amberflo, version: "1"}
paths:
  /ingest:
    post:
      operationId: ingestMeterEvents
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses:
        '200': {description: Taken, content: {application/json: {schema: {type: string}}}}
  /usage:
    post:
      operationId: queryUsage
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                meterApiName: {type: string}
                startTimeInSeconds: {type: integer}
                endTimeInSeconds: {type: integer}
                aggregation: {type: string, enum: [SUM]}
                timeGroupingInterval: {type: string, enum: [HOUR, DAY]}
                customerFilter: {type: array, items: {type: string}}
      responses:
        '200':
          description: Usage
          content:
            application/json:
              schema: {type: object, required: [clientMeters, total]}
"""
