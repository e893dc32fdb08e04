"""The client against servers that misbehave: every failure is told, none is raised."""

from __future__ import annotations

import gzip
import time

import pytest
from unit.http.http_kit import OK, Server, Wire, client_of, fail, free_port, get

from pytest_amberflo.http.deadline import Deadline
from pytest_amberflo.http.exchange import Request

HEAD = b"HTTP/1.1 200 OK\r\n"


def test_a_refused_connection_is_no_request() -> None:
    """The server cannot have acted on what it never got."""
    with client_of() as client:
        port = free_port()
        failure = get(client, f"http://127.0.0.1:{port}/").failure
    assert failure is not None
    assert failure.kind == "connect"
    assert failure.message == f"127.0.0.1:{port} refused the connection"
    assert not failure.sent


def test_a_host_that_cannot_be_reached_is_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of it is passed on; nobody may connect to the broadcast address."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with client_of() as client:
        failure = get(client, "http://255.255.255.255:9/").failure
    assert failure is not None
    assert failure.kind == "connect"
    assert failure.message.startswith("255.255.255.255:9 cannot be reached: ")
    assert not failure.sent


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/",
        "http://127.0.0.1:port/",
        "http://",
        "/relative",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:1/\x00",
        "http://" + "a" * 70 + ".example/",
        "http://xn--/",
        "http://\ud800/",
    ],
)
def test_what_is_no_url_is_no_request(url: str) -> None:
    """A URL that cannot be called is a failure with a reason."""
    with client_of() as client:
        failure = get(client, url).failure
    assert failure is not None
    assert failure.kind in ("url", "protocol")
    assert failure.message
    assert not failure.sent


@pytest.mark.parametrize(
    "header", [("X-A", "a\r\nX-B: b"), ("X A", "a"), ("X-A", "€"), ("é", "a"), ("X-A:", "a")]
)
def test_a_header_that_cannot_be_sent_is_no_request(header: tuple[str, str]) -> None:
    """No value of a header becomes another header."""
    with Server(OK) as server, client_of() as client:
        failure = get(client, server.url, (header,)).failure
    assert failure is not None
    assert not failure.sent
    assert server.requests in ([], [b""])


def test_a_connection_closed_without_an_answer_is_told() -> None:
    """The server may have acted on the request."""
    failure = fail(lambda wire: None)
    assert failure.kind == "reset"
    assert failure.message == "HOST closed the connection without an answer"
    assert failure.sent


def test_a_connection_that_is_reset_is_told() -> None:
    """A reset comes from the network; the request was on its way."""
    failure = fail(Wire.reset)
    assert "reset" in failure.message.lower()
    assert failure.sent


def test_a_reset_is_a_reset() -> None:
    """Both ways to lose a connection are of one kind."""
    assert fail(Wire.reset).kind == "reset"


def test_silence_ends_with_the_time() -> None:
    """A server that takes the request and says nothing is given up in time."""
    started = time.monotonic()
    failure = fail(Wire.hang, timeout_s=0.2)
    assert 0.2 <= time.monotonic() - started < 3
    assert failure.kind == "timeout"
    assert failure.message == "HOST did not answer within 0.2 s"
    assert failure.sent


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"X-Long: " + b"x" * 500 + b"\r\n\r\n",
        HEAD + b"Content-Length: 500\r\n\r\n" + b"x" * 500,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200,
        HEAD + b"\r\n" + b"x" * 500,
    ],
    ids=["headers", "body", "chunks", "until close"],
)
def test_a_dripping_answer_ends_with_the_time(data: bytes) -> None:
    """A byte now and then does not extend the time for the whole request."""
    started = time.monotonic()
    failure = fail(lambda wire: wire.drip(data, 0.02), timeout_s=0.3)
    assert 0.3 <= time.monotonic() - started < 3
    assert failure.kind == "timeout"
    assert failure.sent


def test_a_server_that_does_not_read_ends_with_the_time() -> None:
    """A large body that nobody takes is given up, too."""
    with Server(Wire.hang, reads=False) as server, client_of() as client:
        request = Request(method="POST", url=server.url, body=b"x" * 32 * 1024 * 1024)
        exchange = client.send(request, timeout_s=0.3)
    assert exchange.failure is not None
    assert exchange.failure.kind == "timeout"
    assert exchange.failure.sent
    assert 0.3 <= exchange.elapsed_s < 3


@pytest.mark.parametrize("timeout_s", [0, -1])
def test_without_time_nothing_is_sent(timeout_s: float) -> None:
    """A deadline that is over already is a failure, not a hang."""
    with Server(OK) as server, client_of() as client:
        exchange = get(client, server.url, timeout_s=timeout_s)
    assert exchange.failure is not None
    assert not exchange.failure.sent
    assert [request for request in server.requests if request] == []


def test_an_endless_body_is_cut_off() -> None:
    """What is read is bounded in bytes, not only in time."""

    def pour(wire: Wire) -> None:
        wire.send(HEAD + b"\r\n")
        while True:
            wire.send(b"x" * 1_000_000)

    failure = fail(pour)
    assert failure.kind == "too-large"
    assert failure.message == "the response is larger than 32 MiB"
    assert failure.sent


def test_a_small_body_that_unpacks_to_a_large_one_is_cut_off() -> None:
    """The bound is on the decoded body."""
    packed = gzip.compress(b"\0" * (33 * 1024 * 1024), compresslevel=1)
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    assert fail(HEAD + head.encode() + packed).kind == "too-large"


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"220 SMTP ready\r\n\r\n",
        b"HTTP/1.1 99 Too Low\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        HEAD + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: nine\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
    ids=[
        "garbage",
        "control",
        "banner",
        "status",
        "header",
        "long header",
        "length",
        "two lengths",
        "chunk",
        "gzip",
        "upgrade",
    ],
)
def test_what_is_no_http_is_a_failure_of_the_protocol(data: bytes) -> None:
    """An answer that cannot be understood is no answer, but the request was sent."""
    failure = fail(lambda wire: wire.send(data))
    assert failure.kind == "protocol"
    assert failure.message.startswith(("HOST: ", "the response cannot be decoded: "))
    assert failure.sent


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", HEAD + b"X-A: 1\r\n"])
def test_an_answer_that_ends_in_its_head_is_no_answer(data: bytes) -> None:
    """A connection that closes before the head is whole gave no answer."""
    failure = fail(lambda wire: wire.send(data))
    assert failure.kind == "reset"
    assert failure.sent


def test_an_answer_that_ends_in_its_body_is_no_answer() -> None:
    """Half a body is not judged."""
    failure = fail(lambda wire: wire.send(HEAD + b"Content-Length: 10\r\n\r\nabc"))
    assert failure.sent


def test_half_a_body_is_not_called_no_answer() -> None:
    """The answer had begun: whoever reads the report should look at the server, not the net."""
    failure = fail(lambda wire: wire.send(HEAD + b"Content-Length: 10\r\n\r\nabc"))
    assert "without an answer" not in failure.message


def test_a_failure_does_not_spoil_the_client() -> None:
    """After a failure the next request is as good as the first."""
    with Server(Wire.hang) as bad, Server(OK) as good, client_of() as client:
        assert get(client, bad.url, timeout_s=0.1).failure is not None
        assert get(client, good.url).response is not None


def test_a_deadline_limits_every_operation() -> None:
    """What is left of the time is the limit, unless the operation's own is shorter."""
    deadline = Deadline()
    assert deadline.limit(3.0, TimeoutError) == 3.0
    assert deadline.limit(None, TimeoutError) is None
    deadline.at = time.monotonic() + 60
    assert deadline.limit(3.0, TimeoutError) == 3.0
    left = deadline.limit(None, TimeoutError)
    assert left is not None
    assert 59 < left <= 60
    deadline.at = time.monotonic() - 0.001
    with pytest.raises(TimeoutError, match="the time for the whole request is over"):
        deadline.limit(3.0, TimeoutError)
