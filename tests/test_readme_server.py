"""What the README shows of the server is what happens: containers, clients, faults."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import test_readme as readme
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _serve(command: list[str], **environment: str) -> Iterator[str]:
    """A server with a command of the README, on a port of its own; gives its URL."""
    port = readme._find_port()
    started = [sys.executable, *(word.replace("8787", str(port)) for word in command[1:])]
    with subprocess.Popen(
        started, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | environment
    ) as server:
        try:
            assert server.stdout is not None
            assert b"amberflo server on " in server.stdout.readline()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
    assert server.returncode == 0


def _run_folder(*arguments: str, **environment: str) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=os.environ | environment,
    )
    return done.stdout + done.stderr


folder = readme.folder


def _instruction(name: str) -> list[str]:
    """The words of an instruction of the Dockerfile that is written as JSON."""
    (found,) = re.findall(rf"^{name} .*?(\[.*\])$", readme._named("Dockerfile"), re.MULTILINE)
    words: list[str] = json.loads(found)
    return words


def test_the_containers(folder: pytest.Pytester, tmp_path: Path) -> None:
    """Image and compose file give a healthy server, and the workflow of CI passes against it."""
    compose = yaml.safe_load(readme._named("compose.yaml"))
    service = compose["services"]["amberflo"]
    mount = service["volumes"][0].partition(":")[2]
    assert f"mkdir {mount}" in readme._named("Dockerfile")
    entry = _instruction("ENTRYPOINT")
    store = str(tmp_path / "usage.sqlite")
    command = [word.replace("/data/usage.sqlite", store) for word in service["command"]]
    assert _instruction("CMD") == service["command"][:2]
    ci = yaml.safe_load(readme._named(".github/workflows/test.yaml"))["jobs"]["test"]
    step = ci["steps"][-1]
    assert step["env"] == ci["services"]["amberflo"]["env"]
    pytest_command = shlex.split(step["run"].rpartition("&&")[2])
    with _serve([*entry, *command], **service["environment"]) as url:
        check = _instruction("HEALTHCHECK")[1:]
        port = url.rpartition(":")[2]
        words = [word.replace("8787", port) for word in check]
        assert subprocess.run([sys.executable, *words], check=False).returncode == 0
        words = [word.replace("8787", port) for word in pytest_command]
        key = service["environment"]["AMBERFLO_API_KEY"]
        printed = _run_folder(*words, "--amberflo-variants", "once", AMBERFLO_API_KEY=key)
        files = [*(folder.path / "workflows").iterdir()]
        assert f" {len(files)} passed in " in printed, printed
        customers = httpx.get(f"{url}/customers", headers={"X-API-KEY": key}, verify=False)
        assert len(customers.json()) == 3


def test_the_official_client(folder: pytest.Pytester) -> None:
    """The program of the README reads what it has sent."""
    pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
    commands, _ = readme._console("python -m pytest_amberflo.server --port 8787 --store")
    with _serve(shlex.split(commands[0])) as url:
        program = readme._named("client.py").replace("http://127.0.0.1:8787", url)
        (folder.path / "client.py").write_text(program, encoding="utf-8")
        command = [sys.executable, "client.py"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == "1 records were ingested\n3\n"


def test_a_service_that_is_not_changed(folder: pytest.Pytester) -> None:
    """The test of the README passes: Amberflo's client, its own URLs, a process of its own."""
    pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
    folder.makepyfile(test_service=readme._named("test_service.py"))
    printed = readme._run_here(folder, "pytest", "test_service.py")
    assert "1 passed" in printed, printed


def test_the_environment_by_hand(folder: pytest.Pytester) -> None:
    """The commands of the README lead curl to the server."""
    if shutil.which("curl") is None or shutil.which("sh") is None:
        pytest.skip("curl and sh are not installed")
    commands, shown = readme._console("eval ")
    data = {"XDG_DATA_HOME": str(folder.path)}
    with _serve(shlex.split(commands[0].removesuffix("&")), **data) as url:
        port = url.rpartition(":")[2]
        script = "\n".join(commands[1:]).replace("8787", port)
        script = f'python() {{ "{sys.executable}" "$@"; }}\n{script}'
        done = subprocess.run(
            ["sh", "-c", script],
            capture_output=True,
            text=True,
            env=os.environ | data,
            check=False,
        )
    assert done.stdout.splitlines() == shown, done.stderr


_ASK_ALIAS = """
import socket, ssl, sys
plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
with ssl.create_default_context().wrap_socket(plain, server_hostname=sys.argv[2]) as secure:
    secure.sendall(b"GET /health HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
    print(secure.recv(100).split()[1].decode())
"""


def test_the_aliases(folder: pytest.Pytester) -> None:
    """Under the names of the compose file, the server is believed by who mounts its volume."""
    services = yaml.safe_load(readme._named("compose.alias.yaml"))["services"]
    amberflo, shop = services["amberflo"], services["shop"]
    ca = f"{folder.path}/ca"
    command = [word.replace("/ca/", f"{ca}/") for word in amberflo["command"]]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command[command.index("443")] = port
    words = [sys.executable, *_instruction("ENTRYPOINT")[1:], *command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            assert server.stdout is not None
            assert port.encode() in server.stdout.readline()
            check = [word.replace(":443", f":{port}") for word in amberflo["healthcheck"]["test"]]
            assert subprocess.run([sys.executable, *check[2:]], check=False).returncode == 0
            environment = {
                name: value.replace("/ca/", f"{ca}/")
                for name, value in shop["environment"].items()
            }
            for host in amberflo["networks"]["default"]["aliases"]:
                done = subprocess.run(
                    [sys.executable, "-c", _ASK_ALIAS, port, host],
                    env=os.environ | environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.stdout == "200\n", done.stderr
        finally:
            server.terminate()
    named = {
        word.rpartition("/")[2]
        for value in environment.values()
        for word in re.findall(r"/\S+", value)
    }
    assert {name for name in named if "ca" in name} <= {path.name for path in Path(ca).iterdir()}


def test_faults_in_a_test(folder: pytest.Pytester) -> None:
    """The test of the README passes."""
    folder.makepyfile(test_emitter=readme._named("test_emitter.py"))
    printed = readme._run_here(folder, "pytest", "test_emitter.py")
    assert "1 passed" in printed, printed


def test_the_control_api(folder: pytest.Pytester) -> None:
    """Each request of the README is answered as it says."""
    commands, shown = readme._console("curl -s http://127.0.0.1:8787/control")
    server = ["python", "-m", "pytest_amberflo.server", "--port", "8787"]
    with _serve([*server, "--control-token", "local-token"]) as url:
        for command, expected in zip(commands, shown, strict=True):
            words = shlex.split(command.replace("http://127.0.0.1:8787", url))
            answer: dict[str, Any] = json.loads(readme._send(words))
            assert answer.keys() == json.loads(expected).keys()
            assert answer.get("lead", 3600.0) == 3600.0
        struck = httpx.post(f"{url}/ingest", json={}, headers={"X-API-KEY": "x"}, verify=False)
        assert struck.status_code == 401


def test_every_flag_is_in_the_table() -> None:
    """The table has what the command takes."""
    printed = _run_folder("pytest_amberflo.server", "--help")
    flags = set(re.findall(r"^  (--[a-z-]+)", printed, re.MULTILINE))
    rows = [line for line in readme.README.splitlines() if line.startswith("| `--")]
    listed = {flag for row in rows for flag in re.findall(r"`(--(?!amberflo)[a-z-]+)", row)}
    assert listed == flags
