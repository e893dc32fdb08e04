"""A right metering service over real HTTP, in the published shape, to be made wrong in one place.

It shares no code with the package: what the probes say of it is said of a stranger.
"""

from __future__ import annotations

import functools
import json
import operator
import random
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

HOUR = 3600
DAY = 86400
KEYS = {"key-of-the-first-account": "one", "key-of-the-second-account": "two"}
FIRST_KEY, SECOND_KEY = KEYS


class Refused(Exception):  # noqa: N818  an outcome, not a fault
    """A request that is not done."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Item:
    """One record of one meter."""

    meter: str
    customer: str | None
    value: float
    time_ms: int
    unique_id: str | None
    dimensions: tuple[tuple[str, str], ...]
    #: When it may be seen, monotonic.
    visible_at: float = field(default=0.0, compare=False)

    @property
    def attributes(self) -> dict[str, str]:
        found = dict(self.dimensions)
        if self.customer is not None:
            found["customerId"] = self.customer
        return found


@dataclass(kw_only=True)
class Mood:
    """How a right service makes one wait."""

    lag_s: float = 0.0
    throttled: float = 0.0
    retry_after: str = "1"
    lost: float = 0.0
    slow_s: float = 0.0
    zero_filled: bool = False
    is_keyed_by_window: bool = False
    one_record_a_bucket: bool = False
    drops_groupless: bool = False
    widens: bool = True
    week_start: int = 0
    adds_in_any_order: bool = False


class RightService:
    """Takes events and answers usage queries; a test overrides the step that is to be wrong."""

    asks_for_key: ClassVar[bool] = True

    def __init__(self, mood: Mood | None = None, seed: int = 0) -> None:
        self.mood = mood or Mood()
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        self.items: dict[str, list[Item]] = {"one": [], "two": []}
        self.seen: dict[str, set[object]] = {"one": set(), "two": set()}
        self.meters: dict[str, dict[str, dict[str, Any]]] = {"one": {}, "two": {}}
        self.rules: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
        self.requests = 0
        self.ingests = 0
        self.queries = 0
        self._server = _listen(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    # ---- requests

    def serve(self, handler: Any, body: bytes) -> None:
        """Answer one request."""
        mood = self.mood
        with self.lock:
            self.requests += 1
            chances = [self.random.random() for _ in range(3)]
        if mood.slow_s:
            time.sleep(mood.slow_s * chances[2])
        if chances[0] < mood.throttled:
            self.send(handler, 503, {"message": "wait"}, headers={"Retry-After": mood.retry_after})
            return
        is_ingest = handler.command == "POST" and urlsplit(handler.path).path == "/ingest"
        try:
            status, data = self.answer(handler, body)
        except Refused as refusal:
            status, data = refusal.status, {"message": refusal.message, "code": "refused"}
        if is_ingest and chances[1] < mood.lost:
            handler.close_connection = True
            handler.connection.close()
            return
        self.send(handler, status, data)

    def answer(self, handler: Any, body: bytes) -> tuple[int, Any]:
        """Status and JSON of one request."""
        parts = urlsplit(handler.path)
        path, method = parts.path, handler.command
        account = self.authenticate(handler.headers)
        if (method, path) == ("POST", "/ingest"):
            return self.ingest(account, body)
        if (method, path) == ("POST", "/usage"):
            with self.lock:
                self.queries += 1
            return 200, self.usage(account, self.read_query(self.parse(body)))
        with self.lock:
            if path.startswith("/meter-definition"):
                return self.define(account, method, unquote(path[17:]).strip("/"), body)
            if path == "/meter-event-filtering-rules":
                name = parse_qs(parts.query).get("meterApiName", [""])[0]
                return self.rule(account, method, name, body)
        raise Refused(404, "nothing here")

    def authenticate(self, headers: Any) -> str:
        account = KEYS.get(headers.get("X-API-KEY") or "")
        if account is None:
            raise Refused(401, "unknown key")
        return account

    def send(
        self, handler: Any, status: int, data: Any, *, headers: dict[str, str] | None = None
    ) -> None:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()

    # ---- ingest

    def parse(self, body: bytes) -> Any:
        def refuse(text: str) -> Any:
            raise Refused(400, f"{text} is no JSON")

        try:
            return json.loads(body, parse_constant=refuse)
        except ValueError as error:
            raise Refused(400, str(error)) from None

    def ingest(self, account: str, body: bytes) -> tuple[int, Any]:
        data = self.parse(body)
        events = data if isinstance(data, list) else [data]
        with self.lock:
            self.ingests += 1
            records = self.read_all(events)
            self.take(account, records)
        return 200, f"{len(events)} records were ingested"

    def read_all(self, events: list[Any]) -> list[Item]:
        return [record for event in events for record in self.read_event(event)]

    def read_event(self, event: Any) -> list[Item]:
        """The records of an event."""
        if not isinstance(event, dict):
            raise Refused(400, "no event")
        time_ms = event.get("meterTimeInMillis")
        if isinstance(time_ms, bool) or not isinstance(time_ms, int):
            raise Refused(400, "no time")
        for name in ("customerId", "meterApiName", "uniqueId"):
            if not isinstance(event.get(name), str | None):
                raise Refused(400, f"{name} is no text")
        dimensions = event.get("dimensions") or {}
        if not isinstance(dimensions, dict) or not all(
            isinstance(value, str) for value in dimensions.values()
        ):
            raise Refused(400, "dimensions are no texts")
        values = dict(event.get("values") or {})
        if "meterApiName" in event and "meterValue" in event:
            values[event["meterApiName"]] = event["meterValue"]
        for value in values.values():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Refused(400, "a value is no number")
        return [
            Item(
                meter=meter,
                customer=event.get("customerId"),
                value=value,
                time_ms=time_ms,
                unique_id=event.get("uniqueId"),
                dimensions=tuple(sorted(dimensions.items())),
            )
            for meter, value in values.items()
        ]

    def take(self, account: str, records: list[Item]) -> None:
        """Keep the records of one request."""
        for record in records:
            if self.passes_rules(account, record):
                self.keep(account, record)

    def keep(self, account: str, record: Item) -> None:
        """Keep one record, the same one once."""
        key = self.key_of(record)
        if key in self.seen[account]:
            return
        self.seen[account].add(key)
        self.store(account, record)

    def key_of(self, record: Item) -> object:
        return (
            record.meter,
            record.customer,
            record.value,
            record.time_ms,
            record.unique_id,
            record.dimensions,
        )

    def store(self, account: str, record: Item) -> None:
        with self.lock:
            lag = self.mood.lag_s * self.random.uniform(0.5, 1.0)
        self.items[account].append(replace(record, visible_at=time.monotonic() + lag))

    # ---- usage

    def read_query(self, query: Any) -> dict[str, Any]:
        if not isinstance(query, dict):
            raise Refused(400, "no query")
        if not isinstance(query.get("meterApiName"), str):
            raise Refused(400, "no meter")
        for name in ("startTimeInSeconds", "endTimeInSeconds"):
            value = query.get(name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise Refused(400, f"no {name}")
        if query.get("aggregation") not in ("SUM", "MAX", "COUNT"):
            raise Refused(400, "unknown aggregation")
        if query.get("timeGroupingInterval") not in ("HOUR", "DAY", "WEEK", "MONTH"):
            raise Refused(400, "unknown interval")
        return query

    def visible(self, account: str) -> list[Item]:
        now = time.monotonic()
        with self.lock:
            return [item for item in self.items[account] if item.visible_at <= now]

    def usage(self, account: str, query: dict[str, Any]) -> Any:
        """The answer to a query."""
        groups: dict[tuple[str | None, ...], dict[int, list[float]]] = {}
        names = query.get("groupBy") or []
        for item in self.visible(account):
            if not self.matches(item, query):
                continue
            group = self.group_of(item, names)
            if None in group and self.mood.drops_groupless:
                continue
            bucket = self.bucket_of(item, query)
            groups.setdefault(group, {}).setdefault(bucket, []).append(self.value_of(item))
        shown = [
            {
                "groupInfo": self.name_group(names, group),
                "records": self.list_records(query, buckets),
            }
            for group, buckets in groups.items()
        ]
        return {"clientMeters": {query["meterApiName"]: shown}}

    def name_group(self, names: list[str], group: tuple[str | None, ...]) -> dict[str, Any]:
        return {name: value for name, value in zip(names, group, strict=True) if value is not None}

    def list_records(self, query: dict[str, Any], buckets: dict[int, list[float]]) -> Any:
        found = {start: self.aggregate(query, values) for start, values in buckets.items()}
        if self.mood.zero_filled and query["timeGroupingInterval"] in ("HOUR", "DAY"):
            size = HOUR if query["timeGroupingInterval"] == "HOUR" else DAY
            start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
            for bucket in range(start - start % size, end, size):
                found.setdefault(bucket, 0)
        first = self.floor(query["startTimeInSeconds"], query["timeGroupingInterval"])
        named = {
            query["startTimeInSeconds"]
            if start == first and self.mood.is_keyed_by_window
            else start: number
            for start, number in sorted(found.items())
        }
        if self.mood.one_record_a_bucket:
            return [{str(start): number} for start, number in named.items()]
        return [{str(start): number for start, number in named.items()}]

    def matches(self, item: Item, query: dict[str, Any]) -> bool:
        return (
            item.meter == query["meterApiName"]
            and self.is_inside(item, query)
            and self.passes_customers(item, query)
            and self.passes_filters(item, query)
        )

    def is_inside(self, item: Item, query: dict[str, Any]) -> bool:
        start, end = query["startTimeInSeconds"], query["endTimeInSeconds"]
        if self.mood.widens:
            interval = query["timeGroupingInterval"]
            start = self.floor(start, interval)
            if self.floor(end, interval) != end:
                end = self.floor(end, interval) + {"HOUR": HOUR, "DAY": DAY, "WEEK": 7 * DAY}.get(
                    interval, 31 * DAY
                )
                end = self.floor(end, interval)
        return bool(start * 1000 <= item.time_ms < end * 1000)

    def passes_customers(self, item: Item, query: dict[str, Any]) -> bool:
        wanted = query.get("customerFilter")
        return not wanted or item.customer in wanted

    def passes_filters(self, item: Item, query: dict[str, Any]) -> bool:
        found = item.attributes
        return all(
            found.get(name) in values for name, values in (query.get("filter") or {}).items()
        )

    def group_of(self, item: Item, names: list[str]) -> tuple[str | None, ...]:
        found = item.attributes
        return tuple(found.get(name) for name in names)

    def bucket_of(self, item: Item, query: dict[str, Any]) -> int:
        return self.floor(item.time_ms // 1000, query["timeGroupingInterval"])

    def floor(self, seconds: int, interval: str) -> int:
        if interval == "HOUR":
            return seconds - seconds % HOUR
        if interval == "DAY":
            return seconds - seconds % DAY
        if interval == "WEEK":
            return seconds - (seconds - (4 + self.mood.week_start) * DAY) % (7 * DAY)
        moment = datetime.fromtimestamp(seconds, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp())

    def value_of(self, item: Item) -> float:
        return item.value

    def aggregate(self, query: dict[str, Any], values: list[float]) -> float:
        name = query["aggregation"]
        if name == "SUM":
            return self.add_up(values)
        return len(values) if name == "COUNT" else max(values)

    def add_up(self, values: list[float]) -> float:
        """The sum, whose last digits depend on the order."""
        if self.mood.adds_in_any_order:
            values = self.random.sample(values, len(values))
        return functools.reduce(operator.add, values)

    # ---- meters and rules

    def define(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        meters = self.meters[account]
        if method in ("POST", "PUT"):
            data = self.parse(body)
            for member in ("meterApiName", "displayName", "type"):
                if not isinstance(data, dict) or not isinstance(data.get(member), str):
                    raise Refused(400, f"no {member}")
            if data["type"] not in ("SUM_OF_ALL_USAGE", "MAX_IN_PERIOD", "UNIQUE_CUSTOMERS_COUNT"):
                raise Refused(400, "unknown type")
            meters[data["meterApiName"]] = data
            return 200, data
        if not name:
            return 200, list(meters.values())
        if name not in meters:
            raise Refused(404, "no such meter")
        if method == "DELETE":
            return 200, meters.pop(name)
        return 200, meters[name]

    def rule(self, account: str, method: str, name: str, body: bytes) -> tuple[int, Any]:
        rules = self.rules[account]
        if method == "GET":
            return 200, [rule for rule in rules if rule["meterApiName"] == name]
        data = self.parse(body)
        if not isinstance(data, dict) or not isinstance(data.get("meterApiName"), str):
            raise Refused(400, "no meter")
        if data.get("action") not in (None, "INCLUDE", "EXCLUDE"):
            raise Refused(400, "unknown action")
        data["ruleId"] = f"rule-{len(rules)}"
        rules.append(data)
        return 200, data

    def passes_rules(self, account: str, record: Item) -> bool:
        for rule in self.rules[account]:
            if rule["meterApiName"] != record.meter or "dimensionName" not in rule:
                continue
            value = record.attributes.get(rule["dimensionName"])
            is_listed = value in rule.get("dimensionValues", [])
            if is_listed == (rule.get("action") == "EXCLUDE"):
                return False
        return True


def _listen(service: RightService) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write an answer: two would wait for the client's acknowledgement in between.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self._serve()

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815  as the base class has it

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.serve(self, body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_args: object) -> None:
            """A client may leave; that is no news."""

    return Server(("127.0.0.1", 0), Handler)
