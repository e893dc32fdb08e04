"""Connections whose every read ends by the deadline of the request.

httpx limits single reads; a server that sends a byte a second would never reach such a limit.
Here each request carries the moment by which it must be over.

A plain request, as nearly all to this machine are, goes straight to httpcore, which carries those
of httpx, too: building and wrapping httpx's own objects takes 0.3 ms a request, and its import
half as long as a run of pytest without tests.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import httpcore

from pytest_amberflo.http.address import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from pytest_amberflo.http.exchange import Headers, Request

_LOGGER: Final = logging.getLogger("httpx")
_MOST_HELD: Final = 16_384
_CONNECT_S: Final = 5.0
#: The extension of a response of httpx that holds its headers as they came.
RAW_HEADERS: Final = "amberflo.headers"
#: Below the idle limits of common servers (5 s), so that none closes a connection as it is used.
_KEEP_ALIVE_S: Final = 2.0


class Deadline(threading.local):
    """The moment by which the request of the present thread must be over (monotonic s)."""

    at: float | None = None

    def limit(self, timeout: float | None, error: type[Exception]) -> float | None:
        """The time that is left, at most `timeout`. Raises `error` where none is."""
        if self.at is None:
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise error("the time for the whole request is over")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A stream whose operations end by the deadline.

    Head and body of a small request leave together: one packet less saves 0.1 ms.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._held = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # A server may answer and close before it has read all: its answer counts.
        with suppress(httpcore.WriteError):
            self._flush(timeout)
        return self._stream.read(max_bytes, self._deadline.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._held += buffer
        if len(self._held) > _MOST_HELD:
            self._flush(timeout)

    def _flush(self, timeout: float | None) -> None:
        held, self._held = self._held, b""
        if held:
            self._stream.write(held, self._deadline.limit(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._deadline.limit(timeout, httpcore.ConnectTimeout)
        stream = self._stream.start_tls(ssl_context, server_hostname, limit)
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens streams that know the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._inner = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the deadline is ours
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit = self._deadline.limit(_CONNECT_S, httpcore.ConnectTimeout)
        # A host as bytes is looked up as it is; as a text it goes through the codec of
        # international names, whose import takes 15 ms.
        name: Any = host.encode() if is_loopback(host) else host
        stream = self._inner.connect_tcp(name, port, limit, local_address, socket_options)
        return _Stream(stream, self._deadline)


def make_pool(deadline: Deadline, ssl_context: ssl.SSLContext | None) -> httpcore.ConnectionPool:
    """A pool whose operations end by a deadline."""
    return httpcore.ConnectionPool(
        ssl_context=ssl_context,
        max_connections=100,
        max_keepalive_connections=20,
        keepalive_expiry=_KEEP_ALIVE_S,
        network_backend=_Backend(deadline),
    )


def make_plain(
    request: Request, target: bytes | None, *, user_agent: str, timeout_s: float
) -> httpcore.Request | None:
    """A request as httpx would make it; None for what it reads more closely."""
    match = _PLAIN_URL.match(request.url)
    if match is None or target is None or "xn--" in match["host"].lower():
        return None
    host, port = match["host"], match["port"]
    if port is not None and not 0 < int(port) < _PORTS:
        return None
    own = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
    given = {name.lower() for name, _ in own}
    netloc = host if port in (None, "80") else f"{host}:{port}"
    defaults = (
        (b"Host", netloc.encode()),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", _CODINGS),
        (b"Connection", b"keep-alive"),
        (b"User-Agent", user_agent.encode()),
    )
    headers = [(name, value) for name, value in defaults if name.lower() not in given]
    headers += own
    is_long = b"content-length" in given or b"transfer-encoding" in given
    if not is_long and (request.body or request.method in ("POST", "PUT", "PATCH")):
        headers.append((b"Content-Length", b"%d" % len(request.body or b"")))
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=b"http",
            host=host.strip("[]").encode(),
            port=None if port is None else int(port),
            target=target,
        ),
        headers=headers,
        content=request.body or b"",
        extensions={"timeout": _limit_steps(timeout_s)},
    )


def _limit_steps(timeout_s: float) -> dict[str, float]:
    limits = dict.fromkeys(("read", "write", "pool"), timeout_s)
    return {**limits, "connect": min(timeout_s, _CONNECT_S)}


def read_raw(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers as texts."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def log_request(request: Request, response: httpcore.Response) -> None:
    """Write the line that httpx writes of every request, for those who read logs."""
    version = response.extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace")
    reason = response.extensions.get("reason_phrase", b"").decode("ascii", "replace")
    _LOGGER.info(
        'HTTP Request: %s %s "%s %d %s"',
        *(request.method, request.url, version, response.status, reason),
    )


def is_coded(headers: Headers) -> bool:
    """Whether a body has still to be decoded."""
    return any(name.lower() == "content-encoding" for name, _ in headers)


_PORTS: Final = 65_536
#: A URL without anything that has to be encoded, decoded or hidden before the path.
_PLAIN_URL: Final = re.compile(
    r"http://(?P<host>[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?(?:[/?#]|\Z)"
)
#: What httpx can decode with what is installed.
_CODINGS: Final = ", ".join(
    (
        *("gzip", "deflate"),
        *(["br"] if find_spec("brotli") or find_spec("brotlicffi") else []),
        *(["zstd"] if find_spec("zstandard") else []),
    )
).encode()
