"""Runs a server on a socket that listens already, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.app import App
from pytest_amberflo.server.connection import Connection
from pytest_amberflo.server.gate import Gate
from pytest_amberflo.server.journal import Journal
from pytest_amberflo.server.listener import BACKLOG
from pytest_amberflo.server.service import Service
from pytest_amberflo.server.store import Store

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from pytest_amberflo.server.message import Observe
    from pytest_amberflo.server.setup import Setup

_LOGGER: Final = logging.getLogger(__name__)

#: From a connection in the system's queue to its first request read, the event loop takes a
#: handful of turns.
_SETTLING_TURNS: Final = 10


@contextmanager
def open_store(path: Path | None) -> Iterator[Store]:
    """The store in a file, or without one a store that is thrown away at the end.

    The caller's thread is the one that may write to it. Raises StoreRefusedError.
    """
    if path is not None:
        with closing(Store.open(path, is_kept=True)) as store:
            yield store
        return
    folder = Path(tempfile.mkdtemp(prefix="amberflo-"))
    try:
        with closing(Store.open(folder / "usage.sqlite", is_kept=False)) as store:
            yield store
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def serve(
    listener: socket.socket,
    stop: socket.socket,
    *,
    store: Store,
    setup: Setup,
    alarm: Callable[[BaseException], None],
    observe: Observe | None = None,
) -> None:
    """Serve until `stop` can be read from, then answer what is under way and return.

    `listener` is closed at the end. `alarm` is told what goes wrong inside the server itself;
    the client concerned gets a 500, and all others are served on.
    """
    # The event loop of Windows' own kind cannot watch a socket for somebody else.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(partial(_raise_alarm, alarm))
        journal = Journal(store, loop, lock_s=setup.limits.lock_s)
        gate = Gate(setup.authority)
        app = App(
            setup=setup,
            store=store,
            journal=journal,
            loop=loop,
            gate=gate,
        )
        service = Service(
            app=app,
            limits=setup.limits,
            clock=store.clock.now,
            loop=loop,
            observe=observe,
            gate=gate,
        )
        try:
            runner.run(_serve(service, listener, stop))
        finally:
            app.close()


async def _serve(service: Service, listener: socket.socket, stop: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    is_stopping = asyncio.Event()
    loop.add_reader(stop, is_stopping.set)
    server = await loop.create_server(partial(Connection, service), sock=listener, backlog=BACKLOG)
    _sweep(service, loop)
    await is_stopping.wait()
    loop.remove_reader(stop)
    # Whoever connected before the end is taken in, and then whoever was taken in gets as far as
    # having his request read: asyncio would forget a client that it has only just accepted.
    await _let_settle()
    server.close()
    await _let_settle()
    service.app.release()
    await service.finish()


async def _let_settle() -> None:
    for _ in range(_SETTLING_TURNS):
        await asyncio.sleep(0)


def _sweep(service: Service, loop: asyncio.AbstractEventLoop) -> None:
    """Look for clients that take too long, now and again."""
    service.expire_connections()
    loop.call_later(service.limits.sweep_s, _sweep, service, loop)


def _raise_alarm(
    alarm: Callable[[BaseException], None],
    _: asyncio.AbstractEventLoop,
    context: dict[str, Any],
) -> None:
    error = context.get("exception")
    _LOGGER.debug("event loop: %s", context.get("message"), exc_info=error)
    # Clients that vanish and sockets that run out are no fault of the server.
    if error is not None and not isinstance(error, OSError):
        alarm(error)
