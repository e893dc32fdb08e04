"""What documents may say and this engine does not do yet: refused by name, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.arazzo.errors import Problem
from pytest_amberflo.arazzo.expression import MessagePart, OutputRef, WorkflowRef
from pytest_amberflo.arazzo.lint import find_uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.model import Document, Step, Workflow
    from pytest_amberflo.arazzo.source import Pointer

_STEP_FIELDS: Final = (
    "onSuccess",
    "onFailure",
    "timeout",
    "dependsOn",
    "workflowId",
    "channelPath",
)
_WORKFLOW_FIELDS: Final = ("dependsOn", "successActions", "failureActions")


def find_unsupported(document: Document) -> Iterator[Problem]:
    """A problem for every feature of the document that would have to be left out of a run."""
    data = document.source.data
    for index, source in enumerate(data["sourceDescriptions"]):
        if source.get("type") in ("arazzo", "asyncapi"):
            yield _refuse(
                document, ("sourceDescriptions", index, "type"), f"{source['type']} sources"
            )
    if "$self" in data:
        yield _refuse(document, ("$self",), "`$self`")
    for workflow in document.workflows:
        yield from _find_in_workflow(document, workflow)


def _find_in_workflow(document: Document, workflow: Workflow) -> Iterator[Problem]:
    at = workflow.place.pointer
    data = _value_at(document, at)
    for name in _WORKFLOW_FIELDS:
        if data.get(name):
            yield _refuse(document, (*at, name), f"`{name}` of a workflow", key=True)
    for pointer in _find_references(data.get("inputs"), (*at, "inputs")):
        yield _refuse(document, pointer, "`$ref` in inputs", key=True)
    for step in workflow.steps:
        yield from _find_in_step(document, step)
    for use in find_uses(workflow):
        match use.expression:
            case WorkflowRef() | OutputRef() | MessagePart(side="message"):
                yield _refuse(document, use.pointer, f"`{use.expression}`")


def _find_in_step(document: Document, step: Step) -> Iterator[Problem]:
    at = step.place.pointer
    data = _value_at(document, at)
    for name in _STEP_FIELDS:
        if data.get(name):
            yield _refuse(document, (*at, name), f"`{name}` of a step", key=True)
    for criterion in step.success_criteria:
        if criterion.type != "simple":
            pointer = (*criterion.place.pointer, "type")
            yield _refuse(document, pointer, f"{criterion.type} criteria")
    for parameter in step.parameters:
        if parameter.location == "querystring":
            yield _refuse(document, (*parameter.place.pointer, "in"), "querystring parameters")
    yield from _find_in_body(document, step, data.get("requestBody", {}))


def _find_in_body(document: Document, step: Step, data: Any) -> Iterator[Problem]:
    body = step.request_body
    if body is None:
        return
    if body.replacements:
        yield _refuse(document, (*body.place.pointer, "replacements"), "`replacements`", key=True)
    if document.version >= (1, 1):
        for pointer in _find_selectors(data.get("payload"), body.place.pointer):
            yield _refuse(document, pointer, "selector objects")


def _find_references(value: Any, pointer: Pointer) -> Iterator[Pointer]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "$ref":
                yield (*pointer, name)
            else:
                yield from _find_references(member, (*pointer, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find_references(item, (*pointer, index))


def _find_selectors(payload: Any, at: Pointer) -> Iterator[Pointer]:
    if isinstance(payload, dict) and payload.keys() == {"context", "selector", "type"}:
        yield (*at, "payload")
    members = payload.items() if isinstance(payload, dict) else ()
    for name, member in members:
        yield from _find_selectors(member, (*at, "payload", name))


def _value_at(document: Document, pointer: Pointer) -> Any:
    value = document.source.data
    for token in pointer:
        value = value[token]
    return value


def _refuse(document: Document, pointer: Pointer, what: str, *, key: bool = False) -> Problem:
    return Problem(
        span=document.source.locate(pointer, key=key),
        message=f"{what}: not supported yet",
        hint="It would be left out of the run, so the document is refused.",
    )
