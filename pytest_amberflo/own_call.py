"""Calls to the metering service that no document has: of the shipped descriptions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pytest_amberflo.arazzo.binding import bind_document
from pytest_amberflo.arazzo.bound import Target
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.plan import Plan
from pytest_amberflo.arazzo.scope import SentRequest
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.openapi.catalog import read_shipped
from pytest_amberflo.recognition import recognize_operation

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.events import Call, Route

PUBLISHED: Final = "amberflo-metering-openapi.yaml"
OFFICIAL: Final = "amberflo-official-openapi.yaml"
_SOURCE: Final = "metering"
_DOCUMENT: Final = """\
arazzo: 1.0.1
info: {title: Metering by hand, version: 1.0.0}
sourceDescriptions: [{name: metering, url: DESCRIPTION, type: openapi}]
workflows:
  - workflowId: metering
    steps: [{stepId: ingest, operationId: ingestMeterEvents}]
"""


@lru_cache(maxsize=2)
def bind_shipped(description: str) -> BoundDocument:
    """A document of one step that ingests, by one of the shipped descriptions."""
    text = _DOCUMENT.replace("DESCRIPTION", description)
    source = parse_source(text, name="metering", uri="amberflo:metering", is_json=False)
    bound, problems = bind_document(
        load_document(source), lambda url, _: read_shipped(url.rpartition("/")[2])
    )
    assert not problems
    return bound


def find_ingest(bound: BoundDocument) -> Target:
    """The operation of a shipped description that ingests."""
    description = bound.descriptions[_SOURCE]
    operation = next(
        found
        for name in description.operation_ids
        if (found := description.find(name)) and recognize_operation(found) == "ingest"
    )
    return Target(source_name=_SOURCE, description=description, operation=operation)


def write_ingest(target: Target, route: Route, api_key: str | None, body: bytes) -> Plan:
    """The request that ingests a body."""
    headers = [("Content-Type", "application/json"), ("Accept", "application/json")]
    if api_key is not None:
        headers.insert(0, ("X-API-KEY", api_key))
    request = Request(
        method="POST",
        url=route(target).rstrip("/") + target.operation.path,
        headers=tuple(headers),
        body=body,
    )
    return Plan(sent=SentRequest(request=request), path_texts={})


def stand_in(call: Call, *, is_live: bool, route: Route, api_key: str | None) -> Call:
    """The ingest that a call to one's own service stands for; it is not sent itself.

    Queries are asked in its place: at the same target, with the same key.
    """
    target = find_ingest(bind_shipped(OFFICIAL if is_live else PUBLISHED))
    plan = write_ingest(target, route, api_key, b"[]")
    return replace(
        call, target=target, plan=plan, timeout_s=None, is_handled=lambda _: False, after=None
    )
