"""Sends events for one item: every transmission is in the ledger, a lost answer is made good."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING

from pytest_amberflo.metering.event import UnreadableEventError, read_events
from pytest_amberflo.patience import MOST_RESENDS, PatientClock, is_lost

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Tally

#: Why a request was sent again that the document sends once.
NO_ANSWER = "no answer"
THROTTLED = "throttled"


class Ingestion:
    """Sends ingest requests, the document's and a variant's."""

    def __init__(
        self, run: Run, courier: Courier, judge: UsageJudge, clock: PatientClock, tally: Tally
    ) -> None:
        self._run = run
        self._courier = courier
        self._judge = judge
        self._clock = clock
        self._tally = tally

    def send(self, call: Call, reason: str = "") -> Exchange:
        """Send events; an attempt without an answer is repeated byte for byte.

        `reason` says why they are sent if not for the first time. Raises NotJudgedError.
        """
        started = self._clock.now()
        self.count(call)
        for resend in range(MOST_RESENDS + 1):
            exchange = self._courier.send_patiently(
                call,
                *([reason] if reason else []),
                on_throttled=lambda exchange: self._judge.enter(exchange, THROTTLED),
            )
            # The ledger keeps it: one text for the same step of all documents.
            operation = "" if reason else intern(f"step {call.step.step_id}")
            self._judge.enter(exchange, reason, operation)
            if not is_lost(exchange) or resend == MOST_RESENDS or call.is_handled(exchange):
                break
            if resend and self._clock.now() - started > self._run.settings.timeout_s:
                break
            self._tally.lost_answers += 1
            what = exchange.failure.message if exchange.failure else "a 5xx answer"
            self._courier.note_level(call, "lost-answer", f"sent again: {what}", exchange)
            reason = NO_ANSWER
        self._courier.check_response(call, exchange)
        return exchange

    def count(self, call: Call) -> None:
        """Count the events of a request before it is sent. Raises TooManyEventsError."""
        try:
            number = len(read_events(call.plan.sent.request.body or b""))
        except UnreadableEventError:
            number = 1
        self._run.pace.admit_events(number)
