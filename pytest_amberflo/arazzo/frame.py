"""The values of one run of one workflow as they come to be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.arazzo.expression import SourceRef, StepRef, WorkflowRef
from pytest_amberflo.arazzo.scope import ABSENT, Scope
from pytest_amberflo.arazzo.template import find_expressions, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.events import StepResult, WorkflowResult
    from pytest_amberflo.arazzo.model import Step, Workflow
    from pytest_amberflo.arazzo.scope import ReceivedResponse, SentRequest


def fill_outputs(step: Step, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outputs of a step that passed, as expressions see them.

    One without a value is that of an absent input: reading it is like reading that.
    """
    return {output.name: outputs.get(output.name, ABSENT) for output in step.outputs}


def _list_steps(result: WorkflowResult) -> set[tuple[str, str]]:
    """The workflowId and stepId of every step of a run, those of called workflows included."""
    called = [step.called for step in result.steps if step.called is not None]
    own = {(result.workflow.workflow_id, step.step.step_id) for step in result.steps}
    return own.union(*(_list_steps(other) for other in (*result.others, *called)))


class Frame:
    """A run of a workflow of a document with its inputs.

    `caller` is the run that led to it: what that knows of other workflows is known here.
    `deadline` is the moment by which it must be over (of the run's clock), or None.
    """

    def __init__(
        self,
        bound: BoundDocument,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        declared_inputs: frozenset[str],
        *,
        caller: Frame | None = None,
        deadline: float | None = None,
    ) -> None:
        self.bound = bound
        self.workflow = workflow
        self.inputs = inputs
        #: The workflows that led here, outermost first, this one included.
        self.trail: tuple[str, ...] = (
            *(caller.trail if caller is not None else ()),
            workflow.workflow_id,
        )
        self.deadline = deadline
        self.results: list[StepResult] = []
        #: The runs of other workflows that this one caused, but for those that steps called.
        self.others: list[WorkflowResult] = []
        self.completed: set[str] = set()
        self._caller = caller
        self._declared = declared_inputs
        self._outputs_of: dict[str, Mapping[str, Any]] = {}
        self._workflows: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        if caller is not None and caller.bound is bound:
            self._workflows |= caller._workflows  # noqa: SLF001  a frame of the same kind
        self._workflows[workflow.workflow_id] = {"inputs": inputs, "outputs": {}}
        self._step_ids = frozenset(step.step_id for step in workflow.steps)
        self._sources = {
            source.name: {"name": source.name, "url": source.url, "type": source.type or "openapi"}
            for source in bound.document.source_descriptions
        }

    def scope(
        self,
        request: SentRequest | None = None,
        response: ReceivedResponse | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> Scope:
        """What expressions can refer to now; `outputs` are those of a workflow just called."""
        return Scope(
            inputs=self.inputs,
            declared_inputs=self._declared,
            steps=self._outputs_of,
            step_ids=self._step_ids,
            outputs=outputs or {},
            workflows=self._workflows,
            sources=self._sources,
            request=request,
            response=response,
            self_uri=self.bound.document.self_uri,
        )

    def note_step(self, result: StepResult) -> None:
        """Keep the result of a step; its outputs are known from now on.

        Of a step that failed, those that have a value are.
        """
        self.results.append(result)
        passed = result.outcome is Outcome.PASSED
        outputs = fill_outputs(result.step, result.outputs) if passed else result.outputs
        self._outputs_of[result.step.step_id] = outputs
        self.completed.add(result.step.step_id)

    def foresee_step(self, step_id: str, outputs: Mapping[str, Any]) -> None:
        """Take outputs of a step for known although it has not run."""
        self._outputs_of[step_id] = outputs

    def note_workflow(self, reference: str, result: WorkflowResult) -> None:
        """Keep inputs and outputs of a workflow that has run, under its id and its reference."""
        fields = {"inputs": result.inputs, "outputs": result.outputs}
        self._workflows[result.workflow.workflow_id] = fields
        if reference.startswith("$sourceDescriptions."):
            _, source, name = reference.split(".", 2)
            known = self._sources.setdefault(source, {})
            for output, value in result.outputs.items():
                known[f"{name}.outputs.{output}"] = value

    def find_unmet(self, step: Step) -> tuple[str, ...]:
        """The steps that a step depends on and that have not completed."""
        return tuple(name for name in step.depends_on if not self._is_met(name))

    def _is_met(self, reference: str) -> bool:
        if not reference.startswith("$"):
            return reference in self.completed
        *_, workflow_id, _, step_id = reference.split(".")
        return any((workflow_id, step_id) in frame.list_done() for frame in self._each_frame())

    def list_done(self) -> set[tuple[str, str]]:
        """The steps that have run here and in the workflows that this one caused."""
        own = {(self.workflow.workflow_id, step_id) for step_id in self.completed}
        return own.union(*(_list_steps(result) for result in self._called()))

    def _each_frame(self) -> Iterator[Frame]:
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame._caller  # noqa: SLF001  a frame of the same kind

    def _called(self) -> list[WorkflowResult]:
        called = [result.called for result in self.results if result.called is not None]
        return [*self.others, *called]

    def read_outputs(self) -> tuple[Mapping[str, Any], EvaluationError | None]:
        """The workflow's outputs that have a value, and why one that should have has none.

        An output of a step or workflow that did not run is absent: the branch that was taken
        never produced it.
        """
        outputs: dict[str, Any] = {}
        error: EvaluationError | None = None
        scope = self.scope()
        for output in self.workflow.outputs:
            try:
                value = render(output.value, scope)
            except EvaluationError as reason:
                sources = [expression for _, expression in find_expressions(output.value)]
                if all(self._has_run(expression) for expression in sources):
                    error = error or reason
                continue
            if value is not ABSENT:
                outputs[output.name] = value
        return outputs, error

    def _has_run(self, expression: object) -> bool:
        match expression:
            case StepRef(step_id):
                return step_id in self.completed
            case WorkflowRef(workflow_id):
                return workflow_id in self._workflows
            case SourceRef(source, reference):
                return reference in self._sources.get(source, {})
            case _:
                return True
