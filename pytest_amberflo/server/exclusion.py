"""What the filtering rules of a meter leave out, when usage is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.documents import REMOVAL, RULE
from pytest_amberflo.server.record import END_OF_TIME_MS

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents

_END_US: Final = END_OF_TIME_MS * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Records that do not count: of these moments of arrival, and with these dimensions."""

    from_us: int
    until_us: int
    #: Dimension to its values; all of them must fit. `customerId` is one, too.
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]
    #: Whether it is the records that do not fit which are meant.
    is_negated: bool = False


def read_exclusions(documents: Documents, meter: str) -> tuple[Exclusion, ...]:
    """What the rules of a meter leave out."""
    exclusions = []
    for rule in documents.list(RULE):
        if rule["meterApiName"] == meter:
            exclusions += [_exclude(text) for text in rule["texts"] if "dimensionName" in text]
    for removal in documents.list(REMOVAL):
        if removal["meterApiName"] == meter:
            exclusions.append(_remove(removal))
    return tuple(exclusions)


def _exclude(text: Document) -> Exclusion:
    values = tuple(text.get("dimensionValues", ()))
    return Exclusion(
        from_us=text["fromMicros"],
        until_us=text.get("untilMicros", _END_US),
        dimensions=((text["dimensionName"], values),),
        is_negated=text.get("action", "INCLUDE") == "INCLUDE",
    )


def _remove(removal: Document) -> Exclusion:
    window = removal["ingestionTimeRange"]
    end_s = window.get("endTimeInSeconds")
    dimensions = removal.get("dimensions", {})
    return Exclusion(
        from_us=window["startTimeInSeconds"] * 1_000_000,
        until_us=_END_US if end_s is None else end_s * 1_000_000,
        dimensions=tuple((name, tuple(values)) for name, values in dimensions.items()),
    )
