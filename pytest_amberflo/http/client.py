"""Sends requests and reads responses, within limits of time and size."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import httpcore

from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.http.exchange import Exchange, Request, Response, TransportFailure
from pytest_amberflo.http.pool import (
    RAW_HEADERS,
    Deadline,
    is_coded,
    log_request,
    make_plain,
    make_pool,
    read_raw,
)
from pytest_amberflo.http.redact import RedactingFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx

    from pytest_amberflo.http.redact import Redactor

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_NOT_SENT: Final = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
    | {"LocalProtocolError", "InvalidURL"}
)


class BodyTooLargeError(Exception):
    """A response's body has more bytes than are read."""


class Client:
    """One pool of connections for a run; redirects are not followed, no cookies are kept.

    Proxies of the environment are used for hosts off loopback only.
    """

    def __init__(
        self,
        redactor: Redactor,
        *,
        user_agent: str,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        """`observe` is called with every exchange when it is over, in the thread that sent it."""
        self._user_agent = user_agent
        self._observe = observe
        self._open: list[httpx.Client] = []
        self._deadline = Deadline()
        self._filter = RedactingFilter(redactor)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._filter)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for client in self._open:
            client.close()
        self._open.clear()
        if "_pool" in self.__dict__:
            self._pool.close()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)

    def send(self, request: Request, *, timeout_s: float, notes: tuple[str, ...] = ()) -> Exchange:
        """The exchange of a request, over within `timeout_s` seconds whatever the server does.

        Never raises for what the network or the server does: the exchange then has a failure.
        """
        started_at, started = time.time(), time.monotonic()
        response: Response | None = None
        failure: TransportFailure | None = None
        try:
            response = self._exchange(request, started + timeout_s)
        except _list_failures() as error:
            failure = _describe(error, request, timeout_s)
        return self._note(
            Exchange(
                request=request,
                response=response,
                failure=failure,
                started_at=started_at,
                elapsed_s=time.monotonic() - started,
                notes=notes,
            )
        )

    def _note(self, exchange: Exchange) -> Exchange:
        if self._observe is not None:
            self._observe(exchange)
        return exchange

    def drop(self, request: Request, *, timeout_s: float) -> Exchange:
        """Send a request and hang up when its answer begins to come; nothing of it is read."""
        started_at, started = time.time(), time.monotonic()
        message, is_sent = "the answer was dropped on our side", True
        try:
            is_direct = self._is_direct(request.url)
            self._deadline.at = started + timeout_s if is_direct else None
            client = self._client_for(request.url)
            client.send(self._build(request, timeout_s), stream=True).close()
        except _list_failures() as error:
            failure = _describe(error, request, timeout_s)
            message, is_sent = failure.message, failure.sent
        return self._note(
            Exchange(
                request=request,
                response=None,
                failure=TransportFailure(kind="dropped", message=message, sent=is_sent),
                started_at=started_at,
                elapsed_s=time.monotonic() - started,
            )
        )

    def _exchange(self, request: Request, deadline: float) -> Response:
        is_direct = self._is_direct(request.url)
        left = max(0.001, deadline - time.monotonic())
        self._deadline.at = deadline if is_direct else None
        plain = None
        if is_direct:
            target = _target_of(request.url)
            plain = make_plain(request, target, user_agent=self._user_agent, timeout_s=left)
        if plain is None:
            return self._exchange_closely(request, left, deadline)
        incoming = self._pool.handle_request(plain)
        log_request(request, incoming)
        stream: Any = incoming.stream
        with closing(stream):
            headers = read_raw(incoming.headers)
            parts: Iterable[bytes] = stream
            if is_coded(headers):
                from pytest_amberflo.http.transport import decode  # noqa: PLC0415  costly

                parts = decode(incoming)
            body = _read_body(parts, deadline)
        return Response(status=incoming.status, headers=headers, body=body)

    def _exchange_closely(self, request: Request, left: float, deadline: float) -> Response:
        """The response of a request that httpx makes."""
        outgoing = self._build(request, left)
        with closing(self._client_for(request.url).send(outgoing, stream=True)) as incoming:
            body = _read_body(incoming.iter_bytes(), deadline)
            headers = read_raw(incoming.extensions[RAW_HEADERS])
        return Response(status=incoming.status_code, headers=headers, body=body)

    def _build(self, request: Request, timeout_s: float) -> httpx.Request:
        from pytest_amberflo.http.transport import TARGET, limit_time  # noqa: PLC0415  costly

        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        return self._client_for(request.url).build_request(
            request.method,
            request.url,
            headers=headers,
            content=request.body,
            timeout=limit_time(timeout_s),
            extensions={TARGET: _target_of(request.url)},
        )

    def _is_direct(self, url: str) -> bool:
        """Whether no proxy stands between. Raises httpx.InvalidURL."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            from httpx import InvalidURL  # noqa: PLC0415  costly

            raise InvalidURL(f"`{url}` is no URL: {error}") from None
        if is_loopback(host):
            return True
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  costly

        return parts.scheme not in getproxies() or bool(proxy_bypass(host))

    def _client_for(self, url: str) -> httpx.Client:
        if not self._is_direct(url):
            return self._proxied
        return self._secure if urlsplit(url).scheme == "https" else self._plain

    @cached_property
    def _pool(self) -> httpcore.ConnectionPool:
        return make_pool(self._deadline, None)

    @cached_property
    def _plain(self) -> httpx.Client:
        return self._open_client(self._pool)

    @cached_property
    def _secure(self) -> httpx.Client:
        # Made on demand: a TLS context costs more than a whole offline run's connections.
        from httpx import create_ssl_context  # noqa: PLC0415  costly

        return self._open_client(make_pool(self._deadline, create_ssl_context()))

    @cached_property
    def _proxied(self) -> httpx.Client:
        return self._open_client(None)

    def _open_client(self, pool: httpcore.ConnectionPool | None) -> httpx.Client:
        from pytest_amberflo.http.transport import open_client  # noqa: PLC0415  costly

        client = open_client(pool, self._user_agent)
        self._open.append(client)
        return client


def _list_failures() -> tuple[type[Exception], ...]:
    """What sending may raise for what the network or the server does."""
    import httpx  # noqa: PLC0415  costly, and here something has gone wrong

    return (
        httpx.TransportError,
        httpx.DecodingError,
        httpx.InvalidURL,
        httpcore.ConnectError,
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        BodyTooLargeError,
        UnicodeError,
    )


def _target_of(url: str) -> bytes | None:
    """The path and query of a URL as they are written, or None where they must be encoded."""
    rest = url.partition("#")[0].partition("://")[2]
    start = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    target = rest[start:] if rest[start : start + 1] == "/" else "/" + rest[start:]
    is_plain = target.isascii() and target.isprintable() and " " not in target
    return target.encode() if is_plain else None


def _read_body(incoming: Iterable[bytes], deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in incoming:
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if time.monotonic() > deadline:
            raise httpcore.ReadTimeout("the time for the whole request is over")
    return b"".join(parts)


def _describe(error: Exception, request: Request, timeout_s: float) -> TransportFailure:
    kind = type(error).__name__
    if kind == "InvalidURL" or isinstance(error, UnicodeError):
        return TransportFailure(kind="url", message=str(error), sent=False)
    host = urlsplit(request.url).netloc.rpartition("@")[2]
    if isinstance(error, BodyTooLargeError):
        text = f"the response is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB"
        return TransportFailure(kind="too-large", message=text, sent=True)
    if kind in ("ConnectError", "ConnectTimeout"):
        reason = (
            "refused the connection" if "refused" in str(error) else f"cannot be reached: {error}"
        )
        text = (
            f"{host} {reason}" if kind == "ConnectError" else f"{host} did not accept a connection"
        )
        return TransportFailure(kind="connect", message=text, sent=False)
    if "Timeout" in kind:
        text = f"{host} did not answer within {timeout_s:g} s"
        return TransportFailure(kind="timeout", message=text, sent=kind not in _NOT_SENT)
    if kind == "RemoteProtocolError" and str(error).startswith("Server disconnected"):
        text = f"{host} closed the connection without an answer"
        return TransportFailure(kind="reset", message=text, sent=True)
    if kind == "RemoteProtocolError" and "complete message body" in str(error):
        text = f"{host} closed the connection in the middle of its answer"
        return TransportFailure(kind="reset", message=text, sent=True)
    if kind in ("ReadError", "WriteError"):
        text = f"{host} reset the connection: {error}"
        return TransportFailure(kind="reset", message=text, sent=True)
    if kind == "DecodingError":
        text = f"the response cannot be decoded: {error}"
        return TransportFailure(kind="protocol", message=text, sent=True)
    text = f"{host}: {error or kind}"
    return TransportFailure(kind="protocol", message=text, sent=kind not in _NOT_SENT)
