"""Retries: how often, when, and what runs before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from unit.engine.engine_kit import Answer, Waits, sink

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

BUSY = Answer(status=503)


@pytest.mark.parametrize(
    ("limit", "busy", "tries", "outcome"),
    [
        ("", 1, 2, Outcome.PASSED),
        ("", 2, 2, Outcome.FAILED),
        (", retryLimit: 0", 1, 1, Outcome.FAILED),
        (", retryLimit: 3", 3, 4, Outcome.PASSED),
        (", retryLimit: 3", 4, 4, Outcome.FAILED),
    ],
)
def test_a_step_is_tried_again_up_to_its_limit(
    bench: Workbench, service: Service, limit: str, busy: int, tries: int, outcome: Outcome
) -> None:
    """Once where no limit is given."""
    service.answers("GET /a", *[BUSY] * busy, Answer())
    steps = f"- {{stepId: x, operationId: a, onFailure: [{{name: r, type: retry{limit}}}]}}"
    result = bench.run_steps(steps)
    assert result.outcome is outcome
    assert service.lines == ["GET /a"] * tries
    assert [step.attempt for step in result.steps] == list(range(1, tries + 1))


def test_a_spent_limit_gives_way_to_the_next_action(bench: Workbench, service: Service) -> None:
    """Not before: the limit must be spent first."""
    service.answers("GET /a", BUSY)
    result = bench.run_steps(
        "- {stepId: x, operationId: a, onFailure: [{name: r, type: retry, retryLimit: 2}, "
        "{name: g, type: goto, stepId: z}]}\n"
        "- {stepId: y, operationId: b}\n- {stepId: z, operationId: c}"
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a"] * 3 + ["GET /c"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, 7.5), ("2", 2.0), ("30", 30.0), ("soon", 7.5)],
)
def test_how_long_a_retry_waits(
    bench: Workbench, service: Service, header: str | None, expected: float
) -> None:
    """`Retry-After` overrules the document, if it can be read."""
    headers = {} if header is None else {"Retry-After": header}
    service.answers("GET /a", Answer(status=503, headers=headers), Answer())
    clock = Waits()
    result = bench.run_steps(
        "- {stepId: x, operationId: a, onFailure: [{name: r, type: retry, retryAfter: 7.5}]}",
        clock=clock,
    )
    assert result.outcome is Outcome.PASSED
    assert clock.waits == [expected]
    assert result.steps[0].action is not None
    assert result.steps[0].action.waited_s == expected


def test_a_date_in_retry_after_is_waited_for(bench: Workbench, service: Service) -> None:
    """The other form that HTTP has for it."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    service.answers("GET /a", Answer(status=503, headers={"Retry-After": moment}), Answer())
    clock = Waits()
    bench.run_steps(
        "- {stepId: x, operationId: a, onFailure: [{name: r, type: retry}]}", clock=clock
    )
    assert 60 < clock.waits[0] <= 90


def test_a_retry_runs_a_step_first(bench: Workbench, service: Service) -> None:
    """Its new outputs are what the step is tried again with."""
    service.answers("GET /login", Answer(body={"token": "old"}), Answer(body={"token": "new"}))
    service.answers("GET /a", Answer(status=401), Answer())
    result = bench.run_steps(
        """
        - {stepId: login, operationId: login, outputs: {token: $response.body#/token}}
        - stepId: x
          operationId: a
          parameters: [{name: X-Token, in: header, value: $steps.login.outputs.token}]
          onFailure:
            - {name: r, type: retry, stepId: login, criteria: [{condition: $statusCode == 401}]}
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /login", "GET /a", "GET /login", "GET /a"]
    assert [seen.headers.get("x-token") for seen in service.seen] == [None, "old", None, "new"]


def test_a_retry_runs_a_workflow_first(bench: Workbench, service: Service) -> None:
    """With the parameters of the action; its outputs are known afterwards."""
    service.answers("GET /a", Answer(status=401, body={"realm": "r1"}), Answer())
    service.answers("GET /items/r1", Answer(body={"token": "t"}))
    result = bench.run(
        """
        - workflowId: main
          steps:
            - stepId: x
              operationId: a
              onFailure:
                - name: r
                  type: retry
                  workflowId: fresh
                  parameters: [{name: realm, value: $response.body#/realm}]
            - {stepId: y, operationId: sink, requestBody: {payload: $workflows.fresh.outputs.t}}
        - workflowId: fresh
          inputs: {type: object, required: [realm], properties: {realm: {type: string}}}
          steps:
            - stepId: z
              operationId: item
              parameters: [{name: id, in: path, value: $inputs.realm}]
              outputs: {t: $response.body#/token}
          outputs: {t: $steps.z.outputs.t}
        """,
        version="1.1.0",
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /items/r1", "GET /a", "POST /sink"]
    assert service.seen[-1].json() == "t"


def test_what_a_retry_runs_first_must_pass(bench: Workbench, service: Service) -> None:
    """There is no use in trying again without it."""
    service.answers("GET /a", Answer(status=401))
    service.answers("GET /login", Answer(status=500))
    result = bench.run(
        """
        - workflowId: main
          steps:
            - {stepId: x, operationId: a, onFailure: [{name: r, type: retry, workflowId: fresh}]}
        - {workflowId: fresh, steps: [{stepId: z, operationId: login}]}
        """
    )
    assert result.outcome is Outcome.FAILED
    assert service.lines == ["GET /a", "GET /login"]


def test_two_kinds_of_failure_have_limits_of_their_own(bench: Workbench, service: Service) -> None:
    """Each action counts for itself."""
    service.answers("GET /a", BUSY, Answer(status=429), BUSY, Answer(status=429), Answer())
    result = bench.run_steps(
        "- {stepId: x, operationId: a, onFailure: ["
        "{name: r, type: retry, retryLimit: 2, criteria: [{condition: $statusCode == 503}]},"
        "{name: s, type: retry, retryLimit: 2, criteria: [{condition: $statusCode == 429}]}]}\n"
        + sink("1")
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a"] * 5 + ["POST /sink"]


def test_no_connection_is_a_failure_like_any_other(bench: Workbench, service: Service) -> None:
    """An action without criteria deals with it; there is no status to look at."""
    bench.describe("""
        /dead:
          servers: [{url: 'http://127.0.0.1:1'}]
          get: {operationId: dead, responses: {default: {description: any}}}
        /c: {get: {operationId: c, responses: {default: {description: any}}}}
    """)
    result = bench.run_steps(
        "- {stepId: x, operationId: dead, onFailure: [{name: r, type: retry, criteria: "
        "[{condition: $statusCode == 503}]}, {name: g, type: goto, stepId: z}]}\n"
        "- {stepId: z, operationId: c}"
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /c"]
