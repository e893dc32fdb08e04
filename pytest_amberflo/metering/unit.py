"""Units: records whose counting hangs together, and every way in which they may rightly count.

A record alone counts once, or not at all where no answer said that it was stored. Records that
the account's rule takes for one count once together. Where the law of metering is not clear,
every reading of it is a way; so a right service is never blamed for the reading it took.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, product
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from pytest_amberflo.metering.cancel import find_cancelled
from pytest_amberflo.metering.dedup import ValuePolicy
from pytest_amberflo.metering.ledger import Fate, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.metering.event import Identity, MeterEvent
    from pytest_amberflo.metering.ledger import Record
    from pytest_amberflo.metering.terms import Terms

#: The events that count, one as often as it counts.
Outcome: TypeAlias = "tuple[MeterEvent, ...]"

#: Of more records that may or may not be one, only all and one are considered.
_MOST_LOOSE: Final = 4


class Unit(Struct, frozen=True):
    """Every way in which some records may rightly count, the fullest first."""

    outcomes: tuple[Outcome, ...]
    #: Whether what counted once counts for ever; not where a later record may take its place.
    keeps: bool = True

    @property
    def is_open(self) -> bool:
        """Whether there is more than one way."""
        return len(self.outcomes) > 1


def list_units(records: Sequence[Record], terms: Terms) -> tuple[Unit, ...]:
    """The units of these records, in their order; refused records are in none."""
    sent = [record for record in records if record.fate is not Fate.REFUSED]
    families: dict[object, list[Record]] = defaultdict(list)
    for record in sent:
        if not record.event.cancels:
            families[_loosen(record, terms)].append(record)
    units = [_build_unit(family, terms) for family in families.values()]
    cancels = [record for record in sent if record.event.cancels]
    if cancels:
        units = _cancel(units, sent, cancels, terms)
    return tuple(units)


def list_sure(records: Sequence[Record], terms: Terms) -> Outcome | None:
    """What counts of these records where each surely counts once; None where that is not so.

    Most items send every record once and have it accepted: they need no units.
    """
    for record in records:
        sent = record.transmissions
        if len(sent) != 1 or sent[0].fate is not Fate.STORED or record.event.cancels:
            return None
    if len(records) > 1 and len({_loosen(record, terms) for record in records}) < len(records):
        return None
    return tuple(record.event for record in records)


def _loosen(record: Record, terms: Terms) -> object:
    """Equal for records of which it is not certain that they are two."""
    event = record.event
    value = terms.dedup.configured_value(event)
    if value is not None:
        return (event.meter, event.customer, value)
    parts: tuple[object, ...] = (
        fold(event.meter),
        fold(event.customer),
        event.time_ms,
        fold(event.unique_id),
        tuple((fold(name), fold(value)) for name, value in event.dimensions),
    )
    is_in_key = terms.dedup.value is ValuePolicy.KEY and not terms.is_live
    # Services keep float64: values that are one number there are one record there.
    return (*parts, float(event.value)) if is_in_key else parts


def _build_unit(family: Sequence[Record], terms: Terms) -> Unit:
    clusters: dict[object, list[Record]] = defaultdict(list)
    for record in family:
        clusters[terms.dedup.key_of(record.event)].append(record)
    parts = [tuple(_list_outcomes(cluster, terms)) for cluster in clusters.values()]
    # Where the last value stays, what counted until then counts no more.
    keeps = terms.dedup.value is not ValuePolicy.LAST
    if len(parts) == 1:
        return Unit(parts[0], keeps=keeps)
    outcomes = [sum(chosen, ()) for chosen in product(*parts)]
    is_stored = any(record.fate is Fate.STORED for record in family)
    some: list[Outcome] = [(record.event,) for record in family]
    if len(family) <= _MOST_LOOSE:
        sizes = range(1, len(family))
        events = [record.event for record in family]
        some = [chosen for size in sizes for chosen in combinations(events, size)]
    outcomes += some if is_stored else [*some, ()]
    ordered = sorted(dict.fromkeys(outcomes), key=len, reverse=True)
    return Unit(tuple(ordered), keeps=False)


def _list_outcomes(cluster: Sequence[Record], terms: Terms) -> Iterator[Outcome]:
    """What may count of records with one key: one of them, at most once each way."""
    if len(cluster) > 1:
        for event in _list_candidates(cluster, terms):
            yield (event,)
    else:
        (record,) = cluster
        for times in range(_most_times(record, terms), 0, -1):
            yield (record.event,) * times
    if all(record.fate is not Fate.STORED for record in cluster):
        yield ()


def _most_times(record: Record, terms: Terms) -> int:
    """How often one record may count: once, but where its sendings may be taken for several."""
    if terms.is_live and record.event.unique_id is None:
        return max(1, len(record.sent))
    return max(1, len({transmission.event.blanks for transmission in record.sent}))


def _list_candidates(cluster: Sequence[Record], terms: Terms) -> list[MeterEvent]:
    """The records that may be the first, or the last, of those with one key."""
    sent = [transmission for record in cluster for transmission in record.sent]
    has_key = terms.dedup.configured_value(cluster[0].event) is not None
    if terms.dedup.value is not ValuePolicy.LAST:
        kept = [t for t in sent if not any(other.precedes(t) for other in sent)]
    elif has_key:
        # The second is not counted, says the key; the last stays, says the policy.
        kept = sent
    else:
        kept = [t for record in cluster if not _is_outdated(record, cluster) for t in record.sent]
    found: dict[Identity, MeterEvent] = {}
    for transmission in kept:
        found.setdefault(transmission.event.identity, transmission.event)
    return list(found.values())


def _is_outdated(record: Record, cluster: Sequence[Record]) -> bool:
    """Whether another one came after all that was sent of a record.

    One that came before and after the other is open: sent again, it is the last that came, or
    it is known already and changes nothing.
    """
    return any(
        other.fate is Fate.STORED and all(t.precedes(u) for t in record.sent for u in other.sent)
        for other in cluster
        if other is not record
    )


def _cancel(
    units: Sequence[Unit], sent: Sequence[Record], cancels: Sequence[Record], terms: Terms
) -> list[Unit]:
    """The units after cancellations; what a cancellation without a match does is open."""
    cancelled = find_cancelled(sent, cancels)
    found = [_cancel_unit(unit, cancelled.surely, cancelled.maybe, terms) for unit in units]
    lonely = [Unit(((record.event,), ()), keeps=False) for record in cancelled.unmatched]
    return [*found, *lonely]


def _cancel_unit(
    unit: Unit, surely: frozenset[Identity], maybe: frozenset[Identity], terms: Terms
) -> Unit:
    counted = {event.identity for outcome in unit.outcomes for event in outcome}
    if not counted & (surely | maybe):
        return unit
    hit = surely | maybe
    without = [
        tuple(event for event in outcome if event.identity not in hit) for outcome in unit.outcomes
    ]
    is_clear = counted & surely and not counted & maybe and not terms.is_fresh
    outcomes = without if is_clear else [*unit.outcomes, *without]
    ordered = sorted(dict.fromkeys(outcomes), key=len, reverse=True)
    return Unit(tuple(ordered), keeps=False)
