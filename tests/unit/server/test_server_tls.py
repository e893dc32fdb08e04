"""The server as the hosts that Amberflo's clients have built in: TLS, and a proxy to them."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

pytest.importorskip("cryptography", reason='pip install "pytest-amberflo[tls]"')

from cryptography import x509

from pytest_amberflo.server.authority import Authority
from pytest_amberflo.server.certificate import Certified, make_authority
from pytest_amberflo.server.environment import make_environment
from pytest_amberflo.server.errors import AuthorityUnusableError
from pytest_amberflo.server.limits import Limits
from pytest_amberflo.server.live import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unit.server.conftest import RawClient

_KEY = "key-of-the-first-tenant"
_TOKEN = "control-token"
_INGEST = "ingest.amberflo.io"
_HEALTH = f"GET /health HTTP/1.1\r\nHost: {_INGEST}\r\n\r\n".encode()
_CONNECT = f"CONNECT {_INGEST}:443 HTTP/1.1\r\nHost: {_INGEST}:443\r\n\r\n".encode()
_HOME = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority in a folder of its own."""
    return Authority(tmp_path_factory.mktemp("authority") / "ca.pem")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[EmbeddedServer]:
    """A server that speaks TLS and has little patience."""
    limits = Limits(request_s=0.4, idle_s=0.6)
    with EmbeddedServer(
        [_KEY], limits=limits, authority=authority.file, control_token=_TOKEN
    ) as running:
        yield running


@pytest.fixture
def refused(server: EmbeddedServer) -> Callable[[], Any]:
    """Tells what did not get through since the test began."""
    call = partial(
        httpx.request,
        url=f"{server.url}/control/refused",
        headers={"X-Control-Token": _TOKEN},
        verify=False,
    )
    assert call("DELETE").is_success
    return lambda: call("GET").json()


def _trust(authority: Authority) -> ssl.SSLContext:
    authority.load()
    context = ssl.create_default_context(cafile=str(authority.file))
    # As newer Pythons are by default.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def _shake(plain: socket.socket, authority: Authority, host: str = _INGEST) -> ssl.SSLSocket:
    context = _trust(authority)
    # An end without a good-bye is an error.
    return context.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False)


def _ask(secure: socket.socket) -> bytes:
    secure.sendall(_HEALTH)
    return _read_answer(secure)


def _read_answer(source: socket.socket) -> bytes:
    data = b""
    while b"}" not in data:
        part = source.recv(4096)
        if not part:
            break
        data += part
    return data


def _read_to_end(source: socket.socket) -> bytes:
    data = b""
    while part := source.recv(4096):
        data += part
    return data


@pytest.mark.parametrize("host", ["ingest.amberflo.io", "app.amberflo.io"])
def test_both_hosts_are_served_at_once_and_through_a_tunnel(
    server: EmbeddedServer, raw: RawClient, authority: Authority, host: str
) -> None:
    """As it is with a network alias, and with a proxy; several requests on one connection."""
    with _shake(raw.socket, authority, host) as secure:
        assert secure.selected_alpn_protocol() is None
        for _ in range(3):
            assert b'{"status":"ok"}' in _ask(secure)
    proxied = httpx.Client(proxy=server.url, verify=_trust(authority))
    event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 1_718_153_645_993}
    with proxied as client:
        answer = client.post(f"https://{host}/ingest", json=event, headers={"X-API-KEY": _KEY})
        assert answer.json() == "1 records were ingested"
        assert client.get(f"https://{host}/customers").status_code == 401


def test_http_2_is_not_offered(raw: RawClient, authority: Authority) -> None:
    """A client that could speak it is told to speak HTTP/1.1."""
    context = _trust(authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(raw.socket, server_hostname=_INGEST) as secure:
        assert secure.selected_alpn_protocol() == "http/1.1"


def test_large_bodies_go_both_ways(server: EmbeddedServer, authority: Authority) -> None:
    """More than a record of TLS and a socket's buffer hold arrives whole."""
    event = {"meterApiName": "large", "meterTimeInMillis": 1_718_153_645_993, "customerId": "c"}
    events = [event | {"meterValue": n, "uniqueId": f"u{n}" * 50} for n in range(5_000)]
    with httpx.Client(
        proxy=server.url, verify=_trust(authority), headers={"X-API-KEY": _KEY}, timeout=20
    ) as client:
        answer = client.post(f"https://{_INGEST}/ingest", json=events)
        assert answer.json() == "5000 records were ingested"
        control = httpx.get(
            f"{server.url}/control/received",
            params={"meterApiName": "large", "limit": 5_000},
            headers={"X-Control-Token": _TOKEN},
            verify=False,
        )
        assert len(control.json()["events"]) == 5_000
        through = client.get(
            f"https://{_INGEST}/control/received",
            params={"meterApiName": "large", "limit": 5_000},
            headers={"X-Control-Token": _TOKEN},
        )
        assert through.content == control.content


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("api.stripe.com:443", "api.stripe.com", 443),
        ("amberflo.io:443", "amberflo.io", 443),
        ("evil-ingest.amberflo.io:443", "evil-ingest.amberflo.io", 443),
        ("ingest.amberflo.io.evil.test:443", "ingest.amberflo.io.evil.test", 443),
        ("ingest.amberflo.io:22", "ingest.amberflo.io", 22),
        ("127.0.0.1:22", "127.0.0.1", 22),
        ("[::1]:443", "::1", 443),
    ],
)
def test_other_hosts_are_refused_and_remembered(
    raw: RawClient, refused: Callable[[], Any], target: str, host: str, port: int
) -> None:
    """The proxy leads to Amberflo's two hosts and says so; a test can ask who went elsewhere."""
    raw.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    status, _, body = raw.read()
    assert status == 403
    assert b"leads to ingest.amberflo.io and app.amberflo.io only" in body
    assert raw.is_closed()
    (found,) = refused()
    assert (found["host"], found["port"], found["reason"]) == (host, port, "host")


@pytest.mark.parametrize(
    "target", ["INGEST.amberflo.io:443", "ingest.amberflo.io.:443", "app.amberflo.io:80"]
)
def test_a_host_may_be_spelled_otherwise(raw: RawClient, target: str) -> None:
    """By letter case, with the root's dot, or for plain HTTP."""
    raw.send(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert raw.read_head() == (200, {})
    raw.send(_HEALTH)
    assert raw.read()[2] == b'{"status":"ok"}'


def test_what_follows_a_request_for_a_tunnel_goes_into_it(raw: RawClient) -> None:
    """A client need not wait for the answer, nor for those to what it sent before."""
    connect = b"CONNECT app.amberflo.io:80 HTTP/1.1\r\n\r\n"
    raw.send(_HEALTH + connect + _HEALTH + _HEALTH)
    assert raw.read()[2] == b'{"status":"ok"}'
    assert raw.read_head() == (200, {})
    assert [raw.read()[2] for _ in range(2)] == [b'{"status":"ok"}'] * 2


@pytest.mark.parametrize(
    "target",
    ["ingest.amberflo.io", "ingest.amberflo.io:https", "ingest.amberflo.io:99999", ":443"],
)
def test_a_tunnel_needs_a_host_and_a_port(raw: RawClient, target: str) -> None:
    """Anything else is no request for one."""
    raw.send(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    assert raw.read()[0] == 400


def test_whole_urls(raw: RawClient, refused: Callable[[], Any]) -> None:
    """Some clients send a proxy the whole URL, even of https: Amberflo's are served so, too."""
    for url in (
        "https://ingest.amberflo.io/health",
        "http://app.amberflo.io:80/health",
        "http://127.0.0.1:1/health",
    ):
        raw.send(f"GET {url} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        assert raw.read()[0] == 200
    assert refused() == []
    raw.send(b"GET http://other.test:8080/health?k=secret HTTP/1.1\r\nHost: other.test\r\n\r\n")
    assert raw.read()[0] == 403
    (found,) = refused()
    assert (found["host"], found["port"]) == ("other.test", 8080)
    assert "secret" not in str(found)


def test_a_flood_of_refusals_is_bounded(raw: RawClient, refused: Callable[[], Any]) -> None:
    """The last thousand are kept."""
    for start in range(0, 1_100, 100):
        numbers = range(start, start + 100)
        raw.send(
            b"".join(b"GET http://h%d.test/ HTTP/1.1\r\nHost: t\r\n\r\n" % n for n in numbers)
        )
        assert {raw.read()[0] for _ in numbers} == {403}
    hosts = [found["host"] for found in refused()]
    assert (len(hosts), hosts[0], hosts[-1]) == (1_000, "h100.test", "h1099.test")


def test_a_client_that_does_not_trust_the_authority(
    raw: RawClient, refused: Callable[[], Any], authority: Authority
) -> None:
    """The mistake that everybody makes once has a sentence of its own, with the file's name."""
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw.socket, server_hostname=_INGEST)
    (found,) = refused()
    assert found["reason"] == "tls"
    assert "does not trust the server's certificate" in found["text"]
    assert str(authority.file) in found["text"]


def test_a_name_that_the_certificate_is_not_for(raw: RawClient, authority: Authority) -> None:
    """Nobody takes the server for another host."""
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(raw.socket, authority, "api.stripe.com")


_GARBAGE = (
    b"\x16" + b"\x00" * 64,
    b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
    b"\x16\x03\x01\x00\x05hello",
)


@pytest.mark.parametrize("data", _GARBAGE, ids=("zeros", "long", "hello"))
@pytest.mark.parametrize("is_tunnelled", [False, True])
def test_garbage_in_a_handshake(
    raw: RawClient, client: httpx.Client, data: bytes, *, is_tunnelled: bool
) -> None:
    """What only begins like TLS ends with an alert or in silence, and soon."""
    if is_tunnelled:
        raw.send(_CONNECT)
        assert raw.read_head()[0] == 200
    raw.socket.sendall(data)
    raw.socket.settimeout(10)
    try:
        answer = _read_to_end(raw.socket)
    except ConnectionError:
        answer = b""
    assert not answer or answer.startswith(b"\x15")
    assert client.get("/health").is_success


def test_garbage_in_an_open_connection(
    raw: RawClient, client: httpx.Client, authority: Authority
) -> None:
    """A broken record ends the connection; what is no HTTP is answered as without TLS."""
    plain = socket.socket(fileno=os.dup(raw.socket.fileno()))
    with _shake(raw.socket, authority) as secure, plain:
        assert b"ok" in _ask(secure)
        plain.sendall(b"\x17\x03\x03\x00\x10" + b"x" * 16)
        secure.settimeout(10)
        with suppress(ssl.SSLError, ConnectionError):
            assert _read_to_end(secure) == b""
    assert client.get("/health").is_success


def test_what_is_no_request_is_refused_within_tls(raw: RawClient, authority: Authority) -> None:
    """With the same answer as outside."""
    with _shake(raw.socket, authority) as secure:
        secure.sendall(b"nonsense\r\n\r\n")
        assert _read_answer(secure).startswith(b"HTTP/1.1 400 ")
        assert _read_to_end(secure) == b""


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"GET / HT"])
def test_half_open_tunnels_are_closed(raw: RawClient, sent: bytes) -> None:
    """Whoever asks for a tunnel and then dawdles is parted with, as without one."""
    raw.send(_CONNECT)
    assert raw.read_head()[0] == 200
    raw.send(sent)
    raw.socket.settimeout(10)
    begun = time.monotonic()
    _read_to_end(raw.socket)
    assert time.monotonic() - begun < 5


def test_a_slow_handshake_is_ended(raw: RawClient, refused: Callable[[], Any]) -> None:
    """Byte by byte does not help: the whole has to be there in time."""
    raw.socket.settimeout(10)
    hello = b"\x16\x03\x01\x02\x00" + b"\x01" * 500
    begun = time.monotonic()
    with suppress(ConnectionError):
        for byte in hello:
            raw.socket.sendall(bytes((byte,)))
            time.sleep(0.05)
    assert time.monotonic() - begun < 5
    (found,) = refused()
    assert "did not complete the handshake" in found["text"]


def test_a_client_that_hangs_up_in_a_handshake(
    raw: RawClient, client: httpx.Client, refused: Callable[[], Any]
) -> None:
    """In good order or not: the server lives, and what it knows it tells."""
    raw.socket.sendall(b"\x16\x03\x01\x02\x00")
    raw.socket.shutdown(socket.SHUT_WR)
    assert _read_to_end(raw.socket) == b""
    assert "hung up" in refused()[0]["text"]
    assert client.get("/health").is_success


def test_a_reset_within_tls(raw: RawClient, client: httpx.Client, authority: Authority) -> None:
    """A client that vanishes is forgotten."""
    secure = _shake(raw.socket, authority)
    secure.sendall(b"POST /ingest HTTP/1.1\r\nContent-Length: 99\r\n\r\n{")
    secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    secure.close()
    assert client.get("/health").is_success


def test_a_half_closed_connection_is_answered(raw: RawClient, authority: Authority) -> None:
    """Who says good-bye after the last request still gets its answer."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _trust(authority).wrap_bio(incoming, outgoing, server_hostname=_INGEST)

    def act(action: Callable[[], Any]) -> Any:
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                raw.socket.sendall(outgoing.read())
                incoming.write(raw.socket.recv(65_536))

    act(tls.do_handshake)
    event = {"meterApiName": "m", "meterValue": 1, "meterTimeInMillis": 1_718_153_645_993}
    tls.write(raw.render_post("/ingest", event))
    with pytest.raises(ssl.SSLWantReadError):
        tls.unwrap()
    raw.socket.sendall(outgoing.read())
    incoming.write(_read_to_end(raw.socket))
    assert b'"1 records were ingested"' in tls.read(4096)


def test_tls_within_tls(raw: RawClient, authority: Authority) -> None:
    """A proxy may itself be called by https."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with _shake(raw.socket, authority, "app.amberflo.io") as outer:
        outer.sendall(_CONNECT)
        assert outer.recv(4096).startswith(b"HTTP/1.1 200 ")
        inner = _trust(authority).wrap_bio(incoming, outgoing, server_hostname=_INGEST)
        is_asked = False
        while True:
            try:
                inner.do_handshake()
                if not is_asked:
                    is_asked = bool(inner.write(_HEALTH))
                assert b'{"status":"ok"}' in inner.read(4096)
                break
            except ssl.SSLWantReadError:
                outer.sendall(outgoing.read())
                incoming.write(outer.recv(65_536))


def test_many_at_once(server: EmbeddedServer, authority: Authority) -> None:
    """Connections do not disturb one another."""
    context = _trust(authority)

    def call(number: int) -> int:
        with httpx.Client(proxy=server.url, verify=context, timeout=20) as client:
            event = {"meterApiName": "many", "meterValue": number, "customerId": "c"}
            event["meterTimeInMillis"] = 1_718_153_645_993
            headers = {"X-API-KEY": _KEY}
            return client.post(
                f"https://{_INGEST}/ingest", json=event, headers=headers
            ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(40))) == {200}


def test_a_stopping_server_ends_tunnels_and_handshakes(tmp_path: Path) -> None:
    """Nothing that is only half there holds it up."""
    with EmbeddedServer([_KEY], authority=tmp_path / "ca.pem") as running:
        held = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(3)]
        for number, one in enumerate(held):
            if number:
                one.sendall(_CONNECT)
                assert one.recv(100).startswith(b"HTTP/1.1 200 ")
        held[2].sendall(b"\x16\x03\x01")
        begun = time.monotonic()
    assert time.monotonic() - begun < 3
    for one in held:
        one.close()


# The files.


def test_nothing_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    """A server that only speaks HTTP leaves no file and imports no library for certificates."""
    script = (
        "import sys, urllib.request, pathlib\n"
        "from pytest_amberflo.server.live import EmbeddedServer\n"
        "with EmbeddedServer(['k'], authority=pathlib.Path('ca.pem')) as server:\n"
        "    urllib.request.urlopen(server.url + '/health').read()\n"
        "print('cryptography' in sys.modules)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(_HOME)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == (b"False\n", b"", [])


def test_the_files_are_kept(tmp_path: Path) -> None:
    """The same authority again, by whoever asks first; its key is for its owner alone."""
    first, second = Authority(tmp_path / "ca.pem"), Authority(tmp_path / "ca.pem")
    assert first.load().to_pem() == second.load().to_pem() == first.file.read_bytes()
    assert stat.S_IMODE(first.key_file.stat().st_mode) == 0o600
    first.file.unlink()
    assert second.load().to_pem() == first.file.read_bytes()


def test_processes_that_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    """One of them makes it, the others take it."""
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda _: Authority(tmp_path / "a" / "ca.pem").load().to_pem(), range(16))
        assert len(set(made)) == 1
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"ca.pem", "ca.pem.key"}


def test_it_vouches_for_amberflo_alone(authority: Authority, tmp_path: Path) -> None:
    """Whoever gets hold of the key cannot pretend to be anybody else."""
    from pytest_amberflo.server.certificate import issue_leaf  # noqa: PLC0415

    chain = tmp_path / "chain.pem"
    chain.write_bytes(issue_leaf(authority.load(), ("bank.test",)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    ends = [ssl.MemoryBIO() for _ in range(2)]
    tls = context.wrap_bio(ends[0], ends[1], server_side=True)
    other = _trust(authority).wrap_bio(ends[1], ends[0], server_hostname="bank.test")
    for one in (other, tls):
        with pytest.raises(ssl.SSLWantReadError):
            one.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        other.do_handshake()


def test_clocks_may_differ(authority: Authority) -> None:
    """It holds for clocks that are months behind, and for years to come."""
    certificate = authority.load().certificate
    now = time.time()
    assert certificate.not_valid_before_utc.timestamp() < now - 300 * 86_400
    assert certificate.not_valid_after_utc.timestamp() > now + 3_000 * 86_400


def _break_key(authority: Authority) -> None:
    authority.key_file.write_bytes(b"no key")


def _swap_certificate(authority: Authority) -> None:
    authority.file.write_bytes(Certified(make_authority("amberflo.io")).to_pem())


def _remove_key(authority: Authority) -> None:
    authority.key_file.unlink()


def _make_folder(authority: Authority) -> None:
    authority.key_file.unlink()
    authority.key_file.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_break_key, "does not hold a key and a certificate"),
        (_swap_certificate, "it is not the key of"),
        (_remove_key, "it is missing, and .* is there"),
        (_make_folder, "Is a directory"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, spoil: Callable[[Authority], None], reason: str
) -> None:
    """Nothing is overwritten; the error names the file and what is wrong with it."""
    authority = Authority(tmp_path / "ca.pem")
    authority.load()
    spoil(authority)
    with pytest.raises(AuthorityUnusableError, match=reason) as caught:
        authority.load()
    assert "ca.pem.key" in str(caught.value)
    with EmbeddedServer([_KEY], authority=authority.file) as running:
        with pytest.raises(httpx.ProxyError, match="501"):
            httpx.get(f"https://{_INGEST}/health", proxy=running.url, verify=False)
        assert httpx.get(f"{running.url}/health", verify=False).is_success


# The environment of a service.


def test_the_bundle_holds_public_authorities_too(authority: Authority) -> None:
    """A service's other calls go on to work; Node has its own and is given one more."""
    variables = make_environment("http://127.0.0.1:1", authority, "k")
    bundle = x509.load_pem_x509_certificates(
        Path(variables["REQUESTS_CA_BUNDLE"]).read_bytes()[-2000:]
    )
    own = x509.load_pem_x509_certificate(Path(variables["NODE_EXTRA_CA_CERTS"]).read_bytes())
    assert own == bundle[-1] == authority.load().certificate
    assert Path(variables["SSL_CERT_FILE"]).read_bytes().count(b"BEGIN CERTIFICATE") > 50
    assert variables["AMBERFLO_API_KEY"] == "k"
    assert "AMBERFLO_API_KEY" not in make_environment("http://127.0.0.1:1", authority, None)


_CLIENTS = {
    "curl": ["curl", "-sS", "--max-time", "20", "https://app.amberflo.io/health"],
    "urllib": [
        sys.executable,
        "-c",
        "import urllib.request as r; print(r.urlopen('https://app.amberflo.io/health').read())",
    ],
    "httpx": [
        sys.executable,
        "-c",
        "import httpx; print(httpx.get('https://app.amberflo.io/health').text)",
    ],
}


#: What axios makes of a call of Amberflo's TypeScript client, whose package cannot be had from the
#: registry any more: the whole URL to the proxy, or a tunnel, as newer agents do.
_TYPESCRIPT = """
const http = require('http'), https = require('https');
const proxy = new URL(process.env.HTTPS_PROXY), host = 'ingest.amberflo.io';
const event = {uniqueId: process.argv[1], meterApiName: 'ts', customerId: 'acme', meterValue: 2,
               meterTimeInMillis: Date.now(), dimensions: {region: 'eu'}};
const body = JSON.stringify([event]);
const headers = {
  'X-API-KEY': process.env.AMBERFLO_API_KEY, 'Content-Type': 'application/json',
  'Accept': 'application/json, text/plain, */*', 'Content-Length': Buffer.byteLength(body),
  'User-Agent': 'Amberflo.io SDK 2.6.0; Typescript; Node ' + process.version, 'Host': host,
};
const show = answer => answer.on('data', part => process.stdout.write(part));
const to = {host: proxy.hostname, port: proxy.port};
if (process.argv[2] === 'whole') {
  http.request({...to, method: 'POST', path: `https://${host}/ingest`, headers}, show).end(body);
} else {
  http.request({...to, method: 'CONNECT', path: host + ':443'}).on('connect', (_, socket) => {
    https.request({host, socket, agent: false, method: 'POST', path: '/ingest', headers}, show)
      .end(body);
  }).end();
}
"""


@pytest.mark.parametrize("way", ["whole", "tunnel"])
def test_the_typescript_clients_requests(
    server: EmbeddedServer, authority: Authority, way: str
) -> None:
    """They arrive with Node's own means, by the environment alone."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    environment = os.environ | make_environment(server.url, authority, _KEY)
    done = subprocess.run(
        ["node", "-e", _TYPESCRIPT, f"id-{way}", way],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "1 records were ingested", done.stderr


_JAVA = """
import java.net.URI;
import java.net.http.*;

public class Ask {
    public static void main(String[] arguments) throws Exception {
        URI uri = URI.create("https://app.amberflo.io/health");
        HttpRequest request = HttpRequest.newBuilder(uri).build();
        HttpResponse.BodyHandler<String> text = HttpResponse.BodyHandlers.ofString();
        System.out.println(HttpClient.newHttpClient().send(request, text).body());
    }
}
"""


def test_java(server: EmbeddedServer, authority: Authority, tmp_path: Path) -> None:
    """Proxy and trust store are taken from the environment, too."""
    if shutil.which("javac") is None:
        pytest.skip("there is no JDK")
    (tmp_path / "Ask.java").write_text(_JAVA)
    environment = os.environ | make_environment(server.url, authority, _KEY)
    command = ["java", "-XX:TieredStopAtLevel=1", "Ask.java"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == '{"status":"ok"}\n', done.stderr


@pytest.mark.parametrize("name", _CLIENTS)
def test_clients_in_their_own_processes(
    server: EmbeddedServer, authority: Authority, name: str
) -> None:
    """With nothing but the environment they find the server, and believe it."""
    if shutil.which(_CLIENTS[name][0]) is None:
        pytest.skip(f"{_CLIENTS[name][0]} is not installed")
    environment = os.environ | make_environment(server.url, authority, _KEY)
    done = subprocess.run(
        _CLIENTS[name], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert '{"status":"ok"}' in done.stdout, done.stderr


_SDK = """
import time
from metering.customer import CustomerApiClient, create_customer_payload
from metering.ingest import IngestApiClient, create_ingest_client, create_ingest_payload
from metering.usage import AggregationType, TimeGroupingInterval, TimeRange
from metering.usage import UsageApiClient, create_usage_query
import os

key, now = os.environ["AMBERFLO_API_KEY"], int(time.time() * 1000)
producer = create_ingest_client(api_key=key)
for number in range(250):
    producer.meter("sdk", 1, now, "acme", unique_id=f"u{number}")
producer.shutdown()
print(IngestApiClient(key).send(create_ingest_payload("sdk", 1, now, "acme")))
print(CustomerApiClient(key).add_or_update(create_customer_payload("acme", "Acme"))["customerId"])
query = create_usage_query(
    AggregationType.SUM, "sdk", TimeGroupingInterval.DAY, TimeRange(now // 1000 - 60)
)
print(UsageApiClient(key).get(query)["clientMeters"][0]["groupValue"])
"""


def test_the_official_client_unmodified(server: EmbeddedServer, authority: Authority) -> None:
    """Amberflo's Python client with the URLs that are built into it, in a process of its own."""
    pytest.importorskip("metering", reason="amberflo-metering-python is not installed")
    environment = os.environ | make_environment(server.url, authority, _KEY)
    done = subprocess.run(
        [sys.executable, "-c", _SDK],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1 records were ingested\nacme\n251\n", "")
