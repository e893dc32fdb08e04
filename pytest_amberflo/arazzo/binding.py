"""The operations that the steps of a document call, found in its source descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from pytest_amberflo.arazzo.errors import DocumentError, ExpressionSyntaxError, Problem
from pytest_amberflo.arazzo.expression import SourceRef
from pytest_amberflo.arazzo.grammar import Within, parse_expression, read_expression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.arazzo.model import Document, SourceDescription, Step, Workflow
    from pytest_amberflo.arazzo.operation import ApiDescription, Operation
    from pytest_amberflo.arazzo.source import Pointer


class SourceError(Exception):
    """A source description cannot be opened: `reason`, names that exist, and what to do."""

    def __init__(
        self,
        reason: str,
        *,
        name: str | None = None,
        candidates: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name
        self.candidates = tuple(candidates)
        self.hint = hint


class OpenSource(Protocol):
    """Opens the description that a source description of a document points to."""

    def __call__(self, url: str, base_uri: str) -> ApiDescription:
        """The description at `url`, relative to `base_uri`.

        Raises SourceError, or DocumentError for a document that is no description.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The operation that a step calls and the source description that it belongs to."""

    source_name: str
    description: ApiDescription
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundDocument:
    """A document with the descriptions of its sources and the target of every step."""

    document: Document
    descriptions: Mapping[str, ApiDescription]
    #: By workflowId and stepId.
    targets: Mapping[tuple[str, str], Target]

    def target_of(self, workflow: Workflow, step: Step) -> Target:
        """The target of a step of a workflow."""
        return self.targets[workflow.workflow_id, step.step_id]


def bind_document(
    document: Document, open_source: OpenSource
) -> tuple[BoundDocument, tuple[Problem, ...]]:
    """The document with its operations, and a problem for each that is not found."""
    binder = _Binder(document)
    binder.open_sources(open_source)
    for workflow in document.workflows:
        for step in workflow.steps:
            binder.bind_step(workflow, step)
    bound = BoundDocument(
        document=document, descriptions=binder.descriptions, targets=binder.targets
    )
    return bound, tuple(binder.problems)


class _Binder:
    """Collects descriptions, targets and problems of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.descriptions: dict[str, ApiDescription] = {}
        self.targets: dict[tuple[str, str], Target] = {}
        self.problems: list[Problem] = []

    def open_sources(self, open_source: OpenSource) -> None:
        for source in self._document.source_descriptions:
            if source.type in (None, "openapi"):
                self._open(source, open_source)

    def _open(self, source: SourceDescription, open_source: OpenSource) -> None:
        at = (*source.place.pointer, "url")
        try:
            description = open_source(source.url, self._document.source.uri)
        except SourceError as error:
            self._add(
                at,
                f"source `{source.name}`: {error.reason}",
                error.name,
                error.candidates,
                error.hint,
            )
        except DocumentError as error:
            hint = "\n".join(str(error).splitlines())
            self._add(at, f"source `{source.name}` cannot be used", hint=hint)
        else:
            self.descriptions[source.name] = description

    def bind_step(self, workflow: Workflow, step: Step) -> None:
        if step.operation_id is not None:
            target = self._find_by_id(step, step.operation_id)
        elif step.operation_path is not None:
            target = self._find_by_path(step, step.operation_path)
        else:
            return
        if target is not None:
            self.targets[workflow.workflow_id, step.step_id] = target

    def _find_by_id(self, step: Step, operation_id: str) -> Target | None:
        at = (*step.place.pointer, "operationId")
        if operation_id.startswith("$"):
            return self._find_qualified(at, operation_id)
        names = [s.name for s in self._document.source_descriptions if s.type in (None, "openapi")]
        if len(names) > 1:
            self._refuse_bare(at, operation_id, names)
            return None
        return self._find_in(at, names[0], operation_id) if names else None

    def _refuse_bare(self, at: Pointer, operation_id: str, names: Sequence[str]) -> None:
        owners = [
            name
            for name in names
            if name in self.descriptions and self.descriptions[name].find(operation_id)
        ]
        forms = [f"`$sourceDescriptions.{name}.{operation_id}`" for name in owners or names]
        self._add(
            at,
            f"`{operation_id}` does not say which of {len(names)} sources it is in",
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
        if name in self.descriptions:
            return self.descriptions[name]
        names = tuple(source.name for source in self._document.source_descriptions)
        if name not in names:
            self._add(at, f"there is no source description `{name}`", name, names)
        return None

    def _find_by_path(self, step: Step, text: str) -> Target | None:
        at = (*step.place.pointer, "operationPath")
        parsed = _split_path(text)
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
                tuple(f"{method.lower()} {path}" for method, path in _paths_of(description)),
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


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} operation{'' if len(names) == 1 else 's'}"


def _paths_of(description: ApiDescription) -> list[tuple[str, str]]:
    operations = (description.find(name) for name in description.operation_ids)
    return [(operation.method, operation.path) for operation in operations if operation]


def _split_path(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The source's name and the reference tokens of an operationPath, or None."""
    try:
        if text.startswith("{"):
            expression, end = read_expression(text, 1, Within.BRACES)
            if text[end : end + 2] != "}#":
                return None
            pointer = text[end + 2 :]
        else:
            expression = parse_expression(text)
            if not isinstance(expression, SourceRef):
                return None
            field, _, pointer = expression.reference.partition("#")
            expression = SourceRef(expression.source, field)
    except ExpressionSyntaxError:
        return None
    if not isinstance(expression, SourceRef) or expression.reference != "url":
        return None
    if not pointer.startswith("/"):
        return None
    tokens = pointer[1:].split("/")
    return expression.source, tuple(t.replace("~1", "/").replace("~0", "~") for t in tokens)
