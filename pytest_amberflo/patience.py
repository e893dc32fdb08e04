"""Waiting for a throttled service, and sending again what got no answer.

Only requests to the metering service are treated so; all other retrying is what the document
says. Both are counted, and a user can turn either into a failure.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from pytest_amberflo.http.exchange import find_header, parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.http.exchange import Exchange

THROTTLE_BUDGET_S: Final = 60.0
MOST_RESENDS: Final = 3
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 8.0
#: A service that asks for no wait at all would be asked for ever: the budget is one of waits.
_LEAST_WAIT_S: Final = 0.25


class NotJudgedError(Exception):
    """The service throttled for longer than the budget allows."""

    def __init__(self, waited_s: float, asked_s: float) -> None:
        super().__init__(waited_s, asked_s)
        self.waited_s = waited_s
        self.asked_s = asked_s

    def __str__(self) -> str:
        """What was waited and what more was asked for."""
        return (
            f"not judged: the service throttled; {self.waited_s:.0f} s of "
            f"{THROTTLE_BUDGET_S:.0f} s were waited, and it asks for {self.asked_s:.0f} s more"
        )


class PatientClock(Struct):
    """A clock that stands still while a throttled service is waited for."""

    monotonic: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    #: What is left of the whole run's time, in seconds.
    seconds_left: Callable[[], float] = lambda: math.inf
    throttled_s: float = field(default=0.0)

    def now(self) -> float:
        """The moment, without the time that throttling took."""
        return self.monotonic() - self.throttled_s

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end of the run."""
        self.pause(min(seconds, self.seconds_left()))

    def wait_throttled(self, seconds: float) -> None:
        """Wait for a throttled service. Raises NotJudgedError where the budget is spent."""
        if self.throttled_s + seconds > THROTTLE_BUDGET_S or seconds > self.seconds_left():
            raise NotJudgedError(self.throttled_s, seconds)
        started = self.monotonic()
        self.pause(seconds)
        self.throttled_s += self.monotonic() - started


def read_throttle(exchange: Exchange, turn: int) -> float | None:
    """How long to wait before a throttled request is sent again, in seconds, or None.

    429 always throttles, 503 with `Retry-After`; `turn` counts from 0 and lengthens the wait
    where the service does not say how long. A wait is never so short that the budget of waits
    would not end.
    """
    response = exchange.response
    if response is None or response.status not in (429, 503):
        return None
    value = find_header(response.headers, "retry-after")
    asked = None if value is None else parse_retry_after(value)
    if asked is not None:
        return max(asked, _LEAST_WAIT_S)
    if response.status == 503:
        return None
    return min(_FIRST_WAIT_S * 2.0**turn, _LONGEST_WAIT_S)


def is_lost(exchange: Exchange) -> bool:
    """Whether a request got no answer that says what became of it: none at all, or a 5xx."""
    if exchange.response is not None:
        return exchange.response.status >= 500
    return exchange.failure is not None and exchange.failure.sent
