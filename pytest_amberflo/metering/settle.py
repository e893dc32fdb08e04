"""Waiting for usage: polls until it is right, watches it, and stops as soon as it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.metering.expect import Judgement, Status
from pytest_amberflo.metering.number import add_exactly, subtract

if TYPE_CHECKING:
    from collections.abc import Callable

#: The note of a reading that showed too little until the end.
NOTHING_MORE: Final = "nothing more came"
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 1.0
#: What may stay so. Fresh figures go from one to the other as copies come and go.
_GOOD: Final = (Status.RIGHT, Status.DEFERRED)


class Clock(Protocol):
    """Time that only moves forward, in seconds."""

    def now(self) -> float:
        """The present moment."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Settled(Struct, frozen=True, kw_only=True):
    """How waiting ended. Times in seconds from the start of waiting."""

    judgement: Judgement
    readings: int
    #: When the first right reading came, or one that may turn out right; None where none did.
    right_after_s: float | None
    waited_s: float
    #: Whether the first reading was right already: then it may have been so for long.
    was_right_at_once: bool = False
    #: Whether a right reading was followed by one that is not.
    has_changed: bool = False
    #: Readings that showed less than one before them.
    backward: int = 0


def wait_until_settled(
    poll: Callable[[], Judgement | None],
    clock: Clock,
    *,
    settle_s: float,
    hold_s: float,
) -> Settled | None:
    """The end of waiting for usage to be right and to stay so.

    Too little: poll again, with growing pauses, until `settle_s` is over. Wrong: end at once.
    Right: go on for `hold_s`, and end at the first reading that is right no more; a reading that
    can be judged only later is watched like a right one. `poll` returns None when an answer
    cannot be judged; so does this function then. Time that the clock does not count (waits for a
    throttled service) does not shorten `settle_s`.
    """
    started = clock.now()
    right_at: float | None = None
    was_right_at_once = False
    readings, backward = 0, 0
    pause = _FIRST_PAUSE_S
    most_seen = None
    while True:
        judgement = poll()
        readings += 1
        now = clock.now()
        if judgement is None:
            return None
        seen = add_exactly([row.seen.copy_abs() for row in judgement.rows])
        # Later ones are a change of what was right, and fail.
        if right_at is None and most_seen is not None:
            slack = add_exactly([row.tolerance for row in judgement.rows])
            backward += subtract(most_seen, seen) > slack
        most_seen = seen
        if judgement.status in _GOOD:
            was_right_at_once = was_right_at_once or readings == 1
            right_at = now if right_at is None else right_at
            left = right_at + hold_s - now
        else:
            left = started + settle_s - now if right_at is None else 0.0
            is_final = judgement.status is not Status.PARTIAL
            left = 0.0 if is_final else left
        if left <= 0:
            return Settled(
                judgement=_close(judgement, has_changed=right_at is not None),
                readings=readings,
                right_after_s=None if right_at is None else right_at - started,
                waited_s=now - started,
                was_right_at_once=was_right_at_once,
                has_changed=right_at is not None and judgement.status not in _GOOD,
                backward=int(backward),
            )
        clock.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def _close(judgement: Judgement, *, has_changed: bool) -> Judgement:
    """The last reading's judgement: what was to come and did not is wrong now."""
    if judgement.status is Status.PARTIAL:
        note = "it was right before, and is no more" if has_changed else NOTHING_MORE
        return replace(judgement, status=Status.WRONG, notes=(*judgement.notes, note))
    return judgement
