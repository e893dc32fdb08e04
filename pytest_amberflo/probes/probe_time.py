"""Usage counts at its own time, to the millisecond, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER, BrokenPromiseError
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script

_HOUR_S = 3600
_DAY_S = 86400


def _at(*parts: int) -> int:
    """Seconds since 1970 of a moment in UTC."""
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]


def _today(field: Field) -> int:
    """The start of the day before yesterday."""
    return (field.now_ms // 1000 // _DAY_S - 2) * _DAY_S


def _around(edges: Sequence[int]) -> list[int]:
    """The last millisecond before each moment and the first one of it, in milliseconds."""
    return [edge * 1000 + more for edge in edges for more in (-1, 0)]


def _plant_edges(field: Field, edges: Sequence[int]) -> Script:
    yield field.send(*(field.event(at_ms=time) for time in _around(edges)))


@probe
def start_of_the_window(field: Field) -> Script:
    """The first millisecond of a window belongs to it, the one before does not."""
    start = field.anchor_ms // 1000 // _HOUR_S * _HOUR_S
    yield from _plant_edges(field, [start])
    yield field.read(
        field.ask("SUM", "HOUR", window=(start, start + _HOUR_S)),
        field.ask("SUM", "HOUR", window=(start - _HOUR_S, start)),
    )


@probe
def end_of_the_window(field: Field) -> Script:
    """The last millisecond before the end of a window belongs to it, the end itself does not."""
    start = _today(field)
    yield from _plant_edges(field, [start + _DAY_S])
    yield field.read(
        field.ask("SUM", "DAY", window=(start, start + _DAY_S)),
        field.ask("SUM", "DAY", window=(start + _DAY_S, start + 2 * _DAY_S)),
        field.ask("COUNT", "DAY", window=(start, start + _DAY_S)),
    )


@probe
def edges_of_hours(field: Field) -> Script:
    """An event at the full hour is in the hour that begins, one a millisecond earlier is not."""
    start = field.anchor_ms // 1000 // _HOUR_S * _HOUR_S
    yield from _plant_edges(field, [start, start - 5 * _HOUR_S])
    yield field.read(field.ask("SUM", "HOUR"), field.ask("COUNT", "HOUR"))


@probe
def edges_of_days(field: Field) -> Script:
    """An event at midnight UTC is in the day that begins, one a millisecond earlier is not."""
    start = _today(field)
    yield from _plant_edges(field, [start, start + _DAY_S])
    yield field.read(field.ask("SUM", "DAY"), field.ask("SUM", "HOUR"))


@probe
def days_of_winter(field: Field) -> Script:
    """In January days are those of UTC, by day and by hour."""
    yield from _plant_edges(field, [_at(2025, 1, 15), _at(2025, 1, 16)])
    yield field.read(field.ask("SUM", "DAY"), field.ask("SUM", "HOUR"))


@probe
def days_of_summer(field: Field) -> Script:
    """In July days are those of UTC, by day and by hour."""
    yield from _plant_edges(field, [_at(2025, 7, 15), _at(2025, 7, 16)])
    yield field.read(field.ask("SUM", "DAY"), field.ask("SUM", "HOUR"))


@probe
def changes_of_clocks(field: Field) -> Script:
    """Where clocks are put forward or back no hour is lost, doubled or moved."""
    days = [_at(2024, 3, 31), _at(2024, 10, 27)]
    times = [(day + hour * _HOUR_S + 1800) * 1000 for day in days for hour in range(4)]
    yield field.send_array(*(field.event(at_ms=time) for time in times))
    yield field.read(
        *(field.ask("SUM", "HOUR", window=(day, day + _DAY_S)) for day in days),
        *(field.ask("SUM", "DAY", window=(day, day + _DAY_S)) for day in days),
    )


@probe
def edges_of_months(field: Field) -> Script:
    """Months are those of the calendar, of 28 to 31 days, and end at midnight UTC."""
    edges = [_at(2025, 2, 1), _at(2025, 3, 1), _at(2025, 5, 1)]
    yield from _plant_edges(field, edges)
    yield field.read(
        field.ask("SUM", "MONTH"),
        field.ask("COUNT", "MONTH"),
        field.ask("SUM", "MONTH", window=(edges[0], edges[1])),
        field.ask("COUNT", "MONTH", window=(edges[1], edges[2])),
    )


@probe
def edge_of_the_year(field: Field) -> Script:
    """The last millisecond of a year is in its December."""
    yield from _plant_edges(field, [_at(2025, 1, 1)])
    yield field.read(field.ask("SUM", "MONTH"), field.ask("SUM", "DAY"))


@probe
def leap_day(field: Field) -> Script:
    """The 29th of February is a day of its own, of February."""
    yield from _plant_edges(field, [_at(2024, 2, 29), _at(2024, 3, 1)])
    yield field.read(field.ask("SUM", "DAY"), field.ask("SUM", "MONTH"))


@probe
def weeks_of_seven_days(field: Field) -> Script:
    """Every full week has seven days; they start on the same day of the week always."""
    start = _at(2025, 1, 6)
    times = [(start + day * _DAY_S + 43_200) * 1000 for day in range(28)]
    events = [field.event(2**number, at_ms=time) for number, time in enumerate(times)]
    yield field.send_array(*events)
    judgements: list[Judgement] = yield field.read(
        field.ask("SUM", "WEEK", window=(start, start + 28 * _DAY_S)),
        field.ask("COUNT", "WEEK", window=(start - 7 * _DAY_S, start + 35 * _DAY_S)),
    )
    days = [found.week_starts for found in judgements if found.week_starts]
    if days and not frozenset.intersection(*days):
        raise BrokenPromiseError("weeks start on different days in two answers")


@probe
def edges_of_weeks(field: Field) -> Script:
    """A week begins and ends at midnight UTC, whatever its first day."""
    start = _at(2025, 1, 6)
    times = _around([start + day * _DAY_S for day in range(8)])
    yield field.send_array(*(field.event(2**n, at_ms=time) for n, time in enumerate(times)))
    yield field.read(field.ask("SUM", "WEEK", window=(start - 14 * _DAY_S, start + 21 * _DAY_S)))


@probe
def milliseconds(field: Field) -> Script:
    """Events of one second that are milliseconds apart all count, and keep to their second."""
    second = field.anchor_ms // 1000 * 1000
    event = field.event(at_ms=second)
    times = (1, 2, 499, 500, 999)
    yield field.send(event, *(field.vary(event, time_ms=second + more) for more in times))
    yield field.usage()


@probe
def descending_times(field: Field) -> Script:
    """Events that come in descending order of their times all count."""
    times = [field.anchor_ms - number * 1_700_000 for number in range(8)]
    yield field.send(*(field.event(at_ms=time) for time in times))
    yield field.usage()


@probe
def late_events(field: Field) -> Script:
    """Events that come hours and days late count at their own time."""
    hours = (6, 25, 49, 24 * 8)
    times = [field.now_ms - hour * 3_600_000 for hour in hours]
    yield field.send(field.event())
    yield LATER
    yield field.send(*(field.event(at_ms=time) for time in times))
    yield field.usage()


@probe
def very_late_events(field: Field) -> Script:
    """Events that come a month and more than a year late count at their own time."""
    times = [field.now_ms - days * 86_400_000 for days in (32, 95, 400)]
    yield field.send(*(field.event(at_ms=time) for time in times))
    yield field.usage()


@probe
def events_of_long_ago(field: Field) -> Script:
    """A time of 12 digits is in milliseconds as one of 13 is."""
    yield field.send(field.event(at_ms=999_999_999_999), field.event(at_ms=1_000_000_000_000))
    yield field.usage()


@probe
def events_of_soon(field: Field) -> Script:
    """Events of a later hour, as clocks that are ahead would send, count at their own time."""
    times = [field.now_ms + hours * 3_600_000 for hours in (1, 3)]
    yield field.send(*(field.event(at_ms=time) for time in times))
    yield field.usage()


@probe
def inside_an_unaligned_window(field: Field) -> Script:
    """An event well inside a window counts, also where the window begins within a bucket."""
    day = _today(field)
    hours = (12, 24 + 12)
    yield field.send(*(field.event(at_ms=(day + hour * _HOUR_S) * 1000) for hour in hours))
    window = (day + 6 * _HOUR_S + 1800, day + _DAY_S + 18 * _HOUR_S + 1800)
    yield field.read(
        field.ask("SUM", "DAY", window=window), field.ask("SUM", "HOUR", window=window)
    )


@probe
def outside_an_unaligned_window(field: Field) -> Script:
    """An event of another bucket than those that a window touches does not count."""
    hour = field.anchor_ms // 1000 // _HOUR_S * _HOUR_S
    offsets = (-1800, 1800, _HOUR_S + 1800, 2 * _HOUR_S + 60)
    hour -= 3 * _HOUR_S
    yield field.send(*(field.event(at_ms=(hour + more) * 1000) for more in offsets))
    window = (hour + 900, hour + _HOUR_S + 2700)
    yield field.read(field.ask("SUM", "HOUR", window=window))


@probe
def a_short_window(field: Field) -> Script:
    """A window of one hour shows that hour, and nothing of the hours beside it."""
    hour = field.anchor_ms // 1000 // _HOUR_S * _HOUR_S
    for more in (-1, 0, 1):
        yield field.send(field.event(at_ms=field.anchor_ms + more * 3_600_000))
    yield field.read(
        *(
            field.ask("SUM", "HOUR", window=(hour + more * _HOUR_S, hour + (more + 1) * _HOUR_S))
            for more in (-1, 0, 1)
        )
    )


@probe
def a_window_without_events(field: Field) -> Script:
    """A window in which nothing happened shows nothing."""
    yield field.send(field.event())
    day = _today(field) - 30 * _DAY_S
    yield field.read(
        field.ask("SUM", "DAY", window=(day, day + 2 * _DAY_S)), field.ask("SUM", "DAY")
    )
