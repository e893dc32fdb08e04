"""Clients that die, dawdle, do not listen, or are too many."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.limits import Limits
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unit.server.conftest import RawClient


# Certificates would take longer to load than most tests take.
_get = partial(httpx.get, verify=False)
_HEALTH = b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n"
_KEY = "key-of-the-first-tenant"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_client_that_dies_stores_nothing(
    server: EmbeddedServer,
    open_raw: Callable[[EmbeddedServer], RawClient],
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    share: float,
) -> None:
    """A request that was never complete leaves nothing behind."""
    raw = open_raw(server)
    data = raw.render_post("/ingest", [make_event(uniqueId=str(n)) for n in range(100)])
    raw.send(data[: int(len(data) * share)])
    # Closing with this option set resets the connection.
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()
    assert count_records() == 0


def _narrow(raw: RawClient) -> None:
    """Have the system hold as little as it can for a connection, and never wait for it."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        raw.socket.setsockopt(socket.SOL_SOCKET, option, 32_768)
    raw.socket.setblocking(False)


def _flood(raw: RawClient, data: bytes) -> None:
    """Send the same again and again, for five seconds or until that fails."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            raw.send(data)


def test_a_client_that_does_not_listen(
    server: EmbeddedServer,
    open_raw: Callable[[EmbeddedServer], RawClient],
    client: httpx.Client,
) -> None:
    """Answers that nobody takes stop the reading, not the server."""
    raw = open_raw(server)
    _narrow(raw)
    sent = 0
    blocked = False
    while not blocked:
        try:
            sent += raw.socket.send((_HEALTH * 500)[sent % len(_HEALTH) :])
        except BlockingIOError:
            blocked = True
        # Each turn gives the server time to fill the buffers.
        assert client.get("/health").is_success
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
    raw.socket.settimeout(10)
    for _ in range(sent // len(_HEALTH)):
        assert raw.read()[0] == 200


def test_what_nobody_takes_is_not_made(
    run_server: Callable[..., Any],
    make_event: Callable[..., dict[str, Any]],
    open_raw: Callable[[Any], RawClient],
    meter: str,
) -> None:
    """Queries of a client that takes no answers wait, instead of filling the memory."""
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "SUM",
        "timeGroupingInterval": "DAY",
        "groupBy": ["customerId"],
    }
    with (
        run_server("--port", "0", "--api-key", _KEY) as command,
        httpx.Client(base_url=command.url, headers={"X-API-KEY": _KEY}, verify=False) as client,
    ):
        events = [make_event(customerId=f"{n}-{'x' * 500}") for n in range(600)]
        assert client.post("/ingest", json=events).is_success
        raw = open_raw(httpx.URL(command.url))
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        raw.send(raw.render_post("/usage", query) * 100)
        for _ in range(40):
            assert client.post("/usage", json=query).is_success
        assert command.read_stderr().count('"path": "/usage", "status": 200') < 40 + 30
        assert all(raw.read()[0] == 200 for _ in range(100))


@pytest.fixture
def hasty() -> Iterator[EmbeddedServer]:
    """A server without patience."""
    limits = Limits(request_s=0.2, idle_s=0.4, linger_s=0.2, write_s=0.2, connections=5)
    with EmbeddedServer([_KEY], limits=limits) as running:
        yield running


def test_slow_senders_are_told_so(open_raw: Callable[[EmbeddedServer], RawClient]) -> None:
    """A request must be complete after a while, however busily its sender dribbles."""
    with EmbeddedServer([_KEY], limits=Limits(request_s=0.2)) as server:
        _dribble(open_raw(server))


def _dribble(raw: RawClient) -> None:
    raw.send(b"POST /ingest HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
    raw.socket.settimeout(0.02)
    status = None
    deadline = time.monotonic() + 5
    while status is None and time.monotonic() < deadline:
        raw.send(b" ")
        try:
            status = raw.read_head()[0]
        except TimeoutError:
            continue
    assert status == 408


def test_slow_senders_do_not_hold_the_connection(
    hasty: EmbeddedServer, open_raw: Callable[[EmbeddedServer], RawClient]
) -> None:
    """After its answer, a sender that never ends is cut off."""
    raw = open_raw(hasty)
    raw.send(b"POST /ingest HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
    assert raw.read()[0] == 408
    assert raw.is_closed()
    with pytest.raises(ConnectionError):
        _flood(raw, b" ")


def test_clients_that_do_not_listen_are_cut_off(
    hasty: EmbeddedServer, open_raw: Callable[[EmbeddedServer], RawClient]
) -> None:
    """A client that takes no answers for too long loses its connection."""
    raw = open_raw(hasty)
    _narrow(raw)
    with pytest.raises(ConnectionError):
        _flood(raw, _HEALTH * 500)


def test_idle_connections_are_closed(
    hasty: EmbeddedServer, open_raw: Callable[[EmbeddedServer], RawClient]
) -> None:
    """A connection without a request ends after a while, before the first one and after."""
    fresh, used = open_raw(hasty), open_raw(hasty)
    used.send(_HEALTH)
    assert used.read()[0] == 200
    assert fresh.is_closed()
    assert used.is_closed()


def test_connections_are_limited(
    hasty: EmbeddedServer, open_raw: Callable[[EmbeddedServer], RawClient]
) -> None:
    """One connection too many is told so; the others go on, and one that ends makes room."""
    admitted = [open_raw(hasty) for _ in range(5)]
    for raw in admitted:
        raw.send(_HEALTH)
        assert raw.read()[0] == 200
    surplus = open_raw(hasty)
    status, headers, body = surplus.read()
    assert (status, headers["retry-after"]) == (503, "1")
    assert json.loads(body)["code"] == "too-many-connections"
    assert surplus.is_closed()
    for raw in (*admitted, surplus):
        raw.socket.close()
    assert _get(f"{hasty.url}/health").is_success
