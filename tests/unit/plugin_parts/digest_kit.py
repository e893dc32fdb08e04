"""Results of an item of one step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unit.plugin_parts.part_kit import DAY, StepClock, make_document, make_exchange, make_settings

from pytest_amberflo.arazzo.events import Outcome, StepResult, WorkflowResult
from pytest_amberflo.arazzo.scope import SentRequest
from pytest_amberflo.http.exchange import Request, Response
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.metering.ledger import Ledger
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.run import Run
from pytest_amberflo.verdict import (
    Check,
    CheckOutcome,
    ItemResult,
    Tally,
    Verdict,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.arazzo.criteria import CriterionResult

SECRET = "s3cr3t-of-mine"
EVENT = {
    "meterApiName": "m",
    "customerId": "acme",
    "meterValue": 2.5,
    "meterTimeInMillis": (DAY + 3600) * 1000,
}
QUERY = {
    "meterApiName": "m",
    "startTimeInSeconds": DAY,
    "endTimeInSeconds": DAY + 86400,
    "aggregation": "SUM",
    "timeGroupingInterval": "DAY",
    "groupBy": ["customerId"],
    "customerFilter": ["acme"],
}


def judge_usage(seen: float, tally: Tally, *, status: int = 200) -> Check:
    """The check of a usage query that shows a number, after an ingest that was answered so."""
    judge = UsageJudge(Ledger(), tally, StepClock(), terms=Terms(knows_all_writers=True))
    judge.enter(make_exchange(json.dumps(EVENT).encode(), status=status))
    groups = [{"groupInfo": {"customerId": "acme"}, "records": [{str(DAY): seen}]}]
    answer = Response(status=200, body=json.dumps({"clientMeters": {"m": groups}}).encode())
    concluded = judge.settle(
        read_query(json.dumps(QUERY).encode()), lambda: answer, settle_s=0.0, hold_s=0.0
    )
    assert concluded is not None
    outcome, message, detail = concluded
    return Check(
        name="usage",
        outcome=outcome,
        call=1,
        step_id="send",
        attempt=1,
        message=message,
        detail=detail,
        exchange=None,
    )


def make_result(
    *checks: Check,
    tally: Tally | None = None,
    verdict: Verdict = Verdict.PASSED,
    outcome: Outcome = Outcome.PASSED,
    status: int | None = 200,
    is_sent: bool = True,
    criteria: tuple[CriterionResult, ...] = (),
) -> ItemResult:
    """A result of one step."""
    document = make_document()
    workflow = document.workflows[0]
    headers = (("X-API-KEY", SECRET), ("X-Trace", f"id-{SECRET}"))
    request = Request(
        method="POST", url=f"http://h/ingest?key={SECRET}", headers=headers, body=b'{"a":1}'
    )
    exchange = make_exchange(
        status=status, headers=(("Content-Type", "text/plain"),), answer=b"1 records"
    )
    step = StepResult(
        document=document,
        step=workflow.steps[0],
        attempt=1,
        call=1,
        outcome=outcome,
        sent=SentRequest(request=request) if is_sent else None,
        exchange=exchange if is_sent else None,
        criteria=criteria,
        duration_s=0.25,
    )
    return ItemResult(
        verdict=verdict,
        workflow=WorkflowResult(
            document=document,
            workflow=workflow,
            outcome=outcome,
            inputs={"apiKey": SECRET, "customerId": "acme", "n": 7},
            steps=(step,),
            outputs={"echo": f"said {SECRET}"},
        ),
        checks=checks,
        tally=tally if tally is not None else Tally(),
        reasons=(),
        input_origins={},
        key_origin="a test",
        target="embedded",
        duration_s=0.5,
    )


def check(name: str, outcome: CheckOutcome, message: str = "", detail: Any = None) -> Check:
    """A check of the only step."""
    return Check(
        name=name,
        outcome=outcome,
        call=1,
        step_id="send",
        attempt=1,
        message=message,
        detail=detail,
    )


def make_run(root: Path) -> Run:
    """A run that knows a secret; nothing is started."""
    found = Run(make_settings(), root=root, run_id="abc", api_key="made-key")
    found.redactor.register(SECRET)
    return found
