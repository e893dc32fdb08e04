"""The course of a suite: everything is planted, then everything is read."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.probes.explorer import Explorer
from pytest_amberflo.probes.field import Field, Names
from pytest_amberflo.probes.harvest import OVER, Harvest
from pytest_amberflo.probes.moves import LATER, NoPromiseError, Read
from pytest_amberflo.probes.player import Player
from pytest_amberflo.probes.promise import Probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.metering.terms import Terms
    from pytest_amberflo.probes.books import Books
    from pytest_amberflo.probes.endpoint import Endpoint
    from pytest_amberflo.probes.finding import ProbeOutcome
    from pytest_amberflo.probes.moves import Ask
    from pytest_amberflo.probes.promise import Script

#: Between an event and its replay there are more than a second and eight other events.
GAP_S: Final = 1.1
FILLERS: Final = 10
_THREADS: Final = 10
#: A probe may read, send again and read once more, a few times.
_MOST_ROUNDS: Final = 4


class Plan(Struct, frozen=True, kw_only=True):
    """What all probes of a run share. Times in seconds."""

    endpoint: Endpoint
    terms: Terms
    redactor: Redactor
    run_id: str
    settle_s: float
    hold_s: float
    first_key: str | None
    second_key: str | None = None
    #: Whether the first key is one that the endpoint was told of.
    knows_keys: bool = False
    #: What reports call the endpoint.
    target: str = ""
    gap_s: float = GAP_S
    fillers: int = FILLERS
    #: What random sequences of calls begin with.
    seed: int = 0
    #: The moment that times of events are counted from, UTC; now if None.
    now_s: float | None = None
    #: Keeps what can be judged later only, where somebody wants that.
    books: Books | None = None


class Campaign:
    """Plants and reads the probes of one process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._names = Names(plan.run_id)

    def run(self, probes: Sequence[Probe]) -> tuple[ProbeOutcome, ...]:
        """The outcome of each probe, in their order."""
        plan = self._plan
        players = {probe.key: self.make_player(probe) for probe in probes if not probe.is_model}
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="probes") as pool:
            harvest = Harvest(
                plan.endpoint, plan.terms, pool, settle_s=plan.settle_s, hold_s=plan.hold_s
            )
            self._play(list(players.values()), harvest, pool)
            outcomes = {key: self._conclude(one) for key, one in players.items()}
            slowest = max((one.visible_after_s or 0.0 for one in outcomes.values()), default=0.0)
            for probe in probes:
                if probe.is_model:
                    explorer = Explorer(self.make_player, harvest, slowest_s=slowest)
                    outcomes[probe.key] = explorer.explore(probe, plan.redactor, plan.seed)
        return tuple(outcomes[probe.key] for probe in probes)

    def _conclude(self, player: Player) -> ProbeOutcome:
        """What came of a probe, and what is left of it for later."""
        plan = self._plan
        outcome = player.conclude(plan.redactor)
        if plan.books is None:
            return outcome
        return replace(outcome, entry=plan.books.make_entry(player, outcome.kind))

    def _play(self, players: Sequence[Player], harvest: Harvest, pool: ThreadPoolExecutor) -> None:
        list(pool.map(self._start, players))
        waiting = [player for player in players if player.stop is LATER]
        if waiting:
            self._pass_time(waiting, harvest, pool)
        self._plan.endpoint.is_later = True
        for _ in range(_MOST_ROUNDS):
            while late := [player for player in players if player.stop is LATER]:
                list(pool.map(self._resume, late, [None] * len(late)))
            asking = [(p, p.stop.asks) for p in players if isinstance(p.stop, Read)]
            if not asking:
                break
            results = harvest.take(asking)
            sound = [
                (player, judgements)
                for (player, _), judgements in zip(asking, results, strict=True)
                if not player.is_broken
            ]
            for player, _ in asking:
                player.stop = None
            list(pool.map(self._resume, *zip(*sound, strict=True)) if sound else ())

    def _start(self, player: Player) -> None:
        if self._plan.endpoint.is_over:
            player.end(OVER)
        else:
            player.start()

    def _resume(self, player: Player, result: object) -> None:
        if self._plan.endpoint.is_over:
            player.end(OVER)
        else:
            player.resume(result)

    def make_player(self, probe: Probe) -> Player:
        """One that is ready to play a probe."""
        plan = self._plan
        return Player(
            probe,
            self.make_field,
            plan.endpoint,
            settle_s=plan.settle_s,
            may_refuse_copies=bool(plan.terms.dedup.keys),
        )

    def make_field(self) -> Field:
        """New ground."""
        plan = self._plan
        return Field(
            plan.endpoint.api,
            self._names,
            now_s=time.time() if plan.now_s is None else plan.now_s,
            first_key=plan.first_key,
            second_key=plan.second_key,
            knows_keys=plan.knows_keys,
        )

    def _pass_time(
        self, waiting: Sequence[Player], harvest: Harvest, pool: ThreadPoolExecutor
    ) -> None:
        """Look at what is planted, send what nobody asks for, and wait."""
        started = time.monotonic()
        jobs = [pool.submit(harvest.glance, player, _list_glances(player)) for player in waiting]
        for job in jobs:
            job.result()
        filler = self.make_player(_FILLER)
        field = filler.enter_field()
        filler.send(field.send(*field.events(self._plan.fillers)))
        filler.clock.sleep(max(0.0, started + self._plan.gap_s - time.monotonic()))


def _list_glances(player: Player) -> Iterator[Ask]:
    field = player.field
    if field is None or player.is_broken:
        return
    try:
        yield field.ask("SUM", "DAY")
    except NoPromiseError:
        return


def _fill(field: Field) -> Script:
    """What parts other events is sent by hand."""
    yield field.usage()


_FILLER: Final = Probe(chapter="", name="filler", promise="", function=_fill, line=0)
