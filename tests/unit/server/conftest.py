"""A running server, clients for it, and the shipped description as the judge of its answers."""

from __future__ import annotations

import itertools
import json
import socket
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from unit.server import answer_judge
from unit.server.server_process import run_process

from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "key-of-the-first-tenant"
OTHER_KEY = "key-of-the-second-tenant"
_NUMBERS = itertools.count()


def open_client(url: str, key: str = KEY) -> httpx.Client:
    """A client of a server that holds every answer to its description."""
    hooks = {"response": [answer_judge.check_answer]}
    headers = {"X-API-KEY": key}
    return httpx.Client(base_url=url, headers=headers, event_hooks=hooks, verify=False)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A server with two tenants and a temporary store."""
    with EmbeddedServer([KEY, OTHER_KEY]) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: EmbeddedServer) -> Iterator[httpx.Client]:
    """The first tenant's client."""
    with open_client(server.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def stranger(server: EmbeddedServer) -> Iterator[httpx.Client]:
    """The second tenant's client."""
    with open_client(server.url, OTHER_KEY) as opened:
        yield opened


@pytest.fixture
def meter() -> str:
    """A meter that nobody else uses."""
    return f"meter-{next(_NUMBERS)}"


@pytest.fixture
def make_event(meter: str) -> Callable[..., dict[str, Any]]:
    """Makes a right event; arguments replace attributes, `...` leaves one out."""

    def make(**changes: Any) -> dict[str, Any]:
        event = {
            "meterApiName": meter,
            "customerId": "acme",
            "meterValue": 2.5,
            "meterTimeInMillis": 1_718_153_645_993,
            "uniqueId": "id-1",
            "dimensions": {"region": "eu", "method": "GET"},
        } | changes
        return {name: value for name, value in event.items() if value is not ...}

    return make


@pytest.fixture
def ask_usage(client: httpx.Client, meter: str) -> Callable[..., Any]:
    """Queries the meter's usage around the default event; gives back its groups."""

    def ask(**changes: Any) -> Any:
        query = {
            "meterApiName": meter,
            "startTimeInSeconds": 1_718_064_000,
            "endTimeInSeconds": 1_718_236_800,
            "aggregation": "SUM",
            "timeGroupingInterval": "DAY",
        } | changes
        answer = client.post("/usage", json=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["clientMeters"][query["meterApiName"]]

    return ask


@pytest.fixture
def count_records(ask_usage: Callable[..., Any]) -> Callable[[], int]:
    """Counts the records of the meter, of all times and customers."""

    def count() -> int:
        groups = ask_usage(aggregation="COUNT", startTimeInSeconds=0, endTimeInSeconds=10**11)
        return sum(n for group in groups for record in group["records"] for n in record.values())

    return count


@pytest.fixture(scope="session")
def check_answer() -> Callable[[httpx.Response], None]:
    """Raises if an answer breaks the shipped descriptions."""
    return answer_judge.check_answer


class RawClient:
    """A socket that speaks HTTP as it is told."""

    def __init__(self, port: int | None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def post(self, path: str, payload: Any, *headers: str) -> None:
        """Send one JSON request with the first tenant's key."""
        self.send(self.render_post(path, payload, *headers))

    def render_post(self, path: str, payload: Any, *headers: str) -> bytes:
        """The bytes of one JSON request with the first tenant's key."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: test",
            f"X-API-KEY: {KEY}",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def read_head(self) -> tuple[int, dict[str, str]]:
        """Read a status line and its headers."""
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        status, *lines = self._take(self._buffer.index(b"\r\n\r\n")).decode("ascii").split("\r\n")
        self._take(4)
        pairs = (line.split(": ", 1) for line in lines)
        return int(status.split()[1]), {name.lower(): value for name, value in pairs}

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """Read one whole answer."""
        status, headers = self.read_head()
        length = int(headers["content-length"])
        while len(self._buffer) < length:
            self._receive()
        return status, headers, self._take(length)

    def is_closed(self) -> bool:
        """Wait for what comes next; whether it is the end."""
        return not self._buffer and not self.socket.recv(1)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError(self._buffer)
        self._buffer += data


@pytest.fixture
def raw(server: EmbeddedServer) -> Iterator[RawClient]:
    """A raw connection to the server."""
    opened = RawClient(server.port)
    with closing(opened.socket):
        yield opened


@pytest.fixture
def open_raw() -> Iterator[Callable[[EmbeddedServer | httpx.URL], RawClient]]:
    """Opens raw connections to any server."""
    opened: list[RawClient] = []

    def open_one(server: EmbeddedServer | httpx.URL) -> RawClient:
        opened.append(RawClient(server.port))
        return opened[-1]

    yield open_one
    for one in opened:
        one.socket.close()


@pytest.fixture
def run_server(tmp_path: Path) -> Callable[..., Any]:
    """Runs the command as a context; what still serves at its end is stopped."""
    return partial(run_process, tmp_path)
