"""Runs a workflow: its steps in order, the actions between them, the workflows that it calls.

Nothing here knows HTTP: a caller hands in how to send, where to, and the clock. What the
specification leaves open is decided so: a step without criteria succeeds with any 2xx; a failed
step fails the run, unless a `goto` leads on (`end` after a failure is a failure that ends); a
request that got no answer, or none in time, is a failed step like any other; retries are counted
anew when the flow comes back to a step; a step that a retry runs first does not follow actions of
its own, and if it fails, or the workflow does, the run fails; after a `goto` to a workflow the
outputs of the run are that workflow's; a workflow that is gone to, or depended on, gets the
inputs of the same names where no parameters say more; of a failed step those outputs are known
that have a value; a workflow that is called knows what its caller knows of other workflows of the
same document; when the `timeout` of a step is over, the workflow that it called has failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.arazzo.acceptance import InputsRefusedError, accept_inputs
from pytest_amberflo.arazzo.attempt import Attempt, Attempts, render_inputs
from pytest_amberflo.arazzo.errors import ArazzoError
from pytest_amberflo.arazzo.events import ActionTaken, Outcome, StepResult, WorkflowResult
from pytest_amberflo.arazzo.flow import NO_CHOICE, Choice, Retries, choose_action, list_actions
from pytest_amberflo.arazzo.frame import Frame
from pytest_amberflo.arazzo.limits import LimitError, Limits, OutOfTimeError, find_round
from pytest_amberflo.arazzo.order import order_steps
from pytest_amberflo.http.exchange import find_header, parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.events import Clock, Route, Send
    from pytest_amberflo.arazzo.model import Action, Parameter, Step, Workflow
    from pytest_amberflo.arazzo.scope import Scope

    #: What a run has of its dependencies, by the URI of the document and the workflowId.
    Done: TypeAlias = dict[tuple[str, str], WorkflowResult]

__all__ = ["DependencyError", "LimitError", "Limits", "Runner"]

_DAY_S: Final = 86_400


class DependencyError(ArazzoError):
    """What a workflow or step depends on has not been completed."""

    def __init__(self, name: str, needed: Sequence[str]) -> None:
        super().__init__(name, tuple(needed))
        self.name = name
        self.needed = tuple(needed)

    def __str__(self) -> str:
        """Who depends on what."""
        names = ", ".join(f"`{needed}`" for needed in self.needed)
        return f"{self.name} depends on {names}, not completed"


class Runner:
    """Runs the workflows of documents.

    `send` carries requests out, `route` says where to.
    """

    def __init__(
        self, *, send: Send, route: Route, clock: Clock, limits: Limits | None = None
    ) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._attempts = Attempts(send, route, clock, self._run_called)
        self._trail: list[str] = []
        self._ends_at = 0.0

    def run(
        self, bound: BoundDocument, workflow: Workflow, inputs: Mapping[str, Any]
    ) -> WorkflowResult:
        """The result of a workflow with these inputs, which are taken as valid."""
        self._ends_at = self._clock.now() + self._limits.duration_s
        declared = frozenset(bound.inputs_of(workflow).properties)
        return self._run_frame(Frame(bound, workflow, inputs, declared), {})

    def _enter(
        self, caller: Frame, reference: str, inputs: Mapping[str, Any], deadline: float | None
    ) -> Frame:
        """The frame of a workflow that another one leads to. Raises ArazzoError."""
        bound, workflow = caller.bound.find_workflow(reference)
        if len(caller.trail) >= self._limits.depth:
            raise LimitError(f"more than {self._limits.depth} workflows deep", caller.trail[-4:])
        filled = accept_inputs(bound, workflow, inputs)
        declared = frozenset(bound.inputs_of(workflow).properties)
        return Frame(bound, workflow, filled, declared, caller=caller, deadline=deadline)

    def _run_frame(self, frame: Frame, done: Done) -> WorkflowResult:
        """A run of a workflow; `done` are the dependencies that need not run again."""
        started = self._clock.now()
        error: ArazzoError | None = None
        try:
            unmet = self._run_dependencies(frame, done)
            if unmet is not None:
                outcome, error = Outcome.FAILED, unmet
            else:
                outcome = self._run_steps(frame)
        except (LimitError, InputsRefusedError) as refusal:
            outcome, error = Outcome.ERROR, refusal
        except OutOfTimeError as late:
            outcome, error = Outcome.FAILED, late
        result = self._conclude(frame, outcome, error)
        return replace(result, duration_s=self._clock.now() - started)

    def _conclude(
        self, frame: Frame, outcome: Outcome, error: ArazzoError | None
    ) -> WorkflowResult:
        outputs, missing = frame.read_outputs()
        if outcome is Outcome.PASSED and missing is not None:
            outcome, error = Outcome.ERROR, missing
        result = WorkflowResult(
            document=frame.bound.document,
            workflow=frame.workflow,
            outcome=outcome,
            inputs=frame.inputs,
            steps=tuple(frame.results),
            outputs=outputs,
            others=tuple(frame.others),
            error=error,
        )
        went_to = result.went_to
        return result if went_to is None else replace(result, outputs=went_to.outputs)

    def _run_dependencies(self, frame: Frame, done: Done) -> DependencyError | None:
        """Run what the workflow depends on, each once; the error where one does not pass."""
        for reference in frame.workflow.depends_on:
            bound, workflow = frame.bound.find_workflow(reference)
            key = (bound.document.source.uri, workflow.workflow_id)
            if key not in done:
                inputs = self._shared_inputs(frame, reference)
                inner = self._enter(frame, reference, inputs, frame.deadline)
                done[key] = self._run_frame(inner, done)
                frame.others.append(done[key])
            frame.note_workflow(reference, done[key])
            if done[key].outcome is not Outcome.PASSED:
                name = f"workflow `{frame.workflow.workflow_id}`"
                return DependencyError(name, [reference])
        return None

    def _shared_inputs(self, frame: Frame, reference: str) -> dict[str, Any]:
        """The inputs of the frame that a workflow has under the same name."""
        bound, workflow = frame.bound.find_workflow(reference)
        names = bound.inputs_of(workflow).properties
        return {name: value for name, value in frame.inputs.items() if name in names}

    def _run_called(
        self, frame: Frame, reference: str, inputs: Mapping[str, Any], deadline: float | None
    ) -> WorkflowResult:
        return self._run_frame(self._enter(frame, reference, inputs, deadline), {})

    def _run_steps(self, frame: Frame) -> Outcome:
        order = order_steps(frame.workflow)
        index = 0
        while index < len(order):
            outcome, goto = self._run_step(frame, order[index])
            if outcome is not None:
                return outcome
            index = index + 1 if goto is None else [s.step_id for s in order].index(goto)
        return Outcome.PASSED

    def _run_step(self, frame: Frame, step: Step) -> tuple[Outcome | None, str | None]:
        """The outcome of the run where it ends with this step, or the step to go to, if any."""
        retries = Retries()
        number = 0
        while True:
            number += 1
            self._count(frame, step)
            unmet = frame.find_unmet(step)
            if unmet:
                return self._fail_unmet(frame, step, unmet), None
            attempt = self._attempts.make(
                frame,
                step,
                number,
                lambda scope: (
                    self._choose(frame, step, scope, retries, succeeded=False).action is not None
                ),
            )
            succeeded = attempt.result.outcome is Outcome.PASSED
            choice = NO_CHOICE
            if attempt.may_act:
                choice = self._choose(frame, step, attempt.scope, retries, succeeded=succeeded)
            if choice.action is None:
                result = attempt.result
                if choice.errors:
                    result = replace(result, action_errors=choice.errors)
                frame.note_step(result)
                return (None if succeeded else attempt.result.outcome), None
            ended, goto = self._act(frame, attempt, choice, retries)
            if choice.action.type != "retry" or ended is not None:
                return ended, goto

    def _choose(
        self, frame: Frame, step: Step, scope: Scope, retries: Retries, *, succeeded: bool
    ) -> Choice:
        actions = list_actions(frame.workflow, step, succeeded=succeeded)
        return choose_action(actions, scope, retries)

    def _act(
        self, frame: Frame, attempt: Attempt, choice: Choice, retries: Retries
    ) -> tuple[Outcome | None, str | None]:
        """Take an action; the outcome where it ends the run, and the step that it goes to."""
        action = choice.action
        assert action is not None
        wait = self._wait_before(action, attempt) if action.type == "retry" else 0.0
        taken = ActionTaken(
            name=action.name,
            type=action.type,
            target=action.step_id or (action.workflow_id and f"workflow {action.workflow_id}"),
            waited_s=wait,
        )
        result = replace(attempt.result, action=taken, action_errors=choice.errors)
        frame.note_step(result)
        if action.type == "end":
            return result.outcome, None
        if action.type == "goto":
            return self._go_to(frame, action, attempt.scope)
        retries.take(action)
        self._wait(frame, action, wait)
        return self._run_before_retry(frame, action, attempt.scope), None

    def _wait_before(self, action: Action, attempt: Attempt) -> float:
        """How long to wait before a retry: a `Retry-After` of the response overrules."""
        exchange = attempt.result.exchange
        response = exchange.response if exchange is not None else None
        value = find_header(response.headers, "retry-after") if response is not None else None
        asked = parse_retry_after(value) if value is not None else None
        return asked if asked is not None else float(action.retry_after or 0)

    def _wait(self, frame: Frame, action: Action, seconds: float) -> None:
        """Wait before a retry, unless that is too long or the time is over before."""
        longest = max(self._limits.wait_s, min(float(action.retry_after or 0), _DAY_S))
        if seconds > longest:
            what = f"a retry is to wait {seconds:g} s, more than {longest:g} s"
            raise LimitError(what, self._trail[-1:])
        until = self._clock.now() + seconds
        if until > self._ends_at:
            limit = f"more than the {self._limits.duration_s:g} s that a run may take"
            raise LimitError(f"a wait of {seconds:g} s would be {limit}", find_round(self._trail))
        if frame.deadline is not None and until >= frame.deadline:
            self._clock.sleep(max(0.0, frame.deadline - self._clock.now()))
            raise OutOfTimeError(frame.workflow.workflow_id)
        self._clock.sleep(seconds)

    def _go_to(
        self, frame: Frame, action: Action, scope: Scope
    ) -> tuple[Outcome | None, str | None]:
        if action.step_id is not None:
            return None, action.step_id
        assert action.workflow_id is not None
        other = self._run_other(frame, action.workflow_id, action.parameters, scope)
        return other.outcome, None

    def _run_before_retry(self, frame: Frame, action: Action, scope: Scope) -> Outcome | None:
        """Run the step or workflow of a retry; the outcome of the run where it does not pass."""
        if action.workflow_id is not None:
            other = self._run_other(frame, action.workflow_id, action.parameters, scope)
            return None if other.outcome is Outcome.PASSED else other.outcome
        if action.step_id is None:
            return None
        step = frame.workflow.find_step(action.step_id)
        assert step is not None  # lint has seen to it
        self._count(frame, step)
        attempt = self._attempts.make(frame, step, 1, lambda _: False)
        frame.note_step(attempt.result)
        passed = attempt.result.outcome is Outcome.PASSED
        return None if passed else attempt.result.outcome

    def _run_other(
        self, frame: Frame, reference: str, parameters: Sequence[Parameter], scope: Scope
    ) -> WorkflowResult:
        """Run a workflow that an action names, and keep it."""
        bound, workflow = frame.bound.find_workflow(reference)
        try:
            inputs = {**self._shared_inputs(frame, reference), **render_inputs(parameters, scope)}
            result = self._run_called(frame, reference, inputs, frame.deadline)
        except LimitError:
            raise
        except ArazzoError as error:
            result = WorkflowResult(
                document=bound.document,
                workflow=workflow,
                outcome=Outcome.ERROR,
                inputs={},
                steps=(),
                outputs={},
                error=error,
            )
        frame.others.append(result)
        frame.note_workflow(reference, result)
        return result

    def _fail_unmet(self, frame: Frame, step: Step, unmet: Sequence[str]) -> Outcome:
        frame.note_step(
            StepResult(
                document=frame.bound.document,
                step=step,
                attempt=1,
                outcome=Outcome.ERROR,
                error=DependencyError(f"step `{step.step_id}`", unmet),
            )
        )
        return Outcome.ERROR

    def _count(self, frame: Frame, step: Step) -> None:
        """Count an attempt. Raises LimitError where there were too many, OutOfTimeError."""
        now = self._clock.now()
        if frame.deadline is not None and now >= frame.deadline:
            raise OutOfTimeError(frame.workflow.workflow_id)
        self._trail.append(f"{frame.workflow.workflow_id}.{step.step_id}")
        if len(self._trail) > self._limits.steps:
            raise LimitError(f"more than {self._limits.steps} steps", find_round(self._trail))
        if now > self._ends_at:
            raise LimitError(f"more than {self._limits.duration_s:g} s", find_round(self._trail))
