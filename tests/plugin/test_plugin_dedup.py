"""The account's own rule of deduplication, and rows of recorded events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY, ROOT, edit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_run import Run, Write

_NLP = (ROOT / "workflows" / "nlp-reprocessing.arazzo.yaml").read_text(encoding="utf-8")
_BY_BLOCK = "--amberflo-dedup-key=text-blocks-processed=block_id"
_SECOND_RUN = "--amberflo-input=secondRun=run-2"
_FAST = ("--amberflo-settle=0.3", "--amberflo-hold=0")
_BILLED_TWICE = "  ????-??-??                         4             5            +1"
_MISSED = "  ????-??-??                         5             4            -1"


class KnowsBlocks(MeteringService):
    """Counts each block of a customer once."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep the first record of a block."""
        for event in events:
            if all(self._key(event) != self._key(other) for other in self.stored):
                self.stored.append(event)

    def _key(self, event: Event) -> tuple[str, str]:
        return event["customerId"], event["dimensions"]["block_id"]


def test_the_same_record_is_billed_once_by_any_rule(write: Write, run: Run) -> None:
    """Without a word on the account, a block that is sent as it was costs nothing more."""
    write("nlp.arazzo.yaml", _NLP)
    result = run("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["    readUsage  POST /usage *usage 4 as expected"])


@pytest.mark.parametrize("variant", ["once", "replay", "batch", "distinct"])
def test_a_block_is_billed_once(write: Write, run_serially: Run, variant: str) -> None:
    """Ledger, variants and embedded server follow the account's rule."""
    write("nlp.arazzo.yaml", _NLP)
    result = run_serially(_BY_BLOCK, _SECOND_RUN, f"--amberflo-variants={variant}", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["    readUsage  POST /usage *usage 4 as expected"])


def test_a_service_with_another_rule_is_found_out(write: Write, run_serially: Run) -> None:
    """Who bills the block twice fails under the rule, who discards it fails without."""
    write("nlp.arazzo.yaml", _NLP)
    with KnowsBlocks() as service:
        run_serially(
            "--amberflo-target", service.url, _BY_BLOCK, _SECOND_RUN, *_FAST
        ).assert_outcomes(passed=1)
        result = run_serially("--amberflo-target", service.url, _SECOND_RUN, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([_MISSED])
    with MeteringService() as service:
        result = run_serially("--amberflo-target", service.url, _BY_BLOCK, _SECOND_RUN, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([_BILLED_TWICE])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("--amberflo-dedup-key==block", "*--amberflo-dedup-key `=block`: *METER=*KEY is due*"),
        ("--amberflo-dedup-key= ", "*--amberflo-dedup-key is empty*"),
    ],
)
def test_a_rule_that_is_none_is_refused(run_serially: Run, given: str, message: str) -> None:
    """A wrong rule ends the run before anything is sent."""
    result = run_serially(given)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


_ANCHOR = "    summary: Send one event, then read the customer's usage of that day.\n"
_RECORDED = edit(
    INGEST_AND_QUERY,
    (_ANCHOR, f"{_ANCHOR}    x-amberflo: {{rows: {{file: incident.jsonl}}}}\n"),
)


def _record(unique_id: str, value: float) -> str:
    return json.dumps(
        {
            "meterApiName": "api-calls",
            "customerId": "acme",
            "meterValue": value,
            "meterTimeInMillis": 1793000000000,
            "uniqueId": unique_id,
        }
    )


def test_recorded_events_are_rows(write: Write, run_serially: Run) -> None:
    """Each line is a row; a record that was recorded twice counts once."""
    lines = [_record("call-1", 2), _record("call-2", 3), "", _record("call-1", 2)]
    write("incident.jsonl", "\n".join(lines))
    write("incident.arazzo.yaml", _RECORDED)
    result = run_serially("-v")
    result.assert_outcomes(passed=3)
    for row in ("call-1", "call-2", "line-4"):
        result.stdout.fnmatch_lines([f"incident.arazzo.yaml::*::{row}::once PASSED*"])

    class CountsCopies(MeteringService):
        def store(self, events: Iterable[Event]) -> None:
            self.stored.extend(events)

    with CountsCopies() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FAST, "-rA", "--tb=no")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED incident.arazzo.yaml::*::line-4::once*"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no file incident.jsonl"),
        ("", "incident.jsonl has no rows"),
        ("{}\n{,}", "incident.jsonl:2: no JSON: *"),
        ("[1]", "incident.jsonl:1: a JSON object of inputs is due"),
        ('{"meterVale": 1}', "incident.jsonl:1: workflow `*` has no input `meterVale`"),
    ],
)
def test_a_file_that_gives_no_rows_is_an_error(
    write: Write, run_serially: Run, text: str | None, message: str
) -> None:
    """File and line are told at collection; nothing is sent."""
    if text is not None:
        write("incident.jsonl", text)
    write("incident.arazzo.yaml", _RECORDED)
    result = run_serially()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"incident.arazzo.yaml:*  {message}"])
