"""The floor: `python -m benchmarks.floor URL COUNT` prints seconds of CPU and wall.

One keep-alive `httpx.Client` posts the two requests of each workflow and parses the answers.
"""

from __future__ import annotations

import os
import sys
import time

import httpx

#: Workflows before the clock starts.
_WARM_UP = 30


def post_workflow(client: httpx.Client, url: str, number: int) -> None:
    """Ingest one event and read it back."""
    headers = {"X-API-KEY": "k"}
    customer, now = f"by-hand-{os.getpid()}-{number}", int(time.time())
    day = now - now % 86_400
    event = {
        "meterApiName": "api-calls",
        "customerId": customer,
        "meterValue": 2.5,
        "meterTimeInMillis": day * 1000 + 1000,
        "uniqueId": f"event-{number}",
    }
    answer = client.post(f"{url}/ingest", json=event, headers=headers)
    assert answer.status_code == 200
    answer.json()
    query = {
        "meterApiName": "api-calls",
        "startTimeInSeconds": day,
        "endTimeInSeconds": day + 86_400,
        "aggregation": "SUM",
        "timeGroupingInterval": "DAY",
        "groupBy": ["customerId"],
        "customerFilter": [customer],
    }
    answer = client.post(f"{url}/usage", json=query, headers=headers)
    assert answer.status_code == 200
    meters = answer.json()["clientMeters"]
    assert meters["api-calls"][0]["records"][0][str(day)] == 2.5


def _measure(url: str, count: int) -> tuple[float, float]:
    with httpx.Client() as client:
        for number in range(_WARM_UP):
            post_workflow(client, url, number)
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(_WARM_UP, _WARM_UP + count):
            post_workflow(client, url, number)
        return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    sys.stdout.write("{} {}\n".format(*_measure(sys.argv[1], int(sys.argv[2]))))
