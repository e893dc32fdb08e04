"""HTTP itself: what is unusual, and what is wrong."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.server.conftest import RawClient

    from pytest_amberflo.server.connection import Connection
    from pytest_amberflo.server.live import EmbeddedServer

_HEALTH = b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n"
_KEY = "key-of-the-first-tenant"


@pytest.mark.parametrize(
    "path", ["/ingest//", "/INGEST", "/ingest/x", "/usage/x/y/z", "/%69ngest", "/control/clock"]
)
def test_unknown_paths(client: httpx.Client, path: str) -> None:
    """There is nothing at other paths, and no redirect leads anywhere."""
    for method in ("GET", "POST", "DELETE"):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [
        ("/ingest", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"], "POST"),
        ("/usage/", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"], "POST"),
        ("/health", ["POST", "DELETE"], "GET, HEAD"),
    ],
)
def test_wrong_methods(client: httpx.Client, path: str, methods: list[str], allowed: str) -> None:
    """A known path says which methods it has."""
    for method in methods:
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["code"] == "method-not-allowed"


def test_head_has_no_body(raw: RawClient) -> None:
    """HEAD is answered like GET, without the body and with its length."""
    raw.send(b"HEAD /health HTTP/1.1\r\nHost: t\r\n\r\nHEAD /ingest HTTP/1.1\r\nHost: t\r\n\r\n")
    status, headers = raw.read_head()
    assert (status, headers["content-length"]) == (200, str(len('{"status":"ok"}')))
    status, headers = raw.read_head()
    assert (status, headers["allow"]) == (405, "POST")
    raw.send(_HEALTH)
    assert raw.read()[2] == b'{"status":"ok"}'


def test_answers_have_a_date(client: httpx.Client) -> None:
    """Clients read the server's clock from the header Date."""
    date = time.strptime(client.get("/health").headers["date"], "%a, %d %b %Y %H:%M:%S GMT")
    assert abs(time.mktime(date) - time.mktime(time.gmtime())) <= 2


def test_the_query_and_a_whole_url_do_not_matter(
    raw: RawClient, make_event: Callable[..., dict[str, Any]]
) -> None:
    """The path alone says what is meant."""
    raw.post("/ingest?schema=1", make_event())
    raw.post("http://app.amberflo.io/ingest/?a=b", make_event())
    assert [raw.read()[0], raw.read()[0]] == [200, 200]


def test_pipelined_requests_are_answered_in_order(
    raw: RawClient, make_event: Callable[..., dict[str, Any]], meter: str
) -> None:
    """A query sees what was sent ahead of it on its connection and nothing behind it."""
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 1_718_150_400,
        "endTimeInSeconds": 1_718_236_800,
        "aggregation": "COUNT",
        "timeGroupingInterval": "DAY",
    }
    expected = []
    requests = []
    for n in range(40):
        requests += [
            raw.render_post("/ingest", make_event(uniqueId=str(n))),
            raw.render_post("/ingest", [make_event(uniqueId=f"{n}-b"), make_event(meterValue="")]),
            raw.render_post("/usage", query),
            _HEALTH,
        ]
        groups = [{"groupInfo": {}, "records": [{"1718150400": n + 1}]}]
        expected += [
            (200, "1 records were ingested"),
            (400, "invalid-event"),
            (200, {"clientMeters": {meter: groups}}),
            (200, {"status": "ok"}),
        ]
    raw.send(b"".join(requests))
    found = []
    for _ in expected:
        status, _, body = raw.read()
        payload = json.loads(body)
        found.append((status, payload["code"] if status == 400 else payload))
    assert found == expected


def test_many_pipelined_requests(raw: RawClient) -> None:
    """Thousands of requests in one piece are thousands of answers."""
    raw.send(_HEALTH * 5000)
    assert all(raw.read()[0] == 200 for _ in range(5000))


def test_head_and_body_leave_in_one_piece(raw: RawClient) -> None:
    """An answer is a single segment on the wire, sent without delay."""
    raw.send(_HEALTH)
    assert raw.socket.recv(65_536).endswith(b'{"status":"ok"}')


def test_chunked_bodies(
    raw: RawClient, make_event: Callable[..., dict[str, Any]], count_records: Callable[[], int]
) -> None:
    """A body of unknown length comes in chunks, with extensions and trailers at will."""
    body = json.dumps(make_event()).encode()
    head = f"POST /ingest HTTP/1.1\r\nX-API-KEY: {_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw.send(head.encode())
    for position in range(0, len(body), 7):
        part = body[position : position + 7]
        raw.send(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
    raw.send(b"0\r\nX-Trailer: 1\r\n\r\n")
    assert raw.read()[0] == 200
    assert count_records() == 1


def test_trailers_are_no_headers(raw: RawClient) -> None:
    """A key that follows the body comes too late."""
    raw.send(
        b"POST /ingest HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\n[]\r\n0\r\nX-API-KEY: " + _KEY.encode() + b"\r\n\r\n"
    )
    assert raw.read()[0] == 401


def test_single_bytes(raw: RawClient, make_event: Callable[..., dict[str, Any]]) -> None:
    """A request that arrives byte by byte is a request."""
    for byte in raw.render_post("/ingest", make_event(), "Accept: */*"):
        raw.send(bytes([byte]))
    assert raw.read()[0] == 200


def test_expectations_are_met(raw: RawClient, make_event: Callable[..., dict[str, Any]]) -> None:
    """Who asks before sending a body is told to go on, and only then."""
    head, _, body = raw.render_post("/ingest", make_event(), "Expect: 100-continue").partition(
        b"\r\n\r\n"
    )
    raw.send(head + b"\r\n\r\n")
    assert raw.read_head() == (100, {})
    raw.send(body)
    assert raw.read()[0] == 200
    raw.send(head + b"\r\n\r\n" + body)
    assert raw.read()[0] == 200
    raw.send(_HEALTH)
    assert raw.read_head()[0] == 200


def test_expectations_wait_for_their_turn(
    raw: RawClient, make_event: Callable[..., dict[str, Any]]
) -> None:
    """What is told in between comes after the answers that are owed."""
    head, _, body = raw.render_post("/ingest", make_event(), "Expect: 100-continue").partition(
        b"\r\n\r\n"
    )
    raw.send(raw.render_post("/ingest", make_event()) + head + b"\r\n\r\n")
    assert raw.read()[0] == 200
    assert raw.read_head()[0] == 100
    raw.send(body)
    assert raw.read()[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Expect: a miracle"], 417),
        (["Expect: 100-continue", f"Content-Length: {16 * 1024 * 1024 + 1}"], 413),
        ([f"Content-Length: {16 * 1024 * 1024 + 1}"], 413),
        ([f"Content-Length: {10**18}"], 413),
        (["Content-Length: 99999999999999999999"], 400),
        (["Content-Length: -1"], 400),
        (["Content-Length: +1"], 400),
        (["Content-Length: 1", "Content-Length: 1"], 400),
        (["Content-Length: 1", "Transfer-Encoding: chunked"], 400),
        (["Transfer-Encoding: gzip, chunked"], 501),
        (["Transfer-Encoding: xchunked"], 501),
        (["X: " + "x" * 65_536], 431),
        (["X: " + "x" * 500_000], 431),
        ([f"X-{n}: {n}" for n in range(8_000)], 431),
        (["X: a\x00b"], 400),
        (["X: a\rb"], 400),
        (["X : a"], 400),
        (["X: a", " folded"], 400),
        (["No colon"], 400),
    ],
    ids=lambda value: f"{len(str(value))}-{str(value)[:40]}",
)
def test_wrong_heads(
    raw: RawClient, client: httpx.Client, headers: list[str], status: int
) -> None:
    """A head that cannot be served is answered at once, then the connection ends."""
    raw.send("\r\n".join(["POST /ingest HTTP/1.1", *headers, "", ""]).encode())
    found, answered, body = raw.read()
    assert (found, answered["connection"]) == (status, "close")
    assert json.loads(body)["message"]
    assert raw.is_closed()
    assert client.get("/health").is_success


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        # TLS, of a server that has no certificate authority.
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501),
        (b"CONNECT app.amberflo.io:443 HTTP/1.1\r\n\r\n", 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /health HTTP/2.0\r\n\r\n", 505),
        (b"GET /health\r\n\r\n", 505),
        (b"GET /health HTTP/1.1\nHost: t\n\n", 400),
        (b"GET /he alth HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x01 HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"CONNECT ingest:80 HTTP/1.1\r\n\r\nother protocol", 403),
        (b"POST /ingest HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /ingest HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", 400),
    ],
    ids=lambda value: repr(value)[:24] + repr(value)[-24:],
)
def test_what_is_no_request(
    raw: RawClient, client: httpx.Client, data: bytes, status: int
) -> None:
    """Other protocols and broken ones are answered once, then the connection ends."""
    raw.send(data)
    assert raw.read()[0] == status
    assert raw.is_closed()
    assert client.get("/health").is_success


def test_right_requests_before_a_wrong_one_are_answered(
    raw: RawClient, make_event: Callable[..., dict[str, Any]], count_records: Callable[[], int]
) -> None:
    """What came before the mistake counts, and its answer comes first."""
    raw.send(raw.render_post("/ingest", make_event()) + b"nonsense\r\n\r\n")
    assert [raw.read()[0], raw.read()[0]] == [200, 400]
    assert count_records() == 1


def test_upgrades_are_declined(raw: RawClient) -> None:
    """Who offers another protocol is answered in this one, and goes on in it."""
    head = b"GET /health HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    raw.send(head + b"GET /health HTTP/1.1\r\n\r\n")
    assert [raw.read()[0], raw.read()[0]] == [200, 200]


def test_the_sender_of_a_large_body_sees_the_answer(
    server: EmbeddedServer, count_records: Callable[[], int]
) -> None:
    """A refusal reaches a client that is still sending."""
    body = b"[" + b" " * (20 * 1024 * 1024) + b"]"
    headers = {"X-API-KEY": _KEY}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        assert client.post("/ingest", content=body).status_code == 413
        chunks = (body[n : n + 65_536] for n in range(0, len(body), 65_536))
        assert client.post("/ingest", content=chunks).status_code == 413
        assert client.get("/health").is_success
    assert count_records() == 0


def test_overhead_is_bounded(raw: RawClient) -> None:
    """Chunk extensions do not make an endless head of a small body."""
    head = f"POST /ingest HTTP/1.1\r\nX-API-KEY: {_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw.send(head.encode() + b"1;")
    for _ in range(64):
        raw.send(b"x" * 65_536)
    assert raw.read()[0] == 431


def test_http_1_0(server: EmbeddedServer, open_raw: Callable[[EmbeddedServer], RawClient]) -> None:
    """HTTP/1.0 closes after each answer unless the client asks otherwise."""
    raw = open_raw(server)
    raw.send(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    status, headers, _ = raw.read()
    assert (status, headers["connection"]) == (200, "keep-alive")
    raw.send(b"GET /health HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
    status, headers, _ = raw.read()
    assert (status, headers["connection"]) == (200, "close")
    assert raw.is_closed()


def test_connection_close(raw: RawClient) -> None:
    """A client that wants to close is answered and the connection closed."""
    raw.send(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\nGET /health HTTP/1.1\r\n\r\n")
    status, headers, _ = raw.read()
    assert (status, headers["connection"]) == (200, "close")
    assert raw.is_closed()


def test_half_closed_connections_are_answered(
    raw: RawClient, make_event: Callable[..., dict[str, Any]]
) -> None:
    """A client that has said everything still listens."""
    raw.send(raw.render_post("/ingest", make_event()) + raw.render_post("/usage", {}))
    raw.socket.shutdown(socket.SHUT_WR)
    assert [raw.read()[0], raw.read()[0]] == [200, 400]
    assert raw.is_closed()


def test_requests_are_cut_anywhere(raw: RawClient, client: httpx.Client) -> None:
    """Where the system cuts the bytes is of no importance, nor how many requests there are."""
    data = _HEALTH * 8000
    raw.send(data[:10])
    assert client.get("/health").is_success
    raw.send(data[10:-10])
    assert client.get("/health").is_success
    raw.send(data[-10:])
    assert all(raw.read()[0] == 200 for _ in range(8000))


def test_answers_are_not_held_back(
    server: EmbeddedServer,
    open_raw: Callable[[EmbeddedServer], RawClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system is told to send each answer at once."""
    seen = []
    admit = Service.admit

    def look(service: Service, connection: Connection) -> bool:
        accepted = connection._transport.get_extra_info("socket")
        seen.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return admit(service, connection)

    monkeypatch.setattr(Service, "admit", look)
    raw = open_raw(server)
    raw.send(_HEALTH)
    assert raw.read()[0] == 200
    assert len(seen) == 1
    assert seen[0] != 0
