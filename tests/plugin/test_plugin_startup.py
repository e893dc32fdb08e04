"""What a run of pytest without workflows pays for the plugin."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from workflow_text import INGEST_AND_QUERY

if TYPE_CHECKING:
    from pathlib import Path

_LIST = """
import sys
import pytest

class Lister:
    def pytest_unconfigure(self):
        print("\\nMODULES " + " ".join(sorted(sys.modules)))

pytest.main(["-q", "-pno:cacheprovider", *sys.argv[1:]], plugins=[Lister()])
"""


def list_modules(folder: Path, *arguments: str) -> set[str]:
    """The modules that a run of pytest has imported in the end."""
    output = subprocess.run(
        [sys.executable, "-c", _LIST, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    line = next(line for line in output.splitlines() if line.startswith("MODULES "))
    return set(line.split()[1:])


@pytest.mark.parametrize("has_tests", [False, True])
def test_a_run_without_workflows_imports_five_modules_more(
    tmp_path: Path, *, has_tests: bool
) -> None:
    """Hooks, options, the names of hooks and fixtures: nothing else, of ours or of others."""
    if has_tests:
        (tmp_path / "test_it.py").write_text("def test_it(): pass\n", encoding="utf-8")
        (tmp_path / "conftest.py").write_text("", encoding="utf-8")
    more = list_modules(tmp_path) - list_modules(tmp_path, "-pno:amberflo")
    names = ("fixtures", "hookspecs", "option_table", "plugin")
    assert more == {"pytest_amberflo", *(f"pytest_amberflo.{name}" for name in names)}


_FINDERS = """
import sys

def pytest_runtest_setup(item):
    module = sys.modules["pytest_amberflo.execution"]
    print("\\nLOADER", type(module.__loader__).__name__)

def pytest_sessionfinish():
    print("\\nFINDERS", *(type(finder).__name__ for finder in sys.meta_path))
"""


def test_modules_are_loaded_by_python_itself(tmp_path: Path) -> None:
    """Pytest's loader is slower; it is passed by while a run of ours lasts, and no longer."""
    (tmp_path / "conftest.py").write_text(_FINDERS, encoding="utf-8")
    (tmp_path / "one.arazzo.yaml").write_text(INGEST_AND_QUERY, encoding="utf-8")
    code = "import sys, pytest; pytest.main(['-s']); print('LATER', sys.meta_path)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "LOADER SourceFileLoader" in done.stdout
    finders, later = done.stdout.split("\nFINDERS ")[1].split("LATER")
    assert finders.startswith("PlainFinder AssertionRewritingHook ")
    assert "PlainFinder" not in later
