"""The embedded server's life: light to import, quick to start, clean to stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server import live
from pytest_amberflo.server.errors import (
    AddressUnusableError,
    NotRunningError,
    PortTakenError,
    ServerError,
    ServingFailedError,
)
from pytest_amberflo.server.limits import Limits
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.server.conftest import RawClient

# Certificates would take longer to load than most tests take.
_get = partial(httpx.get, verify=False)
_post = partial(httpx.post, verify=False)
_KEY = "key-of-the-first-tenant"
_HEADERS = {"X-API-KEY": _KEY}
_PACKAGE = Path(live.__file__).parents[2]


def _run_python(script: str) -> Any:
    """What a fresh interpreter prints, as JSON."""
    environment = os.environ | {"PYTHONPATH": str(_PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_nothing_heavy_is_imported_before_the_first_connection() -> None:
    """Importing and starting leave the event loop, SQLite and the routes alone."""
    found = _run_python(
        "import json, sys, urllib.request\n"
        "from pytest_amberflo.server.live import EmbeddedServer\n"
        "heavy = ('asyncio', 'sqlite3', 'httptools', 'httpx', 'pytest',\n"
        "         'pytest_amberflo.server.app', 'pytest_amberflo.server.store')\n"
        "server = EmbeddedServer(['k'])\n"
        "server.start()\n"
        "before = [name for name in heavy if name in sys.modules]\n"
        "urllib.request.urlopen(server.url + '/health').read()\n"
        "after = [name for name in heavy if name in sys.modules]\n"
        "server.stop()\n"
        "print(json.dumps([before, after]))\n"
    )
    after = {"asyncio", "sqlite3", "httptools"}
    assert found[0] == []
    assert after <= set(found[1])
    assert not {"httpx", "pytest"} & set(found[1])


def test_the_address_is_known_at_once() -> None:
    """After start() there is a URL and connections are taken; after stop() neither."""
    server = EmbeddedServer([_KEY])
    with pytest.raises(NotRunningError):
        server.url  # noqa: B018
    server.start()
    url = server.url
    assert url == f"http://127.0.0.1:{server.port}"
    assert url in repr(server)
    assert _KEY not in repr(server)
    server.start()
    assert server.url == url
    with socket.create_connection(("127.0.0.1", server.port)):
        pass
    server.stop()
    server.stop()
    assert "stopped" in repr(server)
    with pytest.raises(NotRunningError):
        server.port  # noqa: B018
    with pytest.raises(httpx.ConnectError):
        _get(url)


def test_a_server_may_be_started_again() -> None:
    """A stopped server starts afresh, also on the port that it had."""
    server = EmbeddedServer([_KEY])
    for _ in range(3):
        with server:
            assert _get(f"{server.url}/health").is_success
            port = server.port
    with EmbeddedServer([_KEY], port=port) as again:
        assert again.port == port
        assert _get(f"{again.url}/health").is_success


def test_servers_stand_side_by_side(make_event: Callable[..., dict[str, Any]], meter: str) -> None:
    """Two servers of one process share nothing."""
    query = {
        "meterApiName": meter,
        "startTimeInSeconds": 0,
        "endTimeInSeconds": 10**10,
        "aggregation": "COUNT",
        "timeGroupingInterval": "MONTH",
    }
    with EmbeddedServer([_KEY]) as first, EmbeddedServer([_KEY]) as second:
        _post(f"{first.url}/ingest", json=make_event(), headers=_HEADERS)
        answer = _post(f"{second.url}/usage", json=query, headers=_HEADERS)
        assert answer.json() == {"clientMeters": {meter: []}}


def test_a_taken_port_is_named() -> None:
    """The error says which port, and the server can be asked again later."""
    with EmbeddedServer([_KEY]) as first:
        second = EmbeddedServer([_KEY], port=first.port)
        with pytest.raises(PortTakenError, match=str(first.port)) as caught:
            second.start()
        assert isinstance(caught.value, ServerError)
    second.start()
    second.stop()


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.0.0.1", 70_000, "between 0 and 65535"),
        ("no.such.host.invalid", 0, "no.such.host.invalid"),
        ("203.0.113.7", 0, "203.0.113.7"),
    ],
)
def test_impossible_addresses_are_named(host: str, port: int, reason: str) -> None:
    """Wherever one cannot listen, the error says where and why."""
    with pytest.raises(AddressUnusableError, match=reason):
        EmbeddedServer([_KEY], host=host, port=port).start()


def test_ipv6() -> None:
    """The loopback of IPv6 works where there is one, with brackets in its URL."""
    server = EmbeddedServer([_KEY], host="::1")
    try:
        server.start()
    except AddressUnusableError:
        pytest.skip("no IPv6 here")
    assert server.url.startswith("http://[::1]:")
    assert _get(f"{server.url}/health").is_success
    server.stop()


def test_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_event: Callable[..., dict[str, Any]]
) -> None:
    """A temporary store lives as long as its server; threads end with it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with EmbeddedServer([_KEY]) as server:
        assert list(tmp_path.iterdir()) == []
        _post(f"{server.url}/ingest", json=make_event(), headers=_HEADERS)
        assert len(list(tmp_path.glob("*/usage.sqlite"))) == 1
        assert any("amberflo" in thread.name for thread in threading.enumerate())
    assert list(tmp_path.iterdir()) == []
    assert not any("amberflo" in thread.name for thread in threading.enumerate())


def test_a_server_that_is_never_stopped_does_not_hold_the_process() -> None:
    """The process ends without a word, and the temporary store goes with it."""
    found = _run_python(
        "import glob, json, tempfile, urllib.request\n"
        "from pytest_amberflo.server.live import EmbeddedServer\n"
        "folder = tempfile.tempdir = tempfile.mkdtemp()\n"
        "server = EmbeddedServer(['k'])\n"
        "server.start()\n"
        "urllib.request.urlopen(server.url + '/health').read()\n"
        "print(json.dumps([folder, len(glob.glob(folder + '/*'))]))\n"
    )
    folder, count = found
    assert count == 1
    assert list(Path(folder).iterdir()) == []
    Path(folder).rmdir()


def test_stopping_answers_what_is_under_way(
    make_event: Callable[..., dict[str, Any]],
    open_raw: Callable[[EmbeddedServer], RawClient],
) -> None:
    """Complete requests are answered, half-sent ones are waited for, idle connections closed."""
    server = EmbeddedServer([_KEY])
    server.start()
    idle, half, full = open_raw(server), open_raw(server), open_raw(server)
    idle.send(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n")
    assert idle.read()[0] == 200
    data = half.render_post("/ingest", make_event())
    half.send(data[:-1])
    half.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        half.read()
    full.send(full.render_post("/ingest", make_event(uniqueId="2")) * 3)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    assert idle.is_closed()
    assert [full.read()[0] for _ in range(3)] == [200, 200, 200]
    assert full.is_closed()
    half.socket.settimeout(10)
    half.send(data[-1:])
    status, headers, _ = half.read()
    assert (status, headers["connection"]) == (200, "close")
    stopper.join(5)
    assert not stopper.is_alive()


def test_stopping_does_not_wait_for_ever(open_raw: Callable[[EmbeddedServer], RawClient]) -> None:
    """A client that never completes its request is given a while, no more."""
    server = EmbeddedServer([_KEY], limits=Limits(grace_s=0.1))
    server.start()
    raw = open_raw(server)
    raw.send(b"POST /ingest HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
    assert _get(f"{server.url}/health").is_success
    server.stop()
    assert raw.is_closed()


def test_a_client_that_came_just_before_the_end_is_answered(
    open_raw: Callable[[EmbeddedServer], RawClient],
) -> None:
    """The very first request may arrive while the server is told to stop."""
    server = EmbeddedServer([_KEY])
    server.start()
    raw = open_raw(server)
    raw.send(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n")
    server.stop()
    assert raw.read()[0] == 200


def test_a_broken_server_says_so_to_everybody(tmp_path: Path) -> None:
    """A store that turns bad before it is opened: 503 for clients, an error for who stops it."""
    store = tmp_path / "usage.sqlite"
    server = EmbeddedServer([_KEY], store)
    server.start()
    store.write_text("not any more")
    for _ in range(3):
        answer = _post(f"{server.url}/ingest", json=[], headers=_HEADERS)
        assert (answer.status_code, answer.json()["code"]) == (503, "server-failed")
        assert "it is no SQLite file" in answer.json()["details"]
    with pytest.raises(ServingFailedError, match="it is no SQLite file") as caught:
        server.stop()
    assert server.__class__.__name__ in repr(server)
    assert caught.value.__cause__ is caught.value.reason
    server.stop()


def test_a_fault_inside_is_answered_and_raised(
    monkeypatch: pytest.MonkeyPatch, make_event: Callable[..., dict[str, Any]]
) -> None:
    """A mistake of the server costs its client a 500, nobody else anything, and is not lost."""
    from pytest_amberflo.server import aggregate, app  # noqa: PLC0415 - not before it is needed

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a mistake")

    server = EmbeddedServer([_KEY])
    server.start()
    post = f"{server.url}/ingest"
    assert _post(post, json=make_event(), headers=_HEADERS).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(app, "read_events", fail)
        answer = _post(post, json=make_event(), headers=_HEADERS)
        assert (answer.status_code, answer.json()["code"]) == (500, "server-fault")
        patch.setattr(aggregate, "build_source", fail)
        query = {
            "meterApiName": "m",
            "startTimeInSeconds": 0,
            "endTimeInSeconds": 1,
            "aggregation": "SUM",
            "timeGroupingInterval": "DAY",
        }
        answer = _post(f"{server.url}/usage", json=query, headers=_HEADERS)
        assert (answer.status_code, answer.json()["code"]) == (500, "server-fault")
        assert "mistake" not in answer.text
    assert _post(post, json=make_event(), headers=_HEADERS).status_code == 200
    with pytest.raises(ServingFailedError, match="ZeroDivisionError: a mistake"):
        server.stop()


def test_the_signals_of_the_process_are_left_alone() -> None:
    """A server in somebody's process does not touch what that does on SIGINT."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with EmbeddedServer([_KEY]) as server:
        _get(f"{server.url}/health")
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
