"""The clock of a service that is not on this machine, by the `Date` of its answers."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pytest_amberflo.http.exchange import Request

if TYPE_CHECKING:
    from pytest_amberflo.http.client import Client
    from pytest_amberflo.http.exchange import Exchange

#: In seconds. Less than this is made up for by events that lie a little in the past.
LARGEST_S: Final = 30.0
_TIMEOUT_S: Final = 10.0
#: `Date` tells whole seconds, so the moment it was written is half a second later on average.
_HALF_S: Final = 0.5


class ClockOffset(Struct, frozen=True, kw_only=True):
    """How far a service's clock is ahead of this machine's, in seconds."""

    host: str
    seconds: float

    def __str__(self) -> str:
        """The offset as a sentence."""
        side = "ahead of" if self.seconds > 0 else "behind"
        return (
            f"the clock of {self.host} is {abs(self.seconds):.0f} s {side} this machine's, by the "
            "Date of its answer; windows and times of events follow the service's clock"
        )


def ask_offset(client: Client, url: str, host: str) -> ClockOffset | None:
    """The offset of a service's clock where it matters; None where it does not, or is not told.

    Any answer tells it, so what is asked for is nothing in particular, and without a key.
    """
    request = Request(method="GET", url=url.rstrip("/") + "/", headers=(("Accept", "*/*"),))
    seconds = read_offset(client.send(request, timeout_s=_TIMEOUT_S, notes=("clock",)))
    if seconds is None or abs(seconds) <= LARGEST_S:
        return None
    return ClockOffset(host=host, seconds=seconds)


def read_offset(exchange: Exchange) -> float | None:
    """How far a service is ahead of this machine, in seconds; None if its answer does not say."""
    response = exchange.response
    if response is None:
        return None
    texts = [value for name, value in response.headers if name.lower() == "date"]
    try:
        moment = parsedate_to_datetime(texts[0] if texts else "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() + _HALF_S - (exchange.started_at + exchange.elapsed_s / 2)
