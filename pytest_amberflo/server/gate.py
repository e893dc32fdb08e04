"""The server as a proxy: which hosts it stands in for, and who wanted to go elsewhere."""

from __future__ import annotations

import ssl
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.server.authority import HOSTS
from pytest_amberflo.server.errors import ServerError
from pytest_amberflo.server.message import Answer, Ending
from pytest_amberflo.server.refusal import Refusal, shorten

if TYPE_CHECKING:
    from pytest_amberflo.server.authority import Authority
    from pytest_amberflo.server.message import Request

#: What tells TLS from HTTP: the first byte of a handshake.
HELLO: Final = b"\x16"
_PORTS: Final = {80, 443}
#: A service that floods must not fill the memory; the last ones say enough.
_KEPT: Final = 1_000
_OPEN: Final = Answer(status=200, body=b"", ending=Ending.TUNNEL)
#: Part of what OpenSSL says when a client does not believe in a certificate.
_DISTRUST: Final = ("UNKNOWN_CA", "CERTIFICATE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A call that did not get through."""

    #: None where only the connection is known.
    host: str | None
    port: int | None
    #: `host`: the server does not stand in for it. `tls`: no secure connection came about.
    reason: str
    #: A sentence on what happened.
    text: str
    #: By the machine's clock, which nobody steps.
    at_millis: int


class Gate:
    """Decides where the server's proxy leads. Belongs to the event loop's thread."""

    def __init__(self, authority: Authority | None) -> None:
        self._authority = authority
        self._context: ssl.SSLContext | None = None
        self._misses: deque[Miss] = deque(maxlen=_KEPT)

    def describe(self) -> list[dict[str, Any]]:
        """The last calls that did not get through, oldest first, for JSON."""
        return [
            {"host": found["host"], "port": found["port"], "reason": found["reason"]}
            | {"text": found["text"], "atInMillis": found["at_millis"]}
            for found in map(asdict, self._misses)
        ]

    def forget(self) -> None:
        """Forget the calls that did not get through."""
        self._misses.clear()

    def check(self, request: Request) -> Answer | None:
        """The answer to a request for a tunnel; None for one that names a host it may name.

        Raises Refusal: 403 for a host that this server does not stand in for, 501 where there is
        no TLS to be had.
        """
        is_tunnel = request.method == "CONNECT"
        try:
            parts = urlsplit(f"//{request.authority}")
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            host, port = "", None
        if not host or (is_tunnel and port is None):
            message = "A proxy is asked for HOST:PORT"
            details = shorten(request.authority)
            raise Refusal(400, "invalid-host", message, details=details)
        if host not in HOSTS or (port is not None and port not in _PORTS):
            # Whoever asks this server for itself means no other host.
            if not is_tunnel and is_loopback(host):
                return None
            self._refuse_host(request, host, port)
        if not is_tunnel:
            return None
        if port == 443:
            self.open_context()
        return _OPEN

    def open_context(self) -> ssl.SSLContext:
        """What is needed to speak TLS, made when it is needed first.

        Raises Refusal (501) with what to do about it.
        """
        if self._context is None:
            message = "This server has no certificate authority: start it with one"
            try:
                if self._authority is not None:
                    self._context = self._authority.make_context()
                    return self._context
            except (ServerError, OSError, ssl.SSLError) as error:
                message = str(error)
            self._note(None, None, "tls", message)
            raise Refusal(501, "tls-not-available", message)
        return self._context

    def note_handshake(self, problem: str) -> None:
        """Remember a client with which no secure connection came about."""
        text = f"no TLS connection came about: {problem}"
        if any(word in problem for word in _DISTRUST):
            place = "the authority" if self._authority is None else str(self._authority.file)
            text = (
                f"the client does not trust the server's certificate ({problem}): give it {place}"
            )
        self._note(None, None, "tls", text)

    def _refuse_host(self, request: Request, host: str, port: int | None) -> None:
        name = shorten(host if port is None else f"{host}:{port}")
        message = (
            f"This proxy leads to {' and '.join(HOSTS)} only; {name} is refused. "
            "A host that is to be called directly belongs into NO_PROXY"
        )
        self._note(host[:255], port, "host", f"{request.method} of {name} was refused")
        raise Refusal(403, "host-not-served", message)

    def _note(self, host: str | None, port: int | None, reason: str, text: str) -> None:
        now_ms = time.time_ns() // 1_000_000
        self._misses.append(Miss(host=host, port=port, reason=reason, text=text, at_millis=now_ms))
