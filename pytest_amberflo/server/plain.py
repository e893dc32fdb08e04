"""Reads arrays of plain events: none has anything unusual, nor an attribute that is not known.

Nearly every large request is such an array. msgspec reads it into objects that have a place for
each attribute, and sees to their kinds and bounds on the way: a third less time than reading it
into dicts, which alone takes half the time of `json`. Only what is surely right is read here;
`json` and `pytest_amberflo.server.intake` are the authority on all else, and say what is wrong
with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from pytest_amberflo.server.record import (
    ABSENT,
    END_OF_TIME_MS,
    EXACT,
    canonical_dimensions,
)

if TYPE_CHECKING:
    from pytest_amberflo.server.record import Record

#: Defaults are not checked against the kind that is read, so ABSENT may stand for a text.
_NOT_SENT: Final[Any] = ABSENT
_Time = Annotated[int, msgspec.Meta(gt=0, lt=END_OF_TIME_MS)]
#: What float64 holds exactly. Of numbers with a fraction or exponent, msgspec refuses what it
#: cannot hold.
_Amount = Annotated[int, msgspec.Meta(ge=-EXACT, le=EXACT)] | float


class _Event(
    msgspec.Struct,
    rename="camel",
    forbid_unknown_fields=True,
    # Nothing in it refers back to it: the collector need not look at thousands of them.
    gc=False,
):
    """An event of the published schema, but for `values`. Null is not taken for absent."""

    meter_api_name: str
    meter_time_in_millis: _Time
    meter_value: _Amount
    customer_id: str = _NOT_SENT
    unique_id: str = _NOT_SENT
    #: Not `msgspec.Raw`: where the name comes twice, what the first one has would go unread.
    dimensions: dict[str, str] = {}


_decode: Final = msgspec.json.Decoder(list[_Event]).decode


def read_plain(text: str, tenant: int) -> list[Record] | None:
    """The records of a JSON array if all its events are plain: those `read_intake` would give.

    None if anything about them has to be looked at more closely: also where there is an escape,
    because a text that no store can keep is written with one.
    """
    if "\\" in text:
        return None
    try:
        events = _decode(text)
        # Meters and customers are few, so fewer have to be looked at than there are events.
        names = {event.meter_api_name for event in events}
        names.update([event.customer_id for event in events])
        names.discard(_NOT_SENT)
        if "" in names or any(map(str.isspace, names)):
            return None
        dimensions = _write_dimensions(events)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # It is no JSON, or something is missing or not of the kind that belongs there. The errors
        # of older versions of msgspec are no ValueError.
        return None
    return [
        (
            tenant,
            event.meter_api_name,
            event.meter_time_in_millis,
            event.customer_id,
            event.unique_id,
            written,
            event.meter_value,
        )
        for event, written in zip(events, dimensions, strict=True)
    ]


def _write_dimensions(events: list[_Event]) -> list[str]:
    """The dimensions of events as canonical text. Raises BlankNameError."""
    memo: dict[tuple[tuple[str, str], ...], str] = {}
    texts = []
    last: dict[str, str] = {}
    text = "{}"
    for event in events:
        sent = event.dimensions
        # Neighbours are often alike: to compare them is a third of the cost of a look-up.
        if sent != last:
            items = tuple(sent.items())
            text = memo.get(items) or memo.setdefault(items, canonical_dimensions(items))
            last = sent
        texts.append(text)
    return texts
