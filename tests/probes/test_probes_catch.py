"""Every broken service is caught, by the probe that is for it."""

from __future__ import annotations

from datetime import UTC, datetime

import broken_contract
import broken_loss
import broken_usage
import pytest
from broken_loss import BrokenService
from probe_kit import choose, list_red, play

from pytest_amberflo.probes.finding import Kind


def _list_broken() -> list[type[BrokenService]]:
    found: list[type[BrokenService]] = []
    for module in (broken_loss, broken_usage, broken_contract):
        for member in vars(module).values():
            members = member if isinstance(member, tuple) else (member,)
            found += [
                one
                for one in members
                if isinstance(one, type) and issubclass(one, BrokenService) and one not in found
            ]
    return [one for one in found if "caught_by" in vars(one)]


BROKEN = _list_broken()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_service_is_caught(broken: type[BrokenService]) -> None:
    """Its bug breaks the promise that is about it."""
    probes = choose(broken.caught_by)
    if broken.caught_by == "probe_":
        probes = choose("probe_accuracy")
    with broken() as service:
        gap = {"gap_s": 1.1, "fillers": 10} if broken.needs_gap else {}
        outcomes = play(service, probes, settle_s=0.1, **gap)
    red = list_red(outcomes)
    assert [one.kind for one in red if one.kind is Kind.FAILED], [one.text for one in outcomes]


@pytest.mark.parametrize("hour", [0, 2, 12])
@pytest.mark.parametrize(
    "broken",
    [one for one in BROKEN if one.__name__ in ("DaysByHour", "HoursByDay", "IgnoresInterval")],
    ids=lambda broken: broken.__name__,
)
def test_hours_and_days_are_told_apart_at_any_time(broken: type[BrokenService], hour: int) -> None:
    """Also where the event of a probe would lie in the first hour of a day."""
    now = datetime(2026, 11, 22, hour, 30, tzinfo=UTC)
    with broken() as service:
        probes = choose(broken.caught_by)
        outcomes = play(service, probes, settle_s=0.1, now_s=now.timestamp())
    assert any(one.kind is Kind.FAILED for one in list_red(outcomes))
