"""Sends the calls of one item, each by the part that its operation plays in metering."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.metering.query import UnreadableQueryError, read_query
from pytest_amberflo.pace import TooManyEventsError
from pytest_amberflo.patience import NotJudgedError, PatientClock
from pytest_amberflo.recognition import recognize
from pytest_amberflo.verdict import CheckOutcome

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.emitter.trial import Trial
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.prior import PriorUsage
    from pytest_amberflo.reader import UsageReader
    from pytest_amberflo.run import Run
    from pytest_amberflo.variants import Variant


class Sender:
    """The transport of one item's engine."""

    def __init__(
        self,
        run: Run,
        clock: PatientClock,
        courier: Courier,
        variant: Variant,
        reader: UsageReader,
        judge: UsageJudge,
        prior: PriorUsage,
        trial: Trial | None = None,
    ) -> None:
        self._run = run
        self._clock = clock
        self._prior = prior
        self._trial = trial
        self._courier = courier
        self._variant = variant
        self._reader = reader
        self._judge = judge

    def __call__(self, call: Call) -> Exchange:
        """The exchange that the step's criteria and outputs are to see. Raises Refusal."""
        self._courier.admit(call)
        recognized = recognize(call.target, self._courier.extension_of(call).role)
        if recognized == "suspect":
            label = call.target.operation.label
            self._judge.not_in_ledger.append(
                f"`{label}` looks like an ingest or usage query and is not understood; "
                "`x-amberflo: {role: ingest}` or `{role: usage}` on the step says what it is"
            )
        try:
            if recognized == "ingest":
                self._variant.check(call)
                self._prior.take(call)
                return self._variant.ingest(call)
            if recognized == "usage":
                return self._query(call)
        except NotJudgedError as error:
            self._courier.add(call, "throttle", CheckOutcome.ERROR, str(error))
            raise Refusal(str(error)) from None
        except TooManyEventsError as error:
            self._courier.add(call, "max-events", CheckOutcome.ERROR, str(error))
            raise Refusal(str(error)) from None
        if self._trial is not None:
            return self._trial.send(call, lambda: self._send(call))
        return self._send(call)

    def _send(self, call: Call) -> Exchange:
        exchange = self._courier.send(call)
        self._courier.check_response(call, exchange)
        return exchange

    def _query(self, call: Call) -> Exchange:
        """Query usage; after an ingest, until it is right and stays so, or is wrong."""
        extension = self._courier.extension_of(call)
        if self._trial is not None and extension.judges_usage:
            self._trial.settle()
        is_judged = extension.judges_usage and self._judge.has_ingested
        try:
            query = read_query(call.plan.sent.request.body or b"")
        except UnreadableQueryError as error:
            if is_judged or extension.usage:
                self._judge.not_in_ledger.append(f"a usage query is not understood: {error}")
            return self._reader.read(call)
        if is_judged:
            exchange = self._reader.settle(call, query, settle_s=extension.settle_s)
        else:
            exchange = self._reader.read(call)
        if not extension.usage or self._run.settings.level_of("usage") == "off":
            return exchange
        from pytest_amberflo.usage_expectation import ExpectationJudge  # noqa: PLC0415  rare

        judge = ExpectationJudge(self._run, self._courier, self._reader, self._judge, self._clock)
        return judge.settle(call, query, exchange)
