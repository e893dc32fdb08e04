"""Judges a sender: what its calls were to meter, against every event that came for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from pytest_amberflo.metering.dedup import DedupRules
from pytest_amberflo.metering.emission import gather_records
from pytest_amberflo.metering.emitter_extra import explain_extra, find_collisions, find_twins
from pytest_amberflo.metering.emitter_missing import Background, explain_missing
from pytest_amberflo.metering.emitter_wrong import find_mistakes
from pytest_amberflo.metering.pairing import pair_events
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_amberflo.metering.emission import Arrival, Arrived, CallMark, Declared, Emitted
    from pytest_amberflo.metering.emitter_finding import Finding
    from pytest_amberflo.metering.pairing import Pairing


class Scene(Struct, frozen=True, kw_only=True):
    """Calls, what they were to meter, and what came since the first of them."""

    declared: tuple[Declared, ...]
    #: The calls that say what they meter, if only that it is nothing.
    calls: tuple[CallMark, ...]
    arrivals: tuple[Arrival, ...]
    #: The customers of the calls.
    customers: frozenset[str]
    #: Those of them that others may send for, too.
    shared: frozenset[str] = frozenset()
    rules: DedupRules = field(default_factory=DedupRules)
    #: Whether there is no call that does not say what it meters.
    is_closed: bool = True
    #: Whether an event of a customer that no call names may be one of these calls.
    may_be_ours: Callable[[str | None], bool] = lambda _: False
    #: When the sender was restarted in between, or None.
    restarted_s: float | None = None
    #: Calls that did not get through to the server, a sentence each.
    refused: tuple[str, ...] = ()


class Emission(Struct, frozen=True, kw_only=True):
    """What came of the calls."""

    scene: Scene
    pairing: Pairing
    #: What is wrong, in the order of the calls.
    findings: tuple[Finding, ...]
    #: Records of the calls' customers that the server did not keep.
    unkept: tuple[Arrived, ...]
    #: What is odd about it, and not wrong.
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.pairing.missing

    @property
    def is_right(self) -> bool:
        """Whether each event came once, as it was due."""
        return not self.findings

    @property
    def count(self) -> int:
        """How many events came for these calls, every copy of them."""
        records = [*(pair.record for pair in self.pairing.pairs), *self.pairing.extra]
        return sum(len(record.arrivals) for record in (*records, *self.unkept))

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        """The requests that brought something of these calls, in their order."""
        records = [*(pair.record for pair in self.pairing.pairs), *self.pairing.extra]
        found = {
            arrival.number: arrival
            for record in (*records, *self.unkept)
            for arrival in record.arrivals
        }
        return tuple(found[number] for number in sorted(found))


def judge_emission(scene: Scene) -> Emission:
    """What is right, missing, wrong and too much of what came."""
    records = gather_records(scene.arrivals, scene.rules)
    own = [record for record in records if record.event.customer in scene.customers]
    strange = [
        record
        for record in records
        if record.event.customer not in scene.customers
        and scene.may_be_ours(record.event.customer)
    ]
    foreign = {record.event for record in own if not _is_asked(record, scene)}
    pairing = pair_events(
        scene.declared,
        [record for record in own if record.is_stored and record.event not in foreign],
        [record for record in strange if record.is_stored],
    )
    unkept = [record for record in (*own, *strange) if not record.is_stored]
    findings = [
        *find_mistakes(pairing, scene.customers, scene.rules),
        *explain_missing(
            pairing,
            unkept,
            Background(
                arrivals=scene.arrivals, restarted_s=scene.restarted_s, refused=scene.refused
            ),
        ),
        *find_twins(pairing),
        *find_collisions(pairing),
        *explain_extra(pairing, scene.calls, scene.shared),
    ]
    findings.sort(key=lambda found: found.call.number if found.call is not None else 10**9)
    return Emission(
        scene=scene,
        pairing=pairing,
        findings=tuple(findings),
        unkept=tuple(record for record in unkept if record.event.customer in scene.customers),
        notes=tuple(_list_notes(own, foreign)),
    )


def _is_asked(record: Arrived, scene: Scene) -> bool:
    """Whether the calls say anything of the meter of an event.

    Where one of them does not say what it meters, another meter may rightly be its own.
    """
    meters = {declared.meter for declared in scene.declared}
    meter = record.event.meter or ""
    return scene.is_closed or meter in meters or find_nearest(meter, meters) is not None


def _list_notes(own: list[Arrived], foreign: set[Emitted]) -> Iterator[str]:
    others = sorted({record.event.meter or "" for record in own if record.event in foreign})
    for meter in others:
        yield f"events of meter {meter} came, and no step says that its call meters them"
