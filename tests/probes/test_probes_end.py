"""Whatever an endpoint does, the probes end, and say what could not be judged."""

from __future__ import annotations

import time
from typing import Any

from broken_loss import KeepsEverything
from probe_kit import choose, play
from right_service import Mood, RightService

from pytest_amberflo.probes.finding import Kind


class SilentService(RightService):
    """Takes requests and never answers."""

    def serve(self, handler: Any, body: bytes) -> None:
        time.sleep(3)
        handler.close_connection = True


def test_an_endpoint_that_never_answers_is_given_up() -> None:
    """After some requests without an answer no more are sent."""
    started = time.monotonic()
    with SilentService() as service:
        outcomes = play(service, choose(), timeout_s=0.2)
        assert service.requests < 60
    assert time.monotonic() - started < 20
    kinds = {one.kind for one in outcomes}
    assert kinds <= {Kind.ERROR, Kind.SKIPPED}
    assert "the endpoint does not answer" in outcomes[0].text


def test_an_endpoint_that_throttles_for_ever_is_given_up() -> None:
    """The wait that it asks for is longer than any budget."""
    with RightService(Mood(throttled=1.0, retry_after="3600")) as service:
        outcomes = play(service, choose("probe_accuracy"))
    assert {one.kind for one in outcomes} <= {Kind.ERROR, Kind.SKIPPED}
    assert "not judged: the service throttled" in outcomes[0].text


def test_the_texts_of_a_failure_hold_no_key() -> None:
    """Keys are masked, and the first line says what is wrong."""

    class DeafService(RightService):
        """Forgets everything."""

        def take(self, account: str, records: list[Any]) -> None:
            """Keep nothing."""

    with DeafService() as service:
        (outcome,) = play(service, choose("probe_accuracy::one_event"), settle_s=0.05)
    assert outcome.kind is Kind.FAILED
    headline = outcome.text.splitlines()[0]
    assert "2.5 expected, 0 seen" in headline
    assert "was lost: it was accepted (200) and is not counted" in headline
    assert "key-of-the-first-account" not in outcome.text


def test_a_random_sequence_is_shrunk_to_what_shows_the_bug() -> None:
    """The model test tells the smallest sequence of calls that it found, and its seed."""
    with KeepsEverything() as service:
        (outcome,) = play(service, choose("probe_model"), settle_s=0.05, seed=11)
    assert outcome.kind is Kind.FAILED
    lines = [line.strip() for line in outcome.text.splitlines()]
    first = lines.index("The smallest sequence of calls that shows it:") + 1
    steps = lines[first : lines.index("", first)]
    assert len(steps) <= 3
    assert steps[0].startswith("1. send value ")
    assert "Seed 11; again: --hypothesis-seed=11" in lines


def test_a_run_that_is_over_leaves_the_rest_unverified() -> None:
    """After the deadline nothing is sent, and nothing is green."""

    class Late:
        """A pace whose deadline has come."""

        is_over = True

        def wait_for_turn(self) -> None:
            """Do not wait."""

        def admit_events(self, number: int) -> None:
            """Take any number."""

    with RightService() as service:
        outcomes = play(service, choose("probe_accuracy"), pace=Late())
        assert service.requests == 0
    assert {one.kind for one in outcomes} == {Kind.UNVERIFIED}
    assert "the deadline of the run came" in outcomes[0].text
