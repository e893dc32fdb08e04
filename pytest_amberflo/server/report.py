"""Answers to usage queries, in the published shape."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from pytest_amberflo.server.record import EXACT
from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.server.aggregate import Group
    from pytest_amberflo.server.query import UsageQuery


def build_report(query: UsageQuery, groups: Iterable[Group]) -> dict[str, Any]:
    """The answer to a query: the meter to its groups, a group to its buckets.

    Amberflo's published description has this shape; the real service is known to answer with a
    list of groups and to fill empty buckets with 0. Raises Refusal for an amount beyond float64.
    """
    shown = [
        {
            "groupInfo": {
                name: value
                for name, value in zip(query.group_by, group.values, strict=True)
                if value is not None
            },
            "records": [{str(start): read_amount(amount)} for start, amount in group.amounts],
        }
        for group in groups
    ]
    return {"clientMeters": {query.meter: shown}}


def read_amount(amount: float | None) -> float:
    """An amount as it is answered; whole ones without a fraction. Raises Refusal (400)."""
    if amount is None or not isfinite(amount):
        message = "The usage of a bucket is beyond what a JSON number holds (float64)"
        raise Refusal(400, "usage-too-large", message)
    if isinstance(amount, float) and amount.is_integer() and abs(amount) <= EXACT:
        return int(amount)
    return amount
