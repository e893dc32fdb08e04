"""Workflow documents, found, read and checked: everything that collection does, but for nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.arazzo.binding import bind_document
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import read_source
from pytest_amberflo.arazzo.ways import find_unreached
from pytest_amberflo.execution import MeteredStep, PreparedWorkflow, StepKey, WorkflowKey
from pytest_amberflo.extension import ExtensionReader, StepExtensions
from pytest_amberflo.recognition import recognize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.model import Document, Place, Step, Workflow
    from pytest_amberflo.extension import StepExtension
    from pytest_amberflo.run import Run

_NOTHING_SAID: Final = StepExtensions()
_NO_CALLS: Final[frozenset[WorkflowKey]] = frozenset()


def prepare_document(path: Path, run: Run, *, is_certain: bool) -> tuple[PreparedWorkflow, ...]:
    """The workflows of a file, ready to be run. Raises DocumentError with all its problems.

    Unless it `is_certain` that the file is meant to be a workflow document, one that has no
    `arazzo` at its root has no workflows.
    """
    source = read_source(path, name=run.shorten(path))
    if not is_certain and not (isinstance(source.data, dict) and "arazzo" in source.data):
        return ()
    document = load_document(source)
    known: dict[str, BoundDocument] = {}
    bound, unbound = bind_document(
        document, run.catalog.open, lenient=run.settings.takes_bare_ids, known=known
    )
    problems = [*check_document(document), *unbound]
    said: dict[StepKey, StepExtension] = {}
    for uri, other in known.items():
        reader = ExtensionReader(other)
        said |= {(uri, *key): found for key, found in reader.read_steps().items()}
        if other is bound:
            workflows = [reader.read_workflow(workflow) for workflow in document.workflows]
            problems += reader.problems
        elif reader.problems:
            raise DocumentError(
                other.document.source.name, other.document.source.text, reader.problems
            )
    if problems:
        raise DocumentError(source.name, source.text, problems)
    extensions = StepExtensions(said) if said else _NOTHING_SAID
    unreached = [find_unreached(document, workflow) for workflow in document.workflows]
    lines = [source.line_of(workflow.place.pointer) for workflow in document.workflows]
    for other in known.values():
        # Other documents may refer to it, too; and where a schema of inputs refers to other parts
        # of its document, these are needed yet.
        is_needed = other is not bound or not document.is_read
        anchors = [place.pointer for place in _list_places(other.document)]
        other.document.source.forget(keeps_data=is_needed, anchors=anchors)
    return tuple(
        PreparedWorkflow(
            bound=bound,
            workflow=workflow,
            extension=extension,
            step_extensions=extensions,
            ingests=_ingests(bound, workflow, extensions),
            metered=tuple(_list_metered(bound, workflow, extensions)),
            calls=frozenset(_find_called(bound, workflow)) or _NO_CALLS,
            line=line,
            warnings=warnings,
        )
        for workflow, extension, line, warnings in zip(
            document.workflows, workflows, lines, unreached, strict=True
        )
    )


def _list_places(document: Document) -> Iterator[Place]:
    """Where workflows and their steps stand."""
    for workflow in document.workflows:
        yield workflow.place
        yield from (step.place for step in workflow.steps)


def _list_steps(
    bound: BoundDocument, workflow: Workflow, seen: frozenset[WorkflowKey] = frozenset()
) -> Iterator[tuple[BoundDocument, Workflow, Step]]:
    """The steps of a workflow and of those that it leads to."""
    key = (bound.document.source.uri, workflow.workflow_id)
    if key in seen:
        return
    for step in workflow.steps:
        yield bound, workflow, step
    for found in _find_bound(bound, workflow):
        yield from _list_steps(*found, seen | {key})


def _ingests(
    bound: BoundDocument, workflow: Workflow, extensions: Mapping[StepKey, StepExtension]
) -> bool:
    """Whether a step of a workflow, or of one that it leads to, ingests events."""
    for owner, found, step in _list_steps(bound, workflow):
        target = owner.find_target(found, step)
        role = extensions[owner.document.source.uri, found.workflow_id, step.step_id].role
        if target is not None and recognize(target, role) == "ingest":
            return True
    return False


def _list_metered(
    bound: BoundDocument, workflow: Workflow, extensions: Mapping[StepKey, StepExtension]
) -> Iterator[MeteredStep]:
    """The steps that say what their call must meter."""
    for owner, found, step in _list_steps(bound, workflow):
        specs = extensions[owner.document.source.uri, found.workflow_id, step.step_id].meters
        if specs is not None:
            parameters = (*found.parameters, *step.parameters)
            yield MeteredStep(
                specs=specs,
                is_repeatable=any(
                    parameter.location == "header" and "idempotency" in parameter.name.lower()
                    for parameter in parameters
                ),
                is_outermost=found is workflow,
            )


def _find_called(bound: BoundDocument, workflow: Workflow) -> Iterator[WorkflowKey]:
    """The other workflows that a workflow leads to."""
    for other, found in _find_bound(bound, workflow):
        if found is not workflow:
            yield other.document.source.uri, found.workflow_id


def _find_bound(
    bound: BoundDocument, workflow: Workflow
) -> Iterator[tuple[BoundDocument, Workflow]]:
    """The workflows that a workflow depends on, calls, or goes to, with their documents."""
    for reference in _list_called(workflow):
        try:
            yield bound.find_workflow(reference)
        except LookupError:
            continue  # lint has refused it


def _list_called(workflow: Workflow) -> Iterator[str]:
    yield from workflow.depends_on
    actions = [*workflow.success_actions, *workflow.failure_actions]
    for step in workflow.steps:
        actions += [*step.on_success, *step.on_failure]
        if step.workflow_id is not None:
            yield step.workflow_id
    yield from (action.workflow_id for action in actions if action.workflow_id is not None)
