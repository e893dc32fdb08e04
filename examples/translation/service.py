"""A small API that meters each call exactly once, with Amberflo's own client.

    AMBERFLO_API_KEY=... python service.py --port 8085 --state state.sqlite

What a call meters is kept in one file with its answer, in one transaction, and sent later: nothing
is lost when Amberflo cannot be reached, or when this process ends. A record is made once and sent
as it is, however often: the copies count as one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from metering.exceptions import ApiError
from metering.ingest import IngestApiClient, create_ingest_payload

LANGUAGES = ("de", "fr", "pt")
#: Events that are sent at once.
BATCH = 100
#: How long the sender waits after a failure, in seconds.
PAUSE_S = 0.3
#: Answers that say that it is of no use to try again.
FINAL = (400, 404, 413, 422)


@dataclass(frozen=True)
class Call:
    """A translation that was made."""

    id: str
    customer: str
    text: str
    language: str
    #: When it was made, in milliseconds since 1970.
    time_ms: int
    answer: dict[str, Any]


def translate(text: str, language: str) -> dict[str, Any]:
    """The translation, and what it took."""
    words = text.split()
    return {
        "text": " ".join(f"{word}-{language}" for word in words),
        "characters": len(text),
        "seconds": round(0.1 * len(words), 1),
    }


def describe_usage(call: Call) -> list[dict[str, Any]]:
    """The events of a call. Their ids come from the call's, so they are the same each time."""
    amounts = [("api-calls", 1, {"endpoint": "translations"})]
    language = {"language": call.language}
    amounts.append(("characters", call.answer["characters"], language))
    if not call.answer["cached"]:
        amounts.append(("compute-seconds", call.answer["seconds"], language))
    return [
        create_ingest_payload(
            meter, value, call.time_ms, call.customer, dimensions, f"{call.id}-{meter}"
        )
        for meter, value, dimensions in amounts
    ]


class State:
    """Answers, what was translated before, and the events that were not sent yet, in one file."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript(
            "CREATE TABLE IF NOT EXISTS answer"
            " (customer TEXT, key TEXT, body TEXT, PRIMARY KEY (customer, key));"
            "CREATE TABLE IF NOT EXISTS made"
            " (customer TEXT, text TEXT, language TEXT, PRIMARY KEY (customer, text, language));"
            "CREATE TABLE IF NOT EXISTS outbox"
            " (number INTEGER PRIMARY KEY, event TEXT, refused TEXT)"
        )

    def find_answer(self, customer: str, key: str) -> dict[str, Any] | None:
        """What a call with this key was answered."""
        row = self._run("SELECT body FROM answer WHERE customer = ? AND key = ?", customer, key)
        return json.loads(row[0][0]) if row else None

    def is_made(self, customer: str, text: str, language: str) -> bool:
        """Whether a customer has had this translation before."""
        place = (customer, text, language)
        found = "SELECT 1 FROM made WHERE customer = ? AND text = ? AND language = ?"
        return bool(self._run(found, *place))

    def keep(self, call: Call, key: str | None, events: list[dict[str, Any]]) -> None:
        """Keep an answer and its events: both, or neither."""
        with self._lock, self._connection:
            if key is not None:
                row = (call.customer, key, json.dumps(call.answer))
                self._connection.execute("INSERT INTO answer VALUES (?, ?, ?)", row)
            self._connection.execute(
                "INSERT OR IGNORE INTO made VALUES (?, ?, ?)",
                (call.customer, call.text, call.language),
            )
            self._connection.executemany(
                "INSERT INTO outbox (event) VALUES (?)", [(json.dumps(event),) for event in events]
            )

    def list_waiting(self) -> dict[int, dict[str, Any]]:
        """The next events to be sent, by number."""
        rows = self._run(
            "SELECT number, event FROM outbox WHERE refused IS NULL ORDER BY number LIMIT ?", BATCH
        )
        return {number: json.loads(event) for number, event in rows}

    def remove(self, numbers: list[int]) -> None:
        """Forget events that were sent."""
        with self._lock, self._connection:
            self._connection.executemany(
                "DELETE FROM outbox WHERE number = ?", [(number,) for number in numbers]
            )

    def set_aside(self, number: int, reason: str) -> None:
        """Keep an event that nobody will take, for somebody to look at."""
        self._run("UPDATE outbox SET refused = ? WHERE number = ?", reason, number)

    def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._connection:
            return self._connection.execute(statement, values).fetchall()


class Sender(threading.Thread):
    """Sends what waits, again and again, until it was acknowledged."""

    def __init__(self, state: State, api_key: str) -> None:
        super().__init__(daemon=True)
        self.state = state
        self.client = IngestApiClient(api_key)
        self.news = threading.Event()
        self.is_stopping = False

    def run(self) -> None:
        """Send until `stop`."""
        while not self.is_stopping:
            self.news.clear()
            if self.send_waiting():
                self.news.wait(5)
            else:
                time.sleep(PAUSE_S)

    def send_waiting(self) -> bool:
        """Send all that waits; False if that has to be tried again."""
        while waiting := self.state.list_waiting():
            try:
                self.client.send(list(waiting.values()))
            except ApiError as error:
                if error.status_code not in FINAL:
                    return False
                self._send_one_by_one(waiting)
                continue
            except OSError:  # all that requests raises is one
                return False
            self.state.remove(list(waiting))
        return True

    def _send_one_by_one(self, waiting: dict[int, dict[str, Any]]) -> None:
        """One event that is refused must not hold up the others."""
        for number, event in waiting.items():
            try:
                self.client.send([event])
            except ApiError as error:
                if error.status_code in FINAL:
                    self.state.set_aside(number, error.message)
                continue
            self.state.remove([number])

    def stop(self) -> None:
        """Send what can be sent at once; the rest waits in the file for the next start."""
        self.is_stopping = True
        self.news.set()
        self.join(10)


class App:
    """What is done for a call."""

    def __init__(self, state: State, sender: Sender) -> None:
        self.state = state
        self.sender = sender
        self._lock = threading.Lock()

    def answer(
        self, customer: str, key: str | None, wish: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """The status and the body for a translation that is asked for."""
        text, language = wish.get("text"), wish.get("language")
        if not isinstance(text, str) or not text or language not in LANGUAGES:
            return 422, {"error": "`text`, and a `language` of /languages, are due"}
        # Two calls with one key must not both be made.
        with self._lock:
            former = self.state.find_answer(customer, key) if key is not None else None
            if former is not None:
                return 200, former
            call = self._translate(customer, text, language)
            self.state.keep(call, key, describe_usage(call))
        self.sender.news.set()
        return 200, call.answer

    def _translate(self, customer: str, text: str, language: str) -> Call:
        cached = self.state.is_made(customer, text, language)
        made = {"id": str(uuid.uuid4())} | translate(text, language) | {"cached": cached}
        return Call(made["id"], customer, text, language, int(time.time() * 1000), made)


class Handler(BaseHTTPRequestHandler):
    """HTTP, and no more."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    app: App

    def do_GET(self) -> None:
        """The languages."""
        if self.path == "/languages":
            self._send(200, {"languages": LANGUAGES})
        else:
            self._send(404, {"error": "there is nothing here"})

    def do_POST(self) -> None:
        """A translation."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        customer = self.headers.get("X-Customer-Id")
        if self.path != "/translations" or not customer:
            self._send(404, {"error": "POST /translations, with X-Customer-Id, is what there is"})
            return
        try:
            wish = json.loads(body)
        except ValueError:
            wish = None
        if not isinstance(wish, dict):
            self._send(422, {"error": "a JSON object is due"})
            return
        self._send(*self.app.answer(customer, self.headers.get("Idempotency-Key"), wish))

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(app: App, port: int) -> None:
    """Serve until SIGTERM."""
    handler = type("AppHandler", (Handler,), {"app": app})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        app.sender.start()
        print(f"serving on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever(poll_interval=0.05)
    app.sender.stop()


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8085)
    parser.add_argument("--state", type=Path, default=Path("state.sqlite"))
    return parser.parse_args()


def main() -> None:
    """Serve as the command line says."""
    arguments = read_arguments()
    api_key = os.environ.get("AMBERFLO_API_KEY")
    if not api_key:
        sys.exit("AMBERFLO_API_KEY is not set")
    state = State(str(arguments.state))
    serve(App(state, Sender(state, api_key)), arguments.port)


if __name__ == "__main__":
    main()
