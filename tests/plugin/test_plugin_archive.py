"""Files that a run leaves for others: HAR, and the summary of a CI job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_run import Run, Write

_KEY = "a-key-that-nobody-may-see"


class _Doubles(MeteringService):
    """Counts every event twice."""

    def store(self, events: Iterable[dict[str, Any]]) -> None:
        """Keep each twice, as two."""
        for event in events:
            self.stored += [event, dict(event)]


@pytest.fixture
def workflow(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository's own workflow, and a key."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    monkeypatch.setenv("AMBERFLO_API_KEY", _KEY)


def _read_har(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    assert _KEY not in text
    log = json.loads(text)["log"]
    assert (log["version"], log["creator"]["name"]) == ("1.2", "pytest-amberflo")
    found: list[dict[str, Any]] = log["entries"]
    return found


@pytest.mark.usefixtures("workflow")
def test_all_exchanges_are_in_the_har(run: Run, pytester: pytest.Pytester) -> None:
    """Of every worker, in their order, with what was said and what was answered."""
    run("--amberflo-har=run.har", "--amberflo-variants=once,replay").assert_outcomes(passed=2)
    entries = _read_har(pytester.path / "run.har")
    assert [entry["startedDateTime"] for entry in entries] == sorted(
        entry["startedDateTime"] for entry in entries
    )
    sent = [entry["request"] for entry in entries]
    assert sum(request["url"].endswith("/ingest") for request in sent) >= 5
    first = sent[0]
    assert {"name": "X-API-KEY", "value": "****"} in first["headers"]
    assert json.loads(first["postData"]["text"])["meterApiName"] == "api-calls"
    answer = next(entry["response"] for entry in entries if "/usage" in entry["request"]["url"])
    assert (answer["status"], answer["statusText"]) == (200, "OK")
    assert "clientMeters" in answer["content"]["text"]


@pytest.mark.usefixtures("workflow")
def test_a_request_without_an_answer_is_in_the_har(
    run_serially: Run, pytester: pytest.Pytester
) -> None:
    """With status 0 and the reason."""
    target = "--amberflo-target=http://127.0.0.1:9"
    run_serially(target, "--amberflo-har=run.har").assert_outcomes(failed=1)
    response = _read_har(pytester.path / "run.har")[-1]["response"]
    assert (response["status"], response["_error"]) == (0, "127.0.0.1:9 refused the connection")


def test_queries_and_bytes_are_in_the_har(run_serially: Run, pytester: pytest.Pytester) -> None:
    """Calls of a test in Python are in it too; a secret in a query is masked."""
    pytester.makepyfile(
        test_hand="""
        from pytest_amberflo.http.exchange import Request
        from pytest_amberflo.nodes import run_of

        def test_call(pytestconfig, amberflo_url):
            url = amberflo_url + "/none?api_key=s3cr3t&page=2"
            request = Request(method="POST", url=url, body=bytes([255, 0]))
            run_of(pytestconfig).client.send(request, timeout_s=5)
    """
    )
    run_serially("--amberflo-har=run.har", "test_hand.py").assert_outcomes(passed=1)
    (entry,) = _read_har(pytester.path / "run.har")
    query = {found["name"]: found["value"] for found in entry["request"]["queryString"]}
    assert query == {"api_key": "****", "page": "2"}
    assert entry["request"]["postData"]["text"] == "<2 bytes of binary data>"


@pytest.mark.usefixtures("workflow")
def test_a_har_that_cannot_be_written_is_red(run_serially: Run) -> None:
    """Somebody wants it."""
    result = run_serially("--amberflo-har=/dev/full")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["amberflo: /dev/full cannot be written: No space left on device"])


@pytest.mark.usefixtures("workflow")
def test_a_job_summary_says_what_was_judged_and_what_is_red(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Markdown; what was there before stays."""
    path = pytester.path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    with _Doubles() as service:
        run("--amberflo-target", service.url).assert_outcomes(failed=1)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["before", "### Metering contract tests", ""]
    assert lines[3].startswith("amberflo: 1 judged on http://127.0.0.1:")
    assert lines[5:7] == ["| item | verdict | what is wrong |", "|---|---|---|"]
    start = (
        "| ingest.arazzo.yaml::ingest-and-query-usage::once | failed | usage of meter api-calls"
    )
    assert lines[7].startswith(start)
    assert _KEY not in "".join(lines)


def test_runs_without_workflows_have_no_job_summary(
    run_serially: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say nothing of metering."""
    path = pytester.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    pytester.makepyfile(test_other="def test_nothing():\n    pass\n")
    run_serially("test_other.py").assert_outcomes(passed=1)
    assert not path.exists()


@pytest.mark.usefixtures("workflow")
def test_a_job_summary_that_cannot_be_written_is_said(
    run_serially: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is what it is."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary.md")
    result = run_serially()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["amberflo: no job summary: /nowhere/summary.md: No such file*"])
