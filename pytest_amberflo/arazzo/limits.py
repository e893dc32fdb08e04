"""What a run may take, and what ends it when it takes more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.arazzo.errors import ArazzoError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Limits(Struct, frozen=True, kw_only=True):
    """What a run may take before it is ended."""

    #: Attempts of steps, those of called workflows included.
    steps: int = 500
    #: Workflows within workflows.
    depth: int = 20
    #: Seconds of the run's clock, waits included.
    duration_s: float = 24 * 3600.0
    #: Seconds before one retry, where the document does not say more itself.
    wait_s: float = 600


class LimitError(ArazzoError):
    """A run took or asked for more than it may; `trail` is where it was going round."""

    def __init__(self, what: str, trail: Sequence[str]) -> None:
        super().__init__(what, tuple(trail))
        self.what = what
        self.trail = tuple(trail)

    def __str__(self) -> str:
        """What was exceeded, and the round that the run was going."""
        return f"{self.what}; it was going {' -> '.join(self.trail)}"


class OutOfTimeError(ArazzoError):
    """A workflow was not done within the `timeout` of a step that called it."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(workflow_id)
        self.workflow_id = workflow_id

    def __str__(self) -> str:
        """The workflow that was given up."""
        return f"workflow `{self.workflow_id}` was not done within the timeout of its step"


def find_round(trail: Sequence[str]) -> tuple[str, ...]:
    """The shortest round that a trail ends with, `a -> b -> a`, or else its last steps."""
    last = trail[-1]
    for length in range(1, min(50, len(trail) // 2) + 1):
        if list(trail[-length:]) == list(trail[-2 * length : -length]):
            return (last, *trail[-length:])
    return tuple(trail[-5:])
