"""How reports tell the promise of a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

#: The property of a report that has the promise.
PROMISE: Final = "amberflo_promise"
_LETTERS: Final = {"passed": ".", "failed": "F", "skipped": "s"}
_COLOURS: Final = {"passed": "green", "failed": "red", "skipped": "yellow"}


def describe_status(report: pytest.TestReport, verbosity: int) -> Any:
    """Category, letter and word of a probe's report under -v, with its promise; else None."""
    if verbosity < 1 or report.when != "call" or hasattr(report, "wasxfail"):
        return None
    promise = dict(report.user_properties).get(PROMISE)
    if promise is None:
        return None
    word = f"{report.outcome.upper()}  {promise}"
    colour = {_COLOURS[report.outcome]: True}
    return report.outcome, _LETTERS[report.outcome], (word, colour)
