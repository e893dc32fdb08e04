"""The server as a process of its own."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_amberflo.server import live

if TYPE_CHECKING:
    from collections.abc import Iterator

# From where the package really is: the tests also run against an installed one.
_ROOT = Path(live.__file__).parents[2]
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Command:
    """The server as a process of its own."""

    process: subprocess.Popen[str]
    #: What it said when it started.
    line: str
    url: str
    #: Where its standard error goes.
    stderr: Path

    def read_stderr(self) -> str:
        """What it has written to its standard error so far."""
        return self.stderr.read_text()

    def wait(self) -> int:
        """Wait for its end; gives back the exit status."""
        return self.process.wait(timeout=10)


@contextmanager
def run_process(
    folder: Path, *arguments: str, prefix: tuple[str, ...] = (), **environment: str
) -> Iterator[Command]:
    """The command with these arguments; it ends with the context at the latest."""
    inherited = {k: v for k, v in os.environ.items() if k != "AMBERFLO_API_KEY"}
    port = () if "--port" in arguments else ("--port", "0")
    errors = folder / f"stderr-{next(_NUMBERS)}"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "pytest_amberflo.server", *port, *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=inherited | {"PYTHONPATH": str(_ROOT)} | environment,
        )
    try:
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
        url = line.partition(" on ")[2].partition(",")[0]
        yield Command(process=process, line=line, url=url, stderr=errors)
    finally:
        process.terminate()
        process.wait(timeout=10)
