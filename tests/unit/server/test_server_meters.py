"""Meters and what they count, filtering rules, cancellation and deduplication by configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.server.conftest import open_client

from pytest_amberflo.server.behaviour import Behaviour, DedupRule
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

_CANCEL = "aflo.cancel_previous_resource_event"
_DAY_S = 1_718_150_400
_RULES = "/meter-event-filtering-rules"
_REMOVALS = "/ingest-snapshot/custom-filtering-rules"


@pytest.fixture
def behaviour() -> Behaviour:
    """How the server of a test behaves."""
    return Behaviour()


@pytest.fixture
def client(behaviour: Behaviour) -> Iterator[httpx.Client]:
    """A client of an empty account."""
    key = "key-of-the-first-tenant"
    with EmbeddedServer([key], behaviour=behaviour) as server, open_client(server.url) as opened:
        yield opened


@pytest.fixture
def send(client: httpx.Client) -> Callable[..., None]:
    """Sends an event of the meter `m`; `...` leaves a member out."""

    def send_one(**changes: Any) -> None:
        event = {
            "meterApiName": "m",
            "customerId": "acme",
            "meterValue": 2,
            "meterTimeInMillis": _DAY_S * 1000 + 5,
            "uniqueId": "id-1",
        } | changes
        sent = {name: value for name, value in event.items() if value is not ...}
        assert client.post("/ingest", json=sent).status_code == 200

    return send_one


@pytest.fixture
def total(client: httpx.Client) -> Callable[..., float]:
    """The usage of the meter `m` on the day, by the official and the published form alike."""

    def ask(aggregation: str | None = "SUM") -> float:
        window = {"startTimeInSeconds": _DAY_S, "endTimeInSeconds": _DAY_S + 86_400}
        query = {"meterApiName": "m", "aggregation": aggregation, "timeGroupingInterval": "DAY"}
        report = client.post("/usage", json=query | {"timeRange": window}).json()
        value: float = sum(group["groupValue"] for group in report["clientMeters"])
        if aggregation in ("SUM", "MAX", "COUNT"):
            groups = client.post("/usage", json=query | window).json()["clientMeters"]["m"]
            assert value == sum(n for g in groups for r in g["records"] for n in r.values())
        return value

    return ask


def test_the_life_of_a_meter_in_the_published_form(client: httpx.Client) -> None:
    """A meter goes by its name."""
    sent = {"meterApiName": "m", "displayName": "M", "type": "MAX_IN_PERIOD", "dimensions": ["a"]}
    made = client.post("/meter-definition", json=sent).json()
    assert made.items() >= sent.items()
    assert client.post("/meter-definition", json=sent).status_code == 400
    assert client.get("/meter-definition").json() == [made]
    assert client.get("/meter-definition/m").json() == made
    changed = client.put("/meter-definition", json=made | {"displayName": "N"}).json()
    assert changed == made | {"displayName": "N"}
    assert client.delete("/meter-definition/m").status_code == 200
    assert client.get("/meter-definition/m").status_code == 404
    assert client.delete("/meter-definition/m").status_code == 404
    assert client.put("/meter-definition", json=made).status_code == 400
    for wrong in ({"type": "SUM"}, {"type": None}, {"displayName": 5}, {"dimensions": "a"}):
        assert client.post("/meter-definition", json=sent | wrong).status_code == 400


def test_the_life_of_a_meter_in_the_official_form(client: httpx.Client) -> None:
    """A meter goes by an id that the service gives, and is deprecated before it is deleted."""
    sent = {"meterApiName": "m", "label": "M", "meterType": "sum_of_all_usage"}
    made = client.post("/meters", json=sent).json()
    assert made["aggregation"] == "sum"
    assert client.get("/meters").json() == [made]
    assert client.get("/meters", params={"meterApiName": "x"}).json() == []
    assert client.get(f"/meters/{made['id']}").json() == made
    assert client.get("/meters/m").status_code == 404
    assert client.put("/meters", json=sent).json()["errorMessage"].count("already exists")
    active = client.put("/meters", json=made | {"lockingStatus": "close_to_changes"}).json()
    assert client.put("/meters", json=made).status_code == 400
    assert client.delete(f"/meters/{made['id']}").status_code == 400
    assert client.delete("/meters/m").json() == {}
    assert client.get("/meter-definition/m").json()["type"] == "SUM_OF_ALL_USAGE"
    client.put("/meters", json=active | {"lockingStatus": "deprecated"})
    assert client.delete(f"/meters/{made['id']}").status_code == 200
    assert client.get("/meters").json() == []


@pytest.mark.parametrize("kind", ["event_duration", "running_total", "SUM", "", 5, None])
def test_other_types_of_meters_are_refused(client: httpx.Client, kind: Any) -> None:
    """By name, with what there is."""
    sent = {"meterApiName": "m", "label": "M", "meterType": kind}
    answer = client.post("/meters", json=sent)
    assert answer.status_code == 400
    if isinstance(kind, str) and kind:
        assert "Invalid meter type" in answer.json()["errorMessage"]
        assert "sum_of_all_usage" in answer.json()["errorMessage"]


def test_active_users_need_what_is_unique(client: httpx.Client) -> None:
    """A meter of unique values says of which dimensions."""
    sent = {"meterApiName": "m", "label": "M", "meterType": "active_users"}
    assert client.post("/meters", json=sent).status_code == 400
    unique = {"aggregationDimensions": ["user"]}
    assert client.post("/meters", json=sent | unique).status_code == 200


def test_a_template_makes_meters(client: httpx.Client) -> None:
    """The one template there is, twice."""
    for _ in range(2):
        made = client.post("/provisioning", json={"templateId": "llm"}).json()
        assert [meter["meterApiName"] for meter in made] == ["input_tokens", "output_tokens"]
    assert client.post("/provisioning", json={"templateId": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "native"),
    [("sum_of_all_usage", 12), ("max_in_period", 5), ("unique_customers_count", 2)],
)
def test_a_meter_counts_as_it_was_defined(
    client: httpx.Client,
    send: Callable[..., None],
    total: Callable[..., float],
    kind: str,
    native: float,
) -> None:
    """Without an aggregation the meter's own is used, and any other can be asked for."""
    client.post("/meters", json={"meterApiName": "m", "label": "M", "meterType": kind})
    for number, (customer, value) in enumerate([("a", 3), ("a", 4), ("b", 5)]):
        send(customerId=customer, meterValue=value, meterTimeInMillis=_DAY_S * 1000 + number)
    assert total(None) == native
    assert (total("SUM"), total("MAX"), total("MIN")) == (12, 5, 3)
    assert total("COUNT") == (2 if kind.startswith("unique") else 3)


def test_unique_values_are_counted_once_over_a_window(client: httpx.Client) -> None:
    """A user of two days is one user of both."""
    sent = {"meterApiName": "m", "label": "M", "meterType": "active_users"}
    client.post("/meters", json=sent | {"aggregationDimensions": ["user"]})
    for day, user in ((0, "u1"), (0, "u2"), (1, "u1")):
        event = {"meterApiName": "m", "customerId": "c", "meterValue": 1}
        moment = {"meterTimeInMillis": (_DAY_S + day * 86_400) * 1000 + 1}
        client.post("/ingest", json=event | moment | {"dimensions": {"user": user}})
    window = {"startTimeInSeconds": _DAY_S, "endTimeInSeconds": _DAY_S + 2 * 86_400}
    query = {"meterApiName": "m", "timeRange": window, "timeGroupingInterval": "day"}
    (group,) = client.post("/usage", json=query).json()["clientMeters"]
    assert [value["value"] for value in group["values"]] == [2, 1]
    assert group["groupValue"] == 2


def test_rules_meet_what_comes_after_them(
    client: httpx.Client, send: Callable[..., None], total: Callable[..., float]
) -> None:
    """INCLUDE lets the listed values through, EXCLUDE all others; each from now on."""
    send(uniqueId="0", meterValue=1, dimensions={"r": "us"})
    rule = {"meterApiName": "m", "dimensionName": "r", "dimensionValues": ["eu"]}
    made = client.post(_RULES, json=rule | {"action": "INCLUDE"}).json()
    assert made.items() >= rule.items()
    assert client.get(_RULES, params={"meterApiName": "m"}).json() == [made]
    assert client.get(_RULES, params={"meterApiName": "n"}).json() == []
    for number, dimensions in enumerate([{"r": "eu"}, {"r": "us"}, {}, {"x": "eu"}]):
        send(uniqueId=f"a{number}", meterValue=10 * 2**number, dimensions=dimensions)
    assert total() == 11
    client.post(_RULES, json=made | {"action": "EXCLUDE"})
    for number, dimensions in enumerate([{"r": "eu"}, {"r": "us"}, {}]):
        send(uniqueId=f"b{number}", meterValue=1000 * 2**number, dimensions=dimensions)
    assert total() == 6011
    assert client.get(_RULES).status_code == 400
    assert client.post(_RULES, json=rule | {"action": "DROP"}).status_code == 400
    assert client.post(_RULES, json={"dimensionName": "r"}).status_code == 400


def test_what_has_arrived_can_be_taken_back(
    client: httpx.Client, send: Callable[..., None], total: Callable[..., float]
) -> None:
    """By a range of arrival, all of it or what has some dimensions."""
    send(uniqueId="1", meterValue=1, dimensions={"r": "us"})
    send(uniqueId="2", meterValue=2, dimensions={"r": "eu"})
    removal = {
        "id": "r-1",
        "meterApiName": "m",
        "type": "by_property_filter_out",
        "ingestionTimeRange": {"startTimeInSeconds": 1, "endTimeInSeconds": 2},
    }
    assert client.post(_REMOVALS, json=removal).json().items() >= removal.items()
    assert total() == 3
    ever = {"ingestionTimeRange": {"startTimeInSeconds": 1, "endTimeInSeconds": None}}
    client.post(_REMOVALS, json=removal | ever | {"dimensions": {"r": ["us"]}})
    assert total() == 2
    client.post(_REMOVALS, json=removal | ever)
    assert total() == 0
    assert len(client.get(_REMOVALS).json()) == 1
    assert client.post(_REMOVALS, json=removal | {"type": "other"}).status_code == 400
    assert client.post(_REMOVALS, json=removal | {"ingestionTimeRange": 5}).status_code == 400


def test_a_cancellation_takes_its_match_back(
    send: Callable[..., None], total: Callable[..., float]
) -> None:
    """By unique id, whatever else differs; it never counts itself, and a correction can follow."""
    send(uniqueId="1", meterValue=1)
    send(uniqueId="2", meterValue=2)
    send(uniqueId="1", meterValue=77, dimensions={_CANCEL: "true", "why": "wrong"})
    assert (total(), total("COUNT")) == (2, 1)
    # The same event again changes nothing, and neither does the same cancellation.
    send(uniqueId="1", meterValue=1)
    send(uniqueId="1", meterValue=77, dimensions={_CANCEL: "true", "why": "wrong"})
    assert total() == 2
    send(uniqueId="1", meterValue=4)
    assert total() == 6
    # Others of that id stay: another customer's, another meter's; and a mark that is none.
    send(uniqueId="2", customerId="other", dimensions={_CANCEL: "true"})
    send(uniqueId="2", meterApiName="n", dimensions={_CANCEL: "true"})
    send(uniqueId="2", meterValue=8, dimensions={_CANCEL: "false"})
    assert total() == 14


def test_without_an_id_all_else_must_be_equal(
    send: Callable[..., None], total: Callable[..., float]
) -> None:
    """A cancellation without an id takes back the one record that it repeats."""
    for region in ("eu", "us"):
        send(uniqueId=..., dimensions={"region": region, "ä": "\u00fc"})
    send(uniqueId=..., dimensions={"region": "eu", "ä": "\u00fc", _CANCEL: "true"})
    assert total() == 2
    send(uniqueId=..., meterValue=3, dimensions={"region": "us", "ä": "\u00fc", _CANCEL: "true"})
    assert total() == 2
    send(uniqueId=..., dimensions={"region": "us", "ä": "\u00fc", _CANCEL: "true"})
    assert total() == 0


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour(), 15),
        (Behaviour(dedup=DedupRule(value="first")), 11),
        (Behaviour(dedup=DedupRule(value="last")), 13),
        (Behaviour(dedup=DedupRule(key="uniqueId")), 1),
        (Behaviour(dedup=DedupRule(key="uniqueId", value="last")), 8),
        (Behaviour(dedup=DedupRule(key="block")), 7),
        (Behaviour(dedup=DedupRule(key="block", value="last")), 12),
        (Behaviour(dedup_by_meter={"m": DedupRule(key="uniqueId")}), 1),
        (Behaviour(dedup_by_meter={"n": DedupRule(key="uniqueId")}), 15),
    ],
    ids=str,
)
def test_deduplication_can_be_configured(
    send: Callable[..., None], total: Callable[..., float], expected: float
) -> None:
    """Which records are the same, and which of them counts."""
    send(meterValue=1, dimensions={"block": "b"})
    send(meterValue=2, meterTimeInMillis=_DAY_S * 1000 + 6)
    # Only the value differs from the one before.
    send(meterValue=4, meterTimeInMillis=_DAY_S * 1000 + 6)
    send(meterValue=8, dimensions={"block": "b"}, meterTimeInMillis=_DAY_S * 1000 + 9)
    # Repeating the first must not make it the last.
    send(meterValue=1, dimensions={"block": "b"})
    assert total() == expected


def test_a_meter_can_have_a_rule_of_its_own(
    client: httpx.Client, send: Callable[..., None], total: Callable[..., float]
) -> None:
    """Records without the attribute go by the general rule; other customers have their own."""
    config = {"deduplicationConfig": {"key": "uniqueId"}}
    meter = {"meterApiName": "m", "label": "M", "meterType": "sum_of_all_usage"}
    client.post("/meters", json=meter | config)
    send(meterValue=1)
    send(meterValue=2)
    send(meterValue=4, customerId="other")
    send(meterValue=8, uniqueId=...)
    send(meterValue=16, uniqueId=...)
    assert total() == 29
