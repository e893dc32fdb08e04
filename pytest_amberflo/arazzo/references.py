"""Whether what an expression names is there, as far as the document tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_amberflo.arazzo.condition import shorten_name
from pytest_amberflo.arazzo.expression import (
    ComponentRef,
    InputRef,
    MessagePart,
    OutputRef,
    Plain,
    SourceRef,
    StepRef,
    WorkflowRef,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_amberflo.arazzo.expression import Expression
    from pytest_amberflo.arazzo.model import Document
    from pytest_amberflo.arazzo.uses import Use
    from pytest_amberflo.arazzo.ways import Ways

#: What is wrong, the name that is not there, and the names that are.
Finding: TypeAlias = "tuple[str, str | None, tuple[str, ...]]"


#: The fields of a Source Description Object.
_FIELDS: Final = ("name", "url", "type")


def check_reference(use: Use, document: Document, ways: Ways | None) -> Iterator[Finding]:
    """What is wrong with the reference that a use is; nothing where all is well.

    `ways` are those of its workflow, None where its steps have no order.
    """
    match use.expression:
        case InputRef():
            yield from _check_input(use, use.expression, document)
        case StepRef():
            yield from _check_step(use, use.expression, ways)
        case WorkflowRef():
            yield from _check_workflow(use.expression, document)
        case OutputRef():
            yield from _check_output(use, use.expression)
        case SourceRef():
            yield from _check_source(use.expression, document)
        case ComponentRef():
            yield f"`{use.expression}` is a component and has no value", None, ()
        case MessagePart():
            yield from _check_message(use, use.expression)
        case Plain():
            yield from _check_plain(use, use.expression, document)


def reads_document(expression: Expression) -> bool:
    """Whether more than its own workflow tells what an expression refers to."""
    if isinstance(expression, Plain):
        return expression.name == "self"
    return not isinstance(expression, InputRef | StepRef | OutputRef | MessagePart)


def _check_plain(use: Use, expression: Plain, document: Document) -> Iterator[Finding]:
    if expression.name != "self":
        yield from _check_exchange(use, expression.name)
    elif document.self_uri is None:
        yield "`$self`: the document does not say what it is", None, ()


def _check_message(use: Use, expression: MessagePart) -> Iterator[Finding]:
    """A part of a request or response that such a message has, at a time when it is there."""
    if expression.side == "message":
        yield f"`{expression}`: AsyncAPI steps: not supported yet", None, ()
    elif expression.part == "payload":
        yield f"`{expression}`: only AsyncAPI messages have a payload", None, ()
    elif expression.side == "response" and expression.part in ("query", "path"):
        yield f"`{expression}`: a response has no {expression.part}", None, ()
    else:
        yield from _check_exchange(use, expression.side)


def _check_source(expression: SourceRef, document: Document) -> Iterator[Finding]:
    """A source and its field; of what is not said to be OpenAPI, workflows may be meant."""
    name, field = expression.source, expression.reference
    types = {source.name: source.type for source in document.source_descriptions}
    if name not in types:
        yield f"there is no source description `{name}`", name, tuple(types)
    elif field not in _FIELDS and types[name] == "openapi":
        message = f"`{expression}`: a source description has no field `{field}`"
        yield message, field, _FIELDS


def _check_exchange(use: Use, side: str) -> Iterator[Finding]:
    """The request and response are there only when the step's call was made."""
    calls_workflow = use.step is not None and use.step.workflow_id is not None
    what = f"`{use.expression}`"
    if calls_workflow:
        yield f"{what}: a step that calls a workflow has no request or response", None, ()
    elif use.step is None and not use.after_call:
        yield f"{what}: there is no {_name_of(side)} where this is evaluated", None, ()
    elif use.step is not None and not use.after_call:
        yield f"{what}: there is no {_name_of(side)} yet where this is evaluated", None, ()


def _name_of(side: str) -> str:
    return "response" if side in ("response", "statusCode") else "request"


def _check_input(use: Use, expression: InputRef, document: Document) -> Iterator[Finding]:
    workflow = use.workflow
    name = f"workflow `{workflow.workflow_id}`"
    if workflow.inputs is None:
        yield f"`{expression}`: {name} declares no inputs", None, ()
        return
    schema = document.inputs_of(workflow)
    if schema.is_open:
        return
    known = tuple(schema.properties)
    if not _is_known(expression, known, dotted=use.dotted):
        message = f"`{expression}`: {name} has no input `{expression.name}`"
        yield message, expression.name, known


def _check_step(use: Use, expression: StepRef, ways: Ways | None) -> Iterator[Finding]:
    workflow, reader = use.workflow, use.step
    ids = tuple(step.step_id for step in workflow.steps)
    who = f"step `{reader.step_id}`" if reader else f"workflow `{workflow.workflow_id}`"
    if expression.step_id not in ids:
        message = f"{who} reads `{expression}`, but there is no step `{expression.step_id}`"
        yield message, expression.step_id, ids
        return
    if reader is not None and ways is not None:
        is_own = expression.step_id == reader.step_id
        is_known = is_own and use.after_step
        if not is_known and not ways.can_follow(reader.step_id, expression.step_id):
            late = "itself" if is_own else "a later step"
            yield f"{who} reads `{expression}` of {late}", None, ()
            return
    step = workflow.find_step(expression.step_id)
    outputs = tuple(output.name for output in step.outputs) if step else ()
    if not _is_known(expression, outputs, dotted=use.dotted):
        message = (
            f"{who} reads `{expression}`, but step `{expression.step_id}` has no output "
            f"`{expression.name}`"
        )
        yield message, expression.name, outputs


def _check_workflow(expression: WorkflowRef, document: Document) -> Iterator[Finding]:
    found = [w for w in document.workflows if w.workflow_id == expression.workflow_id]
    if not found:
        if any(source.type == "arazzo" for source in document.source_descriptions):
            return  # a workflow of another document goes by its own id
        ids = tuple(workflow.workflow_id for workflow in document.workflows)
        message = f"`{expression}`: there is no workflow `{expression.workflow_id}`"
        yield message, expression.workflow_id, ids
        return
    if expression.field == "outputs":
        known = tuple(output.name for output in found[0].outputs)
    else:
        known = tuple(document.inputs_of(found[0]).properties)
    if not _is_known(expression, known, dotted=True):
        kind = expression.field.removesuffix("s")
        message = f"`{expression}`: workflow `{expression.workflow_id}` has no {kind} "
        yield f"{message}`{expression.name}`", expression.name, known


def _check_output(use: Use, expression: OutputRef) -> Iterator[Finding]:
    """`$outputs` are those of the workflow that the step has just called."""
    calls_workflow = use.step is not None and use.step.workflow_id is not None
    if not calls_workflow or not use.after_call:
        message = (
            f"`{expression}`: outputs are known only where a step has called a workflow; "
            "`$steps` and `$workflows` have those of others"
        )
        yield message, None, ()


def _is_known(
    expression: InputRef | StepRef | WorkflowRef, known: Iterable[str], *, dotted: bool
) -> bool:
    names = set(known)
    if expression.name in names:
        return True
    parts = expression.name.split(".")
    return dotted and any(
        shorten_name(expression, length).name in names for length in range(1, len(parts))
    )
