"""Records: what the store keeps of an event, one per meter."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Final

#: Stands for an attribute that was not sent. A number is never equal to a text, so it differs
#: from every text, the empty one included, in Python and in an SQLite column without a type.
ABSENT: Final = 0

#: The first moment that is refused, milliseconds since 1970, UTC: the year 9999, the last one
#: that SQLite's and Python's date functions know.
END_OF_TIME_MS: Final = 253_370_764_800_000


#: One raw record, in the order of the store's columns:
#:
#: - tenant;
#: - meter;
#: - time, milliseconds since 1970, UTC;
#: - customer, or ABSENT;
#: - unique id, or ABSENT; an empty text is a text;
#: - dimensions, as `canonical_dimensions` writes them;
#: - value, a float64 as in the real service's raw events (`measure_value::double`), so that 2,
#:   2.0 and 2e0 are the same; an int only where both are.
#:
#: All of it together is the dedup key (Amberflo documentation, Advanced Metering Topics). That
#: the value belongs to it is the reading taken here: the documentation contradicts itself. A
#: plain tuple, because SQLite takes it as it is and one request may bring thousands.
Record = tuple[int, str, int, str | int, str | int, str, float]

#: The dimension, and its value, that make a record cancel an earlier one (official guides and
#: Go client): as the two stand in canonical dimensions. Within a name or value, quotes are
#: escaped, so this text can be nothing else.
CANCEL_DIMENSION: Final = "aflo.cancel_previous_resource_event"
CANCEL_MARK: Final = f'"{CANCEL_DIMENSION}":"true"'

#: Up to here every integer is a float64 of its own.
EXACT: Final = 2**53


class BlankNameError(ValueError):
    """A dimension has a blank name."""


def canonical_dimensions(items: tuple[tuple[str, str], ...]) -> str:
    """Dimensions as JSON with sorted names: one text, whatever order they were sent in.

    Raises TypeError if a value is not a string, BlankNameError for a blank name.
    """
    for name, _ in items:
        if not name or name.isspace():
            raise BlankNameError
    members = [f"{encode_basestring(name)}:{encode_basestring(value)}" for name, value in items]
    members.sort()
    return "{" + ",".join(members) + "}"
