"""What Amberflo's TypeScript client sends, and what its types say that it reads.

The npm package cannot be had from the registry any more, so its requests are written down here
as its public sources make them: no compression, enumerations in lower case, parameters of axios,
an answer that is JSON or else a plain text.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from unit.server import answer_judge
from unit.server.server_process import run_process

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = "key-of-the-first-tenant"
_NOW_MS = int(time.time() * 1000)
_PRICING = "/payments/pricing/amberflo"
_INVOICE = "/payments/billing/customer-product-invoice"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The client's connection, with its headers, to a process."""
    headers = {
        "X-API-KEY": _KEY,
        "Content-Type": "application/json",
        "Accept": "application/json, text/plain, */*",
        "User-Agent": "Amberflo.io SDK 2.6.0; Typescript; Node v20.20.2",
    }
    hooks = {"response": [answer_judge.check_answer]}
    with (
        run_process(tmp_path_factory.mktemp("sdk"), "--api-key", _KEY) as command,
        httpx.Client(
            base_url=command.url, headers=headers, event_hooks=hooks, verify=False
        ) as opened,
    ):
        yield opened


def _has(answer: Any, **kinds: Any) -> None:
    """Every member that the client's types promise is there, with its type."""
    for name, kind in kinds.items():
        assert isinstance(answer[name], kind), (name, answer)


def test_ingest(client: httpx.Client) -> None:
    """An array, always; it asks for JSON and takes the text as it is."""
    event = {
        "uniqueId": "0b7e",
        "meterApiName": "ts",
        "customerId": "acme",
        "meterValue": 2,
        "meterTimeInMillis": _NOW_MS,
        "dimensions": {"region": "eu"},
    }
    for path in ("/ingest", "/ingest-endpoint"):
        assert client.post(path, json=[event]).text == "1 records were ingested"


def test_usage(client: httpx.Client) -> None:
    """One query, several, all meters."""
    query = {
        "meterApiName": "ts",
        "aggregation": "sum",
        "timeGroupingInterval": "day",
        "timeRange": {"startTimeInSeconds": _NOW_MS // 1000 - 86_400},
        "groupBy": ["region"],
        "filter": {"customerId": ["acme"]},
        "take": {"limit": 10, "isAscending": False},
    }
    report = client.post("/usage", json=query).json()
    _has(report, metadata=dict, secondsSinceEpochIntervals=list, clientMeters=list)
    (group,) = report["clientMeters"]
    _has(group, group=dict, groupValue=(int, float), values=list)
    point = {"value": (int, float), "secondsSinceEpochUtc": int}
    for value in group["values"]:
        _has(value, percentageFromPrevious=(int, float), **point)
    assert client.post("/usage/batch", json=[query, query]).json() == [report, report]
    params: dict[str, Any] = {
        "startTimeInSeconds": _NOW_MS // 1000 - 60,
        "timeGroupingInterval": "hour",
        "groupBy": "customerId",
    }
    for found in client.get("/usage/all", params=params).json():
        _has(found, metadata=dict, clientMeters=list)


def test_customers(client: httpx.Client) -> None:
    """`addOrUpdate` goes by the id that an answer has or has not."""
    assert client.get("/customers", params={"customerId": "ts-1"}).json() == {}
    sent = {"customerId": "ts-1", "customerName": "TS", "traits": {"a": "b"}}
    params = {"autoCreateCustomerInStripe": "true"}
    made = client.post("/customers", json=sent, params=params).json()
    _has(made, id=str, customerId=str, customerName=str, createTime=int, updateTime=int)
    assert client.get("/customers", params={"customerId": "ts-1"}).json()["id"] == "ts-1"
    _has(client.put("/customers", json=sent).json(), id=str, updateTime=int)
    assert [item["id"] for item in client.get("/customers").json()] == ["ts-1"]


def test_plans_orders_and_invoices(client: httpx.Client) -> None:
    """Each answer has the members of its class."""
    plan = {"id": "ts-plan", "productPlanName": "P", "meterPrices": {"ts": 1}}
    client.post(f"{_PRICING}/account-pricing/product-plans", json=plan)
    start_s = _NOW_MS // 1000 - 60
    sent = {"customerId": "ts-1", "productPlanId": "ts-plan", "productId": "1"}
    given = client.post(f"{_PRICING}/customer-pricing", json=sent).json()
    _has(given, customerId=str, productPlanId=str, productId=str, startTimeInSeconds=int)
    params = {"CustomerId": "ts-1"}
    assert client.get(f"{_PRICING}/customer-pricing", params=params).json() == given
    assert client.get(f"{_PRICING}/customer-pricing/list", params=params).json() == [given]
    order = {
        "id": "ts-o",
        "customerId": "ts-1",
        "startTimeInSeconds": start_s,
        "prepaidPrice": 5,
        "prepaidOfferVersion": -1,
        "productId": "1",
        "recurrenceFrequency": {"interval": "month", "intervalsCount": 1},
    }
    made = client.post(f"{_PRICING}/customer-prepaid", json=order).json()
    _has(made, internalStatus=str, paymentStatus=str, firstInvoiceUri=str, id=str)
    _has(made, endTimeInSeconds=int, firstCardEndTimeSeconds=int, originalCurrency=str)
    _has(made["recurrenceFrequency"], interval=str, intervalsCount=int)
    params |= {"ProductId": "1"}
    assert client.get(f"{_PRICING}/customer-prepaid/list", params=params).json() == [made]
    query = {"customerId": "ts-1", "productId": "1"}
    latest = client.get(_INVOICE, params=query | {"latest": "true"}).json()
    _has(latest, invoiceUri=str, planName=str, gracePeriodInHours=int, appliedPromotions=list)
    _has(latest, totalBill=dict, invoicePriceStatus=str, paymentStatus=str, productPlanFees=list)
    assert client.get(f"{_INVOICE}/all", params=query).json() == [latest]
    nobody = {"customerId": "nobody", "latest": "true"}
    assert client.get(_INVOICE, params=nobody).json() is None


def test_the_portal(client: httpx.Client) -> None:
    """A link and a token."""
    answer = client.post("/session", json={"customerId": "ts-1", "returnUrl": "http://x"})
    _has(answer.json(), url=str, sessionToken=str)
