"""The routes: from a request to its answer."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_amberflo.server.aggregate import aggregate_usage
from pytest_amberflo.server.intake import read_intake
from pytest_amberflo.server.message import Answer, encode_json
from pytest_amberflo.server.payload import read_payload
from pytest_amberflo.server.query import read_query
from pytest_amberflo.server.refusal import Refusal, refuse_fault, refuse_store
from pytest_amberflo.server.report import render_report

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from pytest_amberflo.server.journal import Journal
    from pytest_amberflo.server.keyring import Keyring
    from pytest_amberflo.server.message import Request, Respond
    from pytest_amberflo.server.query import UsageQuery
    from pytest_amberflo.server.store import Store

_HEALTHY: Final = Answer(status=200, body=encode_json({"status": "ok"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """What can be done at a path."""

    methods: Mapping[str, Callable[[Request, Respond], None]]
    #: Whether the next request of a connection may be started before this one is answered.
    is_overlapping: bool = False


class App:
    """Answers requests from a store. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        keyring: Keyring,
        store: Store,
        journal: Journal,
        loop: asyncio.AbstractEventLoop,
        body_limit: int,
    ) -> None:
        self._keyring = keyring
        self._journal = journal
        self._loop = loop
        self._body_limit = body_limit
        self._reader = store.open_reader()
        # A long query must not hold up those who send events.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="amberflo-usage")
        ingest = _Route(methods={"POST": self._ingest}, is_overlapping=True)
        usage = _Route(methods={"POST": self._query_usage})
        health = _Route(methods={"GET": self._report_health, "HEAD": self._report_health})
        # Both spellings, and no redirect: many clients would follow one with a GET.
        self._routes: Final = {
            "/ingest": ingest,
            "/ingest/": ingest,
            "/usage": usage,
            "/usage/": usage,
            "/health": health,
        }

    def is_overlapping(self, request: Request) -> bool:
        """Whether requests behind this one may be started before it is answered.

        Those of one connection that are written together may; whatever reads may not.
        """
        route = self._routes.get(request.path)
        return route is not None and route.is_overlapping

    def handle(self, request: Request, respond: Respond) -> None:
        """Have a request answered through `respond`, now or later, once."""
        try:
            self._find(request)(request, respond)
        except Refusal as refusal:
            respond(refusal.to_answer())

    def close(self) -> None:
        """Give up what is still being read and close."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._reader.interrupt()
        self._executor.shutdown()
        self._reader.close()

    def _find(self, request: Request) -> Callable[[Request, Respond], None]:
        route = self._routes.get(request.path)
        if route is None:
            raise Refusal(404, "not-found", "There is nothing at this path")
        method = route.methods.get(request.method)
        if method is None:
            allowed = ", ".join(route.methods)
            message = f"This path answers to {allowed} only"
            raise Refusal(405, "method-not-allowed", message, headers=(("Allow", allowed),))
        return method

    def _authenticate(self, request: Request) -> int:
        """The tenant of a request.

        Refuses with 401, as Amberflo's published description says; what the real service
        answers is not known, it may as well be 403.
        """
        keys = request.header_values(b"x-api-key")
        tenant = self._keyring.find_tenant(keys[0]) if len(keys) == 1 else None
        if tenant is not None:
            return tenant
        problem = "is missing" if not keys else "is unknown" if len(keys) == 1 else "is repeated"
        raise Refusal(
            401,
            "unauthorized",
            f"The API key in the header X-API-KEY {problem}",
            headers=(("WWW-Authenticate", 'ApiKey realm="Amberflo"'),),
        )

    def _ingest(self, request: Request, respond: Respond) -> None:
        """Answer with the JSON text `N records were ingested` once they are on disk.

        N is the number of events in the request. Whether the real service counts duplicates,
        and whether it counts events or the meters in them, is not known.
        """
        tenant = self._authenticate(request)
        intake = read_intake(read_payload(request, limit=self._body_limit), tenant)
        text = f"{intake.event_count} records were ingested"
        answer = Answer(status=200, body=encode_json(text))
        if not intake.records:
            respond(answer)
            return
        self._journal.add(
            intake.records,
            lambda refusal: respond(answer if refusal is None else refusal.to_answer()),
        )

    def _query_usage(self, request: Request, respond: Respond) -> None:
        tenant = self._authenticate(request)
        query = read_query(read_payload(request, limit=self._body_limit))
        future = self._loop.run_in_executor(self._executor, self._answer_usage, tenant, query)
        future.add_done_callback(partial(_respond_with, respond))

    def _answer_usage(self, tenant: int, query: UsageQuery) -> Answer:
        """The answer to a query; runs in the thread that reads."""
        try:
            groups = aggregate_usage(self._reader, tenant, query)
            return Answer(status=200, body=render_report(query, groups))
        except Refusal as refusal:
            return refusal.to_answer()
        except sqlite3.Error as error:
            return refuse_store(str(error)).to_answer()

    def _report_health(self, _: Request, respond: Respond) -> None:
        respond(_HEALTHY)


def _respond_with(respond: Respond, future: asyncio.Future[Answer]) -> None:
    if future.cancelled():
        respond(refuse_fault().to_answer())
        return
    failure = future.exception()
    if failure is None:
        respond(future.result())
        return
    respond(refuse_fault().to_answer())
    # For the loop's exception handler, which keeps it until the server stops.
    raise failure
