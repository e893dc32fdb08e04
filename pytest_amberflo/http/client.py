"""Sends requests and reads responses, within limits of time and size."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.http.answer import read_raw
from pytest_amberflo.http.body import join_body
from pytest_amberflo.http.connection import WireError
from pytest_amberflo.http.deadline import Deadline
from pytest_amberflo.http.exchange import (
    Exchange,
    Request,
    Response,
    TransportFailure,
    find_header,
)
from pytest_amberflo.http.failure import describe_failure
from pytest_amberflo.http.plain import find_origin, make_plain, target_of
from pytest_amberflo.http.pool import Pool
from pytest_amberflo.http.redact import RedactingFilter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    import httpx

    from pytest_amberflo.http.answer import Answer
    from pytest_amberflo.http.plain import PlainRequest
    from pytest_amberflo.http.redact import Redactor

_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_LOGGER: Final = logging.getLogger("httpx")


class Client:
    """The connections of a run; redirects are not followed, no cookies are kept.

    Proxies of the environment are used for hosts off loopback only. A plain request, as nearly
    all to this machine are, is written and read here: httpx and what is below it take 0.4 ms a
    request, and their import half as long as a run of pytest without tests.
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
        self._pool = Pool()
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
            failure = describe_failure(error, request, timeout_s)
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
            self._drop(request, started + timeout_s)
        except _list_failures() as error:
            failure = describe_failure(error, request, timeout_s)
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
        plain = self._make_plain(request)
        if plain is None:
            return self._exchange_closely(request, deadline)
        with self._pool.connect(plain.address, deadline) as connection:
            answer = plain.ask(connection)
            _log_request(request, answer)
            body = join_body(_decode(answer), deadline)
        return Response(status=answer.status, headers=answer.headers, body=body)

    def _drop(self, request: Request, deadline: float) -> None:
        plain = self._make_plain(request)
        if plain is None:
            self._send_closely(request, deadline).close()
            return
        with self._pool.connect(plain.address, deadline) as connection:
            _log_request(request, plain.ask(connection))
            connection.finish(can_stay=False)

    def _make_plain(self, request: Request) -> PlainRequest | None:
        """The request as it goes over the wire; None if it needs httpx."""
        origin = find_origin(request.url)
        target = target_of(request.url)
        if origin is None or target is None:
            return None
        if not origin.is_loopback and not self._is_direct(request.url):
            return None
        return make_plain(request, origin, target, self._user_agent)

    def _exchange_closely(self, request: Request, deadline: float) -> Response:
        """The response of a request that httpx makes."""
        from pytest_amberflo.http.transport import RAW_HEADERS  # noqa: PLC0415  costly

        with closing(self._send_closely(request, deadline)) as incoming:
            body = join_body(incoming.iter_bytes(), deadline)
            headers = read_raw(incoming.extensions[RAW_HEADERS])
        return Response(status=incoming.status_code, headers=headers, body=body)

    def _send_closely(self, request: Request, deadline: float) -> httpx.Response:
        """The head of the response of a request that httpx makes."""
        from pytest_amberflo.http.transport import TARGET, limit_time  # noqa: PLC0415  costly

        is_direct = self._is_direct(request.url)
        self._deadline.at = deadline if is_direct else None
        client = self._client_for(request.url) if is_direct else self._proxied
        target = target_of(request.url)
        outgoing = client.build_request(
            request.method,
            request.url,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in request.headers],
            content=request.body,
            timeout=limit_time(max(0.001, deadline - time.monotonic())),
            extensions={TARGET: None if target is None else target.encode()},
        )
        return client.send(outgoing, stream=True)

    def _is_direct(self, url: str) -> bool:
        """Whether no proxy stands between. Raises WireError."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise WireError("InvalidURL", f"`{url}` is no URL: {error}") from None
        if is_loopback(host):
            return True
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  costly

        return parts.scheme not in getproxies() or bool(proxy_bypass(host))

    def _client_for(self, url: str) -> httpx.Client:
        """The client for a URL to which no proxy is used."""
        return self._secure if urlsplit(url).scheme == "https" else self._plain

    @cached_property
    def _plain(self) -> httpx.Client:
        return self._open_client(None)

    @cached_property
    def _secure(self) -> httpx.Client:
        # Made on demand: a TLS context costs more than a whole offline run's connections.
        from httpx import create_ssl_context  # noqa: PLC0415  costly

        return self._open_client(create_ssl_context())

    @cached_property
    def _proxied(self) -> httpx.Client:
        from pytest_amberflo.http.transport import open_client  # noqa: PLC0415  costly

        return self._keep(open_client(None, self._user_agent))

    def _open_client(self, ssl_context: ssl.SSLContext | None) -> httpx.Client:
        """A client without proxies."""
        from pytest_amberflo.http.transport import make_pool, open_client  # noqa: PLC0415  costly

        pool = make_pool(self._deadline, ssl_context)
        return self._keep(open_client(pool, self._user_agent))

    def _keep(self, client: httpx.Client) -> httpx.Client:
        self._open.append(client)
        return client


def _list_failures() -> tuple[type[Exception], ...]:
    """What sending may raise for what the network or the server does."""
    own = (WireError, UnicodeError)
    if "httpx" not in sys.modules:  # nothing that raises its errors was used
        return own
    import h11  # noqa: PLC0415  costly, as are the others
    import httpcore  # noqa: PLC0415
    import httpx  # noqa: PLC0415

    return (
        *own,
        httpx.TransportError,
        httpx.DecodingError,
        httpx.InvalidURL,
        httpcore.ConnectError,
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        h11.LocalProtocolError,  # a length that is not the body's: httpcore lets it through
    )


def _decode(answer: Answer) -> Iterable[bytes]:
    """The parts of a body, decoded."""
    if find_header(answer.headers, "content-encoding") is None:
        return answer.parts
    from pytest_amberflo.http.transport import decode  # noqa: PLC0415  costly

    return decode(answer)


def _log_request(request: Request, answer: Answer) -> None:
    """Write the line that httpx writes of every request, for those who read logs."""
    if _LOGGER.isEnabledFor(logging.INFO):
        _LOGGER.info(
            'HTTP Request: %s %s "%s %d %s"',
            *(request.method, request.url, answer.version.decode("ascii", "replace")),
            *(answer.status, answer.reason.decode("ascii", "replace")),
        )
