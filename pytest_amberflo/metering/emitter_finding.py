"""What can be wrong with what a sender sends, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_amberflo.metering.emission import Arrived, CallMark, Declared


class Kind(Enum):
    """The kinds of mistakes."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    UNEXPECTED = "unexpected"
    WRONG_FIELD = "wrong field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake, in a sentence that stands alone."""

    kind: Kind
    text: str
    #: The call that it is about; None where that cannot be told.
    call: CallMark | None
    declared: Declared | None = None
    record: Arrived | None = None
