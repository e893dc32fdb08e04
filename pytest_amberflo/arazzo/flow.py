"""Which action follows a step: those of the step, then those of its workflow, in order.

An action of a step takes the place of the workflow's action of the same name; the others of the
workflow remain, behind it. A retry whose limit is spent is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from pytest_amberflo.arazzo.criteria import judge_criteria

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.arazzo.model import Action, Step, Workflow
    from pytest_amberflo.arazzo.scope import Scope

#: "If not specified then a single retry SHALL be attempted."
_DEFAULT_RETRIES = 1


class Retries(Struct):
    """How often each retry action of a step was taken since the flow came to the step."""

    _taken: dict[int, int] = field(default_factory=dict)

    def is_spent(self, action: Action) -> bool:
        """Whether the limit of a retry action is reached."""
        limit = _DEFAULT_RETRIES if action.retry_limit is None else action.retry_limit
        return self._taken.get(id(action), 0) >= limit

    def take(self, action: Action) -> None:
        """Count one more."""
        self._taken[id(action)] = self._taken.get(id(action), 0) + 1


class Choice(Struct, frozen=True, kw_only=True):
    """The action that follows, or None, and conditions that could not be evaluated."""

    action: Action | None
    errors: tuple[str, ...] = ()


#: No action follows.
NO_CHOICE: Final = Choice(action=None)


def list_actions(workflow: Workflow, step: Step, *, succeeded: bool) -> tuple[Action, ...]:
    """The actions that may follow a step, in order."""
    own = step.on_success if succeeded else step.on_failure
    shared = workflow.success_actions if succeeded else workflow.failure_actions
    if not shared:
        return own
    names = {action.name for action in own}
    return (*own, *(action for action in shared if action.name not in names))


def choose_action(actions: Sequence[Action], scope: Scope, retries: Retries) -> Choice:
    """The first action whose criteria all hold and whose limit is not spent."""
    if not actions:
        return NO_CHOICE
    errors: list[str] = []
    for action in actions:
        if action.type == "retry" and retries.is_spent(action):
            continue
        results = judge_criteria(action.criteria, scope)
        errors += [
            f"action {action.name}: {result.error}"
            for result in results
            if result.error is not None
        ]
        if all(result.passed for result in results):
            return Choice(action=action, errors=tuple(errors))
    return Choice(action=None, errors=tuple(errors))
