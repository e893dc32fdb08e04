"""The way of a service under test to the embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_amberflo.embedded import AUTHORITY_NAME
from pytest_amberflo.server.authority import Authority
from pytest_amberflo.server.environment import make_environment
from pytest_amberflo.server.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path


def prepare_environment(folder: Path, url: str, api_key: str | None) -> dict[str, str]:
    """The variables that lead a service to the server at `url`.

    Fails the test that asked where TLS cannot be spoken, and says what to install.
    """
    __tracebackhide__ = True
    try:
        return make_environment(url, Authority(folder / AUTHORITY_NAME), api_key)
    except ServerError as error:
        pytest.fail(f"amberflo_emitter_env: {error}", pytrace=False)
