"""Answers: read as h11 reads them, whether it is needed for that or not."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.http.http_kit import Server, Wire, client_of, fail, get

from pytest_amberflo.http.answer import read_answer
from pytest_amberflo.http.body import join_body
from pytest_amberflo.http.connection import WireError
from pytest_amberflo.http.dialogue import Dialogue
from pytest_amberflo.http.exchange import TransportFailure
from pytest_amberflo.http.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_amberflo.http.answer import Answer
    from pytest_amberflo.http.connection import Connection

_FAR = 1e12
_OK = b"HTTP/1.1 200 OK\r\n"
_TWO = b"Content-Length: 2\r\n\r\nok"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_LINES = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.1 204", b"HTTP/1.1 304 Not Modified", b"HTTP/1.0 200 OK"),
    *(b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switch", b"HTTP/1.1 099 X", b"HTTP/1.1 999 \xe9"),
    *(b"HTTP/2.0 200 OK", b"HTTP/2 200 OK", b"http/1.1 200 OK", b"HTTP/1.1 20 OK", b"220 SMTP"),
    *(b"HTTP/1.1 200\tOK", b"HTTP/1.1  200 OK", b"HTTP/1.1 200 O\x01K", b"HTTP/1.1 200 O\x00K"),
    *(b"HTTP/0.9 200 OK", b"HTTP/1.9 200 OK", b"HTTP/1.1 2000 OK", b"\x16\x03", b" ", b""),
]
_FIELDS = [
    *(b"Content-Length: 2", b"content-length:2", b"Content-Length: 2, 2", b"Content-Length: 3"),
    *(b"Content-Length: +2", b"Content-Length:", b"Content-Length: 002", b"Content-Length: \xb2"),
    b"Content-Length: " + b"0" * 20 + b"2",
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip"),
    *(b"Connection: close", b"Connection: x, Close", b"Connection: keep-alive", b"connection:"),
    *(b"X-A: b", b"x:  b c\t ", b"X:", b"X : b", b" X: b", b"X", b": b", b"X(: b", b"\xe9: b"),
    *(b"X: \x00", b"X: \x01", b"X: \x0b", b"X: \x7f", b"X: \x85\xa0", b"X: a\rb", b"X: a: b"),
]
_BODIES = [
    *(b"", b"ok", b"okay", b"o", b"2\r\nok\r\n0\r\n\r\n", b"2;a=b\r\nok\r\n0\r\n\r\nmore"),
    *(b"1\r\no\r\n1\r\nk\r\n00;\xe9\r\n\r\n", b"2\r\nok\r\n0\r\nT: x\r\n\r\n", b"0\r\nT\r\n\r\n"),
    *(b"2 \r\nok\r\n0\r\n\r\n", b" 2\r\nok", b"2\nok\r\n0\r\n\r\n", b"zz\r\n", b"\r\n", b"+2\r\n"),
    *(
        b"2\r\nokX\r\n",
        b"2\r\nok\rX",
        b"2\r\nok\n0\r\n\r\n",
        b"2\r\nok",
        b"2\r\nok\r",
        b"2\r\nok\r\n",
    ),
    *(
        b"2\r\nok\r\n0",
        b"0\r\n",
        b"0\r\n\n",
        b"0\r\n\r",
        b"2" * 21 + b"\r\n",
        b"f" * 20 + b"\r\nok",
    ),
    *(b"2;\x00\r\nok\r\n0\r\n\r\n", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
]
#: What h11 says depends on the packets in which an answer comes.
_ENDINGS = ("complete message body", "malformed chunk footer")
_BEGINNINGS = ("illegal request line", "illegal status line", "no response line received")
_ANSWERS = [
    *[line + b"\r\n" + _TWO for line in _LINES],
    *[_OK + field + b"\r\n" + _TWO for field in _FIELDS],
    *[_OK + field + b"\r\n\r\nok" for field in _FIELDS],
    *[_CHUNKED + body for body in _BODIES],
    _CHUNKED[:-2] + b"Content-Length: +2\r\n\r\n0\r\n\r\n",
    *[b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + _OK + _TWO, b"HTTP/1.1 103 X\r\nA\r\n\r\n"],
    *[_OK, b"HTTP/1.1 2", b"\r\n\r\n", b"\n", b"garbage\r\n\r\n", b"", _OK + b"\r\nall"],
    *[(_OK + _TWO).replace(b"\r\n", b"\n"), b"HTTP/1.1 200 OK\nX: y\r\n" + _TWO],
    *[
        _OK + b"Content-Length: 2\n\r\nok",
        _OK + b"X: a\r\n b\r\n" + _TWO,
        _OK + _TWO + b"more",
    ],
]


def outcome_of(connection: Connection, answer: Answer) -> dict[str, Any]:
    """All that is known of an answer when it is over."""
    body = join_body(answer.parts, _FAR)
    seen = {name: getattr(answer, name) for name in ("version", "status", "reason", "headers")}
    return {**seen, "reason": bytes(answer.reason), "body": body, "stays": connection.is_done}


def read_both(data: Sequence[bytes], method: str = "GET") -> list[Any]:
    """The outcomes of an answer that comes in these pieces: read by us, and by h11 alone."""
    outcomes: list[Any] = []
    with Server(lambda wire: send_all(wire, data), reads=False) as server:
        for is_ours in (True, False):
            pool = Pool()
            with pool.connect(("127.0.0.1", server.port), _FAR) as connection:
                connection.send(b"")
                dialogue = Dialogue()
                dialogue.write(method, b"/", [(b"Host", b"h")])
                try:
                    read = (
                        read_answer(connection, method) if is_ours else dialogue.read(connection)
                    )
                    outcomes.append(outcome_of(connection, read))
                except WireError as error:
                    outcomes.append((error.kind, str(error)))
            pool.close()
    return outcomes


def send_all(wire: Wire, pieces: Sequence[bytes]) -> None:
    """Each in a packet of its own; nothing comes behind them."""
    for piece in pieces:
        wire.send(piece)
    wire.finish()


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The data in pieces."""
    return [data[a:b] for a, b in pairwise((0, *sorted(places), len(data)))]


@pytest.mark.parametrize("data", dict.fromkeys(_ANSWERS))
def test_an_answer_is_read_as_h11_reads_it(data: bytes) -> None:
    """The same answer, and where there is none, the same words for it."""
    ours, theirs = read_both([data])
    assert without_rest(ours) == without_rest(theirs)


def without_rest(outcome: Any) -> Any:
    """An outcome without what an error says of bytes, which depends on packets."""
    if isinstance(outcome, dict):
        return outcome
    kind, text = outcome
    for known in (*_ENDINGS, *_BEGINNINGS):
        if known in text:
            return kind, "no status line" if known in _BEGINNINGS else known
    return outcome


@pytest.mark.parametrize("size", [20_000, 60_000, 90_000, 300_000])
@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (_OK + b"X: ", b"\r\n" + _TWO),
        (_CHUNKED + b"2;", b"\r\nok\r\n0\r\n\r\n"),
        (_CHUNKED + b"0\r\nX: ", b"\r\n\r\n"),
        (b"", b""),
    ],
    ids=["head", "chunk", "trailer", "garbage"],
)
def test_what_is_too_long_is_refused_as_h11_refuses_it(
    begin: bytes, end: bytes, size: int
) -> None:
    """Nothing of an answer but its body may be longer than 100 KiB."""
    ours, theirs = read_both([begin + b"x" * size + end])
    assert ours == theirs


@pytest.mark.parametrize("size", [60_000, 99_000])
def test_a_long_head_is_read(size: int) -> None:
    """Proxies and cookies may make one of it."""
    (ours, _) = read_both([_OK + b"X: " + b"x" * size + b"\r\n" + _TWO])
    assert ours["headers"][0] == ("X", "x" * size)


def test_a_head_of_more_than_100_kib_is_refused() -> None:
    """It might never end."""

    def pour(wire: Wire) -> None:
        wire.send(_OK + (b"X: " + b"x" * 1000 + b"\r\n") * 300)
        wire.hang()

    assert fail(pour, timeout_s=2) == TransportFailure(
        kind="protocol", message="HOST: Receive buffer too long", sent=True
    )


@settings(max_examples=80, deadline=None)
@given(
    line=st.sampled_from(_LINES[:8] * 3 + _LINES),
    fields=st.lists(st.sampled_from(_FIELDS[:2] * 8 + _FIELDS), max_size=3),
    end=st.sampled_from([b"\r\n"] * 4 + [b"\n"]),
    body=st.sampled_from(_BODIES),
    places=st.lists(st.integers(0, 120), max_size=3),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_any_answer_is_read_as_h11_reads_it(
    line: bytes, fields: list[bytes], end: bytes, body: bytes, places: list[int], method: str
) -> None:
    """Whatever comes together, and in whatever packets."""
    data = end.join((line, *fields, b"", body))
    ours, theirs = read_both(cut(data, [min(at, len(data)) for at in places]), method)
    for outcome in (ours, theirs):
        if places and isinstance(outcome, dict):
            del outcome["stays"]  # more may come behind an answer a moment later
    assert without_rest(ours) == without_rest(theirs)


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (_OK + _TWO, True),
        (_CHUNKED + b"2\r\nok\r\n0\r\n\r\n", True),
        (_CHUNKED + b"2\r\nok\r\n0\r\nT: x\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + _TWO, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (_OK + _TWO + b"more", False),
        (_CHUNKED + b"2\r\nok\r\n0\r\n\r\nmore", False),
        (b"HTTP/1.1 204 No Content\r\n\r\nok", False),
        (_OK + b"Connection: close\r\n" + _TWO, False),
        (b"HTTP/1.0 200 OK\r\n" + _TWO, False),
        (
            _OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: x\r\n\r\n",
            False,
        ),
    ],
)
def test_a_connection_is_used_again_only_after_a_whole_answer(
    answer: bytes, *, stays: bool
) -> None:
    """What a server sends beyond its answer is never taken for the next one."""
    with Server(answer) as server, client_of() as client:
        first, second = (get(client, server.url).response for _ in range(2))
    assert first is not None
    assert first == second
    assert server.connections == (1 if stays else 2)


def test_a_wrong_end_of_a_chunk_is_told_before_more_comes() -> None:
    """A server that goes on wrongly and then says nothing more is not waited for."""

    def hang(wire: Wire) -> None:
        wire.send(_CHUNKED + b"2\r\nokX")
        wire.hang()

    assert fail(hang).message.startswith("HOST: malformed chunk footer: ")


@pytest.mark.parametrize(
    "data", [b"\x16", b"HTTQ", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"\r\n"]
)
def test_what_is_not_common_is_not_waited_for(data: bytes) -> None:
    """What h11 can say at once of a beginning is said at once."""

    def hang(wire: Wire) -> None:
        wire.send(data)
        wire.hang()

    with Server(hang) as server, client_of() as client:
        exchange = get(client, server.url, timeout_s=0.2)
    is_told = exchange.failure is None or exchange.failure.kind == "protocol"
    assert is_told == (data != b"HTTQ")
