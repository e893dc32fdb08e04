"""Reads usage for one item: once, or until it is right and stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.metering.expect import Status
from pytest_amberflo.metering.settle import NOTHING_MORE
from pytest_amberflo.verdict import CheckOutcome
from pytest_amberflo.witness import rewrite_query

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.bound import Target
    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.http.exchange import Exchange, Request, Response
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import UsageDetail


class UsageReader:
    """Sends usage queries and has their answers judged."""

    def __init__(self, run: Run, courier: Courier, judge: UsageJudge) -> None:
        self._run = run
        self._courier = courier
        self._judge = judge
        #: The queries that were judged, each by its request and what it was held to.
        self.asked: dict[Request, Target] = {}

    def read(self, call: Call, *notes: str) -> Exchange:
        """One reading, held to its description and not judged. Raises NotJudgedError."""
        exchange = self._courier.send_patiently(call, *notes)
        self._courier.check_response(call, exchange)
        return exchange

    def settle(self, call: Call, query: UsageQuery, *, settle_s: float | None) -> Exchange:
        """The last of as many readings as it takes; the verdict on usage becomes a check.

        `settle_s` is the step's own wish, or None. Raises NotJudgedError.
        """
        if self._run.settings.level_of("usage") == "off":
            return self.read(call)
        self.asked[call.plan.sent.request] = call.target
        last: list[Exchange] = []

        def read() -> Response | None:
            first = len(self._courier.checks)
            exchange = self._courier.send_patiently(call, *(["poll"] if last else []))
            last[:] = [exchange]
            is_kept = self._courier.check_response(call, exchange)
            if is_kept and self._has_passed_before(call, first):
                del self._courier.checks[first:]  # a poll that says nothing new
            response = exchange.response
            is_usage = response is not None and response.status == 200
            return response if is_kept and is_usage else None

        pace = self._run.pace
        patience_s = pace.settle_s if settle_s is None else settle_s
        if call.timeout_s is not None:
            left = max(0.0, call.timeout_s - self._courier.elapsed_of(call))
            patience_s = min(patience_s, left)
        is_cut = pace.seconds_left < patience_s
        concluded = self._judge.settle(
            query,
            read,
            settle_s=min(patience_s, pace.seconds_left),
            hold_s=min(self._run.settings.hold_s, pace.seconds_left),
        )
        if not last:
            last.append(self.read(call))  # it could not be judged; the document still wants it
        if concluded is not None:
            self._add(call, concluded, last[0], is_cut=is_cut)
        elif _was_too_large(last[0]):
            self._ask_for_less(call, query, settle_s=settle_s)
        return last[0]

    def _add(
        self,
        call: Call,
        concluded: tuple[CheckOutcome, str, UsageDetail],
        exchange: Exchange,
        *,
        is_cut: bool,
    ) -> None:
        """Make what was concluded a check; `is_cut` tells that the deadline ended the waiting."""
        outcome, message, detail = concluded
        if is_cut and _is_too_little(detail):
            outcome = CheckOutcome.UNVERIFIED
            message = f"usage had not settled by the deadline: {message}"
        if outcome is CheckOutcome.FAILED and self._run.settings.level_of("usage") == "warn":
            outcome = CheckOutcome.WARNED
        self._courier.add(call, "usage", outcome, message, detail=detail, exchange=exchange)
        self._run.pace.note_settled(detail.settled)
        if detail.judgement is not None:
            self._run.note_week_starts(detail.judgement.week_starts)

    def _ask_for_less(self, call: Call, query: UsageQuery, *, settle_s: float | None) -> None:
        """Judge what the item has sent by a smaller answer; a large one is no loss of usage."""
        narrow = self._judge.narrow(query)
        if narrow != query:
            self.settle(rewrite_query(call, narrow), narrow, settle_s=settle_s)

    def _has_passed_before(self, call: Call, first: int) -> bool:
        return any(
            check.name == "response-schema" and check.call == call.number
            for check in self._courier.checks[:first]
        ) and all(check.outcome is CheckOutcome.PASSED for check in self._courier.checks[first:])


def _was_too_large(exchange: Exchange) -> bool:
    failure, response = exchange.failure, exchange.response
    if failure is not None:
        return failure.kind == "too-large"
    return response is not None and response.status == 413


def _is_too_little(detail: UsageDetail) -> bool:
    """Whether usage may yet have become right, had there been more time."""
    judgement, settled = detail.judgement, detail.settled
    if judgement is None or settled is None or settled.has_changed:
        return False
    return judgement.status is Status.WRONG and NOTHING_MORE in judgement.notes
