"""The entry of an item in the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.plugin_parts.digest_kit import (
    SECRET,
    check,
    judge_usage,
    make_result,
    make_run,
)

from pytest_amberflo.arazzo.criteria import CriterionResult
from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.arazzo.model import Criterion, Place
from pytest_amberflo.digest import (
    make_digest,
    make_skeleton,
)
from pytest_amberflo.openapi.violation import Violation
from pytest_amberflo.verdict import (
    CheckOutcome,
    ContractDetail,
    Tally,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that knows a secret."""
    return make_run(tmp_path)


def test_steps_of_a_trace(run: Run) -> None:
    """A step has its request, response and checks, each with its place where it has one."""
    violation = Violation(
        check="response-schema", path="$.a", rule="is required", origin="api.yaml:3"
    )
    contract = ContractDetail(side="response", operation="ingest", violations=(violation,))
    tally = Tally()
    result = make_result(
        check("request", CheckOutcome.PASSED),
        check("response-schema", CheckOutcome.FAILED, "breaks", contract),
        judge_usage(5, tally),
    )
    (step,) = make_digest("f::wf", result, (), run, wants_trace=True)["trace"]["steps"]
    assert step["request"] == {
        "method": "POST",
        "url": "http://h/ingest?key=****",
        "headers": {"X-API-KEY": "****", "X-Trace": "id-****"},
        "body": '{"a":1}',
    }
    assert step["response"] == {
        "status": 200,
        "headers": {"Content-Type": "text/plain"},
        "body": "1 records",
        "elapsed_s": 0.012,
    }
    request, schema, usage = step["checks"]
    assert request == {"check": "request", "outcome": "passed", "message": "", "pointer": None}
    assert schema == {
        "check": "response-schema",
        "outcome": "failed",
        "message": "$.a: is required",
        "pointer": "$.a",
    }
    assert (usage["check"], usage["outcome"], usage["pointer"]) == ("usage", "failed", None)
    assert (step["outcome"], step["action"]) == ("passed", None)
    assert usage["message"].startswith(
        "usage is not what was sent: One record was counted twice: 2.5 at "
    )
    assert (step["stepId"], step["attempt"], step["duration_s"]) == ("send", 1, 0.25)


def test_criteria_of_a_trace(run: Run) -> None:
    """A criterion is a check with its condition or error and its place in the document."""
    place = Place(("a~b", 0, "c/d"))
    criteria = tuple(
        CriterionResult(
            criterion=Criterion(
                condition=f"$statusCode == {SECRET}",
                type="simple",
                version="",
                context=None,
                parsed=None,
                template=None,
                place=place,
            ),
            passed=passed,
            operands=(),
            error=error,
        )
        for passed, error in ((True, None), (False, "no such output"))
    )
    result = make_result(criteria=criteria)
    (step,) = make_digest("f::wf", result, (), run, wants_trace=True)["trace"]["steps"]
    common = {"check": "criterion", "pointer": "/a~0b/0/c~1d"}
    assert step["checks"] == [
        common | {"outcome": "passed", "message": "$statusCode == ****"},
        common | {"outcome": "failed", "message": "no such output"},
    ]


def test_a_step_that_was_not_sent_has_no_messages(run: Run) -> None:
    """What is not there is null in a trace."""
    result = make_result(is_sent=False, outcome=Outcome.ERROR)
    (step,) = make_digest("f::wf", result, (), run, wants_trace=True)["trace"]["steps"]
    assert (step["request"], step["response"], step["outcome"]) == (None, None, "error")


def test_an_item_that_did_not_run_has_a_skeleton(run: Run) -> None:
    """Of an item that was skipped or erred before it ran, a trace has every field, and empty."""
    skeleton = make_skeleton("f::wf", "wf", "skipped", run)
    digest = make_digest("f::wf", make_result(), (), run, wants_trace=True)
    assert skeleton["trace"].keys() == digest["trace"].keys()
    trace = skeleton.pop("trace")
    assert skeleton == {"nodeid": "f::wf", "verdict": "skipped"}
    assert trace == {
        "nodeid": "f::wf",
        "workflowId": "wf",
        "outcome": "skipped",
        "inputs": {},
        "outputs": {},
        "duration_s": 0.0,
        "steps": [],
        "metering": None,
    }
