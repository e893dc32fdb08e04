"""Loopback servers that say exactly what a test wants, and a client to talk to them."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Self

from pytest_amberflo.http.client import Client
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.http.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from pytest_amberflo.http.exchange import Exchange, TransportFailure

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """One accepted connection."""

    def __init__(self, connection: socket.socket, closing: Event) -> None:
        self._connection = connection
        self._closing = closing

    def read_request(self) -> bytes:
        """A whole request, or what there is of it before the other side closes."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = self._connection.recv(65536)
            if not part:
                return data
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            part = self._connection.recv(65536)
            if not part:
                break
            body += part
        return head + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._connection.sendall(data)

    def drip(self, data: bytes, every_s: float) -> None:
        """Send it a byte at a time."""
        for byte in data:
            self.send(bytes([byte]))
            if self._closing.wait(every_s):
                return

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self._closing.wait()

    def finish(self) -> None:
        """Close for sending, then wait until the other side closes: it gets an end, no reset."""
        self._connection.shutdown(socket.SHUT_WR)
        while self._connection.recv(65536):
            pass

    def reset(self) -> None:
        """Close so that the other side gets a reset, not an end."""
        linger = struct.pack("ii", 1, 0)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._connection.close()


class Server:
    """Answers every request on every connection with bytes; keeps what it was sent.

    A function as the answer gets the connection after its first request, or, unless the server
    `reads`, at once; the connection is closed when it is done.
    """

    def __init__(self, answer: bytes | Callable[[Wire], None], *, reads: bool = True) -> None:
        self._answer = answer
        self._reads = reads
        self._closing = Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[Thread] = []
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        # A thread that waits in accept() wakes up by a connection, not by close().
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def wait_closed(self) -> None:
        """Wait until every connection so far is closed on this side."""
        for thread in self._threads[1:]:
            thread.join(5)

    def all_closed(self) -> bool:
        """Whether the other side closes every connection so far, within a moment."""
        for thread in self._threads[1:]:
            thread.join(2)
        return not any(thread.is_alive() for thread in self._threads[1:])

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self._closing.is_set():
                connection.close()
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection, self._closing)
        connection.settimeout(5)
        with connection, suppress(OSError):
            if not isinstance(self._answer, bytes):
                if self._reads:
                    self.requests.append(wire.read_request())
                self._answer(wire)
                return
            while request := wire.read_request():
                self.requests.append(request)
                wire.send(self._answer)


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def client_of(redactor: Redactor | None = None) -> Iterator[Client]:
    """A client that is closed at the end."""
    client = Client(redactor or Redactor(), user_agent="kit/1")
    try:
        yield client
    finally:
        client.close()


def get(
    client: Client,
    url: str,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    timeout_s: float = 5,
) -> Exchange:
    """The exchange of a GET."""
    return client.send(Request(method="GET", url=url, headers=headers), timeout_s=timeout_s)


def fetch(
    answer: bytes | Callable[[Wire], None], *, timeout_s: float = 5
) -> tuple[Exchange, Server]:
    """The exchange of one GET with a server that answers so."""
    with Server(answer) as server, client_of() as client:
        return get(client, f"{server.url}/path", timeout_s=timeout_s), server


def fail(answer: bytes | Callable[[Wire], None], *, timeout_s: float = 5) -> TransportFailure:
    """The failure of one GET; the server's host is `HOST` in its message."""
    exchange, server = fetch(answer, timeout_s=timeout_s)
    assert exchange.response is None
    failure = exchange.failure
    assert failure is not None
    host = f"127.0.0.1:{server.port}"
    return type(failure)(
        kind=failure.kind, message=failure.message.replace(host, "HOST"), sent=failure.sent
    )


def head_of(request: bytes) -> dict[str, str]:
    """The headers of a raw request, names in lower case."""
    lines = request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
