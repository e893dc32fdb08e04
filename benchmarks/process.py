"""Programs run as children, and what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a child and its children cost: seconds of CPU and wall, and its peak in KB."""

    cpu_s: float
    wall_s: float
    peak_kb: int
    output: str


def environment() -> dict[str, str]:
    """The environment of children: this checkout, nothing of the user's about Amberflo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AMBERFLO_")}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        kept.pop(name, None)
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}


def run(arguments: Sequence[str], folder: Path, *, statuses: Sequence[int] = (0,)) -> Cost:
    """What `python ARGUMENTS` costs in a folder. Raises RuntimeError where it fails."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if child.returncode not in statuses:
        raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}:\n{text[-3000:]}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(cpu_s=cpu_s, wall_s=wall_s, peak_kb=usage.ru_maxrss, output=text)


@contextmanager
def start_stub() -> Iterator[str]:
    """The URL of a stub server of its own process."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stub"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as stub:
        try:
            assert stub.stdout is not None
            yield f"http://127.0.0.1:{stub.stdout.readline().strip()}"
        finally:
            stub.kill()
