"""Outputs of steps and workflows: values that exist, and what is said of those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from unit.arazzo.arazzo_kit import SEND_AND_TRACK, Service, answer, one, only, run

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.events import Outcome


def test_an_output_that_points_at_nothing_is_an_error_of_its_step() -> None:
    """The error names what is there; the run ends, since later steps cannot be built."""
    text = SEND_AND_TRACK.replace("$response.body#/id", "$response.body#/idd")
    service = Service(answer(201, {"id": 7, "other": 1}))
    result = run(text, service, {"name": "Ada"})
    (step,) = result.steps
    assert step.outcome is Outcome.ERROR
    assert isinstance(step.error, EvaluationError)
    assert str(step.error) == (
        "`$response.body#/idd`: the value has no member `idd`; did you mean `id`?"
    )
    assert step.outputs == {}
    assert result.outcome is Outcome.ERROR


def test_outputs_of_a_failed_step_are_not_looked_at() -> None:
    """A step that failed is not blamed for outputs that its answer does not have."""
    result = only(one(outputs="{id: $response.body#/id}"), Service(answer(404, {})))
    assert result.outcome is Outcome.FAILED
    assert result.error is None


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ("{a: $inputs.name}", {"a": "Ada"}),
        ("{a: $inputs.note}", {}),
        ("{a: $steps.one.outputs.list#/0/id}", {"a": 7}),
        ("{a: $steps.one.outputs.note}", {}),
        ("{a: $sourceDescriptions.parcels.url}", {"a": "parcels.yaml"}),
        ("{a: $sourceDescriptions.parcels.type}", {"a": "openapi"}),
    ],
)
def test_outputs_of_a_workflow_are_values_that_exist(outputs: str, found: dict[str, Any]) -> None:
    """Inputs that nobody gave are left out; every other output keeps its type."""
    text = one(
        outputs="{list: $response.body, note: $inputs.note}",
        rest=f"outputs: {outputs}",
        inputs="{type: object, properties: {name: {}, note: {}}}",
    )
    result = run(text, Service(answer(200, [{"id": 7}])), {"name": "Ada"})
    assert result.outcome is Outcome.PASSED
    assert result.outputs == found


def test_an_output_of_a_workflow_that_points_at_nothing_is_an_error_of_the_run() -> None:
    """All steps passed, and what the workflow promises is still not there."""
    text = one(
        outputs="{list: $response.body}",
        rest="outputs: {a: $steps.one.outputs.list#/9, b: $steps.one.outputs.list}",
    )
    result = run(text, Service(answer(200, [])))
    assert result.outcome is Outcome.ERROR
    assert str(result.error) == (
        "`$steps.one.outputs.list#/9`: the value has 0 elements and none at `9`"
    )
    assert result.outputs == {"b": []}


def test_criteria_and_outputs_see_their_own_exchange() -> None:
    """Request and response of an expression are those of its step."""
    text = one(
        criteria="[{condition: $method == 'get' && $url != null && $request.header.Accept}]",
        outputs="{url: $url, type: $response.header.content-type, accept: $request.header.ACCEPT}",
    )
    result = only(text, Service(answer(200, {})))
    assert result.outputs == {
        "url": "http://127.0.0.1:1/parcels/parcels",
        "type": "application/json",
        "accept": "application/json",
    }
