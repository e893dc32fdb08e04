"""Patience with a throttled service, and what got no answer."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.plugin_parts.part_kit import StepClock, make_exchange

from pytest_amberflo.http.exchange import parse_retry_after
from pytest_amberflo.patience import (
    THROTTLE_BUDGET_S,
    NotJudgedError,
    PatientClock,
    is_lost,
    read_throttle,
)

if TYPE_CHECKING:
    from pytest_amberflo.http.exchange import Exchange

NOW = 1_795_219_200.0


def throttle(status: int, retry_after: str | None = None) -> Exchange:
    """An answer of this status that asks to wait."""
    headers = () if retry_after is None else (("retry-AFTER", retry_after),)
    return make_exchange(status=status, headers=headers)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("Sat, 21 Nov 2026 00:00:30 GMT", 30.0),
        ("Saturday, 21-Nov-26 00:00:30 GMT", 30.0),
        ("Sat Nov 21 00:00:30 2026", 30.0),
        ("Sat, 21 Nov 2026 01:00:30 +0100", 30.0),
        ("Fri, 20 Nov 2026 23:59:59 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("soon", None),
        ("\u0663", None),
        ("\u00b2", None),
        ("1, 2", None),
        ("Sat, 99 Foo 2026 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, expected: float | None) -> None:
    """Both forms are understood, a moment that is over is now, anything else is no form."""
    assert parse_retry_after(value, NOW) == expected


@given(st.text(alphabet='MonTueJanDec 0123456789:,-+GMTUC()\\"', max_size=30))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_retry_after_is_read_without_a_crash(value: str) -> None:
    """Whatever a service writes there, it is a time from now on or none."""
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


def test_too_many_requests_throttles_as_long_as_it_says() -> None:
    """429 is waited for, by its header where it has one that is understood."""
    assert read_throttle(throttle(429, "7"), 0) == 7.0
    assert read_throttle(throttle(429, "7"), 5) == 7.0
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    asked = read_throttle(throttle(429, date), 0)
    assert asked is not None
    assert 90 < asked <= 100


@pytest.mark.parametrize("value", [None, "soon", ""])
def test_too_many_requests_without_a_time_waits_longer_each_turn(value: str | None) -> None:
    """Where 429 does not say how long, waits double from half a second to eight."""
    waits = [read_throttle(throttle(429, value), turn) for turn in range(7)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_unavailable_throttles_only_if_it_says_how_long() -> None:
    """503 with a time is throttling; without one, or with one that is none, it is a failure."""
    assert read_throttle(throttle(503, "3"), 4) == 3.0
    assert read_throttle(throttle(503), 0) is None
    assert read_throttle(throttle(503, "later"), 0) is None


@pytest.mark.parametrize("status", [200, 202, 301, 400, 403, 408, 425, 500, 502, 504])
def test_no_other_answer_throttles(status: int) -> None:
    """`Retry-After` on any other answer is not waited for."""
    assert read_throttle(throttle(status, "3"), 0) is None


def test_no_answer_is_no_throttling() -> None:
    """What got no answer was not throttled."""
    assert read_throttle(make_exchange(status=None), 0) is None


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (make_exchange(status=200), False),
        (make_exchange(status=202), False),
        (make_exchange(status=429), False),
        (make_exchange(status=499), False),
        (make_exchange(status=500), True),
        (make_exchange(status=503), True),
        (make_exchange(status=599), True),
        (make_exchange(status=None, sent=True), True),
        (make_exchange(status=None, sent=False), False),
    ],
)
def test_lost_is_what_got_no_answer_that_tells(exchange: Exchange, expected: bool) -> None:  # noqa: FBT001
    """No answer after sending, or a 5xx; what was never sent is not lost."""
    assert is_lost(exchange) is expected


def make_clock() -> tuple[PatientClock, StepClock]:
    """A patient clock over one that only the test moves."""
    beneath = StepClock()
    return PatientClock(monotonic=beneath.now, pause=beneath.sleep), beneath


def test_the_clock_stands_while_throttled() -> None:
    """Time for a throttled service is not counted, all other time is."""
    clock, beneath = make_clock()
    started = clock.now()
    clock.sleep(2.0)
    clock.wait_throttled(20.0)
    clock.wait_throttled(5.0)
    clock.sleep(1.0)
    assert clock.now() - started == 3.0
    assert beneath.pauses == [2.0, 20.0, 5.0, 1.0]
    assert clock.throttled_s == 25.0


def test_the_clock_counts_what_a_wait_really_took() -> None:
    """A wait that lasts longer than asked for is not counted at all."""
    beneath = StepClock()
    clock = PatientClock(monotonic=beneath.now, pause=lambda s: beneath.sleep(s + 0.5))
    started = clock.now()
    clock.wait_throttled(2.0)
    assert (clock.throttled_s, clock.now() - started) == (2.5, 0.0)


def test_the_budget_may_be_spent_to_the_last_second() -> None:
    """Exactly the budget is waited for; the error for more says what was and what is asked."""
    clock, beneath = make_clock()
    clock.wait_throttled(45.0)
    clock.wait_throttled(THROTTLE_BUDGET_S - 45.0)
    with pytest.raises(NotJudgedError) as caught:
        clock.wait_throttled(30.0)
    assert str(caught.value) == (
        "not judged: the service throttled; 60 s of 60 s were waited, and it asks for 30 s more"
    )
    assert (caught.value.waited_s, caught.value.asked_s) == (60.0, 30.0)
    assert beneath.pauses == [45.0, 15.0]


@pytest.mark.parametrize("asked", [60.1, 3600.0, float("inf")])
def test_more_than_the_budget_is_not_waited_for_at_all(asked: float) -> None:
    """A service that asks for too long is not waited for in part."""
    clock, beneath = make_clock()
    with pytest.raises(NotJudgedError):
        clock.wait_throttled(asked)
    assert beneath.pauses == []


@pytest.mark.parametrize("value", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_service_that_throttles_without_a_wait_is_given_up(value: str) -> None:
    """A service that always says `Retry-After: 0` uses the budget up in some hundred turns."""
    clock, _ = make_clock()

    def ask(turns: int) -> None:
        for turn in range(turns):
            wait = read_throttle(throttle(429, value), turn)
            assert wait is not None
            clock.wait_throttled(wait)

    with pytest.raises(NotJudgedError):
        ask(1000)


def test_a_date_beyond_all_years_is_no_form() -> None:
    """A year of eleven digits is garbage, not a crash."""
    assert parse_retry_after("Wed, 21 Oct 99999999999 07:28:00 GMT", NOW) is None
