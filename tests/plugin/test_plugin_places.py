"""Where items are: their path in reports, and whose hooks they call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from workflow_text import INGEST_AND_QUERY

if TYPE_CHECKING:
    from pytest_run import Run, Write

_LOCATIONS = """
import os

def pytest_collection_modifyitems(items):
    for item in items:
        path, line, name = item.reportinfo()
        assert item.location == (os.path.relpath(path, item.config.rootpath), line, name)
        print("AT", item.location[0])
"""


@pytest.mark.parametrize("root", [".", "inner"])
def test_a_location_is_below_the_root(write: Write, run_serially: Run, root: str) -> None:
    """The path is relative to the root directory, also of files that are beside it."""
    write("inner/conftest.py", _LOCATIONS)
    write("inner/one.arazzo.yaml", INGEST_AND_QUERY)
    write("other/two.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("-s", "--collect-only", f"--rootdir={root}", "inner", "other")
    found = [line for line in result.outlines if line.startswith("AT")]
    if root == ".":
        assert found == ["AT inner/one.arazzo.yaml", "AT other/two.arazzo.yaml"]
    else:
        assert found == ["AT one.arazzo.yaml", "AT ../other/two.arazzo.yaml"]


_NOTES = """
import pathlib
import sys

LOG = pathlib.Path(__file__).with_name("log")

def note(node):
    with LOG.open("a") as file:
        print(sys._getframe(1).f_code.co_name, getattr(node, "nodeid", node), file=file)

def pytest_collectstart(collector): note(collector)
def pytest_itemcollected(item): note(item)
def pytest_runtest_logstart(nodeid): note(nodeid)
def pytest_runtest_setup(item): note(item)
def pytest_runtest_makereport(item): note(item)
def pytest_runtest_teardown(item): note(item)
def pytest_runtest_logfinish(nodeid): note(nodeid)
"""


def test_a_conftest_hears_of_its_folder_alone(
    write: Write, run_serially: Run, pytester: pytest.Pytester
) -> None:
    """A hook of a conftest is called for the nodes below its folder, at every moment."""
    for folder in ("a", "a/b", "c"):
        write(f"{folder}/conftest.py", _NOTES)
        write(f"{folder}/one.arazzo.yaml", INGEST_AND_QUERY)
    run_serially("-q").assert_outcomes(passed=3)
    for folder, files in (("a", ("a", "a/b")), ("a/b", ("a/b",)), ("c", ("c",))):
        log = (pytester.path / folder / "log").read_text("utf-8").splitlines()
        heard = {tuple(line.removeprefix("pytest_").split()) for line in log}
        for file in files:
            document = f"{file}/one.arazzo.yaml"
            workflow = f"{document}::ingest-and-query-usage"
            item = f"{workflow}::once"
            assert {("collectstart", document), ("collectstart", workflow)} <= heard
            item_hooks = {name for name, nodeid in heard if nodeid == item}
            assert item_hooks == {
                "itemcollected",
                *(f"runtest_{name}" for name in ("logstart", "setup", "makereport")),
                *(f"runtest_{name}" for name in ("teardown", "logfinish")),
            }
        others = [nodeid for _, nodeid in heard if not nodeid.startswith(f"{folder}/")]
        assert set(others) <= {folder, "."}
