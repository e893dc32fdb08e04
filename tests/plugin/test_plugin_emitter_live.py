"""What one's own service meters on the live service: judged by usage, now or later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emitter_service import CHAT, CHAT_WORKFLOW, Call, ChatService
from live_service import LiveName

from pytest_amberflo.server.behaviour import Behaviour
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_run import Run, Write

_ON_LIVE = (
    "--amberflo-target=live",
    "--amberflo-settle=1",
    "--amberflo-hold=0",
    "--amberflo-quiet=0.2",
    "--amberflo-rate=1000",
)


class SendsTwice(ChatService):
    """Sends the same record again, to be sure."""

    def meter(self, call: Call, event: dict[str, Any]) -> None:
        """Twice, as it is."""
        self.post(call, event)
        self.post(call, event)


class SendsNothing(ChatService):
    """Forgets what it has to meter."""

    def meter(self, call: Call, event: dict[str, Any]) -> None:
        """Nothing."""


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """A service that answers for the real one's name; its figures are fresh for an hour."""
    fresh = EmbeddedServer(["key-of-the-real-service"], behaviour=Behaviour(settle_s=3600))
    with fresh as server, LiveName(server) as name:
        name.set_up(monkeypatch)
        yield server


def _put(write: Write, service: ChatService) -> None:
    write("chat.yaml", CHAT.replace("URL", service.url))
    write("talk.arazzo.yaml", CHAT_WORKFLOW)


def test_right_usage_is_right_at_once(
    write: Write, run_serially: Run, live: EmbeddedServer
) -> None:
    """And usage that is missing is wrong at once."""
    ingest = f"--amberflo-input=ingest={live.url}"
    with ChatService() as service:
        _put(write, service)
        result = run_serially(*_ON_LIVE, ingest, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["* 1 event judged by usage alone: * usage 3 as expected*"])
    with SendsNothing() as service:
        _put(write, service)
        result = run_serially(*_ON_LIVE, ingest)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["usage of meter tokens: 3 expected, 0 seen.*"])


def test_copies_that_nobody_saw_are_judged_later(
    write: Write, run_serially: Run, live: EmbeddedServer
) -> None:
    """A retry is right, and fresh figures count it: only settled ones tell."""
    ingest = f"--amberflo-input=ingest={live.url}"
    with SendsTwice() as service:
        _put(write, service)
        result = run_serially(*_ON_LIVE, ingest, "--amberflo-ledger=ledger.jsonl")
        result.stdout.fnmatch_lines(["* 1 deferred to ledger.jsonl (due from *"])
        result = run_serially(*_ON_LIVE, ingest)
    result.stdout.fnmatch_lines(
        ["not judged: fresh figures of the real service may count copies *"]
    )


def test_a_key_that_is_refused_is_told(
    write: Write, run_serially: Run, live: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell then what usage is."""
    monkeypatch.setenv("AMBERFLO_API_KEY", "another-key")
    with ChatService() as service:
        _put(write, service)
        result = run_serially(*_ON_LIVE, f"--amberflo-input=ingest={live.url}")
    result.stdout.fnmatch_lines(
        [
            "step chat: usage could not be read: a query of our own is answered 401",
            "* 1 unverified *",
        ]
    )
