"""A metering service that costs next to nothing: `python -m benchmarks.stub` prints its port.

It keeps the sum of each customer and answers as the published description says.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import defaultdict
from typing import Any

import httptools

_DAY_S = 86_400
_DAY_MS = 86_400_000
#: What was used, by customer and start of the day.
Sums = dict[tuple[str, int], float]


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, sums: Sums) -> None:
        self._sums = sums

    def connection_made(self, transport: Any) -> None:
        """Begin to read."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._url = self._body = b""

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls what follows."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """The target of a request."""
        self._url, self._body = url, b""

    def on_body(self, data: bytes) -> None:
        """A piece of a body."""
        self._body += data

    def on_message_complete(self) -> None:
        """Answer, head and body in one write."""
        asked = json.loads(self._body)
        answer = json.dumps(self._ingest(asked) if self._url == b"/ingest" else self._read(asked))
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        text = f"{head}Content-Length: {len(answer)}\r\n\r\n{answer}"
        self._transport.write(text.encode())

    def _ingest(self, event: dict[str, Any]) -> str:
        day = event["meterTimeInMillis"] // _DAY_MS * _DAY_S
        self._sums[event["customerId"], day] += event["meterValue"]
        return "1 records were ingested"

    def _read(self, query: dict[str, Any]) -> dict[str, Any]:
        customer = query["customerFilter"][0]
        days = range(query["startTimeInSeconds"], query["endTimeInSeconds"], _DAY_S)
        records = [{str(day): self._sums[customer, day]} for day in days]
        group = {"groupInfo": {"customerId": customer}, "records": records}
        return {"clientMeters": {query["meterApiName"]: [group]}}


async def _serve() -> None:
    sums: Sums = defaultdict(float)
    server = await asyncio.get_running_loop().create_server(lambda: Stub(sums), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
