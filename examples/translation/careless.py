"""The same API, metered the way it is mostly done at first.

    AMBERFLO_API_KEY=... python careless.py --port 8085

It answers all the same, and on a good day its usage is right. Its mistakes:

- Events wait in memory, and are lost when the process is stopped.
- They are given up after two tries.
- Each event gets a new id, so a call that is repeated with its idempotency key is metered again.
- Calls that were refused are metered, and those that were answered from the cache are not.
- Seconds of computing are added up as floats.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import service
from metering.ingest import create_ingest_client

if TYPE_CHECKING:
    from collections.abc import Iterator


def wait_briefly() -> Iterator[float | None]:
    """How long to wait before a try; the first value is that of the start."""
    yield None
    while True:
        yield 0.1


class CarelessApp(service.App):
    """Meters as it goes."""

    def __init__(self, api_key: str) -> None:
        self.client = create_ingest_client(
            api_key=api_key, retries=1, backoff_delay=wait_briefly, send_interval_in_secs=2
        )
        self.answers: dict[tuple[str, str | None], dict[str, Any]] = {}

    def answer(
        self, customer: str, key: str | None, wish: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """The status and the body; that the key may be another call's does not matter here."""
        del key
        now_ms = int(time.time() * 1000)
        self.client.meter("api-calls", 1, now_ms, customer, {"endpoint": "translations"})
        text, language = wish.get("text"), wish.get("language")
        if not isinstance(text, str) or not text or language not in service.LANGUAGES:
            return 422, {"error": "`text`, and a `language` of /languages, are due"}
        place = (customer, json.dumps(wish, sort_keys=True))
        if place in self.answers:
            return 200, self.answers[place] | {"cached": True}
        made = {"id": str(len(self.answers))} | service.translate(text, language)
        self.answers[place] = made
        dimensions = {"language": language}
        seconds = sum(0.1 for _ in text.split())
        self.client.meter("characters", made["characters"], now_ms, customer, dimensions)
        self.client.meter("compute-seconds", seconds, now_ms, customer, dimensions)
        return 200, made | {"cached": False}


class NoSender:
    """There is nobody who would send what is left."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def main() -> None:
    """Serve as the command line says."""
    app = CarelessApp(os.environ["AMBERFLO_API_KEY"])
    app.sender = NoSender()  # type: ignore[assignment]
    service.serve(app, service.read_arguments().port)


if __name__ == "__main__":
    main()
