"""The quick reading of arrays against the authority: it gives the same records, or none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_amberflo.server.intake import read_intake
from pytest_amberflo.server.payload import TextForm, parse_events
from pytest_amberflo.server.plain import read_plain
from pytest_amberflo.server.refusal import Refusal

_TIME = 1_718_153_645_993
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    (None, True, 0, -1, 1.0, 2.5, "", " ", "\u2003", [], {}, 2**53, 2**53 + 1, 10**400)
)
_NUMBERS = st.one_of(st.integers(-(2**54), 2**54), st.floats())
_TEXTS = st.text("aB\u00e4 ", min_size=1, max_size=3)
_DIMENSIONS = st.dictionaries(st.sampled_from(("a", "b", "\u00e4")), st.sampled_from(("x", "")))
_USUAL: dict[str, st.SearchStrategy[Any]] = {
    "meterApiName": _TEXTS,
    "meterTimeInMillis": st.integers(_TIME, _TIME + 9),
    "meterValue": _NUMBERS,
    "customerId": _TEXTS,
    "uniqueId": st.text("ab", max_size=2),
    "dimensions": _DIMENSIONS,
    "values": st.dictionaries(_TEXTS, _NUMBERS, max_size=2),
    "other": _ODD,
}
_NAMES = st.sets(st.sampled_from(tuple(_USUAL)))


@st.composite
def _arrays(draw: st.DrawFn) -> list[Any]:
    """Arrays of events with the same attributes, of which now and then one is odd."""
    names = {"meterApiName", "meterTimeInMillis", "meterValue"} ^ draw(_NAMES)
    form = st.fixed_dictionaries({name: _USUAL[name] for name in sorted(names)})
    events = draw(st.lists(form, max_size=4))
    if draw(st.booleans()) and events:
        position = draw(st.integers(0, len(events) - 1))
        name = draw(st.sampled_from(tuple(_USUAL)))
        events[position] = {**events[position], name: draw(_ODD)}
        if draw(st.booleans()):
            del events[position][name]
    return [*events, *draw(st.lists(_ODD, max_size=1))]


def _make(**changes: Any) -> dict[str, Any]:
    event = {"meterApiName": "m", "meterTimeInMillis": _TIME, "meterValue": 1}
    return {name: value for name, value in (event | changes).items() if value is not ...}


_WHOLE = json.dumps(
    [_make(meterValue=n * 1.5, customerId="c", dimensions={"a": "b"}) for n in range(2)],
)


@settings(max_examples=200)
@given(events=_arrays())
@example(events=[])
@example(events=[_make(dimensions=None), _make(dimensions=None)])
@example(events=[_make(dimensions={"a": "1"}), _make(dimensions={"a": 1})])
@example(events=[_make(dimensions={"a": "x", "b": "y"}), _make(dimensions={"b": "y", "a": "x"})])
@example(events=[_make(), _make(meterValue=float("nan")), _make()])
@example(events=[_make(), _make(meterValue=float("-inf"))])
@example(events=[_make(), _make(meterValue=True)])
@example(events=[_make(), _make(values={"n": 2})])
@example(events=[_make(), _make(customerId="c"), _make(meterValue=...)])
@example(events=[_make(), _make(customerId=0), _make(customerId="c")])
@example(events=[_make(), _make(uniqueId=0), _make(uniqueId=None)])
@example(events=[_make(customerId="c", uniqueId="u"), _make(customerId="c", dimensions={})])
def test_the_quick_reading_gives_what_the_authority_gives(events: list[Any]) -> None:
    """Never a record that the authority refuses, never another one, not even another zero."""
    _compare(json.dumps(events))
    _compare(json.dumps(events, ensure_ascii=False, separators=(",", ":")))


@settings(max_examples=200)
@given(
    text=st.builds(
        lambda head, piece, tail: _WHOLE[:head] + piece + _WHOLE[tail:],
        st.integers(0, len(_WHOLE)),
        st.text('[]{}",:01.-eEINn \t\n\x00\x0b\x1f\x7f\u2028\ufeff\\u', max_size=3),
        st.integers(0, len(_WHOLE)),
    )
)
def test_the_quick_reading_takes_no_text_that_is_no_json(text: str) -> None:
    """Whatever is done to a text, what is read quickly is what is read slowly."""
    _compare(text)


_NUMERALS = (
    *("0", "-0", "-0.0", "1.0", "1.5", "-1", "1e3", "1E+2", "0.1e-400", "1e308", "1e309"),
    *("9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740993.0"),
    *("253370764799999", "253370764800000", "253370764799999.0", "1718153645993.0000001"),
    *("9223372036854775808", "18446744073709551616", "1" + "0" * 400, "1" + "0" * 5000),
    *("01", "-", "1.", ".5", "+1", "1e", "NaN", "-Infinity", "true", "null", '"1"', '""', "[]"),
    *(
        '"\\u0061"',
        '"\\u0000"',
        '"\\ud800"',
        '"\x01"',
        '"\u2003"',
        "{}",
        '{"a":"x"}',
        '{"a":1}',
        '{" ":"x"}',
    ),
    *('{"a":"x","a":"y"}', '{"a":1,"a":"y"}', '{"a":"x","b":"\\n"}', "[" * 100_000, '{"a":null}'),
)


@pytest.mark.parametrize("name", [*_USUAL, "meterapiname", "meter_value", ""])
@pytest.mark.parametrize("other", ["1", '"b"', "{}"])
def test_every_spelling_means_what_it_means_to_the_authority(name: str, other: str) -> None:
    """However a member is spelled, alone, beside a usual one, or twice in one object."""
    usual = json.dumps(_make())
    for numeral in _NUMERALS:
        odd = f'"{name}":{numeral}'
        for members in (odd, f'"{name}":{other},{odd}', f'{odd},"{name}":{other}'):
            _compare(f"[{usual[:-1]},{members}}}]")
            _compare(f"[{{{members},{usual[1:]}]")
            _compare(f"[{usual},{usual[:-1]},{members}}},{usual}]")


def _compare(text: str) -> None:
    quick = read_plain(text, 7)
    try:
        records = read_intake(parse_events(text, TextForm.JSON), 7).records
    except Refusal:
        assert quick is None
        return
    assert quick is None or repr(quick) == repr(records)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"customerId": "c"},
        {"customerId": "c", "uniqueId": "", "dimensions": {"a": "b"}},
        {"dimensions": {}, "meterValue": -2.5},
    ],
)
def test_plain_events_are_read_quickly(form: dict[str, Any]) -> None:
    """The forms that programs send need no second look."""
    for events in ([_make(**form)] * 3, [_make(), _make(**form)], []):
        assert read_plain(json.dumps(events), 7) == read_intake(events, 7).records
