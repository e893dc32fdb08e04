"""API keys: who is let in, who sees what, and where keys never show."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.errors import KeyUnusableError
from pytest_amberflo.server.keyring import Keyring
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.server.conftest import RawClient

# Certificates would take longer to load than most tests take.
_get = partial(httpx.get, verify=False)
_post = partial(httpx.post, verify=False)
_SECRET = "secret-7f3a9c-of-somebody"


@pytest.mark.parametrize("path", ["/ingest", "/ingest/", "/usage", "/usage/"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-KEY": ""},
        {"X-API-KEY": "key-of-the-first-tenan"},
        {"X-API-KEY": "key-of-the-first-tenant2"},
        {"X-API-KEY": "KEY-OF-THE-FIRST-TENANT"},
        {"Authorization": "Bearer key-of-the-first-tenant"},
    ],
    ids=["none", "empty", "shorter", "longer", "upper", "bearer"],
)
def test_without_a_known_key_nobody_is_let_in(
    server: EmbeddedServer,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    check_answer: Callable[[httpx.Response], None],
    path: str,
    headers: dict[str, str],
) -> None:
    """A missing or unknown key is answered 401 as described, and nothing is stored."""
    answer = _post(server.url + path, json=make_event(), headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    check_answer(answer)
    assert count_records() == 0


@pytest.mark.parametrize("name", ["X-API-KEY", "x-api-key", "X-Api-Key"])
def test_the_header_has_any_case(
    server: EmbeddedServer, make_event: Callable[..., dict[str, Any]], name: str
) -> None:
    """Clients spell the header's name in every way."""
    headers = {name: "key-of-the-first-tenant"}
    assert _post(f"{server.url}/ingest", json=make_event(), headers=headers).is_success


def test_two_keys_are_none(
    raw: RawClient, make_event: Callable[..., dict[str, Any]], count_records: Callable[[], int]
) -> None:
    """A request with two keys does not choose one."""
    raw.post("/ingest", make_event(), "X-API-KEY: key-of-the-second-tenant")
    status, _, body = raw.read()
    assert status == 401
    assert b"repeated" in body
    assert count_records() == 0


def test_keys_are_bytes(raw: RawClient) -> None:
    """A key that is not even text is unknown like any other."""
    raw.send(b"POST /ingest HTTP/1.1\r\nX-API-KEY: \xff\xfe\r\nContent-Length: 2\r\n\r\n[]")
    assert raw.read()[0] == 401


def test_tenants_are_apart(
    client: httpx.Client,
    stranger: httpx.Client,
    make_event: Callable[..., dict[str, Any]],
    count_records: Callable[[], int],
    meter: str,
) -> None:
    """One key's events are neither seen nor deduplicated by another's."""
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 0,
        "endTimeInSeconds": 10**10,
        "aggregation": "SUM",
        "timeGroupingInterval": "MONTH",
    }
    client.post("/ingest", json=make_event())
    assert stranger.post("/usage", json=query).json() == {"clientMeters": {meter: []}}
    stranger.post("/ingest", json=[make_event(), make_event(uniqueId="2")])
    assert count_records() == 1
    groups = stranger.post("/usage", json=query).json()["clientMeters"][meter]
    assert groups[0]["records"] == [{"1717200000": 5}]


def test_a_tenant_is_its_key(tmp_path: Path, make_event: Callable[..., dict[str, Any]]) -> None:
    """Another server on the same file, with keys in another order, finds the same tenants."""
    store = tmp_path / "usage.sqlite"
    keys = ["key-a", "key-b", "key-a"]
    query = {
        "meterApiName": make_event()["meterApiName"],
        "startTimeInSeconds": 0,
        "endTimeInSeconds": 10**10,
        "aggregation": "COUNT",
        "timeGroupingInterval": "MONTH",
    }
    with EmbeddedServer(keys, store) as first:
        headers = {"X-API-KEY": "key-b"}
        _post(f"{first.url}/ingest", json=make_event(), headers=headers)
    found = {}
    with EmbeddedServer(sorted(keys, reverse=True), store) as second:
        for key in keys:
            answer = _post(f"{second.url}/usage", json=query, headers={"X-API-KEY": key})
            found[key] = answer.json()["clientMeters"][query["meterApiName"]] != []
    assert found == {"key-a": False, "key-b": True}


def test_keys_are_nowhere(
    tmp_path: Path, make_event: Callable[..., dict[str, Any]], run_server: Callable[..., Any]
) -> None:
    """Neither the file, nor the log, nor an answer, nor a repr shows a key."""
    store = tmp_path / "usage.sqlite"
    with run_server("--port", "0", "--store", str(store), "--api-key", _SECRET) as command:
        with httpx.Client(base_url=command.url, headers={"X-API-KEY": _SECRET}) as client:
            texts = [
                client.post("/ingest?key=" + _SECRET, json=make_event()).text,
                client.post("/ingest", json=make_event(meterValue="x")).text,
                client.post("/nowhere", json=[]).text,
                client.get("/health").text,
                client.post("/ingest", headers={"X-API-KEY": _SECRET + "2"}).text,
            ]
        written = [file.read_bytes() for file in tmp_path.glob("usage.sqlite*")]
        command.process.terminate()
        assert command.wait() == 0
        texts += [command.line, command.read_stderr()]
    assert written
    assert not any(_SECRET in text for text in texts)
    assert not any(_SECRET.encode() in data for data in written)
    server = EmbeddedServer([_SECRET])
    assert _SECRET not in f"{server!r} {server._plan!r} {Keyring([_SECRET])!r}"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "there must be at least one"),
        (["right", ""], "API key 2 cannot be used: it is empty"),
        ([" padded "], "characters other than visible ASCII"),
        (["schlüssel"], "characters other than visible ASCII"),
        (["line\nbreak"], "characters other than visible ASCII"),
        (["x" * 5000], "too long"),
        ("a text and no list", "a single string"),
    ],
)
def test_keys_that_no_request_could_carry(keys: Any, reason: str) -> None:
    """A server with a key that cannot arrive is not made, and the error does not show the key."""
    with pytest.raises(KeyUnusableError, match=reason) as caught:
        EmbeddedServer(keys)
    assert not any(key and key in str(caught.value) for key in keys if len(key) > 5)


def test_health_needs_no_key(server: EmbeddedServer) -> None:
    """Whoever waits for the server to come up has no key yet."""
    answer = _get(f"{server.url}/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    with closing(httpx.Client()) as client:
        assert client.head(f"{server.url}/health").status_code == 200
