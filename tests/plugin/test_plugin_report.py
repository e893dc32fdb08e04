"""What a run says: terse and verbose, on the terminal and in JUnit, serially and distributed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY, edit, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_run import Run, Write

_BODY = line_of(INGEST_AND_QUERY, "requestBody:", 2)


class Loses(MeteringService):
    """Accepts the event and forgets it."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep nothing."""


@pytest.fixture(autouse=True)
def _workflow(write: Write) -> None:
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)


@pytest.mark.parametrize("verbosity", ["-q", "-v", "-vv", "--tb=short"])
def test_a_red_run_says_everything(run: Run, verbosity: str) -> None:
    """Lines of the document, the exchange and the command, however terse the run is."""
    with Loses() as wrong:
        result = run(
            "--amberflo-target", wrong.url, "--amberflo-settle=0.1", "--amberflo-hold=0", verbosity
        )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"ingest.arazzo.yaml:{_BODY}  step queryUsage",
            "",
            "  usage of meter api-calls, customer pt-*, SUM by DAY",
            "  *expected          seen    difference",
            "  ????-??-??                       2.5             0          -2.5",
            "",
            "  The event of 2.5 at * (uniqueId *) was lost: *",
            "  Nothing more came.",
            "  Seen in * readings over * ms.",
            "",
            f"    {_BODY - 2:>3}              in: header",
            f"    {_BODY - 1:>3}              value: $inputs.apiKey",
            f"  > {_BODY:>3}          requestBody:",
            f"    {_BODY + 1:>3}            contentType: application/json",
            "",
            f"  request   POST {wrong.url}/usage    X-API-KEY: ????",
            '            {"meterApiName":"api-calls",*',
            "  response  200 application/json, * ms",
            '            {"clientMeters": {"api-calls": ??}}',
            f'  again     curl -X POST {wrong.url}/usage -H "X-API-KEY: $AMBERFLO_API_KEY" -H *',
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(
        ["FAILED ingest.arazzo.yaml::*::once - usage of meter api-calls: 2.5 expected, 0 seen*"]
    )


def test_verbose_runs_show_the_steps(run: Run) -> None:
    """Under -v each item is followed by its steps."""
    result = run("-v")
    result.stdout.re_match_lines(
        [
            r".*(once PASSED|PASSED .*once).*",
            r"    ingestEvent  POST /ingest  200  [0-9.]+ m?s$",
            r"    queryUsage  POST /usage  200  [0-9.]+ m?s  usage 2\.5 as expected$",
        ],
        consecutive=True,
    )


def test_quiet_runs_are_quiet(run_serially: Run) -> None:
    """Under -q there is one line more than pytest's own; under -qq there is none."""
    lines = [line for line in run_serially("-q").outlines if line.startswith("amberflo")]
    assert len(lines) == 1
    assert [line for line in run_serially("-qq").outlines if line.startswith("amberflo")] == []


def test_junit_carries_the_numbers(run_serially: Run, pytester: pytest.Pytester) -> None:
    """Target, verdict, counts, expected and seen usage are properties; the text is the failure."""
    with Loses() as wrong:
        run_serially(
            "--amberflo-target",
            wrong.url,
            "--amberflo-settle=0.1",
            "--amberflo-hold=0",
            "--junitxml=junit.xml",
        )
    case = ET.parse(pytester.path / "junit.xml").getroot().find(".//testcase")
    assert case is not None
    found = {p.get("name"): p.get("value") for p in case.findall("properties/property")}
    assert found == {
        "amberflo_target": wrong.url,
        "amberflo_verdict": "failed",
        "amberflo_events_sent": "1",
        "amberflo_events_resent": "0",
        "amberflo_usage_judged": "1",
        "amberflo_usage_expected": "2.5",
        "amberflo_usage_seen": "0",
    }
    failure = case.find("failure")
    assert failure is not None
    assert "was lost: it was accepted (200) and is not counted." in str(failure.text)
    assert f"ingest.arazzo.yaml:{_BODY}  step queryUsage" in str(failure.text)


def test_runs_without_workflows_say_nothing_more(write: Write, run_serially: Run) -> None:
    """Beside the header, a run of other tests is as it was."""
    write("test_plain.py", "def test_plain(): pass\n")
    result = run_serially("test_plain.py")
    lines = [line for line in result.outlines if "amberflo:" in line]
    assert lines == ["amberflo: target embedded, offline"]


def test_a_result_can_be_looked_at_by_a_hook(write: Write, run_serially: Run) -> None:
    """A conftest gets the result of every workflow item."""
    write(
        "conftest.py",
        "def pytest_amberflo_workflow_result(item, result):\n"
        "    print(item.name, result.verdict.value, len(result.workflow.steps))\n",
    )
    run_serially("-rP").stdout.fnmatch_lines(["once passed 2"])


def test_watching_is_no_part_of_the_time_to_visibility(run_serially: Run) -> None:
    """Several queries are watched one after another; what they find was visible long before."""
    with MeteringService() as service:
        result = run_serially(
            "--amberflo-target", service.url, "--amberflo-variants=distinct", "--amberflo-hold=0.3"
        )
    line = next(text for text in result.outlines if "visible after" in text)
    # Nine queries are watched for 0.3 s each.
    assert re.search(r"visible after \d+ ms \(slowest [1-9]\d{0,2} ms\)", line), line


_REMOVES = """
import pathlib

def pytest_collection_finish(session):
    pathlib.Path("one.arazzo.yaml").CHANGE
"""


@pytest.mark.parametrize("change", ["unlink()", "write_text('a: 1')"])
def test_a_file_that_is_saved_during_a_run_keeps_its_lines(
    write: Write, run_serially: Run, change: str
) -> None:
    """The failure is reported at the line that the step had, without an excerpt of other text."""
    text = edit(INGEST_AND_QUERY, ("$statusCode == 200", "$statusCode == 201"))
    write("one.arazzo.yaml", text)
    write("conftest.py", _REMOVES.replace("CHANGE", change))
    result = run_serially("--amberflo-variants", "once")
    line = line_of(text, "- stepId: ")
    result.stdout.fnmatch_lines([f"*one.arazzo.yaml:{line}*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert not [shown for shown in result.outlines if shown.startswith("  >")]
