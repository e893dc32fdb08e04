"""Manners and limits of a run: the time it may take, what it may send, and how fast."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.metering.settle import Settled
    from pytest_amberflo.settings import Settings


class TooManyEventsError(Exception):
    """More events would be sent than the user allows; `most` is the limit of this process."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most

    def __str__(self) -> str:
        """The limit, and what raises it."""
        return (
            f"not sent: the target is not on this machine, and {self.most} events are the most "
            "that may be sent to it. To send more: --amberflo-max-events N"
        )


class Pace:
    """The limits of one process's share of a run; `workers` processes share them evenly.

    `started_s` is when the run began, UTC in seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        started_s: float,
        workers: int = 1,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._started_s = started_s
        self._workers = max(1, workers)
        self._clock = clock
        self._pause = pause
        self._events = 0
        self._next_at = 0.0
        self._slowest_s = 0.0
        self._has_waited_in_vain = False

    @property
    def seconds_left(self) -> float:
        """What is left of the run's deadline; infinite without one, 0 when it is over."""
        limit = self._settings.deadline_s
        if limit is None:
            return math.inf
        return max(0.0, self._started_s + limit - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether the deadline has come."""
        return self.seconds_left <= 0

    @property
    def settle_s(self) -> float:
        """How long usage may take to show, in seconds, the deadline aside.

        When it was once waited for in vain, the next wait is shorter: twice as long as it ever
        took, at least a quarter of what the user set.
        """
        patience_s = self._settings.settle_s
        if self._has_waited_in_vain:
            patience_s = min(patience_s, max(patience_s / 4, 2 * self._slowest_s))
        return patience_s

    def note_settled(self, settled: Settled | None) -> None:
        """Learn from a wait how long the next may take."""
        if settled is not None and settled.right_after_s is not None:
            self._slowest_s = max(self._slowest_s, settled.right_after_s)
        elif settled is not None and settled.waited_s >= self._settings.settle_s > 0:
            self._has_waited_in_vain = True

    def admit_events(self, number: int) -> None:
        """Count events before they are sent. Raises TooManyEventsError."""
        self._events += number
        most = self._settings.max_events
        if most is not None and self._events > math.ceil(most / self._workers):
            raise TooManyEventsError(most)

    def wait_for_turn(self) -> None:
        """Wait until the next request to a target off this machine may be sent."""
        rate = self._settings.rate
        if rate is None:
            return
        wait = self._next_at - self._clock()
        if wait > 0:
            self._pause(wait)
        self._next_at = max(self._clock(), self._next_at) + self._workers / rate
