"""The order in which the steps of a workflow run.

As they stand, unless a step says `dependsOn`: then each runs as soon after its place as all that
it depends on, by `dependsOn` or by reading an output, has come before (Step Object, "Step
Dependencies and Execution Order").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.arazzo.errors import ArazzoError
from pytest_amberflo.arazzo.expression import StepRef
from pytest_amberflo.arazzo.uses import find_uses_in_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.model import Step, Workflow


class CyclicStepsError(ArazzoError):
    """Steps depend on one another in a circle; `step_ids` in its order."""

    def __init__(self, step_ids: tuple[str, ...]) -> None:
        super().__init__(step_ids)
        self.step_ids = step_ids

    def __str__(self) -> str:
        """The circle."""
        return f"steps depend on each other: {' -> '.join((*self.step_ids, self.step_ids[0]))}"


def has_dependencies(workflow: Workflow) -> bool:
    """Whether any step of a workflow says `dependsOn`."""
    return any(step.depends_on for step in workflow.steps)


def order_steps(workflow: Workflow) -> tuple[Step, ...]:
    """The steps in the order in which they run. Raises CyclicStepsError."""
    if not has_dependencies(workflow):
        return workflow.steps
    known = {step.step_id: step for step in workflow.steps}
    needed = {step.step_id: find_needed(workflow, step) & known.keys() for step in workflow.steps}
    ordered: list[Step] = []
    placed: set[str] = set()
    left = [step.step_id for step in workflow.steps]
    while left:
        ready = next((step_id for step_id in left if needed[step_id] <= placed), None)
        if ready is None:
            raise CyclicStepsError(_find_circle(left, needed))
        left.remove(ready)
        placed.add(ready)
        ordered.append(known[ready])
    return tuple(ordered)


def find_needed(workflow: Workflow, step: Step) -> frozenset[str]:
    """The stepIds of the workflow that a step depends on, declared and by reading outputs."""
    declared = {name for name in step.depends_on if not name.startswith("$")}
    read = {
        use.expression.step_id
        for use in find_uses_in_step(workflow, step)
        if isinstance(use.expression, StepRef)
    }
    return frozenset((declared | read) - {step.step_id})


def _find_circle(left: list[str], needed: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    seen: list[str] = []
    current = left[0]
    while current not in seen:
        seen.append(current)
        current = next(name for name in left if name in needed[current])
    return tuple(seen[seen.index(current) :])
