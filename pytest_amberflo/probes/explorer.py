"""The random model test: Hypothesis makes sequences of calls, the oracle judges what they lead to.

A sequence that shows a bug is shrunk, within a limit of time: what was not tried by then counts
as no smaller one. Hypothesis is imported only here, when it is needed, and keeps no database.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.probes.finding import Finding, Kind
from pytest_amberflo.probes.moves import NoPromiseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.metering.event import MeterEvent
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.finding import ProbeOutcome
    from pytest_amberflo.probes.harvest import Harvest
    from pytest_amberflo.probes.moves import Ask, Read, Send
    from pytest_amberflo.probes.player import Player
    from pytest_amberflo.probes.promise import Probe

_MOST_EXAMPLES: Final = 20
_LEAST_EXAMPLES: Final = 3
#: How long sequences are made, and how long one that shows a bug is shrunk, in seconds.
_EXPLORE_S: Final = 10.0
_SHRINK_S: Final = 15.0
_STEPS: Final = 7
#: Up to this time until usage shows, the number of sequences is not cut, in seconds.
_QUICK_S: Final = 0.1


@contextmanager
def _leave_no_files() -> Iterator[None]:
    """Hypothesis keeps its notes in a folder that goes, unless the user's own tests have it."""
    if "hypothesis" in sys.modules:
        yield
        return
    from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415  see the module

    with tempfile.TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


def explore_nothing(field: Field) -> Iterator[Read]:
    """The script of a probe that is not played by itself."""
    yield field.usage()


class SequenceError(AssertionError):
    """A sequence of calls has shown a bug."""


class Journey:
    """One sequence of calls: a customer of its own, and what was done."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self.steps: list[str] = []
        #: Whether it has shown a bug.
        self.is_over = False
        self.player = explorer.make_player(explorer.probe)
        self.field = self.player.enter_field()

    def name(self, event: MeterEvent) -> str:
        """What tells an event apart within the sequence."""
        offset = event.time_ms - self.field.anchor_ms
        dimensions = ", ".join(f"{name} {value}" for name, value in event.dimensions)
        text = f"value {event.value} at {offset:+d} ms, uniqueId {event.unique_id}"
        return f"{text}, {dimensions}" if dimensions else text

    def send(self, step: str, send: Send) -> None:
        """Send, and end where that has shown something."""
        self._do(step, lambda: self.player.send(send))

    def read(self, step: str, asks: tuple[Ask, ...]) -> None:
        """Read, and end where that has shown something."""
        self._do(step, lambda: self._explorer.harvest.take([(self.player, asks)]))

    def _do(self, step: str, act: Callable[[], Any]) -> None:
        self.steps.append(step)
        self._explorer.act(self, act)


class Explorer:
    """Looks for the smallest sequence of calls that shows a bug."""

    def __init__(
        self, make_player: Callable[[Probe], Player], harvest: Harvest, *, slowest_s: float
    ) -> None:
        self.make_player = make_player
        self.harvest = harvest
        self._slowest_s = slowest_s
        self._started = time.monotonic()
        self._failed_at: float | None = None
        #: What each sequence that failed has shown.
        self._known: dict[tuple[str, ...], list[Finding]] = {}
        self._readings = 0
        self._events = 0

    def explore(self, probe: Probe, redactor: Redactor, seed: int) -> ProbeOutcome:
        """The outcome of the model test; the seed stands in its text."""
        self.probe = probe
        self._started = time.monotonic()
        verdict = self.make_player(probe)
        try:
            with _leave_no_files():
                self._run(seed)
        except NoPromiseError as reason:
            verdict.add(Finding(kind=Kind.UNVERIFIED, headline=str(reason)))
        if self._known:
            # A bug that comes and goes makes Hypothesis doubt; the sequence was seen all the same.
            steps = min(self._known, key=lambda known: (len(known), sum(map(len, known))))
            found, *others = self._known[steps]
            numbered = (f"{number}. {step}" for number, step in enumerate(steps, 1))
            title = "The smallest sequence of calls that shows it:"
            again = f"Seed {seed}; again: --hypothesis-seed={seed}"
            lines = (title, *numbered, "", *found.lines, "", again)
            verdict.add(replace(found, lines=lines))
            for other in others:
                verdict.add(other)
        verdict.events, verdict.readings = self._events, self._readings
        return verdict.conclude(redactor)

    def _run(self, seed: int) -> None:
        import hypothesis  # noqa: PLC0415  costly, and only this probe needs it
        from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415

        from pytest_amberflo.probes.machine import make_machine  # noqa: PLC0415

        few = int(_EXPLORE_S / max(self._slowest_s, _QUICK_S) / 2)
        settings = hypothesis.settings(
            max_examples=max(_LEAST_EXAMPLES, min(_MOST_EXAMPLES, few)),
            stateful_step_count=_STEPS,
            deadline=None,
            database=None,
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        machine = hypothesis.seed(seed)(make_machine(self))
        with suppress(SequenceError, hypothesis.errors.Flaky):
            run_state_machine_as_test(machine, settings=settings)

    @property
    def _is_spent(self) -> bool:
        """Whether no more requests are sent."""
        now = time.monotonic()
        if self._failed_at is not None:
            return now > self._failed_at + _SHRINK_S
        return now > self._started + _EXPLORE_S

    def begin(self) -> Journey:
        """A new sequence."""
        return Journey(self)

    def act(self, journey: Journey, act: Callable[[], Any]) -> None:
        """Do a step. Raises SequenceError where it, or the same before, has shown a bug."""
        steps = tuple(journey.steps)
        if steps not in self._known:
            if self._is_spent:
                return
            player = journey.player
            before = player.readings, player.events
            act()
            self._readings += player.readings - before[0]
            self._events += player.events - before[1]
            if not player.is_broken:
                return
            self._known[steps] = list(player.findings)
            self._failed_at = self._failed_at or time.monotonic()
        journey.is_over = True
        raise SequenceError(self._known[steps][0].headline)
