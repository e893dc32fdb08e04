"""Faults, lag, the clock, and the control API that sets them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from unit.server.conftest import open_client

from pytest_amberflo.server.behaviour import Behaviour
from pytest_amberflo.server.faults import Fault, FaultBook, FaultKind, parse_fault
from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KEY = "key-of-the-first-tenant"
_TOKEN = "control-token"
_START_S = 1_718_150_400


class _Control:
    """The control API."""

    def __init__(self, url: str) -> None:
        headers = {"X-Control-Token": _TOKEN}
        self.http = httpx.Client(base_url=f"{url}/control", headers=headers, verify=False)

    def set_fault(self, kind: str, **members: Any) -> int:
        """Sets a fault of ingest."""
        fault = {"kind": kind, "operation": "ingest"} | members
        answer = self.http.post("/faults", json=fault)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["id"])

    def advance(self, seconds: float) -> None:
        """Steps the clock."""
        assert self.http.post("/clock", json={"advance": seconds}).status_code == 200

    def received(self, **query: Any) -> Any:
        """What was received."""
        answer = self.http.get("/received", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def behaviour() -> Behaviour:
    """How the server of a test behaves."""
    return Behaviour()


@pytest.fixture
def server(behaviour: Behaviour) -> Iterator[EmbeddedServer]:
    """A server with its control API."""
    with EmbeddedServer([_KEY], behaviour=behaviour, control_token=_TOKEN) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[httpx.Client]:
    """A client of an empty account."""
    with open_client(server.url) as opened:
        yield opened


@pytest.fixture
def control(server: EmbeddedServer) -> Iterator[_Control]:
    """The control API of the server."""
    opened = _Control(server.url)
    yield opened
    opened.http.close()


@pytest.fixture
def send(client: httpx.Client) -> Callable[..., httpx.Response]:
    """Sends an event."""

    def send_one(value: float = 1, **changes: Any) -> httpx.Response:
        event = {
            "meterApiName": "m",
            "customerId": "acme",
            "meterValue": value,
            "meterTimeInMillis": _START_S * 1000,
        }
        return client.post("/ingest", json=event | changes)

    return send_one


@pytest.fixture
def total(client: httpx.Client) -> Callable[..., float]:
    """The usage that shows."""

    def ask(**params: Any) -> float:
        window = {"startTimeInSeconds": _START_S, "endTimeInSeconds": _START_S + 1}
        query = {"meterApiName": "m", "timeRange": window}
        report = client.post("/usage", json=query, params=params).json()
        return float(sum(group["groupValue"] for group in report["clientMeters"]))

    return ask


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("after", [None, 7])
def test_statuses(
    control: _Control,
    send: Callable[..., httpx.Response],
    total: Callable[..., float],
    status: int,
    after: int | None,
) -> None:
    """Nothing is done, and Retry-After is there only if asked for."""
    number = control.set_fault("status", status=status, retryAfter=after)
    answer = send()
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == (None if after is None else "7")
    assert control.http.delete(f"/faults/{number}").status_code == 200
    assert control.http.delete(f"/faults/{number}").status_code == 404
    assert total() == 0
    assert send().status_code == 200


@pytest.mark.parametrize(
    ("kind", "is_stored"), [("drop", False), ("lost-answer", True), ("torn-answer", True)]
)
def test_connections_that_end(
    control: _Control,
    send: Callable[..., httpx.Response],
    total: Callable[..., float],
    kind: str,
    *,
    is_stored: bool,
) -> None:
    """The client gets no whole answer; whether the event is stored depends."""
    control.set_fault(kind, times=1)
    with pytest.raises(httpx.TransportError):
        send()
    assert total() == is_stored
    assert send().status_code == 200
    assert total() == 1


def test_a_torn_answer_has_a_beginning(server: EmbeddedServer, control: _Control) -> None:
    """The head is there, and less of the body than it says."""
    control.set_fault("torn-answer", operation="*")
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as raw:
        head = f"GET /customers HTTP/1.1\r\nHost: t\r\nX-API-KEY: {_KEY}\r\n\r\n"
        raw.sendall(head.encode())
        data = b""
        while part := raw.recv(4096):
            data += part
    head_part, _, body = data.partition(b"\r\n\r\n")
    assert b"Content-Length: 2" in head_part
    assert len(body) < 2


def test_slow_answers(control: _Control, send: Callable[..., httpx.Response]) -> None:
    """The answer comes later; others are served meanwhile."""
    control.set_fault("slow", delay=0.3)
    waiting = threading.Thread(target=send)
    started = time.monotonic()
    waiting.start()
    assert control.http.get("/clock").status_code == 200
    assert time.monotonic() - started < 0.25
    waiting.join()
    assert time.monotonic() - started >= 0.3


def test_events_that_are_lost_or_rejected(
    control: _Control, send: Callable[..., httpx.Response], total: Callable[..., float]
) -> None:
    """One with an answer of success, the other with the documented refusal."""
    control.set_fault("lose", meter="m", times=1)
    assert send().json() == "1 records were ingested"
    assert total() == 0
    control.set_fault("reject", customer="acme", times=1)
    refused = send()
    assert (refused.status_code, "errorMessage" in refused.json()) == (400, True)
    assert send().status_code == 200
    assert total() == 1


@pytest.mark.parametrize("behaviour", [Behaviour(settle_s=3 * 3600)], ids=["settle"])
def test_fresh_figures_count_every_copy(
    control: _Control, send: Callable[..., httpx.Response], total: Callable[..., float]
) -> None:
    """Until they settle: copies, duplicates of the transport, cancelled events."""
    send()
    send()
    control.set_fault("duplicate", times=1)
    send()
    assert control.received()["transmissions"] == 4
    send(5, uniqueId="x")
    send(5, uniqueId="x", dimensions={"aflo.cancel_previous_resource_event": "true"})
    assert total() == 9
    assert total(minimizeFresh="true") == 1
    control.advance(3 * 3600)
    assert total() == 1
    assert control.received()["count"] == 3


@pytest.mark.parametrize("behaviour", [Behaviour(lag_s=60, jitter_s=30, seed=3)], ids=["lag"])
def test_lag(
    control: _Control, send: Callable[..., httpx.Response], total: Callable[..., float]
) -> None:
    """Events stay out of sight, each for its own while."""
    for number in range(20):
        send(1, uniqueId=str(number))
    assert (total(), control.received()["count"]) == (0, 20)
    seen = []
    for _ in range(4):
        control.advance(25)
        seen.append(total())
    assert seen[:2] == [0, 0]
    assert 0 < seen[2] < 20
    assert seen[3] == 20


def test_the_clock(
    control: _Control, client: httpx.Client, send: Callable[..., httpx.Response]
) -> None:
    """It goes forward only; whatever has a time goes by it."""
    now = control.http.get("/clock").json()["now"]
    assert abs(now - time.time()) < 5
    assert control.http.post("/clock", json={"to": now + 86_400}).json()["lead"] >= 86_390
    send(meterTimeInMillis=int((now + 80_000) * 1000))
    query = {"meterApiName": "m", "timeRange": {"startTimeInSeconds": int(now)}}
    assert client.post("/usage", json=query).json()["clientMeters"][0]["groupValue"] == 1
    sent = {"customerId": "c", "customerName": "C"}
    assert client.post("/customers", json=sent).json()["createTime"] > (now + 86_000) * 1000
    wrongs: tuple[Any, ...] = ({"advance": -1}, {"to": 5}, {"advance": 1e300}, {}, [])
    for wrong in (*wrongs, {"advance": 1, "to": 2}):
        assert control.http.post("/clock", json=wrong).status_code == 400


def test_the_clock_is_kept_with_the_store(tmp_path: Path) -> None:
    """A server that starts again is not back in time, where its records would be in the future."""
    for lead in (3600, 7200):
        server = EmbeddedServer([_KEY], tmp_path / "s.sqlite", control_token=_TOKEN)
        with server:
            control = _Control(server.url)
            control.advance(3600)
            assert control.http.get("/clock").json()["lead"] == lead
            control.http.close()


def test_servers_on_one_file_share_its_clock(tmp_path: Path) -> None:
    """A step in one of them is one in all, or its records would be in the others' future."""
    with (
        EmbeddedServer([_KEY], tmp_path / "s.sqlite", control_token=_TOKEN) as first,
        EmbeddedServer([_KEY], tmp_path / "s.sqlite", control_token=_TOKEN) as second,
        open_client(first.url) as sender,
        open_client(second.url) as reader,
    ):
        assert reader.get("/usage/events").json()["rows"] == []
        control = _Control(first.url)
        control.advance(7200)
        event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 5}
        assert sender.post("/ingest", json=event).status_code == 200
        assert len(reader.get("/usage/events").json()["rows"]) == 1
        control.http.close()


def test_faults_for_some(control: _Control, send: Callable[..., httpx.Response]) -> None:
    """By operation, customer and meter; each counts what matched and what it struck."""
    control.set_fault("status", customer="other")
    control.set_fault("status", meter="n", operation=None)
    control.set_fault("status", operation="usage")
    assert send().status_code == 200
    assert send(customerId="other").status_code == 503
    assert send(meterApiName="n").status_code == 503
    found = control.http.get("/faults").json()
    assert [(fault["seen"], fault["struck"]) for fault in found] == [(1, 1), (1, 1), (0, 0)]
    control.http.delete("/faults")
    assert control.http.get("/faults").json() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ingest:503", [1] * 8),
        ("ingest:503:nth=2", [0, 1, 0, 0, 0, 0, 0, 0]),
        ("ingest:503:every=3", [0, 0, 1, 0, 0, 1, 0, 0]),
        ("ingest:503:times=2", [1, 1, 0, 0, 0, 0, 0, 0]),
        ("ingest:503:every=2,times=2", [0, 1, 0, 1, 0, 0, 0, 0]),
        ("ingest:503:probability=0", [0] * 8),
    ],
)
def test_which_calls_are_struck(text: str, expected: list[int]) -> None:
    """By number, by count, by chance."""
    book = FaultBook()
    book.add(parse_fault(text))
    struck = [len(book.strike("ingest", customers=(), meters=())) for _ in range(8)]
    assert struck == expected


def test_chance_is_repeatable() -> None:
    """The same seed strikes the same calls, about as many as it should."""
    runs = []
    for seed in (1, 1, 2):
        book = FaultBook()
        book.add(Fault(kind=FaultKind.DROP, probability=0.3, seed=seed))
        runs.append([bool(book.strike("x", customers=(), meters=())) for _ in range(1000)])
    assert runs[0] == runs[1] != runs[2]
    assert 250 < sum(runs[0]) < 350


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ingest",
        "ingest:",
        "ingest:odd",
        "ingest:200",
        "ingest:503:x=1",
        "ingest:503:nth=0",
        "ingest:slow:delay=-1",
        "ingest:slow:delay=nan",
        "ingest:drop:probability=2",
        "a:b:c:d",
    ],
)
def test_wrong_faults_are_refused(text: str) -> None:
    """With what a fault may be."""
    with pytest.raises(Refusal):
        parse_fault(text)


def test_what_was_received_can_be_filtered_and_waited_for(
    control: _Control, send: Callable[..., httpx.Response]
) -> None:
    """By its members; an answer comes when there is enough, or what there is in the end."""
    send(2.5, uniqueId="a", dimensions={"region": "eu"})
    send(3, meterApiName="n")
    assert control.received(meterApiName="n")["events"][0]["meterValue"] == 3
    (event,) = control.received(**{"dimensions.region": "eu"})["events"]
    assert event["uniqueId"] == "a"
    assert abs(event["receivedInMillis"] - time.time() * 1000) < 60_000
    assert control.received(uniqueId="b") == {"count": 0, "transmissions": 0, "events": []}
    started = time.monotonic()
    assert control.received(count=3, timeout=0.2)["count"] == 2
    assert 0.2 <= time.monotonic() - started < 5
    timer = threading.Timer(0.1, send, (9,))
    timer.start()
    assert control.received(count=3, timeout=20)["count"] == 3
    assert time.monotonic() - started < 10
    timer.join()
    assert control.http.get("/received", params={"colour": "red"}).status_code == 400
    assert control.http.get("/received", params={"count": "many"}).status_code == 400


def test_waiting_does_not_hold_up_a_stop(server: EmbeddedServer, control: _Control) -> None:
    """Who waits when a server stops gets what there is."""
    answers = []

    def wait() -> None:
        answers.append(control.received(count=1, timeout=60))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    started = time.monotonic()
    server.stop()
    waiting.join()
    assert time.monotonic() - started < 4
    assert answers == [{"count": 0, "transmissions": 0, "events": []}]


def test_everything_can_be_forgotten(
    control: _Control, client: httpx.Client, send: Callable[..., httpx.Response]
) -> None:
    """Records and documents, of all tenants."""
    send()
    client.post("/customers", json={"customerId": "c", "customerName": "C"})
    assert control.http.delete("/received").status_code == 200
    assert control.received()["count"] == 0
    assert client.get("/customers").json() == []


def test_nobody_controls_without_the_token(server: EmbeddedServer, client: httpx.Client) -> None:
    """An API key is no token, and without a token there is no such path."""
    for headers in ({}, {"X-Control-Token": "wrong"}, {"X-Control-Token": _KEY}):
        answer = client.get("/control/clock", headers=headers)
        assert answer.status_code == 401
        assert _TOKEN not in answer.text
    headers = {"X-Control-Token": _TOKEN}
    for path in ("/control/", "/control/x", "/control/faults/1/2", "/control/clock/x"):
        assert httpx.get(server.url + path, headers=headers, verify=False).status_code == 404
    with EmbeddedServer([_KEY]) as closed:
        answer = httpx.get(f"{closed.url}/control/clock", headers=headers, verify=False)
        assert answer.status_code == 404


@pytest.mark.parametrize("behaviour", [Behaviour(unauthorized_status=403)], ids=["403"])
def test_the_answer_to_a_wrong_key_can_be_chosen(server: EmbeddedServer) -> None:
    """401 as published, or 403 as the real service likely does."""
    with open_client(server.url, "wrong") as client:
        assert client.get("/customers").status_code == 403
        assert client.post("/session", json={}).json().keys() == {"message"}


@pytest.mark.parametrize("behaviour", [Behaviour(ingest_answer="text")], ids=["text"])
def test_the_answer_to_an_ingest_can_be_chosen(send: Callable[..., httpx.Response]) -> None:
    """Plain text for every client."""
    assert send().text == "1 records were ingested"


def test_the_command_takes_ways_and_faults(run_server: Callable[..., Any]) -> None:
    """Flags do what the control API does."""
    arguments = ("--lag", "3600~5", "--fault", "ingest:429:times=1,retryAfter=2", "--quiet")
    keys = ("--api-key", _KEY, "--control-token", _TOKEN, "--unauthorized", "403")
    with run_server(*arguments, *keys) as command, open_client(command.url) as client:
        event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 5}
        refused = client.post("/ingest", json=event)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert client.post("/ingest", json=event).status_code == 200
        assert client.get("/usage/events").json()["rows"] == []
        control = _Control(command.url)
        control.advance(3606)
        control.http.close()
        assert len(client.get("/usage/events").json()["rows"]) == 1
        assert client.get("/customers", headers={"X-API-KEY": "x"}).status_code == 403


def test_the_demo_is_a_whole_account(run_server: Callable[..., Any], tmp_path: Path) -> None:
    """Customers, meters, a plan and its assignment, invoices, some usage; filled once."""
    arguments = ("--demo", "--store", str(tmp_path / "demo.sqlite"), "--api-key", _KEY, "--quiet")
    counts = []
    for _ in range(2):
        with run_server(*arguments) as command, open_client(command.url) as client:
            found = client.get("/customers").json()
            customer = found[0]["customerId"]
            path = "/payments/pricing/amberflo"
            plans = client.get(f"{path}/account-pricing/product-plans/list").json()
            assigned = client.get(
                f"{path}/customer-pricing", params={"CustomerId": customer}
            ).json()
            assert assigned["productPlanId"] == plans[0]["id"]
            assert len(client.get("/meters").json()) == 3
            invoices = client.get(
                "/payments/billing/customer-product-invoice/all", params={"customerId": customer}
            ).json()
            assert all(invoice["totalBill"]["totalPrice"] > 0 for invoice in invoices)
            window = {"startTimeInSeconds": int(time.time()) - 61 * 86_400}
            query = {"meterApiName": "api-calls", "aggregation": "count", "timeRange": window}
            query |= {"groupBy": ["region"], "timeGroupingInterval": "month"}
            groups = client.post("/usage", json=query).json()["clientMeters"]
            assert {g["group"]["groupInfo"]["region"] for g in groups} == {"eu", "us"}
            counts.append(sum(group["groupValue"] for group in groups))
    assert counts[0] == counts[1] > 2000
