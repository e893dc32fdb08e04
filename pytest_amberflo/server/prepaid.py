"""Prepaid orders, in both forms of the API."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields, drop_absent
from pytest_amberflo.server.plans import (
    DAY_S,
    DEFAULT_PRODUCT,
    find_parameter,
    read_parameter,
    read_period,
)
from pytest_amberflo.server.refusal import Refusal, shorten
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents
    from pytest_amberflo.server.routing import Call

KIND: Final = "prepaid"
_CODE: Final = "invalid-prepaid-order"
_STATUSES: Final = (
    "pre_payment",
    "requires_action",
    "pending",
    "failed",
    "settled",
    "not_needed",
    "unknown",
)
_DAYS: Final = {"day": 1, "month": 30, "year": 365}


def create_published(call: Call, documents: Documents) -> Any:
    """A new order in the published form; each request makes one."""
    fields = Fields.of(call.payload, _CODE)
    amount = fields.find_number("amount")
    if amount is None or amount <= 0:
        raise fields.refuse("amount", "a number greater than 0")
    now_ms = documents.now_ms
    expires_ms = fields.find_millis("expirationTime")
    currency = fields.find_text("currency")
    order = {
        "id": f"order-{secrets.token_hex(8)}",
        "customerId": fields.read_text("customerId"),
        "productId": DEFAULT_PRODUCT,
        "startTimeInSeconds": now_ms // 1000,
        "endTimeInSeconds": None if expires_ms is None else expires_ms // 1000,
        "prepaidPrice": amount,
        "originalCurrency": currency,
    }
    order = _complete(drop_absent(order))
    documents.put(KIND, _key(order), order)
    return drop_absent(
        {
            "orderId": order["id"],
            "customerId": order["customerId"],
            "amount": amount,
            "currency": currency,
            "createTime": now_ms,
            "expirationTime": expires_ms,
        }
    )


def create_official(call: Call, documents: Documents) -> Any:
    """The order of an id that the caller gives; the same order again is no second one.

    Another order under a known id is refused (400); what the real service does is not known.
    """
    fields = Fields.of(call.payload, _CODE)
    sent = _read_order(fields)
    former = documents.find(KIND, _key(sent))
    if former is None:
        order = _complete(sent)
        documents.put(KIND, _key(order), order)
        return order
    if any(former.get(name) != value for name, value in sent.items()):
        details = f"id is {shorten(sent['id'])}"
        message = "There is another order of this id already"
        raise Refusal(400, "prepaid-order-exists", message, details=details)
    return former


def _read_order(fields: Fields) -> Document:
    price = fields.find_number("prepaidPrice")
    worth = fields.find_number("originalWorth")
    if price is None or price <= 0:
        raise fields.refuse("prepaidPrice", "a number greater than 0")
    start_s = fields.find_seconds("startTimeInSeconds")
    if start_s is None:
        raise fields.refuse("startTimeInSeconds", "seconds since 1970 as an integer")
    version = fields.find_integer("prepaidOfferVersion")
    order = {
        "id": fields.read_text("id"),
        "customerId": fields.read_text("customerId"),
        "productId": fields.find_text("productId") or DEFAULT_PRODUCT,
        "startTimeInSeconds": start_s,
        "endTimeInSeconds": fields.find_seconds("endTimeInSeconds"),
        "prepaidOfferVersion": -1 if version is None else version,
        "prepaidPrice": price,
        "originalWorth": worth,
        "externalPayment": fields.find_flag("externalPayment") or False,
    }
    # Always there, null where the order does not recur.
    return drop_absent(order) | {"recurrenceFrequency": read_period(fields, "recurrenceFrequency")}


def _complete(order: Document) -> Document:
    """An order as it is answered. It is paid at once unless it is paid elsewhere."""
    is_external = order.get("externalPayment", False)
    period = order.get("recurrenceFrequency") or {"interval": "year", "intervalsCount": 1}
    days = _DAYS[period["interval"]] * period["intervalsCount"]
    start_s = order["startTimeInSeconds"]
    end_s = order.get("endTimeInSeconds") or start_s + days * DAY_S
    made = {
        "internalStatus": "active",
        "paymentStatus": "pending" if is_external else "settled",
        "firstInvoiceUri": f"prepaid/{order['customerId']}/{order['id']}",
        "endTimeInSeconds": end_s,
        "firstCardEndTimeSeconds": end_s,
        "prepaidOfferVersion": -1,
        "originalWorth": order["prepaidPrice"],
        "originalCurrency": "USD",
        "recurrenceFrequency": None,
        "externalPayment": False,
    }
    return made | order


def _key(order: Document) -> str:
    return f"{order['id']}\n{order['customerId']}"


def list_active(call: Call, documents: Documents) -> Any:
    """The orders of a customer and product that have not ended."""
    customer = read_parameter(call, "CustomerId")
    product = find_parameter(call, "ProductId")
    now_s = documents.now_ms // 1000
    return [
        order
        for order in documents.list(KIND)
        if order["customerId"] == customer
        and product in (None, order["productId"])
        and (order["endTimeInSeconds"] > now_s or order["recurrenceFrequency"] is not None)
    ]


def delete_order(call: Call, documents: Documents) -> Any:
    """The order as it was; an empty object if there is none."""
    wanted = {"id": read_parameter(call, "Id"), "customerId": read_parameter(call, "CustomerId")}
    order = documents.find(KIND, _key(wanted))
    documents.delete(KIND, _key(wanted))
    return order or {}


def set_payment(call: Call, documents: Documents) -> Any:
    """The order, with how it was paid elsewhere."""
    fields = Fields.of(call.payload, "invalid-payment")
    status = fields.find_choice("paymentStatus", _STATUSES)
    if status is None:
        raise fields.refuse("paymentStatus", f"one of {', '.join(_STATUSES)}")
    uri = fields.read_text("prepaidUri")
    for order in documents.list(KIND):
        if order["firstInvoiceUri"] == uri:
            paid = {
                "paymentStatus": status.lower(),
                "paymentId": fields.find_text("paymentId"),
                "prepaidPaymentTimeInSeconds": fields.find_seconds("paymentTimeInSeconds"),
            }
            changed = order | drop_absent(paid)
            documents.put(KIND, _key(order), changed)
            return changed
    raise fields.refuse("prepaidUri", "the firstInvoiceUri of an order")


_OFFICIAL: Final = "/payments/pricing/amberflo/customer-prepaid"


ROUTES: Final = (
    make_route(
        "createPrepaidOrder",
        "POST",
        "/payments-pricing-amberflo-customer-prepaid",
        create_published,
        Shape.PUBLISHED,
    ),
    make_route("createPrepaidOrder", "POST", _OFFICIAL, create_official, Shape.OFFICIAL),
    make_route("deletePrepaidOrder", "DELETE", _OFFICIAL, delete_order, Shape.OFFICIAL),
    make_route("listPrepaidOrders", "GET", f"{_OFFICIAL}/list", list_active, Shape.OFFICIAL),
    make_route(
        "setPrepaidPayment",
        "POST",
        "/payments/external/prepaid-payment-status",
        set_payment,
        Shape.OFFICIAL,
    ),
)
