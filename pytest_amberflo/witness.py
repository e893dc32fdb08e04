"""Usage queries of our own, for what the queries of a document would not show.

A workflow that only ingests, a maximum that hides a smaller value, a value of 0: the document's
own queries could not tell that an event was lost or counted twice. SUM and COUNT of that meter
and customer can.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from pytest_amberflo.arazzo.bound import Target
from pytest_amberflo.arazzo.plan import Plan
from pytest_amberflo.arazzo.scope import SentRequest
from pytest_amberflo.courier import divert
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.metering.query import read_query
from pytest_amberflo.metering.witness import Shape, write_query
from pytest_amberflo.patience import NotJudgedError
from pytest_amberflo.recognition import recognize_operation
from pytest_amberflo.verdict import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.events import Call, Route
    from pytest_amberflo.arazzo.operation import ApiDescription, Operation
    from pytest_amberflo.courier import Courier
    from pytest_amberflo.judge import UsageJudge
    from pytest_amberflo.metering.query import UsageQuery
    from pytest_amberflo.reader import UsageReader

#: Headers that belong to the ingest request's body, not to whoever sends it.
_OF_THE_BODY: Final = ("content-type", "content-length", "content-encoding", "accept")
#: What is asked for usage by, where no description of the document knows how.
_STAND_IN: Final = "amberflo-metering-openapi.yaml"
_LIVE_STAND_IN: Final = "amberflo-official-openapi.yaml"


class Witness:
    """Queries usage for one item."""

    def __init__(
        self,
        bound: BoundDocument,
        courier: Courier,
        reader: UsageReader,
        judge: UsageJudge,
        route: Route,
    ) -> None:
        self._route = route
        self._bound = bound
        self._courier = courier
        self._reader = reader
        self._judge = judge
        self._ingest: Call | None = None

    @property
    def has_subject(self) -> bool:
        """Whether it is known where, and with which key, to ask."""
        return self._ingest is not None

    def remember(self, call: Call) -> None:
        """Keep an ingest call: where it went, and with which key."""
        self._ingest = call

    def peek(self, call: Call) -> None:
        """Read usage of what a call sent, between two copies of it; nothing is judged yet."""
        for query in self._judge.plan_witnesses()[:1]:
            peeking = self._make_call(call, query)
            if peeking is not None:
                self._reader.read(peeking, "between copies")

    def foresee(self, ingest: Call) -> Iterator[Call]:
        """The queries that will be asked about what a call is going to send."""
        for query in self._judge.plan_witnesses_of(ingest.plan.sent.request.body or b""):
            call = self._make_call(ingest, query)
            if call is not None:
                yield call

    def ask(self) -> None:
        """Query what nobody has looked at; verdicts on it become checks."""
        ingest = self._ingest
        if ingest is None:
            return
        for query in self._judge.plan_witnesses():
            call = self._make_call(ingest, query)
            if call is None:
                return
            try:
                exchange = self._reader.settle(
                    call, read_query(call.plan.sent.request.body or b""), settle_s=None
                )
            except NotJudgedError as error:
                self._courier.add(call, "throttle", CheckOutcome.ERROR, str(error))
                return
            response = exchange.response
            if response is not None and response.status != 200:
                message = (
                    f"usage could not be read: a query of our own is answered {response.status}"
                )
                self._courier.add(
                    call, "usage", CheckOutcome.UNVERIFIED, message, exchange=exchange
                )
                return
            if any(check.outcome is CheckOutcome.FAILED for check in self._courier.checks):
                return

    def write_requests(self, queries: Iterable[UsageQuery]) -> Iterator[tuple[Request, Target]]:
        """Requests for queries that nobody has asked, and what their answers are held to."""
        for query in queries if self._ingest is not None else ():
            assert self._ingest is not None
            call = self._make_call(self._ingest, query)
            if call is not None:
                yield call.plan.sent.request, call.target

    def _make_call(self, ingest: Call, query: UsageQuery) -> Call | None:
        """A query as a call of the step that ingested; None where it is not known how to ask."""
        target, base_url = self._find_target(ingest)
        if target is None:
            return None
        shape = _shape_of(target.operation)
        body = json.dumps(write_query(query, shape), separators=(",", ":")).encode()
        kept = [
            (name, value)
            for name, value in ingest.plan.sent.request.headers
            if name.lower() not in _OF_THE_BODY
        ]
        json_type = "application/json"
        request = Request(
            method=target.operation.method,
            url=base_url.rstrip("/") + target.operation.path,
            headers=(*kept, ("Content-Type", json_type), ("Accept", json_type)),
            body=body,
        )
        plan = Plan(sent=SentRequest(request=request), path_texts={})
        return replace(
            ingest, target=target, plan=plan, timeout_s=None, is_handled=lambda _: False
        )

    def _find_target(self, ingest: Call) -> tuple[Target | None, str]:
        """The usage operation of the same API, else of any API of the document, else shipped."""
        own = ingest.target
        for name, description in (
            (own.source_name, own.description),
            *self._bound.descriptions.items(),
        ):
            operation = find_usage(description)
            if operation is not None:
                target = Target(source_name=name, description=description, operation=operation)
                return target, self._route(target)
        url = ingest.plan.sent.request.url.partition("?")[0].rstrip("/")
        path = own.operation.path.rstrip("/")
        if not recognize_operation(own.operation) or not url.endswith(path):
            return None, ""
        from pytest_amberflo.openapi.catalog import read_shipped  # noqa: PLC0415  rarely needed

        is_live = self._judge.is_live
        shipped = read_shipped(_LIVE_STAND_IN if is_live else _STAND_IN)
        operation = find_usage(shipped)
        assert operation is not None
        target = Target(source_name=own.source_name, description=shipped, operation=operation)
        # The real service takes events and answers queries on different hosts.
        return target, self._route(target) if is_live else url.removesuffix(path)


def rewrite_query(call: Call, query: UsageQuery) -> Call:
    """The call of a usage query with another query in the same shape."""
    shape = _shape_of(call.target.operation)
    body = json.dumps(write_query(query, shape), separators=(",", ":")).encode()
    return divert(call, replace(call.plan.sent.request, body=body))


def find_usage(description: ApiDescription) -> Operation | None:
    """The operation of a description that queries usage, if it has one."""
    for name in description.operation_ids:
        operation = description.find(name)
        if operation is not None and recognize_operation(operation) == "usage":
            return operation
    return None


def _shape_of(operation: Operation) -> Shape:
    is_nested = any("timeRange" in members for members in operation.body_schemas.values())
    return Shape.OFFICIAL if is_nested else Shape.PUBLISHED
