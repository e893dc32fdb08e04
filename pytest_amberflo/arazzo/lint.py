"""What is wrong with a document and can be told from its text alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.condition import find_operands, shorten_name
from pytest_amberflo.arazzo.errors import Problem
from pytest_amberflo.arazzo.expression import (
    Expression,
    InputRef,
    MessagePart,
    StepRef,
)
from pytest_amberflo.arazzo.load import narrow_span
from pytest_amberflo.arazzo.template import Template, find_expressions

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from pytest_amberflo.arazzo.model import Criterion, Document, Parameter, Place, Step, Workflow
    from pytest_amberflo.arazzo.source import Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An expression in a document: where it stands and what may be known when it is evaluated."""

    expression: Expression
    pointer: Pointer
    workflow: Workflow
    #: The step it belongs to, None for the outputs of the workflow.
    step: Step | None
    #: Whether the step's own response is there.
    after_response: bool
    #: Whether a name may go on into members, as in conditions.
    dotted: bool = False


def check_document(document: Document) -> tuple[Problem, ...]:
    """Every problem that the document has without regard to the descriptions it refers to."""
    checker = _Checker(document)
    checker.check_names()
    for workflow in document.workflows:
        checker.check_steps(workflow)
        for use in find_uses(workflow):
            checker.check_use(use)
    return tuple(dict.fromkeys(checker.problems))


def find_uses(workflow: Workflow) -> Iterator[Use]:
    """Every expression of a workflow, in the order of the document."""
    for step in workflow.steps:
        for parameter in step.parameters:
            yield from _uses_in(parameter.value, parameter.place, "value", workflow, step)
        body = step.request_body
        if body is not None and body.payload is not None:
            yield from _uses_in(body.payload, body.place, "payload", workflow, step)
        for replacement in body.replacements if body is not None else ():
            yield from _uses_in(replacement.value, replacement.place, "value", workflow, step)
        for criterion in step.success_criteria:
            yield from _uses_in_criterion(criterion, workflow, step)
        for action in (*step.on_success, *step.on_failure):
            for criterion in action.criteria:
                yield from _uses_in_criterion(criterion, workflow, step)
        for output in step.outputs:
            yield Use(
                expression=output.expression,
                pointer=output.place.pointer,
                workflow=workflow,
                step=step,
                after_response=True,
            )
    for output in workflow.outputs:
        yield Use(
            expression=output.expression,
            pointer=output.place.pointer,
            workflow=workflow,
            step=None,
            after_response=False,
        )


def _uses_in(
    template: Template, place: Place, member: str, workflow: Workflow, step: Step
) -> Iterator[Use]:
    for pointer, expression in find_expressions(template):
        yield Use(
            expression=expression,
            pointer=(*place.pointer, member, *pointer),
            workflow=workflow,
            step=step,
            after_response=False,
        )


def _uses_in_criterion(criterion: Criterion, workflow: Workflow, step: Step) -> Iterator[Use]:
    if criterion.parsed is None:
        return
    for operand in find_operands(criterion.parsed):
        yield Use(
            expression=operand.expression,
            pointer=(*criterion.place.pointer, "condition"),
            workflow=workflow,
            step=step,
            after_response=True,
            dotted=True,
        )


class _Checker:
    """Collects the problems of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._source = document.source
        self.problems: list[Problem] = []

    def check_names(self) -> None:
        document = self._document
        sources = [
            (item.name, (*item.place.pointer, "name")) for item in document.source_descriptions
        ]
        self._check_unique(sources, "source description")
        workflows = [(w.workflow_id, (*w.place.pointer, "workflowId")) for w in document.workflows]
        self._check_unique(workflows, "workflowId")
        if document.self_uri is not None and "#" in document.self_uri:
            self._add(("$self",), "`$self` must not have a fragment")

    def check_steps(self, workflow: Workflow) -> None:
        steps = [(step.step_id, (*step.place.pointer, "stepId")) for step in workflow.steps]
        self._check_unique(steps, "stepId")
        for step in workflow.steps:
            self._check_target(step)
            self._check_parameters(step.parameters, is_workflow_call=step.workflow_id is not None)

    def _check_parameters(
        self, parameters: Iterable[Parameter], *, is_workflow_call: bool
    ) -> None:
        named = [((p.name, p.location or "input"), (*p.place.pointer, "name")) for p in parameters]
        self._check_unique(named, "parameter")
        for parameter in parameters:
            self._check_location(parameter, is_workflow_call=is_workflow_call)

    def _check_location(self, parameter: Parameter, *, is_workflow_call: bool) -> None:
        if parameter.location is None and not is_workflow_call:
            message = f"parameter `{parameter.name}` has no `in`: path, query, header or cookie"
            self._add(parameter.place.pointer, message)

    def _check_target(self, step: Step) -> None:
        targets = {
            "operationId": step.operation_id,
            "operationPath": step.operation_path,
            "workflowId": step.workflow_id,
        }
        given = [name for name, value in targets.items() if value is not None]
        if not given:
            message = f"step `{step.step_id}` has no operationId, operationPath or workflowId"
            self._add(step.place.pointer, message)
        elif len(given) > 1:
            names = " and ".join(f"`{name}`" for name in given)
            message = f"step `{step.step_id}` has {names}; one of them is due"
            self._add((*step.place.pointer, given[1]), message, key=True)

    def check_use(self, use: Use) -> None:
        match use.expression:
            case InputRef():
                self._check_input(use, use.expression)
            case StepRef():
                self._check_step_ref(use, use.expression)
            case MessagePart(side="response") if not use.after_response:
                self._report(use, "there is no response yet where this is evaluated")

    def _check_input(self, use: Use, expression: InputRef) -> None:
        workflow = use.workflow
        schema = workflow.inputs
        if not isinstance(schema, dict) or "$ref" in schema or "allOf" in schema:
            if schema is None:
                message = f"`{expression}`: workflow `{workflow.workflow_id}` declares no inputs"
                self._report(use, message)
            return
        known = workflow.input_schemas
        if schema.get("patternProperties") or isinstance(schema.get("additionalProperties"), dict):
            return
        if not _is_known(expression, known, dotted=use.dotted):
            message = (
                f"`{expression}`: workflow `{workflow.workflow_id}` has no input "
                f"`{expression.name}`"
            )
            self._report(use, message, expression.name, tuple(known))

    def _check_step_ref(self, use: Use, expression: StepRef) -> None:
        workflow, reader = use.workflow, use.step
        ids = [step.step_id for step in workflow.steps]
        who = f"step `{reader.step_id}`" if reader else f"workflow `{workflow.workflow_id}`"
        if expression.step_id not in ids:
            message = f"{who} reads `{expression}`, but there is no step `{expression.step_id}`"
            self._report(use, message, expression.step_id, tuple(ids))
            return
        if reader is not None:
            known_from = ids.index(reader.step_id) + (1 if use.after_response else 0)
            if ids.index(expression.step_id) >= known_from:
                late = "itself" if expression.step_id == reader.step_id else "a later step"
                self._report(use, f"{who} reads `{expression}` of {late}")
                return
        step = workflow.find_step(expression.step_id)
        outputs = tuple(output.name for output in step.outputs) if step else ()
        if not _is_known(expression, outputs, dotted=use.dotted):
            message = (
                f"{who} reads `{expression}`, but step `{expression.step_id}` has no output "
                f"`{expression.name}`"
            )
            self._report(use, message, expression.name, outputs)

    def _check_unique(self, named: Iterable[tuple[Hashable, Pointer]], kind: str) -> None:
        first: dict[Hashable, Pointer] = {}
        for name, pointer in named:
            if name in first:
                line = self._source.locate(first[name]).line
                shown = " in ".join(name) if isinstance(name, tuple) else str(name)
                self._add(pointer, f"{kind} `{shown}` stands twice; the first is in line {line}")
            first.setdefault(name, pointer)

    def _report(
        self, use: Use, message: str, name: str | None = None, candidates: tuple[str, ...] = ()
    ) -> None:
        span = self._source.locate(use.pointer)
        text = str(use.expression)
        scalar = _text_at(self._source.data, use.pointer)
        offset = scalar.find(text) if scalar else -1
        if scalar and offset >= 0:
            span = narrow_span(span, self._source.text, scalar, offset, len(text))
        self.problems.append(Problem(span=span, message=message, name=name, candidates=candidates))

    def _add(self, pointer: Pointer, message: str, *, key: bool = False) -> None:
        self.problems.append(Problem(span=self._source.locate(pointer, key=key), message=message))


def _is_known(expression: InputRef | StepRef, known: Iterable[str], *, dotted: bool) -> bool:
    names = set(known)
    if expression.name in names:
        return True
    parts = expression.name.split(".")
    return dotted and any(
        shorten_name(expression, length).name in names for length in range(1, len(parts))
    )


def _text_at(data: Any, pointer: Pointer) -> str | None:
    value = data
    for token in pointer:
        try:
            value = value[token]
        except (LookupError, TypeError):
            return None
    return value if isinstance(value, str) else None
