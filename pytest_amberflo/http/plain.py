"""Plain requests as they go over the wire: byte for byte what httpx makes of them."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from pytest_amberflo.http.address import is_loopback
from pytest_amberflo.http.answer import Answer, read_answer

if TYPE_CHECKING:
    from pytest_amberflo.http.connection import Address, Connection
    from pytest_amberflo.http.dialogue import Dialogue
    from pytest_amberflo.http.exchange import Headers, Request

_PORTS: Final = 65_536
#: The part before the path of a URL in which nothing has to be encoded, decoded or hidden.
_ORIGIN: Final = re.compile(
    r"http://(?P<host>[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?"
)
#: That part; then the path and query.
_PARTS: Final = re.compile(r"([^/?#]*//[^/?#]*)([^#]*)")
_METHODS: Final = frozenset(
    {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
#: Headers that say something about the message or the connection: h11 knows what.
_MEANINGFUL: Final = frozenset(
    {"connection", "content-length", "host", "transfer-encoding", "upgrade"}
)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"(?:[!-~\x80-\xff]+(?:[ \t]+[!-~\x80-\xff]+)*)?")


class Origin(Struct, frozen=True):
    """Where a plain request goes; `host` is the value of its header."""

    address: Address
    host: str
    is_loopback: bool


class PlainRequest(Struct, frozen=True):
    """A request ready to be sent; `dialogue` reads its answer where h11 has written it."""

    address: Address
    method: str
    data: bytes
    dialogue: Dialogue | None = None

    def ask(self, connection: Connection) -> Answer:
        """Send it, and read the head of its answer. Raises WireError."""
        connection.send(self.data)
        if self.dialogue is not None:
            return self.dialogue.read(connection)
        return read_answer(connection, self.method)


@lru_cache(maxsize=256)
def find_origin(url: str) -> Origin | None:
    """Where a request to a URL goes; None for a URL that httpx has to read."""
    match = _PARTS.match(url)
    return None if match is None else _read_origin(match[1])


@lru_cache(maxsize=256)
def target_of(url: str) -> str | None:
    """The path and query of a URL as they are written, or None where they must be encoded."""
    match = _PARTS.match(url)
    rest = "" if match is None else match[2]
    target = rest if rest.startswith("/") else "/" + rest
    is_plain = target.isascii() and target.isprintable() and " " not in target
    return target if is_plain else None


def make_plain(request: Request, origin: Origin, target: str, user_agent: str) -> PlainRequest:
    """A request as httpx would make it. Raises WireError where it breaks the rules of HTTP.

    A header that cannot be encoded raises UnicodeError.
    """
    body = request.body or b""
    head = _write_head(request.method, origin, target, request.headers, user_agent)
    if head is None:
        return _make_closely(request, origin, target, user_agent)
    length = b"Content-Length: %d\r\n" % len(body) if _has_length(request) else b""
    return PlainRequest(origin.address, request.method, b"".join((head, length, b"\r\n", body)))


@lru_cache(maxsize=64)
def _write_head(
    method: str, origin: Origin, target: str, headers: Headers, user_agent: str
) -> bytes | None:
    """The lines before the length of the body; None where h11 has to write them.

    A run sends one and the same for many items, whose bodies differ; written anew it takes 15 us.
    """
    defaults = _list_defaults(user_agent)
    replaced = []
    own = []
    for name, value in headers:
        key = name.lower()
        if key in _MEANINGFUL or not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            return None
        if key in defaults:
            replaced.append(key)
        own.append(f"{name}: {value}\r\n")
    if method not in _METHODS:
        return None
    lines = [line for key, line in defaults.items() if key not in replaced]
    head = f"{method} {target} HTTP/1.1\r\nHost: {origin.host}\r\n{''.join(lines)}{''.join(own)}"
    return head.encode("latin-1")


def _make_closely(request: Request, origin: Origin, target: str, user_agent: str) -> PlainRequest:
    from pytest_amberflo.http.dialogue import Dialogue  # noqa: PLC0415  costly, and rare

    own = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
    given = {name.lower() for name, _ in own}
    defaults = (
        (b"Host", origin.host.encode()),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", _list_codings().encode()),
        (b"Connection", b"keep-alive"),
        (b"User-Agent", user_agent.encode()),
    )
    headers = [(name, value) for name, value in defaults if name.lower() not in given]
    headers += own
    if given.isdisjoint({b"content-length", b"transfer-encoding"}) and _has_length(request):
        headers.append((b"Content-Length", b"%d" % len(request.body or b"")))
    dialogue = Dialogue()
    data = dialogue.write(request.method, target.encode(), headers, request.body or b"")
    return PlainRequest(origin.address, request.method, data, dialogue)


def _has_length(request: Request) -> bool:
    """Whether the length of a body is told, be it that it is empty."""
    return bool(request.body) or request.method in ("POST", "PUT", "PATCH")


@lru_cache(maxsize=8)
def _list_defaults(user_agent: str) -> dict[str, str]:
    """The lines of headers that a request has unless it brings its own, by name."""
    return {
        "accept": "Accept: */*\r\n",
        "accept-encoding": f"Accept-Encoding: {_list_codings()}\r\n",
        "connection": "Connection: keep-alive\r\n",
        "user-agent": f"User-Agent: {user_agent}\r\n",
    }


@lru_cache(maxsize=256)
def _read_origin(start: str) -> Origin | None:
    """The origin of a URL that is cut off before its path."""
    match = _ORIGIN.fullmatch(start)
    if match is None or "xn--" in start.lower():
        return None
    try:
        urlsplit(start)
    except ValueError:
        return None
    host, port = match["host"], int(match["port"] or "80")
    if not 0 < port < _PORTS:
        return None
    name = host.strip("[]")
    is_local = is_loopback(name)
    return Origin(
        # As bytes, a host is looked up as it is; see Address.
        address=(name.encode() if is_local else name, port),
        host=host if match["port"] in (None, "80") else f"{host}:{port}",
        is_loopback=is_local,
    )


@cache
def _list_codings() -> str:
    """What httpx can decode with what is installed."""
    return ", ".join(
        (
            *("gzip", "deflate"),
            *(["br"] if find_spec("brotli") or find_spec("brotlicffi") else []),
            *(["zstd"] if find_spec("zstandard") else []),
        )
    )
