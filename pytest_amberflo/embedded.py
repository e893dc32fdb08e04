"""The embedded server of a run: started as the settings say, stopped with one line of news."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_amberflo.server.behaviour import ValuePolicy
    from pytest_amberflo.server.live import EmbeddedServer
    from pytest_amberflo.settings import Settings


#: The certificate of the run's own authority, in the run's own folder.
AUTHORITY_NAME: Final = "amberflo-ca.pem"


def start_server(settings: Settings, key: str, control_token: str, folder: Path) -> EmbeddedServer:
    """A server that takes this key; it costs a socket until somebody connects.

    The certificate authority for Amberflo's hosts is made in `folder` once it is needed.
    """
    from pytest_amberflo.server.behaviour import Behaviour, DedupRule  # noqa: PLC0415  on demand
    from pytest_amberflo.server.live import EmbeddedServer  # noqa: PLC0415

    value: ValuePolicy = settings.dedup.value.value
    rules = {meter: DedupRule(key=name, value=value) for meter, name in settings.dedup.keys}
    server = EmbeddedServer(
        api_keys=[key, *filter(None, [settings.second_key])],
        control_token=control_token,
        authority=folder / AUTHORITY_NAME,
        behaviour=Behaviour(
            dedup=rules.get(None, DedupRule(value=value)),
            dedup_by_meter={meter: rule for meter, rule in rules.items() if meter is not None},
        ),
    )
    server.start()
    return server


def prepare_environment(folder: Path, url: str, api_key: str | None) -> dict[str, str]:
    """The variables that lead a service to the embedded server at `url`.

    Fails the test that asked where TLS cannot be spoken, and says what to install.
    """
    __tracebackhide__ = True
    import pytest  # noqa: PLC0415  with a test only

    from pytest_amberflo.server.authority import Authority  # noqa: PLC0415
    from pytest_amberflo.server.environment import make_environment  # noqa: PLC0415
    from pytest_amberflo.server.errors import ServerError  # noqa: PLC0415

    try:
        return make_environment(url, Authority(folder / AUTHORITY_NAME), api_key)
    except ServerError as error:
        pytest.fail(f"amberflo_emitter_env: {error}", pytrace=False)


def stop_server(server: EmbeddedServer) -> None:
    """Stop the embedded server; what went wrong inside it is said in one line."""
    from pytest_amberflo.server.errors import ServerError  # noqa: PLC0415  with the server only

    try:
        server.stop()
    except ServerError as error:
        sys.stderr.write(f"amberflo: {error}\n")
