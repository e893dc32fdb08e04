"""Runs of workflows: the order of steps, and what ends a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.arazzo.arazzo_kit import (
    HEAD,
    JSON,
    SEND_AND_TRACK,
    Service,
    answer,
    bind,
    one,
    only,
    route,
    run,
    write_workflow,
)

from pytest_amberflo.arazzo.events import Outcome, Refusal, WorkflowResult
from pytest_amberflo.arazzo.plan import PlanError
from pytest_amberflo.arazzo.runner import Runner
from pytest_amberflo.http.exchange import Response, TransportFailure

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.bound import Target


def outcomes(result: WorkflowResult) -> list[tuple[str, Outcome]]:
    """Each step that ran, and how it ended."""
    return [(step.step.step_id, step.outcome) for step in result.steps]


def test_steps_run_in_order_and_hand_on_their_outputs() -> None:
    """Each step is sent once, after the one before; outputs reach later steps and the result."""
    service = Service(answer(201, {"id": 7}), answer(200, {"where": "hub"}), answer(200, []))
    result = run(SEND_AND_TRACK, service, {"name": "Ada"})
    assert service.sent == [
        "POST http://127.0.0.1:1/parcels/parcels",
        "GET http://127.0.0.1:1/parcels/parcels/7",
        "GET http://127.0.0.1:1/parcels/parcels",
    ]
    assert outcomes(result) == [
        ("send", Outcome.PASSED),
        ("track", Outcome.PASSED),
        ("list", Outcome.PASSED),
    ]
    assert service.calls[0].plan.sent.request.body == b'{"to":"Ada"}'
    assert result.steps[0].outputs == {"id": 7, "status": 201}
    assert result.outputs == {"id": 7, "where": "hub"}
    assert result.outcome is Outcome.PASSED
    assert result.inputs == {"name": "Ada"}
    assert result.error is None


def test_a_run_is_timed_by_the_clock_that_it_is_given() -> None:
    """Steps and run take as long as the clock says."""
    service = Service(answer(201, {"id": 7}), answer(200, {"where": "hub"}), answer(200, []))
    result = run(SEND_AND_TRACK, service, {"name": "Ada"})
    assert [step.duration_s for step in result.steps] == [2, 2, 2]
    assert result.duration_s == 6


def test_a_failed_step_ends_the_run() -> None:
    """What comes after a failure is not sent, and its outputs are absent."""
    service = Service(answer(201, {"id": 7}), answer(404, {}))
    result = run(SEND_AND_TRACK, service, {"name": "Ada"})
    assert outcomes(result) == [("send", Outcome.PASSED), ("track", Outcome.FAILED)]
    assert len(service.calls) == 2
    assert result.outcome is Outcome.FAILED
    assert result.outputs == {"id": 7}
    assert result.error is None
    assert result.steps[1].outputs == {}
    assert result.steps[1].exchange is not None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.PASSED),
        (204, Outcome.PASSED),
        (299, Outcome.PASSED),
        (199, Outcome.FAILED),
        (300, Outcome.FAILED),
        (302, Outcome.FAILED),
        (404, Outcome.FAILED),
        (500, Outcome.FAILED),
    ],
)
def test_without_criteria_a_2xx_answer_is_success(status: int, outcome: Outcome) -> None:
    """A step that says nothing of success succeeds with any 2xx."""
    assert only(one(), Service(answer(status))).outcome is outcome


@pytest.mark.parametrize(
    ("conditions", "passed"),
    [
        (["$statusCode == 404"], [True]),
        (["$statusCode == 404", "$response.body.id == 7"], [True, True]),
        (["$statusCode == 404", "$response.body.id == 8"], [True, False]),
        (["$statusCode == 200", "$response.body.id == 7"], [False, True]),
        (["$statusCode == 404", "$response.body < 1"], [True, False]),
    ],
)
def test_every_criterion_must_hold(conditions: list[str], passed: list[bool]) -> None:
    """Criteria decide alone, whatever the status; each is judged, also after one that failed."""
    criteria = "[" + ", ".join(f"{{condition: {text}}}" for text in conditions) + "]"
    result = only(one(criteria=criteria), Service(answer(404, {"id": 7})))
    assert [criterion.passed for criterion in result.criteria] == passed
    assert result.outcome is (Outcome.PASSED if all(passed) else Outcome.FAILED)


def test_no_answer_fails_the_step() -> None:
    """A request that got no response fails, whatever its criteria would say."""
    failure = TransportFailure(kind="timeout", message="no answer", sent=True)
    for criteria in ("", "[{condition: $url != null}]"):
        result = only(one(criteria=criteria, outputs="{a: $url}"), Service(failure))
        assert result.outcome is Outcome.FAILED
        assert result.exchange is not None
        assert result.exchange.failure is failure
        assert result.outputs == {}


def test_a_refusal_ends_the_run() -> None:
    """A call that the transport refuses fails with the reason, and nothing else is sent."""
    service = Service(answer(201, {"id": 7}), Refusal("not this host"))
    result = run(SEND_AND_TRACK, service, {"name": "Ada"})
    assert outcomes(result) == [("send", Outcome.PASSED), ("track", Outcome.FAILED)]
    last = result.steps[-1]
    assert last.refusal == "not this host"
    assert last.exchange is None
    assert last.sent is not None
    assert last.sent.request.url.endswith("/parcels/7")
    assert result.outcome is Outcome.FAILED


def test_a_refusal_of_the_way_ends_the_run() -> None:
    """Where no base URL may be called no request is made at all."""
    bound = bind(one())
    service = Service()

    def refuse(target: Target) -> str:
        raise Refusal(f"not {target.source_name}")

    runner = Runner(send=service, route=refuse, clock=service)
    result = runner.run(bound, bound.document.workflows[0], {})
    assert result.steps[0].refusal == "not parcels"
    assert result.steps[0].sent is None
    assert service.calls == []


def test_an_unexpected_error_of_the_transport_is_not_swallowed() -> None:
    """Only a Refusal is an answer; any other exception is somebody's mistake."""
    with pytest.raises(ZeroDivisionError):
        run(one(), Service(ZeroDivisionError()))


def test_a_request_that_cannot_be_built_is_an_error_of_its_step() -> None:
    """Nothing is sent where a part of the request has no value."""
    text = SEND_AND_TRACK.replace("value: $steps.send.outputs.id", "value: $inputs.note")
    service = Service(answer(201, {"id": 7}))
    result = run(text, service, {"name": "Ada"})
    assert len(service.calls) == 1
    last = result.steps[-1]
    assert last.outcome is Outcome.ERROR
    assert isinstance(last.error, PlanError)
    assert str(last.error) == ("path parameter `parcelId`: it is required; the input is absent")
    assert result.outcome is Outcome.ERROR


def test_parameters_of_a_workflow_apply_to_every_step() -> None:
    """A step may replace the value, and does not have to repeat the parameter."""
    text = write_workflow(
        """
- {stepId: one, operationId: listParcels}
- {stepId: two, operationId: listParcels, parameters: [{name: page, in: query, value: 2}]}
""",
        rest="parameters: [{name: page, in: query, value: 1}]",
    )
    service = Service(answer(200), answer(200))
    run(text, service)
    assert [url.partition("?")[2] for url in service.sent] == ["page=1", "page=2"]


def test_a_call_says_what_it_is_for() -> None:
    """The transport knows workflow, step, target and attempt of what it is to send."""
    service = Service(answer(200))
    result = run(one(), service)
    (call,) = service.calls
    assert call.workflow is result.workflow
    assert call.step is result.steps[0].step
    assert call.attempt == 1
    assert call.target.operation.operation_id == "listParcels"
    assert result.steps[0].target == call.target
    assert result.steps[0].sent is call.plan.sent


def test_runs_of_one_runner_share_nothing() -> None:
    """A second run knows no outputs of the first."""
    bound = bind(SEND_AND_TRACK)
    service = Service(
        answer(201, {"id": 7}), answer(200, {"where": "hub"}), answer(200, []), answer(500)
    )
    runner = Runner(send=service, route=route, clock=service)
    runner.run(bound, bound.document.workflows[0], {"name": "Ada"})
    second = runner.run(bound, bound.document.workflows[0], {"name": "Bob"})
    assert second.outputs == {}
    assert outcomes(second) == [("send", Outcome.FAILED)]


@pytest.mark.parametrize("body", [b"9" * 5000, b'{"id": 1e400}', b'{"id": "\\ud800"}'])
def test_no_answer_can_stop_a_run_with_a_crash(body: bytes) -> None:
    """Whatever a service sends, the run ends with a result."""
    text = write_workflow(
        "- {stepId: one, operationId: listParcels, outputs: {a: $response.body}}\n"
        "- {stepId: two, operationId: sendParcel, "
        "requestBody: {payload: $steps.one.outputs.a}}\n"
    )
    first = Response(status=200, headers=JSON, body=body)
    assert run(text, Service(first, answer(200))).outcome in Outcome


RETRY = (
    "- {stepId: one, operationId: listParcels, "
    "onFailure: [{name: again, type: retry, retryAfter: 3, retryLimit: 2}]}\n"
)


@pytest.mark.parametrize(
    ("asked", "pauses"), [(None, [3.0]), ("7", [7.0]), ("0", [0.0]), ("soon", [3.0])]
)
def test_a_retry_waits_as_the_service_asks(asked: str | None, pauses: list[float]) -> None:
    """`Retry-After` overrules the document; what is no such thing does not."""
    headers = JSON if asked is None else (*JSON, ("Retry-After", asked))
    service = Service(Response(status=503, headers=headers), answer(200))
    assert run(write_workflow(RETRY), service).outcome is Outcome.PASSED
    assert service.pauses == pauses


@pytest.mark.parametrize("asked", ["601", "9" * 400])
def test_no_service_can_make_a_run_wait_for_ever(asked: str) -> None:
    """A wait beyond the limit ends the run, and says what was asked for."""
    busy = Response(status=503, headers=(*JSON, ("Retry-After", asked)))
    service = Service(busy)
    result = run(write_workflow(RETRY), service)
    assert result.outcome is Outcome.ERROR
    assert service.pauses == []
    assert str(result.error) == (
        f"a retry is to wait {float(asked):g} s, more than 600 s; it was going flow.one"
    )
    assert [step.step.step_id for step in result.steps] == ["one"]


NEEDS = """\
  - workflowId: first
    inputs: {type: object, required: [key], properties: {key: {type: string}}}
    steps: [{stepId: one, operationId: listParcels}]
  - workflowId: second
    dependsOn: [first]
    inputs: {type: object, properties: {key: {}}}
    steps: [{stepId: one, operationId: listParcels}]
"""


def test_a_workflow_that_is_depended_on_must_accept_its_inputs() -> None:
    """It gets the inputs of the same names; where they do not do, nothing is sent."""
    bound = bind(HEAD + NEEDS)
    for inputs, outcome in ((({"key": "k"}), Outcome.PASSED), ({"key": 7}, Outcome.ERROR)):
        service = Service(answer(200), answer(200))
        runner = Runner(send=service, route=route, clock=service)
        result = runner.run(bound, bound.document.workflows[1], inputs)
        assert result.outcome is outcome
        assert len(service.calls) == (2 if outcome is Outcome.PASSED else 0)
    assert str(result.error) == (
        "workflow `first` does not accept its inputs: $.key: 7 is not of type 'string'"
    )
