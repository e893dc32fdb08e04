"""The command's way to lead a service to it: `--ca` and `--print-env`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

from pytest_amberflo.server.command import run_command

if TYPE_CHECKING:
    from collections.abc import Callable

_PORT = ("--port", "8787")
_ASK = "import urllib.request as r; print(r.urlopen('https://app.amberflo.io/health').status)"


def _read_file(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_variables_for_a_shell(
    tmp_path: Path, run_server: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """A shell that evaluates them starts services that reach the server."""
    ca = str(tmp_path / "my ca" / "ca.pem")
    with run_server("--ca", ca, "--quiet") as command:
        port = command.url.rpartition(":")[2]
        assert run_command(["--port", port, "--ca", ca, "--print-env", "--api-key", "k"], {}) == 0
        exports, _ = capfd.readouterr()
        script = f"{exports}{shlex.quote(sys.executable)} -c {shlex.quote(_ASK)}"
        shell = shutil.which("sh") or "sh"
        done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("200\n", "")
    assert "export AMBERFLO_API_KEY=k\n" in exports


def test_the_variables_for_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As Docker reads them: no quotes, no `export`."""
    ca = tmp_path / "ca.pem"
    assert run_command([*_PORT, "--ca", str(ca), "--print-env", "file"], {}) == 0
    found = _read_file(capfd.readouterr().out)
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://127.0.0.1:8787"
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1"
    assert found["NODE_EXTRA_CA_CERTS"] == str(ca)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert Path(found[name]).read_bytes().endswith(ca.read_bytes())
    assert f"-Djavax.net.ssl.trustStore={tmp_path / 'ca.p12'}" in found["JAVA_TOOL_OPTIONS"]
    assert "AMBERFLO_API_KEY" not in found


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8787"), ("::", "http://[::1]:8787"), ("10.0.0.7", None)],
)
def test_the_proxy_is_where_the_server_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], host: str, url: str | None
) -> None:
    """A server that listens everywhere is reached on this machine."""
    ca = str(tmp_path / "ca.pem")
    assert run_command([*_PORT, "--host", host, "--ca", ca, "--print-env", "file"], {}) == 0
    found = _read_file(capfd.readouterr().out)
    assert found["HTTPS_PROXY"] == (url or f"http://{host}:8787")


def test_the_authority_of_the_user(
    tmp_path: Path, run_server: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Without --ca, server and --print-env mean the same one, and it is made when needed."""
    data = {"XDG_DATA_HOME": str(tmp_path)}
    ca = tmp_path / "pytest-amberflo" / "ca.pem"
    with run_server("--quiet", **data) as command:
        assert not ca.exists()
        port = command.url.rpartition(":")[2]
        assert run_command(["--port", port, "--print-env", "file"], data) == 0
        assert ca.exists()
        variables = _read_file(capfd.readouterr().out)
        done = subprocess.run(
            [sys.executable, "-c", _ASK],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("200\n", "")


def test_the_files_are_there_when_the_server_is(
    tmp_path: Path, run_server: Callable[..., Any]
) -> None:
    """Containers that mount the folder find the same ones after each start."""
    ca = tmp_path / "ca.pem"
    texts = []
    for _ in range(2):
        with run_server("--ca", str(ca)):
            texts.append((tmp_path / "ca-bundle.pem").read_bytes())
    assert texts[0] == texts[1]
    assert texts[0].endswith(ca.read_bytes())
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("ca")} == {
        "ca.pem",
        "ca.pem.key",
        "ca-bundle.pem",
        "ca.p12",
    }


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--port", "0", "--print-env"], {}, "of port 0 it is not known what it will be"),
        (["--print-env", "bat"], {}, "argument --print-env: invalid choice: 'bat'"),
        (["--ca", ""], {}, "argument --ca: an empty value means nothing"),
        (["--ca", "/dev/null/ca.pem", "--print-env"], {}, "certificate authority: Not a dir"),
        (["--ca", "/dev/null/ca.pem"], {}, "certificate authority: Not a dir"),
        (["--print-env"], {"AMBERFLO_API_KEY": " "}, "AMBERFLO_API_KEY is set but empty"),
    ],
    ids=str,
)
def test_what_cannot_be_used(
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    """One clear line, status 2, and nothing that a shell would evaluate."""
    try:
        status = run_command(arguments, environment)
    except SystemExit as end:
        status = int(end.code or 0)
    printed, complaint = capsys.readouterr()
    assert (status, printed) == (2, "")
    assert message in complaint.splitlines()[-1]
