"""What is known beforehand of a service and its other users, and what readings have shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from pytest_amberflo.metering.dedup import DedupRules
from pytest_amberflo.metering.window import WEEK_STARTS

if TYPE_CHECKING:
    from decimal import Decimal

    from pytest_amberflo.metering.event import Identity

#: More explanations than these are not kept apart; only what all of them need is.
_MOST_ALTERNATIVES: Final = 4096
_MOST_KEPT: Final = 512


class Terms(Struct, frozen=True, kw_only=True):
    """What is known of a service and of who else uses it. By default nothing but the rules."""

    dedup: DedupRules = field(default_factory=DedupRules)
    #: Nobody else can have written to this account: usage of customers that are not in the
    #: ledger is a finding even where the query did not limit customers.
    knows_all_writers: bool = False
    #: Others write to our customers, too: too much is a finding only where it is a multiple of
    #: one of the `distinctive` values.
    has_other_writers: bool = False
    #: Values that nobody else would send.
    distinctive: frozenset[Decimal] = frozenset()
    #: The real service: fresh figures may count duplicates and cancelled events for hours, and
    #: `customerFilter` is not known there.
    is_live: bool = False
    #: What is read has had the time that the real service takes to leave duplicates out.
    is_settled: bool = False
    #: The days on which weeks may start, 0 for Monday. What a reading has shown of them holds for
    #: the whole run.
    week_starts: frozenset[int] = frozenset(WEEK_STARTS)
    #: Meters whose values last until replaced: their MAX and MIN may be of an earlier bucket.
    lasting_meters: frozenset[str] = frozenset()

    @property
    def is_fresh(self) -> bool:
        """Whether figures may still count duplicates and cancelled events."""
        return self.is_live and not self.is_settled


class Explanation(Struct, frozen=True):
    """Of the records that may or may not be stored: which are, and which are not, for a reading.

    Records that a query cannot show are in neither.
    """

    stored: frozenset[Identity] = frozenset()
    denied: frozenset[Identity] = frozenset()


#: Every record is surely stored, or surely not: nothing can be learnt of any.
_NOTHING_OPEN: Final = frozenset({Explanation()})


class Knowledge(Struct, frozen=True):
    """What readings have shown of the records that may or may not be stored.

    For each way to explain all readings so far, the records that it needs. One of them is true,
    and what is stored stays stored.
    """

    alternatives: frozenset[frozenset[Identity]] = frozenset({frozenset()})

    @classmethod
    def of(cls, *stored: Identity) -> Knowledge:
        """The knowledge that these records are stored."""
        return cls(frozenset({frozenset(stored)}))

    @property
    def proven(self) -> frozenset[Identity]:
        """The records that every explanation needs."""
        return frozenset.intersection(*self.alternatives)

    def allows(self, explanation: Explanation) -> bool:
        """Whether it goes together with what is known."""
        return any(known.isdisjoint(explanation.denied) for known in self.alternatives)

    def learn(self, explanations: frozenset[Explanation]) -> Knowledge:
        """What is known after a reading that one of these explains."""
        if explanations == _NOTHING_OPEN and len(self.alternatives) == 1:
            return self
        if len(self.alternatives) * len(explanations) > _MOST_ALTERNATIVES:
            needed = frozenset.intersection(*(found.stored for found in explanations))
            return Knowledge(frozenset({self.proven | needed}))
        united = {
            known | found.stored
            for known in self.alternatives
            for found in explanations
            if known.isdisjoint(found.denied)
        }
        return Knowledge(_drop_supersets(united)) if united else self


def _drop_supersets(sets: set[frozenset[Identity]]) -> frozenset[frozenset[Identity]]:
    """Without those that need more than another one: they explain nothing more."""
    kept: list[frozenset[Identity]] = []
    for one in sorted(sets, key=len):
        if not any(other <= one for other in kept):
            kept.append(one)
        if len(kept) > _MOST_KEPT:
            return frozenset({frozenset.intersection(*sets)})
    return frozenset(kept)


#: Nothing is known.
NOTHING_KNOWN: Final = Knowledge()
