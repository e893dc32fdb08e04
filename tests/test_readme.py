"""What the README shows is what happens: every block of it is run."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import httpx
import kept_modules  # noqa: F401
import pytest
from emitter_service import CHAT, ChatService
from workflow_text import ROOT, SHOP, SHOP_WORKFLOW

from pytest_amberflo import fixtures, option_table

if TYPE_CHECKING:
    from collections.abc import Iterator

README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(match.group(1), match.group(2)) for match in _BLOCK.finditer(README)]


def _blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def _named(name: str) -> str:
    """The block whose first line is a comment with this file name."""
    (block,) = [text for _, text in BLOCKS if text.startswith(f"# {name}\n")]
    return block


def _console(command: str) -> tuple[list[str], list[str]]:
    """The commands and the output of the console block that has a command."""
    (block,) = [text for text in _blocks("console") if f"$ {command}" in text]
    lines = block.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return commands, [line for line in lines if not line.startswith("$ ")]


def _to_pattern(line: str) -> str:
    """A pattern of the line for any run: numbers, names of the run and cut ends may differ."""
    pattern = re.escape(line)
    pattern = re.sub(r"(evt|pt)\\-\w+", r"\1-\\w+", pattern)
    pattern = re.sub(r"\d+", r"\\d+", pattern)
    pattern = re.sub(r"\\d\+\\ ms", r"[\\d.]+ m?s", pattern)
    return re.sub(r"\\\.\\\.\\\.$|…$", ".*", pattern)


def _assert_shown(shown: list[str], printed: str) -> None:
    """Every line of the README stands in the output, in its order."""
    lines = iter(printed.splitlines())
    for line in shown:
        pattern = _to_pattern(line)
        assert any(re.match(pattern, found) for found in lines), f"{line!r} not in\n{printed}"


def _run_here(project: pytest.Pytester, *arguments: str) -> str:
    """What a run of pytest prints; a process of its own would take long to start."""
    assert arguments[0] == "pytest"
    done = project.runpytest_inprocess("-p", "no:cacheprovider", *arguments[1:])
    return done.stdout.str() + done.stderr.str()


def _run(*arguments: str, timeout_s: float = 60) -> str:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    return done.stdout + done.stderr


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with this repository's workflows."""
    for name in ("AMBERFLO_API_KEY", "AMBERFLO_TARGET", "AMBERFLO_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    pytester.mkdir("workflows")
    for path in (ROOT / "workflows").iterdir():
        (pytester.path / "workflows" / path.name).write_bytes(path.read_bytes())
    return pytester


def test_there_are_two_set_up_commands_and_ci_runs_them() -> None:
    """Each is one line, whole in itself; CI takes them from the README."""
    first, second = _blocks("sh")
    for command in (first, second):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert first.endswith(".venv/bin/pytest ./workflows\n")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "command_of 1" in script
    assert "command_of 2" in script


def test_every_block_is_run_by_a_test() -> None:
    """Who adds a block adds its test."""
    assert [name for name, _ in BLOCKS] == [
        "sh",
        "sh",
        "console",
        "python",
        "console",
        # Of one's own service, in test_readme_emitter.py.
        "python",
        "yaml",
        "console",
        "console",
        "python",
        "yaml",
        "console",
        "python",
        "python",
        "yaml",
        "python",
        "console",
        # Of the server, in test_readme_server.py.
        "python",
        "dockerfile",
        "yaml",
        "yaml",
        "python",
        "console",
        "yaml",
        "python",
        "console",
    ]


@pytest.mark.usefixtures("folder")
def test_the_green_run() -> None:
    """The workflows are green, and say what the README shows."""
    commands, shown = _console("pytest ./workflows -v")
    _assert_shown(shown, _run(*shlex.split(commands[0])))


def test_the_red_run(folder: pytest.Pytester) -> None:
    """The service of the README is found out, with the text that the README shows."""
    commands, shown = _console("python twice.py &")
    port = _find_port()
    folder.makepyfile(twice=_named("twice.py").replace("8788", str(port)))
    with subprocess.Popen([sys.executable, "twice.py"], stderr=subprocess.DEVNULL) as service:
        try:
            _wait_for(port)
            words = shlex.split(commands[1].replace("8788", str(port)))
            printed = _run_here(folder, *words)
        finally:
            service.kill()
    _assert_shown(shown, printed)
    assert "1 failed" in printed


def test_overrides_and_rows(folder: pytest.Pytester) -> None:
    """The conftest and the rows of the README work as they stand."""
    folder.makepyfile(conftest=_named("conftest.py"))
    printed = _run_here(folder, "pytest", "-v", "workflows")
    assert "usage 0.125 as expected" in printed
    (folder.path / "conftest.py").unlink()
    (folder.path / "rows.arazzo.yaml").write_text(_named("rows.arazzo.yaml"), encoding="utf-8")
    printed = _run_here(folder, "pytest", "-v", "rows.arazzo.yaml")
    for line in ("rows.arazzo.yaml::sizes::small::once", "usage 0.001 as", "usage 1000000 as"):
        assert line in printed
    assert "2 passed" in printed


def test_the_probes(folder: pytest.Pytester) -> None:
    """Probes are collected by their package's name, and tell their promises."""
    commands, shown = _console("pytest --pyargs")
    _assert_shown(shown, _run_here(folder, *shlex.split(commands[0])))


class _Shop(BaseHTTPRequestHandler):
    """Has one order."""

    def do_GET(self) -> None:
        body = json.dumps({"id": self.path.rpartition("/")[2], "lines": [{"sku": "cup"}]})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def test_the_library(folder: pytest.Pytester) -> None:
    """The program of the README runs a workflow, and prints its outcome and outputs."""
    with HTTPServer(("127.0.0.1", 0), _Shop) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        (folder.path / "shop.yaml").write_text(SHOP.replace("URL", url), encoding="utf-8")
        (folder.path / "shop.arazzo.yaml").write_text(SHOP_WORKFLOW, encoding="utf-8")
        folder.makepyfile(order=_named("order.py"))
        command = [sys.executable, "order.py"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        server.shutdown()
    assert done.stderr == ""
    assert done.stdout == "passed {'sku': 'cup'}\nread passed 200\n"


def test_metering_in_python(folder: pytest.Pytester) -> None:
    """The test of the README passes as it stands."""
    folder.makepyfile(test_billing=_named("test_billing.py"))
    printed = _run_here(folder, "pytest", "test_billing.py")
    assert "1 passed" in printed


_LEAD = """
import httpx
import pytest


@pytest.fixture
def chat_url():
    return "URL"


@pytest.fixture(autouse=True)
def lead(chat_url, amberflo_url, amberflo_api_key):
    httpx.post(f"{chat_url}/lead", json={"ingest": amberflo_url, "api_key": amberflo_api_key})
"""


def test_what_a_service_meters(folder: pytest.Pytester) -> None:
    """The workflow is green, and so is the block of the test in Python."""
    with ChatService(tries=200) as service:
        folder.makepyfile(conftest=_LEAD.replace("URL", service.url))
        folder.makepyfile(test_chat=_named("test_chat.py"))
        for name, text in (
            ("chat.yaml", CHAT.replace("URL", service.url)),
            ("chat.arazzo.yaml", _named("chat.arazzo.yaml")),
        ):
            (folder.path / name).write_text(text, encoding="utf-8")
        # The other variants are tested elsewhere, and take their time.
        chosen = ("--amberflo-emitter-variants", "once,lost-answer,repeat")
        files = ("chat.arazzo.yaml", "test_chat.py")
        printed = _run_here(folder, "pytest", *files, *chosen, "--amberflo-quiet", "0.3")
    assert "4 passed" in printed, printed


@pytest.mark.usefixtures("folder")
def test_the_server_by_hand() -> None:
    """The server starts with the command of the README, and takes the README's event."""
    commands, shown = _console("python -m pytest_amberflo.server --port 8787 --store")
    port = _find_port()
    start = shlex.split(commands[0].replace("8787", str(port)))[1:]
    with subprocess.Popen(
        [sys.executable, *start], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            assert str(port) in server.stdout.readline()
            answer = _send(shlex.split(commands[1].replace("8787", str(port))))
        finally:
            server.send_signal(signal.SIGTERM)
    assert answer == shown[0]
    assert server.returncode == 0


def test_the_tables_are_complete() -> None:
    """Every option, ini value and fixture is in the README, and nothing else is."""
    rows = [line for line in README.splitlines() if line.startswith("| `") or "| | |" in line]
    flags = {flag for row in rows for flag in re.findall(r"`(--amberflo-[\w-]+)", row)}
    known = {f"--amberflo-{name}" for name, *_ in option_table.OPTIONS}
    assert flags == known | {"--amberflo-dry-run"}
    inis = {name for row in rows for name in re.findall(r"\| `(amberflo_\w+)` \|", row[3:])}
    assert inis == {f"amberflo_{name}" for name, *_ in option_table.INI}
    listed = {name for row in rows for name in re.findall(r"^\| `(\w+)` \|", row)}
    names = {*dir(fixtures), *dir(fixtures.ItemFixtures)}
    public = {name for name in names if re.match(r"(amberflo_|metering(_|$))", name)}
    assert listed == public


def _send(command: list[str]) -> str:
    """What curl would print: the machine need not have it."""
    assert command[:2] == ["curl", "-s"]
    options_of = dict(zip(command[3:-1:2], command[4::2], strict=False))
    pairs = [command[i + 1] for i, word in enumerate(command) if word == "-H"]
    headers = dict(pair.split(": ", 1) for pair in pairs)
    return httpx.post(command[2], headers=headers, content=options_of["-d"]).text


def _find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in _patiently():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    pytest.fail(f"nothing listens at {port}")


def _patiently() -> Iterator[None]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        yield
        time.sleep(0.05)
