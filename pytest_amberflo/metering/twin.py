"""Twins: different things that a sender did, and one record of both.

A service rightly takes equal records for one. That is no loss of the service: the events have
nothing that tells them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.metering.story import describe_event, join_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.ledger import Record


def find_twins(records: Sequence[Record]) -> tuple[Record, ...]:
    """The records that more than one operation sent, each for itself."""
    return tuple(record for record in records if len(record.operations) > 1)


def describe_twins(record: Record) -> str:
    """What is wrong with the events, and what to do."""
    return (
        f"{join_names(record.operations)} sent the same record, {describe_event(record.event)} of "
        f"meter {record.event.meter}: your events have nothing that tells them apart, so one of "
        "them counts. Give each a uniqueId of its own, made of what happened."
    )
