"""Usage queries of every kind, in both forms of the API: the shape of a query decides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.aggregate import aggregate_usage
from pytest_amberflo.server.documents import METER
from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.interval import Interval
from pytest_amberflo.server.official_query import (
    CODE,
    is_official,
    read_official_query,
)
from pytest_amberflo.server.official_report import build_report as build_official_report
from pytest_amberflo.server.query import Aggregation, Filter, UsageQuery, read_query
from pytest_amberflo.server.refusal import Refusal, describe_value, shorten
from pytest_amberflo.server.report import build_report, read_amount
from pytest_amberflo.server.routing import make_route
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from pytest_amberflo.server.documents import Documents
    from pytest_amberflo.server.routing import Call, Route

#: Queries in one batch. The real service's limit, if it has one, is not known.
_MOST_IN_BATCH: Final = 100
#: Members that only a published query has.
_FLAT_WINDOW: Final = frozenset(("startTimeInSeconds", "endTimeInSeconds"))
#: What `current-usage-rate` looks back on, in seconds. The real service's window is not known.
_RATE_S: Final = 3_600
#: The meters of a tenant, each found by one step through the primary key.
_RECORDED: Final = """
WITH RECURSIVE known(meter) AS (
    SELECT min(meter) FROM record WHERE tenant = :tenant
    UNION ALL
    SELECT (SELECT min(meter) FROM record WHERE tenant = :tenant AND meter > known.meter)
    FROM known WHERE known.meter IS NOT NULL
)
SELECT meter FROM known WHERE meter IS NOT NULL
"""


def query_usage(call: Call, documents: Documents) -> Any:
    """One report, in the shape of its query."""
    return _answer(call, documents, call.payload, is_sparse=False)


def query_sparse(call: Call, documents: Documents) -> Any:
    """One report without gaps filled; in the published shape there never are any."""
    return _answer(call, documents, call.payload, is_sparse=True)


def query_batch(call: Call, documents: Documents) -> Any:
    """The reports of several queries, in their order."""
    return _answer_batch(call, documents, is_sparse=False)


def query_sparse_batch(call: Call, documents: Documents) -> Any:
    """The reports of several queries, in their order, without gaps filled."""
    return _answer_batch(call, documents, is_sparse=True)


def _answer_batch(call: Call, documents: Documents, *, is_sparse: bool) -> Any:
    queries = call.payload
    if not isinstance(queries, list):
        details = f"the body is {describe_value(queries)}"
        raise Refusal(400, CODE, "An array of queries was expected", details=details)
    if len(queries) > _MOST_IN_BATCH:
        raise Refusal(400, CODE, f"A batch holds {_MOST_IN_BATCH} queries at most")
    return [_answer(call, documents, query, is_sparse=is_sparse) for query in queries]


def _answer(call: Call, documents: Documents, payload: Any, *, is_sparse: bool) -> Any:
    avoids_fresh = call.query.get("minimizeFresh", "false").lower() not in ("false", "0")
    if not is_official(payload):
        published = read_query(payload)
        usage = aggregate_usage(documents, published, avoids_fresh=avoids_fresh)
        return build_report(published, usage.groups)
    query = read_official_query(payload, now_s=documents.now_ms // 1000)
    _check_names(documents, query.usage)
    usage = aggregate_usage(documents, query.usage, avoids_fresh=avoids_fresh)
    return build_official_report(query, usage, is_sparse=is_sparse)


def _check_names(documents: Documents, query: UsageQuery) -> None:
    """Refuse names that a meter with declared dimensions has not got, as the service does."""
    meter = documents.find(METER, query.meter)
    declared = [] if meter is None else meter["dimensions"]
    if not declared:
        return
    for name in (*query.group_by, *(item.name for item in query.filters)):
        if name != "customerId" and name not in declared:
            details = f"{shorten(name)} is not one of customerId, {', '.join(declared)}"
            message = f"The meter {shorten(query.meter)} has no such dimension"
            raise Refusal(400, CODE, message, details=shorten(details))


def query_all(call: Call, documents: Documents) -> Any:
    """A report of each meter, those that are defined first, then those that only have records.

    Each is read as it was defined; the real service is known to list its official meters.
    """
    window = ("startTimeInSeconds", "endTimeInSeconds")
    group_by = call.query.get("groupBy")
    if group_by not in (None, "", "customerId"):
        fields = Fields(members=call.query, code=CODE)
        raise fields.refuse("groupBy", "customerId")
    customer = call.query.get("customerId")
    defined = [meter["meterApiName"] for meter in documents.list(METER)]
    recorded = documents.connection.execute(_RECORDED, {"tenant": documents.tenant})
    others = [name for (name,) in recorded if name not in defined]
    payload = {
        "timeRange": {name: call.query[name] for name in window if name in call.query},
        "timeGroupingInterval": call.query.get("timeGroupingInterval"),
        "groupBy": ["customerId"] if group_by else None,
        "filter": {"customerId": [customer]} if customer else None,
    }
    reports = []
    read_official_query(payload | {"meterApiName": "any"}, now_s=documents.now_ms // 1000)
    for name in (*defined, *others):
        query = read_official_query(
            payload | {"meterApiName": name}, now_s=documents.now_ms // 1000
        )
        usage = aggregate_usage(documents, query.usage)
        reports.append(build_official_report(query, usage, is_sparse=False))
    return reports


def query_rate(call: Call, documents: Documents) -> Any:
    """Usage per second of a meter and customer over the last hour.

    What the real service's rate is a rate of, and over which time, is not known.
    """
    fields = Fields(members=call.query, code=CODE)
    meter, customer = fields.read_text("meterApiName"), fields.read_text("customerId")
    now_s = documents.now_ms // 1000
    query = UsageQuery(
        meter=meter,
        start_s=now_s - _RATE_S,
        end_s=now_s,
        aggregation=Aggregation.SUM,
        interval=Interval.HOUR,
        group_by=(),
        filters=(Filter(name="customerId", values=(customer,)),),
    )
    usage = aggregate_usage(documents, query)
    total = sum(read_amount(group.total) for group in usage.groups)
    return {"rate": total / _RATE_S, "request": dict(call.query)}


def tell_shape(payload: Any) -> Shape:
    """Whose form a query has: official ones have a nested window, published ones a flat one.

    With neither, nothing tells which is meant.
    """
    if is_official(payload):
        return Shape.OFFICIAL
    is_flat = isinstance(payload, dict) and not _FLAT_WINDOW.isdisjoint(payload)
    return Shape.PUBLISHED if is_flat else Shape.SHARED


def _query(name: str, path: str, operate: Any) -> Route:
    route = make_route(name, "POST", path, operate, Shape.OFFICIAL)
    return replace(route, is_query=True)


def _query_of_either(path: str) -> Route:
    route = _query("usage", path, query_usage)
    return replace(route, shape=Shape.SHARED, tell_shape=tell_shape)


ROUTES: Final = (
    _query_of_either("/usage"),
    # An older name of the same.
    _query_of_either("/usage-java"),
    _query("usageBatch", "/usage/batch", query_batch),
    _query("usageSparse", "/usage/sparse", query_sparse),
    _query("usageSparseBatch", "/usage/sparse/batch", query_sparse_batch),
    make_route("usageAll", "GET", "/usage/all", query_all, Shape.OFFICIAL),
    make_route("usageRate", "GET", "/usage/current-usage-rate", query_rate, Shape.OFFICIAL),
)
