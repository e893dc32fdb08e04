"""What can be wrong with what a sender sends, by kind."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from pytest_amberflo.metering.emission import Arrived, CallMark, Declared


class Kind(Enum):
    """The kinds of mistakes."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    UNEXPECTED = "unexpected"
    WRONG_FIELD = "wrong field"


class Finding(Struct, frozen=True, kw_only=True):
    """One mistake, in a sentence that stands alone."""

    kind: Kind
    text: str
    #: The call that it is about; None where that cannot be told.
    call: CallMark | None
    declared: Declared | None = None
    record: Arrived | None = None
