"""Judges the usage of one item: what it ingested against what the service then shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from pytest_amberflo.metering.baseline import leave_out_own
from pytest_amberflo.metering.event import UnreadableEventError, read_events
from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission, fate_of
from pytest_amberflo.metering.number import add_exactly, format_number
from pytest_amberflo.metering.oracle import TooManyWorldsError, list_worlds
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.settle import wait_until_settled
from pytest_amberflo.metering.story import describe_event
from pytest_amberflo.metering.terms import NOTHING_KNOWN
from pytest_amberflo.metering.twin import describe_twins, find_twins
from pytest_amberflo.metering.usage import UsageShapeError, read_usage
from pytest_amberflo.metering.witness import (
    Sight,
    find_sights,
    list_unseen,
    narrow_query,
    plan_witnesses,
    unite_sights,
)
from pytest_amberflo.verdict import CheckOutcome, UsageDetail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_amberflo.http.exchange import Exchange, Response
    from pytest_amberflo.metering.baseline import Baseline
    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.settle import Clock, Settled
    from pytest_amberflo.metering.terms import Terms
    from pytest_amberflo.verdict import Tally


class UsageJudge:
    """Enters what an item sends into the ledger and judges each usage query after it."""

    def __init__(
        self,
        ledger: Ledger,
        tally: Tally,
        clock: Clock,
        terms: Terms,
    ) -> None:
        self._ledger = ledger
        self._tally = tally
        self._clock = clock
        self._terms = terms
        self._own: dict[Identity, MeterEvent] = {}
        self._sights: dict[Identity, Sight] = {}
        self._known = NOTHING_KNOWN
        self._baselines: dict[UsageQuery, Baseline] | None = None
        #: What was concluded of each query, for the causes of those that follow.
        self._judgements: list[Judgement] = []
        self._last_ingest: float | None = None
        self._is_first_after_ingest = True
        #: Every transmission of the item.
        self.sent: list[Transmission] = []
        #: Why something that was sent is not in the ledger.
        self.not_in_ledger: list[str] = []

    @property
    def knows_all_writers(self) -> bool:
        """Whether the ledger has everything that can have been written to the target."""
        return self._terms.knows_all_writers

    @property
    def is_live(self) -> bool:
        """Whether it is the real service that is judged."""
        return self._terms.is_live

    def begin_with_baselines(self) -> None:
        """Judge usage only where it is known what it was before the first ingest."""
        self._baselines = {}

    def add_baseline(self, query: UsageQuery, baseline: Baseline) -> None:
        """Take a reading before the first ingest into account for answers to a query.

        What items before this one sent is in the ledger already, so it is left out of it.
        """
        if self._baselines is None:
            return
        records = self._ledger.records_of(query.customers)
        counting = replace(query, aggregation=Aggregation.COUNT, take=None)
        try:
            expected, counted = (
                list_worlds(records, asked, self._terms, self._known)[0]
                for asked in (replace(query, take=None), counting)
            )
        except TooManyWorldsError:
            return  # without a baseline the item is unverified
        self._baselines[query] = leave_out_own(baseline, expected, counted)

    @property
    def has_ingested(self) -> bool:
        """Whether the item has sent events."""
        return bool(self._own)

    def enter(self, exchange: Exchange, reason: str = "", operation: str = "") -> None:
        """Enter one transmission of an ingest request; `reason` tells why it was sent again.

        `operation` is what of the document it is sent for.
        """
        try:
            events = read_events(exchange.request.body or b"")
        except UnreadableEventError as error:
            self.not_in_ledger.append(f"an ingest request is not in the ledger: {error}")
            return
        response, failure = exchange.response, exchange.failure
        fate = fate_of(
            response.status if response is not None else None,
            sent=failure is None or failure.sent,
            may_be_partial=self._terms.is_live and len(events) > 1,
        )
        started, done = exchange.started_at, exchange.started_at + exchange.elapsed_s
        transmissions = [
            Transmission(
                event=event,
                fate=fate,
                at_s=started,
                done_s=done,
                reason=reason,
                operation=operation,
            )
            for event in events
        ]
        self.sent += transmissions
        self._ledger.add(transmissions)
        for event in events:
            identity = event.identity
            if identity in self._own:
                self._tally.copies += 1
            self._own[identity] = event
            self._sights.pop(identity, None)  # what was seen before says nothing of this
        if failure is None or failure.sent:
            self._tally.events += len(events)
        self._last_ingest = self._clock.now()
        self._is_first_after_ingest = True

    def enter_heard(self, transmissions: Sequence[Transmission]) -> None:
        """Enter what a service under test has sent, as the server heard it."""
        self.sent += transmissions
        self._ledger.add(transmissions)
        for transmission in transmissions:
            self._own[transmission.event.identity] = transmission.event
            self._sights.pop(transmission.event.identity, None)
        self._last_ingest = self._clock.now()

    def note_judged(self) -> None:
        """Count a reading that was judged by what the document says."""
        self._tally.judged += 1

    def find_twins(self) -> tuple[str, ...]:
        """The records of the item that several of its steps sent, each for itself."""
        records = [r for r in self._ledger.records() if r.event.identity in self._own]
        return tuple(map(describe_twins, find_twins(records)))

    def adopt(self, transmissions: Iterable[Transmission]) -> None:
        """Take what is in the ledger already for what this item sent."""
        for transmission in transmissions:
            self.sent.append(transmission)
            self._own[transmission.event.identity] = transmission.event

    def settle(
        self,
        query: UsageQuery,
        read: Callable[[], Response | None],
        *,
        settle_s: float,
        hold_s: float,
    ) -> tuple[CheckOutcome, str, UsageDetail] | None:
        """Poll until usage is right and stays so, or is wrong; None where an answer breaks off.

        `read` sends the query once more and gives an answer that keeps its contract, or None.
        """
        if self._baselines is not None and query not in self._baselines:
            message = "it is not known what usage was before the first ingest"
            return CheckOutcome.UNVERIFIED, message, UsageDetail(judgement=None, settled=None)
        started = self._clock.now()
        shape_errors: list[UsageShapeError] = []

        def poll() -> Judgement | None:
            response = read()
            self._tally.polls += 1
            if response is None:
                return None
            try:
                reading = read_usage(response.body, query)
            except UsageShapeError as error:
                shape_errors.append(error)
                return None
            judgement = judge_reading(
                reading,
                self._ledger.records_of(query.customers),
                query,
                known=self._known,
                terms=self._terms,
                baseline=None if self._baselines is None else self._baselines.get(query),
            )
            self._known = judgement.knowledge
            return judgement

        settled = wait_until_settled(poll, self._clock, settle_s=settle_s, hold_s=hold_s)
        if shape_errors:
            self._tally.judged += 1
            detail = UsageDetail(judgement=None, settled=None)
            return CheckOutcome.FAILED, f"the answer is no usage: {shape_errors[0]}", detail
        if settled is None:
            return None
        visible = self._measure_visibility(settled, started)
        return self._conclude(settled.judgement, settled, visible)

    def _measure_visibility(self, settled: Settled, started: float) -> float | None:
        """How long after the last ingest usage was right, in seconds; None where it is not known.

        What a later query finds right at once was right while an earlier one was watched.
        """
        is_first, self._is_first_after_ingest = self._is_first_after_ingest, False
        if settled.right_after_s is None or (settled.was_right_at_once and not is_first):
            return None
        since = self._last_ingest if self._last_ingest is not None else started
        return max(0.0, started + settled.right_after_s - since)

    def _conclude(
        self, judgement: Judgement, settled: Settled, visible: float | None
    ) -> tuple[CheckOutcome, str, UsageDetail]:
        self._judgements.append(judgement)
        if judgement.status is Status.RIGHT:
            self._observe(judgement)
            self._tally.judged += 1
            if visible is not None:
                self._tally.visible_after_s.append(visible)
            detail = UsageDetail(judgement=judgement, settled=settled, visible_after_s=visible)
            return CheckOutcome.PASSED, _summarize(judgement), detail
        from pytest_amberflo.metering.explain import explain  # noqa: PLC0415  only a red run

        causes = explain(judgement, self._ledger.records(), self._terms, self._judgements)
        detail = UsageDetail(judgement=judgement, settled=settled, causes=causes)
        if judgement.status is Status.DEFERRED:
            return CheckOutcome.DEFERRED, _summarize_fresh(judgement), detail
        if judgement.status is Status.BLIND:
            return CheckOutcome.UNVERIFIED, "; ".join(judgement.notes), detail
        self._tally.judged += 1
        self._observe(judgement)
        return CheckOutcome.FAILED, "usage is not what was sent", detail

    def _observe(self, judgement: Judgement) -> None:
        """Note what this reading would have shown of each record, had it been wrong."""
        records = self._ledger.records_of(judgement.query.customers)
        found = find_sights(judgement, records, self._terms)
        self._sights = unite_sights(self._sights, found)

    def narrow(self, query: UsageQuery) -> UsageQuery:
        """A query for what the item has sent only, where the answer to this one is too large."""
        return narrow_query(query, self._neighbours())

    def plan_witnesses(self) -> tuple[UsageQuery, ...]:
        """The queries that would show what no reading has shown."""
        own = self._list_unclear()
        return plan_witnesses(self._neighbours(), own, self._sights, self._terms) if own else ()

    def plan_witnesses_of(self, body: bytes) -> tuple[UsageQuery, ...]:
        """The queries that would show everything of the events in a body."""
        ledger = Ledger()
        ledger.add(
            Transmission(event=event, fate=Fate.STORED, at_s=0) for event in read_events(body)
        )
        own = {record.event.identity for record in ledger.records()}
        return plan_witnesses(ledger.records(), own, {}, self._terms)

    def _list_unclear(self) -> list[Identity]:
        """The records of the item about which something could have been wrong unseen.

        Nearly always there is none at the end, and nothing has to be gone through for it.
        """
        sights = self._sights
        return [own for own in self._own if own not in sights or not sights[own].is_full]

    def _neighbours(self) -> tuple[Record, ...]:
        """The item's records, with those of others whose counting may hang together with them."""
        return self._ledger.records_of({event.customer for event in self._own.values()})

    def find_unobserved(self) -> tuple[str, ...]:
        """The records of the item about which nobody would have noticed a bug, as reasons."""
        own = self._list_unclear()
        unseen = list_unseen(self._neighbours(), own, self._sights, self._terms) if own else ()
        return tuple(
            f"no usage query would show it if {describe_event(found.event)} of meter "
            f"{found.event.meter} were {found.what}"
            for found in unseen
        )


def _summarize_fresh(judgement: Judgement) -> str:
    expected = format_number(add_exactly([row.expected for row in judgement.rows]))
    seen = format_number(add_exactly([row.seen for row in judgement.rows]))
    return f"usage {seen} with copies, {expected} without: to be judged later"


def _summarize(judgement: Judgement) -> str:
    total = add_exactly([row.seen for row in judgement.rows])
    text = f"usage {format_number(total)} as expected"
    if judgement.query.is_aligned:
        return text
    interval = judgement.query.interval.value
    return f"{text} (the window is not of whole {interval}s: its margin may count or not)"
