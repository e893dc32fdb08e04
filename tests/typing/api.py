"""How users annotate what the plugin gives them: checked by mypy, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo import (
    Check,
    CheckOutcome,
    ItemResult,
    MeteringWindow,
    Received,
    ServerControl,
    Target,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def metering_window() -> MeteringWindow:
    """A window of one's own."""
    return MeteringWindow(start_seconds=0, end_seconds=86400, event_millis=1000)


@pytest.fixture
def amberflo_inputs(amberflo_inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The last word on inputs."""
    return {**amberflo_inputs, "region": "eu"}


def test_target(amberflo_target: Target, amberflo_url: str) -> None:
    """A test of one's own may ask where it talks to."""
    url: str | None = amberflo_target.url
    is_live: bool = amberflo_target.is_live
    assert url is None or url == amberflo_url or is_live


def test_faults(amberflo_server: ServerControl) -> None:
    """A test of one's own may make the server fail."""
    number: int = amberflo_server.set_fault("status", status=429, customer=None, times=2)
    amberflo_server.remove_fault(number)
    arrived: Received = amberflo_server.wait_for(2, meterApiName="api-calls")
    assert arrived.events[0]["meterValue"] == 1


def pytest_amberflo_workflow_result(item: pytest.Item, result: ItemResult) -> None:
    """A hook of a conftest."""
    if result.verdict is Verdict.FAILED:
        failed: tuple[Check, ...] = result.failed_checks
        assert all(check.outcome is not CheckOutcome.PASSED for check in failed)


def pytest_amberflo_flush_emitter(item: pytest.Item) -> None:
    """A hook of a conftest: the service under test sends what it holds."""


def pytest_amberflo_restart_emitter(item: pytest.Item) -> object:
    """A hook of a conftest: the service under test is stopped and started."""
    return item
