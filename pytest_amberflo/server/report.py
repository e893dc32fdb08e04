"""Answers to usage queries, in the published shape."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from pytest_amberflo.server.message import encode_json
from pytest_amberflo.server.record import EXACT
from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.server.aggregate import Group
    from pytest_amberflo.server.query import UsageQuery


def render_report(query: UsageQuery, groups: Iterable[Group]) -> bytes:
    """The JSON that answers a query: the meter to its groups, a group to its buckets.

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
            "records": [{str(start): _read_amount(amount)} for start, amount in group.amounts],
        }
        for group in groups
    ]
    report: dict[str, Any] = {"clientMeters": {query.meter: shown}}
    return encode_json(report)


def _read_amount(amount: float | None) -> float:
    if amount is None or not isfinite(amount):
        message = "The usage of a bucket is beyond what a JSON number holds (float64)"
        raise Refusal(400, "usage-too-large", message)
    if isinstance(amount, float) and amount.is_integer() and abs(amount) <= EXACT:
        return int(amount)
    return amount
