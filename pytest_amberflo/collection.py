"""Workflow documents, found, read and checked: everything that collection does, but for nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.arazzo.binding import bind_document
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import read_source
from pytest_amberflo.arazzo.support import find_unsupported
from pytest_amberflo.execution import PreparedWorkflow
from pytest_amberflo.extension import ExtensionReader
from pytest_amberflo.recognition import recognize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_amberflo.arazzo.binding import BoundDocument
    from pytest_amberflo.arazzo.model import Workflow
    from pytest_amberflo.extension import StepExtension
    from pytest_amberflo.run import Run


def prepare_document(path: Path, run: Run, *, is_certain: bool) -> tuple[PreparedWorkflow, ...]:
    """The workflows of a file, ready to be run. Raises DocumentError with all its problems.

    Unless it `is_certain` that the file is meant to be a workflow document, one that has no
    `arazzo` at its root has no workflows.
    """
    source = read_source(path, name=run.shorten(path))
    if not is_certain and not (isinstance(source.data, dict) and "arazzo" in source.data):
        return ()
    document = load_document(source)
    bound, unbound = bind_document(document, run.catalog.open)
    reader = ExtensionReader(document)
    prepared = tuple(_prepare(workflow, bound, reader) for workflow in document.workflows)
    problems = [
        *check_document(document),
        *find_unsupported(document),
        *unbound,
        *reader.problems,
    ]
    if problems:
        in_order = sorted(
            problems, key=lambda p: (p.span.line, p.span.column) if p.span else (0, 0)
        )
        raise DocumentError(source.name, source.text, in_order)
    source.forget_places()
    return prepared


def _prepare(
    workflow: Workflow, bound: BoundDocument, reader: ExtensionReader
) -> PreparedWorkflow:
    extension = reader.read_workflow(workflow)
    steps: Mapping[str, StepExtension] = {
        step.step_id: reader.read_step(step) for step in workflow.steps
    }
    ingests = False
    for step in workflow.steps:
        target = bound.targets.get((workflow.workflow_id, step.step_id))
        if target is not None and recognize(target, steps[step.step_id].role) == "ingest":
            ingests = True
    return PreparedWorkflow(
        bound=bound,
        workflow=workflow,
        extension=extension,
        step_extensions=steps,
        ingests=ingests,
    )
