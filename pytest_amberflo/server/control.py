"""The control API: faults, the clock, and what was received, for tests.

On a path of its own, with a token of its own; without one it is not there. It sees the records
of all tenants.
"""

from __future__ import annotations

import hmac
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.server.clock import ClockRangeError
from pytest_amberflo.server.faults import read_fault
from pytest_amberflo.server.fields import Fields
from pytest_amberflo.server.message import Answer, encode_json
from pytest_amberflo.server.payload import read_payload
from pytest_amberflo.server.received import Search, read_received, read_search
from pytest_amberflo.server.refusal import Refusal, refuse_store
from pytest_amberflo.server.routing import read_parameters
from pytest_amberflo.server.store import StoreLockedError, StoreUnwritableError

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Callable

    from pytest_amberflo.server.attempts import Attempts
    from pytest_amberflo.server.faults import FaultBook
    from pytest_amberflo.server.gate import Gate
    from pytest_amberflo.server.journal import Journal
    from pytest_amberflo.server.message import Request, Respond
    from pytest_amberflo.server.store import Store

PREFIX: Final = "/control/"
TOKEN_HEADER: Final = "X-Control-Token"  # noqa: S105 - the name of a header
_HEADER: Final = TOKEN_HEADER.lower().encode()
_CODE: Final = "invalid-control"
_DONE: Final = Answer(status=200, body=encode_json({}))


class Control:
    """Answers what is below the prefix. Belongs to the event loop's thread."""

    def __init__(
        self,
        *,
        token: str,
        store: Store,
        journal: Journal,
        faults: FaultBook,
        attempts: Attempts,
        loop: asyncio.AbstractEventLoop,
        read: Callable[[Callable[[sqlite3.Connection], Any], Callable[..., None]], None],
        gate: Gate,
    ) -> None:
        self._token = token
        self._store = store
        self._journal = journal
        self._faults = faults
        self._attempts = attempts
        self._loop = loop
        self._read = read
        self._gate = gate
        self._waiting: list[_Wait] = []
        journal.notify = self._look_again

    def handle(self, request: Request, respond: Respond, *, limit: int) -> None:
        """Answer a request, now or later. Raises Refusal."""
        tokens = request.header_values(_HEADER)
        if len(tokens) != 1 or not hmac.compare_digest(tokens[0], self._token.encode()):
            message = f"The header {TOKEN_HEADER} does not hold this server's control token"
            raise Refusal(401, "unauthorized", message)
        has_body = request.method in ("POST", "PUT")
        payload = read_payload(request, limit=limit) if has_body else None
        match (request.method, *request.path.removeprefix(PREFIX).split("/")):
            case (method, "clock"):
                respond(self._serve_clock(method, payload))
            case (method, "faults", *numbers) if len(numbers) < 2:
                respond(self._serve_faults(method, numbers, payload))
            case ("GET", "refused"):
                respond(Answer(status=200, body=encode_json(self._gate.describe())))
            case ("DELETE", "refused"):
                self._gate.forget()
                respond(_DONE)
            case ("GET", "received"):
                self._search(read_search(read_parameters(request)), respond)
            case ("GET", "attempts"):
                found = self._attempts.read(read_parameters(request))
                respond(Answer(status=200, body=encode_json(found)))
            case ("DELETE", "received"):
                self._journal.run(_forget, partial(_finish, respond))
            case _:
                raise _refuse_path()

    def _serve_clock(self, method: str, payload: Any) -> Answer:
        if method == "POST":
            return self._step_clock(payload)
        if method == "GET":
            return self._tell_time()
        raise _refuse_path()

    def _serve_faults(self, method: str, numbers: list[str], payload: Any) -> Answer:
        match (method, *numbers):
            case ("GET",):
                return Answer(status=200, body=encode_json(self._faults.describe()))
            case ("POST",):
                number = self._faults.add(read_fault(payload))
                return Answer(status=200, body=encode_json({"id": number}))
            case ("DELETE",):
                self._faults.clear()
                return _DONE
            case ("DELETE", text) if text.isascii() and text.isdigit():
                if not self._faults.remove(int(text[:9])):
                    raise Refusal(404, "not-found", f"There is no fault {text[:9]}")
                return _DONE
        raise _refuse_path()

    def release(self) -> None:
        """Answer those who wait with what there is."""
        for wait in tuple(self._waiting):
            self._give_up(wait)

    def _tell_time(self) -> Answer:
        body = {"now": self._store.clock.now(), "lead": self._store.clock.lead_us / 1_000_000}
        return Answer(status=200, body=encode_json(body))

    def _step_clock(self, payload: Any) -> Answer:
        fields = Fields.of(payload, _CODE)
        step_s = fields.find_number("advance")
        moment = fields.find_number("to")
        if (step_s is None) == (moment is None):
            message = "Give `advance`, seconds, or `to`, seconds since 1970"
            raise Refusal(400, _CODE, message)
        if step_s is None:
            assert moment is not None
            step_s = moment - self._store.clock.now()
        try:
            self._store.step_clock(step_s)
        except ClockRangeError:
            message = "The clock goes forward only, and not beyond the year 9999"
            raise Refusal(400, _CODE, message, details=f"a step of {step_s} s") from None
        except StoreLockedError:
            raise refuse_store("another process has locked it") from None
        except StoreUnwritableError as error:
            raise refuse_store(error.reason) from None
        return self._tell_time()

    def _search(self, search: Search, respond: Respond) -> None:
        wait = _Wait(search, respond)
        self._look(wait)
        if search.count is not None:
            wait.timer = self._loop.call_later(search.timeout_s, self._give_up, wait)
            self._waiting.append(wait)

    def _look(self, wait: _Wait) -> None:
        if not wait.is_looking:
            wait.is_looking = True
            self._read(partial(read_received, wait.search), partial(self._see, wait))
        else:
            wait.is_stale = True

    def _look_again(self) -> None:
        for wait in self._waiting:
            self._look(wait)

    def _see(self, wait: _Wait, found: Any, refusal: Refusal | None) -> None:
        wait.is_looking = False
        if wait.is_answered:
            return
        wanted = wait.search.count
        is_enough = refusal is not None or wanted is None or found["count"] >= wanted
        if is_enough or wait.is_over:
            self._answer(wait, found, refusal)
        elif wait.is_stale:
            wait.is_stale = False
            self._look(wait)

    def _give_up(self, wait: _Wait) -> None:
        wait.is_over = True
        self._look(wait)

    def _answer(self, wait: _Wait, found: Any, refusal: Refusal | None) -> None:
        wait.is_answered = True
        if wait.timer is not None:
            wait.timer.cancel()
        if wait in self._waiting:
            self._waiting.remove(wait)
        _finish(wait.respond, found, refusal)


class _Wait:
    """Somebody who asked for records, and perhaps for more than there are yet."""

    def __init__(self, search: Search, respond: Respond) -> None:
        self.search = search
        self.respond = respond
        self.timer: Any = None
        self.is_looking = False
        #: Whether something came while it was being looked for.
        self.is_stale = False
        self.is_over = False
        self.is_answered = False


def _refuse_path() -> Refusal:
    return Refusal(404, "not-found", "The control API has nothing of this kind here")


def _forget(connection: sqlite3.Connection) -> Any:
    """Remove all records and documents of all tenants."""
    for table in ("record", "document"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    return {}


def _finish(respond: Respond, outcome: Any, refusal: Refusal | None) -> None:
    if refusal is None:
        respond(Answer(status=200, body=json.dumps(outcome).encode()))
    else:
        respond(refusal.to_answer())
