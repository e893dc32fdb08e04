"""Connections: when they are used again, how many there are, and what happens at their ends."""

from __future__ import annotations

import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier, Event
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from unit.http.http_kit import OK, Server, Wire, client_of, free_port, get

from pytest_amberflo.http import pool as pool_module
from pytest_amberflo.http.connection import WireError
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.http.pool import MOST_KEPT, MOST_OPEN, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.http.connection import Connection


def soon(seconds: float = 5) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def finish(connection: Connection) -> None:
    """What an answer does that ends as it should."""
    connection.finish(can_stay=True)


@pytest.fixture
def pool() -> Iterator[Pool]:
    """A pool that is closed at the end."""
    with closing(Pool()) as pool:
        yield pool


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """The address of a server that never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=MOST_OPEN + 8) as server:
        yield server.getsockname()


def test_a_connection_that_has_idled_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be about to close it."""
    monkeypatch.setattr(pool_module, "KEEP_ALIVE_S", -1.0)
    with Server(OK) as server, client_of() as client:
        for _ in range(3):
            assert get(client, server.url).response is not None
    assert server.connections == 3


def test_idle_connections_to_other_servers_are_closed_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not only those that somebody asks for."""
    with Server(OK) as first, Server(OK) as second, client_of() as client:
        get(client, first.url)
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 3)
        monkeypatch.setattr(pool_module, "time", clock)
        get(client, second.url)
        assert first.all_closed()


def test_a_request_is_never_sent_twice() -> None:
    """A server that reads a second request and closes may have acted on it."""

    def answer_once(wire: Wire) -> None:
        wire.send(OK)
        second.append(wire.read_request())

    second: list[bytes] = []
    with Server(answer_once) as server, client_of() as client:
        assert get(client, server.url).response is not None
        failure = get(client, server.url).failure
    assert failure is not None
    assert (failure.kind, failure.sent) == ("reset", True)
    assert len(second) == server.connections == 1
    assert second[0].startswith(b"GET / ")


def test_a_connection_whose_later_answer_fails_is_not_used_again() -> None:
    """One good answer does not speak for the next."""

    def answer(wire: Wire) -> None:
        wire.send(OK)
        if wire.read_request().startswith(b"GET /half"):
            wire.send(OK[:-1])
            wire.hang()

    with Server(answer) as server, client_of() as client:
        assert get(client, server.url).response is not None
        assert get(client, f"{server.url}/half", timeout_s=0.1).failure is not None
        assert get(client, server.url).response is not None
    assert server.connections == 2


def test_a_request_that_asks_to_close_is_the_last_of_its_connection() -> None:
    """Whatever the server says."""
    with Server(OK) as server, client_of() as client:
        for _ in range(2):
            get(client, server.url, (("Connection", "close"),))
    assert server.connections == 2


def test_an_answer_before_the_request_is_read_counts() -> None:
    """A server may refuse a large body by its head alone, and close."""
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    with Server(lambda wire: wire.send(refused), reads=False) as server, client_of() as client:
        request = Request(method="POST", url=server.url, body=b"x" * 16_000_000)
        exchanges = [client.send(request, timeout_s=5) for _ in range(2)]
    assert [exchange.response and exchange.response.status for exchange in exchanges] == [413] * 2
    assert server.connections == 2


def test_a_connection_that_took_half_a_request_is_not_used_again(pool: Pool) -> None:
    """Whatever is answered to it."""
    with (
        Server(Wire.reset) as server,
        pool.connect(("127.0.0.1", server.port), soon()) as connection,
    ):
        connection.send(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 16_000_000)
        finish(connection)
        assert not connection.is_done


def test_a_dropped_answer_ends_its_connection() -> None:
    """The server sees that nobody reads."""
    with Server(OK) as server, client_of() as client:
        exchange = client.drop(Request(method="GET", url=server.url), timeout_s=5)
        assert server.all_closed()
    assert exchange.response is None
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.failure.sent) == ("dropped", True)
    assert exchange.failure.message == "the answer was dropped on our side"


def test_an_answer_that_is_dropped_must_begin() -> None:
    """Otherwise it is told what went wrong, as of a request that is sent."""
    with Server(Wire.hang) as server, client_of() as client:
        failure = client.drop(Request(method="GET", url=server.url), timeout_s=0.1).failure
    assert failure is not None
    assert failure.message == f"127.0.0.1:{server.port} did not answer within 0.1 s"


def test_no_more_connections_are_open_than_a_hundred(pool: Pool, address: tuple[str, int]) -> None:
    """A request beyond them waits for one, as long as it has time."""
    with ExitStack() as held, ThreadPoolExecutor(1) as thread:
        taken = [held.enter_context(pool.connect(address, soon())) for _ in range(MOST_OPEN)]
        with pytest.raises(WireError) as told:
            pool.connect(address, soon(0.05))
        assert told.value.kind == "PoolTimeout"
        waiting = thread.submit(pool.connect, address, soon())
        finish(taken[0])
        taken[0].__exit__(None, None, None)
        assert waiting.result(5) is taken[0]


def test_a_kept_connection_makes_room_for_another_server(
    pool: Pool, address: tuple[str, int]
) -> None:
    """What is only kept stands in nobody's way."""
    with ExitStack() as held:
        for _ in range(MOST_OPEN - 1):
            held.enter_context(pool.connect(address, soon()))
        with pool.connect(address, soon()) as last:
            finish(last)
        with Server(OK) as other, pool.connect(("127.0.0.1", other.port), soon()) as connection:
            assert connection is not last
        assert last._socket.fileno() == -1


def test_no_more_connections_are_kept_than_twenty(pool: Pool, address: tuple[str, int]) -> None:
    """They are used from then on; the others were closed."""
    with ExitStack() as held:
        taken = [held.enter_context(pool.connect(address, soon())) for _ in range(MOST_KEPT + 5)]
        for connection in taken:
            finish(connection)
    with ExitStack() as held:
        again = [held.enter_context(pool.connect(address, soon())) for _ in range(MOST_KEPT + 5)]
    assert len(set(again) & set(taken)) == MOST_KEPT


def test_a_connection_that_fails_does_not_count(pool: Pool) -> None:
    """However often a server is not there, others can be asked."""
    nobody = ("127.0.0.1", free_port())
    for _ in range(MOST_OPEN + 1):
        with pytest.raises(WireError) as told:
            pool.connect(nobody, soon())
        assert told.value.kind == "ConnectError"
    with Server(OK) as server, pool.connect(("127.0.0.1", server.port), soon()):
        pass


def test_a_closed_pool_keeps_nothing(address: tuple[str, int]) -> None:
    """What is in use then is closed when it comes back."""
    pool = Pool()
    with pool.connect(address, soon()) as kept:
        finish(kept)
    with pool.connect(address, soon()) as first, pool.connect(address, soon()) as second:
        assert first is kept
        finish(first)
        finish(second)
        pool.close()
    assert (first._socket.fileno(), second._socket.fileno()) == (-1, -1)


def test_closing_a_client_closes_its_connections() -> None:
    """A server sees the end of a run."""
    with Server(OK) as server:
        with client_of() as client:
            get(client, server.url)
        assert server.all_closed()


def test_threads_share_connections() -> None:
    """Each has one of its own at a time, and what one has left another takes."""
    together, done = Barrier(4), Event()

    def answer(wire: Wire) -> None:
        if not done.is_set():
            together.wait(5)
        wire.send(OK)
        while wire.read_request():
            wire.send(OK)

    with Server(answer) as server, client_of() as client, ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            list(threads.map(lambda _: get(client, server.url).response, range(4)))
            done.set()
    assert server.connections == 4


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_name_of_this_machine_is_found(host: str) -> None:
    """`localhost` may be ::1, too, where nothing listens."""
    with Server(OK) as server, client_of() as client:
        assert get(client, f"http://{host}:{server.port}/").response is not None


def test_an_address_of_ipv6_is_called() -> None:
    """Its brackets are of the URL and of the header."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listener, client_of() as client, ThreadPoolExecutor(1) as thread:
        url = f"http://[::1]:{listener.getsockname()[1]}"
        sent = thread.submit(get, client, url)
        with listener.accept()[0] as accepted:
            raw = accepted.recv(65536)
            accepted.sendall(OK)
            assert sent.result(5).response is not None
    assert f"\r\nHost: {url[7:]}\r\n".encode() in raw


def test_a_system_without_poll_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has `select` only."""
    monkeypatch.delattr(select, "poll", raising=False)
    with Server(OK) as server, client_of() as client:
        for _ in range(2):
            request = Request(method="POST", url=server.url, body=b"x" * 8_000_000)
            assert client.send(request, timeout_s=5).response is not None
    with Server(Wire.hang, reads=False) as silent, client_of() as client:
        request = Request(method="POST", url=silent.url, body=b"x" * 32_000_000)
        failures = [
            client.send(request, timeout_s=0.1).failure,
            get(client, silent.url, timeout_s=0.1).failure,
        ]
    assert server.connections == 1
    assert [failure and failure.kind for failure in failures] == ["timeout"] * 2
