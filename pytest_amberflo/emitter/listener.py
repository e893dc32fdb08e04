"""Hears what comes to ingest at the embedded server, for one item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_amberflo.metering.emission import read_arrival

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.control import ServerControl
    from pytest_amberflo.metering.emission import Arrival


class Listener:
    """Keeps the requests that came since it was made, in the order in which they came."""

    def __init__(self, control: ServerControl) -> None:
        self.control = control
        self._change: int = control.read_attempts()["change"]
        self._arrivals: dict[int, Arrival] = {}
        #: Whether the server has kept all that came.
        self.is_whole = True

    def poll(self, is_wanted: Callable[[Arrival], bool]) -> bool:
        """Whether anything is new, or has been answered, of what is wanted."""
        is_news, has_more = False, True
        while has_more:
            found = self.control.read_attempts(self._change)
            self._change, has_more = found["change"], found["hasMore"]
            self.is_whole = self.is_whole and found["isWhole"]
            for data in found["attempts"]:
                arrival = read_arrival(data)
                if is_wanted(arrival):
                    self._arrivals[arrival.number] = arrival
                    is_news = True
        return is_news

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        """What came so far."""
        return tuple(self._arrivals[number] for number in sorted(self._arrivals))
