"""A service under test as a process of its own: started, restarted, stopped.

@pytest.fixture(scope="session")
def amberflo_servers(amberflo_service):
    return {"shop": amberflo_service([sys.executable, "shop.py", "--port", "{port}"]).url}

# In the variant `restart` it is restarted in the middle of a workflow.
from pytest_amberflo.service import restart as pytest_amberflo_restart_emitter
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_POLL_S: Final = 0.05
#: From SIGTERM to the end, in seconds; a service may have something to send.
_STOP_S: Final = 30.0
_SHOWN_LINES: Final = 12
_SERVICES: Final = pytest.StashKey[list["Service"]]()


class Service:
    """A process that listens on a port of this machine."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        port: int,
        log: Path,
        start_s: float,
    ) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        #: Where all goes that it prints.
        self.log = log
        self._command = tuple(str(word).replace("{port}", str(port)) for word in command)
        self._environment = dict(environment)
        self._folder = folder
        self._start_s = start_s
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Service {shlex.join(self._command)} at {self.url}>"

    def start(self) -> None:
        """Start it, and wait until it can be called; fails the test that needs it if it cannot."""
        __tracebackhide__ = True
        begun = time.monotonic()
        if _is_listening(self.port):
            self._fail(f"port {self.port} is taken by another process")
        try:
            with self.log.open("ab") as log:
                process = self._process = subprocess.Popen(  # noqa: S603  the user's own command
                    self._command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        except OSError as error:
            self._fail(str(error))
        while time.monotonic() < begun + self._start_s:
            status = process.poll()
            if status is not None:
                self._fail(f"it ended with {status} after {time.monotonic() - begun:.1f} s")
            if _is_listening(self.port):
                return
            time.sleep(_POLL_S)
        self.stop(within_s=1)
        self._fail(f"it did not listen on port {self.port} within {self._start_s:g} s")

    def stop(self, *, within_s: float = _STOP_S) -> None:
        """Stop it as a deployment does: SIGTERM, and after a while SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop and start it, on the same port."""
        __tracebackhide__ = True
        self.stop()
        self.start()

    def _fail(self, reason: str) -> None:
        __tracebackhide__ = True
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        lines = text.splitlines()[-_SHOWN_LINES:]
        said = "".join(f"\n    {line}" for line in lines) or " nothing"
        pytest.fail(
            f"the service did not start: {reason}\n  {shlex.join(self._command)}\n"
            f"  in {self._folder}\n  it printed:{said}",
            pytrace=False,
        )


class ServiceStarter:
    """Starts services for the session, and stops them at its end."""

    def __init__(
        self, config: pytest.Config, environment: Mapping[str, str], folder: Path
    ) -> None:
        self._environment = environment
        self._folder = folder
        self._root = config.rootpath
        self._services = config.stash.setdefault(_SERVICES, [])

    def __call__(
        self,
        command: Sequence[str],
        *,
        port: int | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        start_s: float = 30.0,
    ) -> Service:
        """A service that can be called.

        `{port}` in the command is the port: a free one, unless it is given. `folder` is where it
        runs, pytest's rootdir if not told; `environment` has further variables. Fails the test if
        the service does not listen within `start_s` seconds, with what it printed.
        """
        __tracebackhide__ = True
        if port is None and not any("{port}" in str(word) for word in command):
            text = "amberflo_service: give the port that the service listens on, as `{port}` in"
            pytest.fail(f"{text} the command or as port=", pytrace=False)
        service = Service(
            command,
            environment={**self._environment, **(environment or {})},
            folder=folder or self._root,
            port=port or _find_port(),
            log=self._folder / f"service-{len(self._services) + 1}.log",
            start_s=start_s,
        )
        service.start()
        self._services.append(service)
        return service

    def close(self) -> None:
        """Stop them all."""
        while self._services:
            self._services.pop().stop()


def restart(item: pytest.Item) -> bool | None:
    """Restart what `amberflo_service` started; the hook `pytest_amberflo_restart_emitter`."""
    __tracebackhide__ = True
    services = item.config.stash.get(_SERVICES, [])
    for service in services:
        service.restart()
    return bool(services) or None


def _find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
