"""TLS over a connection that is there already, whatever went over it before.

To the event loop it is the protocol of the outer transport, to the connection it is the
transport. Nothing is held back here: what arrives is decrypted at once, what is written leaves at
once, and the outer transport does all waiting.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK: Final = 65_536
#: Linux only; it holds until the next pause.
_QUICK: Final = getattr(socket, "TCP_QUICKACK", None)


class CipherTransport(asyncio.Transport, asyncio.Protocol):
    """The server's side of TLS between `outer` and `inner`.

    `note` is told when no secure connection comes about. Time limits are the inner protocol's:
    it closes or aborts this transport like any other.
    """

    def __init__(
        self,
        outer: asyncio.Transport,
        inner: asyncio.Protocol,
        context: ssl.SSLContext,
        note: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._outer = outer
        self._inner = inner
        self._note = note
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False
        self._is_closing = False
        #: Good-bye has been said; what still comes is dropped.
        self._is_over = False
        self._socket = outer.get_extra_info("socket")
        outer.set_protocol(self)

    # What the outer transport calls.

    def data_received(self, data: bytes) -> None:
        """Take bytes of TLS."""
        if self._is_closing or self._is_over:
            return
        self._acknowledge()
        self._incoming.write(data)
        if not self._is_open and not self._shake_hands():
            return
        text, is_over = self._decrypt()
        if text:
            self._inner.data_received(text)
        if is_over and not self._is_closing and not self._inner.eof_received():
            self.close()

    def eof_received(self) -> bool:
        """The client says no more; it may still want an answer."""
        if not self._is_open:
            if not self._is_closing:
                self._note("the client hung up within the handshake")
            return False
        return not self._is_closing and bool(self._inner.eof_received())

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._is_closing = True
        self._inner.connection_lost(exc)

    # What the inner protocol calls.

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes, encrypted."""
        if self._is_closing or self._is_over or not self._is_open:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def close(self) -> None:
        """Say good-bye and close once all is sent."""
        if self._is_closing:
            return
        self.write_eof()
        self._is_closing = True
        self._outer.close()

    def abort(self) -> None:
        """Close without a word."""
        self._is_closing = True
        self._outer.abort()

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._is_closing or self._outer.is_closing()

    def pause_reading(self) -> None:
        """Pass it on."""
        self._outer.pause_reading()

    def resume_reading(self) -> None:
        """Pass it on."""
        if not self._is_closing:
            self._outer.resume_reading()

    def can_write_eof(self) -> bool:
        """It can be said that nothing more follows."""
        return True

    def write_eof(self) -> None:
        """Say good-bye; the client's own is not waited for."""
        if self._is_over:
            return
        self._is_over = True
        if not self._is_open:
            self._note("the client did not complete the handshake")
            return
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Pass it on."""
        return self._outer.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Serve another protocol from now on."""
        assert isinstance(protocol, asyncio.Protocol)
        self._inner = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that is served."""
        return self._inner

    def _acknowledge(self) -> None:
        """Have the system acknowledge at once what has come.

        Some clients send the head and the body of a request one by one, and through a proxy wait
        for the first to be acknowledged before they send the second (urllib3 does): 40 ms.
        """
        if _QUICK is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._note(error.reason or str(error))
            # The client is told why, by an alert.
            self._is_closing = True
            self._flush()
            self._outer.close()
            return False
        self._is_open = True
        self._flush()
        return True

    def _decrypt(self) -> tuple[bytes, bool]:
        """What the client said, and whether that was its last word."""
        chunks = []
        try:
            while chunk := self._tls.read(_CHUNK):
                chunks.append(chunk)
        except ssl.SSLWantReadError:
            self._flush()
            return b"".join(chunks), False
        except ssl.SSLError:
            # What came before the broken record was right.
            return b"".join(chunks), True
        return b"".join(chunks), True

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and not self._outer.is_closing():
            self._outer.write(data)
