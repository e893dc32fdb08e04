"""Restarts a service under test by a command of the user's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from pytest_amberflo.arazzo.events import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: How long the command may take, in seconds.
_LONGEST_S: Final = 60.0
_SHOWN: Final = 300


def run_restart(command: Sequence[str], folder: Path) -> None:
    """Run the command; it has to end when the service is ready. Raises Refusal."""
    name = " ".join(command)
    try:
        done = subprocess.run(  # noqa: S603  the user's own command
            command, cwd=folder, timeout=_LONGEST_S, capture_output=True, check=False
        )
    except subprocess.TimeoutExpired:
        text = f"`{name}` was to restart the service and did not end within {_LONGEST_S:.0f} s"
        raise Refusal(text) from None
    except OSError as error:
        raise Refusal(f"`{name}` was to restart the service: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-_SHOWN:]
        text = f"`{name}` was to restart the service and ended with {done.returncode}: {said}"
        raise Refusal(text)
