"""Sends requests and reads responses, within limits of time and size."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.http.exchange import Exchange, Request, Response, TransportFailure
from pytest_amberflo.http.redact import RedactingFilter
from pytest_amberflo.http.transport import TARGET, DeadlineTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.http.redact import Redactor

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_RAW_HEADERS: Final = "amberflo.headers"
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
        except (
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
        ) as error:
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
            client, transport = self._client_for(request.url)
            if transport is not None:
                transport.deadline.at = started + timeout_s
            client.send(self._build(client, request, timeout_s), stream=True).close()
        except (httpx.TransportError, httpx.InvalidURL, httpcore.TimeoutException) as error:
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
        client, transport = self._client_for(request.url)
        left = max(0.001, deadline - time.monotonic())
        if transport is not None:
            transport.deadline.at = deadline
        outgoing = self._build(client, request, left)
        with closing(client.send(outgoing, stream=True)) as incoming:
            body = _read_body(incoming, deadline)
            raw: list[tuple[bytes, bytes]] = incoming.extensions[_RAW_HEADERS]
            return Response(
                status=incoming.status_code,
                headers=tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in raw),
                body=body,
            )

    def _build(self, client: httpx.Client, request: Request, timeout_s: float) -> httpx.Request:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        return client.build_request(
            request.method,
            request.url,
            headers=headers,
            content=request.body,
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0)),
            extensions={TARGET: _target_of(request.url)},
        )

    def _client_for(self, url: str) -> tuple[httpx.Client, DeadlineTransport | None]:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise httpx.InvalidURL(f"`{url}` is no URL: {error}") from None
        if not is_loopback(host) and parts.scheme in getproxies() and not proxy_bypass(host):
            return self._proxied, None
        return self._secure if parts.scheme == "https" else self._plain

    @cached_property
    def _plain(self) -> tuple[httpx.Client, DeadlineTransport]:
        return self._make(DeadlineTransport())

    @cached_property
    def _secure(self) -> tuple[httpx.Client, DeadlineTransport]:
        # Made on demand: a TLS context costs more than a whole offline run's connections.
        return self._make(DeadlineTransport(httpx.create_ssl_context()))

    @cached_property
    def _proxied(self) -> httpx.Client:
        return self._open_client(None)

    def _make(self, transport: DeadlineTransport) -> tuple[httpx.Client, DeadlineTransport]:
        return self._open_client(transport), transport

    def _open_client(self, transport: DeadlineTransport | None) -> httpx.Client:
        """A client that keeps no cookies; without a transport it uses proxies."""
        client = httpx.Client(
            transport=transport,
            trust_env=transport is None,
            headers={"User-Agent": self._user_agent},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            event_hooks={"response": [_hide_location]},
        )
        self._open.append(client)
        return client


def _hide_location(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: it is an answer like any other.

    It would build the next request even where it does not follow, and fail where there is none.
    """
    response.extensions[_RAW_HEADERS] = list(response.headers.raw)
    response.headers.pop("Location", None)


def _target_of(url: str) -> bytes | None:
    """The path and query of a URL as they are written, or None where they must be encoded."""
    rest = url.partition("#")[0].partition("://")[2]
    start = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    target = rest[start:] if rest[start : start + 1] == "/" else "/" + rest[start:]
    is_plain = target.isascii() and target.isprintable() and " " not in target
    return target.encode() if is_plain else None


def _read_body(response: httpx.Response, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if time.monotonic() > deadline:
            raise httpcore.ReadTimeout("the time for the whole request is over")
    return b"".join(parts)


def _describe(error: Exception, request: Request, timeout_s: float) -> TransportFailure:
    kind = type(error).__name__
    if isinstance(error, httpx.InvalidURL | UnicodeError):
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
