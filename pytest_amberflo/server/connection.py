"""One connection: bytes in, bytes out, and how long either may take."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.cipher import CipherTransport
from pytest_amberflo.server.gate import HELLO
from pytest_amberflo.server.message import Ending, Served
from pytest_amberflo.server.pipeline import Pipeline
from pytest_amberflo.server.reading import RequestReader
from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.wire import CONTINUE, render_answer

if TYPE_CHECKING:
    from pytest_amberflo.server.message import Request
    from pytest_amberflo.server.pipeline import Exchange
    from pytest_amberflo.server.service import Service


_UNCUT: Final = (Ending.WHOLE, Ending.TUNNEL)


class Connection(asyncio.Protocol):
    """Serves one client. The event loop makes one for each connection that it accepts."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limits = service.limits
        self._reader = RequestReader(service.limits, self._queue, self._encourage)
        self._pipeline = Pipeline(service.app, now=service.now, notify=self._notice)
        self._owes_continue = False
        self._is_refused = False
        #: Nothing is read as a request any more; the connection closes when all is answered.
        self._is_finishing = False
        #: All is answered; what the client still sends is dropped.
        self._is_draining = False
        self._is_write_blocked = False
        self._is_flush_due = False
        #: An answer was not sent to its end, on purpose.
        self._is_cut = False
        #: Nothing has come yet that would tell TLS from HTTP.
        self._is_new = True
        #: When the client has had enough time for what it is doing, on the loop's clock.
        self._deadline = inf

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to serve, or send the client away if there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # asyncio does it only for sockets that were made with an explicit protocol number.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._deadline = self._service.now() + self._limits.idle_s
        if not self._service.admit(self):
            message = f"This server serves {self._limits.connections} connections at most"
            headers = (("Retry-After", "1"),)
            self._refuse(Refusal(503, "too-many-connections", message, headers=headers))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; what it has sent completely and was started is still done."""
        del exc
        self._pipeline.clear()
        self._service.dismiss(self)

    def data_received(self, data: bytes) -> None:
        """Read requests and start those whose turn it is."""
        if self._is_refused or self._is_draining:
            return
        if self._is_new:
            self._is_new = False
            if data.startswith(HELLO):
                self._secure(data)
                return
        was_midway = self._reader.is_midway
        count = self._reader.delivered_count
        try:
            self._reader.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if not self._reader.is_midway:
            self._deadline = inf
        elif not was_midway or self._reader.delivered_count > count:
            self._deadline = self._service.now() + self._limits.request_s
        self._proceed()

    def eof_received(self) -> bool:
        """Keep the connection for as long as there is something to answer."""
        self._is_finishing = True
        self._reader.abandon()
        return self._pipeline.is_busy

    def pause_writing(self) -> None:
        """Read no more from a client that does not take its answers."""
        self._is_write_blocked = True
        self._deadline = self._service.now() + self._limits.write_s
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_write_blocked = False
        self._proceed()

    # What the service calls.

    def finish(self) -> None:
        """Answer what has been sent, then close."""
        self._is_finishing = True
        if not (self._pipeline.is_busy or self._reader.is_midway) or self._is_draining:
            self._transport.close()

    def expire(self, now: float) -> None:
        """Part with a client that takes too long."""
        if now < self._deadline:
            return
        if self._is_draining or self._is_write_blocked:
            self._transport.abort()
        elif self._reader.is_midway:
            self._refuse(Refusal(408, "request-timeout", "The request took too long to arrive"))
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # What the reader and the pipeline call.

    def _queue(self, request: Request) -> None:
        # Who has sent the body already need not be told to.
        self._owes_continue = False
        self._pipeline.queue(request)

    def _encourage(self) -> None:
        self._owes_continue = True

    def _notice(self) -> None:
        """Send an answer; the answers of one transaction go out together."""
        if self._pipeline.is_answered:
            self._proceed()
        elif not self._is_flush_due:
            self._is_flush_due = True
            self._service.call_soon(self._proceed)

    def _refuse(self, refusal: Refusal) -> None:
        self._is_refused = True
        self._owes_continue = False
        self._pipeline.close_with(refusal.to_answer())
        self._proceed()

    def _proceed(self) -> None:
        self._is_flush_due = False
        if self._is_write_blocked or self._transport.is_closing():
            return
        try:
            self._pipeline.advance(is_alone=self._service.is_alone)
        finally:
            answered = self._pipeline.take_answered()
            if answered:
                self._send(answered)
        self._rest()

    def _secure(self, hello: bytes) -> None:
        """Go on in TLS; as long as the handshake takes, it is a request that takes its time."""
        self._is_new = True
        try:
            context = self._service.gate.open_context()
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._deadline = self._service.now() + self._limits.request_s
        outer = self._transport
        note = self._service.gate.note_handshake
        cipher = self._transport = CipherTransport(outer, self, context, note)
        cipher.data_received(hello)

    def _enter_tunnel(self, answer: bytes) -> None:
        """Begin anew, as a connection to the host that was asked for."""
        self._transport.write(answer)
        rest = self._reader.rest
        self._reader = RequestReader(self._limits, self._queue, self._encourage)
        self._is_new = True
        if self._is_finishing:
            self._transport.close()
        elif rest:
            self._service.call_soon(partial(self.data_received, rest))

    def _send(self, exchanges: list[Exchange]) -> None:
        chunks = []
        for position, exchange in enumerate(exchanges, start=1):
            is_end = self._is_finishing and position == len(exchanges)
            is_last = is_end and not (self._pipeline.is_busy or self._reader.is_midway)
            is_last |= exchange.request is None or not exchange.request.keep_alive
            chunks.append(self._render(exchange, is_last=is_last))
            if exchange.answer is not None and exchange.answer.ending is Ending.TUNNEL:
                self._enter_tunnel(b"".join(chunks))
                return
            self._is_draining |= is_last
            if self._is_cut:
                self._cut(b"".join(chunks))
                return
        self._transport.write(b"".join(chunks))

    def _cut(self, data: bytes) -> None:
        """End the connection here, as a fault has it."""
        self._pipeline.clear()
        self._is_draining = True
        if data:
            self._transport.write(data)
            self._transport.close()
        else:
            self._transport.abort()

    def _render(self, exchange: Exchange, *, is_last: bool) -> bytes:
        request = exchange.request
        answer = exchange.answer
        assert answer is not None
        if self._service.observe is not None:
            served = Served(
                method=None if request is None else request.method,
                path=None if request is None else request.path,
                status=answer.status,
                duration_s=self._service.now() - exchange.started_at,
            )
            self._service.observe(served)
        data = render_answer(answer, request=request, date=self._service.date, is_last=is_last)
        if answer.ending in _UNCUT:
            return data
        self._is_cut = True
        return (
            data[: len(data) - len(answer.body) // 2 - 1] if answer.ending is Ending.TORN else b""
        )

    def _rest(self) -> None:
        """Decide what to wait for next, and for how long."""
        if self._is_draining:
            self._drain()
            return
        if self._is_write_blocked:
            return
        if self._pipeline.is_full:
            self._deadline = inf
            self._transport.pause_reading()
            return
        self._transport.resume_reading()
        if self._pipeline.is_busy:
            if not self._reader.is_midway:
                self._deadline = inf
            return
        if self._owes_continue:
            self._owes_continue = False
            self._transport.write(CONTINUE)
        if not self._reader.is_midway:
            self._deadline = self._service.now() + self._limits.idle_s
        elif self._deadline == inf:
            self._deadline = self._service.now() + self._limits.request_s

    def _drain(self) -> None:
        """Close, but not before a client in the middle of sending has seen the answer.

        A socket that is closed with something unread in it resets the connection, and the
        client may lose what it has not read yet.
        """
        if not self._is_refused:
            self._transport.close()
            return
        self._deadline = self._service.now() + self._limits.linger_s
        self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
