"""Carries the calls of one item out: checked, sent, entered in the ledger, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.metering.query import UnreadableQueryError, read_query
from pytest_amberflo.patience import (
    MOST_RESENDS,
    NotJudgedError,
    PatientClock,
    is_lost,
    read_throttle,
)
from pytest_amberflo.recognition import recognize
from pytest_amberflo.verdict import Check, CheckOutcome, ContractDetail, Detail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.execution import StepKey
    from pytest_amberflo.extension import StepExtension
    from pytest_amberflo.http.exchange import Exchange, Request, Response
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.openapi.violation import Violation
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Tally


class Sender:
    """Sends for one item; what it finds is in `checks`, in the order it was found."""

    def __init__(
        self,
        run: Run,
        judge: UsageJudge,
        clock: PatientClock,
        tally: Tally,
        extensions: Mapping[StepKey, StepExtension],
    ) -> None:
        self._run = run
        self._judge = judge
        self._clock = clock
        self._tally = tally
        self._extensions = extensions
        self._started = (0, 0.0)
        self.checks: list[Check] = []

    def __call__(self, call: Call) -> Exchange:
        """The exchange that the step's criteria and outputs are to see. Raises Refusal."""
        self._register_secrets(call)
        self._guard_key(call.plan.sent.request)
        self._check_request(call)
        recognized = recognize(call.target, self._extension(call).role)
        if recognized == "suspect":
            label = call.target.operation.label
            self._judge.not_in_ledger.append(
                f"`{label}` looks like an ingest or usage query and is not understood; "
                "`x-amberflo: {role: ingest}` or `{role: usage}` on the step says what it is"
            )
        try:
            if recognized == "ingest":
                return self._ingest(call)
            if recognized == "usage":
                return self._query(call)
        except NotJudgedError as error:
            self._add(call, "throttle", CheckOutcome.ERROR, str(error))
            raise Refusal(str(error)) from None
        exchange = self._exchange(call)
        self._check_response(call, exchange)
        return exchange

    def _extension(self, call: Call) -> StepExtension:
        key = (call.document.source.uri, call.workflow.workflow_id, call.step.step_id)
        return self._extensions[key]

    def _register_secrets(self, call: Call) -> None:
        """Mask the values of the description's security schemes from now on."""
        for place, name in self._run.secret_places(call.target.description):
            request = call.plan.sent.request
            if place == "header":
                for key, value in request.headers:
                    if key.lower() == name.lower():
                        self._run.redactor.register(value)
                        self._run.redactor.register(value.rpartition(" ")[2])
            elif place == "query":
                self._run.redactor.register(call.plan.sent.query.get(name))

    def _guard_key(self, request: Request) -> None:
        """AMBERFLO_API_KEY goes to the target, and to servers that were given for a source."""
        host = urlsplit(request.url).hostname or ""
        if is_loopback(host) or host in self._run.trusted_hosts:
            return
        body = (request.body or b"").decode("utf-8", "replace")
        texts = [request.url, *(value for _, value in request.headers), body]
        if any(map(self._run.holds_key, texts)):
            raise Refusal(f"AMBERFLO_API_KEY would be sent to {host}; only the target may get it")

    def _check_request(self, call: Call) -> None:
        level = self._run.settings.level_of("request")
        if level == "off" or not self._extension(call).validates_request:
            return
        contract = self._run.contract_of(call.target.description)
        violations = contract.check_request(
            call.target.operation, call.plan.sent.request, call.plan.path_texts
        )
        if not violations:
            self._add(call, "request", CheckOutcome.PASSED)
            return
        self._add_violations(call, "request", "request", violations, None)
        if level == "error":
            raise Refusal("the request breaks its description and was not sent")

    def _check_response(self, call: Call, exchange: Exchange) -> bool:
        """Whether the response keeps its contract; every violation becomes a check."""
        response = exchange.response
        if response is None:
            message = exchange.failure.message if exchange.failure is not None else "no answer"
            # Actions of the document see what the transport did; one that leads on settles it.
            is_handled = call.is_handled(exchange)
            outcome = CheckOutcome.WARNED if is_handled else CheckOutcome.FAILED
            self._add(call, "transport", outcome, message, exchange=exchange)
            return False
        if not self._extension(call).validates_response:
            return True
        contract = self._run.contract_of(call.target.description)
        found = contract.check_response(call.target.operation, exchange.request, response)
        is_kept = True
        for name in ("status", "content-type", "response-schema"):
            violations = tuple(violation for violation in found if violation.check == name)
            level = self._run.settings.level_of(name)
            if violations and level != "off":
                self._add_violations(call, name, "response", violations, exchange)
                is_kept = is_kept and level != "error"
            elif not violations:
                self._add(call, name, CheckOutcome.PASSED)
        return is_kept

    def _add_violations(
        self,
        call: Call,
        name: str,
        side: str,
        violations: tuple[Violation, ...],
        exchange: Exchange | None,
    ) -> None:
        is_error = self._run.settings.level_of(name) == "error"
        count = len(violations)
        operation = call.target.operation.label
        noun = "violation" if count == 1 else "violations"
        self._add(
            call,
            name,
            CheckOutcome.FAILED if is_error else CheckOutcome.WARNED,
            f"{side} of {operation} breaks its description ({count} {noun})",
            detail=ContractDetail(side=side, operation=operation, violations=violations),
            exchange=exchange,
        )

    def _exchange(self, call: Call, *notes: str) -> Exchange:
        timeout_s = self._run.settings.timeout_s
        if call.timeout_s is not None:
            timeout_s = min(timeout_s, max(0.001, call.timeout_s - self._elapsed(call)))
        return self._run.client.send(call.plan.sent.request, timeout_s=timeout_s, notes=notes)

    def _elapsed(self, call: Call) -> float:
        """How long a call has been under way, in seconds; a step's timeout counts all of it."""
        if self._started[0] != call.number:
            self._started = (call.number, self._clock.monotonic())
        return self._clock.monotonic() - self._started[1]

    def _send_patiently(self, call: Call, *notes: str) -> Exchange:
        """Send to the metering service, waiting as long as it throttles and the budget lasts."""
        turn = 0
        while True:
            exchange = self._exchange(call, *notes)
            wait = read_throttle(exchange, turn)
            if wait is None or call.is_handled(exchange):
                return exchange
            turn += 1
            self._tally.throttled += 1
            self._note_level(call, "throttle", f"throttled for {wait:g} s", exchange)
            if self._is_ingest(call):
                self._judge.enter(exchange, "throttled")
            self._clock.wait_throttled(wait)

    def _is_ingest(self, call: Call) -> bool:
        return recognize(call.target, self._extension(call).role) == "ingest"

    def _ingest(self, call: Call) -> Exchange:
        """Send events; an attempt without an answer is repeated byte for byte."""
        started = self._clock.now()
        reason = ""
        for resend in range(MOST_RESENDS + 1):
            exchange = self._send_patiently(call, *([reason] if reason else []))
            self._judge.enter(exchange, reason)
            if not is_lost(exchange) or resend == MOST_RESENDS or call.is_handled(exchange):
                break
            if resend and self._clock.now() - started > self._run.settings.timeout_s:
                break
            self._tally.lost_answers += 1
            what = exchange.failure.message if exchange.failure else "a 5xx answer"
            self._note_level(call, "lost-answer", f"sent again: {what}", exchange)
            reason = "no answer"
        self._check_response(call, exchange)
        return exchange

    def _query(self, call: Call) -> Exchange:
        """Query usage; after an ingest, until it is right and stays so, or is wrong."""
        extension = self._extension(call)
        level = self._run.settings.level_of("usage")
        is_judged = extension.judges_usage and level != "off" and self._judge.has_ingested
        try:
            query = read_query(call.plan.sent.request.body or b"")
        except UnreadableQueryError as error:
            if is_judged:
                self._judge.not_in_ledger.append(f"a usage query is not understood: {error}")
            is_judged = False
        last: list[Exchange] = []

        def read() -> Response | None:
            exchange = self._send_patiently(call, *(["poll"] if last else []))
            last[:] = [exchange]
            first = len(self.checks)
            is_kept = self._check_response(call, exchange)
            if is_kept and self._has_passed_before(call, first):
                del self.checks[first:]  # a poll that says nothing new
            response = exchange.response
            is_usage = response is not None and response.status == 200
            return response if is_kept and is_usage else None

        if not is_judged:
            read()
            return last[0]
        settings = self._run.settings
        settle_s = settings.settle_s if extension.settle_s is None else extension.settle_s
        if call.timeout_s is not None:
            settle_s = min(settle_s, max(0.0, call.timeout_s - self._elapsed(call)))
        concluded = self._judge.settle(query, read, settle_s=settle_s, hold_s=settings.hold_s)
        if concluded is not None:
            outcome, message, detail = concluded
            if outcome is CheckOutcome.FAILED and level == "warn":
                outcome = CheckOutcome.WARNED
            self._add(call, "usage", outcome, message, detail=detail, exchange=last[0])
        return last[0]

    def _has_passed_before(self, call: Call, first: int) -> bool:
        return any(
            check.name == "response-schema" and check.call == call.number
            for check in self.checks[:first]
        ) and all(check.outcome is CheckOutcome.PASSED for check in self.checks[first:])

    def _note_level(self, call: Call, name: str, message: str, exchange: Exchange) -> None:
        level = self._run.settings.level_of(name)
        if level != "off":
            outcome = CheckOutcome.FAILED if level == "error" else CheckOutcome.WARNED
            self._add(call, name, outcome, message, exchange=exchange)

    def _add(
        self,
        call: Call,
        name: str,
        outcome: CheckOutcome,
        message: str = "",
        *,
        detail: Detail = None,
        exchange: Exchange | None = None,
    ) -> None:
        self.checks.append(
            Check(
                name=name,
                outcome=outcome,
                call=call.number,
                step_id=call.step.step_id,
                attempt=call.attempt,
                message=message,
                detail=detail,
                exchange=exchange,
            )
        )
