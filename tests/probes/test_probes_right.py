"""A right service stays green, in every mood and at every time of day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from probe_kit import choose, list_red, play
from right_service import Mood, RightService

from pytest_amberflo.probes.finding import Kind

MOODS = {
    "impatient": Mood(
        lag_s=0.3, throttled=0.03, retry_after="0", lost=0.08, slow_s=0.005, zero_filled=True
    ),
    "free": Mood(
        drops_groupless=True,
        widens=False,
        week_start=6,
        one_record_a_bucket=True,
        is_keyed_by_window=True,
        adds_in_any_order=True,
    ),
}
MOMENTS = {
    "midnight": datetime(2026, 11, 22, tzinfo=UTC),
    "before-midnight": datetime(2026, 3, 28, 23, 59, 59, 999_000, tzinfo=UTC),
    "first-of-march": datetime(2028, 3, 1, 0, 30, tzinfo=UTC),
    "leap-day": datetime(2028, 2, 29, 12, 0, 1, tzinfo=UTC),
    "new-year": datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("name", MOODS)
def test_a_right_service_keeps_every_promise(name: str) -> None:
    """Lag, throttling, lost answers, slowness and what is free are no findings."""
    mood = MOODS[name]
    is_calm = not mood.lag_s
    # Random sequences wait for each of their readings, which takes long where usage lags.
    probes = [probe for probe in choose() if is_calm or not probe.is_model]
    with RightService(mood, seed=7) as service:
        outcomes = play(service, probes, settle_s=3.0, hold_s=0.0 if is_calm else 0.2)
    assert [one.text for one in list_red(outcomes)] == []
    skipped = {one.key: one.text for one in outcomes if one.kind is Kind.SKIPPED}
    assert skipped == {
        "probe_aggregation::minimum_of_a_bucket": "the description has no aggregation MIN",
        "probe_grouping::the_largest_groups": "the description has no take",
    }


@pytest.mark.parametrize("name", MOMENTS)
def test_no_time_of_day_is_a_finding(name: str) -> None:
    """Midnight, the ends of months and years and the leap day are times like any other."""
    moment = MOMENTS[name].timestamp()
    chapters = ("probe_time", "probe_aggregation", "events_of_several", "of_now", "just_now")
    with RightService() as service:
        outcomes = play(service, choose(*chapters), now_s=moment)
    assert [one.text for one in list_red(outcomes)] == []


def test_others_on_the_account_are_no_finding() -> None:
    """Others may write to the same meter, at the same time."""

    class SharedService(RightService):
        """Each event is followed by one of somebody else."""

        def ingest(self, account: str, body: bytes) -> tuple[int, object]:
            answer = super().ingest(account, body)
            for item in list(self.items[account])[-1:]:
                if item.meter == "api-calls":
                    other = type(item)(**{**vars(item), "customer": "somebody-else", "value": 99})
                    self.keep(account, other)
            return answer

    with SharedService() as service:
        chapters = ("probe_customers", "probe_grouping", "probe_idempotency", "probe_tenancy")
        outcomes = play(service, choose(*chapters))
    assert [one.text for one in list_red(outcomes)] == []
