"""Proxies of the environment: never for this machine, else as everywhere."""

from __future__ import annotations

import pytest
from unit.http.http_kit import OK, Server, client_of, get

NAMES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_a_proxy_is_not_used_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, name: str, host: str
) -> None:
    """Requests to loopback go straight there, whatever the environment says."""
    with Server(OK) as proxy, Server(OK) as server, client_of() as client:
        monkeypatch.setenv(name, proxy.url)
        exchange = get(client, f"http://{host}:{server.port}/")
    assert proxy.requests == []
    if host == "127.0.0.1":
        assert exchange.response is not None
        assert len(server.requests) == 1


def test_a_proxy_is_used_for_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off this machine the environment decides; the proxy gets the whole URL."""
    with Server(OK) as proxy, client_of() as client:
        monkeypatch.setenv("http_proxy", proxy.url)
        exchange = get(client, "http://parcels.invalid/a?b=c", (("X-A", "1"),))
    assert exchange.response is not None
    assert exchange.response.body == b"ok"
    assert proxy.requests[0].startswith(b"GET http://parcels.invalid/a?b=c HTTP/1.1\r\n")
    assert b"\r\nX-A: 1\r\n" in proxy.requests[0]
    assert b"User-Agent: kit/1\r\n" in proxy.requests[0]


def test_a_host_without_a_proxy_is_called_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """`no_proxy` takes a host out."""
    with Server(OK) as proxy, client_of() as client:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "255.255.255.255")
        exchange = get(client, "http://255.255.255.255:9/")
    assert exchange.failure is not None
    assert proxy.requests == []


def test_a_redirect_through_a_proxy_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy makes no difference to what an answer is."""
    found = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    with Server(found) as proxy, client_of() as client:
        monkeypatch.setenv("http_proxy", proxy.url)
        exchange = get(client, "http://parcels.invalid/a")
    assert exchange.response is not None
    assert exchange.response.status == 302
    assert len(proxy.requests) == 1
