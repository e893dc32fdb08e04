"""The embedded server inside the calling process.

Starting it costs next to nothing: the socket listens at once, and a small thread waits on it.
Only the first connection makes that thread import the event loop, SQLite and the routes and
serve. A run that never asks the server pays for none of them.
"""

from __future__ import annotations

import atexit
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from pytest_amberflo.server.authority import Authority
from pytest_amberflo.server.behaviour import DEFAULT_BEHAVIOUR, Behaviour
from pytest_amberflo.server.errors import NotRunningError, ServingFailedError
from pytest_amberflo.server.keyring import check_keys
from pytest_amberflo.server.limits import Limits
from pytest_amberflo.server.listener import open_listener, port_of, url_of
from pytest_amberflo.server.setup import Setup
from pytest_amberflo.server.storefile import check_store_file
from pytest_amberflo.server.thread import Plan, ServerThread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from pytest_amberflo.server.faults import Fault

#: How long the thread may take to end after the grace for requests under way, in seconds.
_JOIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A server between start and stop."""

    thread: ServerThread
    port: int
    #: Written to when it is time to stop.
    waker: socket.socket


class EmbeddedServer:
    """An Amberflo-compatible server on its own thread, as a context manager or by hand.

    `api_keys` are accepted, each as a tenant of its own. Without `store` the events live in a
    temporary file that goes with the server; with it they are kept in that file, and on disk
    before they are acknowledged. Port 0 takes any free port. With `control_token`, the control
    API (`pytest_amberflo.server.control`) is there for those who have it. With `authority`, the
    file of a certificate authority, which is made if it is not there, the server speaks TLS for
    Amberflo's hosts and is a proxy to them.
    """

    def __init__(  # noqa: PLR0913 - all but the keys by name
        self,
        api_keys: Sequence[str],
        store: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        limits: Limits | None = None,
        behaviour: Behaviour = DEFAULT_BEHAVIOUR,
        faults: Sequence[Fault] = (),
        control_token: str | None = None,
        authority: Path | None = None,
    ) -> None:
        check_keys(api_keys)
        setup = Setup(
            api_keys=tuple(api_keys),
            limits=limits or Limits(),
            behaviour=behaviour,
            faults=tuple(faults),
            control_token=control_token,
            authority=None if authority is None else Authority(authority),
        )
        self._plan = Plan(setup=setup, store=store)
        self._host = host
        self._port = port
        self._run: _Run | None = None

    def __repr__(self) -> str:
        place = "stopped" if self._run is None else self.url
        store = "a temporary store" if self._plan.store is None else str(self._plan.store)
        return f"<EmbeddedServer {place}, {store}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that the server listens on. Raises NotRunningError."""
        if self._run is None:
            raise NotRunningError
        return self._run.port

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end. Raises NotRunningError."""
        return url_of(self._host, self.port)

    def start(self) -> None:
        """Listen; the server answers as soon as somebody connects. Twice is as good as once.

        Raises PortTakenError, AddressUnusableError and StoreRefusedError.
        """
        if self._run is not None:
            return
        if self._plan.store is not None:
            check_store_file(self._plan.store)
        listener = open_listener(self._host, self._port)
        waker, stop = socket.socketpair()
        thread = ServerThread(self._plan, listener, stop)
        self._run = _Run(thread=thread, port=port_of(listener), waker=waker)
        thread.start()
        # A process that ends without a stop has one after all, and no temporary file stays.
        atexit.register(self.stop)

    def stop(self) -> None:
        """Answer what is under way, then stop; on a stopped server nothing happens.

        Raises ServingFailedError if something went wrong inside the server meanwhile.
        """
        run, self._run = self._run, None
        if run is None:
            return
        atexit.unregister(self.stop)
        with run.waker:
            run.waker.send(b"\\0")
            run.thread.join(self._plan.setup.limits.grace_s + _JOIN_S)
        failures = run.thread.failures
        if run.thread.is_alive():
            failures.append(TimeoutError("it does not stop"))
        if failures:
            url = url_of(self._host, run.port)
            raise ServingFailedError(url=url, reason=failures[0]) from failures[0]
