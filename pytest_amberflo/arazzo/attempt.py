"""One attempt of a step: its request is sent and judged, or its workflow is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.arazzo.criteria import CriterionResult, judge_criteria
from pytest_amberflo.arazzo.errors import ArazzoError, EvaluationError
from pytest_amberflo.arazzo.events import Call, Outcome, Refusal, StepResult, WorkflowResult
from pytest_amberflo.arazzo.flow import list_actions
from pytest_amberflo.arazzo.frame import fill_outputs
from pytest_amberflo.arazzo.plan import PlanError, merge_parameters, plan_request
from pytest_amberflo.arazzo.scope import ABSENT, receive
from pytest_amberflo.arazzo.template import render
from pytest_amberflo.arazzo.uses import is_output_read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_amberflo.arazzo.events import Clock, Route, Send
    from pytest_amberflo.arazzo.frame import Frame
    from pytest_amberflo.arazzo.model import Parameter, Step, Workflow
    from pytest_amberflo.arazzo.plan import Plan
    from pytest_amberflo.arazzo.scope import Scope
    from pytest_amberflo.http.exchange import Exchange


class Attempt(Struct, frozen=True, kw_only=True):
    """An attempt's result, and the scope that the actions after it are judged in."""

    result: StepResult
    scope: Scope
    #: Whether actions may follow: not after an error of the document or a refused request.
    may_act: bool


class RunCalled(Protocol):
    """Runs a workflow that a step calls."""

    def __call__(
        self, frame: Frame, reference: str, inputs: Mapping[str, Any], deadline: float | None
    ) -> WorkflowResult:
        """The result of the workflow. Raises ArazzoError where it cannot be run."""


class Attempts:
    """Makes attempts; counts the calls of a run."""

    def __init__(self, send: Send, route: Route, clock: Clock, run_called: RunCalled) -> None:
        self._send = send
        self._route = route
        self._clock = clock
        self._run_called = run_called
        self._calls = 0

    def make(
        self,
        frame: Frame,
        step: Step,
        number: int,
        is_handled: Callable[[Scope], bool],
    ) -> Attempt:
        """The `number`-th attempt of a step in a row.

        `is_handled` tells whether a failure action would deal with a failure in a scope.
        """
        started = self._clock.now()
        deadline = self._deadline_of(frame, step)
        if step.workflow_id is not None:
            attempt = self._call_workflow(frame, step, step.workflow_id, number, deadline)
        else:
            attempt = self._call_operation(frame, step, number, deadline, is_handled)
        elapsed = self._clock.now() - started
        return Attempt(
            result=replace(attempt.result, duration_s=elapsed),
            scope=attempt.scope,
            may_act=attempt.may_act,
        )

    def _deadline_of(self, frame: Frame, step: Step) -> float | None:
        own = None if step.timeout_ms is None else self._clock.now() + step.timeout_ms / 1000
        limits = [moment for moment in (own, frame.deadline) if moment is not None]
        return min(limits) if limits else None

    def _call_operation(
        self,
        frame: Frame,
        step: Step,
        number: int,
        deadline: float | None,
        is_handled: Callable[[Scope], bool],
    ) -> Attempt:
        target = frame.bound.target_of(frame.workflow, step)
        parameters = merge_parameters(frame.workflow.parameters, step.parameters)
        plan: Plan | None = None
        self._calls += 1

        def fail(error: ArazzoError | None = None, refusal: str | None = None) -> Attempt:
            result = StepResult(
                document=frame.bound.document,
                step=step,
                attempt=number,
                outcome=Outcome.FAILED if error is None else Outcome.ERROR,
                call=self._calls,
                target=target,
                sent=plan.sent if plan is not None else None,
                error=error,
                refusal=refusal,
            )
            return Attempt(result=result, scope=frame.scope(), may_act=False)

        try:
            base_url = self._route(target)
            plan = plan_request(step, target.operation, parameters, frame.scope(), base_url)
            call = Call(
                number=self._calls,
                document=frame.bound.document,
                workflow=frame.workflow,
                step=step,
                target=target,
                plan=plan,
                attempt=number,
                timeout_s=None if deadline is None else max(0.0, deadline - self._clock.now()),
                is_handled=lambda exchange: _is_handled(frame, step, plan, exchange, is_handled),
                after=lambda exchange: _look_after(frame, step, plan, exchange),
            )
            exchange = self._send(call)
        except PlanError as error:
            return fail(error)
        except Refusal as refusal:
            return fail(refusal=refusal.reason)
        return self._judge_exchange(frame, step, call, exchange)

    def _judge_exchange(self, frame: Frame, step: Step, call: Call, exchange: Exchange) -> Attempt:
        judged = _judge(step, _scope_of(frame, call.plan, exchange))
        passed = exchange.response is not None and is_success(exchange, judged.criteria)
        error = judged.find_fault(frame.workflow, step) if passed else None
        result = StepResult(
            document=frame.bound.document,
            step=step,
            attempt=call.attempt,
            outcome=_outcome(passed=passed, error=error),
            call=call.number,
            target=call.target,
            sent=call.plan.sent,
            exchange=exchange,
            criteria=judged.criteria,
            outputs={} if error is not None or exchange.response is None else judged.outputs,
            error=error,
        )
        scope = judged.scope_after(step, passed=passed)
        return Attempt(result=result, scope=scope, may_act=error is None)

    def _call_workflow(
        self, frame: Frame, step: Step, reference: str, number: int, deadline: float | None
    ) -> Attempt:
        called: WorkflowResult | None = None
        error: ArazzoError | None = None
        criteria: tuple[CriterionResult, ...] = ()
        outputs: Mapping[str, Any] = {}
        scope = frame.scope()
        passed = False
        try:
            parameters = merge_parameters(frame.workflow.parameters, step.parameters)
            inputs = render_inputs(parameters, scope)
            called = self._run_called(frame, reference, inputs, deadline)
        except ArazzoError as reason:
            error = reason
        if called is not None:
            frame.note_workflow(reference, called)
            judged = _judge(step, frame.scope(outputs=called.outputs))
            criteria = judged.criteria
            passed = called.outcome is Outcome.PASSED and all(c.passed for c in criteria)
            error = _find_error(called) if called.outcome is Outcome.ERROR else None
            if passed:
                error = judged.find_fault(frame.workflow, step)
            outputs = {} if error is not None else judged.outputs
            scope = judged.scope_after(step, passed=passed)
        result = StepResult(
            document=frame.bound.document,
            step=step,
            attempt=number,
            outcome=_outcome(passed=passed, error=error),
            criteria=criteria,
            outputs=outputs,
            called=called,
            error=error,
        )
        return Attempt(result=result, scope=scope, may_act=error is None)


def _find_error(result: WorkflowResult) -> ArazzoError:
    """Why a workflow could not be carried out, however deep below it that is."""
    below = [step.error for step in result.each_step()] + [other.error for other in result.others]
    known = [error for error in (*below, result.error) if error is not None]
    return known[-1] if known else ArazzoError(f"{result.workflow.workflow_id} was not run")


def is_success(exchange: Exchange, criteria: Sequence[CriterionResult]) -> bool:
    """Whether a step succeeded: every criterion holds; without criteria, any 2xx is success."""
    if criteria:
        return all(result.passed for result in criteria)
    return exchange.response is not None and 200 <= exchange.response.status < 300


class _Judged(Struct, frozen=True, kw_only=True):
    """What an attempt is judged by: its criteria, and its outputs as far as they have a value."""

    scope: Scope
    criteria: tuple[CriterionResult, ...]
    outputs: Mapping[str, Any]
    missing: Mapping[str, EvaluationError]

    def find_fault(self, workflow: Workflow, step: Step) -> EvaluationError | None:
        """Why an output that a step owes has no value.

        Where the flow branches and only outputs of the workflow read it, it is not owed: it is
        another branch that has it.
        """
        if not self.missing:
            return None
        branches = bool(list_actions(workflow, step, succeeded=True))
        for name, error in self.missing.items():
            if not branches or is_output_read(workflow, step.step_id, name):
                return error
        return None

    def scope_after(self, step: Step, *, passed: bool) -> Scope:
        """The scope of the actions after the step."""
        own = fill_outputs(step, self.outputs) if passed else self.outputs
        return replace(self.scope, steps={**self.scope.steps, step.step_id: own})


def _judge(step: Step, scope: Scope) -> _Judged:
    """Criteria see the outputs of their own step, too."""
    outputs: dict[str, Any] = {}
    missing: dict[str, EvaluationError] = {}
    for output in step.outputs:
        try:
            value = render(output.value, scope)
        except EvaluationError as error:
            missing[output.name] = error
        else:
            if value is not ABSENT:
                outputs[output.name] = value
    within = scope
    if step.outputs:
        within = replace(scope, steps={**scope.steps, step.step_id: outputs})
    criteria = judge_criteria(step.success_criteria, within)
    return _Judged(scope=scope, criteria=criteria, outputs=outputs, missing=missing)


def render_inputs(parameters: Sequence[Parameter], scope: Scope) -> dict[str, Any]:
    """The inputs that parameters give to a workflow. Raises PlanError."""
    inputs: dict[str, Any] = {}
    for parameter in parameters:
        try:
            value = render(parameter.value, scope)
        except EvaluationError as error:
            what = f"input `{parameter.name}`"
            raise PlanError(what, parameter.place.pointer, str(error)) from error
        if value is not ABSENT:
            inputs[parameter.name] = value
    return inputs


def _scope_of(frame: Frame, plan: Plan, exchange: Exchange) -> Scope:
    response = receive(exchange.response) if exchange.response is not None else None
    return frame.scope(request=plan.sent, response=response)


def _is_handled(
    frame: Frame,
    step: Step,
    plan: Plan | None,
    exchange: Exchange,
    is_handled: Callable[[Scope], bool],
) -> bool:
    """Whether the document itself deals with an exchange: the step succeeds, or an action does."""
    assert plan is not None
    scope = _scope_of(frame, plan, exchange)
    judged = _judge(step, scope)
    if exchange.response is not None and is_success(exchange, judged.criteria):
        return True
    return is_handled(judged.scope_after(step, passed=False))


def _look_after(
    frame: Frame, step: Step, plan: Plan | None, exchange: Exchange
) -> tuple[Scope, bool]:
    """The scope after an exchange, and whether the step has succeeded."""
    assert plan is not None
    judged = _judge(step, _scope_of(frame, plan, exchange))
    passed = exchange.response is not None and is_success(exchange, judged.criteria)
    return judged.scope_after(step, passed=passed), passed


def _outcome(*, passed: bool, error: ArazzoError | None) -> Outcome:
    if error is not None:
        return Outcome.ERROR
    return Outcome.PASSED if passed else Outcome.FAILED
