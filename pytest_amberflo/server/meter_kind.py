"""What a meter counts."""

from __future__ import annotations

from enum import StrEnum


class MeterKind(StrEnum):
    """The types of meters that this server counts, by their official names.

    `sum_of_all_usage` and `active_users` are known to be the real service's; the other two are
    the published names in official spelling, so that every meter can be told in both forms.
    """

    SUM = "sum_of_all_usage"
    MAX = "max_in_period"
    UNIQUE_CUSTOMERS = "unique_customers_count"
    ACTIVE_USERS = "active_users"

    @property
    def published(self) -> str | None:
        """The type in the published form; there is none for active users."""
        return None if self is MeterKind.ACTIVE_USERS else self.value.upper()

    @property
    def aggregation(self) -> str:
        """How the official form names what such a meter is read as."""
        return {MeterKind.SUM: "sum", MeterKind.MAX: "max"}.get(self, "count")

    @property
    def is_unique(self) -> bool:
        """Whether different values are counted and not events."""
        return self in (MeterKind.UNIQUE_CUSTOMERS, MeterKind.ACTIVE_USERS)
