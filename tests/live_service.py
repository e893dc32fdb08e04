"""The real service's name on this machine: a proxy that answers for it, over TLS.

Requests to https://app.amberflo.io go through it because the environment says so, and they are
answered by a service of a test. Nothing of the package knows.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

    import pytest
    from metering_service import MeteringService

    from pytest_amberflo.server.live import EmbeddedServer

#: A key and a certificate of its own for app.amberflo.io, which nobody but these tests trusts.
PEM: Final = Path(__file__).parent / "data" / "live" / "amberflo-on-loopback.pem"
LIVE: Final = "https://app.amberflo.io"


class LiveName:
    """Answers for app.amberflo.io with a service on loopback."""

    def __init__(self, service: MeteringService | EmbeddedServer) -> None:
        self._service = service
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(PEM)
        self._listener = socket.create_server(("127.0.0.1", 0))
        #: The hosts that were asked for.
        self.hosts: set[str] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listener.close()

    def set_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the environment lead there."""
        for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        port = self._listener.getsockname()[1]
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        monkeypatch.setenv("AMBERFLO_API_KEY", "key-of-the-real-service")

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            method, place, _ = head.split(b" ", 2)
            assert method == b"CONNECT"
            self.hosts.add(place.decode().partition(":")[0])
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._context.wrap_socket(client, server_side=True) as tunnel:
                self._relay(tunnel)

    def _relay(self, tunnel: ssl.SSLSocket) -> None:
        parts = urlsplit(self._service.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as inner:
            back = threading.Thread(target=_copy, args=(inner, tunnel), daemon=True)
            back.start()
            _copy(tunnel, inner)
            with suppress(OSError):
                inner.shutdown(socket.SHUT_RDWR)
            back.join(5)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
