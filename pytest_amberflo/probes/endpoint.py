"""The endpoint under test: requests built, sent with patience, and held to the description."""

from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.http.exchange import Exchange, Request, TransportFailure
from pytest_amberflo.patience import MOST_RESENDS, NotJudgedError, is_lost, read_throttle
from pytest_amberflo.probes.wire import write_query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.http.client import Client
    from pytest_amberflo.openapi.contract import Contract
    from pytest_amberflo.openapi.gate import Gate
    from pytest_amberflo.openapi.violation import Violation
    from pytest_amberflo.pace import Pace
    from pytest_amberflo.patience import PatientClock
    from pytest_amberflo.probes.api import Api
    from pytest_amberflo.probes.moves import Account, Ask, Call, Send

#: So many requests in a row without any answer: there is nobody.
_MOST_SILENCE: Final = 8
_LINGER_S: Final = 0.05


class SilentEndpointError(Exception):
    """The endpoint does not answer at all; the text says how."""


class Found(Struct, frozen=True, kw_only=True):
    """An exchange and what of it breaks the description."""

    exchange: Exchange
    operation: Operation
    violations: tuple[Violation, ...]
    #: Whether it was sent before, and no answer came: it may have been done then.
    may_be_done: bool = False


class Endpoint:
    """Sends the requests of probes; safe to be used by several threads."""

    def __init__(
        self,
        api: Api,
        contract: Contract | Gate,
        *,
        url: str,
        keys: dict[Account, str | None],
        make_client: Callable[[], Client],
        timeout_s: float,
        pace: Pace | None = None,
    ) -> None:
        self.api = api
        self._pace = pace
        self._contract = contract
        self._url = url.rstrip("/")
        self._keys = keys
        self._make_client = make_client
        self._timeout_s = timeout_s
        self._clients = {False: make_client(), True: make_client()}
        #: Whether requests go over the second set of connections.
        self.is_later = False
        self._silence = 0
        #: The last failure of a row of requests without any answer.
        self._silent: SilentEndpointError | None = None
        #: Why a throttled request was given up; then no other one is waited for.
        self._exhausted: NotJudgedError | None = None
        self._checked: dict[object, tuple[Violation, ...]] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()

    @property
    def is_over(self) -> bool:
        """Whether the run's deadline has come."""
        return self._pace is not None and self._pace.is_over

    def admit(self, events: int) -> None:
        """Count events before they are sent. Raises TooManyEventsError."""
        if self._pace is not None:
            with self._lock:
                self._pace.admit_events(events)

    def build(
        self,
        operation: Operation,
        body: bytes | None,
        *,
        key: str | None,
        key_header: str | None = None,
        path: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Request:
        """The request of an operation."""
        filled = operation.path
        for name, value in (path or {}).items():
            filled = filled.replace("{" + name + "}", quote(value, safe=""))
        url = self._url + filled + (f"?{urlencode(query)}" if query else "")
        accept = ", ".join(dict.fromkeys(operation.response_types)) or "*/*"
        headers = [("Accept", accept)]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        if key is not None:
            headers.append((key_header or self.api.key_header, key))
        return Request(method=operation.method, url=url, headers=tuple(headers), body=body)

    def ingest(self, send: Send, clock: PatientClock) -> list[tuple[Exchange, ...]]:
        """Every transmission of each body of a move, in their order."""
        requests = [
            self.build(
                self.api.ingest,
                body,
                key=self._keys[send.account],
                key_header=send.key_header,
            )
            for body in send.bodies
        ]
        if send.is_cut:
            return [(self._cut(request),) for request in requests]
        if not send.at_once:
            client = self._clients[self.is_later]
            return [self._ingest(request, clock, client) for request in requests]
        barrier = threading.Barrier(len(requests))
        with ThreadPoolExecutor(len(requests)) as pool:
            jobs = [pool.submit(self._ingest_apart, r, clock, barrier) for r in requests]
            return [job.result() for job in jobs]

    def _ingest_apart(
        self, request: Request, clock: PatientClock, barrier: threading.Barrier
    ) -> tuple[Exchange, ...]:
        client = self._make_client()
        try:
            barrier.wait(10)
            return self._ingest(request, clock, client)
        finally:
            client.close()

    def _ingest(
        self, request: Request, clock: PatientClock, client: Client
    ) -> tuple[Exchange, ...]:
        """All transmissions; one without an answer is repeated byte for byte."""
        sent: list[Exchange] = []
        for _ in range(MOST_RESENDS + 1):
            sent.append(self._send(request, clock, client, sent))
            if not _is_unheard(sent[-1]):
                break
        return tuple(sent)

    def read(self, ask: Ask, clock: PatientClock) -> Found:
        """The answer to a usage query."""
        has_filter = self.api.has_customer_filter
        body = write_query(ask.query, self.api.shape, has_customer_filter=has_filter)
        request = self.build(self.api.usage, body, key=self._keys[ask.account])
        return self._repeat(self.api.usage, request, clock)

    def call(self, call: Call, clock: PatientClock) -> Found:
        """The answer to any other request."""
        request = self.build(
            call.operation,
            call.body,
            key=call.key,
            path=dict(call.path),
            query=dict(call.query),
        )
        return self._repeat(call.operation, request, clock)

    def _repeat(self, operation: Operation, request: Request, clock: PatientClock) -> Found:
        """The first answer that is one; what is asked again changes nothing."""
        client = self._clients[self.is_later]
        may_be_done = False
        for _ in range(MOST_RESENDS + 1):
            exchange = self._send(request, clock, client, [])
            if not _is_unheard(exchange):
                break
            may_be_done = True
        return replace(self.check(operation, exchange), may_be_done=may_be_done)

    def check(self, operation: Operation, exchange: Exchange) -> Found:
        """The exchange, held to the description; the same answer is looked at once."""
        response = exchange.response
        if response is None:
            return Found(exchange=exchange, operation=operation, violations=())
        types = tuple(value for name, value in response.headers if name.lower() == "content-type")
        known = (operation.pointer, response.status, types, response.body)
        with self._lock:
            if known not in self._checked:
                self._checked[known] = self._contract.check_response(
                    operation, exchange.request, response
                )
            return Found(exchange=exchange, operation=operation, violations=self._checked[known])

    def _send(
        self,
        request: Request,
        clock: PatientClock,
        client: Client,
        before: Sequence[Exchange],
    ) -> Exchange:
        """One exchange, waiting as long as the service throttles. Raises NotJudgedError."""
        turn = 0
        while True:
            if self._silent is not None:
                raise self._silent
            if self._pace is not None:
                with self._turn:
                    self._pace.wait_for_turn()
            exchange = client.send(
                request, timeout_s=self._timeout_s, notes=("resent",) if before else ()
            )
            self._listen(exchange)
            wait = read_throttle(exchange, turn)
            if wait is None:
                if exchange.response is not None:
                    self._exhausted = None
                return exchange
            turn += 1
            self._wait_throttled(clock, wait)

    def _wait_throttled(self, clock: PatientClock, wait: float) -> None:
        """Wait, unless another one has waited in vain for as long as is allowed."""
        if self._exhausted is not None:
            raise self._exhausted
        try:
            clock.wait_throttled(wait)
        except NotJudgedError as error:
            self._exhausted = error
            raise

    def _listen(self, exchange: Exchange) -> None:
        """Raise SilentEndpointError where no request is answered."""
        if exchange.response is not None:
            self._silence = 0
            return
        self._silence += 1
        if self._silence >= _MOST_SILENCE:
            failure = exchange.failure
            self._silent = SilentEndpointError(failure.message if failure else "no answer")
            raise self._silent

    def _cut(self, request: Request) -> Exchange:
        """An exchange whose answer nobody waits for."""
        parts = urlsplit(request.url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        started_at, started = time.time(), time.monotonic()
        connection = kind(parts.hostname or "", parts.port, timeout=self._timeout_s)
        is_sent = True
        try:
            connection.request(request.method, parts.path, request.body, dict(request.headers))
            time.sleep(_LINGER_S)  # a server may drop what it reads from a closed connection
        except OSError:
            is_sent = False
        finally:
            connection.close()
        failure = TransportFailure(kind="reset", message="the connection was cut", sent=is_sent)
        return Exchange(
            request=request,
            response=None,
            failure=failure,
            started_at=started_at,
            elapsed_s=time.monotonic() - started,
        )


def _is_unheard(exchange: Exchange) -> bool:
    """Whether a request is to be sent again: it got no answer, a 5xx, or no connection."""
    return is_lost(exchange) or exchange.response is None
