"""The server as a command: `python -m pytest_amberflo.server`."""

from __future__ import annotations

import gc
import ipaddress
import json
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

from pytest_amberflo.server.arguments import make_parser, read_behaviour
from pytest_amberflo.server.authority import Authority
from pytest_amberflo.server.environment import (
    make_environment,
    render_environment,
    write_bundles,
)
from pytest_amberflo.server.errors import ServerError
from pytest_amberflo.server.keyring import Keyring
from pytest_amberflo.server.listener import open_listener, port_of, url_of
from pytest_amberflo.server.serving import open_store, serve
from pytest_amberflo.server.setup import Setup

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_amberflo.server.message import Served
    from pytest_amberflo.server.store import Store

_KEY_VARIABLE: Final = "AMBERFLO_API_KEY"
_TOKEN_VARIABLE: Final = "AMBERFLO_CONTROL_TOKEN"  # noqa: S105 - a variable's name
_USAGE_ERROR: Final = 2
#: New objects after which the collector looks for cycles among them.
_MANY_OBJECTS: Final = 20_000
#: Where a server that listens everywhere is reached from this machine.
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nobody listens there


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
    # What a large request is read into is thousands of objects and no cycle among them, and what
    # was imported stays: to look through both again and again took a twentieth of the CPU.
    gc.freeze()
    gc.set_threshold(_MANY_OBJECTS)
    return run_command(sys.argv[1:], os.environ)


def run_command(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve until SIGINT or SIGTERM; gives back the exit status.

    0 after a stop, 1 after a fault of the server itself, 2 for arguments, an address, a store or
    an authority that cannot be used. `environment` is asked for AMBERFLO_API_KEY,
    AMBERFLO_CONTROL_TOKEN and XDG_DATA_HOME only. With --print-env nothing is served.
    """
    parser = make_parser(_KEY_VARIABLE, _TOKEN_VARIABLE)
    options = parser.parse_args(arguments)
    if options.print_env is not None:
        return _print_environment(parser, options, environment)
    keys = _choose_keys(parser, options.api_key, environment)
    token = _choose_token(parser, options.control_token, environment)
    faults: list[BaseException] = []

    def report_fault(fault: BaseException) -> None:
        faults.append(fault)
        _print_error(f"fault of the server: {type(fault).__name__}: {fault}")

    authority = _find_authority(options.ca, environment)
    try:
        if options.ca is not None:
            # Others wait for these files: they mount them.
            write_bundles(authority)
        with (
            _receive_signals() as stop,
            open_listener(options.host, options.port) as listener,
            open_store(options.store) as store,
        ):
            setup = Setup(
                api_keys=keys.values,
                behaviour=read_behaviour(options),
                faults=tuple(options.fault),
                control_token=token,
                authority=authority,
            )
            if options.demo:
                _fill_accounts(store, setup)
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


def _find_authority(given: Path | None, environment: Mapping[str, str]) -> Authority:
    """The authority: nothing of it is made yet."""
    if given is not None:
        return Authority(given)
    data = environment.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Authority(Path(data) / "pytest-amberflo" / "ca.pem")


def _print_environment(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    environment: Mapping[str, str],
) -> int:
    if options.port == 0:
        parser.error("--print-env: of port 0 it is not known what it will be; give --port")
    # A key that the server would make for itself is not known either.
    given = options.api_key or _KEY_VARIABLE in environment
    key = _choose_keys(parser, options.api_key, environment).values[0] if given else None
    host = _HERE.get(options.host, options.host)
    authority = _find_authority(options.ca, environment)
    try:
        variables = make_environment(url_of(host, options.port), authority, key)
    except ServerError as error:
        _print_error(str(error))
        return _USAGE_ERROR
    sys.stdout.write(render_environment(variables, options.print_env))
    return 0


def _choose_token(
    parser: argparse.ArgumentParser, given: str | None, environment: Mapping[str, str]
) -> str | None:
    if given is not None or _TOKEN_VARIABLE not in environment:
        return given
    token = environment[_TOKEN_VARIABLE]
    if not token.strip():
        parser.error(f"{_TOKEN_VARIABLE} is set but empty")
    return token


def _fill_accounts(store: Store, setup: Setup) -> None:
    # Heavy, and hardly ever asked for.
    from pytest_amberflo.server.demo import fill_demo  # noqa: PLC0415

    keyring = Keyring(setup.api_keys)
    for key in setup.api_keys:
        tenant = keyring.find_tenant(key.encode("ascii"))
        assert tenant is not None
        fill_demo(store, tenant, setup.behaviour)


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
    entry = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "method": served.method,
        "path": served.path,
        "status": served.status,
        "ms": round(served.duration_s * 1000, 1),
    }
    _print_error(json.dumps(entry))


def _print_error(line: str) -> None:
    # Whoever read this end has gone; the server serves on.
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
