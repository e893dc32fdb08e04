"""Invoices: what a customer's plans make of its usage, month by month, in both forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.aggregate import aggregate_usage
from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.interval import Interval, find_end
from pytest_amberflo.server.plans import (
    DAY_S,
    DEFAULT_PRODUCT,
    PLAN,
    read_assignments,
    read_parameter,
)
from pytest_amberflo.server.query import Filter, UsageQuery
from pytest_amberflo.server.report import read_amount
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents
    from pytest_amberflo.server.routing import Call

#: The latest periods of a plan; nobody looks at ten years of a local server.
_MOST_PERIODS: Final = 36
_GRACE_S: Final = DAY_S
_PUBLISHED_STATUS: Final = {
    "open": "DRAFT",
    "grace_period": "PENDING",
    "price_locked": "PAID",
}
_PAYMENT_STATUS: Final = {
    "open": "not_needed",
    "grace_period": "pending",
    "price_locked": "settled",
}


def build_invoices(documents: Documents, customer: str, product: str) -> list[Document]:
    """The invoices of a customer in the official form, the latest first.

    A plan is billed by calendar months, UTC; a month is open until it ends, then in grace for a
    day, then locked and settled. Prices are those of the plan's `meterPrices`.
    """
    invoices = []
    for assignment in read_assignments(documents, customer):
        if assignment["productId"] == product:
            periods = _list_periods(assignment, documents.now_ms // 1000)
            invoices += [_build(documents, assignment, *period) for period in periods]
    return sorted(invoices, key=lambda item: -int(item["invoiceStartTimeInSeconds"]))


def _list_periods(assignment: Document, now_s: int) -> list[tuple[int, int]]:
    start_s = assignment["startTimeInSeconds"]
    last_s = assignment.get("endTimeInSeconds", now_s + 1)
    periods = []
    while start_s < min(last_s, now_s + 1):
        end_s = find_end(Interval.MONTH, start_s + 1)
        periods.append((start_s, min(end_s, assignment.get("endTimeInSeconds", end_s))))
        start_s = end_s
    return periods[-_MOST_PERIODS:]


def _build(documents: Documents, assignment: Document, start_s: int, end_s: int) -> Document:
    customer, plan_id = assignment["customerId"], assignment["productPlanId"]
    plan = documents.find(PLAN, plan_id) or {}
    started = datetime.fromtimestamp(start_s, UTC)
    key = {
        "accountId": "local",
        "customerId": customer,
        "productId": assignment["productId"],
        "productPlanId": plan_id,
        "year": started.year,
        "month": started.month,
        "day": started.day,
    }
    prices = plan.get("meterPrices", {})
    items = [
        _bill_meter(documents, key, plan, meter, price, start_s, end_s)
        for meter, price in prices.items()
    ]
    total = sum(item["totalBill"]["price"] for item in items)
    now_s = documents.now_ms // 1000
    is_over = end_s + _GRACE_S <= now_s
    status = "price_locked" if is_over else "grace_period" if end_s <= now_s else "open"
    return {
        "invoiceUri": "/".join(str(part) for part in key.values()),
        "invoiceKey": key,
        "planBillingPeriod": plan.get("billingPeriod", {"interval": "month", "intervalsCount": 1}),
        "planName": plan.get("productPlanName", plan_id),
        "invoiceStartTimeInSeconds": start_s,
        "invoiceEndTimeInSeconds": end_s,
        "gracePeriodInHours": _GRACE_S // 3600,
        "productItemInvoices": items,
        "appliedPromotions": [],
        "productPlanFees": [],
        "totalBill": _bill_plan(total, start_s, end_s),
        "invoicePriceStatus": status,
        "paymentStatus": _PAYMENT_STATUS[status],
        "availablePrepaidLeft": 0,
        "availablePayAsYouGoMoney": 0,
    }


def _bill_meter(
    documents: Documents,
    key: Document,
    plan: Document,
    meter: str,
    price: float,
    start_s: int,
    end_s: int,
) -> Document:
    query = UsageQuery(
        meter=meter,
        # Whole hours, so that no usage falls between two invoices.
        start_s=start_s,
        end_s=end_s,
        aggregation=None,
        interval=Interval.HOUR,
        group_by=(),
        filters=(Filter(name="customerId", values=(key["customerId"],)),),
    )
    usage = aggregate_usage(documents, query)
    units = sum(read_amount(group.total) for group in usage.groups)
    bill = {
        "startTimeInSeconds": start_s,
        "endTimeInSeconds": end_s,
        "meterUnits": units,
        "price": units * price,
    }
    variant = {"key": meter, "itemDimensions": {}, "totalBill": bill, "lateArrivalMeters": 0}
    return {
        "key": key | {"productItemKey": meter},
        "productItemId": meter,
        "productItemName": meter,
        "meterApiName": meter,
        "productPlanName": plan["productPlanName"],
        "productItemVariants": [variant],
        "totalBill": bill,
    }


def _bill_plan(total: float, start_s: int, end_s: int) -> Document:
    return {
        "startTimeInSeconds": start_s,
        "endTimeInSeconds": end_s,
        "itemPrice": total,
        "fixPrice": 0,
        "prepaid": 0,
        "totalDiscount": 0,
        "totalPriceBeforeDiscount": total,
        "totalPriceBeforePrepaid": total,
        "totalPrice": total,
    }


def list_published(call: Call, documents: Documents) -> Any:
    """The invoices of a customer in the published form, the latest first."""
    customer = read_parameter(call, "customerId")
    return [
        {
            "invoiceId": invoice["invoiceUri"],
            "customerId": customer,
            "startTime": invoice["invoiceStartTimeInSeconds"],
            "endTime": invoice["invoiceEndTimeInSeconds"],
            "totalAmount": invoice["totalBill"]["totalPrice"],
            "currency": "USD",
            "status": _PUBLISHED_STATUS[invoice["invoicePriceStatus"]],
        }
        for invoice in build_invoices(documents, customer, DEFAULT_PRODUCT)
    ]


def _find_invoices(call: Call, documents: Documents) -> list[Document]:
    customer = read_parameter(call, "customerId")
    product = call.query.get("productId") or DEFAULT_PRODUCT
    return build_invoices(documents, customer, product)


def list_official(call: Call, documents: Documents) -> Any:
    """The invoices of a customer in the official form, the latest first."""
    return _find_invoices(call, documents)


def get_official(call: Call, documents: Documents) -> Any:
    """The latest invoice, or the one of a plan and day; null if there is none.

    An official client's types allow null; what the real service answers is not known.
    """
    invoices = _find_invoices(call, documents)
    if call.query.get("latest", "").lower() == "true":
        return invoices[0] if invoices else None
    fields = Fields(members=call.query, code="invalid-query")
    wanted = [fields.read_text(name) for name in ("productPlanId", "year", "month", "day")]
    for invoice in invoices:
        key = invoice["invoiceKey"]
        if [key["productPlanId"], *(str(key[n]) for n in ("year", "month", "day"))] == wanted:
            return invoice
    return None


_OFFICIAL: Final = "/payments/billing/customer-product-invoice"


ROUTES: Final = (
    make_route(
        "listInvoices",
        "GET",
        "/payments-billing-customer-product-invoice",
        list_published,
        Shape.PUBLISHED,
    ),
    make_route("getInvoice", "GET", _OFFICIAL, get_official, Shape.OFFICIAL),
    make_route("listInvoices", "GET", f"{_OFFICIAL}/all", list_official, Shape.OFFICIAL),
)
