"""Reading changes nothing, and shows what is there, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.moves import LATER
from pytest_amberflo.probes.promise import probe

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


@probe
def the_same_answer_again(field: Field) -> Script:
    """A query that was answered rightly is answered so again, every time."""
    yield field.send(*field.events(3))
    yield field.read(field.ask("SUM", "HOUR", repeats=8), field.ask("COUNT", "DAY", repeats=5))


@probe
def reading_takes_nothing_away(field: Field) -> Script:
    """Usage is there after it was read in every way."""
    yield field.send(*field.events(3))
    names = [n for n in ("SUM", "COUNT", "MAX") if field.api.takes("aggregation", n)]
    yield field.read(*(field.ask(name, size) for name in names for size in ("HOUR", "DAY")))
    yield field.read(*(field.ask(name, size) for name in names for size in ("DAY", "HOUR")))


@probe
def what_comes_after_a_reading(field: Field) -> Script:
    """An event that comes after usage was read is shown by the same query."""
    yield field.send(field.event())
    yield field.usage()
    yield field.send(field.event())
    yield field.usage()
    yield field.send_array(*field.events(2))
    yield field.usage()


@probe
def what_comes_after_an_empty_reading(field: Field) -> Script:
    """An event that comes after a reading without usage is shown by the same query."""
    ask = field.ask("SUM", "DAY")
    yield field.read(ask)
    yield field.send(field.event())
    yield field.read(ask)


@probe
def one_customer_after_another(field: Field) -> Script:
    """The same question for one customer after another shows each one's own usage."""
    other = field.new_customer()
    yield field.send(field.event(), field.event(customer=other))
    asks = [field.ask("SUM", "DAY", customers=[name]) for name in (field.customer, other)]
    yield field.read(*asks, *reversed(asks), *asks)


@probe
def one_window_after_another(field: Field) -> Script:
    """The same question for one window after another shows each one's own usage."""
    day = (field.anchor_ms // 86_400_000 - 1) * 86_400
    for number in range(3):
        yield field.send(field.event(at_ms=(day - number * 86_400 + 43_200) * 1000))
    windows = [(day - number * 86_400, day - number * 86_400 + 86_400) for number in range(3)]
    asks = [field.ask("SUM", "DAY", window=window) for window in windows]
    yield field.read(*asks, field.ask("SUM", "DAY"), *reversed(asks))


@probe
def usage_stays(field: Field) -> Script:
    """Usage that was shown is still there after more was sent for others."""
    yield field.send(*field.events(2))
    yield field.usage()
    yield field.send(*(field.event(customer=field.new_customer()) for _ in range(5)))
    yield field.usage()


@probe
def read_between_two_sendings(field: Field) -> Script:
    """Events before and after a reading, and one sent twice, add up."""
    first, second = field.events(2)
    yield field.send(first)
    yield LATER
    yield field.send(second)
    yield field.usage()
    yield field.send(first, reason="replay")
    yield field.usage()
