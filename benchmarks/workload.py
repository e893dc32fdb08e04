"""Folders of work for pytest: workflows of the seed's form, and the same by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SEED = ROOT / "workflows" / "ingest-and-query-usage.arazzo.yaml"
_BY_HAND = """
import httpx
import pytest

from benchmarks.floor import post_workflow


@pytest.fixture(scope="session")
def client():
    with httpx.Client() as client:
        yield client


@pytest.fixture
def number(request):
    return int(request.node.name.partition("_of_")[2])

"""
_CASE = """
def test_usage_of_{number}(client, number):
    post_workflow(client, {url!r}, number)

"""


def write_workflows(folder: Path, count: int) -> Path:
    """A folder with `count` documents, each of the two-step workflow."""
    target = folder / f"workflows-{count}"
    if not target.exists():
        text = _SEED.read_text(encoding="utf-8")
        target.mkdir()
        (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        for number in range(count):
            named = text.replace("workflowId: ingest-and-query-usage", f"workflowId: w{number}")
            (target / f"w{number:05}.arazzo.yaml").write_text(named, encoding="utf-8")
    return target


def write_by_hand(folder: Path, count: int, url: str) -> Path:
    """A folder with `count` test functions that send the same requests and validate nothing."""
    target = folder / f"by-hand-{count}"
    if not target.exists():
        target.mkdir()
        (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        cases = (_CASE.format(number=number, url=url) for number in range(count))
        (target / "test_by_hand.py").write_text(_BY_HAND + "".join(cases), encoding="utf-8")
    return target


def write_files(folder: Path, count: int) -> Path:
    """A folder with `count` files of one empty test function each."""
    target = folder / f"files-{count}"
    target.mkdir()
    (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    for number in range(count):
        case = "def test_nothing():\n    pass\n"
        (target / f"test_{number:05}.py").write_text(case, encoding="utf-8")
    return target


def write_empty(folder: Path) -> Path:
    """A folder without tests."""
    target = folder / "empty"
    target.mkdir(exist_ok=True)
    (target / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return target


def pytest_arguments(
    *more: str, url: str | None = None, plugin: bool = True, has_xdist: bool = False
) -> Sequence[str]:
    """What runs pytest with or without the plugin, and with none of the others installed."""
    others = ["cacheprovider", "hypothesispytest", "anyio"]
    others += [] if has_xdist else ["xdist", "xdist.looponfail"]
    arguments = ["-m", "pytest", "-q", *(f"-pno:{name}" for name in others)]
    if not plugin:
        arguments.append("-pno:amberflo")
    if url is not None:
        arguments += [f"--amberflo-target={url}", "--amberflo-variants=once"]
        arguments += ["--amberflo-settle=5", "--amberflo-hold=0"]
    return [*arguments, *more]
