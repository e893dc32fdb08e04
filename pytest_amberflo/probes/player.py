"""Plays one probe: takes its moves, sends them, and keeps what came of it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from pytest_amberflo.http.exchange import NotJsonError, load_json
from pytest_amberflo.metering.event import UnreadableEventError, read_events
from pytest_amberflo.metering.ledger import Ledger, Transmission, fate_of
from pytest_amberflo.metering.terms import NOTHING_KNOWN
from pytest_amberflo.pace import TooManyEventsError
from pytest_amberflo.patience import NotJudgedError, PatientClock
from pytest_amberflo.probes.endpoint import SilentEndpointError
from pytest_amberflo.probes.finding import Finding, Kind, ProbeOutcome, find_violations, render
from pytest_amberflo.probes.moves import (
    BrokenPromiseError,
    Call,
    Later,
    NoPromiseError,
    Read,
    Send,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.http.exchange import Exchange, Request
    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.metering.terms import Knowledge
    from pytest_amberflo.probes.endpoint import Endpoint, Found
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.moves import Account, Ask, Move
    from pytest_amberflo.probes.promise import Probe, Script

_MOST_FINDINGS: Final = 5
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5


class Book(Struct):
    """One account's side of a probe: what was sent to it and what its readings have shown."""

    ledger: Ledger = field(default_factory=Ledger)
    known: Knowledge = NOTHING_KNOWN


class Player:
    """One probe on its way. It stops where others are to be waited for."""

    def __init__(
        self,
        probe: Probe,
        make_field: Any,
        endpoint: Endpoint,
        *,
        settle_s: float,
        may_refuse_copies: bool = False,
    ) -> None:
        self.probe = probe
        self.clock = PatientClock()
        self.findings: list[Finding] = []
        self.books: dict[Account, Book] = {"first": Book(), "second": Book()}
        self.events = 0
        self.readings = 0
        self.visible_after_s: float | None = None
        #: The queries of the first account, each once.
        self.asked: dict[Request, None] = {}
        self.field: Field | None = None
        #: Where it has stopped: at a LATER, a Read, or nowhere any more.
        self.stop: Later | Read | None = None
        self._make_field = make_field
        self._endpoint = endpoint
        self._settle_s = settle_s
        self._may_refuse_copies = may_refuse_copies
        self._skipped: str | None = None
        self._script: Script | None = None

    @property
    def is_broken(self) -> bool:
        """Whether something was found already."""
        return bool(self.findings)

    def start(self) -> None:
        """Play until the first stop."""
        self._script = self.probe.function(self.enter_field())
        self.resume(None)

    def enter_field(self) -> Field:
        """The ground that it plays on, new."""
        self.field = self._make_field()
        return self.field

    def resume(self, result: Any) -> None:
        """Play on until the next stop; what goes wrong becomes a finding."""
        self.stop = None
        try:
            self._play(result)
        except NoPromiseError as reason:
            self._skipped = str(reason)
        except BrokenPromiseError as error:
            self._add(Finding(kind=Kind.FAILED, headline=str(error)))
        except NotJudgedError as error:
            self._add(Finding(kind=Kind.ERROR, headline=str(error)))
        except SilentEndpointError as error:
            headline = f"not judged: the endpoint does not answer: {error}"
            self._add(Finding(kind=Kind.ERROR, headline=headline))
        except TooManyEventsError as error:
            self._add(Finding(kind=Kind.ERROR, headline=str(error)))
        except Exception as error:  # noqa: BLE001  one broken probe must not end the others
            lines = tuple("".join(traceback.format_exception(error)).splitlines())
            headline = f"the probe itself failed: {error!r}"
            self._add(Finding(kind=Kind.ERROR, headline=headline, lines=lines))

    def _play(self, result: Any) -> None:
        assert self._script is not None
        while True:
            try:
                move: Move = self._script.send(result)
            except StopIteration:
                return
            if isinstance(move, Later | Read):
                self.stop = move
                return
            result = self.send(move) if isinstance(move, Send) else self._call(move)

    def send(self, send: Send) -> tuple[Exchange, ...]:
        """Send, and give the last exchange of each body."""
        self._endpoint.admit(sum(map(_count_events, send.bodies)))
        answers = self._endpoint.ingest(send, self.clock)
        ledger = self.books[send.account].ledger
        for transmissions in answers:
            self._enter(ledger, transmissions, send)
            final = transmissions[-1]
            if final.response is not None:
                found = self._endpoint.check(self._endpoint.api.ingest, final)
                self._hold_to_description(found)
                self._check_taken(final, send)
        return tuple(transmissions[-1] for transmissions in answers)

    def _check_taken(self, exchange: Exchange, send: Send) -> None:
        """An event that keeps to the description is taken; a copy may be refused by some rules."""
        status = exchange.response.status if exchange.response is not None else 200
        if status == 200 or (self._may_refuse_copies and send.reason and 400 <= status < 500):
            return
        label = self._endpoint.api.ingest.label
        headline = f"{label} answers {status} to events that keep to the description"
        is_about_key = status in (401, 403)
        lines = (
            ("The service refused the key: is AMBERFLO_API_KEY right?",) if is_about_key else ()
        )
        self._add(Finding(kind=Kind.FAILED, headline=headline, lines=lines, exchange=exchange))

    def _enter(self, ledger: Ledger, transmissions: Sequence[Exchange], send: Send) -> None:
        for number, exchange in enumerate(transmissions):
            try:
                events = read_events(exchange.request.body or b"")
            except UnreadableEventError as error:
                raise BrokenPromiseError(
                    f"the probe sent an event that is none: {error}"
                ) from None
            response, failure = exchange.response, exchange.failure
            status = response.status if response is not None else None
            fate = fate_of(status, sent=failure is None or failure.sent)
            why = "no answer" if number else send.reason
            done_s = exchange.started_at + exchange.elapsed_s
            self.events += len(events)
            ledger.add(
                Transmission(
                    event=event, fate=fate, at_s=exchange.started_at, done_s=done_s, reason=why
                )
                for event in events
                if event.unique_id not in send.left_out
            )

    def _hold_to_description(self, found: Found) -> None:
        violations = find_violations(found)
        if violations is not None:
            self._add(violations)

    def _call(self, call: Call) -> Any:
        """The JSON of the answer, or None where it has none."""
        started, pause = self.clock.now(), _FIRST_PAUSE_S
        while True:
            found = self._endpoint.call(call, self.clock)
            data, problem = _judge_call(call, found)
            left = started + self._settle_s - self.clock.now()
            if problem is None or not call.polls or left <= 0:
                break
            self.clock.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
        self._hold_to_description(found)
        if problem is not None:
            exchange = found.exchange
            self._add(Finding(kind=Kind.FAILED, headline=problem, exchange=exchange))
        return data

    def end(self, finding: Finding) -> None:
        """Play no more, and say why."""
        self.stop = None
        self._add(finding)

    def _add(self, finding: Finding) -> None:
        if len(self.findings) < _MOST_FINDINGS and finding.headline not in {
            known.headline for known in self.findings
        }:
            self.findings.append(finding)

    def note_asked(self, ask: Ask, request: Request) -> None:
        """Keep a query, for what can be judged later only."""
        if ask.account == "first":
            self.asked[request] = None

    def add(self, finding: Finding) -> None:
        """Take what a reading has shown."""
        self._add(finding)

    def conclude(self, redactor: Redactor) -> ProbeOutcome:
        """What came of the probe."""
        kind, text = Kind.PASSED, ""
        if self.findings:
            # What is surely wrong comes before what could not be known.
            order = [Kind.FAILED, Kind.UNVERIFIED, Kind.ERROR, Kind.DEFERRED]
            self.findings.sort(key=lambda finding: order.index(finding.kind))
            kind = self.findings[0].kind
            text = render(self.probe.promise, self.findings, redactor)
        elif self._skipped is not None:
            kind, text = Kind.SKIPPED, self._skipped
        return ProbeOutcome(
            key=self.probe.key,
            promise=self.probe.promise,
            kind=kind,
            text=text,
            events=self.events,
            readings=self.readings,
            is_random=self.probe.is_model,
            visible_after_s=self.visible_after_s,
        )


def _count_events(body: bytes) -> int:
    try:
        return len(read_events(body))
    except UnreadableEventError:
        return 1


def _judge_call(call: Call, found: Found) -> tuple[Any, str | None]:
    """The JSON of an answer, and what is wrong with it."""
    response = found.exchange.response
    if response is None:
        return None, f"{call.what}: no answer"
    if found.may_be_done and 400 <= response.status < 500:
        return None, None  # what was done already may be refused the second time
    if response.status not in call.statuses:
        due = " or ".join(map(str, call.statuses))
        return None, f"{call.what}: answered {response.status}, {due} is due"
    try:
        data = load_json(response.body) if response.body else None
    except NotJsonError as error:
        return None, None if call.check is None else f"{call.what}: the answer is no JSON: {error}"
    problem = call.check(data) if call.check is not None else None
    return data, None if problem is None else f"{call.what}: {problem}"
