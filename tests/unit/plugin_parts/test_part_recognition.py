"""Which operations are ingests and usage queries, told by id, path or role, never by host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_amberflo.arazzo.bound import Target
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.openapi.description import Description
from pytest_amberflo.recognition import recognize, recognize_operation

LIVE = "https://app.amberflo.io"
OWN = "http://127.0.0.1:9000/v2"


def make_target(
    path: str,
    *,
    method: str = "post",
    operation_id: str | None = "doIt",
    server: str = OWN,
    beside: tuple[str, ...] = (),
) -> Target:
    """An operation of a description that has others `beside` it."""
    operation: dict[str, Any] = {"responses": {"200": {"description": "ok"}}}
    if operation_id is not None:
        operation["operationId"] = operation_id
    paths: dict[str, Any] = {path: {method: operation}}
    for name in beside:
        paths[f"/{name}"] = {"post": {"operationId": name, "responses": operation["responses"]}}
    data = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": server}],
        "paths": paths,
    }
    description = Description(parse_source(json.dumps(data), name="api", uri="file:///api.json"))
    found = description.at(("paths", path, method))
    assert found is not None
    return Target(source_name="api", description=description, operation=found)


@pytest.mark.parametrize(
    ("operation_id", "expected"),
    [("ingestMeterEvents", "ingest"), ("queryUsage", "usage"), ("ingestmeterevents", None)],
)
@pytest.mark.parametrize("server", [LIVE, OWN])
def test_known_ids_are_recognized_anywhere(
    operation_id: str, expected: str | None, server: str
) -> None:
    """The ids of the shipped descriptions say what an operation is, on any host and path."""
    target = make_target("/events", operation_id=operation_id, server=server)
    assert recognize(target, None) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/ingest", "ingest"),
        ("/ingest/", "ingest"),
        ("/usage", "usage"),
        ("/usage/", "usage"),
        ("/api/v2/ingest", "ingest"),
        ("/metering/usage/", "usage"),
        ("/preingest", None),
        ("/my-usage", None),
        ("/{x}/usage", "usage"),
    ],
)
@pytest.mark.parametrize("operation_id", ["doIt", None])
def test_paths_are_recognized_below_any_base(
    path: str, expected: str | None, operation_id: str | None
) -> None:
    """Method and last segments of the path say what an operation is, whatever its base path."""
    assert recognize(make_target(path, operation_id=operation_id), None) == expected


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
@pytest.mark.parametrize("path", ["/ingest", "/usage"])
def test_other_methods_are_not_recognized(path: str, method: str) -> None:
    """Only what is posted is an ingest or a usage query."""
    assert recognize(make_target(path, method=method, server=LIVE), None) is None


@pytest.mark.parametrize("server", [LIVE, "https://ingest.amberflo.io", OWN])
@pytest.mark.parametrize("path", ["/customers", "/meters", "/", "/payments/billing"])
def test_a_host_says_nothing(path: str, server: str) -> None:
    """Any other operation of the service itself plays no part."""
    assert recognize(make_target(path, server=server), None) is None


@pytest.mark.parametrize("declared", ["ingest", "usage"])
@pytest.mark.parametrize("path", ["/ingest", "/usage", "/usage/batch", "/customers"])
def test_what_a_step_declares_is_the_last_word(path: str, declared: Any) -> None:
    """A declared role goes before ids, paths and suspicion."""
    assert recognize(make_target(path, server=LIVE), declared) == declared
    assert recognize(make_target(path, method="get"), declared) == declared


SUSPECTS = (
    "/usage/batch",
    "/usage/sparse",
    "/usage-java",
    "/ingest-endpoint",
    "/Ingest",
    "/v1/ingest/csv",
    "/ingest-snapshot/custom-filtering-rules",
)


@pytest.mark.parametrize("path", SUSPECTS)
@pytest.mark.parametrize("server", [LIVE, "https://INGEST.amberflo.io./x"])
def test_what_looks_like_metering_of_the_service_is_suspect(path: str, server: str) -> None:
    """A post to the service that is nearly an ingest or usage query is suspect."""
    assert recognize(make_target(path, server=server), None) == "suspect"


@pytest.mark.parametrize("path", SUSPECTS)
def test_a_service_is_one_of_metering_if_it_has_an_ingest(path: str) -> None:
    """On any host, a description that has a known operation is one of metering."""
    assert recognize(make_target(path, beside=("queryUsage",)), None) == "suspect"
    assert recognize(make_target(path, beside=("ingest",)), None) == "suspect"
    assert recognize(make_target(path, beside=("other",)), None) is None


@pytest.mark.parametrize("path", ["/customers", "/my-usage", "/reingest"])
def test_only_what_looks_like_it_is_suspect(path: str) -> None:
    """A segment must begin like the words of metering."""
    assert recognize(make_target(path, server=LIVE), None) is None


def test_a_read_is_never_suspect() -> None:
    """What is not posted enters nothing into a ledger."""
    assert recognize(make_target("/usage/all", method="get", server=LIVE), None) is None


def test_an_operation_alone_tells_its_part() -> None:
    """Without a step there is no suspicion and no declaration."""
    assert recognize_operation(make_target("/usage").operation) == "usage"
    assert recognize_operation(make_target("/usage/batch", server=LIVE).operation) is None
