"""Watches a service through the calls of one item: what they were to meter, and what came."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from pytest_amberflo.metering.emitter import Emission, Scene, judge_emission
from pytest_amberflo.metering.emitter_finding import Finding, Kind
from pytest_amberflo.metering.quiet import Hearing, Patience, is_flood

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.emitter.listener import Listener
    from pytest_amberflo.metering.dedup import DedupRules
    from pytest_amberflo.metering.emission import Arrival, Arrived, CallMark, Declared
    from pytest_amberflo.run import Run

#: How often it is looked for news, in seconds.
_POLL_S: Final = 0.02
#: A sender that met a fault may take so many times longer: it waits before it tries again.
_RETRY_TIMES: Final = 3


class Watch(Struct, kw_only=True):
    """What is known of one item's calls. `listener` is None where nothing can be heard."""

    listener: Listener | None
    rules: DedupRules
    patience: Patience
    #: Customers of the item beside those that its calls declare.
    customers: frozenset[str] = frozenset()
    #: Customers that others may send for at the same time.
    is_shared: Callable[[str], bool] = lambda _: False
    may_be_ours: Callable[[str | None], bool] = lambda _: False
    seconds_left: Callable[[], float] = lambda: float("inf")
    now: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    declared: list[Declared] = field(default_factory=list)
    #: Calls that say what they meter.
    calls: list[CallMark] = field(default_factory=list)
    #: Whether no call was made that does not say what it meters.
    is_closed: bool = True
    restarted_s: float | None = None
    #: Who did not get through to the server, a sentence each.
    refused: tuple[str, ...] = ()
    #: When the sender was last moved to send: flushed, restarted, called again.
    stirred_s: float = 0.0

    def add_call(self, call: CallMark, declared: tuple[Declared, ...]) -> None:
        """A call that was made, and all that it must meter."""
        self.calls.append(call)
        self.declared += declared

    def note_repeat(self, number: int, moment_s: float) -> None:
        """Keep that a call was sent again, at a moment."""
        found = {call.number: replace(call, repeated_s=moment_s) for call in self.calls}
        self.calls = [found[call.number] if call.number == number else call for call in self.calls]
        self.stirred_s = max(self.stirred_s, moment_s)
        self.declared = [
            replace(due, call=found[number]) if due.call.number == number else due
            for due in self.declared
        ]

    def listen(self) -> Emission:
        """What came of the calls, once nothing more comes."""
        assert self.listener is not None
        moments = [self.stirred_s, *(call.done_s for call in self.calls)]
        called_s = max(moments) or self.now()
        emission: Emission | None = None
        while True:
            # What is judged is what was there at this moment, however long judging takes.
            asked_s = self.now()
            is_news = self.listener.poll(self._is_wanted)
            if is_news or emission is None:
                emission = judge_emission(self._scene())
            if is_flood(len(self.declared), emission.count):
                return _add_finding(emission, _describe_flood(emission, asked_s - called_s))
            if not self.listener.is_whole:
                return _add_finding(emission, "more came to ingest than the server can keep")
            end = self.patience.find_end(self._hear(emission, called_s, asked_s))
            if asked_s >= end or self.seconds_left() <= 0:
                break
            self.pause(min(_POLL_S, max(0.001, end - asked_s)))
        if asked_s >= called_s + self.patience.longest_s and _is_noisy(
            emission, asked_s, self.patience
        ):
            text = f"events still come {asked_s - called_s:.0f} s after the last call"
            return _add_finding(emission, text)
        return emission if emission.is_complete else self._ask_for_refused()

    def _ask_for_refused(self) -> Emission:
        """What came, with those who did not get as far as ingest."""
        assert self.listener is not None
        self.refused = tuple(
            dict.fromkeys(found.text for found in self.listener.control.refused())
        )
        return judge_emission(self._scene())

    def _is_wanted(self, arrival: Arrival) -> bool:
        own = self.own_customers
        return arrival.body is not None or any(
            event.customer in own or self.may_be_ours(event.customer) for event in arrival.events
        )

    @property
    def own_customers(self) -> frozenset[str]:
        """Whom the calls were made for."""
        return self.customers | {due.customer for due in self.declared}

    def _scene(self) -> Scene:
        assert self.listener is not None
        own = self.own_customers
        return Scene(
            declared=tuple(self.declared),
            calls=tuple(self.calls),
            arrivals=self.listener.arrivals,
            customers=own,
            shared=frozenset(filter(self.is_shared, own)),
            rules=self.rules,
            is_closed=self.is_closed,
            may_be_ours=self.may_be_ours,
            restarted_s=self.restarted_s,
            refused=self.refused,
        )

    def _hear(self, emission: Emission, called_s: float, now: float) -> Hearing:
        arrivals = emission.arrivals
        moments = [arrival.at_s for arrival in arrivals]
        # An answer is news to a sender, and one that is still out may be.
        moments += [now if arrival.done_s is None else arrival.done_s for arrival in arrivals]
        return Hearing(
            called_s=called_s,
            calls_s=[call.done_s for call in self.calls],
            arrivals_s=moments,
            is_complete=emission.is_complete,
            is_retrying=_is_retrying(emission),
        )


def _is_retrying(emission: Emission) -> bool:
    """Whether something may come again: it is not there, or its sender was never told that it is.

    What was stored and answered by nobody is sent once more by every good sender, and how it is
    sent then matters.
    """
    records = [*(pair.record for pair in emission.pairing.pairs), *emission.pairing.extra]
    if any(_is_open(record) for record in records):
        return True
    unstored = [arrival for arrival in emission.arrivals if not arrival.is_stored]
    return not emission.is_complete and any(map(_may_be_tried_again, unstored))


def _is_open(record: Arrived) -> bool:
    """Whether no request that brought a record got an answer that ends the matter."""
    return all(map(_may_be_tried_again, record.arrivals))


def make_patience(run: Run) -> Patience:
    """How long the items of a run listen."""
    settings = run.settings
    return Patience(
        quiet_s=settings.emitter.quiet_s,
        settle_s=settings.settle_s,
        retry_s=_RETRY_TIMES * settings.settle_s,
    )


def _may_be_tried_again(arrival: Arrival) -> bool:
    """Whether the answer, or that there was none, says: try again."""
    status = arrival.status
    return not arrival.is_answered or status is None or status in (408, 429) or status >= 500


def _is_noisy(emission: Emission, now: float, patience: Patience) -> bool:
    last = max((arrival.at_s for arrival in emission.arrivals), default=0.0)
    return now - last < patience.quiet_s


def _describe_flood(emission: Emission, seconds: float) -> str:
    due, came = len(emission.scene.declared), emission.count
    noun = "event was" if due == 1 else "events were"
    return f"flood: {due} {noun} due, and {came} came within {seconds:.1f} s of the last call"


def _add_finding(emission: Emission, text: str) -> Emission:
    finding = Finding(kind=Kind.UNEXPECTED, text=f"{text}.", call=None)
    return replace(emission, findings=(finding, *emission.findings[:5]))
