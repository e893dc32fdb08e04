"""Whether a bug could have been seen at all, and the queries that see it.

For each record: would what was read be any different with it lost, counted twice, or of another
value? Where it would not (a MAX and a copy, a value of 0, usage that is filtered out or cut by
`take`, a meter that was never queried, a workflow that only ingests), queries of our own look at
it: SUM and COUNT of its customer and meter.

How a caller goes about it: `find_sights` after every right reading, `unite_sights` over all of
them; at the end `plan_witnesses` has the queries to send (`write_query` makes their bodies) and
to judge like any other; what `list_unseen` still has then is unverified.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import EXACT, ZERO, add_exactly
from pytest_amberflo.metering.oracle import BARE_TERMS, is_clear, list_freedoms, passes
from pytest_amberflo.metering.query import Aggregation, UsageQuery
from pytest_amberflo.metering.unit import list_units
from pytest_amberflo.metering.window import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.oracle import Cell
    from pytest_amberflo.metering.table import Row
    from pytest_amberflo.metering.terms import Terms

#: With more open records in a cell, a bug could always hide behind some of them.
_MOST_OPEN: Final = 6
#: Longer windows are asked for by month.
_MOST_DAYS: Final = 366
_DAY_S: Final = 86400


class Shape(Enum):
    """The wire shape of a usage query."""

    PUBLISHED = "published"
    OFFICIAL = "official"


class Sight(Struct, frozen=True, kw_only=True):
    """What of one record would have been seen."""

    loss: bool = False
    copy: bool = False
    value: bool = False

    def __or__(self, other: Sight) -> Sight:
        return Sight(
            loss=self.loss or other.loss,
            copy=self.copy or other.copy,
            value=self.value or other.value,
        )

    @property
    def is_full(self) -> bool:
        """Whether nothing about the record could be wrong unseen."""
        return self.loss and self.copy and self.value


class Unseen(Struct, frozen=True, kw_only=True):
    """A record about which a bug would not have been seen."""

    event: MeterEvent
    #: What would not have been seen: `lost`, or `counted twice`.
    what: str


def find_sights(
    judgement: Judgement, records: Sequence[Record], terms: Terms = BARE_TERMS
) -> dict[Identity, Sight]:
    """What a reading would have shown of each record, had something been wrong with it."""
    world, query = judgement.world, judgement.query
    if world is None:
        return {}
    shown = {
        event.identity: cell for cell, amount in world.cells.items() for event in amount.events
    }
    mine = [
        (record, record.event.identity, record.fate is Fate.MAYBE)
        for record in records
        if record.event.meter == query.meter
    ]
    open_cells: dict[Cell, list[MeterEvent]] = defaultdict(list)
    places: dict[Identity, Cell] = {}
    for record, identity, is_open in mine:
        place = world.freedom.place(record.event, query) if is_open else None
        if place is not None:
            places[identity] = place
            open_cells[place].append(record.event)
    rows = {(row.group, row.bucket): row for row in judgement.rows}
    sights: dict[Identity, Sight] = {}
    for record, identity, is_open in mine:
        cell = places.get(identity) if is_open else shown.get(identity)
        if cell is None or not _is_surely_placed(record.event, query, terms):
            continue
        amount = world.cells.get(cell)
        others = [event for event in (amount.events if amount else ()) if event != record.event]
        hiding = [event for event in open_cells[cell] if event != record.event]
        row = rows.get(cell)
        sights[identity] = _see(record.event, others, hiding, judgement, row, is_open=is_open)
    return sights


def _is_surely_placed(event: MeterEvent, query: UsageQuery, terms: Terms) -> bool:
    """Whether every right service shows an event that one of them shows."""
    return is_clear([event], query) or all(
        freedom.place(event, query) is not None for freedom in list_freedoms([event], query, terms)
    )


def _see(
    event: MeterEvent,
    others: Sequence[MeterEvent],
    hiding: Sequence[MeterEvent],
    judgement: Judgement,
    row: Row | None,
    *,
    is_open: bool,
) -> Sight:
    is_shared = row is not None and row.is_shared
    values = [other.value for other in (*others, *hiding)]
    match judgement.query.aggregation:
        case Aggregation.COUNT:
            is_clear = not hiding
            return Sight(loss=is_open or is_clear, copy=is_clear and not is_shared)
        case Aggregation.SUM:
            is_clear = event.value != 0 and not _can_hide(event.value, hiding)
            return Sight(
                loss=is_open or is_clear,
                copy=is_clear and not is_shared,
                value=is_clear and not is_shared,
            )
        case Aggregation.MAX:
            is_top = event.value != 0 and all(event.value > value for value in values)
        case Aggregation.MIN:
            is_top = event.value != 0 and all(event.value < value for value in values)
    is_seen = is_top and not is_shared
    return Sight(loss=is_open or is_seen, value=is_seen)


def _can_hide(value: Decimal, hiding: Sequence[MeterEvent]) -> bool:
    """Whether records that may or may not be stored could make up for a lost value."""
    if len(hiding) > _MOST_OPEN:
        return True
    signs = (Decimal(-1), ZERO, Decimal(1))
    for chosen in product(signs, repeat=len(hiding)):
        parts = [EXACT.multiply(s, event.value) for s, event in zip(chosen, hiding, strict=True)]
        if add_exactly(parts) == value:
            return True
    return False


def unite_sights(*found: Mapping[Identity, Sight]) -> dict[Identity, Sight]:
    """What several readings would have shown together."""
    united: dict[Identity, Sight] = {}
    for sights in found:
        for identity, sight in sights.items():
            united[identity] = united.get(identity, Sight()) | sight
    return united


def _list_due(
    records: Sequence[Record], own: Iterable[Identity], terms: Terms
) -> list[MeterEvent]:
    """The events of these that count and so have to be seen."""
    wanted = set(own)
    due = [event for unit in list_units(records, terms) for event in unit.outcomes[0]]
    return [event for event in dict.fromkeys(due) if event.identity in wanted]


def list_unseen(
    records: Sequence[Record],
    own: Iterable[Identity],
    sights: Mapping[Identity, Sight],
    terms: Terms = BARE_TERMS,
) -> tuple[Unseen, ...]:
    """The `own` records about which a bug would not have been seen.

    A loss has to be seen of every record, a double count of those that were sent repeatedly.
    """
    sent = {record.event.identity: len(record.sent) for record in records}
    unseen: list[Unseen] = []
    for event in _list_due(records, own, terms):
        sight = sights.get(event.identity, Sight())
        if not sight.loss:
            unseen.append(Unseen(event=event, what="lost"))
        elif not sight.copy and sent[event.identity] > 1:
            unseen.append(Unseen(event=event, what="counted twice"))
    return tuple(unseen)


def plan_witnesses(
    records: Sequence[Record],
    own: Iterable[Identity],
    sights: Mapping[Identity, Sight],
    terms: Terms = BARE_TERMS,
) -> tuple[UsageQuery, ...]:
    """The queries that see what was not seen: SUM and COUNT for each customer and meter.

    Windows are of whole days, so that nothing lies in a margin. Events without a customer
    cannot be asked for without reading those of others, so there is no query for them.
    """
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in _list_due(records, own, terms):
        if event.customer is not None and not sights.get(event.identity, Sight()).is_full:
            times[event.meter, event.customer].append(event.time_ms // 1000)
    return tuple(
        _ask(meter, customer, found, aggregation)
        for (meter, customer), found in times.items()
        for aggregation in (Aggregation.SUM, Aggregation.COUNT)
    )


def _ask(meter: str, customer: str, times: Sequence[int], aggregation: Aggregation) -> UsageQuery:
    is_short = max(times) - min(times) <= _MOST_DAYS * _DAY_S
    interval = Interval.DAY if is_short else Interval.MONTH
    return UsageQuery(
        meter=meter,
        start_s=interval.floor(min(times)),
        end_s=interval.after(interval.floor(max(times))),
        aggregation=aggregation,
        interval=interval,
        group_by=("customerId",),
        filters=(("customerId", frozenset({customer})),),
    )


def narrow_query(query: UsageQuery, records: Sequence[Record]) -> UsageQuery:
    """The query for our customers and buckets only: for an answer that was too large to come.

    Services cut or refuse answers of some megabytes; that is no loss of usage.
    """
    asked = [record.event for record in records if passes(record.event, query)]
    customers = frozenset(event.customer for event in asked if event.customer is not None)
    times = [
        event.time_ms // 1000
        for event in asked
        if query.start_s <= event.time_ms // 1000 < query.end_s
    ]
    if not customers or not times:
        return query
    filters = {**dict(query.filters), "customerId": customers}
    first, last = query.interval.floor(min(times)), query.interval.floor(max(times))
    return replace(
        query,
        start_s=max(first, query.start_s),
        end_s=min(query.interval.after(last), query.end_s),
        filters=tuple(filters.items()),
    )


def write_query(query: UsageQuery, shape: Shape) -> dict[str, Any]:
    """The body of a usage request, as JSON data.

    The published shape has no `take`, and other filters than of customers go into `filter`.
    """
    filters = {name: sorted(values) for name, values in query.filters}
    window = {"startTimeInSeconds": query.start_s, "endTimeInSeconds": query.end_s}
    body: dict[str, Any] = {
        "meterApiName": query.meter,
        "aggregation": query.aggregation.value,
        "timeGroupingInterval": query.interval.value,
    }
    if query.group_by:
        body["groupBy"] = list(query.group_by)
    if shape is Shape.PUBLISHED:
        customers = filters.pop("customerId", None)
        body |= window | ({"customerFilter": customers} if customers else {})
    else:
        if query.is_open_ended:
            del window["endTimeInSeconds"]
        body["timeRange"] = window
        if query.take is not None:
            body["take"] = {"limit": query.take.limit, "isAscending": query.take.is_ascending}
    return body | ({"filter": filters} if filters else {})
