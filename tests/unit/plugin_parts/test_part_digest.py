"""An item's result as plain values: lines and properties."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from unit.plugin_parts.digest_kit import (
    EVENT,
    QUERY,
    SECRET,
    check,
    judge_usage,
    make_result,
    make_run,
)
from unit.plugin_parts.part_kit import StepClock, make_exchange

from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.digest import (
    describe_steps,
    list_properties,
    make_digest,
    mask_steps,
)
from pytest_amberflo.http.exchange import Response
from pytest_amberflo.http.redact import Redactor
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.metering.ledger import Ledger
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.run_tally import RunTally, summarize
from pytest_amberflo.verdict import (
    CheckOutcome,
    Tally,
    UsageDetail,
    Verdict,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that knows a secret."""
    return make_run(tmp_path)


def test_a_step_is_a_line() -> None:
    """What was sent, what came, how long it took, and what it proved."""
    tally = Tally()
    result = make_result(
        check("response-schema", CheckOutcome.PASSED, "not news"),
        judge_usage(2.5, tally),
        check("throttle", CheckOutcome.WARNED, "throttled for 3 s"),
    )
    assert list(describe_steps(result)) == [
        "send  POST /ingest  200  12 ms  usage 2.5 as expected  throttled for 3 s"
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"status": None, "outcome": Outcome.FAILED},
            "send  POST /ingest  no answer  12 ms  failed",
        ),
        ({"is_sent": False, "outcome": Outcome.ERROR}, "send  not sent  error"),
    ],
)
def test_a_step_that_did_not_pass_is_a_line(changes: dict[str, Any], line: str) -> None:
    """No answer, and what was not sent, are said, with the end of the step."""
    assert list(describe_steps(make_result(**changes))) == [line]


def test_properties_of_junit() -> None:
    """Target, verdict, what was sent and judged, and both numbers of usage."""
    tally = Tally(copies=1)
    checks = [judge_usage(2.5, tally)]
    properties = dict(list_properties(make_result(*checks, tally=tally), Redactor()))
    assert properties == {
        "amberflo_target": "embedded",
        "amberflo_verdict": "passed",
        "amberflo_events_sent": "1",
        "amberflo_events_resent": "1",
        "amberflo_usage_judged": "1",
        "amberflo_usage_expected": "2.5",
        "amberflo_usage_seen": "2.5",
        "amberflo_visible_after_ms": "0",
    }
    empty = judge_usage(0, Tally(), status=400)
    found = dict(list_properties(make_result(empty), Redactor()))
    assert (found["amberflo_usage_expected"], found["amberflo_usage_seen"]) == ("0", "0")
    unread = check("usage", CheckOutcome.FAILED, "x", UsageDetail(judgement=None, settled=None))
    bare = dict(list_properties(make_result(unread, verdict=Verdict.ERROR), Redactor()))
    assert "amberflo_usage_seen" not in bare
    assert bare["amberflo_verdict"] == "error"
    assert "amberflo_visible_after_ms" not in bare


def test_a_digest_is_plain_and_masked(run: Run) -> None:
    """What travels to the controller is JSON, without the secret, nor what is nothing."""
    tally = Tally(lost_answers=2, throttled=3)
    usage = judge_usage(5, tally)
    steps = check("status", CheckOutcome.FAILED, f"the key {SECRET} is wrong")
    result = make_result(usage, steps, tally=tally, verdict=Verdict.FAILED)
    digest = make_digest("f::wf", result, mask_steps(result, run.redactor), run, wants_trace=True)
    assert SECRET not in json.dumps(digest)
    trace = digest.pop("trace")
    assert digest == {
        "nodeid": "f::wf",
        "verdict": "failed",
        "target": "embedded",
        "steps": [
            "send  POST /ingest  200  12 ms  usage is not what was sent  the key **** is wrong"
        ],
        "events": 1,
        "lost_answers": 2,
        "throttled": 3,
        "judged": 1,
        "wrong": 1,
    }
    assert trace["inputs"] == {"apiKey": "****", "customerId": "acme", "n": 7}
    assert trace["outputs"] == {"echo": "said ****"}
    assert (trace["nodeid"], trace["workflowId"], trace["outcome"]) == ("f::wf", "wf", "failed")
    assert trace["metering"] == {
        "events": 1,
        "expected": ["2.5"],
        "seen": ["5"],
        "polls": 1,
        "settled_after_s": None,
    }


def test_a_digest_without_a_trace_is_small(run: Run) -> None:
    """Where nobody asked for a trace there is none."""
    assert "trace" not in make_digest("f::wf", make_result(), (), run, wants_trace=False)


def test_properties_are_masked(run: Run) -> None:
    """A secret in one property is masked there, and the others are as they are."""
    redactor = Redactor()
    redactor.register("embedded")
    properties = dict(list_properties(make_result(), redactor))
    assert properties["amberflo_target"] == "****"
    assert properties["amberflo_verdict"] == "passed"


def summarize_one(digest: dict[str, Any]) -> str:
    """The line of a run of one item."""
    tally = RunTally()
    tally.add(digest)
    return summarize(tally, "embedded")


def test_usage_that_only_warns_is_not_right(run: Run) -> None:
    """Wrong usage is wrong in the summary, also where a user lowered its severity."""
    tally = Tally()
    usage = judge_usage(5, tally)
    warned = check("usage", CheckOutcome.WARNED, usage.message, usage.detail)
    digest = make_digest("f::wf", make_result(warned, tally=tally), (), run, wants_trace=False)
    assert "usage right in 0 of 1" in summarize_one(digest)


def test_no_less_than_nothing_is_right(run: Run) -> None:
    """A usage check that failed for the answer's form makes no negative count."""
    tally = Tally()
    judge = UsageJudge(Ledger(), tally, StepClock(), terms=Terms(knows_all_writers=True))
    judge.enter(make_exchange(json.dumps(EVENT).encode()))
    concluded = judge.settle(
        read_query(json.dumps(QUERY).encode()),
        lambda: Response(status=200, body=b"{}"),
        settle_s=0.0,
        hold_s=0.0,
    )
    assert concluded is not None
    found = check("usage", *concluded)
    assert isinstance(found.detail, UsageDetail)
    digest = make_digest("f::wf", make_result(found, tally=tally), (), run, wants_trace=False)
    assert "-1" not in summarize_one(digest)
