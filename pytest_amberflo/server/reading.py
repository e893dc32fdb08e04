"""Cuts requests out of the bytes of one connection.

httptools (Node's llhttp) reads the syntax, strictly: ambiguous lengths, bare line feeds, folded
headers and control characters are refused. What it leaves to its user is here: sizes, versions,
expectations, trailers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httptools

from pytest_amberflo.server.known import KnownHeads
from pytest_amberflo.server.message import Notes, Request
from pytest_amberflo.server.payload import refuse_size
from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_amberflo.server.limits import Limits

#: Headers that ask for more than a body of known length.
_SPECIAL: Final = frozenset((b"transfer-encoding", b"expect"))
#: No length of that many digits is meant, and reading them all would take its time.
_MAX_DIGITS: Final = 18
#: What one byte of a body may cost on the wire: in chunks of a single byte it takes six.
_CHUNK_OVERHEAD: Final = 8


class RequestReader:
    """Reads the requests of one connection, in order.

    `deliver` gets each complete request; `encourage` is called when a client waits to be told
    that it may send the body.
    """

    def __init__(
        self,
        limits: Limits,
        deliver: Callable[[Request], None],
        encourage: Callable[[], None],
    ) -> None:
        self._limits = limits
        self._deliver = deliver
        self._encourage = encourage
        self._parser = httptools.HttpRequestParser(self)
        #: Whether a request has begun and is not complete.
        self.is_midway = False
        #: Whether nothing that follows is a request any more.
        self.is_finished = False
        #: Complete requests so far.
        self.delivered_count = 0
        #: What follows a request for a tunnel.
        self.rest = b""
        self._received = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_length = 0
        #: Whether a header asks for more than a body of known length.
        self._is_special = False
        self._is_too_long = False
        self._is_head_complete = False
        self._http_version = "1.1"
        self._body: list[bytes] = []
        self._body_length = 0
        self._known = KnownHeads()
        #: The last complete request.
        self._latest: Request | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Refusal for what is no request; then nothing follows."""
        was_midway = self.is_midway
        count = self.delivered_count
        if not was_midway:
            request = self._known.match(data)
            if request is not None:
                self.delivered_count += 1
                self._deliver(request)
                return
        rest: bytes | None = data
        while rest and not self.is_finished:
            rest = self._parse(rest)
        # Where a request began within these bytes is not known, so its first ones do not count.
        if was_midway and self.is_midway and self.delivered_count == count:
            self._received += len(data)
            self._check_overhead()
        is_alone = self.delivered_count == count + 1 and not (was_midway or self.is_midway)
        if is_alone and not (self._is_special or self.is_finished or self.rest):
            assert self._latest is not None
            self._known.add(data, self._latest)

    def abandon(self) -> None:
        """Give up a request that has begun: its rest will never come."""
        self.is_midway = False
        self.is_finished = True

    def _parse(self, data: bytes) -> bytes | None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The offer to speak another protocol is declined by going on with this one.
            self.rest = data[upgrade.args[0] :]
            return self.rest
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, Refusal):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            # What comes after a request that closes the connection is of no interest.
            if not self.is_finished:
                details = str(error)
                raise Refusal(
                    400, "invalid-request", "The request is no HTTP/1.1", details=details
                ) from None
        return None

    def _check_overhead(self) -> None:
        allowed = self._limits.head_bytes + _CHUNK_OVERHEAD * self._body_length
        if self._received - self._body_length > allowed:
            raise self._refuse_head()

    def _refuse_head(self) -> Refusal:
        message = f"The request's headers are larger than {self._limits.head_bytes} bytes"
        return Refusal(431, "headers-too-large", message)

    # From here on: what httptools calls, under the names it looks for.

    def on_message_begin(self) -> None:
        """Start a request."""
        self.is_midway = True
        self._received = 0
        self._target = b""
        self._headers = []
        self._head_length = 0
        self._is_special = False
        self._is_too_long = False
        self._is_head_complete = False
        self._body = []
        self._body_length = 0

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._target += part
        self._head_length += len(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one that follows the body counts for nothing."""
        if self._is_head_complete:
            return
        self._head_length += len(name) + len(value)
        name = name.lower()
        self._headers.append((name, value.strip(b" \t")))
        if name == b"content-length":
            # The parser lets digits through only, but any number of them.
            self._is_too_long = len(value) > _MAX_DIGITS or int(value) > self._limits.body_bytes
        elif name in _SPECIAL:
            self._is_special = True

    def on_headers_complete(self) -> None:
        """Refuse what need not be read to its end."""
        self._is_head_complete = True
        if self._head_length > self._limits.head_bytes:
            raise self._refuse_head()
        self._http_version = self._parser.get_http_version()
        if self._http_version not in ("1.0", "1.1"):
            raise Refusal(505, "http-version-not-supported", "This server speaks HTTP/1.1")
        if self._is_too_long:
            raise refuse_size(self._limits.body_bytes)
        if self._is_special:
            self._check_special()

    def _check_special(self) -> None:
        for name, value in self._headers:
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                message = "The only transfer coding that this server reads is chunked"
                raise Refusal(501, "transfer-coding-not-supported", message)
            # HTTP/1.0 knows no expectations; the header is to be ignored there.
            if name == b"expect" and self._http_version == "1.1":
                if value.lower() != b"100-continue":
                    message = "The only expectation that is met is 100-continue"
                    raise Refusal(417, "expectation-failed", message)
                self._encourage()

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._body_length += len(part)
        if self._body_length > self._limits.body_bytes:
            raise refuse_size(self._limits.body_bytes)
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Hand the request over."""
        self.is_midway = False
        method = self._parser.get_method().decode("ascii")
        # After a CONNECT, bytes are meant for somebody else.
        keep_alive = self._parser.should_keep_alive() and method != "CONNECT"
        self.is_finished = not keep_alive
        path, query, authority = _split_target(self._target)
        if method == "CONNECT":
            authority = path
        request = Request(
            method=method,
            path=path,
            query=query,
            authority=authority,
            headers=tuple(self._headers),
            body=b"".join(self._body),
            http_version=self._http_version,
            keep_alive=keep_alive,
            notes=Notes(),
        )
        self._body = []
        self._latest = request
        self.delivered_count += 1
        self._deliver(request)


def _split_target(target: bytes) -> tuple[str, str, str]:
    """The path, the query and the host of a target, which proxies' clients send as a whole URL."""
    text = target.decode("ascii")
    if "://" in text and not text.startswith("/"):
        try:
            parts = urlsplit(text)
        except ValueError:
            return text, "", text
        return parts.path, parts.query, parts.netloc.rpartition("@")[2]
    path, _, query = text.partition("#")[0].partition("?")
    return path, query, ""
