"""The server as a command: what it takes, what it says, how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_amberflo.server.command import run_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Certificates would take longer to load than most tests take.
_get = partial(httpx.get, verify=False)
_post = partial(httpx.post, verify=False)
_KEY = "key-of-the-first-tenant"


def _ingest(url: str, key: str) -> httpx.Response:
    event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 1_718_153_645_993}
    return _post(f"{url}/ingest", json=event, headers={"X-API-KEY": key})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(
    run_server: Callable[..., Any], tmp_path: Path, number: signal.Signals
) -> None:
    """One line tells where it is; a signal ends it well, and the store is closed."""
    store = tmp_path / "usage.sqlite"
    with run_server("--port", "0", "--store", str(store), "--api-key", _KEY) as command:
        assert re.fullmatch(
            rf"amberflo server on http://127\.0\.0\.1:\d+, store: {store}, "
            r"API key: from --api-key\n",
            command.line,
        )
        assert _ingest(command.url, _KEY).status_code == 200
        command.process.send_signal(number)
        assert command.wait() == 0
    entry = json.loads(command.read_stderr())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.pop("time"))
    assert 0 <= entry.pop("ms") < 10_000
    assert entry == {"method": "POST", "path": "/ingest", "status": 200}
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT count(*) FROM record").fetchone() == (1,)
    assert [file.name for file in tmp_path.glob("usage*")] == ["usage.sqlite"]


def test_a_key_is_made_and_printed(run_server: Callable[..., Any]) -> None:
    """Without a key one is made, and said, for nobody else could know it."""
    with run_server("--port", "0", "--quiet") as command:
        found = re.search(
            r"store: a temporary file, gone at the end, API key: (\S+)", command.line
        )
        assert found is not None
        assert _ingest(command.url, found[1]).status_code == 200
        assert _ingest(command.url, "other").status_code == 401
        command.process.terminate()
        assert command.wait() == 0
        assert command.read_stderr() == ""


def test_the_key_of_the_environment(run_server: Callable[..., Any]) -> None:
    """A key from the environment is served and not printed; the command line goes first."""
    with run_server("--port", "0", AMBERFLO_API_KEY="from-outside") as command:
        assert command.line.endswith("API key: from AMBERFLO_API_KEY\n")
        assert _ingest(command.url, "from-outside").status_code == 200
    keys = ("--api-key", _KEY, "--api-key", "second")
    with run_server("--port", "0", *keys, AMBERFLO_API_KEY="from-outside") as command:
        statuses = [_ingest(command.url, key).status_code for key in (_KEY, "second")]
        assert statuses == [200, 200]
        assert _ingest(command.url, "from-outside").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--api-key", ""], {}, "argument --api-key: an empty value means nothing"),
        (["--api-key", " "], {}, "argument --api-key: an empty value means nothing"),
        (["--store", ""], {}, "argument --store: an empty value means nothing"),
        (["--host", ""], {}, "argument --host: an empty value means nothing"),
        (["--port", ""], {}, "argument --port: invalid int value: ''"),
        (["--port", "http"], {}, "argument --port: invalid int value: 'http'"),
        ([], {"AMBERFLO_API_KEY": ""}, "AMBERFLO_API_KEY is set but empty"),
        ([], {"AMBERFLO_API_KEY": "a b"}, "API key 1 cannot be used: it holds characters other"),
        (["--port", "70000"], {}, "cannot listen on 127.0.0.1 port 70000: a port lies between"),
        (["--port", "-1"], {}, "cannot listen on 127.0.0.1 port -1: a port lies between"),
        (
            ["--host", "no.such.host.invalid"],
            {},
            "cannot listen on no.such.host.invalid port",
        ),
        (["--store", "/no/such/folder/x"], {}, "its folder does not exist"),
        (["--store", "/"], {}, "cannot use / as the store: Is a directory"),
        (["--store", __file__], {}, "as the store: it is no SQLite file"),
        (["--stor", "x"], {}, "unrecognized arguments"),
        (
            ["--fault", "ingest:odd"],
            {},
            "argument --fault: ingest:odd: kind must be one of status,",
        ),
        (["--fault", "ingest:503:x=1"], {}, "x must be left out; a fault has kind, operation,"),
        (["--fault", ""], {}, "argument --fault: an empty value means nothing"),
        (["--lag", "soon"], {}, "argument --lag: seconds, 0 or more, are wanted, not 'soon'"),
        (["--lag", "1~-2"], {}, "argument --lag: seconds, 0 or more, are wanted, not '-2'"),
        (["--settle", "nan"], {}, "argument --settle: seconds, 0 or more, are wanted"),
        (["--dedup-key", "m="], {}, "argument --dedup-key: [METER=]KEY is wanted, not 'm='"),
        (["--dedup-value", "any"], {}, "argument --dedup-value: invalid choice: 'any'"),
        (["--unauthorized", "404"], {}, "argument --unauthorized: invalid choice: 404"),
        (["--control-token", "a b"], {}, "the control token cannot be used: it holds characters"),
        ([], {"AMBERFLO_CONTROL_TOKEN": " "}, "AMBERFLO_CONTROL_TOKEN is set but empty"),
    ],
    ids=str,
)
def test_what_cannot_be_used_ends_with_status_2(
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    """A wrong argument is one clear line, no traceback, and nothing on standard output."""
    port = () if "--port" in arguments or "--host" in arguments else ("--port", "0")
    try:
        status = run_command([*port, *arguments], environment)
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 2
    printed, complaint = capsys.readouterr()
    assert printed == ""
    lines = complaint.splitlines()
    assert message in lines[-1]
    assert len(lines) == 1 or lines[0].startswith("usage:")


def test_a_wrong_store_ends_with_status_2(run_server: Callable[..., Any], tmp_path: Path) -> None:
    """The process says it in one line and is gone."""
    store = tmp_path / "store"
    store.write_text("not a store")
    with run_server("--port", "0", "--store", str(store)) as command:
        assert command.wait() == 2
        assert command.line == ""
    expected = f"cannot use {store} as the store: it is no SQLite file\n"
    assert command.read_stderr() == expected


def test_a_taken_port_ends_with_status_2(run_server: Callable[..., Any]) -> None:
    """The line names the port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        with run_server("--port", port) as command:
            assert command.wait() == 2
    expected = f"cannot listen on 127.0.0.1 port {port}: the port is taken by another process\n"
    assert command.read_stderr() == expected


def test_another_host_is_warned_about(run_server: Callable[..., Any]) -> None:
    """A server that others can reach works, and says that they can."""
    with run_server("--port", "0", "--host", "0.0.0.0", "--quiet", "--api-key", _KEY) as command:
        assert command.url.startswith("http://0.0.0.0:")
        assert _ingest(command.url, _KEY).status_code == 200
        command.process.terminate()
        assert command.wait() == 0
    assert command.read_stderr() == "warning: 0.0.0.0 can be reached from other machines\n"


def test_the_log_shows_every_request_and_no_query(run_server: Callable[..., Any]) -> None:
    """Method, path, status and time; what is no request has neither method nor path."""
    with run_server("--port", "0", "--api-key", _KEY) as command:
        _get(f"{command.url}/health")
        _get(f"{command.url}/nowhere%0a/x?secret=1")
        _ingest(command.url, "wrong")
        with closing(socket.create_connection(("127.0.0.1", httpx.URL(command.url).port))) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
        command.process.terminate()
        assert command.wait() == 0
    entries = [json.loads(line) for line in command.read_stderr().splitlines()]
    found = [f"{e['method'] or '-'} {e['path'] or '-'} {e['status']}" for e in entries]
    assert found == ["GET /health 200", "GET /nowhere%0a/x 404", "POST /ingest 401", "- - 400"]


def test_five_hundred_connections(run_server: Callable[..., Any]) -> None:
    """Hundreds of connections at once are all served, and none is in another's way."""
    with ExitStack() as stack, run_server("--port", "0", "--api-key", _KEY) as command:
        port = httpx.URL(command.url).port
        connections = [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", port))))
            for _ in range(500)
        ]
        body = b'{"meterApiName":"m","meterValue":1,"meterTimeInMillis":%d}'
        for number, connection in enumerate(connections):
            event = body % (1_718_150_400_000 + number)
            head = f"POST /ingest HTTP/1.1\r\nX-API-KEY: {_KEY}\r\nContent-Length: {len(event)}"
            connection.sendall(head.encode() + b"\r\n\r\n" + event)
        answers = [connection.recv(4096) for connection in connections]
        assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in answers)
        query = {
            "meterApiName": "m",
            "startTimeInSeconds": 1_718_150_400,
            "endTimeInSeconds": 1_718_236_800,
            "aggregation": "SUM",
            "timeGroupingInterval": "DAY",
        }
        usage = _post(f"{command.url}/usage", json=query, headers={"X-API-KEY": _KEY})
        assert usage.json()["clientMeters"]["m"][0]["records"] == [{"1718150400": 500}]
