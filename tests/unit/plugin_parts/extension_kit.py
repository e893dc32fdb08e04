"""Reads `x-amberflo` of a small document, with what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unit.plugin_parts.part_kit import bind, declare, make_document

from pytest_amberflo.extension import ExtensionReader

if TYPE_CHECKING:
    from pytest_amberflo.extension import StepExtension, WorkflowExtension

INPUTS = declare(customerId={"type": "string"}, region={"type": "string"})


def read_workflow(extension: Any) -> tuple[WorkflowExtension, list[str]]:
    """What a workflow says, and what is wrong: line of the text, message, nearest name."""
    document = make_document(extension, inputs=INPUTS)
    reader = ExtensionReader(bind(document))
    found = reader.read_workflow(document.workflows[0])
    return found, _list_problems(document.source.text, reader)


def read_step(extension: Any) -> tuple[StepExtension, list[str]]:
    """What a step says, and what is wrong."""
    document = make_document(step_extension=extension)
    reader = ExtensionReader(bind(document))
    found = reader.read_step(document.workflows[0], document.workflows[0].steps[0])
    return found, _list_problems(document.source.text, reader)


def _list_problems(text: str, reader: ExtensionReader) -> list[str]:
    lines = text.splitlines()
    found: list[str] = []
    for problem in reader.problems:
        assert problem.span is not None
        line = lines[problem.span.line - 1][problem.span.column - 1 :]
        near = f" ({problem.suggestion}?)" if problem.suggestion else ""
        found.append(f"{line.split(':')[0].rstrip(',')}: {problem.message}{near}")
    return found


def list_lines(extension: Any, *, of_step: bool = False) -> list[str]:
    """The lines of the text on which something is wrong."""
    document = make_document(
        None if of_step else extension,
        step_extension=extension if of_step else None,
        inputs=INPUTS,
    )
    reader = ExtensionReader(bind(document))
    workflow = document.workflows[0]
    if of_step:
        reader.read_step(workflow, workflow.steps[0])
    else:
        reader.read_workflow(workflow)
    lines = document.source.text.splitlines()
    return [lines[p.span.line - 1].strip() for p in reader.problems if p.span is not None]
