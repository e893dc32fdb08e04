"""What a reader has to know of a target where nothing can be heard."""

from __future__ import annotations

from typing import Final

UNHEARD: Final = (
    "judged by usage alone: what the service sent cannot be seen there (unique ids, times, "
    "dimensions, copies, which call)"
)


def describe_unknown_usage(customer: str) -> str:
    """Why nothing can be said of the usage of a customer that others may use, too."""
    return (
        f"usage of customer {customer} from before is not known, and the target does not show "
        "what came: give the call a customer of its own"
    )
