"""One item's calls to one's own service: each is noted, and in the end all are judged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.emitter.declaring import DeclarationError, declare
from pytest_amberflo.emitter.entering import foresee, list_heard
from pytest_amberflo.emitter.unheard import UNHEARD, describe_unknown_usage
from pytest_amberflo.metering.emission import CallMark
from pytest_amberflo.own_call import stand_in
from pytest_amberflo.verdict import CheckOutcome, EmissionDetail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_amberflo.arazzo.events import Call, Route
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.emitter.faults import EmitterVariant
    from pytest_amberflo.emitter.watch import Watch
    from pytest_amberflo.http.exchange import Exchange
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.metering.emission import Arrival
    from pytest_amberflo.metering.emitter import Emission
    from pytest_amberflo.run import Run
    from pytest_amberflo.witness import Witness


class Hands(Struct, frozen=True, kw_only=True):
    """What can be done to the service under test from outside."""

    #: Has it send what it holds; does nothing where nobody says how.
    flush: Callable[[], None]
    #: Stops and starts it; None where nobody says how.
    restart: Callable[[], None] | None = None


class Parts(Struct, frozen=True, kw_only=True):
    """What an item has already: who sends, judges and asks, and where things are called."""

    courier: Courier
    judge: UsageJudge
    witness: Witness
    route: Route


class Trial:
    """Notes and judges the metered calls of one item."""

    def __init__(
        self,
        run: Run,
        parts: Parts,
        watch: Watch,
        hands: Hands,
        variant: EmitterVariant,
        *,
        flush_step: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._run = run
        self._courier = parts.courier
        self._judge = parts.judge
        self._witness = parts.witness
        self._route = parts.route
        self._watch = watch
        self._hands = hands
        self._variant = variant
        self._flush_step = flush_step
        self._api_key = api_key
        self._calls: dict[int, Call] = {}
        self._flush: tuple[int, Call] | None = None
        self._names: dict[str, int] = {}
        self._entered: set[int] = set()
        self._foreseen = 0
        self._judged_calls = 0
        #: Whether the service was to be restarted, and could not be.
        self._is_broken_off = False
        #: What came in the end, for reports; None where nothing was heard.
        self.emission: Emission | None = None

    @property
    def has_calls(self) -> bool:
        """Whether any call said what it meters."""
        return bool(self._calls)

    def send(self, call: Call, send: Callable[[], Exchange]) -> Exchange:
        """Send a call that is none of metering itself, and keep what it must meter."""
        specs = self._courier.extension_of(call).meters
        is_flush = self._flush_step == call.step.step_id
        if specs is not None:
            self._variant.prepare(call)
        started = time.time()
        exchange = send()
        done = time.time()
        if is_flush:
            self._flush = call.number, call
            self._watch.stirred_s = done
        if specs is None:
            self._watch.is_closed = self._watch.is_closed and is_flush
            return exchange
        mark = self._mark(call, exchange, started, done)
        self._calls[call.number] = call
        assert call.after is not None
        scope, passed = call.after(exchange)
        try:
            declared = declare(specs, scope, mark, is_optional=not passed)
        except DeclarationError as error:
            declared = ()
            if passed:
                self._courier.add(
                    call, "emitter", CheckOutcome.ERROR, str(error), exchange=exchange
                )
        self._watch.add_call(mark, declared)
        try:
            self._variant.follow(call, self._watch)
        except Refusal as refusal:
            self._is_broken_off = True
            self._courier.add(call, "restart", CheckOutcome.ERROR, refusal.reason)
            raise
        return exchange

    def settle(self) -> bool:
        """Judge the calls so far, before usage of them is read; whether all is right."""
        if len(self._calls) == self._judged_calls:
            return self.emission is None or self.emission.is_right
        self._judged_calls = len(self._calls)
        self._flush_service()
        if self._watch.listener is None:
            self._enter_declared()
            return True
        emission = self.emission = self._watch.listen()
        self._enter_heard(emission.arrivals)
        return self._conclude(emission)

    def finish(self) -> None:
        """Judge what is left, and make ready to ask for usage of what was metered."""
        try:
            if self._calls and not self._is_broken_off:
                self.settle()
        finally:
            self._variant.close()
        if self._calls and not self._witness.has_subject:
            self._witness.remember(
                stand_in(
                    self._calls[max(self._calls)],
                    is_live=self._judge.is_live,
                    route=self._route,
                    api_key=self._api_key,
                )
            )

    def _mark(self, call: Call, exchange: Exchange, started: float, done: float) -> CallMark:
        step_id = call.step.step_id
        turn = self._names[step_id] = self._names.get(step_id, 0) + 1
        request = call.plan.sent.request
        path = "/" + request.url.partition("://")[2].partition("/")[2].partition("?")[0]
        response = exchange.response
        status = "no answer" if response is None else str(response.status)
        return CallMark(
            number=call.number,
            label=step_id if turn == 1 else f"{step_id}, call {turn}",
            started_s=started,
            done_s=done,
            answer=f"{request.method} {path} {status}",
        )

    def _flush_service(self) -> None:
        """Have the service send what it holds, by the flush step and the user's hook."""
        last = max(self._calls)
        if self._flush is not None and self._flush[0] < last:
            self._courier.send(self._flush[1], "flush")
            self._flush = last, self._flush[1]
            self._watch.stirred_s = time.time()
        self._hands.flush()

    def _conclude(self, emission: Emission) -> bool:
        """The verdict on what was heard becomes a check of the call it is about."""
        count = len(self._watch.declared)
        noun = "event" if count == 1 else "events"
        last = self._calls[max(self._calls)]
        level = self._run.settings.level_of("emitter")
        if level == "off":
            return True
        detail = EmissionDetail(emission=emission)
        if emission.is_right:
            message = f"{count} {noun} metered once each" if count else "nothing metered, rightly"
            message = "; ".join((message, *emission.notes))
            self._courier.add(last, "emitter", CheckOutcome.PASSED, message, detail=detail)
            return True
        found = emission.findings[0]
        call = last if found.call is None else self._calls[found.call.number]
        if self._run.pace.is_over and not emission.is_complete:
            message = f"the deadline came before everything was heard: {found.text}"
            self._courier.add(call, "emitter", CheckOutcome.UNVERIFIED, message, detail=detail)
            return False
        outcome = CheckOutcome.FAILED if level == "error" else CheckOutcome.WARNED
        self._courier.add(call, "emitter", outcome, found.text, detail=detail)
        return False

    def _enter_heard(self, arrivals: Iterable[Arrival]) -> None:
        """Put what came into the ledger, so that usage is judged by it.

        But for customers that others may use: nobody knows what their usage has to be.
        """
        own = frozenset(filter(self._run.is_own, self._watch.own_customers))
        for arrival in arrivals:
            if arrival.number in self._entered:
                continue
            self._entered.add(arrival.number)
            self._judge.enter_heard(list(list_heard(arrival, own)))

    def _enter_declared(self) -> None:
        """Put what calls must meter into the ledger, where nothing can be heard."""
        due_events = [due for due in self._watch.declared if not due.is_optional]
        for due in due_events[self._foreseen :]:
            if self._run.is_own(due.customer):
                self._judge.enter_heard(list(foresee(due, is_live=self._judge.is_live)))
        self._foreseen = len(due_events)
        last = self._calls[max(self._calls)]
        known = [due.customer for due in due_events if not self._run.is_own(due.customer)]
        if known:
            message = describe_unknown_usage(known[0])
            self._courier.add(last, "emitter", CheckOutcome.UNVERIFIED, message)
            return
        count = len(due_events)
        message = f"{count} event{'' if count == 1 else 's'} {UNHEARD}"
        self._courier.add(last, "emitter", CheckOutcome.PASSED, message)
