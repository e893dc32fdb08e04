"""The thread of an embedded server: asleep until somebody connects."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from pytest_amberflo.server.setup import Setup

#: How long a client of a broken server may take to send its request, in seconds.
_LAST_READ_S: Final = 1.0
_READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to serve."""

    setup: Setup
    #: None for a store that is thrown away.
    store: Path | None

    def __repr__(self) -> str:
        return f"Plan(store={self.store!r})"


class ServerThread(threading.Thread):
    """Waits for the first client, imports what is heavy, serves until `stop` can be read.

    `failures` holds what went wrong, in order. A server that cannot serve at all answers every
    request with 503 until it is stopped.
    """

    def __init__(self, plan: Plan, listener: socket.socket, stop: socket.socket) -> None:
        super().__init__(name="amberflo-server", daemon=True)
        self.failures: list[BaseException] = []
        self._plan = plan
        self._listener = listener
        self._stop_signal = stop

    def run(self) -> None:
        """The life of the thread."""
        with self._listener, self._stop_signal:
            if self._listener not in self._wait():
                return
            with _Witness(self.failures):
                self._serve()
                return
            # Only a failure comes this far: the witness has kept it and let nothing pass.
            with _Witness(self.failures):
                self._turn_away()

    def _wait(self) -> set[socket.socket]:
        """Wait for a client or the end; tells which of the two sockets can be read."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ, self._listener)
            selector.register(self._stop_signal, selectors.EVENT_READ, self._stop_signal)
            return {key.data for key, _ in selector.select()}

    def _serve(self) -> None:
        from pytest_amberflo.server.serving import open_store, serve  # noqa: PLC0415 - heavy

        with open_store(self._plan.store) as store:
            serve(
                self._listener,
                self._stop_signal,
                store=store,
                setup=self._plan.setup,
                alarm=self.failures.append,
            )

    def _turn_away(self) -> None:
        """Tell every client that the server has failed."""
        from pytest_amberflo.server.refusal import Refusal  # noqa: PLC0415 - not needed before
        from pytest_amberflo.server.wire import render_answer  # noqa: PLC0415

        failure = self.failures[-1]
        details = f"{type(failure).__name__}: {failure}"
        refusal = Refusal(503, "server-failed", "The embedded server failed", details=details)
        answer = render_answer(refusal.to_answer(), request=None, date=None, is_last=True)
        while self._listener.fileno() >= 0 and self._stop_signal not in self._wait():
            # Clients that are gone again are none to be told.
            with suppress(OSError):
                client, _ = self._listener.accept()
                with client:
                    client.settimeout(_LAST_READ_S)
                    client.recv(_READ_BYTES)
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(_READ_BYTES)


class _Witness:
    """Keeps what ends the block inside, whatever it is, instead of letting it pass.

    An error in a thread reaches nobody; this one has to reach whoever stops the server.
    """

    def __init__(self, failures: list[BaseException]) -> None:
        self._failures = failures

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._failures.append(error)
        return True
