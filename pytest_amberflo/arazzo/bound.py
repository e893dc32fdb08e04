"""A document with what it refers to: the operations and workflows behind its names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from urllib.parse import urljoin

from msgspec import Struct

from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.arazzo.model import Document
from pytest_amberflo.arazzo.operation import ApiDescription

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_amberflo.arazzo.input_schema import InputSchema
    from pytest_amberflo.arazzo.model import Step, Workflow
    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.arazzo.source import Source

_VARIABLE: Final = re.compile(r"\{[^{}]*\}")


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


class AsyncDescription(Struct, frozen=True, kw_only=True):
    """An AsyncAPI description; steps that use it are refused until they can be run."""

    source: Source


Opened: TypeAlias = ApiDescription | Document | AsyncDescription


class OpenSource(Protocol):
    """Opens what a source description of a document points to."""

    def __call__(self, url: str, referrer: Document) -> Opened:
        """What is at `url`, as `referrer` writes it.

        Raises SourceError, or DocumentError for a document that cannot be used.
        """


class Target(Struct, frozen=True, kw_only=True):
    """The operation that a step calls and the source description that it belongs to."""

    source_name: str
    description: ApiDescription
    operation: Operation

    def server_url(self) -> str:
        """The URL of the operation's first server, its variables at their defaults.

        A relative one is below the place that the description was read from, if that is on the
        network. Raises Refusal where a variable has no default.
        """
        url = self.operation.servers[0].expand()
        variable = _VARIABLE.search(url) if "{" in url else None
        if variable is not None:
            reason = f"its server `{url}` has no default for `{variable.group()}`"
            raise Refusal(f"source `{self.source_name}` does not say where it is: {reason}")
        data = self.description.source.data
        own = data.get("$self") if isinstance(data, dict) else None
        base = self.description.source.uri
        if isinstance(own, str):
            base = urljoin(base, own)
        return urljoin(base, url) if base.startswith(("http://", "https://")) else url


class BoundDocument(Struct, frozen=True, kw_only=True):
    """A document with what its sources are and the target of every step."""

    document: Document
    descriptions: Mapping[str, ApiDescription]
    #: Arazzo documents by the name of their source description.
    documents: Mapping[str, BoundDocument]
    #: By workflowId, and then by stepId.
    targets: Mapping[str, Mapping[str, Target]]

    def target_of(self, workflow: Workflow, step: Step) -> Target:
        """The target of a step of a workflow."""
        return self.targets[workflow.workflow_id][step.step_id]

    def find_target(self, workflow: Workflow, step: Step) -> Target | None:
        """The target of a step; None for one that calls a workflow."""
        return self.targets.get(workflow.workflow_id, {}).get(step.step_id)

    def list_targets(self) -> Iterator[Target]:
        """The target of every step of this document."""
        for targets in self.targets.values():
            yield from targets.values()

    def inputs_of(self, workflow: Workflow) -> InputSchema:
        """The schema of a workflow's inputs; built once."""
        return self.document.inputs_of(workflow)

    def find_workflow(self, reference: str) -> tuple[BoundDocument, Workflow]:
        """The workflow of a workflowId or `$sourceDescriptions.NAME.ID`, and its document.

        Raises LookupError.
        """
        bound, name = self, reference
        if reference.startswith("$sourceDescriptions."):
            _, source, name = reference.split(".", 2)
            bound = self.documents[source]
        for workflow in bound.document.workflows:
            if workflow.workflow_id == name:
                return bound, workflow
        raise LookupError(reference)

    def each_description(self) -> Iterator[ApiDescription]:
        """Every description of this document and of those that it refers to, once."""
        for bound in self.each_document():
            yield from bound.descriptions.values()

    def each_target(self) -> Iterator[Target]:
        """The target of every step of this document and of those that it refers to."""
        for bound in self.each_document():
            yield from bound.list_targets()

    def each_document(self) -> Iterator[BoundDocument]:
        """This document and those that it refers to, each once."""
        seen: set[int] = set()
        stack = [self]
        while stack:
            bound = stack.pop()
            if id(bound) not in seen:
                seen.add(id(bound))
                yield bound
                stack.extend(bound.documents.values())
