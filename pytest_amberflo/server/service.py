"""The connections of a server, together."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.server.app import App
    from pytest_amberflo.server.connection import Connection
    from pytest_amberflo.server.gate import Gate
    from pytest_amberflo.server.limits import Limits
    from pytest_amberflo.server.message import Clock, Observe

#: Clients beyond the limit that are told so at the same time; more are cut off.
_MAX_TURNED_AWAY: Final = 100


class Service:
    """What all connections share. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        app: App,
        limits: Limits,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        observe: Observe | None,
        gate: Gate,
    ) -> None:
        self.app = app
        self.gate = gate
        self.limits = limits
        #: Seconds on the loop's clock, for durations and deadlines.
        self.now: Callable[[], float] = loop.time
        self.call_soon: Callable[[Callable[[], None]], object] = loop.call_soon
        self.observe = observe
        self._clock = clock
        self._date_second = -1
        self._date = ""
        self._connections: set[Connection] = set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def date(self) -> str:
        """The moment by the server's clock, as the header Date has it."""
        second = int(self._clock())
        if second != self._date_second:
            self._date_second = second
            self._date = formatdate(second, usegmt=True)
        return self._date

    @property
    def is_alone(self) -> bool:
        """Whether there is one connection only."""
        return len(self._connections) == 1

    def admit(self, connection: Connection) -> bool:
        """Take a connection in; False if it is one too many and must be told so."""
        self._connections.add(connection)
        self._is_idle.clear()
        surplus = len(self._connections) - self.limits.connections
        if surplus > _MAX_TURNED_AWAY:
            connection.abort()
        return surplus <= 0

    def dismiss(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._connections.discard(connection)
        if not self._connections:
            self._is_idle.set()

    def expire_connections(self) -> None:
        """Part with every client that takes too long."""
        now = self.now()
        for connection in tuple(self._connections):
            connection.expire(now)

    async def finish(self) -> None:
        """Answer what is under way, then close every connection."""
        for connection in tuple(self._connections):
            connection.finish()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_idle.wait(), self.limits.grace_s)
        for connection in tuple(self._connections):
            connection.abort()
        await self._is_idle.wait()
