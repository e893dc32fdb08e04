"""What happens in a run, as values: calls, steps that ended, the result of a workflow."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_amberflo.arazzo.bound import Target
    from pytest_amberflo.arazzo.criteria import CriterionResult
    from pytest_amberflo.arazzo.errors import ArazzoError
    from pytest_amberflo.arazzo.model import Document, Step, Workflow
    from pytest_amberflo.arazzo.plan import Plan
    from pytest_amberflo.arazzo.scope import Scope, SentRequest
    from pytest_amberflo.http.exchange import Exchange


class Outcome(Enum):
    """How a step or workflow ended."""

    PASSED = "passed"
    FAILED = "failed"
    #: It could not be carried out as the document says.
    ERROR = "error"


class Clock(Protocol):
    """Time that only moves forward, in seconds."""

    def now(self) -> float:
        """The present moment."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Call(Struct, frozen=True, kw_only=True):
    """A step about to send its request.

    `number` counts the calls of a run from 1, `attempt` those of a step in a row.
    """

    number: int
    document: Document
    workflow: Workflow
    step: Step
    target: Target
    plan: Plan
    attempt: int
    #: What is left of the time that the step may take, in seconds, or None.
    timeout_s: float | None
    #: Whether a failure action of the document would deal with an exchange.
    is_handled: Callable[[Exchange], bool]
    #: What expressions of the step see after an exchange, its own outputs included, and whether
    #: it succeeded; None where no step of a document is behind the call.
    after: Callable[[Exchange], tuple[Scope, bool]] | None = None


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


class ActionTaken(Struct, frozen=True, kw_only=True):
    """An action that was taken after a step, and where it led."""

    name: str
    type: Literal["end", "goto", "retry"]
    #: The step that it led to, or `workflow` and the reference of one, or None.
    target: str | None
    #: Seconds that were waited before.
    waited_s: float = 0.0


class StepResult(Struct, frozen=True, kw_only=True):
    """One attempt of a step."""

    document: Document
    step: Step
    attempt: int
    outcome: Outcome
    #: The number of its call, or None where there was none.
    call: int | None = None
    target: Target | None = None
    sent: SentRequest | None = None
    exchange: Exchange | None = None
    criteria: tuple[CriterionResult, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    #: In a rehearsal, the expressions whose values only a response will tell.
    unknown: tuple[str, ...] = ()
    #: The workflow that the step called.
    called: WorkflowResult | None = None
    #: What was done next, where an action said so.
    action: ActionTaken | None = None
    #: Criteria of actions that could not be evaluated.
    action_errors: tuple[str, ...] = ()
    #: Why the step has no verdict of its own: a request that cannot be built, an output that is
    #: not there.
    error: ArazzoError | None = None
    #: Why the request was not sent.
    refusal: str | None = None
    duration_s: float = 0.0


class WorkflowResult(Struct, frozen=True, kw_only=True):
    """A run of a workflow."""

    document: Document
    workflow: Workflow
    outcome: Outcome
    inputs: Mapping[str, Any]
    steps: tuple[StepResult, ...]
    outputs: Mapping[str, Any]
    #: The runs of the workflows that it depends on, and of one that it went to in the end.
    others: tuple[WorkflowResult, ...] = ()
    #: In a rehearsal, the workflows that actions may lead to.
    later: tuple[WorkflowResult, ...] = ()
    error: ArazzoError | None = None
    duration_s: float = 0.0

    def each_step(self) -> Iterator[StepResult]:
        """Every step of the run in the order of time, called workflows included."""
        before = [other for other in self.others if other is not self.went_to]
        for other in before:
            yield from other.each_step()
        for step in self.steps:
            if step.called is not None:
                yield from step.called.each_step()
            yield step
        for other in self.later if self.went_to is None else (self.went_to,):
            yield from other.each_step()

    @property
    def went_to(self) -> WorkflowResult | None:
        """The workflow that a `goto` handed the run over to, or None."""
        last = self.steps[-1] if self.steps else None
        is_transfer = last is not None and last.action is not None and last.action.type == "goto"
        if not is_transfer or not self.others or last is None or last.action is None:
            return None
        other = self.others[-1]
        kind, _, reference = (last.action.target or "").partition(" ")
        name = other.workflow.workflow_id
        is_meant = reference == name or reference.endswith(f".{name}")
        return other if kind == "workflow" and is_meant else None
