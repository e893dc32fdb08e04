"""Reads the usage of many probes at once: until it is right and stays so, or is wrong."""

from __future__ import annotations

from concurrent.futures import wait
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.metering.expect import Judgement, Status, judge_reading
from pytest_amberflo.metering.explain import explain
from pytest_amberflo.metering.settle import Settled
from pytest_amberflo.metering.usage import UsageShapeError, read_usage
from pytest_amberflo.patience import NotJudgedError
from pytest_amberflo.probes.endpoint import SilentEndpointError
from pytest_amberflo.probes.finding import Finding, Kind, find_usage, find_violations
from pytest_amberflo.verdict import UsageDetail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor, Future

    from pytest_amberflo.metering.terms import Terms
    from pytest_amberflo.probes.endpoint import Endpoint, Found
    from pytest_amberflo.probes.moves import Ask
    from pytest_amberflo.probes.player import Book, Player

_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.8

_KINDS: Final = {Status.WRONG: Kind.FAILED, Status.DEFERRED: Kind.DEFERRED}

OVER: Final = Finding(
    kind=Kind.UNVERIFIED, headline="the deadline of the run came before this was judged"
)


class Reading(Struct, eq=False):
    """One query on its way to a verdict. Times are of its player's clock."""

    player: Player
    ask: Ask
    started: float
    next_at: float
    #: How long after the first right answer it is read again, the next one first.
    returns: list[float]
    pause: float = _FIRST_PAUSE_S
    right_at: float | None = None
    readings: int = 0
    judgement: Judgement | None = None
    found: Found | None = None
    last_body: bytes | None = None
    #: When the last answer was asked for: it may wait for others before it is judged.
    asked_at: float = 0.0
    #: What is wrong; it is told when all readings are taken, in the order of the queries.
    finding: Finding | None = None

    #: Whether it was right, and stayed so.
    is_right: bool = False

    @property
    def is_done(self) -> bool:
        """Whether it need not be read again."""
        return self.is_right or self.finding is not None

    @property
    def book(self) -> Book:
        """The account's side that it is about."""
        return self.player.books[self.ask.account]


class Harvest:
    """One round of reading; `settle_s` and `hold_s` are shared by all queries of it."""

    def __init__(
        self,
        endpoint: Endpoint,
        terms: Terms,
        pool: Executor,
        *,
        settle_s: float,
        hold_s: float,
    ) -> None:
        self._endpoint = endpoint
        self._terms = terms
        self._pool = pool
        self._settle_s = settle_s
        self._hold_s = hold_s

    def glance(self, player: Player, asks: Iterable[Ask]) -> None:
        """Read once and look for what no later reading can mend."""
        for ask in asks:
            reading = self._open(player, ask)
            self._fetch(reading)
            self._judge(reading, is_glance=True)
            _tell([reading])

    def take(self, player_asks: Sequence[tuple[Player, Sequence[Ask]]]) -> list[list[Judgement]]:
        """The last judgement of each query; what is wrong becomes a finding of its player."""
        groups = [[self._open(player, ask) for ask in asks] for player, asks in player_asks]
        waiting = [reading for group in groups for reading in group]
        flying: dict[Future[Reading], Reading] = {}
        # `wait` looks at all that fly, for each that has come.
        landed: SimpleQueue[Future[Reading]] = SimpleQueue()
        while waiting or flying:
            if self._endpoint.is_over:
                for reading in (*waiting, *flying.values()):
                    self._give_up(reading, OVER)
                wait(flying)
                break
            due = [r for r in waiting if r.next_at <= r.player.clock.now()]
            waiting = [r for r in waiting if r not in due]
            for reading in due:
                job = self._pool.submit(self._fetch, reading)
                flying[job] = reading
                job.add_done_callback(landed.put)
            if not flying:
                pause = min(r.next_at - r.player.clock.now() for r in waiting)
                waiting[0].player.clock.sleep(max(0.005, pause))
                continue
            try:
                job = landed.get(timeout=_LONGEST_PAUSE_S)
            except Empty:
                continue
            reading = flying.pop(job)
            job.result()
            self._judge(reading, is_glance=False)
            if not reading.is_done:
                waiting.append(reading)
        for group in groups:
            _tell(group)
        return [[r.judgement for r in group if r.judgement is not None] for group in groups]

    def _open(self, player: Player, ask: Ask) -> Reading:
        now = player.clock.now()
        returns = [self._hold_s / 2, self._hold_s] if self._hold_s else [0.0]
        returns += [self._hold_s] * (ask.repeats - 1)
        return Reading(player=player, ask=ask, started=now, next_at=now, returns=returns)

    def _fetch(self, reading: Reading) -> Reading:
        """The reading with one more answer."""
        player = reading.player
        reading.asked_at = player.clock.now()
        try:
            reading.found = self._endpoint.read(reading.ask, player.clock)
        except NotJudgedError as error:
            self._give_up(reading, Finding(kind=Kind.ERROR, headline=str(error)))
        except SilentEndpointError as error:
            headline = f"not judged: the endpoint does not answer: {error}"
            self._give_up(reading, Finding(kind=Kind.ERROR, headline=headline))
        else:
            player.note_asked(reading.ask, reading.found.exchange.request)
        reading.readings += 1
        player.readings += 1
        return reading

    def _give_up(self, reading: Reading, finding: Finding) -> None:
        reading.finding = finding

    def _judge(self, reading: Reading, *, is_glance: bool) -> None:
        found, player = reading.found, reading.player
        if found is None or reading.is_done:
            return
        response = found.exchange.response
        problem = find_violations(found)
        if problem is not None or response is None or response.status != 200:
            label = found.operation.label
            status = response.status if response is not None else "no answer"
            headline = f"{label} answers {status} to a query that is right"
            fallback = Finding(kind=Kind.FAILED, headline=headline, exchange=found.exchange)
            self._give_up(reading, problem or fallback)
            return
        was_right = reading.judgement is not None and reading.judgement.status is Status.RIGHT
        if was_right and response.body == reading.last_body:
            self._schedule(reading, player.clock.now())
            return
        reading.last_body = response.body
        try:
            usage = read_usage(response.body, reading.ask.query)
        except UsageShapeError as error:
            headline = f"the answer is no usage: {error}"
            wrong = Finding(kind=Kind.FAILED, headline=headline, exchange=found.exchange)
            self._give_up(reading, wrong)
            return
        book, query = reading.book, reading.ask.query
        # Nobody else writes to customers that a probe has made up.
        is_alone = reading.ask.is_alone or bool(query.customers)
        terms = replace(self._terms, knows_all_writers=is_alone)
        records = book.ledger.records()
        judgement = judge_reading(usage, records, query, known=book.known, terms=terms)
        reading.judgement = judgement
        if judgement.status is Status.RIGHT and not is_glance:
            book.known = judgement.knowledge
        now = player.clock.now()
        if is_glance:
            is_over = judgement.status is Status.WRONG
            if is_over:
                self._conclude(reading, now)
            return
        self._schedule(reading, now)

    def _schedule(self, reading: Reading, now: float) -> None:
        judgement = reading.judgement
        assert judgement is not None
        if judgement.status is Status.RIGHT:
            if reading.right_at is None:
                reading.right_at = now
                after = now - reading.started
                reading.player.visible_after_s = max(reading.player.visible_after_s or 0.0, after)
            if reading.returns:
                reading.next_at = reading.right_at + reading.returns.pop(0)
            else:
                reading.is_right = True
            return
        is_late = reading.asked_at >= reading.started + self._settle_s
        if judgement.status is Status.PARTIAL and reading.right_at is None and not is_late:
            end = reading.started + self._settle_s
            reading.next_at = max(now, min(now + reading.pause, end))
            reading.pause = min(reading.pause * 2, _LONGEST_PAUSE_S)
            return
        self._conclude(reading, now)

    def _conclude(self, reading: Reading, now: float) -> None:
        judgement, found = reading.judgement, reading.found
        assert judgement is not None
        assert found is not None
        has_changed = reading.right_at is not None
        if judgement.status is Status.PARTIAL:
            note = "it was right before, and is no more" if has_changed else "nothing more came"
            judgement = replace(judgement, status=Status.WRONG, notes=(*judgement.notes, note))
        right_after = None if reading.right_at is None else reading.right_at - reading.started
        settled = Settled(
            judgement=judgement,
            readings=reading.readings,
            right_after_s=right_after,
            waited_s=now - reading.started,
            has_changed=has_changed,
        )
        causes = explain(judgement, reading.book.ledger.records(), self._terms)
        detail = UsageDetail(judgement=judgement, settled=settled, causes=causes)
        kind = _KINDS.get(judgement.status, Kind.UNVERIFIED)
        reading.finding = find_usage(kind, detail, found.exchange)


def _tell(readings: Sequence[Reading]) -> None:
    """Hand what is wrong to the players."""
    for reading in readings:
        if reading.finding is not None:
            reading.player.add(reading.finding)
