"""The table for finance: sums by customer, meter and day, exact to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal

from unit.metering.metering_kit import DAY, DAY_S, make_event, make_query, make_reading

from pytest_amberflo.metering.expect import judge_reading
from pytest_amberflo.metering.ledger import Fate, Ledger, Transmission
from pytest_amberflo.metering.reckoning import Reckoning, reckon, write_csv, write_json
from pytest_amberflo.metering.terms import Terms

STORED, MAYBE, REFUSED = Fate.STORED, Fate.MAYBE, Fate.REFUSED
TERMS = Terms(is_live=True, is_settled=True)
QUERY = make_query(end_s=DAY + 3 * DAY_S)


def fill(*sent: tuple[str, int, Fate]) -> Ledger:
    """A ledger of values on days after DAY, each with a fate; equal ones are one record."""
    ledger = Ledger()
    ledger.add(
        Transmission(
            event=make_event(value, unique_id=value, at_s=DAY + day * DAY_S + 60),
            fate=fate,
            at_s=float(DAY),
        )
        for value, day, fate in sent
    )
    return ledger


def test_sums_are_exact_by_day() -> None:
    """Sent is every transmission, acknowledged every 200, expected what must be seen."""
    ledger = fill(
        ("0.1", 0, STORED),
        ("0.1", 0, STORED),
        ("0.2", 0, STORED),
        ("4", 1, REFUSED),
        ("8", 2, STORED),
    )
    reading = make_reading({("acme",): {DAY: "0.3", DAY + DAY_S: 0, DAY + 2 * DAY_S: "16"}})
    judgement = judge_reading(reading, ledger.records(), QUERY, terms=TERMS)
    rows = reckon(ledger.records(), QUERY, TERMS, judgement)
    found = [
        (r.day, *map(str, (r.sent, r.acknowledged, r.expected, r.seen, r.difference)), r.is_right)
        for r in rows
    ]
    assert found == [
        (DAY, "0.4", "0.4", "0.3", "0.3", "0.0", True),
        (DAY + DAY_S, "4", "0", "0", "0", "0", True),
        (DAY + 2 * DAY_S, "8", "8", "8", "16", "8", False),
    ]


def test_without_a_reading_nothing_is_seen() -> None:
    """What was sent is told all the same."""
    ledger = fill(("2.5", 0, STORED), ("2.5", 0, MAYBE))
    (row,) = reckon(ledger.records(), QUERY, TERMS)
    assert (row.sent, row.acknowledged, row.expected) == (
        Decimal(5),
        Decimal("2.5"),
        Decimal("2.5"),
    )
    assert (row.seen, row.difference, row.is_right) == (None, None, None)


def test_usage_on_a_day_of_nothing_has_a_row() -> None:
    """What should not be there is told, too."""
    ledger = fill(("2.5", 0, STORED))
    reading = make_reading({("acme",): {DAY: "0", DAY + DAY_S: "2.5"}})
    judgement = judge_reading(reading, ledger.records(), QUERY, terms=TERMS)
    rows = reckon(ledger.records(), QUERY, TERMS, judgement)
    assert [(r.day, r.sent, r.difference, r.is_right) for r in rows] == [
        (DAY, Decimal("2.5"), Decimal("-2.5"), False),
        (DAY + DAY_S, Decimal(0), Decimal("2.5"), False),
    ]


ROW = Reckoning(
    customer='acme, "the" one',
    meter="m",
    day=DAY,
    sent=Decimal("1E+3"),
    acknowledged=Decimal("12345678901234567890.123456789"),
    expected=Decimal("1E-30"),
    seen=Decimal("-0.0"),
    is_right=False,
)


def test_files_have_plain_decimals() -> None:
    """No exponent and no float: what is written is what was counted."""
    expected = "0.000000000000000000000000000001"
    assert write_csv([ROW.as_texts()]) == (
        "customer,meter,day,sent,acknowledged,expected,seen,difference,verdict\r\n"
        '"acme, ""the"" one",m,2026-11-21,1000,12345678901234567890.123456789,'
        f"{expected},0,-{expected},wrong\r\n"
    )
    (row,) = json.loads(write_json([ROW.as_texts()]))
    assert row["acknowledged"] == "12345678901234567890.123456789"
    assert (row["difference"], row["verdict"], row["day"]) == (
        f"-{expected}",
        "wrong",
        "2026-11-21",
    )


def test_what_is_not_known_is_empty() -> None:
    """Nothing stands for nothing."""
    row = Reckoning(
        customer="a", meter="m", day=DAY, sent=Decimal(1), acknowledged=Decimal(0), expected=None
    ).as_texts()
    assert write_csv([row]).splitlines()[1] == "a,m,2026-11-21,1,0,,,,not seen"
    assert json.loads(write_json([row]))[0]["seen"] is None
