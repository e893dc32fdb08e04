"""A service, and workflows that run against it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from unit.engine.engine_kit import Service, Transport, Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service() -> Iterator[Service]:
    """A real HTTP service on loopback."""
    running = Service()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def transport() -> Iterator[Transport]:
    """A client of HTTP; making one takes a while."""
    with closing(Transport()) as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, service: Service, transport: Transport) -> Workbench:
    """A folder for documents, with a description of the service."""
    return Workbench(tmp_path, service, transport)
