"""Requests whose heads have come before: they are read as if it were for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_amberflo.server.limits import Limits
from pytest_amberflo.server.reading import RequestReader
from pytest_amberflo.server.refusal import Refusal

if TYPE_CHECKING:
    from pytest_amberflo.server.message import Request

_POST = b"POST /ingest?a=b HTTP/1.1\r\nHost: h\r\nX-API-KEY:  k \r\nContent-Length: 2\r\n\r\n"
_GET = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
_CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n0\r\n\r\n"
_EXPECTING = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
_UPGRADING = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


def _read(*parts: bytes) -> tuple[list[Request], bool, int]:
    """The requests of one connection, whether it is in the midst of one, and encouragements."""
    requests: list[Request] = []
    encouraged: list[None] = []
    reader = RequestReader(Limits(), requests.append, lambda: encouraged.append(None))
    for part in parts:
        reader.feed(part)
    assert reader.delivered_count == len(requests)
    plain = [request._replace(notes=None) for request in requests]
    return plain, reader.is_midway, len(encouraged)


@pytest.mark.parametrize(
    "parts",
    [
        (_POST + b"[]", _POST + b"{}", _POST + b"12"),
        (_GET, _GET, _POST + b"[]", _GET, _POST + b"{}"),
        (_POST + b"[]", _POST + b"{}" + _POST + b"12"),
        (_POST + b"[]", _POST + b"{", b"}"),
        (_POST + b"[]", _POST, b"{}"),
        (_POST + b"[]", _POST + b"[]" + _GET[:9], _GET[9:]),
        (b"\r\n\r\n" + _GET, b"\r\n\r\n" + _GET, _GET),
        (_POST + b"[]\r\n", _POST + b"{}\r\n", _POST + b"12"),
        (_GET + b"\r\n", _GET + b"\r\n", _GET),
        (_CHUNKED, _CHUNKED, _CHUNKED),
        (_EXPECTING, b"[]", _EXPECTING + b"[]", _EXPECTING + b"{}"),
        (_UPGRADING, _UPGRADING, _GET, _UPGRADING),
        (_POST + b"\r\n", _POST + b"\r\n", _GET),
    ],
)
def test_a_known_head_means_what_it_meant(parts: tuple[bytes, ...]) -> None:
    """However requests are cut, they are those that come out where every byte comes alone."""
    alone = [bytes((byte,)) for part in parts for byte in part]
    assert _read(*parts) == _read(*alone)


def test_known_heads_are_read_once() -> None:
    """Requests with one head share what is found out about it; others do not."""
    requests: list[Request] = []
    reader = RequestReader(Limits(), requests.append, lambda: None)
    for part in (_POST + b"[]", _POST + b"{}", _GET, _POST + b"12", _POST.replace(b"k", b"l")):
        reader.feed(part)
    reader.feed(b"[]")
    first, second, get, third, other = requests
    assert first.notes is second.notes is third.notes
    assert other.headers != first.headers
    assert first.notes is not other.notes is not get.notes


def test_what_follows_a_known_head_is_still_checked() -> None:
    """A head that is known does not let in what follows the request."""
    requests: list[Request] = []
    reader = RequestReader(Limits(), requests.append, lambda: None)
    for body in (b"[]", b"{}"):
        reader.feed(_POST + body)
    with pytest.raises(Refusal) as caught:
        reader.feed(_POST + b"[]nonsense\r\n\r\n")
    assert caught.value.status == 400


def test_many_heads_do_not_pile_up() -> None:
    """A client whose every head is new is served all the same."""
    heads = [_GET.replace(b"/health", b"/%d" % number) for number in range(100)]
    requests, _, _ = _read(*heads, *heads)
    assert [request.path for request in requests] == [f"/{n % 100}" for n in range(200)]
