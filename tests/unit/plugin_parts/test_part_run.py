"""What the items of a run share: names, keys, routes and hosts that may be called."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from unit.plugin_parts.part_kit import make_settings

from pytest_amberflo import __version__
from pytest_amberflo.arazzo.bound import Target as StepTarget
from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.http.exchange import Request
from pytest_amberflo.openapi.description import Description
from pytest_amberflo.run import Run, make_run
from pytest_amberflo.settings import LIVE_URL, Target

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "http://127.0.0.1:8787"
STAGING = "https://staging.example.com/api"


def make(root: Path, *, server_url: str | None = None, **changes: Any) -> Run:
    """A run with these settings; nothing is started."""
    settings = make_settings(**changes)
    return Run(settings, root=root, run_id="abc123", api_key="made-key", server_url=server_url)


def at(url: str, origin: str = "command line") -> Target:
    """A target by its URL."""
    return Target(kind="url", url=url, origin=origin)


def describe(server: str, **schemes: Any) -> Description:
    """A description with one operation on a server."""
    data = {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": server}],
        "paths": {"/x": {"post": {"operationId": "x", "responses": {}}}},
        "components": {"securitySchemes": schemes},
    }
    return Description(parse_source(json.dumps(data), name="api", uri="file:///api.json"))


def step_at(server: str) -> StepTarget:
    """A step's target on a server."""
    description = describe(server)
    operation = description.find("x")
    assert operation is not None
    return StepTarget(source_name="api", description=description, operation=operation)


def test_names_are_new_each_time(tmp_path: Path) -> None:
    """Customers and ids carry the run and count up, each by itself."""
    run = make(tmp_path)
    assert [run.new_customer(), run.new_customer()] == ["pt-abc123-1", "pt-abc123-2"]
    assert [run.new_unique_id(), run.new_unique_id()] == ["evt-abc123-1", "evt-abc123-2"]


def test_customers_named_after_one_of_the_run_are_its_own(tmp_path: Path) -> None:
    """Nobody else uses them; those of other workers and runs are somebody else's."""
    run = make(tmp_path)
    run.new_customer()
    own = ("pt-abc123-1", "pt-abc123-1-other", "pt-abc123-1/b")
    strange = ("pt-abc123-2", "pt-abc123-12", "pt-abc123-1b", "pt-abc123w1-1", "acme", "")
    assert list(map(run.is_own, own)) == [True] * 3
    assert list(map(run.is_own, strange)) == [False] * 6


def test_a_key_is_made_only_for_this_machine(tmp_path: Path) -> None:
    """The user's key goes first; without one, only a target of this machine gets a made one."""
    assert make(tmp_path).api_key == "made-key"
    assert make(tmp_path, target=at(LOCAL)).api_key == "made-key"
    assert make(tmp_path, target=at(STAGING)).api_key is None
    run = make(tmp_path, target=at(STAGING), api_key="mine-123")
    assert run.api_key == "mine-123"


def test_keys_are_masked(tmp_path: Path) -> None:
    """The user's key is a secret from the start, a made one from when it is asked for."""
    run = make(tmp_path, api_key="mine-123")
    assert run.redactor.redact("the key is mine-123") == "the key is ****"
    made = make(tmp_path)
    assert made.api_key == "made-key"
    assert made.redactor.redact("the key is made-key") == "the key is ****"


def test_who_else_can_write(tmp_path: Path) -> None:
    """Only an embedded server of this very process has no other writers."""
    assert make(tmp_path).is_alone
    assert not make(tmp_path, server_url=LOCAL).is_alone
    assert not make(tmp_path, target=at(LOCAL)).is_alone
    assert not make(tmp_path, target=Target(kind="live", url=LIVE_URL, origin="x")).is_alone


def test_the_url_of_the_target(tmp_path: Path) -> None:
    """A target's own URL, or that of the controller's server; nothing is started for either."""
    assert make(tmp_path, target=at(STAGING)).target_url == STAGING
    assert make(tmp_path, server_url=LOCAL).target_url == LOCAL


@pytest.mark.parametrize(
    "server", ["https://app.amberflo.io", "https://INGEST.amberflo.io./x", "http://amberflo.io"]
)
def test_hosts_of_amberflo_become_the_target(tmp_path: Path, server: str) -> None:
    """Whatever a description says of the service's own hosts, the target is called."""
    assert make(tmp_path, target=at(STAGING)).route(step_at(server)) == STAGING
    assert make(tmp_path, server_url=LOCAL).route(step_at(server)) == LOCAL


@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:9/v1", "http://localhost", "http://[::1]:3", "http://a.localhost"]
)
def test_this_machine_may_be_called(tmp_path: Path, server: str) -> None:
    """Servers of this machine stand as they are."""
    assert make(tmp_path, target=at(STAGING)).route(step_at(server)) == server


@pytest.mark.parametrize(
    ("server", "allowed", "target"),
    [
        ("https://API.example.com/v1", frozenset({"api.example.com"}), LOCAL),
        ("http://api.example.com:81", frozenset({"api.example.com"}), LOCAL),
        ("https://staging.example.com/other", frozenset(), STAGING),
    ],
)
def test_allowed_hosts_and_the_target_may_be_called(
    tmp_path: Path, server: str, allowed: frozenset[str], target: str
) -> None:
    """What was allowed, and the target's own host, stand as they are."""
    run = make(tmp_path, target=at(target), allow_hosts=allowed)
    assert run.route(step_at(server)) == server


@pytest.mark.parametrize(
    "server",
    [
        "https://api.example.com",
        "https://amberflo.io.example.com",
        "http://127.0.0.1.nip.io",
        "http://sub.staging.example.com",
        "http://10.0.0.1",
    ],
)
def test_any_other_host_is_refused_with_what_would_allow_it(tmp_path: Path, server: str) -> None:
    """No request leaves this machine unless somebody said so."""
    host = server.split("/")[2]
    with pytest.raises(Refusal) as caught:
        make(tmp_path, target=at(STAGING)).route(step_at(server))
    assert caught.value.reason == (
        f"source `api` would be called at {server}. Only loopback and the target may be called. "
        f"To allow it: --amberflo-allow-host {host}"
    )


def test_a_source_without_a_host_asks_for_one(tmp_path: Path) -> None:
    """A relative server says on no host where it is."""
    with pytest.raises(Refusal) as caught:
        make(tmp_path).route(step_at("/v1"))
    assert caught.value.reason == (
        "source `api` does not say on which host it is (its server is `/v1`). "
        "Give it: --amberflo-server api=URL"
    )


def test_a_given_server_goes_before_the_description(tmp_path: Path) -> None:
    """A server that the user gives a source is called, if its host may be."""
    run = make(tmp_path, servers={"api": "http://localhost:7/own"})
    assert run.route(step_at("https://app.amberflo.io")) == "http://localhost:7/own"
    run = make(tmp_path, servers={"api": "https://api.example.com"})
    with pytest.raises(Refusal, match=r"^source `api` is given at https://api\.example\.com\. "):
        run.route(step_at("http://localhost"))


def test_a_given_live_server_is_not_called_by_an_offline_run(tmp_path: Path) -> None:
    """The real service is called as a target only."""
    run = make(tmp_path, servers={"api": LIVE_URL})
    with pytest.raises(Refusal, match=r"--amberflo-allow-host app\.amberflo\.io$"):
        run.route(step_at("http://localhost"))


def test_who_may_get_the_key(tmp_path: Path) -> None:
    """The target's host and those of given servers; allowed hosts may not."""
    run = make(
        tmp_path,
        target=at("https://STAGING.example.com"),
        servers={"a": "http://one.example.com:1", "b": "/relative"},
        allow_hosts=frozenset({"other.example.com"}),
    )
    assert run.trusted_hosts == {"staging.example.com", "one.example.com"}
    assert make(tmp_path).trusted_hosts == frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h/x?k=mine-%2f%31+2", True),
        (f"Basic {base64.b64encode(b'user:mine-/1 2').decode()}", True),
        ('{"a": "mine-\\/\\u0031 2"}', True),
        ("mine-/12", False),
        ("", False),
    ],
)
def test_the_key_is_found_however_it_is_written(
    tmp_path: Path,
    text: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """A key that is encoded on its way to another host is still the key."""
    assert make(tmp_path, api_key="mine-/1 2").holds_key(text) is expected
    assert not make(tmp_path).holds_key(text)


def test_places_of_secrets_in_requests(tmp_path: Path) -> None:
    """Keys of the description's security schemes, and the header of all others."""
    description = describe(
        LOCAL,
        key={"type": "apiKey", "in": "header", "name": "X-API-KEY"},
        query={"type": "apiKey", "in": "query", "name": "token"},
        basic={"type": "http", "scheme": "basic"},
    )
    assert make(tmp_path).secret_places(description) == (
        ("header", "X-API-KEY"),
        ("query", "token"),
        ("header", "Authorization"),
    )


def test_paths_are_shown_from_where_pytest_was_started(tmp_path: Path) -> None:
    """A path below is short, one beside it goes up."""
    run = make(tmp_path / "here")
    assert run.shorten(tmp_path / "here" / "a" / "b.yaml") == "a/b.yaml"
    assert run.shorten(tmp_path / "c.yaml") == "../c.yaml"


def is_open(url: str) -> bool:
    """Whether something listens at a URL."""
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def test_the_embedded_server_is_started_once_and_stopped(tmp_path: Path) -> None:
    """Asking for its URL starts it, on this machine; closing the run stops it."""
    run = make(tmp_path)
    url = run.target_url
    try:
        assert urlsplit(url).hostname == "127.0.0.1"
        assert is_open(url)
        assert run.target_url == url
    finally:
        run.close()
    assert not is_open(url)


@pytest.mark.parametrize(("given", "key"), [(None, "made-key"), ("mine-123", "mine-123")])
def test_the_embedded_server_takes_the_key_of_the_run(
    tmp_path: Path, given: str | None, key: str
) -> None:
    """The user's key, or the one that was made, is the only one that it takes."""
    run = make(tmp_path, api_key=given)
    statuses = []
    try:
        for sent in (key, "another-key"):
            headers = (("X-API-KEY", sent), ("Content-Type", "application/json"))
            request = Request(
                method="POST", url=f"{run.target_url}/ingest", headers=headers, body=b"[]"
            )
            response = run.client.send(request, timeout_s=5.0).response
            statuses.append(response.status if response is not None else 0)
    finally:
        run.close()
    assert statuses[0] not in (0, 401, 403)
    assert statuses[1] in (401, 403)


def test_a_run_that_used_nothing_is_closed(tmp_path: Path) -> None:
    """Closing a run that was never used starts nothing."""
    run = make(tmp_path)
    run.close()
    assert "client" not in run.__dict__
    assert "target_url" not in run.__dict__


def test_a_run_has_one_client_and_closes_its_connections(tmp_path: Path) -> None:
    """Connections are shared by all items, and end with the run."""
    run = make(tmp_path)
    assert run.client is run.client
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard: list[bytes] = []

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                heard.append(connection.recv(1))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        exchange = run.client.send(Request(method="GET", url=url), timeout_s=5.0)
        assert exchange.response is not None
        assert exchange.response.status == 204
        run.close()
        thread.join(10)
    assert heard[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert f"\r\nuser-agent: pytest-amberflo/{__version__}\r\n" in heard[0].decode().lower()
    assert heard[1:] == [b""]


def test_a_description_is_checked_by_one_contract(tmp_path: Path) -> None:
    """The checks of a description are built once, those of another are others."""
    run = make(tmp_path)
    one, other = describe(LOCAL), describe(LOCAL)
    assert run.contract_of(one) is run.contract_of(one)
    assert run.contract_of(one) is not run.contract_of(other)


def test_the_present_moment_is_that_of_the_machine(tmp_path: Path) -> None:
    """Windows are built on the machine's time, in seconds since 1970."""
    before = time.time()
    assert before <= make(tmp_path).now() <= time.time()


class Config:
    """As much of pytest's configuration as a run reads."""

    def __init__(self, root: Path, **workerinput: Any) -> None:
        self.invocation_params = type("Params", (), {"dir": root})()
        if workerinput:
            self.workerinput = workerinput


def test_a_worker_takes_names_and_server_of_its_controller(tmp_path: Path) -> None:
    """Under xdist a run is one: the same key and server, and names of its own worker."""
    shared = {"run_id": "abcdefw1", "api_key": "shared-key", "server_url": LOCAL}
    run = make_run(make_settings(), Config(tmp_path, amberflo=shared), 0.0)
    assert (run.run_id, run.api_key, run.target_url) == ("abcdefw1", "shared-key", LOCAL)
    alone = make_run(make_settings(), Config(tmp_path), 0.0)
    other = make_run(make_settings(), Config(tmp_path), 0.0)
    assert alone.run_id != other.run_id
    assert alone.api_key != other.api_key
