"""Judges the usage of one item: what it ingested against what the service then shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.metering.event import UnreadableEventError, read_events
from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.ledger import Transmission, fate_of
from pytest_amberflo.metering.number import add_exactly, format_number
from pytest_amberflo.metering.settle import wait_until_settled
from pytest_amberflo.metering.story import describe_event
from pytest_amberflo.metering.terms import NOTHING_KNOWN, Terms
from pytest_amberflo.metering.usage import UsageShapeError, read_usage
from pytest_amberflo.metering.witness import (
    Sight,
    find_sights,
    list_unseen,
    plan_witnesses,
    unite_sights,
)
from pytest_amberflo.verdict import CheckOutcome, UsageDetail

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.http.exchange import Exchange, Response
    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Ledger
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.settle import Clock, Settled
    from pytest_amberflo.verdict import Tally


class UsageJudge:
    """Enters what an item sends into the ledger and judges each usage query after it."""

    def __init__(
        self,
        ledger: Ledger,
        tally: Tally,
        clock: Clock,
        *,
        is_alone: bool,
        terms: Terms | None = None,
    ) -> None:
        self._ledger = ledger
        self._tally = tally
        self._clock = clock
        self._terms = terms or Terms(knows_all_writers=is_alone)
        self._own: dict[Identity, MeterEvent] = {}
        self._sights: dict[Identity, Sight] = {}
        self._known = NOTHING_KNOWN
        #: What was concluded of each query, for the causes of those that follow.
        self._judgements: list[Judgement] = []
        self._last_ingest: float | None = None
        #: Why something that was sent is not in the ledger.
        self.not_in_ledger: list[str] = []

    @property
    def has_ingested(self) -> bool:
        """Whether the item has sent events."""
        return bool(self._own)

    def enter(self, exchange: Exchange, reason: str = "") -> None:
        """Enter one transmission of an ingest request; `reason` tells why it was sent again."""
        try:
            events = read_events(exchange.request.body or b"")
        except UnreadableEventError as error:
            self.not_in_ledger.append(f"an ingest request is not in the ledger: {error}")
            return
        response, failure = exchange.response, exchange.failure
        fate = fate_of(
            response.status if response is not None else None,
            sent=failure is None or failure.sent,
        )
        self._ledger.add(
            Transmission(event=event, fate=fate, at_s=exchange.started_at, reason=reason)
            for event in events
        )
        for event in events:
            if event.identity in self._own:
                self._tally.copies += 1
            self._own[event.identity] = event
        if failure is None or failure.sent:
            self._tally.events += len(events)
        self._last_ingest = self._clock.now()

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
                self._ledger.records(),
                query,
                known=self._known,
                terms=self._terms,
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
        since = self._last_ingest if self._last_ingest is not None else started
        visible = None
        if settled.right_after_s is not None:
            visible = max(0.0, started + settled.right_after_s - since)
        return self._conclude(settled.judgement, settled, visible)

    def _conclude(
        self, judgement: Judgement, settled: Settled, visible: float | None
    ) -> tuple[CheckOutcome, str, UsageDetail]:
        records = self._ledger.records()
        self._judgements.append(judgement)
        if judgement.status is Status.RIGHT:
            self._observe(judgement)
            self._tally.judged += 1
            if visible is not None:
                self._tally.visible_after_s.append(visible)
            detail = UsageDetail(judgement=judgement, settled=settled, visible_after_s=visible)
            return CheckOutcome.PASSED, _summarize(judgement), detail
        causes = explain(judgement, records, self._terms, self._judgements)
        detail = UsageDetail(judgement=judgement, settled=settled, causes=causes)
        if judgement.status in (Status.BLIND, Status.DEFERRED):
            return CheckOutcome.UNVERIFIED, "; ".join(judgement.notes), detail
        self._tally.judged += 1
        self._observe(judgement)
        return CheckOutcome.FAILED, "usage is not what was sent", detail

    def _observe(self, judgement: Judgement) -> None:
        """Note what this reading would have shown of each record, had it been wrong."""
        found = find_sights(judgement, self._ledger.records(), self._terms)
        self._sights = unite_sights(self._sights, found)

    def plan_witnesses(self) -> tuple[UsageQuery, ...]:
        """The queries that would show what no reading has shown."""
        return plan_witnesses(self._ledger.records(), self._own, self._sights, self._terms)

    def find_unobserved(self) -> tuple[str, ...]:
        """The records of the item about which nobody would have noticed a bug, as reasons."""
        unseen = list_unseen(self._ledger.records(), self._own, self._sights, self._terms)
        return tuple(
            f"no usage query would show it if {describe_event(found.event)} of meter "
            f"{found.event.meter} were {found.what}"
            for found in unseen
        )


def _summarize(judgement: Judgement) -> str:
    total = add_exactly([row.seen for row in judgement.rows])
    text = f"usage {format_number(total)} as expected"
    if judgement.query.is_aligned:
        return text
    interval = judgement.query.interval.value
    return f"{text} (the window is not of whole {interval}s: its margin may count or not)"
