"""Entries of ledger files: written, read again, and what is said of lines that are none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.metering.metering_kit import DAY, effort, make_event

from pytest_amberflo.metering.dedup import read_dedup_rules
from pytest_amberflo.metering.deferral import Entry, Rules, StoredQuery
from pytest_amberflo.metering.event import MeterEvent
from pytest_amberflo.metering.ledger import Fate, Transmission
from pytest_amberflo.metering.ledger_text import LedgerTextError, read_entry, write_entry

_TEXTS = st.text(max_size=5)
_NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3, max_value=10**9)
_EVENTS = st.builds(
    MeterEvent,
    meter=_TEXTS,
    customer=st.none() | _TEXTS,
    value=_NUMBERS | st.sampled_from([Decimal("1E-30"), Decimal("0.10"), Decimal("-0")]),
    time_ms=st.integers(0, 4 * 10**12),
    unique_id=st.none() | _TEXTS,
    dimensions=st.dictionaries(_TEXTS, _TEXTS, max_size=2).map(
        lambda members: tuple(sorted(members.items()))
    ),
)
_TRANSMISSIONS = st.builds(
    lambda **members: Transmission(**members),  # noqa: PLW0108  its types are not for Hypothesis
    event=_EVENTS,
    fate=st.sampled_from(Fate),
    at_s=st.integers(0, 4 * 10**9 * 8).map(lambda eighths: eighths / 8),
    done_s=st.none() | st.just(DAY + 0.25),
    reason=_TEXTS,
)


def make_entry(*transmissions: Transmission, **changes: Any) -> Entry:
    """An entry of the real service."""
    members: dict[str, Any] = {
        "run": "7f3kzq",
        "item": "f.yaml::wf::replay",
        "verdict": "deferred",
        "target": "https://app.amberflo.io",
        "not_before_s": DAY + 7 * 3600,
        "rules": Rules(is_live=True, dedup=read_dedup_rules(["uniqueId", "nlp=block"], "first")),
        "transmissions": transmissions,
        "queries": (StoredQuery(path="/usage", body='{"a":1}', is_total=True),),
    }
    return Entry(**members | changes)


SENT = Transmission(event=make_event("2.5", unique_id="a"), fate=Fate.STORED, at_s=DAY + 1.5)
LINE = write_entry(make_entry(SENT))


def change(path: str, value: Any) -> str:
    """The line with another value at a path such as `sent.0.fate`; no value takes it out."""
    data = json.loads(LINE)
    *heads, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place = data
    for part in heads:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(data)


@given(st.lists(_TRANSMISSIONS, max_size=3))
@effort(60)
def test_an_entry_is_read_as_it_was_written(transmissions: list[Transmission]) -> None:
    """Numbers to the last digit, times to the microsecond, nothing lost."""
    entry = make_entry(*transmissions)
    line = write_entry(entry)
    assert "\n" not in line
    again = read_entry(line)
    assert again == entry
    assert [str(t.event.value) for t in again.transmissions] == [
        str(t.event.value) for t in transmissions
    ]


def test_a_line_can_be_read_by_people() -> None:
    """It says what was sent, what must come of it and from when on it can be judged."""
    data = json.loads(LINE)
    assert (data["amberflo_ledger"], data["not_before"]) == (1, "2026-11-21T07:00:00Z")
    assert data["sent"][0]["meterValue"] == "2.5"
    assert data["sent"][0]["at"] == "2026-11-21T00:00:01.500000Z"
    assert data["expected"] == [
        {"customer": "acme", "meter": "api-calls", "day": "2026-11-21", "expected": "2.5"}
    ]
    assert data["rules"]["dedup"] == {
        "keys": [[None, "uniqueId"], ["nlp", "block"]],
        "value": "first",
    }


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ('{"amberflo_ledger": 1', "this is no JSON: Expecting ',' delimiter", 22),
        ("nonsense", "this is no JSON: Expecting value", 1),
        ("[1]", "this is no entry of a metering ledger: there is no `amberflo_ledger`", None),
        ('{"version": 1}', "this is no entry of a metering ledger: there is no", None),
        (change("amberflo_ledger", 0), "it is of version 0, of an older pytest-amberflo", None),
        (change("amberflo_ledger", 2), "it is of version 2, of a newer pytest-amberflo", None),
        (change("amberflo_ledger", "x"), 'it is of version "x", of an older', None),
        (change("run", None), "$: 'run' is a required property", None),
        (change("not_before", "tomorrow"), "$.not_before: 'tomorrow' does not match", None),
        (change("not_before", "2026-13-01T00:00:00Z"), "this is no entry: month must", None),
        (change("sent.0.meterValue", 2.5), "$.sent[0].meterValue: 2.5 is not of type", None),
        (change("sent.0.meterValue", "NaN"), "$.sent[0].meterValue: 'NaN' does not", None),
        (change("sent.0.fate", "lost"), "$.sent[0].fate: 'lost' is not one of", None),
        (change("queries.0.path", "usage"), "$.queries[0].path: 'usage' does not match", None),
        (change("rules.dedup.keys", [["a"]]), "$.rules.dedup.keys[0]: ['a'] is too short", None),
        ("[" * 100_000, "this is ", None),
    ],
    ids=range(16),
)
def test_a_line_that_is_no_entry_is_refused(line: str, message: str, column: int | None) -> None:
    """With the place in it and what was due."""
    with pytest.raises(LedgerTextError) as caught:
        read_entry(line)
    assert str(caught.value).startswith(message)
    assert caught.value.column == column or message == "this is "
