"""Which operations ingest events and which query usage; never told by the host."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.http.address import find_host, is_amberflo_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.bound import Target
    from pytest_amberflo.arazzo.operation import ApiDescription, Operation
    from pytest_amberflo.extension import Role

#: `suspect`: to the metering service, of the kind of an ingest or usage query, and neither.
Recognized: TypeAlias = Literal["ingest", "usage", "suspect"]

_BY_ID: Final[dict[str, Role]] = {"ingestMeterEvents": "ingest", "queryUsage": "usage"}
_BY_PATH: Final[dict[str, Role]] = {"/ingest": "ingest", "/usage": "usage"}


def recognize(target: Target, declared: Role | None) -> Recognized | None:
    """The part that an operation plays in metering, or None for any other operation.

    `declared` is the `role` of the step's `x-amberflo`; it has the last word.
    """
    if declared is not None:
        return declared
    known = recognize_operation(target.operation)
    if known is not None:
        return known
    if target.operation.method != "POST" or not _looks_like(target.operation):
        return None
    return "suspect" if _is_metering(target) else None


def recognize_operation(operation: Operation) -> Role | None:
    """The part of an operation by its operationId, or by method and path below any base."""
    if operation.operation_id in _BY_ID:
        return _BY_ID[operation.operation_id]
    path = operation.path.rstrip("/")
    if operation.method == "POST":
        for suffix, role in _BY_PATH.items():
            if path.endswith(suffix):
                return role
    return None


def _looks_like(operation: Operation) -> bool:
    segments = operation.path.lower().split("/")
    return any(segment.startswith(("ingest", "usage")) for segment in segments)


def _is_metering(target: Target) -> bool:
    hosts = (find_host(server.expand()) for server in target.operation.servers)
    if any(is_amberflo_host(host) for host in hosts):
        return True
    return any(map(recognize_operation, _list_sound(target.description)))


def _list_sound(description: ApiDescription) -> Iterator[Operation]:
    """The operations of a description, but for those that no step could call."""
    for name in description.operation_ids:
        with suppress(DocumentError):
            operation = description.find(name)
            if operation is not None:
                yield operation
