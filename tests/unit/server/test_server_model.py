"""The server against a model: thousands of random operations, in both shapes, with restarts.

`AMBERFLO_TEST_SEED` picks another run.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
from typing import TYPE_CHECKING, Any

from unit.server.server_model import CANCEL, LAG_S, RULES, SETTLE_S, Model, ceil, floor

from pytest_amberflo.server.behaviour import Behaviour, DedupRule
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OPERATIONS = 5_000
_SEED = int(os.environ.get("AMBERFLO_TEST_SEED", "1"))
_KEYS = ("tenant-a", "tenant-b")
_TOKEN = "token"
_START_S = 1_709_164_800  # 2024-02-29
_METERS = ("m0", "m1", "m2", "m3", "m\u00e4 \U0001f600", 'm"5\\')
_CUSTOMERS = ("acme", "b\u00f6b", "0", None)
_IDS = ("id-1", "id-2", "", None, None)
_VALUES = (0.25, 0.5, 1, 2, 2.0, 3.75, -1, 1000)
_STEP_S = 5_400
_BEHAVIOUR = Behaviour(
    lag_s=LAG_S,
    settle_s=SETTLE_S,
    dedup_by_meter={
        name: DedupRule(key=key, value="last" if place == "last" else "first")
        for name, (key, place) in RULES.items()
    },
)


class _Session:
    """A server, a connection to it, and the model of what it must know."""

    def __init__(self, store: Path) -> None:
        self.dice = random.Random(_SEED)
        self.models = {key: Model() for key in _KEYS}
        self.now_s = 0
        self.counts: dict[str, int] = {}
        self._store = store
        self._start()

    def _start(self) -> None:
        self.server = EmbeddedServer(
            _KEYS, self._store, behaviour=_BEHAVIOUR, control_token=_TOKEN
        )
        self.server.start()
        self._socket = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def stop(self) -> None:
        """End the server."""
        self._socket.close()
        self.server.stop()

    def restart(self) -> None:
        """End the server and start another one on the same file."""
        self.stop()
        self._start()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        data = data or b""
        lines = [f"{method} {path} HTTP/1.1", "Host: t", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        head, answer, length = b"", b"", -1
        while length != len(answer):
            part = self._socket.recv(262_144)
            assert part, "the server has closed the connection"
            answer += part
            if length < 0 and b"\r\n\r\n" in answer:
                head, _, answer = answer.partition(b"\r\n\r\n")
                length = int(head.partition(b"Content-Length: ")[2].split()[0])
        return int(head.split()[1]), json.loads(answer)

    def pick(self) -> tuple[str, Model]:
        """A tenant."""
        key = self.dice.choice(_KEYS)
        return key, self.models[key]


def _make_event(dice: random.Random) -> dict[str, Any]:
    event: dict[str, Any] = {
        "meterApiName": dice.choice(_METERS),
        "meterValue": dice.choice(_VALUES),
        "meterTimeInMillis": (_START_S + dice.randrange(12) * 20_000) * 1000
        + dice.choice((0, 999)),
    }
    event["meterTimeInMillis"] += dice.randrange(12) * 20_000_000
    for name, choices in (("customerId", _CUSTOMERS), ("uniqueId", _IDS)):
        value = dice.choice(choices)
        if value is not None:
            event[name] = value
    if dice.random() < 0.6:
        pairs = (("region", ("eu", "us", "")), ("block", ("b1", "b2", 'q"\u00fc')))
        event["dimensions"] = {
            name: dice.choice(values) for name, values in pairs if dice.random() < 0.6
        }
    return event


def _ingest(session: _Session) -> None:
    dice = session.dice
    key, model = session.pick()
    events = [_make_event(dice) for _ in range(dice.choice((1, 1, 1, 2, 5)))]
    known = [r.event for records in model.records.values() for r in records.values()]
    for event in events:
        if known and dice.random() < 0.35:
            event.clear()
            event.update(json.loads(json.dumps(dice.choice(known))))
            if dice.random() < 0.3:
                event["dimensions"] = (event.get("dimensions") or {}) | {CANCEL: "true"}
    is_wrong = dice.random() < 0.05
    if is_wrong:
        name = dice.choice(("meterValue", "meterTimeInMillis", "meterApiName"))
        dice.choice(events)[name] = dice.choice((None, "", [], True))
    headers = {"X-API-KEY": key}
    form = dice.randrange(4)
    body = json.dumps(events[0] if len(events) == 1 and form else events).encode()
    if form == 1:
        body = "\n".join(json.dumps(event, ensure_ascii=False) for event in events).encode()
        headers["Content-Type"] = "application/x-ndjson"
    if form == 2:
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    path = dice.choice(("/ingest", "/ingest/"))
    status, answer = session.ask("POST", path, body, **headers)
    if is_wrong:
        assert status == 400, answer
        return
    assert (status, answer) == (200, f"{len(events)} records were ingested")
    model.ingest(events, session.now_s)


def _query(session: _Session) -> None:
    dice = session.dice
    key, model = session.pick()
    start = _START_S + dice.randrange(-40, 80) * 3_000
    query: dict[str, Any] = {
        "meter": dice.choice(_METERS),
        "start": start,
        "end": start + dice.choice((1, 3_600, 90_000, 2_000_000)),
        "interval": dice.choice(("HOUR", "DAY", "WEEK", "MONTH")),
        "groupBy": dice.sample(("customerId", "region", "block"), dice.randrange(3)),
        "filters": {},
    }
    for name, values in (("customerId", ("acme", "0", "x")), ("region", ("eu", "us", ""))):
        if dice.random() < 0.3:
            query["filters"][name] = dice.sample(values, 2)
    is_settled = dice.random() < 0.5
    ask = _ask_official if dice.random() < 0.5 else _ask_published
    ask(session, key, model, query, is_settled=is_settled)


def _ask_published(
    session: _Session, key: str, model: Model, query: dict[str, Any], *, is_settled: bool
) -> None:
    query["aggregation"] = session.dice.choice(("SUM", "MAX", "COUNT"))
    expected = model.usage(query, session.now_s, is_settled=is_settled)
    filters = dict(query["filters"])
    sent = {
        "meterApiName": query["meter"],
        "startTimeInSeconds": query["start"],
        "endTimeInSeconds": query["end"],
        "aggregation": query["aggregation"],
        "timeGroupingInterval": query["interval"],
        "groupBy": query["groupBy"],
        "filter": filters,
    }
    if "customerId" in filters and session.dice.random() < 0.5:
        sent["customerFilter"] = filters.pop("customerId")
    path = "/usage?minimizeFresh=true" if is_settled else "/usage"
    status, answer = session.ask("POST", path, sent, **{"X-API-KEY": key})
    assert status == 200, answer
    groups = answer["clientMeters"][query["meter"]]
    seen = {
        tuple(group["groupInfo"].get(name) for name in query["groupBy"]): {
            int(start): value for record in group["records"] for start, value in record.items()
        }
        for group in groups
    }
    assert len(seen) == len(groups)
    assert seen == expected, query


def _ask_official(
    session: _Session, key: str, model: Model, query: dict[str, Any], *, is_settled: bool
) -> None:
    dice = session.dice
    query["aggregation"] = dice.choice(("SUM", "MAX", "MIN", "COUNT"))
    expected = model.usage(query, session.now_s, is_settled=is_settled)
    limit = dice.choice((None, None, 1, 3))
    is_sparse = dice.random() < 0.3
    sent = {
        "meterApiName": query["meter"],
        "timeRange": {"startTimeInSeconds": query["start"], "endTimeInSeconds": query["end"]},
        "aggregation": dice.choice((str.lower, str.upper, str.title))(query["aggregation"]),
        "timeGroupingInterval": dice.choice((str.lower, str.upper))(query["interval"]),
        "groupBy": query["groupBy"] or None,
        "filter": query["filters"] or None,
        "take": limit and {"limit": limit, "isAscending": False},
    }
    path = "/usage/sparse" if is_sparse else "/usage"
    parameters = "?minimizeFresh=true" if is_settled else ""
    status, answer = session.ask("POST", path + parameters, sent, **{"X-API-KEY": key})
    assert status == 200, answer
    groups = answer["clientMeters"]
    totals = {group: _total(query["aggregation"], found) for group, found in expected.items()}
    values = sorted(totals.values(), reverse=True)[:limit]
    assert [group["groupValue"] for group in groups] == values, query
    starts = _list_starts(query)
    assert answer.get("secondsSinceEpochIntervals", starts) == starts
    names = [tuple(g["group"]["groupInfo"].get(n) for n in query["groupBy"]) for g in groups]
    assert len(set(names)) == len(names) == len(values)
    for name, group in zip(names, groups, strict=True):
        assert group["groupValue"] == totals[name]
        shown = sorted(expected[name]) if is_sparse else starts
        _check_values(group["values"], [(start, expected[name].get(start, 0)) for start in shown])


def _check_values(values: list[dict[str, Any]], expected: list[tuple[int, float]]) -> None:
    assert [(v["secondsSinceEpochUtc"], v["value"]) for v in values] == expected
    former = None
    for point in values:
        change = 0.0
        if former is not None and former != 0:
            change = (point["value"] - former) / former * 100
        elif former == 0 and point["value"] != 0:
            change = 100.0 if point["value"] > 0 else -100.0
        assert abs(point["percentageFromPrevious"] - change) <= 1e-9 * max(1, abs(change))
        former = point["value"]


def _total(aggregation: str, buckets: dict[int, float]) -> float:
    combine: Callable[[Any], float] = {"MAX": max, "MIN": min}.get(aggregation, sum)
    return combine(buckets.values())


def _list_starts(query: dict[str, Any]) -> list[int]:
    start, end = query["start"], query["end"]
    bucket, starts = floor(query["interval"], start), []
    while bucket < ceil(query["interval"], end):
        starts.append(bucket)
        bucket = ceil(query["interval"], bucket + 1)
    return starts


def _change_customer(session: _Session) -> None:
    dice = session.dice
    key, model = session.pick()
    headers = {"X-API-KEY": key}
    name = f"c{dice.randrange(5)}"
    sent = {"customerId": name, "customerName": f"n{dice.randrange(100)}"}
    match dice.randrange(4):
        case 0:
            status, _ = session.ask("POST", "/customers", sent, **headers)
            assert status == (400 if name in model.customers else 200)
            model.customers.setdefault(name, sent)
        case 1:
            status, _ = session.ask("PUT", "/customers/", sent, **headers)
            assert status == (200 if name in model.customers else 400)
            if status == 200:
                model.customers[name] = sent
        case 2:
            status, _ = session.ask("DELETE", f"/customers/{name}", **headers)
            assert status == (200 if name in model.customers else 404)
            model.customers.pop(name, None)
        case _:
            _, found = session.ask("GET", "/customers", **headers)
            seen = {item["customerId"]: item["customerName"] for item in found}
            assert seen == {n: item["customerName"] for n, item in model.customers.items()}


def _put_rule(session: _Session) -> None:
    dice = session.dice
    key, model = session.pick()
    rule: dict[str, Any] = {
        "meterApiName": dice.choice(_METERS[3:]),
        "dimensionName": dice.choice(("region", "block")),
        "dimensionValues": dice.sample(("eu", "us", "b1", ""), 3),
        "action": dice.choice(("INCLUDE", "EXCLUDE", "EXCLUDE")),
    }
    rule_id = f"{rule['meterApiName']}/{rule['dimensionName']}"
    path = "/meter-event-filtering-rules"
    status, _ = session.ask("POST", path, rule | {"ruleId": rule_id}, **{"X-API-KEY": key})
    assert status == 200
    model.put_rule(
        rule["meterApiName"], rule["dimensionName"], rule["dimensionValues"], rule["action"]
    )


def _step(session: _Session) -> None:
    session.now_s += _STEP_S
    headers = {"X-Control-Token": _TOKEN}
    status, _ = session.ask("POST", "/control/clock", {"advance": _STEP_S}, **headers)
    assert status == 200


def _forget(session: _Session) -> None:
    status, _ = session.ask("DELETE", "/control/received", **{"X-Control-Token": _TOKEN})
    assert status == 200
    session.models = {key: Model() for key in _KEYS}


_WEIGHTS: dict[Callable[[_Session], None], float] = {
    _ingest: 45,
    _query: 40,
    _change_customer: 8,
    _step: 6,
    _put_rule: 0.6,
    _Session.restart: 0.3,
    _forget: 0.25,
}


def test_the_server_keeps_to_its_model(tmp_path: Path) -> None:
    """Whatever is asked, the answer is the one that the model works out."""
    session = _Session(tmp_path / "model.sqlite")
    try:
        for number in range(_OPERATIONS):
            (operate,) = session.dice.choices([*_WEIGHTS], [*_WEIGHTS.values()])
            session.counts[operate.__name__] = session.counts.get(operate.__name__, 0) + 1
            try:
                operate(session)
            except AssertionError as error:
                error.add_note(f"operation {number} of AMBERFLO_TEST_SEED={_SEED}")
                raise
    finally:
        session.stop()
    assert set(session.counts) == {operate.__name__ for operate in _WEIGHTS}
    assert session.counts["restart"] >= 5
