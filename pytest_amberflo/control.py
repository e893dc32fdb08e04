"""The embedded server in the hands of a test: faults, its clock, and what it received."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from msgspec import Struct

from pytest_amberflo.http.exchange import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.http.client import Client

_PREFIX: Final = "/control/"
_TOKEN_HEADER: Final = "X-Control-Token"  # noqa: S105 - the name of a header
_REQUEST_S: Final = 30.0
#: Stands for the customer of the item.
_OWN: Final = object()


class ControlError(Exception):
    """The server did not do what a test asked of it; the text says why."""


class Received(Struct, frozen=True, kw_only=True):
    """What the server has received of something."""

    #: Different records.
    count: int
    #: All copies of them.
    transmissions: int
    #: In the order of their arrival: an event's members, and `copies`, `receivedInMillis`,
    #: `visibleInMillis`.
    events: Sequence[Mapping[str, Any]]


class Refused(Struct, frozen=True, kw_only=True):
    """A call that did not get through to the server, or through it."""

    #: None where no secure connection came about: then only `text` tells.
    host: str | None
    port: int | None
    #: `host`: the proxy does not lead there. `tls`: the client and the server did not agree.
    reason: str
    #: A sentence on what happened.
    text: str


class ServerControl:
    """Sets faults, steps the clock and looks at what was received.

    Faults are for one customer, the item's own, unless another is given, or None for all of
    them; `close` takes back those that were set here.
    """

    def __init__(self, client: Client, *, url: str, token: str, customer: str) -> None:
        self._client = client
        self.url = url
        self._token = token
        self._customer = customer
        self._faults: list[int] = []
        self._since_ms = time.time_ns() // 1_000_000

    def __repr__(self) -> str:
        return f"<ServerControl of {self.url}>"

    def set_fault(
        self,
        kind: str,
        *,
        operation: str | None = "ingest",
        customer: str | object | None = _OWN,
        **members: Any,
    ) -> int:
        """Have a fault from now on; gives back its number.

        `kind`: status, drop, reject, lose, duplicate, lag, slow, lost-answer or torn-answer.
        `members`: status, retryAfter, delay, jitter (seconds), meter; and which of the calls
        that match: nth, every, times, probability, seed. `operation` None is every operation.
        """
        fault = {"kind": kind, "operation": operation, **members}
        fault["customer"] = self._customer if customer is _OWN else customer
        number: int = self._call("POST", "faults", fault)["id"]
        self._faults.append(number)
        return number

    def remove_fault(self, number: int) -> None:
        """Have a fault no more."""
        self._call("DELETE", f"faults/{number}")
        if number in self._faults:
            self._faults.remove(number)

    def list_faults(self) -> Sequence[Mapping[str, Any]]:
        """All faults of the server, each with how often it matched (`seen`) and struck."""
        found: Sequence[Mapping[str, Any]] = self._call("GET", "faults")
        return found

    def set_lag(self, seconds: float, *, jitter: float = 0.0) -> int:
        """Keep what arrives out of sight for so long, and up to `jitter` longer."""
        return self.set_fault("lag", delay=seconds, jitter=jitter)

    def now(self) -> float:
        """The moment by the server's clock, seconds since 1970, UTC."""
        return float(self._call("GET", "clock")["now"])

    def advance(self, seconds: float) -> float:
        """Step the server's clock forward, for all who use it; gives back the moment."""
        return float(self._call("POST", "clock", {"advance": seconds})["now"])

    def received(self, **filters: str) -> Received:
        """What has been received of the item's customer, or of what `filters` say.

        `filters`: customerId, meterApiName, uniqueId, and `dimensions` names as in
        `**{"dimensions.region": "eu"}`; an empty customerId is every customer.
        """
        return self._search(filters)

    def wait_for(self, count: int, *, timeout: float = 10.0, **filters: str) -> Received:
        """As `received`, once there are so many records. Raises ControlError if there are not."""
        found = self._search(filters | {"count": str(count), "timeout": str(timeout)}, timeout)
        if found.count < count:
            raise ControlError(
                f"{found.count} of {count} records were received within {timeout:g} s"
            )
        return found

    def refused(self) -> tuple[Refused, ...]:
        """What did not get through since the item began, in order; of all clients of the server.

        Where a service tried to reach another host, or does not trust the server's certificate.
        """
        return tuple(
            Refused(
                host=found["host"],
                port=found["port"],
                reason=found["reason"],
                text=found["text"],
            )
            for found in self._call("GET", "refused")
            if found["atInMillis"] >= self._since_ms
        )

    def read_attempts(self, after: int | None = None) -> Mapping[str, Any]:
        """The requests to ingest since a `change`, refused and faulted ones among them.

        Without `after` none, and the `change` to ask after; the first call starts the record.
        `attempts`: number, atInSeconds, doneInSeconds, status, ending, isStored, events, body,
        problem. `isWhole` is false where some were forgotten, `hasMore` true where there are more.
        """
        query = "" if after is None else f"?after={after}"
        found: Mapping[str, Any] = self._call("GET", f"attempts{query}")
        return found

    def close(self) -> None:
        """Take back the faults that were set here."""
        for number in tuple(self._faults):
            self.remove_fault(number)

    def _search(self, filters: Mapping[str, str], wait_s: float = 0.0) -> Received:
        wanted = {"customerId": self._customer} | dict(filters)
        query = urlencode({name: value for name, value in wanted.items() if value})
        found = self._call("GET", f"received?{query}", wait_s=wait_s)
        return Received(**found)

    def _call(self, method: str, path: str, body: Any = None, *, wait_s: float = 0.0) -> Any:
        headers = [(_TOKEN_HEADER, self._token), ("Content-Type", "application/json")]
        request = Request(
            method=method,
            url=f"{self.url}{_PREFIX}{path}",
            headers=tuple(headers),
            body=b"" if body is None else json.dumps(body).encode(),
        )
        exchange = self._client.send(request, timeout_s=_REQUEST_S + wait_s)
        if exchange.response is None:
            reason = exchange.failure.message if exchange.failure else "no answer"
            raise ControlError(f"{method} {path}: {reason}")
        answer = json.loads(exchange.response.body)
        if exchange.response.status != 200:
            details = answer.get("details")
            text = answer["message"] if details is None else f"{answer['message']}: {details}"
            raise ControlError(f"{method} {path}: {text}")
        return answer
