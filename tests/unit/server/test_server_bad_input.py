"""Whatever is sent, the answer is a clear one, nothing wrong is stored, and the server lives."""

from __future__ import annotations

import base64
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.server.conftest import open_client

from pytest_amberflo.server.live import EmbeddedServer
from pytest_amberflo.server.operations import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = "key-of-the-first-tenant"
_BODIES = [route for route in ROUTES if route.has_body]
_NAMES = [
    "meterApiName",
    "meterValue",
    "meterTimeInMillis",
    "customerId",
    "uniqueId",
    "dimensions",
    "values",
    "label",
    "type",
    "meterType",
    "displayName",
    "aggregationDimensions",
    "lockingStatus",
    "deduplicationConfig",
    "key",
    "value",
    "id",
    "timeRange",
    "startTimeInSeconds",
    "endTimeInSeconds",
    "aggregation",
    "timeGroupingInterval",
    "groupBy",
    "filter",
    "take",
    "limit",
    "isAscending",
    "customerFilter",
    "ruleId",
    "dimensionName",
    "dimensionValues",
    "action",
    "ingestionTimeRange",
    "customerName",
    "traits",
    "address",
    "lifecycleStage",
    "productPlanId",
    "productId",
    "startTime",
    "productPlanName",
    "billingPeriod",
    "interval",
    "intervalsCount",
    "feeMap",
    "meterPrices",
    "amount",
    "currency",
    "expirationTime",
    "prepaidPrice",
    "originalWorth",
    "recurrenceFrequency",
    "externalPayment",
    "paymentStatus",
    "prepaidUri",
    "expirationEpochMilliSeconds",
    "returnUrl",
    "templateId",
]
_LIKELY = (
    "m",
    "acme",
    "SUM",
    "sum",
    "day",
    "HOUR",
    "MONTH",
    "sum_of_all_usage",
    "active_users",
    "SUM_OF_ALL_USAGE",
    "INCLUDE",
    "ACTIVE",
    "llm",
    "uniqueId",
    "settled",
    "",
    " ",
    "\u0000",
    "\ud800",
    "\U0001f600",
)
_SCALARS = st.one_of(
    st.sampled_from(_LIKELY),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from((0, 1, 1_718_150_400, 1_718_153_645_993, -1, 10**400)),
    st.floats(),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    ),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=12)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a server that must not have failed inside when it stops."""
    with EmbeddedServer([_KEY]) as server, open_client(server.url) as opened:
        yield opened


def _check(answer: httpx.Response) -> None:
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    answer.json()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(route=st.sampled_from(_BODIES), body=st.one_of(_OBJECTS, st.lists(_OBJECTS, max_size=2)))
def test_any_json_is_answered(client: httpx.Client, route: Any, body: Any) -> None:
    """Objects of the names that there are, with values that are not what they should be."""
    content = json.dumps(body).encode()
    # The judge of answers holds them to their descriptions here as everywhere.
    _check(client.request(route.method, route.path, content=content))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=st.one_of(_OBJECTS, st.lists(_OBJECTS, max_size=3), _VALUES))
def test_any_event_is_answered(client: httpx.Client, events: Any) -> None:
    """Events that are none."""
    _check(client.post("/ingest", content=json.dumps(events).encode()))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    route=st.sampled_from([route for route in ROUTES if not route.has_body]),
    query=st.dictionaries(
        st.sampled_from([*_NAMES, "CustomerId", "nextPageToken", "pageSize", "year", "latest"]),
        st.one_of(st.text(max_size=9), st.sampled_from(("true", "5", "-1", "acme"))),
    ),
    segment=st.text(min_size=1, max_size=9),
)
def test_any_query_is_answered(
    client: httpx.Client, route: Any, query: dict[str, str], segment: str
) -> None:
    """Parameters and segments of a path that are nonsense."""
    segment = httpx.QueryParams({"x": segment}).__str__()[2:].replace("+", "%20")
    path = route.path.replace("{customerId}", segment).replace("{meterApiName}", segment)
    path = path.replace("{id}", segment)
    _check(client.request(route.method, path, params=query))


_HEAD = f"POST %s HTTP/1.1\r\nHost: t\r\nX-API-KEY: {_KEY}\r\n"


@pytest.mark.parametrize("path", sorted({route.path for route in _BODIES}))
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff{}",
        b'{"customerId": NaN}',
        b'{"amount": 1e999, "prepaidPrice": 1e999, "feeMap": {"a": 1e999}}',
        b'{"amount": -Infinity}',
        b'{"customerId": "\\ud800", "customerName": "x"}',
        b'{"customerId": "\\u0000", "customerName": "x"}',
        b"[" * 100_000,
        b'{"feeMap": ' * 5_000 + b"1" + b"}" * 5_000,
        b"1" * 5_000,
        b'"text"',
        b"null",
        b"5",
    ],
    ids=lambda body: f"{len(body)}-{body[:26]!r}",
)
def test_wrong_bodies_are_refused_everywhere(client: httpx.Client, path: str, body: bytes) -> None:
    """With 400, and nothing of them is kept."""
    method = next(route.method for route in _BODIES if route.path == path)
    answer = client.request(method, path, content=body)
    assert answer.status_code == 400, answer.text
    assert client.get("/customers/\\ud800").status_code == 404


def test_what_is_nested_almost_too_deeply(client: httpx.Client) -> None:
    """What is kept as it comes is shallow enough for every reader."""
    for depth in range(300, 1_000, 50):
        fees = b'{"a":' * depth + b"1" + b"}" * depth
        body = b'{"productPlanName": "p", "feeMap": ' + fees + b"}"
        path = "/payments/pricing/amberflo/account-pricing/product-plans"
        assert client.post(path, content=body).status_code == 400


@pytest.mark.parametrize("number", ["1e999", "-1E+400", "9" * 400 + ".0", "0.1e0400"])
def test_numbers_beyond_float_are_refused_wherever_they_are(
    client: httpx.Client, number: str
) -> None:
    """Also in what is kept as it comes: no answer could hold them."""
    body = f'{{"productPlanName": "p", "feeMap": {{"a": [{number}]}}}}'
    path = "/payments/pricing/amberflo/account-pricing/product-plans"
    answer = client.post(path, content=body)
    assert (answer.status_code, "float64" in answer.text) == (400, True)
    assert client.get(f"{path}/list").status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        [1, 10**30, "m", 0, 0, "{}", 1],
        [1, 5, "\ud800", 0, 0, "{}", 1],
        [1, 5, "m", [], 0, "{}", 1],
        [1, 5, "m", None, 0, "{}", True],
        [-(10**40), 5, "m", 0, 0, "{}", 1e300],
        ["x"],
        {},
        5,
    ],
    ids=str,
)
def test_made_up_tokens_of_pages(client: httpx.Client, token: Any) -> None:
    """A token that was never given out is refused, or harmless."""
    text = base64.urlsafe_b64encode(json.dumps(token).encode()).decode()
    _check(client.get("/usage/events", params={"nextPageToken": text}))


@pytest.mark.parametrize(
    "target",
    [
        "/customers/../../etc/passwd",
        "/customers/..%2f..%2fetc%2fpasswd",
        "/customers/%00",
        "/customers/%ff",
        "/customers/%zz",
        "/../health",
        "//health",
        "/customers?customerId=%ff",
        "/customers?customerId=%00",
        "/customers?" + "&".join(["a=b"] * 500),
        "/usage/events?pageSize=1e9",
        "/meter-definition/%0d%0aSet-Cookie:%20x=1",
    ],
)
def test_strange_targets(client: httpx.Client, target: str) -> None:
    """No path leads out of the API, and nothing of it comes back in a header."""
    with closing(socket.create_connection(("127.0.0.1", client.base_url.port), timeout=10)) as raw:
        head = (
            f"GET {target} HTTP/1.1\r\nHost: t\r\nX-API-KEY: {_KEY}\r\nConnection: close\r\n\r\n"
        )
        raw.sendall(head.encode())
        answer = b""
        while part := raw.recv(65_536):
            answer += part
    status = int(answer.split()[1])
    assert 400 <= status < 500, answer
    assert b"root:" not in answer
    assert b"set-cookie" not in answer.partition(b"\r\n\r\n")[0].lower()


def test_nothing_is_answered_without_a_key(client: httpx.Client) -> None:
    """No operation is open to those who have none."""
    for route in ROUTES:
        path = route.path.replace("{", "").replace("}", "")
        answer = httpx.request(
            route.method, f"{client.base_url}{path}", content=b"{}", verify=False
        )
        assert answer.status_code == 401, (route.method, path)
