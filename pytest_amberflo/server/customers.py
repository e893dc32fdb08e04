"""Customers, in both forms of the API.

The published description answers 404 for a customer that is not there; Amberflo's own clients
ask with `?customerId=` and rely on an empty object. Each path keeps its form.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields, drop_absent
from pytest_amberflo.server.refusal import Refusal, shorten
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents
    from pytest_amberflo.server.routing import Call

KIND: Final = "customer"
_CODE: Final = "invalid-customer"
#: In the order of a customer's life. The published description spells the second one TRAIL,
#: which is taken as well, and kept as it was sent.
_STAGES: Final = ("ONBOARDING", "TRIAL", "TRAIL", "ACTIVE", "OFFBOARDED")
_RANKS: Final = {"ONBOARDING": 0, "TRIAL": 1, "TRAIL": 1, "ACTIVE": 2, "OFFBOARDED": 3}
_STRIPE: Final = ("true", "false", "if_payment_provider")
_MOST_ON_A_PAGE: Final = 1000


def read_customer(payload: Any) -> Document:
    """The customer in a request. Unknown members are dropped. Raises Refusal (400)."""
    fields = Fields.of(payload, _CODE)
    stage = fields.find_choice("lifecycleStage", _STAGES)
    return drop_absent(
        {
            "customerId": fields.read_text("customerId"),
            "customerName": fields.read_text("customerName"),
            "customerEmail": fields.find_text("customerEmail"),
            "description": _find_any_text(fields, "description"),
            "enabled": fields.find_flag("enabled"),
            "test": fields.find_flag("test"),
            "lifecycleStage": None if stage is None else stage.upper(),
            "traits": fields.find_text_map("traits"),
            "address": _find_address(fields),
        }
    )


def _find_any_text(fields: Fields, name: str) -> str | None:
    value = fields.members.get(name)
    if value is not None and not isinstance(value, str):
        raise fields.refuse(name, "a text")
    return value


def _find_address(fields: Fields) -> Document | None:
    address = fields.find_fields("address")
    if address is None:
        return None
    texts = {
        "line1": address.read_text("line1"),
        "state": address.find_text("state"),
        "city": address.read_text("city"),
        "postalCode": address.find_text("postalCode"),
        "country": address.read_text("country"),
    }
    return drop_absent({"verified": address.find_flag("verified")} | texts)


def list_customers(call: Call, documents: Documents) -> Any:
    """All customers; with `customerId`, that one, or an empty object."""
    name = call.query.get("customerId")
    if name is None:
        return list(documents.list(KIND))
    return documents.find(KIND, name) or {}


def page_customers(call: Call, documents: Documents) -> Any:
    """One page of the customers whose id, name or address holds a text.

    Only the form of this answer is known, from a recording; what it counts, and how its
    parameters work, is our reading of their names.
    """
    fields = Fields(members=_read_integers(call), code="invalid-page")
    limit = fields.find_integer("limit", least=1, below=_MOST_ON_A_PAGE + 1) or 100
    page = fields.find_integer("page", least=1, below=2**31) or 1
    search = call.query.get("search", "")
    everything = documents.list(KIND)
    found = [customer for customer in everything if _matches(customer, search.lower())]
    is_ascending = call.query.get("isAscending", "true").lower() != "false"
    sort = call.query.get("sort") or "customerName"
    found.sort(key=lambda customer: str(customer.get(sort, "")), reverse=not is_ascending)
    metadata = {
        "totalRowCount": len(everything),
        "filteredRowCount": len(found),
        "limit": limit,
        "page": page,
        "totalFilteredPages": -(-len(found) // limit),
        "isAscending": is_ascending,
        "sort": sort,
        "search": search,
    }
    return {"metadata": metadata, "items": found[(page - 1) * limit : page * limit]}


def _read_integers(call: Call) -> dict[str, Any]:
    texts = ((name, call.query.get(name)) for name in ("limit", "page"))
    return {
        name: int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text
        for name, text in texts
        if text
    }


def _matches(customer: Document, search: str) -> bool:
    names = ("customerId", "customerName", "customerEmail")
    return any(search in str(customer.get(name, "")).lower() for name in names)


def get_customer(call: Call, documents: Documents) -> Any:
    """The customer of the path."""
    return _find(documents, call.arguments["customerId"])


def _find(documents: Documents, name: str) -> Document:
    customer = documents.find(KIND, name)
    if customer is None:
        details = f"customerId is {shorten(name)}"
        raise Refusal(404, "customer-not-found", "There is no such customer", details=details)
    return customer


def create_customer(call: Call, documents: Documents) -> Any:
    """A new customer; one whose id is taken is refused (400)."""
    customer = read_customer(call.payload)
    name = customer["customerId"]
    if documents.find(KIND, name) is not None:
        details = f"customerId is {shorten(name)}"
        raise Refusal(400, "customer-exists", "This customer is there already", details=details)
    if _reads_stripe(call):
        # What the real service writes there is Stripe's own; here it is made of the customer.
        stripe_id = f"cus_{hashlib.sha256(name.encode()).hexdigest()[:14]}"
        customer["traits"] = customer.get("traits", {}) | {"stripeId": stripe_id}
    now_ms = documents.now_ms
    customer |= {"id": name, "createTime": now_ms, "updateTime": now_ms}
    documents.put(KIND, name, customer)
    return customer


def _reads_stripe(call: Call) -> bool:
    value = call.query.get("autoCreateCustomerInStripe", "false").lower()
    if value not in _STRIPE:
        fields = Fields(members=call.query, code=_CODE)
        raise fields.refuse("autoCreateCustomerInStripe", f"one of {', '.join(_STRIPE)}")
    # There is no payment provider here.
    return value == "true"


def update_customer(call: Call, documents: Documents) -> Any:
    """The customer, replaced as a whole; one that is not there is refused (400)."""
    customer = read_customer(call.payload)
    name = customer["customerId"]
    former = documents.find(KIND, name)
    if former is None:
        details = f"customerId is {shorten(name)}"
        raise Refusal(400, "customer-not-found", "There is no such customer", details=details)
    customer |= {"id": name, "createTime": former["createTime"], "updateTime": documents.now_ms}
    documents.put(KIND, name, customer)
    return customer


def stage_customer(call: Call, documents: Documents) -> Any:
    """The customer in a later stage of its life; there is no way back (400)."""
    fields = Fields.of(call.payload, _CODE)
    name = fields.read_text("customerId")
    stage = fields.find_choice("lifecycleStage", _STAGES)
    if stage is None:
        raise fields.refuse("lifecycleStage", f"one of {', '.join(_STAGES)}")
    customer = documents.find(KIND, name)
    if customer is None:
        raise fields.refuse("customerId", "a customer that is there")
    present = customer.get("lifecycleStage", _STAGES[0])
    if _RANKS[stage.upper()] < _RANKS[present]:
        raise fields.refuse("lifecycleStage", f"{present} or a later stage")
    customer |= {"lifecycleStage": stage.upper(), "updateTime": documents.now_ms}
    documents.put(KIND, name, customer)
    return customer


def delete_customer(call: Call, documents: Documents) -> Any:
    """The customer as it was; its usage stays."""
    customer = _find(documents, call.arguments["customerId"])
    documents.delete(KIND, customer["customerId"])
    return customer | {"deleteTime": documents.now_ms}


ROUTES: Final = (
    make_route("listCustomers", "GET", "/customers", list_customers),
    make_route("createCustomer", "POST", "/customers", create_customer),
    make_route("updateCustomer", "PUT", "/customers", update_customer),
    make_route("createCustomer", "POST", "/customer-details", create_customer, Shape.OFFICIAL),
    make_route("pageCustomers", "GET", "/customers/paging", page_customers, Shape.OFFICIAL),
    make_route("stageCustomer", "PUT", "/customers/stage", stage_customer, Shape.OFFICIAL),
    make_route("getCustomerById", "GET", "/customers/{customerId}", get_customer),
    make_route("deleteCustomer", "DELETE", "/customers/{customerId}", delete_customer),
)
