"""What the README shows of the server is what happens: containers, clients, faults."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import test_readme as readme
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    commands, _ = readme._console("python -m pytest_amberflo.server")
    with _serve(shlex.split(commands[0])) as url:
        program = readme._named("client.py").replace("http://127.0.0.1:8787", url)
        (folder.path / "client.py").write_text(program, encoding="utf-8")
        command = [sys.executable, "client.py"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == "1 records were ingested\n3\n"


def test_faults_in_a_test(folder: pytest.Pytester) -> None:
    """The test of the README passes."""
    folder.makepyfile(test_emitter=readme._named("test_emitter.py"))
    printed = _run_folder("pytest", "test_emitter.py")
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
