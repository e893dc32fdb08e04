"""What the workers of pytest-xdist share: one embedded server, one key, names of one run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_amberflo.embedded import start_server, stop_server
from pytest_amberflo.identity import SHARED, make_api_key, make_control_token, make_run_id

if TYPE_CHECKING:
    from pytest_amberflo.server.live import EmbeddedServer
    from pytest_amberflo.settings import Settings


class Controller:
    """The controller's part of a distributed run; with what its workers share."""

    def __init__(self, settings: Settings, started_s: float) -> None:
        self._started_s = started_s
        self._settings = settings
        self._server: EmbeddedServer | None = None
        self._shared: dict[str, Any] = {}
        self._folder: str | None = None

    def prepare_node(self, node: Any) -> None:
        """Tell a worker what it shares with the others, before it starts."""
        if not self._shared:
            key = self._settings.api_key or make_api_key()
            self._shared = {
                "run_id": make_run_id(),
                "api_key": key,
                "started_s": self._started_s,
                "folder": self._make_folder(),
            }
            if self._settings.target.kind == "embedded":
                token = self._shared["control_token"] = make_control_token()
                self._server = start_server(
                    self._settings, key, token, Path(self._shared["folder"])
                )
                self._shared["server_url"] = self._server.url
        number = "".join(char for char in node.gateway.id if char.isdigit())
        run_id = f"{self._shared['run_id']}w{number}"
        node.workerinput[SHARED] = self._shared | {"run_id": run_id}

    def _make_folder(self) -> str:
        """A folder where workers leave what others need of them."""
        self._folder = tempfile.mkdtemp(prefix="pytest-amberflo-")
        return self._folder

    def pytest_unconfigure(self) -> None:
        """Stop the server, remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._server is not None:
            stop_server(self._server)
            self._server = None
