"""One keep-alive connection that sends prepared requests: nothing between it and the server."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

_DAY_MS = 86_400_000
_START_MS = 1_718_150_400_000


def make_event(number: int, count: int, meter: str = "m") -> dict[str, Any]:
    """One of `count` events of a day."""
    return {
        "meterApiName": meter,
        "customerId": f"customer-{number % 50}",
        "meterValue": number % 7,
        "meterTimeInMillis": _START_MS + number * _DAY_MS // count,
        "uniqueId": f"event-{number}",
        "dimensions": {"region": "eu"},
    }


class RawClient:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\nX-API-KEY: k\r\nContent-Length: {len(body)}"
        self._socket.sendall(head.encode() + b"\r\n\r\n" + body)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._read()
        head_part, _, answer = data.partition(b"\r\n\r\n")
        length = int(head_part.lower().partition(b"content-length: ")[2].split()[0])
        while len(answer) < length:
            answer += self._read()
        assert head_part.startswith(b"HTTP/1.1 200"), data
        return answer

    def _read(self) -> bytes:
        data = self._socket.recv(65_536)
        assert data, "the server hung up"
        return data

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def time_single(port: int, count: int, meter: str) -> float:
    """Requests a second, one after the other, each with one event."""
    client = RawClient(port)
    bodies = [json.dumps(make_event(n, count, meter)).encode() for n in range(count)]
    started = time.perf_counter()
    for body in bodies:
        client.post("/ingest", body)
    spent = time.perf_counter() - started
    client.close()
    return count / spent


def time_arrays(port: int, count: int, meter: str) -> float:
    """Events a second, in arrays of 1,000."""
    client = RawClient(port)
    spent = 0.0
    for start in range(0, count, 1_000):
        events = [make_event(n, count, meter) for n in range(start, start + 1_000)]
        body = json.dumps(events).encode()
        started = time.perf_counter()
        client.post("/ingest", body)
        spent += time.perf_counter() - started
    client.close()
    return count / spent
