"""What became of an item: its checks, what was metered, and the verdict."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.events import StepResult, WorkflowResult
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.metering.deferral import Entry
    from pytest_amberflo.metering.emitter import Emission
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.settle import Settled
    from pytest_amberflo.openapi.violation import Violation


class Verdict(Enum):
    """The end of an item."""

    PASSED = "passed"
    FAILED = "failed"
    #: Nothing wrong was seen, and nothing could have been: not a pass.
    UNVERIFIED = "unverified"
    #: Fresh figures of the real service cannot tell; a ledger says what must come of it.
    DEFERRED = "deferred"
    ERROR = "error"


class CheckOutcome(Enum):
    """The end of one check."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    UNVERIFIED = "unverified"
    DEFERRED = "deferred"
    ERROR = "error"


class ContractDetail(Struct, frozen=True, kw_only=True):
    """The violations of one message."""

    side: str
    operation: str
    violations: tuple[Violation, ...]


class UsageDetail(Struct, frozen=True, kw_only=True):
    """Usage that was read and judged, or why it could not be."""

    judgement: Judgement | None
    settled: Settled | None
    #: Likely causes, one sentence each.
    causes: tuple[str, ...] = ()
    #: From the end of the last ingest to the first right reading, in seconds.
    visible_after_s: float | None = None


class EmissionDetail(Struct, frozen=True, kw_only=True):
    """What calls to one's own service were to meter, and what came."""

    emission: Emission


Detail: TypeAlias = ContractDetail | UsageDetail | EmissionDetail | None


class Check(Struct, frozen=True, kw_only=True):
    """One check of a step; `message` is one line, `detail` what a report can show beside it."""

    name: str
    outcome: CheckOutcome
    #: The number of the call that it belongs to.
    call: int
    step_id: str
    attempt: int
    message: str = ""
    detail: Detail = None
    exchange: Exchange | None = None


class Tally(Struct):
    """Counts of one item; grows while it runs. Times in seconds."""

    events: int = 0
    #: Transmissions beyond the first of each record.
    copies: int = 0
    lost_answers: int = 0
    throttled: int = 0
    polls: int = 0
    judged: int = 0
    visible_after_s: list[float] = field(default_factory=list)


class ItemResult(Struct, frozen=True, kw_only=True):
    """Everything that a report of an item needs."""

    verdict: Verdict
    workflow: WorkflowResult
    checks: tuple[Check, ...]
    tally: Tally
    #: Why nothing could be concluded, for UNVERIFIED and ERROR.
    reasons: tuple[str, ...]
    input_origins: Mapping[str, str]
    #: Where the API key is from, for a service that refuses it.
    key_origin: str
    target: str
    duration_s: float
    #: What is kept of the item to be judged later.
    entry: Entry | None = None
    #: What calls to one's own service were to meter, and what came of it; None without such.
    emission: Emission | None = None

    @property
    def failed_checks(self) -> tuple[Check, ...]:
        """The checks that decide against the item."""
        bad = (CheckOutcome.FAILED, CheckOutcome.ERROR)
        return tuple(check for check in self.checks if check.outcome in bad)

    def checks_of(self, step: StepResult) -> tuple[Check, ...]:
        """The checks of an attempt of a step."""
        return tuple(check for check in self.checks if check.call == step.call)
