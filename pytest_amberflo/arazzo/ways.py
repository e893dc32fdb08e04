"""The ways of a workflow: which step the flow can come to from which, by order and by actions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.arazzo.errors import Problem
from pytest_amberflo.arazzo.flow import list_actions
from pytest_amberflo.arazzo.order import CyclicStepsError, order_steps
from pytest_amberflo.arazzo.written import Derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_amberflo.arazzo.model import Document, Step, Workflow


def list_parts(workflow: Workflow) -> tuple[Any, ...]:
    """The parts of a workflow that tell what it does, whatever it is called."""
    return (
        workflow.inputs,
        workflow.parameters,
        workflow.steps,
        workflow.success_actions,
        workflow.failure_actions,
        workflow.outputs,
    )


def find_ways(workflow: Workflow) -> Ways | None:
    """The ways of a workflow; None where its steps wait for one another, which lint refuses."""
    parts = workflow.steps, workflow.success_actions, workflow.failure_actions
    ways = _KNOWN.find(*parts)
    if ways is None:
        try:
            ways = Ways(workflow)
        except CyclicStepsError:
            return None
        _KNOWN.keep(ways, *parts)
    return ways


class Ways:
    """Which steps of a workflow can come after which, whatever the criteria of actions say.

    Raises CyclicStepsError where the steps have no order.
    """

    def __init__(self, workflow: Workflow) -> None:
        order = order_steps(workflow)
        first = order[0].step_id
        self._after: dict[str, set[str]] = {step.step_id: set() for step in order}
        following = {one.step_id: other.step_id for one, other in pairwise(order)}
        for step in order:
            for origin, target in _each_way(workflow, step, following):
                self._after[origin].add(target)
        #: Every step that can run at all.
        self.reached = frozenset(self._reach([first]))

    def can_follow(self, step_id: str, earlier: str) -> bool:
        """Whether a step can run some time after another one has."""
        return step_id in self._reach(self._after[earlier])

    def _reach(self, starts: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        left = list(starts)
        while left:
            step_id = left.pop()
            if step_id not in reached:
                reached.add(step_id)
                left.extend(self._after[step_id])
        return reached


#: The ways of workflows by their steps and actions.
_KNOWN: Final[Derived[Ways]] = Derived(256)


def find_unreached(document: Document, workflow: Workflow) -> tuple[Problem, ...]:
    """A warning for each step of a workflow that no flow can come to."""
    ways = find_ways(workflow)
    assert ways is not None  # lint has let it pass
    return tuple(
        Problem(
            span=document.source.locate((*step.place.pointer, "stepId")),
            message=f"step `{step.step_id}` is never reached: each step that could lead to it "
            "always ends the workflow or goes elsewhere",
        )
        for step in workflow.steps
        if step.step_id not in ways.reached
    )


def _each_way(
    workflow: Workflow, step: Step, following: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The pairs of steps that can come one after the other because of a step."""
    here, known = step.step_id, {other.step_id for other in workflow.steps}
    actions = list_actions(workflow, step, succeeded=True)
    taken = next((n for n, a in enumerate(actions, 1) if not a.criteria), None)
    if taken is None and here in following:
        yield here, following[here]
    for action in (*actions[:taken], *list_actions(workflow, step, succeeded=False)):
        if action.step_id in known:
            assert action.step_id is not None
            yield here, action.step_id
            if action.type == "retry":
                yield action.step_id, here
