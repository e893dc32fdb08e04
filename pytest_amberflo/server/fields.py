"""Reads the members of a JSON object that a request carries, and refuses what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.record import END_OF_TIME_MS
from pytest_amberflo.server.refusal import Refusal, describe_value, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_END_OF_TIME_S: Final = END_OF_TIME_MS // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The members of an object; null counts as absent. Every reader raises Refusal (400)."""

    members: Mapping[str, Any]
    #: What the refusals are called: `invalid-customer`.
    code: str

    @classmethod
    def of(cls, payload: Any, code: str) -> Fields:
        """The members of a request's body, which must be an object."""
        if not isinstance(payload, dict):
            details = f"the body is {describe_value(payload)}"
            raise Refusal(400, code, "An object was expected", details=details)
        return cls(members=payload, code=code)

    def refuse(self, name: str, expected: str) -> Refusal:
        """The refusal of a member: what it must be, and what it is."""
        value = self.members.get(name)
        found = "missing or null" if value is None else describe_value(value)
        message = f"{shorten(name)} must be {expected}"
        return Refusal(400, self.code, message, details=f"{shorten(name)} is {found}")

    def find_text(self, name: str) -> str | None:
        """A text that is not blank, if there is one."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(name, "a text that is not blank")
        return value

    def read_text(self, name: str) -> str:
        """A text that is not blank."""
        value = self.find_text(name)
        if value is None:
            raise self.refuse(name, "a text that is not blank")
        return value

    def find_choice(self, name: str, choices: Sequence[str]) -> str | None:
        """One of some texts, in any letter case, as it was sent."""
        value = self.find_text(name)
        if value is not None and value.upper() not in (choice.upper() for choice in choices):
            raise self.refuse(name, f"one of {', '.join(choices)}")
        return value

    def find_flag(self, name: str) -> bool | None:
        """True or false, if there is one."""
        value = self.members.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return value

    def find_number(self, name: str) -> float | None:
        """A number that float64 can hold, if there is one."""
        value = self.members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(name, "a number")
        try:
            is_finite = isfinite(value)
        except OverflowError:
            is_finite = False
        if not is_finite:
            raise self.refuse(name, "a number that float64 can hold")
        return value

    def find_integer(self, name: str, *, least: int = -(2**53), below: int = 2**53) -> int | None:
        """An integer, if there is one; 5.0 is one, too: JSON Schema goes by the value."""
        value = self.find_number(name)
        if value is None:
            return None
        if not float(value).is_integer() or not least <= value < below:
            bounds = "" if least < 0 else f", {least} or more"
            bounds += f" and less than {below}" if below < inf and least >= 0 else ""
            raise self.refuse(name, f"an integer{bounds}")
        return int(value)

    def find_seconds(self, name: str) -> int | None:
        """Seconds since 1970, if there are any."""
        value = self.find_number(name)
        if value is None:
            return None
        if not float(value).is_integer() or not 0 <= value < _END_OF_TIME_S:
            expected = "seconds (not milliseconds) since 1970, an integer before the year 9999"
            raise self.refuse(name, expected)
        return int(value)

    def find_millis(self, name: str) -> int | None:
        """Milliseconds since 1970, if there are any."""
        value = self.find_number(name)
        if value is None:
            return None
        if not float(value).is_integer() or not 0 <= value < END_OF_TIME_MS:
            raise self.refuse(name, "milliseconds since 1970, an integer before the year 9999")
        return int(value)

    def find_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts, if there is one."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(name, "a list of texts")
        return tuple(value)

    def find_text_map(self, name: str) -> dict[str, str] | None:
        """An object of texts, if there is one."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.refuse(name, "an object of texts")
        return dict(value)

    def find_fields(self, name: str) -> Fields | None:
        """The members of an object within, if there is one."""
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.refuse(name, "an object")
        return Fields(members=value, code=self.code)


def drop_absent(members: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object without the members that there are none of."""
    return {name: value for name, value in members.items() if value is not None}
