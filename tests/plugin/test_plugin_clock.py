"""Services whose clock is not that of this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
from live_service import LiveName

from pytest_amberflo.http.client import Client
from pytest_amberflo.http.exchange import Exchange, Request, Response
from pytest_amberflo.http.redact import Redactor
from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.service_clock import ask_offset, read_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_run import Run

_ON_LIVE = ("--amberflo-target=live", "--amberflo-settle=1", "--amberflo-hold=0")
_WINDOW = """
import time

def test_window(metering_window, metering):
    ahead_s = metering_window.event_millis / 1000 - time.time()
    assert {low} < ahead_s < {high}, ahead_s
    metering.ingest()
    metering.eventually()
"""


def _advance(server: EmbeddedServer, seconds: float) -> None:
    headers = {"X-Control-Token": "control"}
    answer = httpx.post(f"{server.url}/control/clock", json={"advance": seconds}, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """The real service's name, on this machine, with a clock that can be stepped."""
    keys = ("key-of-the-real-service",)
    with EmbeddedServer(keys, control_token="control") as server, LiveName(server) as name:
        name.set_up(monkeypatch)
        yield server


def test_windows_follow_the_clock_of_the_service(
    run: Run, live: EmbeddedServer, pytester: pytest.Pytester
) -> None:
    """A clock that is far off is said, once, and events are made for it."""
    _advance(live, 3 * 86400)
    pytester.makepyfile(test_hand=_WINDOW.format(low=2 * 86400, high=3 * 86400))
    result = run(*_ON_LIVE, "test_hand.py")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*amberflo: the clock of app.amberflo.io is 259[12][09]? s ahead of this machine's, *"]
    )


def test_clocks_that_nearly_agree_are_this_machines(
    run_serially: Run, live: EmbeddedServer, pytester: pytest.Pytester
) -> None:
    """Events lie a little in the past, so a few seconds need no word."""
    _advance(live, 20)
    pytester.makepyfile(test_hand=_WINDOW.format(low=-2 * 86400, high=0))
    run_serially(*_ON_LIVE, "test_hand.py").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("Sun, 22 Nov 2026 00:01:40 GMT", 100.0),
        ("Sun, 22 Nov 2026 01:01:40 +0100", 100.0),
        ("Saturday, 21-Nov-26 23:59:00 GMT", -60.0),
        ("", None),
        ("yesterday", None),
    ],
)
def test_the_date_of_an_answer_tells_the_offset(date: str, offset: float | None) -> None:
    """In the middle of the exchange; a `Date` that is none tells nothing."""
    exchange = Exchange(
        request=Request(method="GET", url="http://x/", headers=(), body=None),
        response=Response(status=404, headers=(("DATE", date),), body=b""),
        started_at=1_795_305_600.0 - 0.5,
        elapsed_s=2.0,
    )
    assert read_offset(exchange) == offset


def test_nobody_there_tells_nothing() -> None:
    """Whoever asks next will say what is wrong."""
    started = time.monotonic()
    with_nobody = ask_offset(Client(Redactor(), user_agent="t"), "http://127.0.0.1:9", "127.0.0.1")
    assert with_nobody is None
    assert time.monotonic() - started < 10
