"""What a run of pytest without workflows pays for the plugin."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

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
