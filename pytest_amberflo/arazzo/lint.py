"""What is wrong with a document and can be told from its text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_amberflo.arazzo.errors import Problem
from pytest_amberflo.arazzo.excerpt import narrow_span
from pytest_amberflo.arazzo.order import CyclicStepsError, order_steps
from pytest_amberflo.arazzo.references import check_reference, reads_document
from pytest_amberflo.arazzo.uses import find_uses
from pytest_amberflo.arazzo.ways import find_ways, list_parts
from pytest_amberflo.arazzo.written import Derived

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from pytest_amberflo.arazzo.model import Action, Document, Parameter, Step, Workflow
    from pytest_amberflo.arazzo.source import Pointer
    from pytest_amberflo.arazzo.uses import Use


def check_document(document: Document) -> tuple[Problem, ...]:
    """Every problem that the document has without regard to the descriptions it refers to."""
    checker = _Checker(document)
    checker.check_names()
    checker.check_circles()
    for workflow in document.workflows:
        parts = list_parts(workflow)
        if _SOUND.find(*parts) is None:
            found = len(checker.problems)
            checker.check_workflow(workflow)
            is_closed = checker.check_uses(workflow)
            if found == len(checker.problems) and is_closed:
                _SOUND.keep(True, *parts)
    return tuple(dict.fromkeys(checker.problems))


#: Parts of workflows with which nothing is wrong, whatever else their document says.
_SOUND: Final[Derived[bool]] = Derived(256)


class _Checker:
    """Collects the problems of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._source = document.source
        self.problems: list[Problem] = []

    def check_names(self) -> None:
        """Names that must be unique in the document."""
        document = self._document
        sources = [(s.name, (*s.place.pointer, "name")) for s in document.source_descriptions]
        self._check_unique(sources, "source description")
        workflows = [(w.workflow_id, (*w.place.pointer, "workflowId")) for w in document.workflows]
        self._check_unique(workflows, "workflowId")
        if document.self_uri is not None and "#" in document.self_uri:
            self._add(("$self",), "`$self` must not have a fragment")

    def check_circles(self) -> None:
        """Workflows that depend on, or call, one another in a circle."""
        workflows = self._document.workflows
        depends = {w.workflow_id: w.depends_on for w in workflows if w.depends_on}
        calls: dict[str, tuple[str, ...]] = {}
        for workflow in workflows:
            called = [s.workflow_id for s in workflow.steps if s.workflow_id is not None]
            if called:
                calls[workflow.workflow_id] = tuple(called)
        for edges, verb, member in ((depends, "depend on", "dependsOn"), (calls, "call", "steps")):
            for circle in find_circles(edges):
                workflow = next(w for w in workflows if w.workflow_id == circle[0])
                shown = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
                message = f"workflows {verb} each other in a circle: {shown}"
                self._add((*workflow.place.pointer, member), message, key=True)

    def check_workflow(self, workflow: Workflow) -> None:
        """A workflow and its steps, but for the expressions in them."""
        steps = [(step.step_id, (*step.place.pointer, "stepId")) for step in workflow.steps]
        self._check_unique(steps, "stepId")
        self.problems.extend(self._document.inputs_of(workflow).find_problems())
        calls_operation = any(step.workflow_id is None for step in workflow.steps)
        self._check_parameters(workflow.parameters, needs_place=calls_operation)
        self._check_actions(workflow.success_actions, workflow)
        self._check_actions(workflow.failure_actions, workflow)
        for step in workflow.steps:
            self._check_step(step, workflow)
        self._check_order(workflow)

    def check_uses(self, workflow: Workflow) -> bool:
        """The expressions of a workflow; whether they all refer to what is in it."""
        document = self._document
        ways = find_ways(workflow)
        is_closed = document.inputs_of(workflow).is_whole
        for use in find_uses(workflow):
            is_closed = is_closed and not reads_document(use.expression)
            for message, name, candidates in check_reference(use, document, ways):
                self.report(use, message, name, candidates)
        return is_closed

    def _check_step(self, step: Step, workflow: Workflow) -> None:
        self._check_target(step)
        self._check_parameters(step.parameters, needs_place=step.workflow_id is None)
        self._check_query_string(step, workflow)
        self._check_actions(step.on_success, workflow)
        self._check_actions(step.on_failure, workflow)
        ids = [other.step_id for other in workflow.steps]
        for index, name in enumerate(step.depends_on):
            if not name.startswith("$") and name not in ids:
                at = (*step.place.pointer, "dependsOn", index)
                message = f"step `{step.step_id}` depends on `{name}`, but there is no such step"
                self._add(at, message, name, tuple(ids))
            elif name == step.step_id:
                at = (*step.place.pointer, "dependsOn", index)
                self._add(at, f"step `{step.step_id}` depends on itself")
        body = step.request_body
        if body is not None and body.replacements and body.payload is None:
            message = "there is no `payload` for the replacements"
            self._add((*body.place.pointer, "replacements"), message, key=True)
        if step.workflow_id is not None and step.request_body is not None:
            message = "a step that calls a workflow has no `requestBody`"
            self._add(step.request_body.place.pointer, message, key=True)

    def _check_order(self, workflow: Workflow) -> None:
        try:
            order_steps(workflow)
        except CyclicStepsError as error:
            step = workflow.find_step(error.step_ids[0])
            assert step is not None
            self._add((*step.place.pointer, "dependsOn"), str(error), key=True)

    def _check_parameters(
        self, parameters: Iterable[Parameter], *, needs_place: bool, forbids_place: bool = False
    ) -> None:
        listed = list(parameters)
        named = [((p.name, p.location or "input"), (*p.place.pointer, "name")) for p in listed]
        self._check_unique(named, "parameter")
        for parameter in listed:
            at = parameter.place.pointer
            if needs_place and parameter.location is None:
                places = "path, query, header or cookie"
                self._add(at, f"parameter `{parameter.name}` has no `in`: {places}")
            if forbids_place and parameter.location is not None:
                message = f"parameter `{parameter.name}` of an action goes to a workflow: no `in`"
                self._add((*at, "in"), message, key=True)

    def _check_query_string(self, step: Step, workflow: Workflow) -> None:
        """The whole query string and parameters of the query exclude each other (OpenAPI 3.2)."""
        parameters = (*step.parameters, *workflow.parameters)
        whole = [p for p in parameters if p.location == "querystring"]
        others = [p for p in parameters if p.location == "query"]
        if whole and (others or len({p.name for p in whole}) > 1) and step.workflow_id is None:
            message = f"step `{step.step_id}` has a querystring, and other query parameters"
            self._add((*whole[0].place.pointer, "in"), message)

    def _check_target(self, step: Step) -> None:
        data = self._source.value_at(step.place.pointer)
        names = ("operationId", "operationPath", "workflowId", "channelPath")
        given = [name for name in names if name in data]
        if not given:
            message = f"step `{step.step_id}` has no operationId, operationPath or workflowId"
            self._add(step.place.pointer, message)
        elif len(given) > 1:
            shown = " and ".join(f"`{name}`" for name in given)
            message = f"step `{step.step_id}` has {shown}; one of them is due"
            self._add((*step.place.pointer, given[1]), message, key=True)
        for name in ("channelPath", "correlationId", "action"):
            if name in data:
                message = f"`{name}`: AsyncAPI steps: not supported yet"
                self._add((*step.place.pointer, name), message, key=True)

    def _check_actions(self, actions: Iterable[Action], workflow: Workflow) -> None:
        listed = list(actions)
        self._check_unique([(a.name, (*a.place.pointer, "name")) for a in listed], "action")
        for action in listed:
            self._check_action(action, workflow)
            is_call = action.workflow_id is not None
            self._check_parameters(action.parameters, needs_place=False, forbids_place=True)
            if action.parameters and not is_call:
                at = (*action.place.pointer, "parameters")
                message = f"action `{action.name}` has parameters and no `workflowId`"
                self._add(at, message, key=True)

    def _check_action(self, action: Action, workflow: Workflow) -> None:
        at = action.place.pointer
        if action.step_id is not None and action.workflow_id is not None:
            message = f"action `{action.name}` has `stepId` and `workflowId`; one of them is due"
            self._add((*at, "workflowId"), message, key=True)
        if action.type == "goto" and action.step_id is None and action.workflow_id is None:
            self._add(at, f"action `{action.name}` goes to neither a step nor a workflow")
        ids = tuple(step.step_id for step in workflow.steps)
        if action.step_id is not None and action.step_id not in ids:
            message = f"workflow `{workflow.workflow_id}` has no step `{action.step_id}`"
            self._add((*at, "stepId"), message, action.step_id, ids)

    def _check_unique(self, named: Iterable[tuple[Hashable, Pointer]], kind: str) -> None:
        first: dict[Hashable, Pointer] = {}
        for name, pointer in named:
            if name in first:
                line = self._source.locate(first[name]).line
                shown = " in ".join(name) if isinstance(name, tuple) else str(name)
                self._add(pointer, f"{kind} `{shown}` stands twice; the first is in line {line}")
            first.setdefault(name, pointer)

    def report(
        self, use: Use, message: str, name: str | None, candidates: tuple[str, ...]
    ) -> None:
        """A problem of an expression, its own characters marked where that can be told."""
        span = self._source.locate(use.pointer)
        text = str(use.expression)
        scalar = self._source.value_at(use.pointer)
        offset = scalar.find(text) if isinstance(scalar, str) else -1
        if offset >= 0:
            span = narrow_span(span, self._source.text, scalar, offset, len(text))
        self.problems.append(Problem(span=span, message=message, name=name, candidates=candidates))

    def _add(
        self,
        pointer: Pointer,
        message: str,
        name: str | None = None,
        candidates: tuple[str, ...] = (),
        *,
        key: bool = False,
    ) -> None:
        span = self._source.locate(pointer, key=key)
        self.problems.append(Problem(span=span, message=message, name=name, candidates=candidates))


def find_circles(edges: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Every circle in a graph of names, each once, from its first name in the order of `edges`."""
    seen: set[frozenset[str]] = set()
    for start in edges:
        stack: list[tuple[str, ...]] = [(start,)]
        visited: set[str] = set()
        while stack:
            path = stack.pop()
            for name in edges.get(path[-1], ()):
                if name == start and frozenset(path) not in seen:
                    seen.add(frozenset(path))
                    yield path
                elif name not in path and name not in visited:
                    visited.add(name)
                    stack.append((*path, name))
