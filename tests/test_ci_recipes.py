"""The recipes of `examples/ci` do what they say: their commands are run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from workflow_text import ROOT

from pytest_amberflo import option_table
from pytest_amberflo.server.authority import Authority
from pytest_amberflo.server.environment import make_environment
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

_RECIPES = ROOT / "examples" / "ci"
_KEY = "key-of-the-account"
_SHELL = shutil.which("bash") or shutil.which("sh") or ""
pytestmark = pytest.mark.skipif(not _SHELL, reason="there is no shell")
#: Plugins that have no part in these runs and take long to load.
_WITHOUT = "-p no:cacheprovider -p no:hypothesispytest -p no:anyio"
#: A `gh` that knows two runs of yesterday, of which one has left a ledger.
_GH = """#!/bin/sh
case "$1 $2" in
"run list") printf '11\\n12\\n' ;;
"run download")
    [ "$3" = 11 ] || { echo "no artifact matches" >&2; exit 1; }
    mkdir -p "$7" && cp ledger.jsonl "$7/ledger.jsonl" ;;
esac
"""


def _read(name: str) -> dict[str, list[str]]:
    """The commands of each job, but for those that install."""
    data = yaml.safe_load((_RECIPES / name).read_text(encoding="utf-8"))
    jobs: dict[str, Any] = data.get("jobs", data)
    found = {}
    for job in ("emitter", "live", "deploy", "verify"):
        steps = jobs[job].get("script") or [step.get("run", "") for step in jobs[job]["steps"]]
        found[job] = [text for text in steps if text and not text.startswith("pip ")]
    return found


def _order(name: str) -> tuple[dict[str, Any], list[str]]:
    data = yaml.safe_load((_RECIPES / name).read_text(encoding="utf-8"))
    jobs = data.get("jobs", data)
    return jobs, list(jobs)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the recipes run in."""
    for name in ("examples/translation", "workflows"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Nobody has to be spared here.
    quick = "[pytest]\namberflo_rate = 1000\namberflo_hold = 0\namberflo_quiet = 0.3\n"
    (tmp_path / "pytest.ini").write_text(quick, encoding="utf-8")
    scripts = tmp_path / "bin"
    scripts.mkdir()
    for name, text in (
        ("pytest", f'#!/bin/sh\nexec "{sys.executable}" -m pytest {_WITHOUT} "$@"\n'),
        ("gh", _GH),
    ):
        (scripts / name).write_text(text, encoding="utf-8")
        (scripts / name).chmod(0o755)
    return tmp_path


def _run(checkout: Path, commands: list[str], **environment: str) -> str:
    """What the commands of a job print; each must end well."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AMBERFLO_", "PYTEST_"))}
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [_SHELL, "-e", "-c", "\n".join(commands)],
        cwd=checkout,
        env=kept | environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def _account(folder: Path) -> Iterator[dict[str, str]]:
    """Something that stands in for the live service, and the environment that leads there."""
    with EmbeddedServer([_KEY], authority=folder / "ca.pem") as server:
        yield make_environment(server.url, Authority(folder / "ca.pem"), _KEY)


@pytest.mark.parametrize("name", ["github.yaml", "gitlab.yaml"])
def test_the_options_exist(name: str) -> None:
    """A recipe names no option that there is not."""
    known = {f"--amberflo-{option}" for option, *_ in option_table.OPTIONS}
    text = (_RECIPES / name).read_text(encoding="utf-8")
    named = set(re.findall(r"--amberflo-[\w-]+", text))
    assert named
    assert named <= known


def test_a_deploy_waits_for_both() -> None:
    """By `needs` or by stages; what is judged later does not hold it up."""
    github, _ = _order("github.yaml")
    assert github["live"]["needs"] == "emitter"
    assert github["deploy"]["needs"] == ["emitter", "live"]
    gitlab, _ = _order("gitlab.yaml")
    stages = [gitlab[job]["stage"] for job in ("emitter", "live", "deploy", "verify")]
    assert stages == gitlab["stages"]
    for recipe in (github, gitlab):
        assert "AMBERFLO_API_KEY" not in str(recipe["emitter"].get("env"))


def test_the_emitters_job(checkout: Path) -> None:
    """The right service is green in every variant; both recipes run the same command."""
    pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
    commands = _read("github.yaml")["emitter"]
    assert commands[0] in _read("gitlab.yaml")["emitter"]
    printed = _run(checkout, commands)
    assert re.search(r"amberflo: (\d+) judged on embedded", printed)
    assert "8 passed" in printed
    assert "restart" in (checkout / "emitter.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["github.yaml", "gitlab.yaml"])
def test_live_and_the_verification(checkout: Path, tmp_path: Path, name: str) -> None:
    """What is sent to the account goes to the ledger; when it is due, it is judged from it."""
    commands = _read(name)
    with _account(tmp_path) as environment:
        printed = _run(checkout, commands["live"], **environment)
        assert "judged on live (https://app.amberflo.io)" in printed
        path = checkout / "ledger.jsonl"
        entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert {entry["target"] for entry in entries} == {"https://app.amberflo.io"}
        assert _KEY not in path.read_text("utf-8")
        # The night goes by.
        due = [entry | {"not_before": "2020-01-01T00:00:00Z"} for entry in entries]
        path.write_text("".join(json.dumps(entry) + "\n" for entry in due), "utf-8")
        printed = _run(checkout, commands["verify"], **environment)
    assert f"{len(entries)} passed" in printed
    ledger = "yesterday" if name == "github.yaml" else "ledger"
    assert (checkout / f"{ledger}-report.csv").exists()
    assert (checkout / f"{ledger}-report.json").exists()


def test_a_key_that_is_not_there(checkout: Path) -> None:
    """A secret that does not expand is an error, not a green run against nothing."""
    for name in ("github.yaml", "gitlab.yaml"):
        for environment in ({}, {"AMBERFLO_API_KEY": ""}):
            command = f"{_read(name)['live'][-1]} || echo status $?"
            assert "status 4" in _run(checkout, [command], **environment)
