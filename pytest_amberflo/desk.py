"""Metering by hand, for tests in Python: send events, repeat them, wait until usage is right."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from pytest_amberflo.arazzo.events import Call, Refusal
from pytest_amberflo.check_text import describe_checks
from pytest_amberflo.courier import Courier
from pytest_amberflo.deferral import HOLDS_A_KEY, NO_LEDGER, Deferral
from pytest_amberflo.emitter.unheard import UNHEARD, describe_unknown_usage
from pytest_amberflo.exchange_text import clean
from pytest_amberflo.extension import StepExtension
from pytest_amberflo.ingestion import Ingestion
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.own_call import (
    OFFICIAL,
    PUBLISHED,
    bind_shipped,
    find_ingest,
    write_ingest,
)
from pytest_amberflo.pace import TooManyEventsError
from pytest_amberflo.patience import NotJudgedError, PatientClock
from pytest_amberflo.reader import UsageReader
from pytest_amberflo.variants import Variant
from pytest_amberflo.verdict import CheckOutcome, Tally, Verdict
from pytest_amberflo.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_amberflo.arazzo.bound import Target
    from pytest_amberflo.emitter.block import Block
    from pytest_amberflo.emitter.watch import Watch
    from pytest_amberflo.metering.deferral import Entry
    from pytest_amberflo.metering.emitter import Emission
    from pytest_amberflo.metering.ledger import Transmission
    from pytest_amberflo.run import Run


class Event(Struct, frozen=True, kw_only=True):
    """An event as it is sent; a field that is None, or without members, is left out."""

    meter: str
    customer: str
    value: float
    #: UTC, milliseconds since 1970.
    time_ms: int
    unique_id: str | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The event as the API takes it."""
        event: dict[str, Any] = {
            "meterApiName": self.meter,
            "customerId": self.customer,
            "meterValue": self.value,
            "meterTimeInMillis": self.time_ms,
        }
        if self.unique_id is not None:
            event["uniqueId"] = self.unique_id
        if self.dimensions:
            event["dimensions"] = dict(self.dimensions)
        return event


class MeteringFailure(AssertionError):  # noqa: N818  pytest shows the name of an assertion
    """Usage, or an answer, is not what it has to be; the text says what and why."""


class Metering:
    """What the fixture `metering` gives. Everything sent is in the ledger of the run."""

    def __init__(
        self,
        run: Run,
        *,
        api_key: str | None,
        meter: str,
        customer: str,
        value: float,
        time_ms: int,
        flush: Callable[[], None] = lambda: None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`flush` has a service under test send what it holds, `note` tells the reader."""
        self._flush = flush
        self._note = note
        self._run = run
        self._api_key = api_key
        self._defaults = Event(meter=meter, customer=customer, value=value, time_ms=time_ms)
        self._bound = bind_shipped(OFFICIAL if run.settings.target.is_live else PUBLISHED)
        workflow = self._bound.document.workflows[0]
        key = (self._bound.document.source.uri, workflow.workflow_id, "ingest")
        self._tally, self._clock = Tally(), PatientClock()
        self._courier = Courier(run, self._clock, self._tally, {key: StepExtension()})
        self._judge = UsageJudge(run.ledger, self._tally, self._clock, run.terms)
        reader = UsageReader(run, self._courier, self._judge)
        self._ingestion = Ingestion(run, self._courier, self._judge, self._clock, self._tally)
        self._witness = Witness(self._bound, self._courier, reader, self._judge, run.route)
        self._deferral = Deferral(
            run, None, self._judge, reader, self._witness, run.route, run.target_url
        )
        self._sent: list[Event] = []
        self._calls = 0
        self._blocks = 0

    def event(
        self,
        value: float | None = None,
        *,
        meter: str | None = None,
        customer: str | None = None,
        time_ms: int | None = None,
        unique_id: str | None = None,
        dimensions: Mapping[str, str] | None = None,
    ) -> Event:
        """An event; what is not given is that of the fixtures, the unique id a new one."""
        base = self._defaults
        return Event(
            meter=base.meter if meter is None else meter,
            customer=base.customer if customer is None else customer,
            value=base.value if value is None else value,
            time_ms=base.time_ms if time_ms is None else time_ms,
            unique_id=self._run.new_unique_id() if unique_id is None else unique_id,
            dimensions=dimensions or {},
        )

    def new_customer(self) -> str:
        """A customer that nobody has used before."""
        return self._run.new_customer()

    def ingest(self, *events: Event, as_array: bool = False) -> tuple[Event, ...]:
        """Send events, each in a request of its own or all `as_array`; one of its own if none.

        Raises MeteringFailure where an answer breaks its description.
        """
        chosen = events or (self.event(),)
        for body in _write_bodies(chosen, as_array=as_array):
            self._send(body)
        self._sent += chosen
        return chosen

    def replay(self, *events: Event, times: int = 1) -> None:
        """Send events again as they were, those of this test if none are named."""
        for _ in range(times):
            for body in _write_bodies(events or self._sent, as_array=False):
                self._send(body, "replay")

    def ingest_at_once(self, *events: Event) -> tuple[Event, ...]:
        """Send each event over several connections at the same moment."""
        chosen = events or (self.event(),)
        for body in _write_bodies(chosen, as_array=False):
            self._send(body, variant="concurrent")
        self._sent += chosen
        return chosen

    def eventually(self) -> None:
        """Wait until everything that was sent counts exactly once, and stays so for a while.

        SUM and COUNT of every meter and customer are read. Where only settled figures would tell,
        the rest is left to the run's ledger file. Raises MeteringFailure where usage is wrong,
        where a fault could not have been seen, or where such a file is wanted and not given.
        """
        first = len(self._courier.checks)
        self._witness.ask()
        self._raise_for(first)
        reasons: tuple[str, ...] = tuple(self._judge.not_in_ledger)
        if self.is_deferred:
            self._check_ledger()
        else:
            reasons += self._judge.find_unobserved()
        if reasons:
            raise MeteringFailure("unverified: " + "; ".join(reasons))

    def expect(
        self,
        *values: float,
        meter: str | None = None,
        customer: str | None = None,
        dimensions: Mapping[str, str] | None = None,
        match: Mapping[str, str] | None = None,
    ) -> Block:
        """A block (`with`) in which a service is called that must meter exactly this.

        One event for each value, all with the meter, customer, dimensions and `match` given;
        `add` of what the block gives adds others, also when the answer is there. Without any,
        nothing may be metered. At the end of the block what came to the embedded server is
        paired with it, one to one; then usage is read. Raises MeteringFailure.
        """
        from pytest_amberflo.emitter.block import Block  # noqa: PLC0415  for those who ask
        from pytest_amberflo.emitter.building import make_control, make_watch  # noqa: PLC0415

        is_heard = self._run.settings.target.kind == "embedded"
        own = frozenset({self._defaults.customer})

        def watch() -> Watch:
            control = make_control(self._run) if is_heard else None
            return make_watch(self._run, control, own)

        self._blocks += 1
        block = Block(
            watch,
            self._conclude,
            self._flush,
            (self._defaults.meter, self._defaults.customer),
            label="the block" if self._blocks == 1 else f"block {self._blocks}",
            is_live=self._judge.is_live,
        )
        for value in values:
            block.add(value, meter=meter, customer=customer, dimensions=dimensions, match=match)
        return block

    def _conclude(self, emission: Emission | None, heard: list[Transmission]) -> None:
        """Judge what came of a block, and then its usage."""
        __tracebackhide__ = True
        if emission is not None and not emission.is_right:
            from pytest_amberflo.emitter_text import describe_emission  # noqa: PLC0415

            text = "\n".join(describe_emission(emission))
            raise MeteringFailure(self._run.redactor.redact(clean(text)))
        # Of a customer that others may use nobody knows what usage has to be.
        own = [sent for sent in heard if self._run.is_own(sent.event.customer or "")]
        if emission is None:
            self._note(UNHEARD)
            known = [sent.event.customer for sent in heard if sent not in own]
            if known:
                raise MeteringFailure(f"unverified: {describe_unknown_usage(known[0] or '')}")
        self._judge.enter_heard(own)
        if not self._witness.has_subject:
            self._witness.remember(self._make_call(b"[]"))
        if own:
            self.eventually()

    @property
    def is_settled(self) -> bool:
        """Whether everything that was sent has been seen, or is left to be judged later."""
        return self.is_deferred or not self._judge.find_unobserved()

    @property
    def is_deferred(self) -> bool:
        """Whether only settled figures tell what became of what was sent."""
        outcomes = {check.outcome for check in self._courier.checks}
        return CheckOutcome.DEFERRED in outcomes or self._deferral.is_due

    def make_entry(self, *, is_red: bool) -> Entry | None:
        """What a ledger file keeps of the test; None without one, or if nothing was sent."""
        verdict = Verdict.DEFERRED if self.is_deferred else Verdict.PASSED
        entry = self._deferral.make_entry(Verdict.FAILED if is_red else verdict)
        return None if entry is None or self._deferral.holds_secret(entry) else entry

    def _check_ledger(self) -> None:
        if self._run.settings.ledger is None:
            raise MeteringFailure(NO_LEDGER)
        if self._judge.sent and self.make_entry(is_red=False) is None:
            raise MeteringFailure(HOLDS_A_KEY)

    def _send(self, body: bytes, reason: str = "", variant: str = "once") -> None:
        call = self._make_call(body)
        first = len(self._courier.checks)
        try:
            self._courier.admit(call)
            if reason:
                self._ingestion.send(call, reason)
            else:
                self._ingest(call, variant)
        except (Refusal, NotJudgedError, TooManyEventsError) as error:
            self._raise_for(first)
            raise MeteringFailure(self._run.redactor.redact(str(error))) from None
        self._raise_for(first)

    def _ingest(self, call: Call, variant: str) -> None:
        Variant(
            variant,
            self._run,
            self._courier,
            self._ingestion,
            self._judge,
            self._witness,
            self._clock,
        ).ingest(call)

    @cached_property
    def _target(self) -> Target:
        return find_ingest(self._bound)

    def _make_call(self, body: bytes) -> Call:
        self._calls += 1
        document = self._bound.document
        workflow = document.workflows[0]
        target = self._target
        return Call(
            number=self._calls,
            document=document,
            workflow=workflow,
            step=workflow.steps[0],
            target=target,
            plan=write_ingest(target, self._run.route, self._api_key, body),
            attempt=1,
            timeout_s=None,
            is_handled=lambda _: False,
        )

    def _raise_for(self, first: int) -> None:
        """Raise for the checks since `first` that did not hold."""
        good = (CheckOutcome.PASSED, CheckOutcome.WARNED, CheckOutcome.DEFERRED)
        bad = [check for check in self._courier.checks[first:] if check.outcome not in good]
        if bad:
            text = "\n".join(describe_checks(bad, self._run.redactor))
            raise MeteringFailure(self._run.redactor.redact(text))


def _write_bodies(events: Sequence[Event], *, as_array: bool) -> list[bytes]:
    records = [event.to_json() for event in events]
    bodies: list[Any] = [records] if as_array else list(records)
    return [json.dumps(body, separators=(",", ":")).encode() for body in bodies]
