"""Customers, plans, prepaid orders, invoices and sessions, in both forms of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.server.conftest import open_client

from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

_PRICING = "/payments/pricing/amberflo/customer-pricing"
_PLANS = "/payments/pricing/amberflo/account-pricing/product-plans"
_PREPAID = "/payments/pricing/amberflo/customer-prepaid"
_INVOICE = "/payments/billing/customer-product-invoice"
_MARCH = 1_709_251_200  # 2024-03-01
_APRIL = 1_711_929_600


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client of an empty account."""
    with EmbeddedServer(["key-of-the-first-tenant"]) as server, open_client(server.url) as opened:
        yield opened


def _customer(**members: Any) -> dict[str, Any]:
    return {"customerId": "c-1", "customerName": "Acme"} | members


def test_the_life_of_a_customer(client: httpx.Client) -> None:
    """Created once, found in both forms, replaced as a whole, deleted once."""
    address = {"line1": "1 Main St", "city": "Bonn", "country": "DE"}
    sent = _customer(
        customerEmail="a@b.c", traits={"k": "v"}, address=address, lifecycleStage="TRAIL"
    )
    made = client.post("/customers", json=sent | {"unknown": 1, "createTime": 5}).json()
    assert {name: made[name] for name in sent} == sent
    assert made["id"] == "c-1"
    assert made["createTime"] == made["updateTime"] > 1_700_000_000_000
    assert "unknown" not in made
    again = client.post("/customers/", json=sent)
    assert (again.status_code, again.json()["code"]) == (400, "customer-exists")
    assert client.get("/customers/c-1").json() == made
    assert client.get("/customers/", params={"customerId": "c-1"}).json() == made
    assert client.get("/customers").json() == [made]
    changed = client.put("/customers/", json=_customer(customerName="Other")).json()
    assert changed["customerName"] == "Other"
    assert "traits" not in changed
    assert changed["createTime"] == made["createTime"]
    gone = client.delete("/customers/c-1")
    assert (gone.status_code, gone.json()["customerId"]) == (200, "c-1")
    assert client.get("/customers/c-1").status_code == 404
    assert client.delete("/customers/c-1").status_code == 404
    assert client.put("/customers", json=_customer()).status_code == 400
    assert client.get("/customers").json() == []


def test_an_unknown_customer_is_answered_in_the_form_of_the_path(client: httpx.Client) -> None:
    """Official clients ask with a parameter and count on an empty object."""
    answer = client.get("/customers/", params={"customerId": "nobody"})
    assert (answer.status_code, answer.json()) == (200, {})
    answer = client.get("/customers/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer-not-found")


@pytest.mark.parametrize(
    "sent",
    [
        [],
        "text",
        {},
        _customer(customerId=5),
        _customer(customerId=" "),
        _customer(customerName=None),
        _customer(traits={"a": 1}),
        _customer(enabled="yes"),
        _customer(lifecycleStage="SLEEPING"),
        _customer(address={"line1": "x"}),
        _customer(address="Bonn"),
        _customer(description=[1]),
    ],
    ids=str,
)
def test_a_wrong_customer_is_refused(client: httpx.Client, sent: Any) -> None:
    """Nothing of it is kept."""
    answer = client.post("/customers", json=sent)
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == answer.json()["message"]
    assert client.get("/customers").json() == []


def test_stages_go_one_way(client: httpx.Client) -> None:
    """Letter case is no matter, the way back is."""
    client.post("/customers", json=_customer(lifecycleStage="TRIAL"))
    put = {"customerId": "c-1", "lifecycleStage": "active"}
    assert client.put("/customers/stage", json=put).json()["lifecycleStage"] == "ACTIVE"
    for change in ({"lifecycleStage": "TRIAL"}, {"customerId": "x"}, {"lifecycleStage": None}):
        answer = client.put("/customers/stage", json=put | change)
        assert (answer.status_code, list(answer.json())) == (400, ["errorMessage"])


def test_customers_are_paged(client: httpx.Client) -> None:
    """By name, with a search."""
    for number in range(5):
        name = f"Name {9 - number}"
        client.post(
            "/customer-details", json=_customer(customerId=f"c{number}", customerName=name)
        )
    page = client.get("/customers/paging", params={"limit": 2, "page": 2}).json()
    assert [item["customerId"] for item in page["items"]] == ["c2", "c1"]
    assert page["metadata"]["totalFilteredPages"] == 3
    page = client.get("/customers/paging", params={"search": "NAME 7", "sort": ""}).json()
    assert [item["customerId"] for item in page["items"]] == ["c2"]
    assert client.get("/customers/paging", params={"limit": "many"}).status_code == 400


def test_stripe(client: httpx.Client) -> None:
    """A customer that is to be created there has an id from there."""
    for value, has_id in (("true", True), ("False", False), ("if_payment_provider", False)):
        sent = _customer(customerId=value)
        params = {"autoCreateCustomerInStripe": value}
        made = client.post("/customers/", json=sent, params=params).json()
        assert ("stripeId" in made.get("traits", {})) is has_id
    params = {"autoCreateCustomerInStripe": "maybe"}
    assert client.post("/customers", json=_customer(), params=params).status_code == 400


def test_plans_of_a_customer(client: httpx.Client) -> None:
    """The latest counts; a later one ends the one before; the same again is none."""
    assert client.get(_PRICING, params={"CustomerId": "c-1"}).json() == {}
    assert client.get(f"{_PRICING}/list", params={"CustomerId": "c-1"}).json() == []
    first = {"customerId": "c-1", "productPlanId": "p-1", "startTimeInSeconds": _MARCH}
    made = client.post(_PRICING, json=first).json()
    assert made == first | {"productId": "1"}
    assert client.post(_PRICING, json=first).json() == made
    published = {"customerId": "c-1", "productId": "p-2", "startTime": _APRIL * 1000}
    path = "/payments-pricing-amberflo-customer-pricing"
    assert client.post(path, json=published).json() == published
    items = client.get(f"{_PRICING}/list", params={"customerId": "c-1"}).json()
    assert items[0] == made | {"endTimeInSeconds": _APRIL}
    assert client.get(_PRICING, params={"CustomerId": "c-1"}).json() == items[1]
    assert items[1]["productPlanId"] == "p-2"
    assert client.post(_PRICING, json=first | {"endTimeInSeconds": _MARCH}).status_code == 400
    assert client.post(_PRICING, json={"customerId": "c-1"}).status_code == 400
    assert client.get(_PRICING).status_code == 400
    assert client.post(path, json={"productId": "p"}).status_code == 400


def test_prepaid_orders(client: httpx.Client) -> None:
    """The caller's id makes an order one; intervals come back in lower case."""
    sent = {
        "id": "o-1",
        "customerId": "c-1",
        "productId": "1",
        "startTimeInSeconds": _MARCH,
        "prepaidOfferVersion": -1,
        "prepaidPrice": 500,
        "externalPayment": True,
        "recurrenceFrequency": {"interval": "DAY", "intervalsCount": 3},
    }
    made = client.post(_PREPAID, json=sent).json()
    assert made["recurrenceFrequency"] == {"interval": "day", "intervalsCount": 3}
    assert (made["originalWorth"], made["paymentStatus"]) == (500, "pending")
    assert client.post(_PREPAID, json=sent).json() == made
    assert client.post(_PREPAID, json=sent | {"prepaidPrice": 1}).status_code == 400
    params = {"CustomerId": "c-1", "ProductId": "1"}
    assert client.get(f"{_PREPAID}/list", params=params).json() == [made]
    assert client.get(f"{_PREPAID}/list", params=params | {"ProductId": "2"}).json() == []
    paid = {"prepaidUri": made["firstInvoiceUri"], "paymentStatus": "settled", "paymentId": "x"}
    path = "/payments/external/prepaid-payment-status"
    assert client.post(path, json=paid).json()["paymentStatus"] == "settled"
    assert client.post(path, json=paid | {"prepaidUri": "x"}).status_code == 400
    client.delete(_PREPAID, params={"Id": "o-1", "CustomerId": "c-1"})
    assert client.get(f"{_PREPAID}/list", params=params).json() == []
    published = {"customerId": "c-1", "amount": 9.5, "currency": "EUR"}
    path = "/payments-pricing-amberflo-customer-prepaid"
    order = client.post(path, json=published).json()
    assert order.items() >= published.items()
    (listed,) = client.get(f"{_PREPAID}/list", params=params).json()
    assert (listed["id"], listed["recurrenceFrequency"]) == (order["orderId"], None)
    for wrong in ({"amount": 0}, {"amount": "5"}, {"customerId": None}):
        assert client.post(path, json=published | wrong).status_code == 400


def test_invoices_are_made_of_usage(client: httpx.Client) -> None:
    """Month by month, each event in one, in both forms."""
    plan = {"id": "p-1", "productPlanName": "Basic", "meterPrices": {"calls": 0.5}}
    assert client.post(_PLANS, json=plan).json()["id"] == "p-1"
    assert client.get(f"{_PLANS}/list").json()[0]["productPlanName"] == "Basic"
    assert (
        client.get(_PLANS, params={"productPlanId": "p-1"}).json()["meterPrices"]["calls"] == 0.5
    )
    assert client.get(_PLANS, params={"id": "p-9"}).json() == {}
    end_s = _APRIL + 86_400
    assignment = {
        "customerId": "c-1",
        "productPlanId": "p-1",
        "startTimeInSeconds": _MARCH,
        "endTimeInSeconds": end_s,
    }
    client.post(_PRICING, json=assignment)
    for moment_s, value in ((_MARCH, 1), (_APRIL - 1, 2), (_APRIL, 4), (end_s, 8)):
        event = {"meterApiName": "calls", "customerId": "c-1", "meterValue": value}
        client.post("/ingest", json=event | {"meterTimeInMillis": moment_s * 1000})
    params: dict[str, Any] = {"customerId": "c-1", "productId": "1", "fromCache": "True"}
    invoices = client.get(f"{_INVOICE}/all", params=params).json()
    assert [invoice["totalBill"]["totalPrice"] for invoice in invoices] == [2, 1.5]
    assert client.get(_INVOICE, params=params | {"latest": "true"}).json() == invoices[0]
    key: dict[str, Any] = {"productPlanId": "p-1", "year": 2024, "month": 3, "day": 1}
    assert client.get(_INVOICE, params=params | key).json() == invoices[1]
    assert client.get(_INVOICE, params=params | key | {"day": 2}).json() is None
    assert client.get(_INVOICE, params=params).status_code == 400
    published = client.get("/payments-billing-customer-product-invoice", params=params).json()
    assert [item["totalAmount"] for item in published] == [2, 1.5]
    assert {item["status"] for item in published} == {"PAID"}
    nobody = {"customerId": "nobody"}
    assert client.get("/payments-billing-customer-product-invoice", params=nobody).json() == []
    assert client.get(_INVOICE, params=nobody | {"latest": "true"}).json() is None


def test_sessions(client: httpx.Client) -> None:
    """A link and a token; one that has ended already is refused."""
    session = client.post("/session", json={"customerId": "c-1", "returnUrl": "http://x"}).json()
    assert session["sessionToken"] in session["url"]
    assert session["url"].startswith(str(client.base_url).rstrip("/"))
    wrong = {"customerId": "c-1", "expirationEpochMilliSeconds": 5}
    assert client.post("/session", json=wrong).status_code == 400
    assert client.post("/session", json={}).status_code == 400


def test_a_hosts_name_cannot_smuggle_anything(client: httpx.Client) -> None:
    """A link is made of a host's name only if that is one."""
    headers = {"Host": 'x"><script>'}
    answer = client.post("/session", json={"customerId": "c"}, headers=headers)
    assert answer.status_code == 400 or answer.json()["url"].startswith("http://localhost/")


def test_documents_are_a_tenants_own() -> None:
    """Another key sees none of them."""
    with (
        EmbeddedServer(["key-of-the-first-tenant", "key-of-the-second-tenant"]) as server,
        open_client(server.url) as client,
        open_client(server.url, "key-of-the-second-tenant") as stranger,
    ):
        client.post("/customers", json=_customer())
        assert stranger.get("/customers").json() == []
        assert stranger.get("/customers/c-1").status_code == 404
        assert stranger.post("/customers", json=_customer()).status_code == 200
