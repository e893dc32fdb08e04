"""Runs a workflow: its steps in order, until one fails.

Nothing here knows HTTP or time: a caller hands in how to send, where to, and the clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.criteria import judge_criteria
from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.events import Call, Outcome, Refusal, StepResult, WorkflowResult
from pytest_amberflo.arazzo.plan import PlanError, merge_parameters, plan_request
from pytest_amberflo.arazzo.scope import ABSENT, Scope, evaluate, receive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_amberflo.arazzo.binding import BoundDocument
    from pytest_amberflo.arazzo.criteria import CriterionResult
    from pytest_amberflo.arazzo.events import Route, Send
    from pytest_amberflo.arazzo.model import Step, Workflow
    from pytest_amberflo.arazzo.plan import Plan
    from pytest_amberflo.http.exchange import Exchange


class Runner:
    """Runs the workflows of one document.

    `send` carries requests out, `route` says where to, `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        bound: BoundDocument,
        *,
        send: Send,
        route: Route,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bound = bound
        self._send = send
        self._route = route
        self._clock = clock
        self._sources = {
            source.name: {"name": source.name, "url": source.url, "type": source.type or "openapi"}
            for source in bound.document.source_descriptions
        }

    def run(self, workflow: Workflow, inputs: Mapping[str, Any]) -> WorkflowResult:
        """The result of a workflow with these inputs, which are taken as valid."""
        started = self._clock()
        run = _Run(workflow, inputs, self._sources, self._bound.document.self_uri)
        outcome = Outcome.PASSED
        for step in workflow.steps:
            result = self._run_step(step, run)
            run.results.append(result)
            run.outputs_of[step.step_id] = result.outputs
            if result.outcome is not Outcome.PASSED:
                outcome = result.outcome
                break
        outputs, error = run.read_outputs()
        if error is not None and outcome is Outcome.PASSED:
            outcome = Outcome.ERROR
        return WorkflowResult(
            workflow=workflow,
            outcome=outcome,
            inputs=inputs,
            steps=tuple(run.results),
            outputs=outputs,
            error=error if outcome is Outcome.ERROR else None,
            duration_s=self._clock() - started,
        )

    def _run_step(self, step: Step, run: _Run) -> StepResult:
        started = self._clock()
        target = self._bound.target_of(run.workflow, step)
        parameters = merge_parameters(run.workflow.parameters, step.parameters)
        plan: Plan | None = None
        try:
            base_url = self._route(target)
            plan = plan_request(step, target.operation, parameters, run.scope(), base_url)
            call = Call(workflow=run.workflow, step=step, target=target, plan=plan, attempt=1)
            exchange = self._send(call)
        except PlanError as error:
            return StepResult(
                step=step, attempt=1, outcome=Outcome.ERROR, target=target, error=error
            )
        except Refusal as refusal:
            return StepResult(
                step=step,
                attempt=1,
                outcome=Outcome.FAILED,
                target=target,
                sent=plan.sent if plan else None,
                refusal=refusal.reason,
                duration_s=self._clock() - started,
            )
        return self._judge_step(step, run, plan, exchange, started)

    def _judge_step(
        self, step: Step, run: _Run, plan: Plan, exchange: Exchange, started: float
    ) -> StepResult:
        response = receive(exchange.response) if exchange.response is not None else None
        scope = run.scope(request=plan.sent, response=response)
        criteria = judge_criteria(step.success_criteria, scope)
        passed = exchange.response is not None and is_success(exchange, criteria)
        outputs: dict[str, Any] = {}
        error: EvaluationError | None = None
        if passed:
            try:
                outputs = {
                    output.name: evaluate(output.expression, scope) for output in step.outputs
                }
            except EvaluationError as reason:
                error = reason
        outcome = Outcome.ERROR if error else Outcome.PASSED if passed else Outcome.FAILED
        return StepResult(
            step=step,
            attempt=1,
            outcome=outcome,
            target=self._bound.target_of(run.workflow, step),
            sent=plan.sent,
            exchange=exchange,
            criteria=criteria,
            outputs=outputs,
            error=error,
            duration_s=self._clock() - started,
        )


def is_success(exchange: Exchange, criteria: tuple[CriterionResult, ...]) -> bool:
    """Whether a step succeeded: every criterion holds; without criteria, any 2xx is success."""
    if criteria:
        return all(result.passed for result in criteria)
    return exchange.response is not None and 200 <= exchange.response.status < 300


class _Run:
    """The values of one run of a workflow as they come to be known."""

    def __init__(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        sources: Mapping[str, Mapping[str, Any]],
        self_uri: str | None,
    ) -> None:
        self.workflow = workflow
        self.results: list[StepResult] = []
        self.outputs_of: dict[str, Mapping[str, Any]] = {}
        self._inputs = inputs
        self._declared = frozenset(workflow.input_schemas)
        self._step_ids = frozenset(step.step_id for step in workflow.steps)
        self._sources = sources
        self._self_uri = self_uri

    def scope(self, request: Any = None, response: Any = None) -> Scope:
        """What expressions can refer to now."""
        return Scope(
            inputs=self._inputs,
            declared_inputs=self._declared,
            steps=self.outputs_of,
            step_ids=self._step_ids,
            sources=self._sources,
            request=request,
            response=response,
            self_uri=self._self_uri,
        )

    def read_outputs(self) -> tuple[Mapping[str, Any], EvaluationError | None]:
        """The workflow's outputs that have a value, and why one that should have has none.

        An output of a step that did not run is absent: the branch taken never produced it.
        """
        outputs: dict[str, Any] = {}
        error: EvaluationError | None = None
        scope = self.scope()
        ran = self.outputs_of.keys()
        for output in self.workflow.outputs:
            try:
                value = evaluate(output.expression, scope)
            except EvaluationError as reason:
                step_id = getattr(output.expression, "step_id", None)
                if step_id is None or step_id in ran:
                    error = error or reason
                continue
            if value is not ABSENT:
                outputs[output.name] = value
        return outputs, error
