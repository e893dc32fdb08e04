"""Where expressions stand in a workflow, and what may be known when each is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.arazzo.condition import find_operands
from pytest_amberflo.arazzo.expression import StepRef
from pytest_amberflo.arazzo.template import Interpolation, find_expressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.expression import Expression
    from pytest_amberflo.arazzo.model import Action, Criterion, Parameter, Step, Workflow
    from pytest_amberflo.arazzo.source import Pointer
    from pytest_amberflo.arazzo.template import Template


class Use(Struct, frozen=True, kw_only=True):
    """An expression in a document."""

    expression: Expression
    pointer: Pointer
    workflow: Workflow
    #: The step it belongs to; None for the outputs, actions and parameters of the workflow.
    step: Step | None
    #: Whether the step's own response, or the outputs of the workflow it called, are there.
    after_call: bool
    #: Whether the step's own outputs are there, as they are for its actions.
    after_step: bool = False
    #: Whether a name may go on into members, as in conditions.
    dotted: bool = False
    #: Whether what is not there is null, as in conditions.
    may_be_null: bool = False


def find_uses(workflow: Workflow) -> Iterator[Use]:
    """Every expression of a workflow, in the order of the document."""
    for step in workflow.steps:
        yield from find_uses_in_step(workflow, step)
    for parameter in workflow.parameters:
        yield from _in_parameter(parameter, workflow, None, after_call=False)
    for action in (*workflow.success_actions, *workflow.failure_actions):
        yield from _in_action(action, workflow, None)
    for output in workflow.outputs:
        yield from _in_template(output.value, output.place.pointer, workflow, None, False)


def find_uses_in_step(workflow: Workflow, step: Step) -> Iterator[Use]:
    """Every expression of a step."""
    for parameter in step.parameters:
        yield from _in_parameter(parameter, workflow, step, after_call=False)
    body = step.request_body
    if body is not None:
        at = body.place.pointer
        if body.payload is not None:
            yield from _in_template(body.payload, (*at, "payload"), workflow, step, False)
        for replacement in body.replacements:
            here = (*replacement.place.pointer, "value")
            yield from _in_template(replacement.value, here, workflow, step, False)
    for criterion in step.success_criteria:
        yield from _in_criterion(criterion, workflow, step)
    for action in (*step.on_success, *step.on_failure):
        yield from _in_action(action, workflow, step)
    for output in step.outputs:
        yield from _in_template(output.value, output.place.pointer, workflow, step, True)


def is_output_read(workflow: Workflow, step_id: str, name: str) -> bool:
    """Whether anything but conditions and the outputs of the workflow reads a step's output."""
    at = (*workflow.place.pointer, "outputs")
    return any(
        isinstance(use.expression, StepRef)
        and use.expression.step_id == step_id
        and (use.expression.name == name or use.expression.name.startswith(f"{name}."))
        for use in find_uses(workflow)
        if not use.may_be_null and use.pointer[: len(at)] != at
    )


def _in_parameter(
    parameter: Parameter, workflow: Workflow, step: Step | None, *, after_call: bool
) -> Iterator[Use]:
    here = (*parameter.place.pointer, "value")
    yield from _in_template(parameter.value, here, workflow, step, after_call)


def _in_action(action: Action, workflow: Workflow, step: Step | None) -> Iterator[Use]:
    for criterion in action.criteria:
        for use in _in_criterion(criterion, workflow, step):
            yield replace(use, after_step=True)
    for parameter in action.parameters:
        for use in _in_parameter(parameter, workflow, step, after_call=True):
            yield replace(use, after_step=True)


def _in_template(
    template: Template,
    at: Pointer,
    workflow: Workflow,
    step: Step | None,
    after_call: bool,  # noqa: FBT001  named where it is public, in Use
) -> Iterator[Use]:
    for pointer, expression in find_expressions(template):
        yield Use(
            expression=expression,
            pointer=(*at, *pointer),
            workflow=workflow,
            step=step,
            after_call=after_call,
        )


def _in_criterion(criterion: Criterion, workflow: Workflow, step: Step | None) -> Iterator[Use]:
    at = criterion.place.pointer
    operands = (
        [(operand, "condition") for operand in find_operands(criterion.parsed)]
        if (criterion.parsed is not None)
        else []
    )
    if criterion.context is not None:
        operands.append((criterion.context, "context"))
    for operand, member in operands:
        yield Use(
            expression=operand.expression,
            pointer=(*at, member),
            workflow=workflow,
            step=step,
            after_call=True,
            dotted=True,
            may_be_null=True,
        )
    if isinstance(criterion.template, Interpolation):
        here = (*at, "condition")
        yield from _in_template(criterion.template, here, workflow, step, True)
