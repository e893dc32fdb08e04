"""The time of a server: that of the machine, ahead of it by as much as somebody stepped."""

from __future__ import annotations

import time
from typing import Final

from pytest_amberflo.server.record import END_OF_TIME_MS

#: The furthest that a clock can be stepped to, in microseconds since 1970.
_LAST_US: Final = END_OF_TIME_MS * 1000 - 1


class ClockRangeError(ValueError):
    """A step leads back in time, or beyond the last year that dates are known for."""


class ServerClock:
    """The machine's clock and a lead on it; it never goes back.

    Belongs to the event loop's thread; other threads may read it.
    """

    def __init__(self, lead_us: int = 0) -> None:
        #: How far this clock is ahead of the machine's, in microseconds.
        self.lead_us = lead_us

    def now(self) -> float:
        """The moment, in seconds since 1970, UTC."""
        return self.now_us() / 1_000_000

    def now_us(self) -> int:
        """The moment, in microseconds since 1970, UTC."""
        return time.time_ns() // 1000 + self.lead_us

    def follow(self, lead_us: int) -> None:
        """Be as far ahead as another clock of the same store, if that is further."""
        self.lead_us = max(self.lead_us, lead_us)

    def advance(self, seconds: float) -> None:
        """Step forward. Raises ClockRangeError for a step back or beyond the year 9999."""
        try:
            step_us = round(seconds * 1_000_000)
        except (OverflowError, ValueError):
            raise ClockRangeError from None
        if step_us < 0 or self.now_us() + step_us > _LAST_US:
            raise ClockRangeError
        self.lead_us += step_us
