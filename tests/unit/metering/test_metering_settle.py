"""Waiting for usage on a clock that only the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.metering.metering_kit import (
    DAY,
    judge_events,
    make_event,
    make_query,
    make_reading,
    read_acme,
)

from pytest_amberflo.metering.expect import Judgement, Status
from pytest_amberflo.metering.settle import Settled, wait_until_settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RIGHT, PARTIAL, WRONG, BLIND = Status.RIGHT, Status.PARTIAL, Status.WRONG, Status.BLIND
EVENTS = [make_event(1), make_event(2), make_event(4)]
ONCE_RIGHT = "it was right before, and is no more"


class Clock:
    """A clock that moves when something sleeps, or when a reading is said to take time."""

    def __init__(self) -> None:
        self.moment = 100.0
        self.pauses: list[float] = []

    def now(self) -> float:
        """The present moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.pauses.append(seconds)
        self.moment += seconds


def judge(seen: float | str) -> Judgement:
    """The judgement of a reading of 7 that shows this."""
    return judge_events(read_acme(seen), EVENTS)


def wait(
    show: Callable[[float], float | str | None],
    *,
    settle_s: float = 60.0,
    hold_s: float = 0.0,
    takes_s: float = 0.0,
) -> tuple[Settled | None, Clock]:
    """Wait for a service that shows a number at each moment of waiting; None breaks off."""
    clock = Clock()
    started = clock.now()

    def poll() -> Judgement | None:
        seen = show(clock.now() - started)
        clock.moment += takes_s
        return None if seen is None else judge(seen)

    return wait_until_settled(poll, clock, settle_s=settle_s, hold_s=hold_s), clock


def settle(
    show: Callable[[float], float | str | None],
    *,
    settle_s: float = 60.0,
    hold_s: float = 0.0,
    takes_s: float = 0.0,
) -> Settled:
    """How waiting ends where every answer can be judged."""
    settled, _ = wait(show, settle_s=settle_s, hold_s=hold_s, takes_s=takes_s)
    assert settled is not None
    return settled


def test_a_right_reading_ends_waiting_at_once() -> None:
    """Without a hold, the first right reading is the last, and nothing is waited for."""
    settled, clock = wait(lambda _: 7)
    assert settled is not None
    assert (settled.judgement.status, settled.readings, settled.has_changed) == (RIGHT, 1, False)
    assert (settled.right_after_s, settled.waited_s, clock.pauses) == (0.0, 0.0, [])


@pytest.mark.parametrize("lag_s", [0.005, 0.3, 5.0, 59.5])
def test_usage_that_lags_is_waited_for(lag_s: float) -> None:
    """Too little is polled again until it is right, and not much longer."""
    settled = settle(lambda at: 7 if at >= lag_s else 3)
    assert settled.judgement.status is RIGHT
    assert settled.right_after_s is not None
    assert lag_s <= settled.right_after_s <= lag_s + min(1.0, lag_s + 0.01)
    assert settled.waited_s == settled.right_after_s


@pytest.mark.parametrize("seen", [0, 3])
def test_usage_that_never_comes_is_wrong_when_time_is_over(seen: int) -> None:
    """What is missing at the end of the time is lost, and the last reading is at the end."""
    settled = settle(lambda _: seen, settle_s=20.0)
    assert (settled.judgement.status, settled.judgement.notes) == (WRONG, ("nothing more came",))
    assert (settled.right_after_s, settled.has_changed) == (None, False)
    assert settled.waited_s == pytest.approx(20.0)


@pytest.mark.parametrize("seen", ["14", "7.5", "-7"])
def test_wrong_usage_ends_waiting_at_once(seen: str) -> None:
    """Too much, and what nothing explains, is not waited for."""
    settled = settle(lambda _: seen)
    assert (settled.judgement.status, settled.readings, settled.waited_s) == (WRONG, 1, 0.0)
    assert settled.judgement.notes == ()


def test_too_much_after_too_little_ends_waiting() -> None:
    """An overshoot is wrong as soon as it is seen, long before time is over."""
    settled = settle(lambda at: 3 if at < 2 else 8)
    assert settled.judgement.status is WRONG
    assert 2 <= settled.waited_s <= 3
    assert settled.right_after_s is None


def test_right_usage_is_watched() -> None:
    """A right answer is read on for as long as it is held, from the first right reading."""
    settled = settle(lambda at: 7 if at >= 1 else 0, hold_s=3.0)
    assert (settled.judgement.status, settled.has_changed) == (RIGHT, False)
    assert settled.right_after_s is not None
    assert 1 <= settled.right_after_s <= 2
    assert settled.waited_s == pytest.approx(settled.right_after_s + 3.0)
    assert settled.readings >= 5


@pytest.mark.parametrize(
    ("later", "notes"), [("14", ()), ("3", (ONCE_RIGHT,)), ("0", (ONCE_RIGHT,))]
)
def test_a_change_while_watched_fails(later: str, notes: tuple[str, ...]) -> None:
    """Right usage that becomes more or less is wrong at once: it must stay right."""
    settled = settle(lambda at: 7 if at < 1 else later, hold_s=5.0)
    assert (settled.judgement.status, settled.judgement.notes) == (WRONG, notes)
    assert (settled.right_after_s, settled.has_changed) == (0.0, True)
    assert 1 <= settled.waited_s <= 2


def test_watching_goes_on_after_the_time_for_settling() -> None:
    """What became right at the last moment is held as long as anything else."""
    settled = settle(lambda at: 7 if at >= 9.9 else 3, settle_s=10.0, hold_s=4.0)
    assert settled.judgement.status is RIGHT
    assert settled.waited_s == pytest.approx(14.0, abs=0.2)


def test_a_change_at_the_last_moment_of_watching_is_seen() -> None:
    """The last reading is at the end of the hold, not before it."""
    settled = settle(lambda at: 7 if at < 2.99 else 14, hold_s=3.0)
    assert (settled.judgement.status, settled.has_changed) == (WRONG, True)


def test_an_answer_that_cannot_be_judged_ends_waiting() -> None:
    """None stops the polls; nothing is concluded, also after readings that were judged."""
    for first in (None, 3):
        settled, clock = wait(lambda at, first=first: first if at == 0 else None)  # type: ignore[misc]
        assert settled is None
        assert len(clock.pauses) == (0 if first is None else 1)


def test_a_reading_that_says_nothing_ends_waiting() -> None:
    """Where nothing can be concluded, more readings do not help."""
    clock = Clock()
    others = make_reading({(): {DAY: 9}})
    blind = judge_events(others, EVENTS, make_query(customers=None, group_by=()))
    settled = wait_until_settled(lambda: blind, clock, settle_s=60.0, hold_s=5.0)
    assert settled is not None
    assert (settled.judgement, settled.readings) == (blind, 1)


def test_no_time_to_settle_is_one_reading() -> None:
    """With no time at all, the first reading decides."""
    assert settle(lambda _: 3, settle_s=0.0).readings == 1
    assert settle(lambda _: 3, settle_s=0.0).judgement.status is WRONG
    assert settle(lambda _: 7, settle_s=0.0).judgement.status is RIGHT


def test_pauses_grow_and_are_bounded() -> None:
    """Polls start fast, slow down, never pause longer than a second, and are not too many."""
    _, clock = wait(lambda _: 3, settle_s=60.0)
    assert clock.pauses[0] <= 0.05
    assert max(clock.pauses) <= 1.0
    assert clock.pauses[:-1] == sorted(clock.pauses[:-1])
    assert 60 <= len(clock.pauses) <= 80


def test_waiting_never_sleeps_beyond_its_end() -> None:
    """The last pause is cut to the end of the time."""
    _, clock = wait(lambda _: 3, settle_s=2.5)
    assert sum(clock.pauses) == pytest.approx(2.5)
    settled, _ = wait(lambda _: 7, hold_s=1.75)
    assert settled is not None
    assert settled.waited_s == pytest.approx(1.75)


def test_slow_answers_count_as_time() -> None:
    """Readings that take seconds use the time up; the last one is after the end."""
    settled = settle(lambda _: 3, settle_s=10.0, takes_s=4.0)
    assert settled.judgement.status is WRONG
    assert settled.readings == 3
    assert settled.waited_s >= 10.0


def test_time_that_the_clock_does_not_count_is_not_waited() -> None:
    """While a throttled service is waited for the clock stands, and time to settle stays."""
    clock = Clock()
    throttled = iter([30.0, 30.0, 0.0, 0.0, 0.0])
    seen: Sequence[int] = [3, 3, 3, 3, 7]
    polled: list[int] = []
    really = 0.0

    def poll() -> Judgement:
        nonlocal really
        really += next(throttled)
        polled.append(seen[len(polled)])
        return judge(polled[-1])

    settled = wait_until_settled(poll, clock, settle_s=1.0, hold_s=0.0)
    assert settled is not None
    assert (settled.judgement.status, settled.readings, really) == (RIGHT, 5, 60.0)


def test_readings_that_go_backward_are_counted() -> None:
    """Before the first right reading, showing less than before is a replica's lag, and noted."""
    shown = iter([3, 1, 3, 2, 6, 7])
    settled = settle(lambda _: next(shown))
    assert (settled.judgement.status, settled.backward) == (RIGHT, 2)
    shown = iter([1, 1, 3, 7])
    assert settle(lambda _: next(shown)).backward == 0
