"""The client: what goes over the wire, and what comes back, on real sockets."""

from __future__ import annotations

import gzip
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from unit.http.http_kit import OK, Server, Wire, client_of, fetch, get, head_of

from pytest_amberflo.http.exchange import Request


def answer(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    """A raw response."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def test_a_request_is_sent_as_it_is() -> None:
    """Method, path, query, headers in their order and body reach the server."""
    request = Request(
        method="PUT",
        url="{}/a%20b/c;d=1,2?q=%26x&q=2&e=",
        headers=(
            ("X-One", "1"),
            ("x-two", "é"),
            ("X-One", "again"),
            ("Content-Type", "application/json"),
        ),
        body='{"a": "é"}'.encode(),
    )
    with Server(OK) as server, client_of() as client:
        request = Request(
            method=request.method,
            url=request.url.format(server.url),
            headers=request.headers,
            body=request.body,
        )
        exchange = client.send(request, timeout_s=5)
    (raw,) = server.requests
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first == "PUT /a%20b/c;d=1,2?q=%26x&q=2&e= HTTP/1.1"
    sent = [line for line in lines if line.lower().startswith(("x-", "content-type"))]
    assert sent == [
        "X-One: 1",
        "x-two: é",
        "X-One: again",
        "Content-Type: application/json",
    ]
    assert head_of(raw)["user-agent"] == "kit/1"
    assert head_of(raw)["host"] == f"127.0.0.1:{server.port}"
    assert body == request.body
    assert exchange.request is request
    assert exchange.failure is None


@pytest.mark.parametrize("name", ["User-Agent", "Accept", "Host", "Accept-Encoding"])
def test_a_header_of_the_request_replaces_the_clients_own(name: str) -> None:
    """Nothing that a workflow says is sent twice or overruled."""
    with Server(OK) as server, client_of() as client:
        get(client, server.url, ((name, "own"),))
    lines = server.requests[0].decode().lower().split("\r\n")
    assert [line for line in lines if line.startswith(f"{name.lower()}:")] == [
        f"{name.lower()}: own"
    ]


@pytest.mark.parametrize("body", [None, b"", b"\x00\xff" * 100_000])
def test_bodies_of_any_bytes_are_sent(body: bytes | None) -> None:
    """Nothing, nothing at all and a lot arrive as they are."""
    with Server(OK) as server, client_of() as client:
        exchange = client.send(Request(method="POST", url=server.url, body=body), timeout_s=5)
    assert exchange.response is not None
    assert server.requests[0].partition(b"\r\n\r\n")[2] == (body or b"")


def test_a_response_is_what_came() -> None:
    """Status, headers in order with their spelling, repeated ones too, and body."""
    exchange, _ = fetch(
        answer("X-A: 1", "x-b: caf\xe9", "X-A: 2", body=b"\x00\xff", status="418 Teapot")
    )
    response = exchange.response
    assert response is not None
    assert response.status == 418
    assert response.headers == (
        ("X-A", "1"),
        ("x-b", "café"),
        ("X-A", "2"),
        ("Content-Length", "2"),
    )
    assert response.body == b"\x00\xff"


def test_an_exchange_knows_its_times() -> None:
    """The start is in seconds since 1970, the duration is that of the whole exchange."""

    def slowly(wire: Wire) -> None:
        wire.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", 0.002)
        wire.send(b"x")

    before = time.time()
    exchange, _ = fetch(slowly)
    assert before <= exchange.started_at <= time.time()
    assert 0.05 < exchange.elapsed_s <= time.time() - before
    assert exchange.response is not None


def test_notes_of_the_sender_are_kept() -> None:
    """Whoever sends a request may mark it."""
    with Server(OK) as server, client_of() as client:
        request = Request(method="GET", url=server.url)
        exchange = client.send(request, timeout_s=5, notes=("poll", "resent"))
    assert exchange.notes == ("poll", "resent")


@pytest.mark.parametrize(
    ("coding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_body_is_decoded(coding: str, encode: object) -> None:
    """What expressions see is the body; the header still says how it came."""
    assert callable(encode)
    exchange, server = fetch(answer(f"Content-Encoding: {coding}", body=encode(b"hello" * 100)))
    assert exchange.response is not None
    assert exchange.response.body == b"hello" * 100
    assert ("Content-Encoding", coding) in exchange.response.headers
    assert coding in head_of(server.requests[0])["accept-encoding"]


def test_a_chunked_body_is_put_together() -> None:
    """Chunks and trailers are of the wire."""
    exchange, _ = fetch(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    )
    assert exchange.response is not None
    assert exchange.response.body == b"abcde"


def test_a_body_may_end_with_its_connection() -> None:
    """HTTP/1.0 has no other end."""
    exchange, _ = fetch(lambda wire: wire.send(b"HTTP/1.0 200 OK\r\n\r\nall of it"))
    assert exchange.response is not None
    assert exchange.response.body == b"all of it"


def test_an_interim_response_is_passed_over() -> None:
    """The answer is the one that is final."""
    exchange, _ = fetch(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + OK)
    assert exchange.response is not None
    assert exchange.response.status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The redirect itself is the answer, and nothing else is asked for."""
    exchange, server = fetch(answer("Location: /elsewhere", status=f"{status} Moved"))
    assert exchange.response is not None
    assert exchange.response.status == status
    assert ("Location", "/elsewhere") in exchange.response.headers
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["http://[::1", "mailto:somebody", "http://e.example:99x/"])
def test_a_redirect_to_what_is_no_url_is_an_answer_like_any_other(location: str) -> None:
    """Where it leads is not this client's business."""
    exchange, _ = fetch(answer(f"Location: {location}", status="302 Found"))
    assert exchange.failure is None
    assert exchange.response is not None


def test_cookies_are_not_kept() -> None:
    """A request has the cookies that its step gives it, and no others."""
    with Server(answer("Set-Cookie: sid=1; Path=/")) as server, client_of() as client:
        for _ in range(2):
            get(client, server.url)
    assert "cookie" not in head_of(server.requests[1])


def test_a_cookie_of_the_request_is_sent() -> None:
    """Cookies are a header like any other."""
    with Server(OK) as server, client_of() as client:
        get(client, server.url, (("Cookie", "a=1; b=2"),))
    assert head_of(server.requests[0])["cookie"] == "a=1; b=2"


def test_a_connection_is_used_again() -> None:
    """One after the other, requests to one host need one connection."""
    with Server(OK) as server, client_of() as client:
        for _ in range(3):
            assert get(client, server.url).response is not None
    assert (server.connections, len(server.requests)) == (1, 3)


def test_a_connection_that_the_server_closed_is_replaced() -> None:
    """A server may close after each answer without saying so."""
    with Server(lambda wire: wire.send(OK)) as server, client_of() as client:
        for _ in range(3):
            assert get(client, server.url).response is not None
            server.wait_closed()
    assert server.connections == 3


def test_requests_of_several_threads_do_not_disturb_each_other() -> None:
    """Each has its own deadline and its own connection."""
    with Server(OK) as server, client_of() as client, ThreadPoolExecutor(8) as pool:
        exchanges = list(pool.map(lambda n: get(client, f"{server.url}/{n}"), range(24)))
    assert all(exchange.response is not None for exchange in exchanges)
    assert len(server.requests) == 24
    assert [e.request.url.rpartition("/")[2] for e in exchanges] == [str(n) for n in range(24)]


def test_a_client_can_be_closed_twice_and_without_use() -> None:
    """Closing ends connections; there may be none."""
    with client_of() as client:
        client.close()


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a/../b", "/a/../b"),
        ("/a/./b", "/a/./b"),
        ("/a/..", "/a/.."),
    ],
)
def test_a_path_is_sent_as_it_is_reported(path: str, sent: str) -> None:
    """What the exchange shows is what the server got."""
    with Server(OK) as server, client_of() as client:
        get(client, server.url + path)
    assert server.requests[0].split(b" ")[1].decode() == sent
