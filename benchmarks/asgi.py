"""The floor of the embedded server: its own handler, on uvicorn and httptools.

`python -m benchmarks.asgi STORE` prints its port. Store and durability are the server's own.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from pytest_amberflo.server.app import App
from pytest_amberflo.server.gate import Gate
from pytest_amberflo.server.journal import Journal
from pytest_amberflo.server.message import Answer, Request
from pytest_amberflo.server.serving import open_store
from pytest_amberflo.server.setup import Setup

if TYPE_CHECKING:
    from pytest_amberflo.server.store import Store


class Handler:
    """The server's handler as an application of ASGI."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._app: App | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = Request(
            method=scope["method"],
            path=scope["path"],
            headers=tuple(scope["headers"]),
            body=body,
            http_version=scope["http_version"],
            keep_alive=True,
            query=scope["query_string"].decode(),
        )
        self._find_app().handle(request, answer.set_result)
        found = await answer
        headers = [
            (b"content-type", found.media_type.encode()),
            (b"content-length", str(len(found.body)).encode()),
        ]
        await send({"type": "http.response.start", "status": found.status, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})

    def _find_app(self) -> App:
        if self._app is None:
            loop = asyncio.get_running_loop()
            setup = Setup(api_keys=("k",))
            journal = Journal(self._store, loop, lock_s=setup.limits.lock_s)
            gate = Gate(setup.authority)
            self._app = App(setup=setup, store=self._store, journal=journal, gate=gate, loop=loop)
        return self._app


def _serve(path: Path) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    with open_store(path) as store:
        config = uvicorn.Config(
            Handler(store),
            http="httptools",
            loop="asyncio",
            lifespan="off",
            log_level="warning",
            access_log=False,
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
