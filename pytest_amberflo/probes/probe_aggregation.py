"""SUM, COUNT, MAX and MIN say what their names say, in buckets of every size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000


@probe
def sum_of_a_bucket(field: Field) -> Script:
    """SUM adds up the values of a bucket."""
    yield field.send(*field.events(4))
    yield field.read(field.ask("SUM", "HOUR"), field.ask("SUM", "DAY"))


@probe
def count_of_a_bucket(field: Field) -> Script:
    """COUNT counts events, whatever their values."""
    yield field.send(*(field.event(value) for value in (5, 0, "-3", "0.25", 1000)))
    yield field.read(field.ask("COUNT", "HOUR"), field.ask("COUNT", "DAY"))


@probe
def maximum_of_a_bucket(field: Field) -> Script:
    """MAX is the largest value of a bucket, neither the first nor the last nor the sum."""
    yield field.send(*(field.event(value) for value in (12, 95, 40, 7)))
    yield field.read(field.ask("MAX", "HOUR"), field.ask("MAX", "DAY"))


@probe
def maximum_below_zero(field: Field) -> Script:
    """MAX of values below zero is the one nearest to zero, not zero."""
    yield field.send(*(field.event(value) for value in (-30, -4, -17)))
    yield field.read(field.ask("MAX", "HOUR"))


@probe
def maximum_of_each_bucket(field: Field) -> Script:
    """MAX is taken of each bucket by itself."""
    plan = [(0, 9), (0, 31), (1, 50), (1, 20), (26, 3), (26, 8)]
    yield field.send(
        *(field.event(value, at_ms=field.anchor_ms - hours * _HOUR_MS) for hours, value in plan)
    )
    yield field.read(field.ask("MAX", "HOUR"), field.ask("MAX", "DAY"), field.ask("MAX", "MONTH"))


@probe
def maximum_after_a_replay(field: Field) -> Script:
    """MAX and COUNT stay when a record comes again."""
    events = [field.event(value) for value in (12, 95, 40)]
    yield field.send(*events)
    yield field.send(events[1], reason="replay")
    yield field.read(field.ask("MAX", "HOUR"), field.ask("COUNT", "HOUR"))


@probe
def minimum_of_a_bucket(field: Field) -> Script:
    """MIN is the smallest value of a bucket."""
    field.api.check_choice("aggregation", "MIN")
    yield field.send(*(field.event(value) for value in (12, 95, 7, 40)))
    yield field.read(field.ask("MIN", "HOUR"), field.ask("MIN", "DAY"))


@probe
def buckets_of_every_size(field: Field) -> Script:
    """Hours, days, weeks and months of the same events add up to the same."""
    offsets = (0, _HOUR_MS, 5 * _HOUR_MS, _DAY_MS, 8 * _DAY_MS, 40 * _DAY_MS)
    yield field.send(*(field.event(at_ms=field.anchor_ms - more) for more in offsets))
    intervals = [
        interval
        for interval in ("HOUR", "DAY", "WEEK", "MONTH")
        if field.api.takes("timeGroupingInterval", interval)
    ]
    yield field.read(*(field.ask("SUM", interval) for interval in intervals))


@probe
def counts_in_buckets_of_every_size(field: Field) -> Script:
    """COUNT by hour, day, week and month counts every event once."""
    offsets = (0, 1, _HOUR_MS, _DAY_MS, 9 * _DAY_MS, 33 * _DAY_MS)
    yield field.send(*(field.event(at_ms=field.anchor_ms - more) for more in offsets))
    intervals = [
        interval
        for interval in ("HOUR", "DAY", "WEEK", "MONTH")
        if field.api.takes("timeGroupingInterval", interval)
    ]
    yield field.read(*(field.ask("COUNT", interval) for interval in intervals))


@probe
def one_question_after_another(field: Field) -> Script:
    """SUM, COUNT and MAX of the same events differ, whichever is asked first."""
    yield field.send(*(field.event(value) for value in (20, 35, 50)))
    names = [n for n in ("MAX", "SUM", "COUNT", "MAX") if field.api.takes("aggregation", n)]
    yield field.read(*(field.ask(name, "DAY") for name in names))
