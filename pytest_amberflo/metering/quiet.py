"""How long senders that send later are listened to."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

#: However often something comes: so many times what it may take to settle, and a minute.
_LONGEST_TIMES: Final = 6
_LONGEST_S: Final = 60.0
#: So much more than was due is no sender that repeats itself, but one that does not stop.
_FLOOD_TIMES: Final = 20
_FLOOD_LEAST: Final = 100


class Hearing(Struct, frozen=True, kw_only=True):
    """What was heard so far. Moments are in seconds since 1970, UTC."""

    #: When the latest call was answered.
    called_s: float
    #: When each call was answered, and when each request to ingest came; in any order.
    calls_s: Sequence[float]
    arrivals_s: Sequence[float]
    #: Whether everything that is due has come.
    is_complete: bool
    #: Whether a request that met a fault may yet be sent again.
    is_retrying: bool = False


class Patience(Struct, frozen=True, kw_only=True):
    """How long is waited; times in seconds."""

    #: At least so long nothing may come before it is over.
    quiet_s: float
    #: So long may pass until something that is missing comes.
    settle_s: float
    #: So long may pass until what met a fault is sent again.
    retry_s: float

    def find_end(self, hearing: Hearing) -> float:
        """The moment at which the wait is over if nothing more comes.

        That is when nothing came for twice the longest gap that was seen, and at least for the
        time given; while something is missing, for as long as it may take to settle.
        """
        since = max([hearing.called_s, *hearing.arrivals_s])
        quiet_s = max(self.quiet_s, min(2 * self._find_gap(hearing), self.settle_s))
        if not hearing.is_complete:
            quiet_s = max(quiet_s, self.settle_s)
        if hearing.is_retrying:
            quiet_s = max(quiet_s, self.retry_s)
        return min(since + quiet_s, hearing.called_s + self.longest_s)

    @property
    def longest_s(self) -> float:
        """The longest that is listened after the latest call, whatever comes."""
        return max(_LONGEST_S, _LONGEST_TIMES * self.settle_s)

    def _find_gap(self, hearing: Hearing) -> float:
        """The longest time that something took to come, after a call or after what came before."""
        arrivals = set(hearing.arrivals_s)
        moments = sorted({*hearing.calls_s, *arrivals})
        gaps = [moment - before for before, moment in pairwise(moments) if moment in arrivals]
        return max(gaps, default=0.0)


def is_flood(due: int, came: int) -> bool:
    """Whether so many events came that no more need be waited for."""
    return came > max(_FLOOD_LEAST, _FLOOD_TIMES * due)
