"""Line 6: the verdict on accepted pairs of request and response, over openapi-core as it comes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from benchmarks.table import Line, unite
from pytest_amberflo.http.exchange import Request, Response
from pytest_amberflo.openapi.catalog import read_shipped
from pytest_amberflo.openapi.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

_JSON = (("Content-Type", "application/json"),)
_EVENT = {
    "meterApiName": "api-calls",
    "customerId": "acme",
    "meterValue": 2.5,
    "meterTimeInMillis": 1_718_150_400_000,
    "uniqueId": "event-1",
}
_QUERY = {
    "meterApiName": "api-calls",
    "startTimeInSeconds": 1_718_150_400,
    "endTimeInSeconds": 1_718_236_800,
    "aggregation": "SUM",
    "timeGroupingInterval": "DAY",
    "groupBy": ["customerId"],
    "customerFilter": ["acme"],
}
_GROUP = {"groupInfo": {"customerId": "acme"}, "records": [{"1718150400": 2.5}]}
#: Operation, path, request, answer.
_PAIRS = (
    ("ingestMeterEvents", "/ingest", _EVENT, "1 records were ingested"),
    ("queryUsage", "/usage", _QUERY, {"clientMeters": {"api-calls": [_GROUP]}}),
)


def measure_verdicts(*, rounds: int, count: int) -> list[Line]:
    """The pairs of a workflow, accepted by both, interleaved."""
    ours, plain = _make_ours(), _make_plain()
    ratios: list[tuple[float, float]] = []
    for _ in range(rounds):
        fast, slow = _time(ours, count * 20), _time(plain, count)
        ratios.append((fast[0] / slow[0], fast[1] / slow[1]))
    return [
        Line(
            number="6",
            what="verdict on accepted pairs over plain openapi-core",
            measured=unite(ratios),
            reach=0.02,
            aim=0.01,
            note=f"{_time(ours, count)[1] * 1e6:.0f} us for both pairs",
        )
    ]


def _make_ours() -> Callable[[], None]:
    description = read_shipped("amberflo-metering-openapi.yaml")
    gate = Gate(description)
    pairs = []
    for name, path, sent, came in _PAIRS:
        operation = description.find(name)
        assert operation is not None
        request = Request(
            method="POST",
            url=f"http://127.0.0.1:1{path}",
            headers=(*_JSON, ("X-API-KEY", "k")),
            body=json.dumps(sent).encode(),
        )
        response = Response(status=200, headers=_JSON, body=json.dumps(came).encode())
        pairs.append((operation, request, response))

    def judge() -> None:
        for operation, request, response in pairs:
            assert gate.check_request(operation, request, {}) == ()
            assert gate.check_response(operation, request, response) == ()

    return judge


def _make_plain() -> Callable[[], None]:
    description = read_shipped("amberflo-metering-openapi.yaml")
    library = OpenAPI.from_dict(description.source.data)
    pairs = [
        (
            MockRequest(
                "https://app.amberflo.io",
                "post",
                path,
                headers={"X-API-KEY": "k"},
                data=json.dumps(sent).encode(),
            ),
            MockResponse(json.dumps(came).encode()),
        )
        for _, path, sent, came in _PAIRS
    ]

    def judge() -> None:
        for request, response in pairs:
            library.validate_request(request)
            library.validate_response(request, response)

    return judge


def _time(judge: Callable[[], None], count: int) -> tuple[float, float]:
    """Seconds of wall and CPU for the pairs, once."""
    judge()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        judge()
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count
