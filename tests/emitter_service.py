"""A small service that meters its calls, and versions of it that meter wrongly."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

#: A description of the service, on a URL that a test fills in.
CHAT = """\
openapi: 3.1.0
info: {title: Chat, version: 1.0.0}
servers:
  - url: URL
paths:
  /chat:
    post:
      operationId: chat
      parameters:
        - {name: X-Ingest, in: header, schema: {type: string}}
        - {name: X-Api-Key, in: header, schema: {type: string}}
        - {name: Idempotency-Key, in: header, schema: {type: string}}
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [customer]
              properties:
                customer: {type: string}
                text: {type: string}
      responses:
        "200":
          description: the answer
          content:
            application/json:
              schema:
                type: object
                required: [id, tokens]
                properties:
                  id: {type: string}
                  tokens: {type: number}
        "402":
          description: nothing to chat with
  /flush:
    post:
      operationId: flush
      responses:
        "204": {description: everything is sent}
"""

CHAT_WORKFLOW = """\
arazzo: 1.0.1
info: {title: Chat, version: 1.0.0}
sourceDescriptions:
  - {name: chat, url: chat.yaml, type: openapi}
workflows:
  - workflowId: talk
    x-amberflo:
      inputs: {ingest: amberflo_url, apiKey: amberflo_api_key, key: amberflo_unique_id}
    inputs:
      type: object
      required: [customerId, ingest, apiKey]
      properties:
        customerId: {type: string}
        ingest: {type: string}
        apiKey: {type: string, format: password}
        key: {type: string}
    parameters:
      - {name: X-Ingest, in: header, value: $inputs.ingest}
      - {name: X-Api-Key, in: header, value: $inputs.apiKey}
    steps:
      - stepId: chat
        operationId: chat
        requestBody:
          payload: {customer: $inputs.customerId, text: three short words}
        x-amberflo:
          meters:
            - meter: tokens
              customer: $inputs.customerId
              value: $response.body#/tokens
              dimensions: {model: small}
              match: {uniqueId: $response.body#/id}
"""


@dataclass
class ChatService:
    """Meters each chat once: one event of meter `tokens`, sent before the answer.

    What has no answer, or one that says so, is sent again as it was. Also a context manager.
    """

    requests: int = 0
    tries: int = 8
    pause_s: float = 0.05
    answers: dict[str, tuple[str, int]] = field(default_factory=dict)
    #: Where metering goes, and with which key, where a call does not say.
    lead: dict[str, str] = field(default_factory=dict)

    def chat(self, call: Call) -> tuple[int, Any]:
        """The answer to a chat."""
        if call.text == "":
            return 402, {"message": "say something"}
        known = self.answers.get(call.key or "")
        if known is not None:
            return 200, {"id": known[0], "tokens": known[1]}
        self.requests += 1
        chat_id = f"chat-{id(self):x}-{self.requests}"
        tokens = len(call.text.split())
        if call.key:
            self.answers[call.key] = chat_id, tokens
        self.meter(call, self.make_event(call, chat_id, tokens))
        return 200, {"id": chat_id, "tokens": tokens}

    def make_event(self, call: Call, chat_id: str, tokens: int) -> dict[str, Any]:
        """The event of a chat."""
        return {
            "meterApiName": "tokens",
            "customerId": call.customer,
            "meterValue": tokens,
            "meterTimeInMillis": int(time.time() * 1000),
            "uniqueId": chat_id,
            "dimensions": {"model": "small"},
        }

    def meter(self, call: Call, event: dict[str, Any]) -> None:
        """Send an event until it is taken."""
        for _ in range(self.tries):
            if self.post(call, event):
                return
            time.sleep(self.pause_s)
            event = self.change(event)

    def change(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event as it is sent again."""
        return event

    def post(self, call: Call, *events: dict[str, Any]) -> bool:
        """Whether the events were taken, or can never be."""
        body: Any = list(events) if len(events) > 1 else events[0]
        headers = {"X-API-KEY": call.api_key, "Content-Type": "application/json"}
        # Not httpx: runs of pytest within tests import it anew, errors and all.
        connection = HTTPConnection(urlsplit(call.ingest).netloc, timeout=5)
        try:
            connection.request("POST", "/ingest", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        wait = answer.getheader("Retry-After")
        if wait is not None:
            time.sleep(float(wait))
        return answer.status != 429 and answer.status < 500

    def flush(self) -> None:
        """Send what is held back."""

    def __enter__(self) -> Self:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                data = json.loads(self.rfile.read(size) or b"{}")
                if self.path == "/flush":
                    service.flush()
                    self.answer(204, None)
                    return
                if self.path == "/lead":
                    service.lead = data
                    self.answer(204, None)
                    return
                call = Call(
                    customer=data.get("customer", ""),
                    text=data.get("text", ""),
                    ingest=self.headers.get("X-Ingest") or service.lead["ingest"],
                    api_key=self.headers.get("X-Api-Key") or service.lead["api_key"],
                    key=self.headers.get("Idempotency-Key"),
                )
                self.answer(*service.chat(call))

            def answer(self, status: int, data: Any) -> None:
                body = b"" if data is None else json.dumps(data).encode()
                self.send_response(status)
                if body:
                    self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"


@dataclass(frozen=True)
class Call:
    """What a caller asks for, and where its metering goes."""

    customer: str
    text: str
    ingest: str
    api_key: str
    key: str | None
