"""The fixture `metering`, in tests that are written in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metering_service import Event, MeteringService

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest
    from pytest_run import Run

_FAST = ("--amberflo-settle=0.3", "--amberflo-hold=0")
_TEST = """
def test_usage(metering):
    other = metering.event(5, dimensions={"region": "eu"})
    first, second = metering.ingest(metering.event(3), other)
    metering.replay()
    metering.ingest_at_once()
    late = metering.event(0.5, time_ms=first.time_ms - 3 * 86400000)
    metering.ingest(late, metering.event(customer=metering.new_customer()), as_array=True)
    metering.replay(second, times=2)
    metering.eventually()
"""


class CountsCopies(MeteringService):
    """Knows no duplicates."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep everything."""
        self.stored.extend(events)


def test_what_is_sent_counts_once(pytester: pytest.Pytester, run: Run) -> None:
    """Single events, arrays, copies, late ones and those of another customer, offline."""
    pytester.makepyfile(_TEST)
    run().assert_outcomes(passed=1)


def test_copies_that_count_are_a_failure(pytester: pytest.Pytester, run_serially: Run) -> None:
    """The text has the numbers, the cause and the exchange, and no traceback of ours."""
    pytester.makepyfile(
        "def test_usage(metering):\n"
        "    metering.ingest(metering.event(3))\n"
        "    metering.replay()\n"
        "    metering.eventually()\n"
    )
    with CountsCopies() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *MeteringFailure: usage of meter api-calls: 3 expected, 6 seen. *",
            "E *usage of meter api-calls, customer pt-*, SUM by DAY",
            "E *????-??-??                         3             6            +3",
            "E *One record was counted twice: 3 at *",
            f"E *request   POST {wrong.url}/usage    X-API-KEY: ????",
        ]
    )


def test_a_copy_after_usage_was_right_is_looked_for(
    pytester: pytest.Pytester, run_serially: Run
) -> None:
    """What was seen before a replay says nothing about the replay."""
    pytester.makepyfile(
        "def test_usage(metering):\n"
        "    metering.ingest()\n"
        "    metering.eventually()\n"
        "    metering.replay()\n"
        "    metering.eventually()\n"
    )
    run_serially().assert_outcomes(passed=1)
    with CountsCopies() as wrong:
        run_serially("--amberflo-target", wrong.url, *_FAST).assert_outcomes(failed=1)


def test_an_event_that_nobody_asks_about_is_an_error(
    pytester: pytest.Pytester, run_serially: Run
) -> None:
    """Who sends and does not look has tested nothing; a test that failed is left alone."""
    pytester.makepyfile(
        "def test_silent(metering):\n    metering.ingest()\n\n"
        "def test_failed(metering):\n    metering.ingest()\n    assert False\n\n"
        "def test_unused(metering):\n    pass\n"
    )
    result = run_serially()
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["events were sent, and the test never called metering.eventually()"]
    )


def test_an_answer_that_breaks_its_description_fails(
    pytester: pytest.Pytester, run_serially: Run
) -> None:
    """Ingest and usage are held to the shipped description."""

    class Created(MeteringService):
        def send(self, handler: Any, status: int, data: Any, **more: Any) -> None:
            super().send(handler, 201, data, **more)

    pytester.makepyfile("def test_usage(metering):\n    metering.ingest()\n")
    with Created() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *response of ingestMeterEvents breaks its description*201*"])
