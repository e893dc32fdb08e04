"""httpx over connections that end by a deadline: for TLS, and for URLs that it has to read.

httpx limits single reads; a server that sends a byte a second would never reach such a limit.
Here each request carries the moment by which it must be over.
"""

from __future__ import annotations

from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.http.connection import CONNECT_S
from pytest_amberflo.http.pool import KEEP_ALIVE_S, MOST_KEPT, MOST_OPEN

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    from pytest_amberflo.http.answer import Answer
    from pytest_amberflo.http.deadline import Deadline

#: The extension of a request that holds its path and query as they are to be sent.
TARGET: Final = "amberflo.target"
#: The extension of a response that holds its headers as they came.
RAW_HEADERS: Final = "amberflo.headers"
_MOST_HELD: Final = 16_384


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
        limit = self._deadline.limit(CONNECT_S, httpcore.ConnectTimeout)
        # A host as bytes is looked up as it is; as a text it goes through the codec of
        # international names, whose import takes 15 ms.
        name: Any = host.encode() if is_loopback(host) else host
        stream = self._inner.connect_tcp(name, port, limit, local_address, socket_options)
        return _Stream(stream, self._deadline)


def make_pool(deadline: Deadline, ssl_context: ssl.SSLContext | None) -> httpcore.ConnectionPool:
    """A pool whose operations end by a deadline."""
    return httpcore.ConnectionPool(
        ssl_context=ssl_context,
        max_connections=MOST_OPEN,
        max_keepalive_connections=MOST_KEPT,
        keepalive_expiry=KEEP_ALIVE_S,
        network_backend=_Backend(deadline),
    )


class _Body(httpx.SyncByteStream):
    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


class PoolTransport(httpx.BaseTransport):
    """A transport without proxies over a pool; raises httpcore's errors as they are."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response to a request, its body still to be read."""
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme,
                    host=url.raw_host,
                    port=url.port,
                    # httpx takes segments of dots out of a path: another resource than was asked.
                    target=request.extensions.get(TARGET) or url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response.stream),  # type: ignore[arg-type]
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def open_client(pool: httpcore.ConnectionPool | None, user_agent: str) -> httpx.Client:
    """A client that keeps no cookies; without a pool it uses proxies."""
    return httpx.Client(
        transport=None if pool is None else PoolTransport(pool),
        trust_env=pool is None,
        headers={"User-Agent": user_agent},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        event_hooks={"response": [_hide_location]},
    )


def limit_time(timeout_s: float) -> httpx.Timeout:
    """The limits of a request's single steps, in seconds."""
    return httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S))


def decode(answer: Answer) -> Iterator[bytes]:
    """The body of an answer without its coding. Raises httpx.DecodingError."""
    return httpx.Response(
        status_code=answer.status,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in answer.headers],
        stream=_Body(answer.parts),
    ).iter_bytes()


def _hide_location(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: it is an answer like any other.

    It would build the next request even where it does not follow, and fail where there is none.
    """
    response.extensions[RAW_HEADERS] = list(response.headers.raw)
    response.headers.pop("Location", None)
