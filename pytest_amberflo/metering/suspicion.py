"""One wrong service that would show a whole answer: the likeliest cause of several wrong rows."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.metering.amount import aggregate
from pytest_amberflo.metering.distortion import round_value
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import EXACT, ZERO, is_within
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.unit import list_units

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pytest_amberflo.metering.amount import Amount
    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.oracle import Cell, Freedom
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.terms import Terms

#: Of more events no service is made up.
_MOST_EVENTS: Final = 400
_HOUR_MS: Final = 3_600_000


class Suspect(Struct, frozen=True):
    """A wrong service: what it counts, what it is asked, and what is said of it."""

    sentence: str
    events: Sequence[MeterEvent]
    query: UsageQuery


def find_suspect(judgement: Judgement, records: Sequence[Record], terms: Terms) -> str | None:
    """What is wrong with a service that shows just this; None where none is known."""
    query = judgement.query
    if judgement.world is None or query.is_cut:
        return None
    rows = [row for row in (*judgement.rows, *judgement.strays) if row.other_meter is None]
    seen = {(row.group, row.bucket): row.seen for row in rows if row.seen != 0}
    if len(records) > _MOST_EVENTS and query.customers is not None:
        # The ledger of a long run: what this customer's usage is made of will do.
        records = [record for record in records if record.event.customer in query.customers]
    units = list_units(records, terms)
    events = [event for unit in units for event in unit.outcomes[0] if not event.cancels]
    if not seen or len(rows) < len((*judgement.rows, *judgement.strays)):
        return None
    if len(events) > _MOST_EVENTS:
        return None
    for suspect in _list_suspects(events, records, query):
        if _shows(suspect, seen, judgement.world.freedom):
            return suspect.sentence
    return None


def _shows(suspect: Suspect, seen: dict[Cell, Decimal], freedom: Freedom) -> bool:
    found: dict[Cell, list[MeterEvent]] = defaultdict(list)
    for event in suspect.events:
        cell = freedom.place(event, suspect.query)
        if cell is not None:
            found[cell].append(event)
    amounts = {cell: aggregate(some, suspect.query.aggregation) for cell, some in found.items()}
    return all(_says(amounts.get(cell), seen.get(cell, ZERO)) for cell in {*amounts, *seen})


def _says(amount: Amount | None, seen: Decimal) -> bool:
    return seen == 0 if amount is None else is_within(seen, amount.value, amount.tolerance)


def _list_suspects(
    events: Sequence[MeterEvent], records: Sequence[Record], query: UsageQuery
) -> Iterator[Suspect]:
    sendings = [t.event for record in records for t in record.sent if not t.event.cancels]
    yield Suspect(
        "Every sending of a record is counted, also those of the same one.", sendings, query
    )
    refused = [record.event for record in records if record.fate is Fate.REFUSED]
    yield Suspect("Refused events are counted.", [*events, *refused], query)
    yield from _suspect_query(events, query)
    yield from _suspect_keys(events, query)
    if query.aggregation is not Aggregation.COUNT:
        # Too many of these make one and the same count.
        yield from _suspect_values(events, query)
        yield from _suspect_times(events, query)


def _suspect_query(events: Sequence[MeterEvent], query: UsageQuery) -> Iterator[Suspect]:
    for other in Aggregation:
        if other is not query.aggregation:
            text = f"{query.aggregation.value} was asked for, and {other.value} is answered."
            yield Suspect(text, events, replace(query, aggregation=other))
    for name, values in query.filters:
        rest = tuple(pair for pair in query.filters if pair[0] != name)
        text = f"The filter on {name} is passed over."
        yield Suspect(text, events, replace(query, filters=rest))
        all_values = {event.attribute(name) for event in events}
        others = frozenset(value for value in all_values - values if value is not None)
        turned = replace(query, filters=(*rest, (name, others)))
        yield Suspect(
            f"The filter on {name} lets through what it should leave out.", events, turned
        )
    meters = {event.meter for event in events} - {query.meter}
    for meter in sorted(meters):
        yield Suspect(f"Usage of meter {meter} is answered.", events, replace(query, meter=meter))
    mixed = [replace(event, meter=query.meter) for event in events]
    yield Suspect("Usage of other meters is counted, too.", mixed, query)
    at_end = [
        replace(event, time_ms=event.time_ms - 1) if event.time_ms == query.end_s * 1000 else event
        for event in events
    ]
    yield Suspect("An event at the very end of the window is counted.", at_end, query)
    after = [event for event in events if event.time_ms != query.start_s * 1000]
    yield Suspect("An event at the very start of the window is not counted.", after, query)


def _suspect_keys(events: Sequence[MeterEvent], query: UsageQuery) -> Iterator[Suspect]:
    names = ("meterApiName", "customerId", "meterTimeInMillis", "uniqueId", "meterValue")
    places = dict(zip(names, (0, 1, 2, 3, 5), strict=True))
    for name, place in places.items():
        kept = _keep_first(events, lambda e, p=place: (*e.identity[:p], *e.identity[p + 1 :]))  # type: ignore[misc]
        yield Suspect(f"Records that differ in {name} only are taken for one.", kept, query)
    dimensions = sorted({name for event in events for name, _ in event.dimensions})
    for name in dimensions:
        kept = _keep_first(events, lambda e, n=name: _without_dimension(e, n))  # type: ignore[misc]
        yield Suspect(
            f"Records that differ in dimension {name} only are taken for one.", kept, query
        )
    kept = _keep_first(events, lambda e: replace(e, dimensions=()).identity)
    yield Suspect("Records that differ in dimensions only are taken for one.", kept, query)
    kept = _keep_first(events, lambda e: e.unique_id or e.identity)
    yield Suspect(
        "Records with the same uniqueId are taken for one, whatever else differs.", kept, query
    )
    kept = _keep_first(events, lambda e: repr(e.identity).casefold())
    yield Suspect("Records that differ in letter case only are taken for one.", kept, query)


def _without_dimension(event: MeterEvent, name: str) -> Hashable:
    rest = tuple(pair for pair in event.dimensions if pair[0] != name)
    return replace(event, dimensions=rest).identity


def _keep_first(
    events: Sequence[MeterEvent], key: Callable[[MeterEvent], Hashable]
) -> list[MeterEvent]:
    kept: dict[Hashable, MeterEvent] = {}
    for event in events:
        kept.setdefault(key(event), event)
    return list(kept.values())


def _suspect_values(events: Sequence[MeterEvent], query: UsageQuery) -> Iterator[Suspect]:
    changes: dict[str, Callable[[Decimal], Decimal]] = {
        "Values are counted with the opposite sign.": Decimal.copy_negate,
        "Negative values are counted as positive ones.": Decimal.copy_abs,
        "Negative values are counted as 0.": lambda value: max(value, ZERO),
        "Values are cut to whole numbers.": lambda value: round_value(value, 0, ROUND_DOWN),
        "Values are rounded to whole numbers.": lambda value: round_value(value, 0, ROUND_HALF_UP),
        "Values are rounded to one decimal.": lambda value: round_value(value, 1, ROUND_HALF_UP),
        "Values are rounded to two decimals.": lambda value: round_value(value, 2, ROUND_HALF_UP),
    }
    for text, change in changes.items():
        yield Suspect(text, [replace(e, value=change(e.value)) for e in events], query)
    for power in (-6, -3, -2, 2, 3, 6):
        factor = f"1{'0' * abs(power)}"
        text = f"Values are {factor} times too {'large' if power > 0 else 'small'}: a wrong unit?"
        scaled = [replace(e, value=e.value.scaleb(power, EXACT)) for e in events]
        yield Suspect(text, scaled, query)


def _suspect_times(events: Sequence[MeterEvent], query: UsageQuery) -> Iterator[Suspect]:
    steps = {1: "1 ms", 1000: "1 s", 60_000: "1 minute"}
    steps |= {hours * _HOUR_MS: f"{hours} h" for hours in range(1, 15)}
    steps[24 * _HOUR_MS] = "a day"
    for step, name in steps.items():
        for sign, way in ((-1, "early"), (1, "late")):
            moved = [replace(e, time_ms=e.time_ms + sign * step) for e in events]
            zone = ": a time zone?" if step % _HOUR_MS == 0 and step < 24 * _HOUR_MS else "."
            yield Suspect(f"Times are taken {name} too {way}{zone}", moved, query)
