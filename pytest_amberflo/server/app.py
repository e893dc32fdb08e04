"""From a request to its answer: who asks, for what, and what may go wrong with it."""

from __future__ import annotations

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.attempts import Attempts
from pytest_amberflo.server.documents import Documents
from pytest_amberflo.server.ingest import (
    INGEST_ROUTES,
    check_parameters,
    read_events,
    render_accepted,
)
from pytest_amberflo.server.keyring import Keyring
from pytest_amberflo.server.message import Answer, encode_json
from pytest_amberflo.server.payload import read_payload
from pytest_amberflo.server.refusal import Refusal, refuse_fault, refuse_store
from pytest_amberflo.server.routing import Call, Route, Router, read_parameters
from pytest_amberflo.server.shape import Shape
from pytest_amberflo.server.store import Delivery, read_lead
from pytest_amberflo.server.usage import ROUTES as USAGE_ROUTES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pytest_amberflo.server.attempts import Attempt
    from pytest_amberflo.server.control import Control
    from pytest_amberflo.server.gate import Gate
    from pytest_amberflo.server.journal import Journal
    from pytest_amberflo.server.message import Request, Respond
    from pytest_amberflo.server.mischief import Mischief
    from pytest_amberflo.server.setup import Setup
    from pytest_amberflo.server.store import Store

_HEALTHY: Final = Answer(status=200, body=encode_json({"status": "ok"}))
#: Paths whose requests may be started before those ahead of them are answered.
_OVERLAPPING: Final = frozenset(("/ingest", "/ingest/"))
#: What the control API is below.
_CONTROL: Final = "/control/"


class App:
    """Answers requests from a store. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        setup: Setup,
        store: Store,
        journal: Journal,
        loop: asyncio.AbstractEventLoop,
        gate: Gate,
    ) -> None:
        self._keyring = Keyring(setup.api_keys)
        self._store = store
        self._gate = gate
        self._journal = journal
        self._loop = loop
        self._body_limit = setup.limits.body_bytes
        self._behaviour = setup.behaviour
        self._setup = setup
        # Chance that can be repeated.
        self._dice = random.Random(setup.behaviour.seed)  # noqa: S311
        #: None for as long as nothing is to go wrong.
        self._mischief = self._make_mischief() if setup.faults else None
        self._control: Control | None = None
        self._attempts = Attempts(body_limit=setup.limits.body_bytes)
        self._reader = store.open_reader()
        # A long query must not hold up those who send events.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="amberflo-usage")
        health = Route(name="health", method="GET", path="/health", shape=Shape.SHARED)
        self._router = Router((*INGEST_ROUTES, health, *USAGE_ROUTES), _load_routes)

    def _make_mischief(self) -> Mischief:
        # Heavy to import, and most servers do no wrong.
        from pytest_amberflo.server.mischief import Mischief  # noqa: PLC0415

        return Mischief(self._setup.faults, self._dice, self._loop)

    def _open_control(self) -> Control:
        """The control API, made when it is asked for first."""
        if self._control is None:
            from pytest_amberflo.server.control import Control  # noqa: PLC0415 - heavy

            if self._mischief is None:
                self._mischief = self._make_mischief()
            assert self._setup.control_token is not None
            self._control = Control(
                token=self._setup.control_token,
                store=self._store,
                journal=self._journal,
                faults=self._mischief.book,
                attempts=self._attempts,
                loop=self._loop,
                read=self._read,
                gate=self._gate,
            )
        return self._control

    def is_overlapping(self, request: Request) -> bool:
        """Whether requests behind this one may be started before it is answered.

        Those of one connection that are written together may; whatever reads may not.
        """
        return request.path in _OVERLAPPING and request.method == "POST"

    def handle(self, request: Request, respond: Respond) -> None:
        """Have a request answered through `respond`, now or later, once."""
        if request.notes is not None and request.notes.tenant is not None:
            self._receive(request, respond, request.notes.tenant)
            return
        shape = Shape.SHARED
        try:
            if request.authority:
                answer = self._gate.check(request)
                if answer is not None:
                    respond(answer)
                    return
            if request.path.startswith(_CONTROL) and self._setup.control_token is not None:
                self._open_control().handle(request, respond, limit=self._body_limit)
                return
            route, arguments = self._router.find(request)
            shape = route.shape
            if route.name == "health":
                respond(_HEALTHY)
                return
            if route.name == "ingest":
                self._receive(request, respond, None)
                return
            call = Call(
                request=request,
                arguments=arguments,
                tenant=self._authenticate(request),
                query=read_parameters(request),
                payload=read_payload(request, limit=self._body_limit) if route.has_body else None,
            )
            shape = route.find_shape(call.payload)
            self._operate(route, call, shape, respond)
        except Refusal as refusal:
            respond(refusal.to_answer(shape))

    def hold(self) -> None:
        """Write no events until `flush`: whoever calls it has all that can go together."""
        self._journal.is_held = True

    def flush(self) -> bool:
        """Write the events that were held and answer their requests; False if there are none."""
        self._journal.is_held = False
        return self._journal.flush()

    def release(self) -> None:
        """Let nobody wait any longer for what may never come."""
        if self._control is not None:
            self._control.release()

    def close(self) -> None:
        """Give up what is still being read and close."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._reader.interrupt()
        self._executor.shutdown()
        self._reader.close()

    def _authenticate(self, request: Request) -> int:
        """The tenant of a request.

        Refuses with 401, as Amberflo's published description says, or with 403, which is what
        the real service likely answers.
        """
        keys = request.header_values(b"x-api-key")
        tenant = self._keyring.find_tenant(keys[0]) if len(keys) == 1 else None
        if tenant is not None:
            return tenant
        problem = "is missing" if not keys else "is unknown" if len(keys) == 1 else "is repeated"
        raise Refusal(
            self._behaviour.unauthorized_status,
            "unauthorized",
            f"The API key in the header X-API-KEY {problem}",
            headers=(("WWW-Authenticate", 'ApiKey realm="Amberflo"'),),
        )

    def _receive(self, request: Request, respond: Respond, tenant: int | None) -> None:
        """Answer an ingest; `tenant` is whose it is, where the head has told it before."""
        attempt = None
        if self._attempts.is_recording:
            attempt, respond = self._attempts.open(request, respond)
        try:
            if tenant is None:
                tenant = self._authenticate(request)
                if request.notes is not None:
                    request.notes.tenant = tenant
            self._ingest(request, tenant, respond, attempt)
        except Refusal as refusal:
            respond(refusal.to_answer(Shape.SHARED))

    def _ingest(
        self, request: Request, tenant: int, respond: Respond, attempt: Attempt | None
    ) -> None:
        """Answer `N records were ingested` once they are on disk.

        N is the number of events in the request. Whether the real service counts duplicates,
        and whether it counts events or the meters in them, is not known.
        """
        if request.query:
            check_parameters(read_parameters(request))
        intake = read_events(request, tenant, limit=self._body_limit)
        answer = render_accepted(request, intake.event_count, self._behaviour)
        records = intake.records
        delivery = Delivery(records, self._draw_lag())
        if self._mischief is not None:
            changed = self._mischief.meet_events(delivery, respond)
            if changed is None:
                return
            delivery, respond = changed
        if not delivery.records:
            respond(answer)
            return

        def settle(refusal: Refusal | None) -> None:
            if attempt is not None:
                attempt.is_stored = refusal is None
            respond(answer if refusal is None else refusal.to_answer())

        self._journal.add(delivery, settle)

    def _draw_lag(self) -> int:
        ways = self._behaviour
        lag_s = ways.lag_s
        if ways.jitter_s:
            lag_s += ways.jitter_s * self._dice.random()
        return round(lag_s * 1_000_000)

    def _operate(self, route: Route, call: Call, shape: Shape, respond: Respond) -> None:
        """Do an operation: a query in the thread that reads, all else in the loop."""
        if self._mischief is not None:
            changed = self._mischief.meet_call(route, call, shape, respond)
            if changed is None:
                return
            respond = changed
        assert route.operate is not None
        work = partial(self._work, route.operate, call)
        if route.is_reading:
            self._read(work, partial(_finish, respond, shape))
        else:
            self._journal.run(work, partial(_finish, respond, shape))

    def _work(
        self,
        operate: Callable[[Call, Documents], Any],
        call: Call,
        connection: sqlite3.Connection,
    ) -> bytes:
        store = Documents(connection, call.tenant, self._store.clock, self._behaviour)
        return encode_json(operate(call, store))

    def _read(
        self,
        work: Callable[[sqlite3.Connection], Any],
        finish: Callable[[Any, Refusal | None], None],
    ) -> None:
        """Have something read by the thread that reads; `finish` is told in the loop's."""
        future = self._loop.run_in_executor(self._executor, self._attempt, work)
        future.add_done_callback(partial(_finish_reading, finish))

    def _attempt(self, work: Callable[[sqlite3.Connection], Any]) -> tuple[Any, Refusal | None]:
        """What work on the store gives, or why nothing; runs in the thread that reads."""
        reader = self._reader
        try:
            # All that one answer is made of is of one moment.
            reader.execute("BEGIN")
            try:
                self._store.clock.follow(read_lead(reader))
                return work(reader), None
            finally:
                reader.execute("ROLLBACK")
        except Refusal as refusal:
            return None, refusal
        except sqlite3.Error as error:
            return None, refuse_store(str(error))


def _load_routes() -> tuple[Route, ...]:
    from pytest_amberflo.server.operations import ROUTES  # noqa: PLC0415 - heavy

    return ROUTES


def _finish(respond: Respond, shape: Shape, body: Any, refusal: Refusal | None) -> None:
    if refusal is None:
        respond(Answer(status=200, body=body))
    else:
        respond(refusal.to_answer(shape))


def _finish_reading(
    finish: Callable[[Any, Refusal | None], None],
    future: asyncio.Future[tuple[Any, Refusal | None]],
) -> None:
    if future.cancelled():
        finish(None, refuse_fault())
        return
    failure = future.exception()
    if failure is None:
        finish(*future.result())
        return
    finish(None, refuse_fault())
    # For the loop's exception handler, which keeps it until the server stops.
    raise failure
