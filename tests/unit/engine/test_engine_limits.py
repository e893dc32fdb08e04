"""Nothing goes on for ever: limits of steps, depth and time, and the timeouts of steps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from unit.engine.engine_kit import Answer, Waits, reasons

from pytest_amberflo.arazzo import Limits, Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_LOOP = """
- workflowId: main
  steps:
    - {stepId: x, operationId: a}
    - {stepId: y, operationId: b, onSuccess: [{name: g, type: goto, stepId: x}]}
"""
_FAILING = """
- workflowId: main
  steps:
    - stepId: x
      operationId: a
      onFailure: [{name: r, type: retry, retryAfter: 60, retryLimit: 9999}]
"""


def test_a_loop_ends_as_an_error_that_shows_it(bench: Workbench, service: Service) -> None:
    """The round is named, step by step."""
    result = bench.run(_LOOP, limits=Limits(steps=7))
    assert result.outcome is Outcome.ERROR
    assert reasons(result) == ["more than 7 steps; it was going main.y -> main.x -> main.y"]
    assert len(service.seen) == 7


def test_workflows_that_go_to_each_other_end(bench: Workbench) -> None:
    """Each transfer is one level deeper."""
    result = bench.run(
        """
        - workflowId: main
          successActions: [{name: g, type: goto, workflowId: w}]
          steps: [{stepId: x, operationId: a}]
        - workflowId: w
          successActions: [{name: g, type: goto, workflowId: main}]
          steps: [{stepId: y, operationId: b}]
        """,
        limits=Limits(depth=4),
    )
    assert result.outcome is Outcome.ERROR
    inner = result
    while inner.others:
        inner = inner.others[-1]
    assert str(inner.error) == ("more than 4 workflows deep; it was going main -> w -> main -> w")


def test_a_run_has_a_limit_of_time(bench: Workbench, service: Service) -> None:
    """Waits count; one that would go beyond it is not begun."""
    service.answers("GET /a", Answer(status=503))
    clock = Waits()
    result = bench.run(_FAILING, clock=clock, limits=Limits(duration_s=150))
    assert result.outcome is Outcome.ERROR
    assert clock.waits == [60, 60]
    assert reasons(result) == [
        "a wait of 60 s would be more than the 150 s that a run may take; "
        "it was going main.x -> main.x"
    ]


@pytest.mark.parametrize(
    ("actions", "lines", "outcome"),
    [
        ("", ["GET /a"], Outcome.FAILED),
        ("onFailure: [{name: g, type: goto, stepId: z}],", ["GET /a", "GET /c"], Outcome.PASSED),
        (
            "onFailure: [{name: r, type: retry}],",
            ["GET /a", "GET /a", "GET /b", "GET /c"],
            Outcome.PASSED,
        ),
    ],
)
def test_a_step_beyond_its_timeout_has_failed(
    bench: Workbench, service: Service, actions: str, lines: list[str], outcome: Outcome
) -> None:
    """In milliseconds; failure actions can deal with it."""
    service.answers("GET /a", Answer(after_s=0.6), Answer())
    result = bench.run_steps(
        f"- {{stepId: x, {actions} operationId: a, timeout: 150}}\n"
        "- {stepId: y, operationId: b}\n- {stepId: z, operationId: c}",
        version="1.1.0",
    )
    assert result.outcome is outcome
    assert service.lines == lines


def test_a_step_within_its_timeout_is_left_alone(bench: Workbench) -> None:
    """The limit is not a wait."""
    result = bench.run_steps("- {stepId: x, operationId: a, timeout: 60000}", version="1.1.0")
    assert result.outcome is Outcome.PASSED
    assert result.duration_s < 5


def test_a_called_workflow_is_over_with_the_timeout_of_its_step(
    bench: Workbench, service: Service
) -> None:
    """Its own retries end, too, and the caller's failure actions take over."""
    service.answers("GET /a", Answer(status=503))
    clock = Waits()
    result = bench.run(
        """
        - workflowId: main
          steps:
            - {stepId: s, workflowId: slow, timeout: 90000,
               onFailure: [{name: g, type: goto, stepId: z}]}
            - {stepId: y, operationId: b}
            - {stepId: z, operationId: c}
        - workflowId: slow
          steps:
            - stepId: x
              operationId: a
              onFailure: [{name: r, type: retry, retryAfter: 60, retryLimit: 9999}]
        """,
        version="1.1.0",
        clock=clock,
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /a", "GET /c"]
    assert clock.waits == [60, 30]
    called = result.steps[0].called
    assert called is not None
    assert str(called.error) == "workflow `slow` was not done within the timeout of its step"


def test_no_request_is_sent_after_the_timeout_of_a_calling_step(
    bench: Workbench, service: Service
) -> None:
    """The second step of the called workflow is not begun."""
    service.answers("GET /a", Answer(after_s=0.4))
    started = time.monotonic()
    result = bench.run(
        """
        - {workflowId: main, steps: [{stepId: s, workflowId: slow, timeout: 100}]}
        - workflowId: slow
          steps:
            - {stepId: x, operationId: a, onFailure: [{name: g, type: goto, stepId: y}]}
            - {stepId: y, operationId: b}
        """,
        version="1.1.0",
    )
    assert result.outcome is Outcome.FAILED
    assert service.lines == ["GET /a"]
    called = result.steps[0].called
    assert called is not None
    assert [step.step.step_id for step in called.steps] == ["x"]
    assert time.monotonic() - started < 2
