"""Plain requests: what goes over the wire, byte for byte, and what is not imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.http.http_kit import OK, Server, client_of

from pytest_amberflo.http.connection import WireError
from pytest_amberflo.http.dialogue import Dialogue
from pytest_amberflo.http.exchange import Headers, Request
from pytest_amberflo.http.plain import find_origin, make_plain, target_of

_BEGIN = "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
_END = "User-Agent: kit/1\r\n"
_DEFAULTS = f"Host: HOST\r\n{_BEGIN}{_END}"
_NAMES = ("Accept", "accept-encoding", "USER-AGENT", "X-A", "x-b", "Content-Type", "A B", "X:", "")
_ODD_NAMES = ("Connection", "Host", "content-length", "Transfer-Encoding", "Upgrade", "é")


def send_raw(request: Request, *, is_dropped: bool = False) -> list[str]:
    """The raw requests of a server that was sent this one; its address is `HOST`."""
    with Server(OK) as server, client_of() as client:
        sent = Request(
            method=request.method,
            url=server.url + request.url,
            headers=request.headers,
            body=request.body,
        )
        (client.drop if is_dropped else client.send)(sent, timeout_s=5)
    host = f"127.0.0.1:{server.port}"
    return [raw.decode("latin-1").replace(host, "HOST") for raw in server.requests if raw]


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "raw"),
    [
        ("GET", "", (), None, f"GET / HTTP/1.1\r\n{_DEFAULTS}\r\n"),
        ("HEAD", "/a?b=c#d", (), None, f"HEAD /a?b=c HTTP/1.1\r\n{_DEFAULTS}\r\n"),
        ("GET", "?a=b", (), None, f"GET /?a=b HTTP/1.1\r\n{_DEFAULTS}\r\n"),
        ("GET", "/", (), b"x", f"GET / HTTP/1.1\r\n{_DEFAULTS}Content-Length: 1\r\n\r\nx"),
        ("POST", "/", (), None, f"POST / HTTP/1.1\r\n{_DEFAULTS}Content-Length: 0\r\n\r\n"),
        ("PUT", "/", (), b"", f"PUT / HTTP/1.1\r\n{_DEFAULTS}Content-Length: 0\r\n\r\n"),
        ("DELETE", "/", (), None, f"DELETE / HTTP/1.1\r\n{_DEFAULTS}\r\n"),
        ("purge", "/", (), None, f"purge / HTTP/1.1\r\n{_DEFAULTS}\r\n"),
        (
            *("POST", "/", (("x-B", "é\tb"), ("X-a", ""), ("x-b", "2")), b"{}"),
            f"POST / HTTP/1.1\r\n{_DEFAULTS}"
            "x-B: é\tb\r\nX-a: \r\nx-b: 2\r\nContent-Length: 2\r\n\r\n{}",
        ),
        (
            *("GET", "/", (("X-A", "1"), ("user-agent", "own")), None),
            f"GET / HTTP/1.1\r\nHost: HOST\r\n{_BEGIN}X-A: 1\r\nuser-agent: own\r\n\r\n",
        ),
        (
            *("GET", "/", (("X-A", "1"), ("host", "h")), None),
            f"GET / HTTP/1.1\r\nhost: h\r\n{_BEGIN}{_END}X-A: 1\r\n\r\n",
        ),
        (
            *("POST", "/", (("Transfer-Encoding", "chunked"),), b"ab"),
            f"POST / HTTP/1.1\r\n{_DEFAULTS}"
            "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ),
    ],
)
@pytest.mark.parametrize("is_dropped", [False, True])
def test_a_request_is_sent_byte_for_byte(
    method: str, target: str, headers: Headers, body: bytes | None, raw: str, *, is_dropped: bool
) -> None:
    """Names keep their spelling; the client's own headers come first, the length last."""
    request = Request(method=method, url=target, headers=headers, body=body)
    if headers[:1] == (("Transfer-Encoding", "chunked"),):
        raw = raw.partition("\r\n\r\n")[0] + "\r\n\r\n"  # the kit reads no chunks
        assert send_raw(request, is_dropped=is_dropped)[0].startswith(raw)
    else:
        assert send_raw(request, is_dropped=is_dropped) == [raw]


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PATCH", "get", "A B", ""]),
    target=st.sampled_from(["/", "/a?b=%20", "//x/../y;z"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(_NAMES + _ODD_NAMES) | st.text(max_size=3),
            st.sampled_from(["", "1", "2", "close", "chunked", "a b", "a\tb", " a", "é\x85"])
            | st.text(st.characters(max_codepoint=300), max_size=4),
        ),
        max_size=4,
    ).map(tuple),
    body=st.sampled_from([None, b"", b"x", b"\x00\xff"]),
)
def test_a_request_is_written_as_h11_writes_it(
    method: str, target: str, headers: Headers, body: bytes | None
) -> None:
    """What is written without h11 is the same; what h11 refuses is refused in its words."""
    request = Request(method=method, url="http://h:1", headers=headers, body=body)
    origin = find_origin(request.url)
    assert origin is not None
    try:
        made = make_plain(request, origin, target, "kit/1").data
    except UnicodeError as error:
        assert isinstance(error, UnicodeEncodeError)  # noqa: PT017  the type is the point
        assert any(ord(char) > 127 for pair in headers for text in pair for char in text)
        return
    except WireError as error:
        made = str(error).encode()
    assert made == write_with_h11(request, target)


def write_with_h11(request: Request, target: str) -> bytes:
    """The bytes of a request, or what is wrong with it."""
    own = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
    given_names = {name.lower() for name, _ in own}
    headers = [
        (name, value)
        for name, value in (
            (b"Host", b"h:1"),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"Connection", b"keep-alive"),
            (b"User-Agent", b"kit/1"),
        )
        if name.lower() not in given_names
    ]
    headers += own
    has_length = request.body or request.method in ("POST", "PATCH")
    if has_length and not given_names & {b"content-length", b"transfer-encoding"}:
        headers.append((b"Content-Length", str(len(request.body or b"")).encode()))
    try:
        return Dialogue().write(request.method, target.encode(), headers, request.body or b"")
    except WireError as error:
        return str(error).encode()


@pytest.mark.parametrize("length", ["1", "3"])
@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_length_that_is_not_the_bodys_is_no_request(length: str, scheme: str) -> None:
    """The server would wait for the rest, or take it for the next request."""
    with Server(OK) as server, client_of() as client:
        request = Request(
            method="POST",
            url=server.url.replace("http", scheme),
            headers=(("Content-Length", length),),
            body=b"xy",
        )
        failure = client.send(request, timeout_s=5).failure
    assert failure is not None
    assert failure.message.endswith("data for declared Content-Length")
    assert (failure.kind, failure.sent) == ("protocol", False)
    assert [raw for raw in server.requests if raw] == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:81/a", (b"127.0.0.1", 81)),
        ("http://localhost", (b"localhost", 80)),
        ("http://[::1]:8080?x", (b"::1", 8080)),
        ("http://e.example:80#x", ("e.example", 80)),
        ("http://127.0.0.1:65535/", (b"127.0.0.1", 65535)),
        ("http://127.0.0.1:65536/", None),
        ("http://127.0.0.1:0/", None),
        ("http://127.0.0.1:/", None),
        ("http://xn--e/", None),
        ("http://[::::]/", None),
        ("http://me@127.0.0.1/", None),
        ("http://é/", None),
        ("https://127.0.0.1/", None),
        ("HTTP://127.0.0.1/", None),
        ("http:/127.0.0.1/", None),
        ("/http://127.0.0.1/", None),
        ("", None),
    ],
)
def test_a_plain_url_tells_where_its_request_goes(
    url: str, address: tuple[str | bytes, int] | None
) -> None:
    """A host of this machine is looked up as bytes; other URLs are for httpx to read."""
    origin = find_origin(url)
    assert (origin and origin.address) == address


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h", "/"),
        ("http://h?a=/b", "/?a=/b"),
        ("http://h#/b", "/"),
        ("http://h/a//b?c#d?e", "/a//b?c"),
        ("http://h/a b", None),
        ("http://h/é", None),
        ("http://h/\x7f", None),
        ("http://h/\r\nX: y", None),
    ],
)
def test_a_target_is_what_the_url_says(url: str, target: str | None) -> None:
    """Nothing is taken out of a path, and nothing is sent that has to be encoded."""
    assert target_of(url) == target


_PROGRAM = """
import sys
from unit.http.http_kit import OK, Server, client_of, free_port, get
from pytest_amberflo.http.exchange import Request
answers = (
    OK,
    b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n2;a\\r\\nok\\r\\n0\\r\\n\\r\\n",
    lambda wire: wire.send(b"HTTP/1.0 404 No\\r\\n\\r\\nok"),
    lambda wire: wire.drip(OK, 0),
)
with client_of() as client:
    for answer in answers:
        with Server(answer) as server:
            request = Request(method="POST", url=server.url, headers=(("X", "y"),), body=b"{}")
            assert client.send(request, timeout_s=5).response.body == b"ok"
            assert client.drop(request, timeout_s=5).failure.sent
    assert get(client, f"http://127.0.0.1:{free_port()}").failure.kind == "connect"
    with Server(lambda wire: None) as server:
        assert get(client, server.url).failure.kind == "reset"
print(*{"httpx", "httpcore", "h11", "ssl", "anyio", "httptools"} & {*sys.modules})
"""


def test_plain_requests_need_no_library() -> None:
    """Importing them takes longer than many a run; common failures need none either."""
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.stdout.strip(), run.stderr) == ("", "")
