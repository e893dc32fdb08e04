"""The pool as a transport of httpx: for requests that httpx has to read more closely."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from pytest_amberflo.http.pool import RAW_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


#: The extension of a request that holds its path and query as they are to be sent.
TARGET: Final = "amberflo.target"


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
    return httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0))


def decode(response: httpcore.Response) -> Iterator[bytes]:
    """The body of a response without its coding. Raises httpx.DecodingError."""
    stream: Any = response.stream
    return httpx.Response(
        status_code=response.status, headers=response.headers, stream=_Body(stream)
    ).iter_bytes()


def _hide_location(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: it is an answer like any other.

    It would build the next request even where it does not follow, and fail where there is none.
    """
    response.extensions[RAW_HEADERS] = list(response.headers.raw)
    response.headers.pop("Location", None)
