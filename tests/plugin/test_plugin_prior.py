"""Customers that the user gave: what they had used before is not taken for ours."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from metering_service import Event, MeteringService
from workflow_text import INGEST_AND_QUERY, edit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_run import Run, Write

_FIXED = ("--amberflo-input=customerId=acme", "--amberflo-settle=0.3", "--amberflo-hold=0")


@pytest.fixture(autouse=True)
def _workflow(write: Write) -> None:
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)


class HasUsage(MeteringService):
    """Somebody has used this account today."""

    def __init__(self) -> None:
        super().__init__()
        now = int(time.time() * 1000)
        common = {"meterApiName": "api-calls", "customerId": "acme", "meterTimeInMillis": now}
        self.stored = [common | {"meterValue": value} for value in (7, 0.1, 0.2)]


class HasUsageAndDoubles(HasUsage):
    """Counts every new event twice."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep two of each."""
        for event in events:
            self.stored += [event, event]


class HasUsageAndLoses(HasUsage):
    """Forgets new events."""

    def store(self, events: Iterable[Event]) -> None:
        """Keep none."""


class AddsInAnyOrder(HasUsage):
    """Has had a thousand fractions, and adds them as they come out of many places at once."""

    def __init__(self) -> None:
        super().__init__()
        self.order = random.Random(7)
        self.stored += [self.stored[0] | {"meterValue": n / 100} for n in range(1000)]

    def add_up(self, values: list[float]) -> float:
        """Never the same to the last digit."""
        return super().add_up(self.order.sample(values, len(values)))


class AddsInAnyOrderLate(AddsInAnyOrder):
    """The same, and shows events only after it was asked three times."""

    asked = 0

    def visible(self) -> list[Event]:
        """What has been stored for a while."""
        found = super().visible()
        self.asked += len(found) > 1003
        return found[:1003] if self.asked < 4 else found


class AddsAndDoubles(AddsInAnyOrder, HasUsageAndDoubles):
    """The same, and counts every new event twice."""


class IsBusy(HasUsage):
    """Somebody else uses the customer all the time."""

    def report(self, query: dict[str, Any]) -> Any:
        """One event more each time."""
        self.stored.append(self.stored[0] | {"uniqueId": str(len(self.stored))})
        return super().report(query)


def test_earlier_usage_is_no_finding(run: Run) -> None:
    """What was there before is subtracted, per bucket."""
    with HasUsage() as service:
        run("--amberflo-target", service.url, *_FIXED).assert_outcomes(passed=1)


@pytest.mark.parametrize("aggregation", ["MAX", "COUNT"])
def test_earlier_usage_is_known_to_every_aggregation(
    write: Write, run_serially: Run, aggregation: str
) -> None:
    """A maximum of before stays one; copies and losses are looked for with queries of our own."""
    changed = edit(INGEST_AND_QUERY, ("aggregation: SUM", f"aggregation: {aggregation}"))
    write("ingest.arazzo.yaml", changed)
    with HasUsage() as service:
        run_serially("--amberflo-target", service.url, *_FIXED).assert_outcomes(passed=1)
    with HasUsageAndLoses() as wrong:
        run_serially("--amberflo-target", wrong.url, *_FIXED).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("service", "line"),
    [
        (HasUsageAndDoubles, "  ????-??-??                       9.8          12.3          +2.5"),
        (HasUsageAndLoses, "  ????-??-??                       9.8           7.3          -2.5"),
    ],
)
def test_faults_show_above_earlier_usage(
    run_serially: Run, service: type[MeteringService], line: str
) -> None:
    """A copy and a loss are found beside what was there before."""
    with service() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FIXED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([line])


@pytest.mark.parametrize("service", [AddsInAnyOrder, AddsInAnyOrderLate])
def test_the_last_digits_of_earlier_usage_are_no_news(
    run_serially: Run, service: type[MeteringService]
) -> None:
    """A service may add in another order each time: nobody wrote, and nothing was lost."""
    with service() as right:
        result = run_serially("--amberflo-target", right.url, *_FIXED)
    result.assert_outcomes(passed=1)


def test_a_copy_is_found_below_the_last_digits(run_serially: Run) -> None:
    """What is seen is twice the event but for these digits, and that is what is said."""
    with AddsAndDoubles() as wrong:
        result = run_serially("--amberflo-target", wrong.url, *_FIXED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["  One record was counted twice: 2.5 at * It was sent once. The service must keep *"]
    )


def test_another_writer_is_refused(run_serially: Run) -> None:
    """Usage that moves before anything was sent cannot be judged; nothing is sent."""
    with IsBusy() as service:
        result = run_serially("--amberflo-target", service.url, *_FIXED)
        assert [path for _, path, *_ in service.requests if path.endswith("ingest")] == []
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*usage changes although nothing was sent yet: * Another writer is at work; *"]
    )


def test_two_items_of_one_customer(write: Write, run_serially: Run) -> None:
    """The second item takes what the first sent for granted."""
    write("more.arazzo.yaml", INGEST_AND_QUERY)
    with HasUsage() as service:
        result = run_serially("--amberflo-target", service.url, *_FIXED)
    result.assert_outcomes(passed=2)
