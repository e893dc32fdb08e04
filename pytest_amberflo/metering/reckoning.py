"""Usage for those who send invoices: what was sent and seen, by customer, meter and day."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.metering.deferral import plan_totals
from pytest_amberflo.metering.ledger import Fate
from pytest_amberflo.metering.number import add_exactly, normalize, subtract
from pytest_amberflo.metering.oracle import TooManyWorldsError, list_worlds
from pytest_amberflo.metering.query import Aggregation
from pytest_amberflo.metering.window import Interval, format_bucket

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_amberflo.metering.deferral import Entry
    from pytest_amberflo.metering.expect import Judgement
    from pytest_amberflo.metering.ledger import Record, Transmission
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.metering.terms import Terms

#: The columns, in their order.
COLUMNS: Final = (
    "customer",
    "meter",
    "day",
    "sent",
    "acknowledged",
    "expected",
    "seen",
    "difference",
    "verdict",
)


class Reckoning(Struct, frozen=True, kw_only=True):
    """One customer's usage of one meter on one day (UTC): sums of values."""

    customer: str
    meter: str
    #: The start of the day, seconds since 1970.
    day: int
    #: Of every transmission, copies included.
    sent: Decimal
    #: Of every transmission that was answered 200.
    acknowledged: Decimal
    #: What has to be seen; None where it cannot be told.
    expected: Decimal | None
    #: None where usage could not be read.
    seen: Decimal | None = None
    #: Whether a service that counts right may show this; None where it was not seen.
    is_right: bool | None = None

    @property
    def difference(self) -> Decimal | None:
        """Seen less expected."""
        if self.seen is None or self.expected is None:
            return None
        return subtract(self.seen, self.expected)

    def as_texts(self) -> dict[str, str | None]:
        """The row by column; numbers are exact decimals as text, without an exponent."""
        return {
            "customer": self.customer,
            "meter": self.meter,
            "day": format_bucket(self.day, Interval.DAY),
            "sent": _write(self.sent),
            "acknowledged": _write(self.acknowledged),
            "expected": _write(self.expected),
            "seen": _write(self.seen),
            "difference": _write(self.difference),
            "verdict": {True: "right", False: "wrong", None: "not seen"}[self.is_right],
        }


def reckon(
    records: Sequence[Record],
    query: UsageQuery,
    terms: Terms,
    judgement: Judgement | None = None,
) -> tuple[Reckoning, ...]:
    """The days of a query for the SUM of one customer and meter by day.

    Without a judged reading nothing is seen.
    """
    ((customer,),) = (sorted(values) for name, values in query.filters if name == "customerId")
    sent = _list_days(records, query, customer)
    expected = _expect(records, query, terms)
    rows = {row.bucket: row for row in (judgement.rows if judgement is not None else ())}
    found: list[Reckoning] = []
    for day in sorted(sent.keys() | rows.keys()):
        row = rows.get(day)
        transmissions = sent.get(day, [])
        stored = [t for t in transmissions if t.fate is Fate.STORED]
        due = None if expected is None else expected.get(day, Decimal(0))
        found.append(
            Reckoning(
                customer=customer,
                meter=query.meter,
                day=day,
                sent=add_exactly([t.event.value for t in transmissions]),
                acknowledged=add_exactly([t.event.value for t in stored]),
                expected=due if row is None else row.expected,
                seen=None if judgement is None else row.seen if row is not None else Decimal(0),
                is_right=None if judgement is None else row is None or row.is_right,
            )
        )
    return tuple(found)


def reckon_entry(
    entry: Entry, records: Sequence[Record], seen: Mapping[UsageQuery, Judgement | None]
) -> tuple[Reckoning, ...]:
    """The days of everything that an entry sent; `records` are all that are known to be sent.

    `seen` are the judged readings of its totals, as far as there are any.
    """
    totals = plan_totals(found.event for found in entry.transmissions)
    return tuple(
        row
        for query in totals
        if query.aggregation is Aggregation.SUM
        for row in reckon(records, query, entry.terms, seen.get(query))
    )


def _list_days(
    records: Sequence[Record], query: UsageQuery, customer: str
) -> dict[int, list[Transmission]]:
    days: dict[int, list[Transmission]] = {}
    for record in records:
        event = record.event
        day = Interval.DAY.floor(event.time_ms // 1000)
        is_asked = query.start_s <= day < query.end_s
        if event.meter == query.meter and event.customer == customer and is_asked:
            days.setdefault(day, []).extend(record.transmissions)
    return days


def _expect(
    records: Sequence[Record], query: UsageQuery, terms: Terms
) -> dict[int, Decimal] | None:
    """The sum of each day with all that may be stored."""
    assert query.aggregation is Aggregation.SUM
    try:
        world = list_worlds(records, query, terms)[0]
    except TooManyWorldsError:
        return None
    return {bucket: amount.value for (_, bucket), amount in world.cells.items()}


def _write(number: Decimal | None) -> str | None:
    """The decimal in full: finance reads no exponents."""
    return None if number is None else format(normalize(number), "f")


def write_csv(rows: Iterable[dict[str, Any]]) -> str:
    """The table as CSV (RFC 4180), a line of names first; what is not known is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_json(rows: Iterable[dict[str, Any]]) -> str:
    """The table as a JSON array of objects; numbers are texts, so that no reader rounds them."""
    return json.dumps(list(rows), ensure_ascii=False, indent=1) + "\n"
