"""What follows a step: actions in their order, retries and their limits, and ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.arazzo.arazzo_kit import HEAD, Service, answer, bind, route, run, write_workflow

from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.arazzo.runner import Limits, Runner

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.events import WorkflowResult


def flow(*bodies: str, rest: str = "") -> str:
    """A document of steps `a`, `b`, `c`, each with these further fields."""
    steps = [
        f"- stepId: {name}\n  operationId: listParcels\n  {body}\n"
        for name, body in zip("abc", bodies, strict=False)
    ]
    return write_workflow("".join(steps), rest=rest)


def ways(text: str, *statuses: int) -> tuple[list[str], Outcome]:
    """The steps that ran where the service answers so, and how the run ended."""
    service = Service(*(answer(status, {}) for status in statuses))
    result = run(text, service)
    assert len(service.calls) == len(statuses)
    return [step.step.step_id for step in result.steps], result.outcome


PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
END = "{name: end, type: end}"
TO_C = "{name: on, type: goto, stepId: c}"
WHEN_404 = "criteria: [{condition: $statusCode == 404}]"


@pytest.mark.parametrize(
    ("text", "statuses", "steps", "outcome"),
    [
        (flow("", "", ""), (200, 200, 200), "abc", PASSED),
        (flow(f"onSuccess: [{END}]", ""), (200,), "a", PASSED),
        (flow(f"onSuccess: [{END}]", ""), (500,), "a", FAILED),
        (flow(f"onFailure: [{END}]", ""), (500,), "a", FAILED),
        (flow(f"onSuccess: [{TO_C}]", "", ""), (200, 200), "ac", PASSED),
        (flow(f"onFailure: [{TO_C}]", "", ""), (500, 200), "ac", PASSED),
        (flow(f"onFailure: [{TO_C}]", "", ""), (200, 200, 200), "abc", PASSED),
        (
            flow(
                "onFailure: [{name: on, type: goto, stepId: c, "
                f"{WHEN_404}}}, {{name: b, type: goto, stepId: b}}]",
                "",
                "",
            ),
            (404, 200),
            "ac",
            PASSED,
        ),
        (
            flow(
                f"onFailure: [{{name: on, type: goto, stepId: c, {WHEN_404}}}]",
                "",
                "",
            ),
            (500,),
            "a",
            FAILED,
        ),
    ],
)
def test_the_first_action_whose_criteria_hold_is_taken(
    text: str, statuses: tuple[int, ...], steps: str, outcome: Outcome
) -> None:
    """Actions of the matching kind only, in their order; without one, success goes on."""
    assert ways(text, *statuses) == (list(steps), outcome)


def retry(more: str = "", then: str = "") -> str:
    """A step that is tried again, followed by another step."""
    return flow(f"onFailure: [{{name: again, type: retry{more}}}{then}]", "", "")


@pytest.mark.parametrize(
    ("text", "statuses", "steps", "outcome"),
    [
        (retry(), (500, 500), "aa", FAILED),
        (retry(), (500, 200, 200, 200), "aabc", PASSED),
        (retry(", retryLimit: 3"), (500, 500, 500, 500), "aaaa", FAILED),
        (retry(", retryLimit: 3"), (500, 500, 500, 200, 200, 200), "aaaabc", PASSED),
        (retry(", retryLimit: 0"), (500,), "a", FAILED),
        (retry("", f", {TO_C}"), (500, 500, 200), "aac", PASSED),
        (retry(f", {WHEN_404}"), (500,), "a", FAILED),
        (retry(f", {WHEN_404}"), (404, 500), "aa", FAILED),
        (retry(", stepId: c"), (500, 200, 200, 200, 200), "acabc", PASSED),
        (retry(", stepId: c"), (500, 500), "ac", FAILED),
    ],
)
def test_a_retry_is_taken_as_often_as_it_may(
    text: str, statuses: tuple[int, ...], steps: str, outcome: Outcome
) -> None:
    """Once unless it says more; then the next action has its turn. A step may run before."""
    assert ways(text, *statuses) == (list(steps), outcome)


def test_attempts_are_numbered() -> None:
    """Each attempt is a result of its own, with the action that led on from it."""
    service = Service(answer(500), answer(200), answer(200), answer(200))
    result = run(retry(", retryAfter: 2.5"), service)
    assert [(step.attempt, step.outcome) for step in result.steps[:2]] == [
        (1, FAILED),
        (2, PASSED),
    ]
    action = result.steps[0].action
    assert action is not None
    assert (action.name, action.type, action.waited_s) == ("again", "retry", 2.5)
    assert result.steps[1].action is None


def test_retries_count_anew_when_the_flow_comes_back() -> None:
    """A limit belongs to one visit of a step."""
    back = (
        "onSuccess: [{name: back, type: goto, stepId: a, "
        "criteria: [{condition: $response.body.more == true}]}]"
    )
    text = flow("onFailure: [{name: again, type: retry}]", back)
    bodies = [(500, {}), (200, {}), (200, {"more": True}), (500, {}), (200, {}), (200, {})]
    result = run(text, Service(*(answer(status, body) for status, body in bodies)))
    assert "".join(step.step.step_id for step in result.steps) == "aabaab"
    assert result.outcome is PASSED


@pytest.mark.parametrize(
    ("own", "shared", "statuses", "steps", "outcome"),
    [
        ("", f"successActions: [{END}]", (200,), "a", PASSED),
        ("", f"failureActions: [{TO_C}]", (500, 200), "ac", PASSED),
        (
            "onSuccess: [{name: end, type: goto, stepId: c}]",
            f"successActions: [{END}]",
            (200, 200),
            "ac",
            PASSED,
        ),
        (
            f"onFailure: [{{name: own, type: end, {WHEN_404}}}]",
            f"failureActions: [{TO_C}]",
            (500, 200),
            "ac",
            PASSED,
        ),
    ],
)
def test_actions_of_a_workflow_stand_behind_those_of_a_step(
    own: str, shared: str, statuses: tuple[int, ...], steps: str, outcome: Outcome
) -> None:
    """One of the same name is replaced, the others remain."""
    end = f"onSuccess: [{END}]"
    text = flow(own, "", end, rest=shared)
    assert ways(text, *statuses) == (list(steps), outcome)


def test_a_loop_ends_as_an_error_that_shows_it() -> None:
    """A run has a limit of steps, and names the round that it was going."""
    text = flow("", "onSuccess: [{name: back, type: goto, stepId: a}]")
    bound = bind(text)
    service = Service(*(answer(200) for _ in range(20)))
    runner = Runner(send=service, route=route, clock=service, limits=Limits(steps=20))
    result = runner.run(bound, bound.document.workflows[0], {})
    assert result.outcome is ERROR
    assert str(result.error) == ("more than 20 steps; it was going flow.a -> flow.b -> flow.a")


def test_a_condition_of_an_action_that_cannot_be_evaluated_is_told() -> None:
    """It counts as one that does not hold, and the step's result says why."""
    action = "{name: odd, type: end, criteria: [{condition: $response.body < 1}]}"
    result = run(flow(f"onSuccess: [{action}]", ""), Service(answer(200, {}), answer(200)))
    assert result.outcome is PASSED
    assert result.steps[0].action_errors == (
        "action odd: `<, <=, >, >=`: an object and an integer have no order",
    )


FAMILY = """\
  - workflowId: main
    inputs: {type: object, properties: {who: {type: string}}}
    steps:
      - stepId: call
        workflowId: inner
        parameters: [{name: name, value: $inputs.who}]
        outputs: {seen: $outputs.id}
      - stepId: after
        operationId: listParcels
        parameters: [{name: id, in: query, value: $steps.call.outputs.seen}]
    outputs: {id: $steps.call.outputs.seen, name: $workflows.inner.inputs.name}
  - workflowId: inner
    inputs: {type: object, required: [name], properties: {name: {type: string}}}
    steps:
      - stepId: send
        operationId: sendParcel
        requestBody: {payload: {to: $inputs.name}}
        outputs: {id: $response.body#/id}
    outputs: {id: $steps.send.outputs.id}
"""


def run_family(service: Service, text: str = FAMILY, who: object = "Ada") -> WorkflowResult:
    """The result of the first workflow of several."""
    bound = bind(HEAD + text)
    runner = Runner(send=service, route=route, clock=service)
    return runner.run(bound, bound.document.workflows[0], {"who": who})


def test_a_step_calls_a_workflow_with_inputs_and_reads_its_outputs() -> None:
    """Parameters become inputs; the outputs are there for the step and those after it."""
    service = Service(answer(201, {"id": 7}), answer(200))
    result = run_family(service)
    assert result.outcome is PASSED
    assert service.sent[1].endswith("?id=7")
    assert result.outputs == {"id": 7, "name": "Ada"}
    called = result.steps[0].called
    assert called is not None
    assert called.inputs == {"name": "Ada"}
    assert [step.step.step_id for step in result.each_step()] == ["send", "call", "after"]


def test_a_called_workflow_that_fails_fails_the_step() -> None:
    """What comes after is not sent."""
    result = run_family(Service(answer(500)))
    assert (result.outcome, len(result.steps)) == (FAILED, 1)


def test_a_called_workflow_must_accept_its_inputs() -> None:
    """They are checked against its schema before anything is sent."""
    result = run_family(Service(), who=7)
    assert result.outcome is ERROR
    assert str(result.steps[0].error) == (
        "workflow `inner` does not accept its inputs: $.name: 7 is not of type 'string'"
    )


def test_a_run_that_goes_to_a_workflow_has_its_outputs() -> None:
    """The flow does not come back; inputs of the same names go with it."""
    text = FAMILY.replace(
        "        outputs: {seen: $outputs.id}\n",
        "        onSuccess: [{name: out, type: goto, workflowId: last}]\n",
    ).replace("$steps.call.outputs.seen", "$inputs.who")
    text += """\
  - workflowId: last
    inputs: {type: object, properties: {who: {type: string}}}
    steps: [{stepId: one, operationId: listParcels, outputs: {v: $response.body}}]
    outputs: {v: $steps.one.outputs.v, who: $inputs.who}
"""
    result = run_family(Service(answer(201, {"id": 7}), answer(200, [1])), text)
    assert result.outcome is PASSED
    assert result.outputs == {"v": [1], "who": "Ada"}
    assert [step.step.step_id for step in result.each_step()] == ["send", "call", "one"]


def test_workflows_within_workflows_have_a_limit() -> None:
    """A circle that no lint sees, by actions, ends as an error."""
    text = FAMILY.replace("        outputs: {seen: $outputs.id}\n", "").replace(
        "$steps.call.outputs.seen", "$inputs.who"
    )
    text = text.replace("{name: name, value", "{name: who, value").replace(
        "[name], properties: {name:", "[who], properties: {who:"
    )
    text = text.replace("to: $inputs.name", "to: $inputs.who").replace(
        "inputs.name}", "inputs.who}"
    )
    text = text.replace(
        "        outputs: {id: $response.body#/id}\n    outputs: {id: $steps.send.outputs.id}\n",
        "        onSuccess: [{name: out, type: goto, workflowId: main}]\n",
    )
    service = Service(*(answer(201, {}) for _ in range(60)))
    result = run_family(service, text)
    assert result.outcome is ERROR
    assert "more than 20 workflows deep" in str(result.steps[0].error)


def test_an_error_within_a_called_workflow_is_one_of_the_step_that_called_it() -> None:
    """No failure action can make up for a document that cannot be carried out."""
    text = FAMILY.replace("$response.body#/id", "$response.body#/no").replace(
        "        outputs: {seen: $outputs.id}\n",
        "        onFailure: [{name: on, type: goto, stepId: after}]\n"
        "        outputs: {seen: $outputs.id}\n",
    )
    result = run_family(Service(answer(201, {"id": 7})), text)
    assert result.outcome is ERROR
    assert "the value has no member `no`" in str(result.steps[0].error)


def test_a_workflow_runs_after_what_it_depends_on() -> None:
    """Each dependency once, its outputs usable; one that fails ends the run."""
    text = """\
  - workflowId: main
    dependsOn: [left, right]
    steps:
      - stepId: one
        operationId: listParcels
        parameters: [{name: id, in: query, value: $workflows.left.outputs.id}]
  - workflowId: left
    dependsOn: [right]
    steps: [{stepId: one, operationId: sendParcel, outputs: {id: $response.body#/id}}]
    outputs: {id: $steps.one.outputs.id}
  - workflowId: right
    steps: [{stepId: one, operationId: listParcels}]
"""
    service = Service(answer(200), answer(201, {"id": 5}), answer(200))
    result = run_family(service, text)
    assert result.outcome is PASSED
    assert [sent.partition("/parcels/")[2] for sent in service.sent] == [
        "parcels",
        "parcels",
        "parcels?id=5",
    ]
    failing = run_family(Service(answer(500)), text)
    assert failing.outcome is FAILED
    assert str(failing.error) == "workflow `main` depends on `left`, not completed"
