"""Descriptions for tests, and short ways to read them and to judge messages by them."""

from __future__ import annotations

from contextlib import contextmanager
from socket import create_server
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.http.exchange import Request, Response
from pytest_amberflo.openapi.contract import Contract
from pytest_amberflo.openapi.description import Description
from pytest_amberflo.openapi.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.openapi.violation import Violation

VERSIONS: Final = ("3.0.3", "3.1.0", "3.2.0")
JSON: Final = (("Content-Type", "application/json"),)


def describe(text: str, *, version: str = "3.1.0", uri: str = "file:///api.yaml") -> Description:
    """The description `api.yaml` with this text below its first two lines."""
    head = f"openapi: {version}\ninfo: {{title: Parcels, version: 1.0.0}}\n"
    return Description(parse_source(head + text, name="api.yaml", uri=uri))


def refuse(text: str, *, version: str = "3.1.0") -> str:
    """What is said of a description that cannot be used, its operations included."""
    with pytest.raises(DocumentError) as refusal:
        _build_all(text, version)
    return str(refusal.value)


def _build_all(text: str, version: str) -> None:
    description = describe(text, version=version)
    for name in description.operation_ids:
        description.find(name)


def find(description: Description, operation_id: str) -> Operation:
    """An operation that is there."""
    operation = description.find(operation_id)
    assert operation is not None
    return operation


def answer_with(schema: str, *, rest: str = "", version: str = "3.1.0") -> Description:
    """A description whose operation `get` answers 200 with JSON of a schema (line 10)."""
    return describe(
        "paths:\n"
        "  /parcel:\n"
        "    get:\n"
        "      operationId: get\n"
        "      responses:\n"
        "        '200':\n"
        "          description: ok\n"
        f"          content: {{application/json: {{schema: {schema}}}}}\n"
        f"{rest}",
        version=version,
    )


def judge_answer(
    description: Description,
    body: str | bytes = b"",
    *,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = JSON,
    operation_id: str = "get",
) -> list[Violation]:
    """Every violation of a response to an operation."""
    operation = find(description, operation_id)
    request = Request(method=operation.method, url="http://127.0.0.1:1/")
    content = body.encode() if isinstance(body, str) else body
    response = Response(status=status, headers=headers, body=content)
    found = Contract(description).check_response(operation, request, response)
    assert Gate(description).check_response(operation, request, response) == found
    return list(found)


def judge_request(
    description: Description,
    *,
    url: str = "http://127.0.0.1:1/parcel",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    path_texts: dict[str, str] | None = None,
    operation_id: str = "send",
) -> list[Violation]:
    """Every violation of a request to an operation."""
    operation = find(description, operation_id)
    request = Request(method=operation.method, url=url, headers=headers, body=body)
    found = Contract(description).check_request(operation, request, path_texts or {})
    assert Gate(description).check_request(operation, request, path_texts or {}) == found
    return list(found)


def told(violations: list[Violation]) -> list[str]:
    """Part and rule of each violation."""
    return [f"{violation.path}: {violation.rule}" for violation in violations]


@contextmanager
def bounded_stack() -> Iterator[None]:
    """Turns an overflow of the stack into a failure that can be printed in one line."""
    try:
        yield
    except RecursionError:
        raise AssertionError("the stack overflowed") from None


@contextmanager
def listening() -> Iterator[tuple[str, list[Any]]]:
    """The URL of a loopback server, and every connection that it got; each is closed at once."""
    with create_server(("127.0.0.1", 0)) as server:
        connections: list[Any] = []

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                connections.append(address)
                connection.close()

        Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", connections
