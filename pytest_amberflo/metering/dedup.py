"""The account's rule of deduplication: which records are one.

By default every attribute of a record is in its key, the value included (Metering Design
Principles, "the deduplication key is based on all the meter attributes"). An account can choose
one attribute instead ("you can configure it to use any dimension key").
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_amberflo.metering.event import MeterEvent

#: Equal for records that are one.
DedupKey: TypeAlias = tuple[object, ...]

#: The general rule's name: all attributes.
RECORD: Final = "record"


class ValuePolicy(Enum):
    """What becomes of a second record that differs from the first in its value only."""

    #: The value is an attribute like any other: both count.
    KEY = "key"
    #: The first value stays.
    FIRST = "first"
    #: The last value that was received stays.
    LAST = "last"


class DedupKeyError(ValueError):
    """A text is no `[METER=]KEY`; `text` is it, `reason` what is wrong."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text = text
        self.reason = reason

    def __str__(self) -> str:
        """The text, and what is wrong with it."""
        return f"`{self.text}`: {self.reason}"


class DedupRules(Struct, frozen=True, kw_only=True):
    """Which attribute tells the records of a meter apart, and what of the value."""

    #: Meter, or None for all others, to `record`, `uniqueId` or the name of a dimension.
    keys: tuple[tuple[str | None, str], ...] = ()
    value: ValuePolicy = ValuePolicy.KEY

    def name_of(self, meter: str) -> str:
        """The attribute that is the key of a meter's records."""
        keys = dict(self.keys)
        return keys.get(meter, keys.get(None, RECORD))

    def key_of(self, event: MeterEvent) -> DedupKey:
        """The key of a record. One that lacks the attribute follows the general rule."""
        name = self.name_of(event.meter)
        value = self.configured_value(event)
        if value is not None:
            return (name, event.meter, event.customer, value)
        identity = event.identity
        return (RECORD, *(identity if self.value is ValuePolicy.KEY else identity[:-1]))

    def configured_value(self, event: MeterEvent) -> str | None:
        """What a record has of the attribute that was chosen as key; None by the general rule."""
        name = self.name_of(event.meter)
        if name == RECORD:
            return None
        return event.unique_id if name == "uniqueId" else dict(event.dimensions).get(name)


def read_dedup_rules(texts: Iterable[str], value: str = ValuePolicy.KEY.value) -> DedupRules:
    """The rules that `[METER=]KEY` texts state. Raises DedupKeyError.

    `value` is a name of ValuePolicy. Two keys for one meter, or two for all, contradict.
    """
    keys: dict[str | None, str] = {}
    for text in texts:
        head, is_named, tail = text.partition("=")
        meter, name = (head.strip(), tail.strip()) if is_named else (None, head.strip())
        if not name or meter == "":
            raise DedupKeyError(text, "[METER=]KEY is due, for example `text-blocks=block_id`")
        if keys.get(meter, name) != name:
            whose = "every meter" if meter is None else f"meter {meter}"
            raise DedupKeyError(text, f"{whose} has the key `{keys[meter]}` already")
        keys[meter] = name
    try:
        policy = ValuePolicy(value)
    except ValueError:
        known = ", ".join(member.value for member in ValuePolicy)
        raise DedupKeyError(value, f"one of {known} is due") from None
    return DedupRules(keys=tuple(keys.items()), value=policy)
