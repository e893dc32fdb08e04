"""What can be judged only later: when that is, and what has to be kept until then.

Figures of the real service are not deduplicated at first (Amberflo, Invoice Calculation Times):
those of the last 7 hours are made of live events, and of 24 hours more where these 7 hours reach
into the day before. Duplicates and cancelled events are left out only of what is older.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from pytest_amberflo.metering.dedup import DedupRules
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.query import Aggregation, UsageQuery
from pytest_amberflo.metering.terms import Terms
from pytest_amberflo.metering.window import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.ledger import Transmission

_DAY_S: Final = 86400
#: Live events of so many seconds make up fresh figures.
_FRESH_S: Final = 7 * 3600
#: The hourly aggregation may start a little after the hour.
_MARGIN_S: Final = 600
#: Events that are older when they are sent take up to a day until they are seen at all.
_LATE_S: Final = _DAY_S
#: A total asks for no more days than this at once.
_MOST_DAYS: Final = 366


class StoredQuery(Struct, frozen=True, kw_only=True):
    """A usage query that is to be sent again. Headers are not kept, so that no key is."""

    #: Below the base URL of the server.
    path: str
    #: The JSON text.
    body: str
    #: The base URL where it was sent, if not to the target.
    server: str | None = None
    #: The shipped description that the answer is held to, by its file name, if it was one.
    description: str | None = None
    #: Whether it is one of our own, of all that one customer used of one meter, by day.
    is_total: bool = False


class Rules(Struct, frozen=True, kw_only=True):
    """The rules by which an entry is judged. Times in seconds."""

    is_live: bool
    dedup: DedupRules = field(default_factory=DedupRules)
    #: Whether others may have written to the same customers meanwhile.
    has_other_writers: bool = False
    settle_s: float = 60.0
    hold_s: float = 2.0


class Entry(Struct, frozen=True, kw_only=True):
    """Everything that one item sent, and how to judge later what came of it."""

    run: str
    item: str
    #: The item's verdict when it ran.
    verdict: str
    #: The base URL of the target.
    target: str
    #: From when on it can be judged, UTC in seconds since 1970.
    not_before_s: int
    rules: Rules
    transmissions: tuple[Transmission, ...]
    queries: tuple[StoredQuery, ...]

    @property
    def terms(self) -> Terms:
        """What is known of the service when the entry is due."""
        return Terms(
            dedup=self.rules.dedup,
            is_live=self.rules.is_live,
            is_settled=True,
            has_other_writers=self.rules.has_other_writers,
        )


def find_due(transmissions: Iterable[Transmission], *, is_live: bool) -> int:
    """From when on figures are settled, UTC in whole seconds since 1970.

    On the real service 07:10 UTC of the day after the last of sending and events: then the 7
    hours of live events begin after midnight and reach into no day of ours. Events that were
    sent more than a day late get a day more. Elsewhere at once.
    """
    moments = [_find_moment(found, is_live=is_live) for found in transmissions]
    last = int(max(moments, default=0.0))
    if not is_live:
        return last
    return Interval.DAY.after(Interval.DAY.floor(last)) + _FRESH_S + _MARGIN_S


def _find_moment(transmission: Transmission, *, is_live: bool) -> float:
    sent_s, event_s = transmission.at_s, transmission.event.time_ms / 1000
    if not is_live:
        return sent_s
    is_late = sent_s - event_s > _LATE_S
    return sent_s + _LATE_S if is_late else max(sent_s, event_s)


def needs_settling(transmissions: Iterable[Transmission], dedup: DedupRules) -> bool:
    """Whether only settled figures show what must come of this: copies, and cancelled events.

    Only copies that were acknowledged are told: what was sent again for want of an answer is
    one record, which may rightly be there once at once.
    """
    stored = [found.event for found in transmissions if found.fate is Fate.STORED]
    keys = Counter(dedup.key_of(event) for event in stored)
    return any(event.cancels for event in stored) or any(count > 1 for count in keys.values())


def plan_totals(events: Iterable[MeterEvent]) -> Iterator[UsageQuery]:
    """The SUM and the COUNT by day of every customer and meter; events without one have none."""
    days: dict[tuple[str, str], set[int]] = defaultdict(set)
    for event in events:
        if event.customer is not None:
            days[event.meter, event.customer].add(Interval.DAY.floor(event.time_ms // 1000))
    for (meter, customer), found in days.items():
        for start, end in _list_spans(sorted(found)):
            for aggregation in (Aggregation.SUM, Aggregation.COUNT):
                yield UsageQuery(
                    meter=meter,
                    start_s=start,
                    end_s=end,
                    aggregation=aggregation,
                    interval=Interval.DAY,
                    group_by=("customerId",),
                    filters=(("customerId", frozenset({customer})),),
                )


def _list_spans(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Windows that hold all of these days, none of them too long."""
    start = last = days[0]
    for day in days[1:]:
        if day - start >= _MOST_DAYS * _DAY_S:
            yield start, last + _DAY_S
            start = day
        last = day
    yield start, last + _DAY_S
