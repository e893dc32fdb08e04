"""Random sequences of calls, shrunk to the smallest one that shows a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.probes.explorer import explore_nothing
from pytest_amberflo.probes.promise import model

if TYPE_CHECKING:
    from pytest_amberflo.probes.field import Field
    from pytest_amberflo.probes.promise import Script


@model
def any_sequence_of_calls(field: Field) -> Script:
    """Whatever is sent, sent again, alone, in arrays or at once, and read in between, adds up."""
    yield from explore_nothing(field)
