"""What can go wrong with the server itself.

    ServerError
    ├── KeyUnusableError       an API key that no request could carry
    ├── TokenUnusableError     a control token that no request could carry
    ├── AddressUnusableError   the address cannot be listened on
    │   └── PortTakenError     ... because somebody else listens there
    ├── StoreRefusedError      the file is not a store of this version, or cannot be opened
    ├── AuthorityUnusableError the files of the certificate authority cannot be used
    ├── TlsMissingError        the library that makes certificates is not installed
    ├── NotRunningError        the server was asked for something only a running one has
    └── ServingFailedError     the server broke down while it served

What is wrong with a request is no error of the server: see `pytest_amberflo.server.refusal`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ServerError(Exception):
    """Any error of the server itself."""


class KeyUnusableError(ServerError):
    """An API key cannot be served. The text never holds the key."""

    def __init__(self, *, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.position = position
        self.reason = reason

    def __str__(self) -> str:
        """Which of the keys is meant, counted from 1, and what is wrong with it."""
        return f"API key {self.position} cannot be used: {self.reason}"


class TokenUnusableError(ServerError):
    """A control token cannot be served. The text never holds the token."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        """What is wrong with it."""
        return f"the control token cannot be used: {self.reason}"


class AddressUnusableError(ServerError):
    """The server cannot listen where it was told to."""

    def __init__(self, *, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host = host
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        """The address and why it cannot be used."""
        return f"cannot listen on {self.host} port {self.port}: {self.reason}"


class PortTakenError(AddressUnusableError):
    """Somebody else listens on the port already."""

    def __init__(self, *, host: str, port: int) -> None:
        super().__init__(host=host, port=port, reason="the port is taken by another process")


class StoreRefusedError(ServerError):
    """A file cannot serve as the store."""

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """The file and why it was refused."""
        return f"cannot use {self.path} as the store: {self.reason}"


class AuthorityUnusableError(ServerError):
    """The certificate authority cannot be read or made."""

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """The file, what is wrong with it, and what to do."""
        return f"cannot use {self.path} for the certificate authority: {self.reason}"


class TlsMissingError(ServerError):
    """Certificates cannot be made."""

    def __str__(self) -> str:
        """How to get what is missing."""
        return (
            "to speak TLS, the server needs the library cryptography: "
            'pip install "pytest-amberflo[tls]"'
        )


class NotRunningError(ServerError):
    """A stopped server has no address."""

    def __str__(self) -> str:
        """What to do first."""
        return "the embedded server is not running: call start() first"


class ServingFailedError(ServerError):
    """The server broke down; the reason is this error's cause."""

    def __init__(self, *, url: str, reason: BaseException) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        """Which server it was and the first thing that went wrong in it."""
        kind = type(self.reason).__name__
        return f"the embedded server at {self.url} failed: {kind}: {self.reason}"
