"""What happens in a run, as values: calls, steps that ended, the result of a workflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.binding import Target
    from pytest_amberflo.arazzo.criteria import CriterionResult
    from pytest_amberflo.arazzo.errors import ArazzoError
    from pytest_amberflo.arazzo.model import Step, Workflow
    from pytest_amberflo.arazzo.plan import Plan
    from pytest_amberflo.arazzo.scope import SentRequest
    from pytest_amberflo.http.exchange import Exchange


class Outcome(Enum):
    """How a step or workflow ended."""

    PASSED = "passed"
    FAILED = "failed"
    #: It could not be carried out as the document says.
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A step about to send its request; `attempt` counts from 1."""

    workflow: Workflow
    step: Step
    target: Target
    plan: Plan
    attempt: int


class Refusal(Exception):  # noqa: N818  it is an answer to a call, not an error of anybody
    """The transport will not send a call; the run ends with the step failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Send(Protocol):
    """Carries a call out."""

    def __call__(self, call: Call) -> Exchange:
        """The exchange that the step's criteria and outputs are to see. Raises Refusal."""


class Route(Protocol):
    """Says where the operations of a source description are called."""

    def __call__(self, target: Target) -> str:
        """The base URL for a target. Raises Refusal where it must not be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One attempt of a step."""

    step: Step
    attempt: int
    outcome: Outcome
    target: Target | None = None
    sent: SentRequest | None = None
    exchange: Exchange | None = None
    criteria: tuple[CriterionResult, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    #: Why the step has no verdict of its own: a request that cannot be built, an output that is
    #: not there.
    error: ArazzoError | None = None
    #: Why the request was not sent.
    refusal: str | None = None
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowResult:
    """A run of a workflow."""

    workflow: Workflow
    outcome: Outcome
    inputs: Mapping[str, Any]
    steps: tuple[StepResult, ...]
    outputs: Mapping[str, Any]
    error: ArazzoError | None = None
    duration_s: float = 0.0

    @property
    def failed_step(self) -> StepResult | None:
        """The step that ended the run, or None where it passed or none did."""
        if self.outcome is Outcome.PASSED or not self.steps:
            return None
        last = self.steps[-1]
        return last if last.outcome is not Outcome.PASSED else None
