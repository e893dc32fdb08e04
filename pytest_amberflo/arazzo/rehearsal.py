"""A workflow without its requests: every one is resolved as far as it can be, none is sent.

Steps come in the order in which they stand (`dependsOn` included), each once; then the workflows
that actions may lead to. What only a response will tell stands as its expression in braces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.arazzo.acceptance import InputsRefusedError
from pytest_amberflo.arazzo.attempt import render_inputs
from pytest_amberflo.arazzo.errors import ArazzoError, EvaluationError
from pytest_amberflo.arazzo.events import Call, Outcome, Refusal, StepResult, WorkflowResult
from pytest_amberflo.arazzo.frame import Frame
from pytest_amberflo.arazzo.order import order_steps
from pytest_amberflo.arazzo.plan import merge_parameters, plan_request
from pytest_amberflo.arazzo.scope import ABSENT, Unknown, evaluate
from pytest_amberflo.arazzo.template import Selected, find_expressions, render
from pytest_amberflo.arazzo.uses import find_uses_in_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.events import Route
    from pytest_amberflo.arazzo.model import Action, Parameter, Step, Workflow
    from pytest_amberflo.arazzo.scope import Scope
    from pytest_amberflo.arazzo.source import Pointer
    from pytest_amberflo.arazzo.template import Template


class UnknownValue(Struct, frozen=True, kw_only=True):
    """A value of a request that only a response will tell."""

    #: The part of the request: "header parameter X-Trace", or "body".
    part: str
    #: Where in the body; () where that cannot be told, and for every other part.
    pointer: Pointer
    #: The expression, as the document has it.
    expression: str


class Inspect(Protocol):
    """Looks at a call that would be sent."""

    def __call__(self, call: Call, unknown: Sequence[UnknownValue]) -> None:
        """Raises Refusal where the request must not be sent as it is."""


class Rehearsal:
    """Resolves the requests of workflows; `inspect` gets each of them."""

    def __init__(self, *, inspect: Inspect, route: Route) -> None:
        self._inspect = inspect
        self._route = route
        self._calls = 0
        self._begun: set[tuple[str, str]] = set()

    def run(
        self, bound: BoundDocument, workflow: Workflow, inputs: Mapping[str, Any]
    ) -> WorkflowResult:
        """What a workflow would send: steps without exchanges, called workflows within them.

        A step that cannot be resolved has an error, one that must not be sent a refusal.
        """
        self._begun.add((bound.document.source.uri, workflow.workflow_id))
        declared = frozenset(bound.inputs_of(workflow).properties)
        frame = Frame(bound, workflow, inputs, declared)
        for step in workflow.steps:  # a goto may have led to a step that stands further down
            names = {f.name: f"{{$steps.{step.step_id}.outputs.{f.name}}}" for f in step.outputs}
            frame.foresee_step(step.step_id, {name: Unknown(t) for name, t in names.items()})
        before = [self._lead_to(frame, reference, {}) for reference in workflow.depends_on]
        for step in order_steps(workflow):
            frame.note_step(self._rehearse_step(frame, step))
        later = [
            self._lead_to(frame, action.workflow_id, self._render(action.parameters, frame))
            for action in _list_actions(workflow)
            if action.workflow_id is not None
        ]
        others = [other for other in (*before, *later) if other is not None]
        outcomes = {step.outcome for step in frame.results} | {other.outcome for other in others}
        return WorkflowResult(
            document=bound.document,
            workflow=workflow,
            outcome=Outcome.PASSED if outcomes <= {Outcome.PASSED} else Outcome.FAILED,
            inputs=inputs,
            steps=tuple(frame.results),
            outputs=_foresee([(output.name, output.value) for output in workflow.outputs], frame),
            others=tuple(other for other in before if other is not None),
            later=tuple(other for other in later if other is not None),
        )

    def _lead_to(
        self, frame: Frame, reference: str, inputs: Mapping[str, Any]
    ) -> WorkflowResult | None:
        """Rehearse a workflow that is depended on or gone to; None where that has been done."""
        bound, workflow = frame.bound.find_workflow(reference)
        if (bound.document.source.uri, workflow.workflow_id) in self._begun:
            return None
        schema = bound.inputs_of(workflow)
        shared = {n: value for n, value in frame.inputs.items() if n in schema.properties}
        other = self.run(bound, workflow, schema.fill({**shared, **inputs}))
        frame.note_workflow(reference, other)
        return other

    def _render(self, parameters: Sequence[Parameter], frame: Frame) -> dict[str, Any]:
        """The inputs that an action gives; what it takes of a response is unknown."""
        named = [(parameter.name, parameter.value) for parameter in parameters]
        return _foresee(named, frame)

    def _rehearse_step(self, frame: Frame, step: Step) -> StepResult:
        if step.workflow_id is not None:
            return self._rehearse_call(frame, step, step.workflow_id)
        self._calls += 1
        target = frame.bound.target_of(frame.workflow, step)
        parameters = merge_parameters(frame.workflow.parameters, step.parameters)
        result = StepResult(
            document=frame.bound.document,
            step=step,
            attempt=1,
            outcome=Outcome.PASSED,
            call=self._calls,
            target=target,
        )
        scope = frame.scope()
        try:
            base_url = self._route(target)
            plan = plan_request(step, target.operation, parameters, scope, base_url)
            unknown = tuple(_find_unknown(frame.workflow, step, parameters, scope))
            result = replace(
                result,
                sent=plan.sent,
                unknown=tuple(value.expression for value in unknown),
                outputs=_foresee(
                    [(output.name, output.value) for output in step.outputs],
                    frame,
                    frame.scope(request=plan.sent),
                ),
            )
            call = Call(
                number=self._calls,
                document=frame.bound.document,
                workflow=frame.workflow,
                step=step,
                target=target,
                plan=plan,
                attempt=1,
                timeout_s=None,
                is_handled=lambda _: False,
            )
            self._inspect(call, unknown)
        except ArazzoError as error:
            return replace(result, outcome=Outcome.ERROR, error=error)
        except Refusal as refusal:
            return replace(result, outcome=Outcome.FAILED, refusal=refusal.reason)
        return result

    def _rehearse_call(self, frame: Frame, step: Step, reference: str) -> StepResult:
        """A step that calls a workflow: that workflow with the inputs that are known."""
        result = StepResult(
            document=frame.bound.document, step=step, attempt=1, outcome=Outcome.PASSED
        )
        bound, workflow = frame.bound.find_workflow(reference)
        schema = bound.inputs_of(workflow)
        try:
            parameters = merge_parameters(frame.workflow.parameters, step.parameters)
            inputs = schema.fill(render_inputs(parameters, frame.scope()))
            reasons = [
                f"{error.json_path}: {error.message}"
                for error in schema.find_errors(inputs)
                if not _holds_unknown(error.instance) or error.validator == "required"
            ]
            if reasons:
                raise InputsRefusedError(workflow.workflow_id, reasons)
        except ArazzoError as error:
            return replace(result, outcome=Outcome.ERROR, error=error)
        called = self.run(bound, workflow, inputs)
        frame.note_workflow(reference, called)
        outputs = [(output.name, output.value) for output in step.outputs]
        return replace(
            result,
            called=called,
            outcome=called.outcome,
            outputs=_foresee(outputs, frame, frame.scope(outputs=called.outputs)),
        )


def _foresee(
    named: Sequence[tuple[str, Template]], frame: Frame, scope: Scope | None = None
) -> dict[str, Any]:
    """Values by name, an Unknown for each that only a response will tell."""
    values: dict[str, Any] = {}
    for name, template in named:
        try:
            value = render(template, scope or frame.scope())
        except EvaluationError:
            texts = [str(expression) for _, expression in find_expressions(template)]
            value = Unknown("{" + ", ".join(texts) + "}")
        if value is not ABSENT:
            values[name] = value
    return values


def _find_unknown(
    workflow: Workflow, step: Step, parameters: Sequence[Parameter], scope: Scope
) -> Iterator[UnknownValue]:
    """The values of a step's request that are not known yet, each once."""
    for parameter in parameters:
        part = f"{parameter.location or 'query'} parameter {parameter.name}"
        for _, expression in find_expressions(parameter.value):
            if _holds_unknown(evaluate(expression, scope)):
                yield UnknownValue(part=part, pointer=(), expression=str(expression))
    body = step.request_body
    if body is None:
        return
    is_plain = not body.replacements and not isinstance(body.payload, Selected)
    at = (*body.place.pointer, "payload")
    for use in find_uses_in_step(workflow, step):
        is_payload = use.pointer[: len(at)] == at
        if use.pointer[: len(at) - 1] != at[:-1]:
            continue
        if _holds_unknown(evaluate(use.expression, scope)):
            pointer = use.pointer[len(at) :] if is_payload and is_plain else ()
            yield UnknownValue(part="body", pointer=pointer, expression=str(use.expression))


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_unknown(member) for member in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return isinstance(value, Unknown)


def _list_actions(workflow: Workflow) -> Iterator[Action]:
    yield from workflow.success_actions
    yield from workflow.failure_actions
    for step in workflow.steps:
        yield from step.on_success
        yield from step.on_failure
