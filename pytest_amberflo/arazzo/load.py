"""A source read into a Document: shape checked, expressions and conditions compiled once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_amberflo.arazzo.compiler import Compiler
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.expression import ComponentRef
from pytest_amberflo.arazzo.model import (
    Action,
    Criterion,
    Document,
    Info,
    Output,
    Parameter,
    Replacement,
    RequestBody,
    SourceDescription,
    Step,
    Workflow,
    share_place,
)
from pytest_amberflo.arazzo.plain_inputs import share_schema
from pytest_amberflo.arazzo.selector import VERSIONS, Query, default_version
from pytest_amberflo.arazzo.shape import check_shape
from pytest_amberflo.arazzo.template import (
    Reference,
    Template,
    read_type,
)
from pytest_amberflo.arazzo.version import read_version
from pytest_amberflo.arazzo.written import Derived
from pytest_amberflo.http.exchange import is_xml_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_amberflo.arazzo.condition import Condition
    from pytest_amberflo.arazzo.source import Pointer, Source

T = TypeVar("T")

_NO_COMPONENTS: Final[Mapping[str, Any]] = {}
#: Steps, and lists and maps of a workflow, made of data that documents have in common.
_SHARED: Final[Derived[Any]] = Derived(512)
#: Where unknown extensions of ours are read from.
EXTENSION: Final = "x-amberflo"


def load_document(source: Source) -> Document:
    """The document that a source holds.

    Raises DocumentError with every problem of shape, or else with every expression and
    condition that does not parse and every reference to components that leads nowhere.
    """
    minor = read_version(source)
    problems = check_shape(source, minor)
    if problems:
        raise DocumentError(source.name, source.text, problems)
    builder = _Builder(source, minor)
    document = builder.build((1, minor))
    if builder.problems:
        raise DocumentError(source.name, source.text, builder.problems)
    return document


class _Builder(Compiler):
    """Turns checked data into the model and keeps what does not parse in `problems`."""

    def __init__(self, source: Source, minor: int) -> None:
        super().__init__(source, has_selectors=minor > 0)
        self._components: Mapping[str, Any] = source.data.get("components", _NO_COMPONENTS)
        #: How often something was made of what stands elsewhere in the document.
        self._followed = 0

    def build(self, version: tuple[int, int]) -> Document:
        data = self._source.data
        info = data["info"]
        self._check_components()
        return Document(
            source=self._source,
            version=version,
            self_uri=data.get("$self"),
            info=Info(
                title=info["title"],
                version=info["version"],
                summary=info.get("summary"),
                description=info.get("description"),
            ),
            source_descriptions=self._share_each(
                ("sourceDescriptions",), data, self._source_description
            ),
            workflows=self._each(("workflows",), data, self._workflow),
            components=self._components,
        )

    def _check_components(self) -> None:
        """Note what does not parse also in components that nothing refers to."""
        for kind, build in (
            ("parameters", self._parameter),
            ("successActions", self._action),
            ("failureActions", self._action),
        ):
            for name, data in self._components.get(kind, {}).items():
                build(data, ("components", kind, name))

    def _each(
        self, pointer: Pointer, owner: Mapping[str, Any], build: Callable[[Any, Pointer], T | None]
    ) -> tuple[T, ...]:
        items = owner.get(str(pointer[-1]), ())
        built = (build(item, (*pointer, index)) for index, item in enumerate(items))
        return tuple(item for item in built if item is not None)

    def _share(self, data: Any, pointer: Pointer, build: Callable[[], T]) -> T:
        """What is built of data at a place, one for all documents that have the same there.

        What has a problem, or takes in a component, is of its own document alone.
        """
        key = (pointer, self._has_selectors)
        made: T | None = _SHARED.find(data, key=key)
        if made is None:
            doubts = len(self.problems), self._followed
            made = build()
            if doubts == (len(self.problems), self._followed):
                _SHARED.keep(made, data, key=key)
        return made

    def _share_each(
        self, pointer: Pointer, owner: Mapping[str, Any], build: Callable[[Any, Pointer], T | None]
    ) -> tuple[T, ...]:
        if pointer[-1] not in owner:
            return ()
        return self._share(
            owner[str(pointer[-1])], pointer, lambda: self._each(pointer, owner, build)
        )

    def _source_description(self, data: Any, pointer: Pointer) -> SourceDescription:
        return SourceDescription(
            name=data["name"],
            url=data["url"],
            type=data.get("type"),
            place=share_place(pointer),
        )

    def _workflow(self, data: Any, pointer: Pointer) -> Workflow:
        return Workflow(
            workflow_id=data["workflowId"],
            summary=data.get("summary"),
            description=data.get("description"),
            inputs=share_schema(data.get("inputs")),
            depends_on=tuple(data.get("dependsOn", ())),
            steps=self._share_each((*pointer, "steps"), data, self._shared_step),
            success_actions=self._share_each((*pointer, "successActions"), data, self._action),
            failure_actions=self._share_each((*pointer, "failureActions"), data, self._action),
            parameters=self._share_each((*pointer, "parameters"), data, self._parameter),
            outputs=self._shared_outputs(data, pointer),
            extension=data.get(EXTENSION),
            place=share_place(pointer),
        )

    def _shared_step(self, data: Any, pointer: Pointer) -> Step:
        return self._share(data, pointer, lambda: self._step(data, pointer))

    def _step(self, data: Any, pointer: Pointer) -> Step:
        body = data.get("requestBody")
        return Step(
            step_id=data["stepId"],
            description=data.get("description"),
            operation_id=data.get("operationId"),
            operation_path=data.get("operationPath"),
            workflow_id=data.get("workflowId"),
            parameters=self._each((*pointer, "parameters"), data, self._parameter),
            request_body=(
                None if body is None else self._request_body(body, (*pointer, "requestBody"))
            ),
            success_criteria=self._each((*pointer, "successCriteria"), data, self._criterion),
            on_success=self._each((*pointer, "onSuccess"), data, self._action),
            on_failure=self._each((*pointer, "onFailure"), data, self._action),
            outputs=self._outputs(data, pointer),
            timeout_ms=data.get("timeout"),
            depends_on=tuple(data.get("dependsOn", ())),
            extension=data.get(EXTENSION),
            place=share_place(pointer),
        )

    def _request_body(self, data: Any, pointer: Pointer) -> RequestBody:
        payload = None
        if "payload" in data:
            payload = self._template(data["payload"], (*pointer, "payload"))
        return RequestBody(
            content_type=data.get("contentType"),
            payload=payload,
            replacements=self._each(
                (*pointer, "replacements"),
                data,
                partial(self._replacement, content_type=data.get("contentType")),
            ),
            place=share_place(pointer, is_key=True),
        )

    def _replacement(
        self, data: Any, pointer: Pointer, *, content_type: str | None
    ) -> Replacement | None:
        value = self._template(data["value"], (*pointer, "value"))
        if value is None:
            return None
        return Replacement(
            target=data["target"],
            selector=self._replacement_query(data, pointer, content_type),
            value=value,
            place=share_place(pointer),
        )

    def _replacement_query(
        self, data: Any, pointer: Pointer, content_type: str | None
    ) -> Query | None:
        if "targetSelectorType" not in data:
            if content_type is not None:  # else the operation's tells what the target is
                media_type = content_type.partition(";")[0].strip().lower()
                kind = "xpath" if is_xml_type(media_type) else "jsonpointer"
                self._query(data["target"], kind, (*pointer, "target"))
            return None
        return self._query(data["target"], data["targetSelectorType"], (*pointer, "target"))

    def _parameter(self, data: Any, pointer: Pointer) -> Parameter | None:
        if "reference" in data:
            target = self._follow(data, pointer, "parameters")
            if target is None:
                return None
            found, at = target
            if "value" in data:
                return self._parameter({**found, "value": data["value"]}, pointer)
            return self._parameter(found, at)
        value = self._template(data["value"], (*pointer, "value"))
        if value is None:
            return None
        return Parameter(
            name=data["name"], location=data.get("in"), value=value, place=share_place(pointer)
        )

    def _action(self, data: Any, pointer: Pointer) -> Action | None:
        if "reference" in data:
            kind = "failureActions" if "ailure" in str(pointer[-2]) else "successActions"
            target = self._follow(data, pointer, kind)
            return None if target is None else self._action(*target)
        return Action(
            name=data["name"],
            type=data["type"],
            workflow_id=data.get("workflowId"),
            step_id=data.get("stepId"),
            retry_after=data.get("retryAfter"),
            retry_limit=data.get("retryLimit"),
            criteria=self._each((*pointer, "criteria"), data, self._criterion),
            parameters=self._each((*pointer, "parameters"), data, self._parameter),
            place=share_place(pointer),
        )

    def _criterion(self, data: Any, pointer: Pointer) -> Criterion | None:
        kind, version = read_type(data.get("type", "simple"))
        text: str = data["condition"]
        at = (*pointer, "condition")
        context = self._context(data, pointer, kind)
        parsed: Condition | None = None
        template: Template | None = None
        if kind == "simple":
            parsed = self._condition(text, at)
        else:
            template = self._condition_template(text, kind, version, at)
        return Criterion(
            condition=text,
            type=kind,  # type: ignore[arg-type]
            version=version or (default_version(kind) if kind in VERSIONS else ""),
            context=context,
            parsed=parsed,
            template=template,
            place=share_place(pointer),
        )

    def _shared_outputs(self, owner: Any, pointer: Pointer) -> tuple[Output, ...]:
        if "outputs" not in owner:
            return ()
        return self._share(
            owner["outputs"], (*pointer, "outputs"), lambda: self._outputs(owner, pointer)
        )

    def _outputs(self, owner: Any, pointer: Pointer) -> tuple[Output, ...]:
        outputs: list[Output] = []
        for name, value in owner.get("outputs", {}).items():
            at = (*pointer, "outputs", name)
            template = self._output_value(value, at)
            if template is not None:
                outputs.append(Output(name=name, value=template, place=share_place(at)))
        return tuple(outputs)

    def _output_value(self, value: Any, pointer: Pointer) -> Template | None:
        if isinstance(value, dict):
            return self._template(value, pointer)
        expression = self._expression(value, pointer)
        return None if expression is None else Reference(expression)

    def _follow(self, data: Any, pointer: Pointer, kind: str) -> tuple[Any, Pointer] | None:
        """The component that a Reusable Object refers to and its pointer; a problem if none."""
        self._followed += 1
        at = (*pointer, "reference")
        expression = self._expression(data["reference"], at)
        if expression is None:
            return None
        known = self._components.get(kind, {})
        if not isinstance(expression, ComponentRef) or expression.kind != kind:
            self._add(at, f"`{expression}` does not refer to `$components.{kind}`")
        elif expression.name not in known:
            self._add(
                at,
                f"`components` has no `{expression.name}` among its {kind}",
                expression.name,
                tuple(known),
            )
        else:
            return known[expression.name], ("components", kind, expression.name)
        return None
