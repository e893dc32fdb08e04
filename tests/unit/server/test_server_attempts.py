"""What the control API tells of requests to ingest, right and wrong ones."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.attempts import Attempts
from pytest_amberflo.server.faults import FaultBook, read_fault
from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.server.message import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = {"X-Control-Token": "token"}
_EVENT = {"meterApiName": "m", "customerId": "c", "meterValue": 1, "meterTimeInMillis": 1}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client of a server with a control API."""
    with (
        EmbeddedServer(["key"], control_token="token") as server,
        httpx.Client(base_url=server.url, headers={"X-API-KEY": "key"}) as found,
    ):
        yield found


def _read(client: httpx.Client, after: int | None = None) -> dict[str, Any]:
    query = {} if after is None else {"after": after}
    answer = client.get("/control/attempts", params=query, headers=_TOKEN)
    found: dict[str, Any] = answer.json()
    return found


def test_every_request_is_told_with_its_answer(client: httpx.Client) -> None:
    """Stored, refused, unreadable and of a wrong key; as it was sent, in the order it came."""
    client.post("/ingest", json=_EVENT)  # before anybody asked
    assert _read(client) == {"change": 0, "isWhole": True, "hasMore": False, "attempts": []}
    before = time.time()
    client.post("/ingest", json=[_EVENT, _EVENT | {"meterValue": 0.1}])
    client.post("/ingest", json=_EVENT | {"meterValue": "1"})
    client.post("/ingest", content=b"meter=m")
    client.post("/ingest", json=_EVENT, headers={"X-API-KEY": "no"})
    body = gzip.compress(json.dumps(_EVENT).encode())
    client.post("/ingest", content=body, headers={"Content-Encoding": "gzip"})
    client.post("/ingest", content=b'{"meterValue": 1e999}')
    found = _read(client, 0)
    assert [
        (one["status"], one["ending"], one["isStored"], one["events"], one["body"])
        for one in found["attempts"]
    ] == [
        (200, "whole", True, [_EVENT, _EVENT | {"meterValue": 0.1}], None),
        (400, "whole", False, [_EVENT | {"meterValue": "1"}], None),
        (400, "whole", False, None, "meter=m"),
        (401, "whole", False, [_EVENT], None),
        (200, "whole", True, [_EVENT], None),
        (400, "whole", False, None, '{"meterValue": 1e999}'),
    ]
    assert [one["problem"] for one in found["attempts"][:2]] == [
        None,
        'The event: meterValue must be a number: meterValue is "1"',
    ]
    first = found["attempts"][0]
    assert before <= first["atInSeconds"] <= first["doneInSeconds"] <= time.time()
    assert _read(client, found["change"])["attempts"] == []


def test_faults_are_told(client: httpx.Client) -> None:
    """A lost answer has none; what was acknowledged and lost is not stored."""
    _read(client)
    for kind in ("lost-answer", "drop", "lose", "status"):
        fault = {"kind": kind, "operation": "ingest", "times": 1}
        client.post("/control/faults", json=fault, headers=_TOKEN)
        with suppress(httpx.TransportError):
            client.post("/ingest", json=_EVENT)
    told = _read(client, 0)["attempts"]
    assert [(one["status"], one["ending"], one["isStored"]) for one in told] == [
        (None, "none", True),
        (None, "none", False),
        (200, "whole", False),
        (503, "whole", False),
    ]


def test_a_request_that_is_under_way_is_told_twice(client: httpx.Client) -> None:
    """First without an answer, and again when it has one."""
    _read(client)
    fault = {"kind": "slow", "operation": "ingest", "delay": 0.3}
    client.post("/control/faults", json=fault, headers=_TOKEN)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/ingest", json=_EVENT, timeout=0.05)
    found = _read(client, 0)
    assert [(one["status"], one["isStored"]) for one in found["attempts"]] == [(None, True)]
    assert found["attempts"][0]["doneInSeconds"] is None
    time.sleep(0.4)
    (again,) = _read(client, found["change"])["attempts"]
    assert (again["number"], again["status"]) == (found["attempts"][0]["number"], 200)


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?count=3"])
def test_a_wrong_question_is_refused(client: httpx.Client, query: str) -> None:
    """With 400, and what is asked for."""
    assert client.get(f"/control/attempts{query}", headers=_TOKEN).status_code == 400


def _request(size: int) -> Request:
    body = json.dumps(_EVENT | {"uniqueId": "x" * size}).encode()
    return Request(
        method="POST", path="/ingest", headers=(), body=body, http_version="1.1", keep_alive=True
    )


def test_what_is_kept_is_bounded() -> None:
    """The oldest go, and whoever has not seen them is told; a late answer is no harm."""
    attempts = Attempts(body_limit=10**6, most_kept=3)
    answers: list[Any] = []
    opened = [attempts.open(_request(1), answers.append) for _ in range(5)]
    found = attempts.read({"after": "0"})
    assert [one["number"] for one in found["attempts"]] == [3, 4, 5]
    assert found["isWhole"] is False
    assert attempts.read({"after": "2"})["isWhole"] is True
    opened[0][1](Answer(status=200, body=b"{}"))
    assert [one["number"] for one in attempts.read({"after": "0"})["attempts"]] == [3, 4, 5]
    assert len(answers) == 1


def test_large_bodies_are_bounded_too() -> None:
    """By their bytes; the latest is kept whatever its size."""
    attempts = Attempts(body_limit=10**6, most_bytes=10_000)
    for size in (4_000, 4_000, 4_000, 50_000):
        attempts.open(_request(size), lambda _: None)
    assert [one["number"] for one in attempts.read({"after": "0"})["attempts"]] == [4]


def test_an_answer_is_cut_where_there_is_much() -> None:
    """The rest is asked for with the change that was given out."""
    attempts = Attempts(body_limit=10**6)
    for _ in range(600):
        attempts.open(_request(1), lambda _: None)
    first = attempts.read({"after": "0"})
    rest = attempts.read({"after": str(first["change"])})
    assert (len(first["attempts"]), first["hasMore"]) == (500, True)
    assert (len(rest["attempts"]), rest["hasMore"]) == (100, False)


def test_a_fault_with_a_duration_ends() -> None:
    """It counts from the first call that it strikes."""
    now = [100.0]
    book = FaultBook(now=lambda: now[0])
    book.add(read_fault({"kind": "drop", "operation": "ingest", "duration": 2}))
    struck = []
    for moment in (150.0, 151.0, 152.0, 152.1, 153.0):
        now[0] = moment
        struck.append(len(book.strike("ingest", customers=(), meters=())))
    assert struck == [1, 1, 1, 0, 0]
