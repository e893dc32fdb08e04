"""Starts the service for the workflows of this folder."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE = Path(__file__).parent
#: `service.py` is right; `careless.py` shows what a red run says.
_PROGRAM = os.environ.get("TRANSLATION_PROGRAM", "service.py")


class Service:
    """The service as a process, on a port of its own; nothing in it knows of the test."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | environment
        program, *words = shlex.split(_PROGRAM)
        self._command = [sys.executable, _HERE / program, *words]
        self._command += ["--port", str(self.port), "--state", folder / "state.sqlite"]

    def start(self) -> None:
        """Start it, and wait until it can be called."""
        self._process = subprocess.Popen(self._command, env=self._environment)
        end = time.monotonic() + 10
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        status = self._process.poll()
        self._process.kill()
        reason = "did not listen within 10 s" if status is None else f"ended with {status}"
        pytest.fail(f"the service {reason}: {_PROGRAM}", pytrace=False)

    def stop(self) -> None:
        """Stop it, as a deployment does."""
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="session")
def service(
    amberflo_emitter_env: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Service]:
    """The service, running."""
    service = Service(amberflo_emitter_env, tmp_path_factory.mktemp("service"))
    service.start()
    pytestconfig.stash[_SERVICE] = service
    yield service
    service.stop()


_SERVICE = pytest.StashKey[Service]()


@pytest.fixture(scope="session")
def amberflo_servers(service: Service) -> Mapping[str, str]:
    """Where the workflows find it."""
    return {"translation": service.url}


@pytest.fixture
def other_customer_id(amberflo_customer_id: str) -> str:
    """A second customer, for calls that must not be mixed up."""
    return f"{amberflo_customer_id}-other"


def pytest_amberflo_restart_emitter(item: pytest.Item) -> bool:
    """Restart the service in the middle of a workflow, for the variant `restart`."""
    service = item.config.stash[_SERVICE]
    service.stop()
    service.start()
    return True
