"""Amberflo's own Python client, unmodified but for the base URL, against a real process.

Every public call of its modules is here. `amberflo-metering-python` is one of the requirements
of the tests; where it is not installed, these are skipped.
"""

from __future__ import annotations

import time
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

metering = pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
customer = pytest.importorskip("metering.customer")
invoice = pytest.importorskip("metering.customer_product_invoice")
order = pytest.importorskip("metering.customer_prepaid_order")
plan = pytest.importorskip("metering.customer_product_plan")
portal = pytest.importorskip("metering.customer_portal_session")
ingest = pytest.importorskip("metering.ingest")
usage = pytest.importorskip("metering.usage")
ApiError = pytest.importorskip("metering.exceptions").ApiError
session = pytest.importorskip("metering.session")

_KEY = "key-of-the-first-tenant"
_NOW_MS = int(time.time() * 1000)
_PLANS = "/payments/pricing/amberflo/account-pricing/product-plans"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    from unit.server.server_process import run_process  # noqa: PLC0415

    with run_process(tmp_path_factory.mktemp("sdk"), "--api-key", _KEY) as command:
        yield command.url


@pytest.fixture(autouse=True)
def _point_clients_at_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.ApiSession, "root_url", url)
    monkeypatch.setattr(session.IngestSession, "root_url", url)


def _payload(meter: str, value: float = 1, **members: Any) -> Any:
    return ingest.create_ingest_payload(meter, value, _NOW_MS, "acme", **members)


def _query(meter: str, **members: Any) -> Any:
    return usage.create_usage_query(
        usage.AggregationType.SUM,
        meter,
        usage.TimeGroupingInterval.DAY,
        usage.TimeRange(_NOW_MS // 1000 - 86_400),
        **members,
    )


def _total(meter: str, **members: Any) -> float:
    report = usage.UsageApiClient(_KEY).get(_query(meter, **members))
    assert set(report) == {"metadata", "secondsSinceEpochIntervals", "clientMeters"}
    return float(sum(group["groupValue"] for group in report["clientMeters"]))


def test_direct_ingest() -> None:
    """One and many, with and without a unique id; the text is the documented one."""
    client = ingest.IngestApiClient(_KEY)
    assert client.send(_payload("my meter")) == "1 records were ingested"
    many = [_payload("my meter", 1.2, dimensions={"n": str(n)}) for n in range(10)]
    assert client.send(many) == "10 records were ingested"
    again = _payload("my meter", 5, unique_id=uuid4())
    assert client.send([again, again]) == "2 records were ingested"
    assert client.send(again) == "1 records were ingested"
    assert _total("my meter") == pytest.approx(18)


def test_threaded_ingest() -> None:
    """What is queued arrives, all of it once."""
    errors: list[Any] = []
    client = ingest.create_ingest_client(api_key=_KEY, on_error=lambda *e: errors.append(e))
    for number in range(250):
        assert client.meter("threaded", number, _NOW_MS, "acme", unique_id=f"u{number}")
    client.flush()
    client.shutdown()
    assert errors == []
    assert _total("threaded") == sum(range(250))


def test_the_modules_own_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The older, global form of the client."""
    monkeypatch.setattr(metering, "app_key", _KEY)
    monkeypatch.setattr(metering, "default_client", None)
    metering.meter("global", 3, _NOW_MS, "acme")
    metering.flush()
    metering.shutdown()
    assert _total("global") == 3
    with pytest.warns(DeprecationWarning, match="Please use"):
        assert metering.add_or_update_customer("global", "Global")["customerId"] == "global"


def test_a_custom_schema_is_refused_for_good() -> None:
    """With a status that the client does not try again on."""
    with pytest.raises(ApiError) as caught:
        ingest.IngestApiClient(_KEY).send_custom({"anything": 1})
    assert caught.value.status_code == 400
    errors: list[Any] = []
    client = ingest.create_ingest_client(api_key=_KEY, on_error=lambda *e: errors.append(e))
    client.send_custom({"anything": 1})
    client.flush()
    client.shutdown()
    assert [error.status_code for error, _ in errors] == [400]


def test_a_wrong_key_is_an_error() -> None:
    """Of both sessions."""
    calls: tuple[Callable[[], Any], ...] = (
        lambda: ingest.IngestApiClient("wrong").send(_payload("m")),
        lambda: usage.UsageApiClient("wrong").get(_query("m")),
    )
    for call in calls:
        with pytest.raises(ApiError) as caught:
            call()
        assert caught.value.status_code == 401


def test_usage() -> None:
    """One query, several, groups, filters, the largest; and all meters at once."""
    client = ingest.IngestApiClient(_KEY)
    for number, name in enumerate(("a", "b", "c")):
        client.send(ingest.create_ingest_payload("usage", number + 1, _NOW_MS, name))
    grouped = _query("usage", group_by=["customerId"], take=usage.Take(2))
    report, other = usage.UsageApiClient(_KEY).get([grouped, _query("no such meter")])
    infos = [group["group"]["groupInfo"] for group in report["clientMeters"]]
    assert infos == [{"customerId": "c"}, {"customerId": "b"}]
    assert other["clientMeters"] == []
    assert _total("usage", usage_filter={"customerId": ["a", "c"]}) == 4
    window = usage.TimeRange(_NOW_MS // 1000 - 86_400, _NOW_MS // 1000 + 60)
    interval = usage.TimeGroupingInterval.DAY
    reports = usage.UsageApiClient(_KEY).get_all(usage.create_all_usage_query(interval, window))
    totals = {
        report["metadata"]["meterApiName"]: sum(g["groupValue"] for g in report["clientMeters"])
        for report in reports
    }
    assert totals["usage"] == 6
    query = usage.create_all_usage_query(
        interval, window, filter_by_customer_id="b", group_by_customer_id=True
    )
    reports = usage.UsageApiClient(_KEY).get_all(query)
    (found,) = [r for r in reports if r["metadata"]["meterApiName"] == "usage"]
    assert found["clientMeters"][0]["group"]["groupInfo"] == {"customerId": "b"}


def test_customers() -> None:
    """Added, found, replaced; a customer that is not there is an empty object."""
    client = customer.CustomerApiClient(_KEY)
    assert client.get("nobody") == {}
    sent = customer.create_customer_payload(
        "sdk-1", "SDK", customer_email="a@b.c", enabled=True, traits={"a": "1"}
    )
    assert client.add_or_update(sent)["id"] == "sdk-1"
    assert (
        client.add_or_update(customer.create_customer_payload("sdk-1", "New"))["customerName"]
        == "New"
    )
    assert "traits" not in client.get("sdk-1")
    assert "sdk-1" in [item["customerId"] for item in client.list()]
    with pytest.raises(ApiError):
        client.add(sent)
    stripe = client.add(customer.create_customer_payload("sdk-2", "S"), create_in_stripe=True)
    assert stripe["traits"]["stripeId"]
    assert client.update(sent)["customerEmail"] == "a@b.c"
    deleted = client.client.delete("/customers/sdk-2")
    assert deleted["customerId"] == "sdk-2"


def test_plans_invoices_and_prepaid_orders() -> None:
    """A plan is given, invoices are read in each of the three ways, orders are made and listed."""
    api = session.ApiSession(_KEY)
    api.post(_PLANS, {"id": "sdk-plan", "productPlanName": "P", "meterPrices": {"billed": 2}})
    plan_id = api.get(f"{_PLANS}/list")[0]["id"]
    client = plan.CustomerProductPlanApiClient(_KEY)
    start_s = _NOW_MS // 1000 - 60
    sent = plan.create_customer_product_plan_payload(
        "sdk-3", plan_id, start_time_in_seconds=start_s
    )
    given = client.add_or_update(sent)
    assert (given["customerId"], given["productPlanId"]) == ("sdk-3", plan_id)
    assert client.get("sdk-3") == given
    assert client.list("sdk-3") == [given]
    event = ingest.create_ingest_payload("billed", 3, _NOW_MS, "sdk-3")
    ingest.IngestApiClient(_KEY).send(event)
    invoices = invoice.CustomerProductInvoiceApiClient(_KEY)
    latest = invoices.get(invoice.create_latest_invoice_query("sdk-3"))
    assert latest["totalBill"]["totalPrice"] == 6
    assert invoices.get_all(invoice.create_all_invoices_query("sdk-3"))[0] == latest
    key = latest["invoiceKey"]
    day = date(key["year"], key["month"], key["day"])
    assert invoices.get(invoice.create_invoice_query("sdk-3", plan_id, day)) == latest
    orders = order.CustomerPrepaidOrderApiClient(_KEY)
    wanted = order.create_customer_prepaid_order_payload(
        str(uuid4()),
        "sdk-3",
        start_s,
        100,
        original_worth=120,
        recurrence_frequency=order.BillingPeriod(2, order.BillingPeriodUnit.MONTH),
        external_payment=True,
    )
    made = orders.add(wanted)
    assert made["recurrenceFrequency"] == {"interval": "month", "intervalsCount": 2}
    assert orders.list_active("sdk-3") == [made]
    plain = order.create_customer_prepaid_order_payload(str(uuid4()), "sdk-3", start_s, 5)
    assert orders.add(plain)["recurrenceFrequency"] is None


def test_the_portal() -> None:
    """A link and a token."""
    sent = portal.create_customer_portal_session_payload(
        "sdk-1", expiration_epoch_in_milliseconds=_NOW_MS + 10**7, return_url="http://localhost"
    )
    found = portal.CustomerPortalSessionApiClient(_KEY).get(sent)
    assert found["url"].startswith("http")
    assert found["sessionToken"]


def test_metered_calls_of_a_language_model() -> None:
    """The decorator's events have everything that an event needs."""
    client = ingest.create_ingest_client(api_key=_KEY)

    tokens = SimpleNamespace(input_tokens=7, output_tokens=9)
    answer = SimpleNamespace(type="message", model="a-model", usage=tokens)
    ask: Callable[..., Any] = metering.meter_llm(metering_client=client)(lambda **_: answer)
    ask(customer_id="llm")
    client.flush()
    client.shutdown()
    assert (_total("input_tokens"), _total("output_tokens")) == (7, 9)
