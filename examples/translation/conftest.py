"""Starts the service for the workflows of this folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# In the variant `restart` the service is restarted in the middle of a workflow.
from pytest_amberflo.service import restart as pytest_amberflo_restart_emitter  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.service import ServiceStarter

_HERE = Path(__file__).parent
#: `service.py` is right; `careless.py` shows what a red run says.
_PROGRAM = os.environ.get("TRANSLATION_PROGRAM", "service.py")


@pytest.fixture(scope="session")
def amberflo_servers(
    amberflo_service: ServiceStarter, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """Where the workflows find the service: a process that knows nothing of the test."""
    state = tmp_path_factory.mktemp("translation") / "state.sqlite"
    program = shlex.split(_PROGRAM)
    command = [sys.executable, *program, "--port", "{port}", "--state", str(state)]
    return {"translation": amberflo_service(command, folder=_HERE).url}


@pytest.fixture
def other_customer_id(amberflo_customer_id: str) -> str:
    """A second customer, for calls that must not be mixed up."""
    return f"{amberflo_customer_id}-other"
