"""Product plans and who has which, in both forms of the API."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.fields import Fields, drop_absent
from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Document, Documents
    from pytest_amberflo.server.routing import Call

PLAN: Final = "plan"
#: One document per customer: the history of its plans, oldest first.
ASSIGNMENTS: Final = "assignments"
DEFAULT_PRODUCT: Final = "1"
DAY_S: Final = 86_400
_CODE: Final = "invalid-plan"
_INTERVALS: Final = ("day", "month", "year")


def read_assignments(documents: Documents, customer: str) -> list[Document]:
    """The plans that a customer has had, oldest first."""
    found = documents.find(ASSIGNMENTS, customer)
    return [] if found is None else list(found["items"])


def assign(documents: Documents, assignment: Document) -> Document:
    """Give a customer a plan; the one before it ends where this one starts.

    The same plan from the same moment is no second one. Whether the real service wants the
    customer and the plan to be there is not known; this one does not.
    """
    customer = assignment["customerId"]
    start_s = assignment["startTimeInSeconds"]
    kept = []
    for item in read_assignments(documents, customer):
        is_replaced = item["startTimeInSeconds"] >= start_s
        if item["productId"] != assignment["productId"] or not is_replaced:
            kept.append(_end(item, assignment))
    items = sorted([*kept, assignment], key=lambda item: int(item["startTimeInSeconds"]))
    documents.put(ASSIGNMENTS, customer, {"items": items})
    return assignment


def _end(item: Document, successor: Document) -> Document:
    if item["productId"] != successor["productId"]:
        return item
    start_s = successor["startTimeInSeconds"]
    return item | {"endTimeInSeconds": min(item.get("endTimeInSeconds", start_s), start_s)}


def assign_published(call: Call, documents: Documents) -> Any:
    """The assignment, in the published form, where `productId` names the plan."""
    fields = Fields.of(call.payload, _CODE)
    start_ms = fields.find_millis("startTime")
    start_ms = documents.now_ms if start_ms is None else start_ms
    assignment = assign(
        documents,
        {
            "customerId": fields.read_text("customerId"),
            "productPlanId": fields.read_text("productId"),
            "productId": DEFAULT_PRODUCT,
            "startTimeInSeconds": start_ms // 1000,
        },
    )
    plan = assignment["productPlanId"]
    return {"customerId": assignment["customerId"], "productId": plan, "startTime": start_ms}


def assign_official(call: Call, documents: Documents) -> Any:
    """The assignment, in the official form. An end is a day or more after the start."""
    fields = Fields.of(call.payload, _CODE)
    start_s = fields.find_seconds("startTimeInSeconds")
    start_s = documents.now_ms // 1000 if start_s is None else start_s
    end_s = fields.find_seconds("endTimeInSeconds")
    if end_s is not None and end_s < start_s + DAY_S:
        raise fields.refuse("endTimeInSeconds", f"{start_s + DAY_S} (a day later) or more")
    assignment = {
        "customerId": fields.read_text("customerId"),
        "productPlanId": fields.read_text("productPlanId"),
        "productId": fields.find_text("productId") or DEFAULT_PRODUCT,
        "startTimeInSeconds": start_s,
        "endTimeInSeconds": end_s,
    }
    return assign(documents, drop_absent(assignment))


def find_parameter(call: Call, name: str) -> str | None:
    """A parameter of the query, in any letter case: official clients do not agree on one."""
    for key, value in call.query.items():
        if key.lower() == name.lower():
            return value
    return None


def read_parameter(call: Call, name: str) -> str:
    """A parameter that must be there. Raises Refusal (400)."""
    value = find_parameter(call, name)
    if not value or not value.strip():
        raise Refusal(400, "invalid-query", f"The parameter {name} is missing or blank")
    return value


def get_assignment(call: Call, documents: Documents) -> Any:
    """The customer's latest plan; an empty object if there is none."""
    items = read_assignments(documents, read_parameter(call, "CustomerId"))
    return items[-1] if items else {}


def list_assignments(call: Call, documents: Documents) -> Any:
    """Every plan the customer has had, oldest first."""
    return read_assignments(documents, read_parameter(call, "CustomerId"))


def put_plan(call: Call, documents: Documents) -> Any:
    """A product plan, new or replaced.

    Beside what official scripts send there is `meterPrices`: meters and the price of a unit,
    which this server makes invoices from.
    """
    fields = Fields.of(call.payload, _CODE)
    plan: Document = {
        "id": fields.find_text("id") or secrets.token_hex(8),
        "productPlanName": fields.read_text("productPlanName"),
        "description": fields.members.get("description") or "",
        "productId": fields.find_text("productId") or DEFAULT_PRODUCT,
        "billingPeriod": read_period(fields, "billingPeriod") or _MONTHLY,
        "lockingStatus": fields.find_text("lockingStatus") or "open",
        "productItemPriceIdsMap": fields.find_text_map("productItemPriceIdsMap") or {},
        "feeMap": fields.members.get("feeMap") or {},
        "meterPrices": _read_prices(fields),
    }
    if not isinstance(plan["description"], str):
        raise fields.refuse("description", "a text")
    if not isinstance(plan["feeMap"], dict) or not _is_flat(plan["feeMap"], _MOST_LEVELS):
        raise fields.refuse("feeMap", f"an object of {_MOST_LEVELS} levels at most")
    documents.put(PLAN, plan["id"], plan)
    return plan


#: What is kept as it comes must not be more than its readers can read.
_MOST_LEVELS: Final = 20


def _is_flat(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    members = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_flat(member, levels - 1) for member in members)


_MONTHLY: Final = {"interval": "month", "intervalsCount": 1}


def _read_prices(fields: Fields) -> dict[str, float]:
    prices = fields.find_fields("meterPrices")
    if prices is None:
        return {}
    return {name: prices.find_number(name) or 0 for name in prices.members}


def read_period(fields: Fields, name: str) -> Document | None:
    """A billing period, if there is one; sent in any letter case, answered in lower case."""
    period = fields.find_fields(name)
    if period is None:
        return None
    interval = period.find_choice("interval", _INTERVALS)
    count = period.find_integer("intervalsCount", least=1, below=10_000)
    if interval is None:
        raise period.refuse("interval", f"one of {', '.join(_INTERVALS)}")
    return {"interval": interval.lower(), "intervalsCount": count or 1}


def list_plans(_: Call, documents: Documents) -> Any:
    """All product plans."""
    return list(documents.list(PLAN))


def get_plan(call: Call, documents: Documents) -> Any:
    """The product plan of an id; an empty object if there is none."""
    name = find_parameter(call, "id") or read_parameter(call, "productPlanId")
    return documents.find(PLAN, name) or {}


_OFFICIAL: Final = "/payments/pricing/amberflo/customer-pricing"
_PLANS: Final = "/payments/pricing/amberflo/account-pricing/product-plans"


ROUTES: Final = (
    make_route(
        "assignPlan",
        "POST",
        "/payments-pricing-amberflo-customer-pricing",
        assign_published,
        Shape.PUBLISHED,
    ),
    make_route("assignPlan", "POST", _OFFICIAL, assign_official, Shape.OFFICIAL),
    make_route("getPlanOfCustomer", "GET", _OFFICIAL, get_assignment, Shape.OFFICIAL),
    make_route(
        "listPlansOfCustomer", "GET", f"{_OFFICIAL}/list", list_assignments, Shape.OFFICIAL
    ),
    make_route("putPlan", "POST", _PLANS, put_plan, Shape.OFFICIAL),
    make_route("getPlan", "GET", _PLANS, get_plan, Shape.OFFICIAL),
    make_route("listPlans", "GET", f"{_PLANS}/list", list_plans, Shape.OFFICIAL),
)
