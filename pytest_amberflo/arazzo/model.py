"""An Arazzo document as data: every object of the specification, with its place in the text.

Built by `pytest_amberflo.arazzo.load`, which also checks it; nothing here refers to HTTP.
Field names follow the specification in snake case.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct, field

from pytest_amberflo.arazzo.input_schema import InputSchema, find_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.condition import Condition, Operand
    from pytest_amberflo.arazzo.excerpt import Span
    from pytest_amberflo.arazzo.selector import Query
    from pytest_amberflo.arazzo.source import Pointer, Source
    from pytest_amberflo.arazzo.template import Template

ParameterPlace: TypeAlias = Literal["path", "query", "querystring", "header", "cookie"]
CriterionType: TypeAlias = Literal["simple", "regex", "jsonpath", "xpath", "jsonpointer"]
SourceType: TypeAlias = Literal["openapi", "arazzo", "asyncapi"]


class Place(Struct, frozen=True, gc=False):
    """Where an object stands: its pointer in the document.

    The stretch of the text is looked for only when somebody asks: a document without mistakes
    has many places, and is read twice as fast without them.
    """

    pointer: Pointer
    #: Whether the name that leads to the object is meant.
    is_key: bool = False

    def find_in(self, source: Source) -> Span:
        """The stretch of the text of the document."""
        return source.locate(self.pointer, key=self.is_key)


#: The place of a pointer: one for all documents that have such a place.
share_place = lru_cache(maxsize=8192)(Place)


class Info(Struct, frozen=True, kw_only=True):
    """Metadata of a document (Info Object)."""

    title: str
    version: str
    summary: str | None = None
    description: str | None = None


class SourceDescription(Struct, frozen=True, kw_only=True):
    """A description that the workflows refer to by name (Source Description Object)."""

    name: str
    url: str
    type: SourceType | None
    place: Place


class Parameter(Struct, frozen=True, kw_only=True):
    """A value for a parameter of an operation or an input of a workflow (Parameter Object)."""

    name: str
    location: ParameterPlace | None
    value: Template
    place: Place


class Replacement(Struct, frozen=True, kw_only=True):
    """A value to set at a place of a payload (Payload Replacement Object)."""

    target: str
    #: How the target is written; None for JSON Pointer in JSON and XPath in XML.
    selector: Query | None
    value: Template
    place: Place


class RequestBody(Struct, frozen=True, kw_only=True):
    """The body of a step's request (Request Body Object)."""

    content_type: str | None
    payload: Template | None
    replacements: tuple[Replacement, ...]
    place: Place


class Criterion(Struct, frozen=True, kw_only=True):
    """An assertion (Criterion Object).

    `parsed` is set for simple conditions; all others have a context, and a condition with
    expressions embedded in its text.
    """

    condition: str
    type: CriterionType
    #: Of JSONPath and XPath.
    version: str
    context: Operand | None
    parsed: Condition | None
    template: Template | None
    place: Place


class Action(Struct, frozen=True, kw_only=True):
    """What to do after a step (Success Action Object or Failure Action Object)."""

    name: str
    type: Literal["end", "goto", "retry"]
    workflow_id: str | None
    step_id: str | None
    retry_after: float | None
    retry_limit: int | None
    criteria: tuple[Criterion, ...]
    parameters: tuple[Parameter, ...]
    place: Place


class Output(Struct, frozen=True, kw_only=True):
    """A named value of a step or workflow."""

    name: str
    #: An expression or, in Arazzo 1.1, a selector.
    value: Template
    place: Place


class Step(Struct, frozen=True, kw_only=True):
    """One step of a workflow (Step Object); exactly one of the three targets is set."""

    step_id: str
    description: str | None
    operation_id: str | None
    operation_path: str | None
    workflow_id: str | None
    parameters: tuple[Parameter, ...]
    request_body: RequestBody | None
    success_criteria: tuple[Criterion, ...]
    on_success: tuple[Action, ...]
    on_failure: tuple[Action, ...]
    outputs: tuple[Output, ...]
    #: Milliseconds, or None.
    timeout_ms: int | None
    #: Steps that must be completed before, as they stand in the document.
    depends_on: tuple[str, ...]
    #: The step's `x-amberflo`, as it stands in the document.
    extension: Any
    place: Place


class Workflow(Struct, frozen=True, kw_only=True):
    """A workflow (Workflow Object)."""

    workflow_id: str
    summary: str | None
    description: str | None
    #: The JSON Schema 2020-12 of the inputs, or None.
    inputs: Mapping[str, Any] | bool | None
    depends_on: tuple[str, ...]
    steps: tuple[Step, ...]
    success_actions: tuple[Action, ...]
    failure_actions: tuple[Action, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    #: The workflow's `x-amberflo`, as it stands in the document.
    extension: Any
    place: Place

    def find_step(self, step_id: str) -> Step | None:
        """The step with this id, or None."""
        return next((step for step in self.steps if step.step_id == step_id), None)


class Document(Struct, frozen=True, kw_only=True, eq=False):
    """An Arazzo description that can be run as far as its own text goes."""

    source: Source
    #: Major and minor of the `arazzo` field; patch versions make no difference.
    version: tuple[int, int]
    self_uri: str | None
    info: Info
    source_descriptions: tuple[SourceDescription, ...]
    workflows: tuple[Workflow, ...]
    components: Mapping[str, Any] = field(default_factory=dict)
    _schemas: dict[int, InputSchema] = field(default_factory=dict)

    @property
    def is_read(self) -> bool:
        """Whether nothing of its values is needed any more beside what is here."""
        return all(self.inputs_of(workflow).is_whole for workflow in self.workflows)

    def inputs_of(self, workflow: Workflow) -> InputSchema:
        """The schema of a workflow's inputs; built once."""
        schema = self._schemas.get(id(workflow)) or find_whole(workflow.inputs)
        if schema is None:
            schema = self._schemas[id(workflow)] = InputSchema(self, workflow)
        return schema
