"""The server as a command: `python -m pytest_amberflo.server`."""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import signal
import socket
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.errors import ServerError
from pytest_amberflo.server.listener import open_listener, port_of, url_of
from pytest_amberflo.server.serving import open_store, serve
from pytest_amberflo.server.setup import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_amberflo.server.message import Served

_KEY_VARIABLE: Final = "AMBERFLO_API_KEY"
_USAGE_ERROR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The API keys to serve, and where they are from."""

    values: tuple[str, ...]
    #: For the start-up line. It holds a key only if nobody else knows it yet.
    origin: str

    def __repr__(self) -> str:
        return f"Keys({len(self.values)})"


def main() -> int:
    """Serve as this process was told to; gives back the exit status."""
    return run_command(sys.argv[1:], os.environ)


def run_command(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM; gives back the exit status.

    0 after a stop, 1 after a fault of the server itself, 2 for arguments, an address or a store
    that cannot be used. `environment` is asked for AMBERFLO_API_KEY only.
    """
    parser = _make_parser()
    options = parser.parse_args(arguments)
    keys = _choose_keys(parser, options.api_key, environment)
    faults: list[BaseException] = []

    def report_fault(fault: BaseException) -> None:
        faults.append(fault)
        _print_error(f"fault of the server: {type(fault).__name__}: {fault}")

    try:
        with (
            _receive_signals() as stop,
            open_listener(options.host, options.port) as listener,
            open_store(options.store) as store,
        ):
            setup = Setup(api_keys=keys.values)
            _announce(listener, options, keys)
            serve(
                listener,
                stop,
                store=store,
                setup=setup,
                alarm=report_fault,
                observe=None if options.quiet else _log_access,
            )
    except ServerError as error:
        _print_error(str(error))
        return _USAGE_ERROR
    return 1 if faults else 0


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_amberflo.server",
        description="An Amberflo-compatible metering server over one SQLite file.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--port", type=int, default=8787, help="0 takes any free port (default: %(default)s)"
    )
    parser.add_argument(
        "--host", type=_read_text, default="127.0.0.1", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--store",
        type=_read_path,
        metavar="FILE",
        help="where events are kept (default: a temporary file, gone at the end)",
    )
    parser.add_argument(
        "--api-key",
        action="append",
        type=_read_text,
        metavar="KEY",
        help=f"accepted key, a tenant of its own; repeatable (default: {_KEY_VARIABLE} of the "
        "environment, else one is made and printed)",
    )
    parser.add_argument("--quiet", action="store_true", help="no line per request on stderr")
    return parser


def _read_text(text: str) -> str:
    if not text.strip():
        # Mostly a variable that was not set where the command was written.
        raise argparse.ArgumentTypeError("an empty value means nothing")
    return text


def _read_path(text: str) -> Path:
    return Path(_read_text(text))


def _choose_keys(
    parser: argparse.ArgumentParser,
    given: list[str] | None,
    environment: Mapping[str, str],
) -> Keys:
    if given is not None:
        return Keys(values=tuple(given), origin="from --api-key")
    if _KEY_VARIABLE not in environment:
        key = f"local-{secrets.token_urlsafe(18)}"
        return Keys(values=(key,), origin=f"{key} (made for this run)")
    value = environment[_KEY_VARIABLE]
    if not value.strip():
        parser.error(f"{_KEY_VARIABLE} is set but empty")
    return Keys(values=(value,), origin=f"from {_KEY_VARIABLE}")


def _announce(listener: socket.socket, options: argparse.Namespace, keys: Keys) -> None:
    host = listener.getsockname()[0]
    store = "a temporary file, gone at the end" if options.store is None else options.store
    url = url_of(options.host, port_of(listener))
    sys.stdout.write(f"amberflo server on {url}, store: {store}, API key: {keys.origin}\n")
    sys.stdout.flush()
    if not ipaddress.ip_address(host).is_loopback:
        _print_error(f"warning: {host} can be reached from other machines")


@contextmanager
def _receive_signals() -> Iterator[socket.socket]:
    """A socket that can be read from after SIGINT or SIGTERM."""
    sender, receiver = socket.socketpair()
    sender.setblocking(False)
    with sender, receiver:
        # The signal number is written by the interpreter itself, on every system and while the
        # event loop sleeps; the handlers only have to exist.
        former_fd = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        former = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield receiver
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former_fd)


def _log_access(served: Served) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    request = f"{served.method or '-'} {served.path or '-'}"
    _print_error(f"{moment} {request} {served.status} {served.duration_s * 1000:.1f} ms")


def _print_error(line: str) -> None:
    # Whoever read this end has gone; the server serves on.
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
