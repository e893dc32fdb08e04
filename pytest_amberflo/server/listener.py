"""The socket that the server listens on."""

from __future__ import annotations

import errno
import socket

from pytest_amberflo.server.errors import AddressUnusableError, PortTakenError

#: Connections that the system holds while the server is busy or not yet awake.
BACKLOG = 1024
_LAST_PORT = 65_535


def open_listener(host: str, port: int) -> socket.socket:
    """A non-blocking socket that listens at once; port 0 takes any free one.

    Raises PortTakenError and AddressUnusableError.
    """
    # Where the system looks an address up, it takes any port modulo 65,536.
    if not 0 <= port <= _LAST_PORT:
        reason = f"a port lies between 0 and {_LAST_PORT}"
        raise AddressUnusableError(host=host, port=port, reason=reason)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(host=host, port=port) from error
        reason = error.strerror or str(error)
        raise AddressUnusableError(host=host, port=port, reason=reason) from error
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    """The port that a socket listens on."""
    port: int = listener.getsockname()[1]
    return port


def url_of(host: str, port: int) -> str:
    """The base URL of a server, without a slash at its end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
