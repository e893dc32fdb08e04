"""Finds what a document refers to: descriptions, operations, workflows of other documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pytest_amberflo.arazzo.bound import (
    AsyncDescription,
    BoundDocument,
    Opened,
    OpenSource,
    SourceError,
    Target,
)
from pytest_amberflo.arazzo.errors import DocumentError, ExpressionSyntaxError, Problem
from pytest_amberflo.arazzo.expression import SourceRef
from pytest_amberflo.arazzo.grammar import parse_expression
from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.model import Document
from pytest_amberflo.arazzo.operation_path import split_path
from pytest_amberflo.arazzo.written import Derived

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_amberflo.arazzo.model import Action, SourceDescription, Step, Workflow
    from pytest_amberflo.arazzo.operation import ApiDescription
    from pytest_amberflo.arazzo.source import Pointer

#: Targets by steps and the descriptions of their document.
_TARGETS: Final[Derived[Mapping[str, Target]]] = Derived(64)


def bind_document(
    document: Document,
    open_source: OpenSource,
    *,
    lenient: bool = False,
    known: dict[str, BoundDocument] | None = None,
) -> tuple[BoundDocument, tuple[Problem, ...]]:
    """The document with its operations and workflows, and a problem for each that is not found.

    `lenient` takes a bare operationId with several sources where exactly one has it. `known` are
    documents that are bound already, by URI.
    """
    binder = _Binder(document, open_source, lenient=lenient, known={} if known is None else known)
    return binder.bind(), tuple(binder.problems)


class _Binder:
    """Collects what a document refers to, and what is wrong with that."""

    def __init__(
        self,
        document: Document,
        open_source: OpenSource,
        *,
        lenient: bool,
        known: dict[str, BoundDocument],
    ) -> None:
        self._document = document
        self._open_source = open_source
        self._lenient = lenient
        self._known = known
        self._asynchronous: set[str] = set()
        self._descriptions: dict[str, ApiDescription] = {}
        self._documents: dict[str, BoundDocument] = {}
        self._targets: dict[str, Mapping[str, Target]] = {}
        self.problems: list[Problem] = []

    def bind(self) -> BoundDocument:
        """The bound document; it is known under its URI from the start, so that circles end."""
        bound = BoundDocument(
            document=self._document,
            descriptions=self._descriptions,
            documents=self._documents,
            targets=self._targets,
        )
        self._known[self._document.source.uri] = bound
        for source in self._document.source_descriptions:
            self._open(source)
        for workflow in self._document.workflows:
            self._check_dependencies(workflow)
            self._targets[workflow.workflow_id] = self._bind_steps(workflow)
            for action in _each_action(workflow):
                if action.workflow_id is not None:
                    at = (*action.place.pointer, "workflowId")
                    self._find_workflow(at, action.workflow_id)
        return bound

    def _open(self, source: SourceDescription) -> None:
        at = (*source.place.pointer, "url")
        try:
            opened = self._open_source(source.url, self._document)
        except SourceError as error:
            message = f"source `{source.name}`: {error.reason}"
            self._add(at, message, error.name, error.candidates, error.hint)
        except DocumentError as error:
            self._add(at, f"source `{source.name}` cannot be used", hint=str(error))
        else:
            self._keep(source, opened)

    def _keep(self, source: SourceDescription, opened: Opened) -> None:
        kind = "arazzo" if isinstance(opened, Document) else "openapi"
        kind = "asyncapi" if isinstance(opened, AsyncDescription) else kind
        if source.type is not None and source.type != kind:
            message = f"source `{source.name}` is said to be {source.type}, and is {kind}"
            self._add((*source.place.pointer, "type"), message)
        elif isinstance(opened, AsyncDescription):
            self._asynchronous.add(source.name)
        elif isinstance(opened, Document):
            self._documents[source.name] = self._bind_other(source, opened)
        else:
            self._descriptions[source.name] = opened

    def _bind_other(self, source: SourceDescription, document: Document) -> BoundDocument:
        uri = document.source.uri
        if uri not in self._known:
            bound, problems = bind_document(
                document, self._open_source, lenient=self._lenient, known=self._known
            )
            problems = (*check_document(document), *problems)
            if problems:
                error = DocumentError(document.source.name, document.source.text, problems)
                at = (*source.place.pointer, "url")
                self._add(at, f"source `{source.name}` cannot be used", hint=str(error))
            return bound
        return self._known[uri]

    def _check_dependencies(self, workflow: Workflow) -> None:
        for index, reference in enumerate(workflow.depends_on):
            self._find_workflow((*workflow.place.pointer, "dependsOn", index), reference)

    def _find_workflow(self, at: Pointer, reference: str) -> Workflow | None:
        """The workflow that a reference leads to, or None and a problem."""
        document, name, where = self._document, reference, "this document"
        if reference.startswith("$"):
            parts = reference.split(".", 2)
            if parts[0] != "$sourceDescriptions" or len(parts) < 3:
                hint = "The form is `$sourceDescriptions.NAME.WORKFLOWID`"
                self._add(at, f"`{reference}` does not refer to a workflow", hint=hint)
                return None
            _, source, name = parts
            if source not in self._documents:
                self._refuse_source(at, source)
                return None
            document, where = self._documents[source].document, f"source `{source}`"
        found = {workflow.workflow_id: workflow for workflow in document.workflows}
        if name not in found:
            self._add(at, f"no workflow `{name}` in {where}", name, tuple(found))
        return found.get(name)

    def _check_other_steps(self, step: Step) -> None:
        """A problem for each step of another workflow that is depended on and is not there."""
        for index, reference in enumerate(step.depends_on):
            at = (*step.place.pointer, "dependsOn", index)
            name, separator, step_id = reference.rpartition(".steps.")
            if not reference.startswith("$"):
                continue
            if not separator:
                hint = "The form is `$workflows.WORKFLOWID.steps.STEPID`"
                self._add(at, f"`{reference}` does not refer to a step", hint=hint)
                continue
            workflow = self._find_workflow(at, name.removeprefix("$workflows."))
            if workflow is not None and workflow.find_step(step_id) is None:
                ids = tuple(other.step_id for other in workflow.steps)
                message = f"workflow `{workflow.workflow_id}` has no step `{step_id}`"
                self._add(at, message, step_id, ids)

    def _refuse_source(self, at: Pointer, name: str) -> None:
        names = tuple(source.name for source in self._document.source_descriptions)
        if name not in names:
            self._add(at, f"there is no source description `{name}`", name, names)
        elif name in self._descriptions:
            self._add(at, f"source `{name}` is an OpenAPI description and has no workflows")

    def _bind_steps(self, workflow: Workflow) -> Mapping[str, Target]:
        """The targets of steps, one for all documents with the same steps and sources."""
        sources = self._descriptions
        is_alone = not self._documents and not self._asynchronous
        key = (self._lenient, *sources)
        known = _TARGETS.find(workflow.steps, *sources.values(), key=key) if is_alone else None
        if known is not None:
            return known
        targets: dict[str, Target] = {}
        for step in workflow.steps:
            target = self._bind_step(step)
            if target is not None:
                targets[step.step_id] = target
            self._check_other_steps(step)
        is_bound = len(targets) == len(workflow.steps)
        if is_alone and is_bound and not any(step.depends_on for step in workflow.steps):
            _TARGETS.keep(targets, workflow.steps, *sources.values(), key=key)
        return targets

    def _bind_step(self, step: Step) -> Target | None:
        if step.operation_id is not None:
            return self._find_by_id(step, step.operation_id)
        if step.operation_path is not None:
            return self._find_by_path(step, step.operation_path)
        if step.workflow_id is not None:
            self._find_workflow((*step.place.pointer, "workflowId"), step.workflow_id)
        return None

    def _find_by_id(self, step: Step, operation_id: str) -> Target | None:
        at = (*step.place.pointer, "operationId")
        if operation_id.startswith("$"):
            return self._find_qualified(at, operation_id)
        names = list(self._descriptions)
        if len(names) + len(self._asynchronous) > 1:
            owners = [name for name in names if self._descriptions[name].find(operation_id)]
            if self._lenient and len(owners) == 1:
                return self._find_in(at, owners[0], operation_id)
            self._refuse_bare(at, operation_id, names, owners)
            return None
        return self._find_in(at, names[0], operation_id) if names else None

    def _refuse_bare(
        self, at: Pointer, operation_id: str, names: Sequence[str], owners: Sequence[str]
    ) -> None:
        forms = [f"`$sourceDescriptions.{name}.{operation_id}`" for name in owners or names]
        count = len(names) + len(self._asynchronous)
        self._add(
            at,
            f"`{operation_id}` does not say which of {count} sources it is in",
            hint=f"With several sources the qualified form is due: {' or '.join(forms)}",
        )

    def _find_qualified(self, at: Pointer, text: str) -> Target | None:
        try:
            expression = parse_expression(text)
        except ExpressionSyntaxError as error:
            self._add(at, error.message, error.name, error.candidates)
            return None
        if not isinstance(expression, SourceRef):
            self._add(at, f"`{text}` does not refer to `$sourceDescriptions`")
            return None
        return self._find_in(at, expression.source, expression.reference)

    def _find_in(self, at: Pointer, name: str, operation_id: str) -> Target | None:
        description = self._description(at, name)
        if description is None:
            return None
        operation = description.find(operation_id)
        if operation is None:
            known = description.operation_ids
            self._add(
                at,
                f"no operation `{operation_id}` in source `{name}`",
                operation_id,
                known,
                f"{description.source.name} has {_count(known)}",
            )
            return None
        return Target(source_name=name, description=description, operation=operation)

    def _description(self, at: Pointer, name: str) -> ApiDescription | None:
        if name in self._descriptions:
            return self._descriptions[name]
        if name in self._asynchronous:
            self._add(at, f"source `{name}` is AsyncAPI; running its steps: not supported yet")
            return None
        if name in self._documents:
            self._add(at, f"source `{name}` is an Arazzo document and has no operations")
            return None
        names = tuple(source.name for source in self._document.source_descriptions)
        if name not in names:
            self._add(at, f"there is no source description `{name}`", name, names)
        return None

    def _find_by_path(self, step: Step, text: str) -> Target | None:
        at = (*step.place.pointer, "operationPath")
        parsed = split_path(text)
        if parsed is None:
            self._add(
                at,
                f"`{text}` is no operationPath",
                hint="The form is `{$sourceDescriptions.NAME.url}#/paths/~1PATH/METHOD`",
            )
            return None
        name, tokens = parsed
        description = self._description(at, name)
        if description is None:
            return None
        operation = description.at(tokens) or description.at(tuple(map(unquote, tokens)))
        if operation is None:
            shown = " ".join(reversed(tokens[1:])) if tokens else ""
            self._add(
                at,
                f"no operation at `#{''.join('/' + t.replace('/', '~1') for t in tokens)}` "
                f"in source `{name}`",
                shown,
                tuple(_lower_method(label) for label in description.list_paths()),
                f"{description.source.name} has {_count(description.operation_ids)}",
            )
            return None
        return Target(source_name=name, description=description, operation=operation)

    def _add(
        self,
        at: Pointer,
        message: str,
        name: str | None = None,
        candidates: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        self.problems.append(
            Problem(
                span=self._document.source.locate(at),
                message=message,
                name=name,
                candidates=tuple(candidates),
                hint=hint,
            )
        )


def _each_action(workflow: Workflow) -> Iterator[Action]:
    yield from (*workflow.success_actions, *workflow.failure_actions)
    for step in workflow.steps:
        yield from (*step.on_success, *step.on_failure)


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} operation{'' if len(names) == 1 else 's'}"


def _lower_method(label: str) -> str:
    method, _, path = label.partition(" ")
    return f"{method.lower()} {path}"
