"""Carries the calls of one item out: held to their description, sent, every finding kept."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.http.address import find_host, is_loopback
from pytest_amberflo.patience import PatientClock, read_throttle
from pytest_amberflo.verdict import Check, CheckOutcome, ContractDetail, Detail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_amberflo.arazzo.events import Call
    from pytest_amberflo.arazzo.rehearsal import UnknownValue
    from pytest_amberflo.execution import StepKey
    from pytest_amberflo.extension import StepExtension
    from pytest_amberflo.http.client import Client
    from pytest_amberflo.http.exchange import Exchange, Headers, Request
    from pytest_amberflo.openapi.violation import Violation
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Tally


#: The checks of a response.
_OF_RESPONSES: Final = ("status", "content-type", "response-schema")


class Courier:
    """Sends for one item; what it finds is in `checks`, in the order it was found."""

    def __init__(
        self,
        run: Run,
        clock: PatientClock,
        tally: Tally,
        extensions: Mapping[StepKey, StepExtension],
    ) -> None:
        self._run = run
        self._clock = clock
        self._tally = tally
        self._extensions = extensions
        self._started = (0, 0.0)
        self.checks: list[Check] = []

    def extension_of(self, call: Call) -> StepExtension:
        """What the step of a call says to this plugin."""
        key = (call.document.source.uri, call.workflow.workflow_id, call.step.step_id)
        return self._extensions[key]

    def admit(self, call: Call, unknown: Sequence[UnknownValue] = ()) -> None:
        """Check a call before it is sent, but for what is unknown of it. Raises Refusal."""
        if self._run.pace.is_over:
            limit = self._run.settings.deadline_s
            message = f"not sent: the deadline of {limit:g} s for the whole run is over"
            self.add(call, "deadline", CheckOutcome.UNVERIFIED, message)
            raise Refusal(message)
        self._register_secrets(call)
        self._guard_key(call.plan.sent.request)
        self._check_request(call, unknown)

    def _register_secrets(self, call: Call) -> None:
        """Mask the values of the description's security schemes from now on."""
        sent, redactor = call.plan.sent, self._run.redactor
        places = self._run.secret_places(call.target.description)
        for secret in _list_secrets(sent.request.headers, places):
            redactor.register(secret)
        for place, name in places if sent.query else ():
            if place == "query":
                redactor.register(sent.query.get(name))

    def _guard_key(self, request: Request) -> None:
        """AMBERFLO_API_KEY goes to the target, and to servers that were given for a source."""
        host = find_host(request.url)
        if is_loopback(host) or host in self._run.trusted_hosts:
            return
        body = (request.body or b"").decode("utf-8", "replace")
        texts = [request.url, *(value for _, value in request.headers), body]
        if any(map(self._run.holds_key, texts)):
            raise Refusal(f"AMBERFLO_API_KEY would be sent to {host}; only the target may get it")

    def _check_request(self, call: Call, unknown: Sequence[UnknownValue] = ()) -> None:
        level = self._run.settings.level_of("request")
        if level == "off" or not self.extension_of(call).validates_request:
            return
        violations = self.find_violations(call)
        if unknown:
            violations = tuple(v for v in violations if not _may_be_unknown(v, unknown))
        if not violations:
            self.add(call, "request", CheckOutcome.PASSED)
            return
        self._add_violations(call, "request", "request", violations, None)
        if level == "error":
            raise Refusal("the request breaks its description and was not sent")

    def find_violations(self, call: Call) -> tuple[Violation, ...]:
        """What of a call's request breaks its description."""
        contract = self._run.contract_of(call.target.description)
        return contract.check_request(
            call.target.operation, call.plan.sent.request, call.plan.path_texts
        )

    def check_response(self, call: Call, exchange: Exchange) -> bool:
        """Whether the response keeps its contract; every violation becomes a check."""
        response = exchange.response
        if response is None:
            message = exchange.failure.message if exchange.failure is not None else "no answer"
            # Actions of the document see what the transport did; one that leads on settles it.
            is_handled = call.is_handled(exchange)
            if self._run.pace.is_over:
                message = f"no answer by the deadline for the whole run: {message}"
                self.add(call, "deadline", CheckOutcome.UNVERIFIED, message, exchange=exchange)
                return False
            outcome = CheckOutcome.WARNED if is_handled else CheckOutcome.FAILED
            self.add(call, "transport", outcome, message, exchange=exchange)
            return False
        if not self.extension_of(call).validates_response:
            return True
        contract = self._run.contract_of(call.target.description)
        found = contract.check_response(call.target.operation, exchange.request, response)
        is_kept = True
        for name in _OF_RESPONSES:
            if not found:
                self.add(call, name, CheckOutcome.PASSED)
                continue
            violations = tuple(violation for violation in found if violation.check == name)
            level = self._run.settings.level_of(name)
            if violations and level != "off":
                self._add_violations(call, name, "response", violations, exchange)
                is_kept = is_kept and level != "error"
            elif not violations:
                self.add(call, name, CheckOutcome.PASSED)
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
        self.add(
            call,
            name,
            CheckOutcome.FAILED if is_error else CheckOutcome.WARNED,
            f"{side} of {operation} breaks its description ({count} {noun})",
            detail=ContractDetail(side=side, operation=operation, violations=violations),
            exchange=exchange,
        )

    def send(self, call: Call, *notes: str, client: Client | None = None) -> Exchange:
        """The exchange of a call, over within the time that a request and its step may take."""
        timeout_s = self._run.settings.timeout_s
        if call.timeout_s is not None:
            timeout_s = min(timeout_s, max(0.001, call.timeout_s - self.elapsed_of(call)))
        timeout_s = min(timeout_s, max(0.001, self._run.pace.seconds_left))
        if not is_loopback(find_host(call.plan.sent.request.url)):
            self._run.pace.wait_for_turn()
        client = client if client is not None else self._run.client
        return client.send(call.plan.sent.request, timeout_s=timeout_s, notes=notes)

    def elapsed_of(self, call: Call) -> float:
        """How long a call has been under way, in seconds; a step's timeout counts all of it."""
        if self._started[0] != call.number:
            self._started = (call.number, self._clock.monotonic())
        return self._clock.monotonic() - self._started[1]

    def send_patiently(
        self, call: Call, *notes: str, on_throttled: Callable[[Exchange], None] | None = None
    ) -> Exchange:
        """Send to the metering service, waiting as long as it throttles and the budget lasts.

        Raises NotJudgedError where the budget is spent.
        """
        turn = 0
        while True:
            exchange = self.send(call, *notes)
            wait = read_throttle(exchange, turn)
            if wait is None or call.is_handled(exchange):
                return exchange
            turn += 1
            self._tally.throttled += 1
            self.note_level(call, "throttle", f"throttled for {wait:g} s", exchange)
            if on_throttled is not None:
                on_throttled(exchange)
            self._clock.wait_throttled(wait)

    def note_level(self, call: Call, name: str, message: str, exchange: Exchange) -> None:
        """Add a finding at the level that the user set for it."""
        level = self._run.settings.level_of(name)
        if level != "off":
            outcome = CheckOutcome.FAILED if level == "error" else CheckOutcome.WARNED
            self.add(call, name, outcome, message, exchange=exchange)

    def add(
        self,
        call: Call,
        name: str,
        outcome: CheckOutcome,
        message: str = "",
        *,
        detail: Detail = None,
        exchange: Exchange | None = None,
    ) -> None:
        """Keep one finding."""
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


@lru_cache(maxsize=64)
def _list_secrets(headers: Headers, places: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The values of headers that are secret, and what follows the name of a scheme in them."""
    names = {name.lower() for place, name in places if place == "header"}
    values = [value for key, value in headers if key.lower() in names]
    return tuple(text for value in values for text in (value, value.rpartition(" ")[2]))


def divert(call: Call, request: Request) -> Call:
    """The call with another request, of our own: no action of the document deals with it."""
    sent = replace(call.plan.sent, request=request)
    return replace(
        call, plan=replace(call.plan, sent=sent), is_handled=lambda _: False, timeout_s=None
    )


def _may_be_unknown(violation: Violation, unknown: Sequence[UnknownValue]) -> bool:
    """Whether a violation may be owed to a value that only a response will tell."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415  only a dry run needs it

    for value in unknown:
        if value.part != "body":
            if violation.path.startswith(value.part):
                return True
            continue
        if not violation.path.startswith(("$", "body")):
            continue
        place = ValidationError("", path=value.pointer).json_path
        is_inside = violation.path.startswith(place)
        is_around = place.startswith(violation.path)
        if is_inside or (is_around and not violation.rule.endswith("must not be there")):
            return True
    return False
