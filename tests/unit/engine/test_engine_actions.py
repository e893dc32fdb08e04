"""What follows a step: its actions and those of its workflow, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.engine.engine_kit import Answer, sink

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench


def test_steps_run_in_their_order(bench: Workbench, service: Service) -> None:
    """Without actions the next step follows."""
    result = bench.run_steps("- {stepId: x, operationId: b}\n- {stepId: y, operationId: a}")
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /b", "GET /a"]


def test_a_failed_step_without_actions_ends_the_run(bench: Workbench, service: Service) -> None:
    """The default is to break and return."""
    service.answers("GET /a", Answer(status=404))
    result = bench.run_steps("- {stepId: x, operationId: a}\n- {stepId: y, operationId: b}")
    assert result.outcome is Outcome.FAILED
    assert service.lines == ["GET /a"]


@pytest.mark.parametrize(
    ("actions", "lines"),
    [
        ("[{name: n, type: end}]", []),
        ("[{name: n, type: goto, stepId: z}]", ["GET /c"]),
        (
            "[{name: n, type: end, criteria: [{condition: $response.body#/k == 2}]}, "
            "{name: m, type: goto, stepId: z}]",
            ["GET /c"],
        ),
        (
            "[{name: n, type: end, criteria: [{condition: $response.body#/k == 1}, "
            "{condition: $statusCode == 500}]}]",
            ["GET /b", "GET /c"],
        ),
        ("[{name: n, type: goto, stepId: z}, {name: m, type: end}]", ["GET /c"]),
        (
            "[{name: n, type: end, criteria: [{context: $response.body#/k, condition: $.x, "
            "type: jsonpath}]}]",
            ["GET /b", "GET /c"],
        ),
    ],
)
def test_the_first_action_whose_criteria_all_hold_is_taken(
    bench: Workbench, service: Service, actions: str, lines: list[str]
) -> None:
    """The others are passed over, one that cannot be evaluated too."""
    service.answers("GET /a", Answer(body={"k": 1}))
    result = bench.run_steps(
        f"- {{stepId: x, operationId: a, onSuccess: {actions}}}\n"
        "- {stepId: y, operationId: b}\n- {stepId: z, operationId: c}"
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", *lines]


def test_a_condition_of_an_action_that_cannot_be_evaluated_is_told(
    bench: Workbench, service: Service
) -> None:
    """Nobody is to wonder why an action was not taken."""
    service.answers("GET /a", Answer(body={"k": "text"}))
    result = bench.run_steps(
        "- {stepId: x, operationId: a, onSuccess: [{name: n, type: end, criteria: "
        "[{context: $response.body#/k, condition: $.x, type: jsonpath}]}]}"
    )
    (error,) = result.steps[0].action_errors
    assert error.startswith("action n: `$.x`: the context is text")


def test_a_goto_after_a_failure_leads_on(bench: Workbench, service: Service) -> None:
    """The run goes on, and what the failed step did find is known there."""
    service.answers("GET /a", Answer(status=500, body={"code": "E1"}))
    result = bench.run_steps(
        "- {stepId: x, operationId: a, outputs: {code: $response.body#/code}, "
        "onFailure: [{name: g, type: goto, stepId: sink}]}\n"
        "- {stepId: y, operationId: b}\n" + sink("{code: $steps.x.outputs.code}")
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "POST /sink"]
    assert service.seen[-1].json() == {"code": "E1"}


def test_polling_by_a_goto_to_the_step_itself(bench: Workbench, service: Service) -> None:
    """The criteria of actions know the outputs of their own step."""
    running, done = Answer(body={"state": "running"}), Answer(body={"state": "done"})
    service.answers("GET /a", running, running, done)
    result = bench.run_steps(
        "- {stepId: x, operationId: a, outputs: {state: $response.body#/state}, onSuccess: "
        "[{name: again, type: goto, stepId: x, criteria: "
        "[{condition: \"$steps.x.outputs.state == 'running'\"}]}]}\n"
        "- {stepId: y, operationId: b}"
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /a", "GET /a", "GET /b"]


def test_a_goto_to_a_workflow_hands_the_run_over(bench: Workbench, service: Service) -> None:
    """It gets the parameters of the action; its outputs are those of the run."""
    service.answers("GET /a", Answer(body={"id": 7}))
    service.answers("GET /items/7-9", Answer(body={"name": "cup"}))
    result = bench.run(
        """
        - workflowId: main
          inputs: {type: object, properties: {size: {default: 9}}}
          steps:
            - stepId: x
              operationId: a
              outputs: {id: $response.body#/id}
              onSuccess:
                - name: g
                  type: goto
                  workflowId: other
                  parameters: [{name: id, value: $steps.x.outputs.id}]
            - {stepId: y, operationId: b}
          outputs: {id: $steps.x.outputs.id}
        - workflowId: other
          inputs: {type: object, required: [id], properties: {id: {type: integer}, size: {}}}
          steps:
            - stepId: z
              operationId: item
              parameters: [{name: id, in: path, value: '{$inputs.id}-{$inputs.size}'}]
              outputs: {name: $response.body#/name}
          outputs: {name: $steps.z.outputs.name}
        """,
        version="1.1.0",
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /items/7-9"]
    assert dict(result.outputs) == {"name": "cup"}


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        ("", ["GET /a", "GET /c"]),
        ("onSuccess: [{name: other, type: goto, stepId: y}],", ["GET /a", "GET /b", "GET /c"]),
        ("onSuccess: [{name: shared, type: goto, stepId: y}],", ["GET /a", "GET /b", "GET /c"]),
    ],
)
def test_actions_of_the_workflow_follow_every_step(
    bench: Workbench, service: Service, own: str, lines: list[str]
) -> None:
    """Those of the step come first, and take the place of one of the same name."""
    bench.run_steps(
        f"- {{stepId: x, {own} operationId: a}}\n"
        "- {stepId: y, operationId: b, onSuccess: [{name: n, type: goto, stepId: z}]}\n"
        "- {stepId: z, operationId: c, onSuccess: [{name: n, type: end}]}",
        more="successActions: [{name: shared, type: goto, stepId: z}]",
    )
    assert service.lines == lines


def test_actions_come_from_the_components(bench: Workbench, service: Service) -> None:
    """By reference, at the step and at the workflow."""
    bench.add("""
        components:
          successActions: {leap: {name: leap, type: goto, stepId: z}}
          failureActions: {again: {name: again, type: retry, retryLimit: 2}}
    """)
    service.answers("GET /a", Answer(status=503), Answer(status=503), Answer())
    result = bench.run_steps(
        "- {stepId: x, operationId: a, onSuccess: [{reference: $components.successActions.leap}]}"
        "\n- {stepId: y, operationId: b}\n- {stepId: z, operationId: c}",
        more="failureActions: [{reference: $components.failureActions.again}]",
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a"] * 3 + ["GET /c"]


def test_an_end_after_a_failure_is_a_failure(bench: Workbench, service: Service) -> None:
    """It ends the run; it does not make a wrong answer right."""
    service.answers("GET /a", Answer(status=500))
    result = bench.run_steps(
        "- {stepId: x, operationId: a, onFailure: [{name: e, type: end}]}\n"
        "- {stepId: y, operationId: b}"
    )
    assert result.outcome is Outcome.FAILED
    assert service.lines == ["GET /a"]
