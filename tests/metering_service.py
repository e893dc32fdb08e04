"""A small right metering service over real HTTP, to be made wrong in one place by a test.

It shares no code with the package: what the plugin says of it is said of a stranger.
"""

from __future__ import annotations

import functools
import json
import operator
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

Event = dict[str, Any]
_HOUR_S = 3600
_DAY_S = 86400


class MeteringService:
    """Ingests events and answers usage queries; a test overrides the step that is to be wrong."""

    #: The key it asks for, or None to take any.
    api_key: ClassVar[str | None] = None

    def __init__(self) -> None:
        self.stored: list[Event] = []
        #: Every request as method, path, headers (lower case) and body.
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.usage_queries = 0
        self.lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One write an answer: two would wait for the client's acknowledgement in between.
            wbufsize = -1

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                with service.lock:
                    service.requests.append((self.command, self.path, headers, body))
                service.answer(self, self.path.rstrip("/"), headers, body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_args: object) -> None:
                """A client may leave; that is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def ingested(self) -> list[bytes]:
        """The bodies of the ingest requests, in their order."""
        return [body for _, path, _, body in self.requests if path.rstrip("/").endswith("ingest")]

    @property
    def url(self) -> str:
        """The base URL."""
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

    def answer(
        self, handler: BaseHTTPRequestHandler, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        """Answer one request."""
        if self.api_key is not None and headers.get("x-api-key") != self.api_key:
            self.send(handler, 401, {"message": "Invalid API key", "code": "UNAUTHORIZED"})
        elif path.endswith("/ingest"):
            self.ingest(handler, json.loads(body))
        elif path.endswith("/usage"):
            self.usage(handler, json.loads(body))
        else:
            self.send(handler, 404, {"message": "there is nothing here"})

    def ingest(self, handler: BaseHTTPRequestHandler, data: Any) -> None:
        """Store events and answer."""
        events = data if isinstance(data, list) else [data]
        with self.lock:
            self.store(events)
        self.send(handler, 200, f"{len(events)} records were ingested")

    def store(self, events: Iterable[Event]) -> None:
        """Keep each event, the same one once."""
        for event in events:
            if event not in self.stored:
                self.stored.append(event)

    def usage(self, handler: BaseHTTPRequestHandler, query: dict[str, Any]) -> None:
        """Answer a usage query."""
        self.usage_queries += 1
        self.send(handler, 200, self.report(query))

    def visible(self) -> list[Event]:
        """The events that count now."""
        return list(self.stored)

    def report(self, query: dict[str, Any]) -> Any:
        """The usage that a query asks for."""
        groups: dict[tuple[str | None, ...], dict[int, list[float]]] = {}
        for event in self.visible():
            if not self.matches(event, query):
                continue
            key = tuple(self.group_value(event, name) for name in query.get("groupBy", []))
            bucket = self.bucket_of(event, query)
            groups.setdefault(key, {}).setdefault(bucket, []).append(self.value_of(event))
        functions: dict[str, Callable[[list[float]], float]]
        functions = {"SUM": self.add_up, "MAX": max, "COUNT": len}
        add = functions[query["aggregation"]]
        return {
            "clientMeters": {
                query["meterApiName"]: [
                    {
                        "groupInfo": dict(zip(query.get("groupBy", []), key, strict=True)),
                        "records": [{str(b): add(values)} for b, values in sorted(found.items())],
                    }
                    for key, found in groups.items()
                ]
            }
        }

    def add_up(self, values: list[float]) -> float:
        """The sum, one after the other; newer versions of Python's own lose less on the way."""
        return functools.reduce(operator.add, values)

    def matches(self, event: Event, query: dict[str, Any]) -> bool:
        """Whether an event is in the window, of the meter and of the customers of a query."""
        wanted = query.get("customerFilter")
        start, end = query["startTimeInSeconds"] * 1000, query["endTimeInSeconds"] * 1000
        return (
            event["meterApiName"] == query["meterApiName"]
            and start <= event["meterTimeInMillis"] < end
            and (not wanted or event.get("customerId") in wanted)
        )

    def group_value(self, event: Event, name: str) -> str | None:
        """The value of an event for `groupBy`."""
        if name == "customerId":
            return event.get("customerId")
        dimensions: dict[str, str] = event.get("dimensions", {})
        return dimensions.get(name)

    def bucket_of(self, event: Event, query: dict[str, Any]) -> int:
        """The start of an event's bucket."""
        seconds: int = event["meterTimeInMillis"] // 1000
        length = _HOUR_S if query["timeGroupingInterval"] == "HOUR" else _DAY_S
        return seconds - seconds % length

    def value_of(self, event: Event) -> float:
        """What an event counts for."""
        value: float = event["meterValue"]
        return value

    def send(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        data: Any,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send an answer; `data` is JSON unless it is bytes."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()


class HangingService(MeteringService):
    """Takes requests and never answers."""

    def answer(self, *_args: object) -> None:
        """Wait for longer than anybody does."""
        time.sleep(600)
