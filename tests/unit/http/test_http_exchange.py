"""Headers, media types, JSON and hosts: the small words of HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_amberflo.http.address import is_amberflo_host, is_loopback
from pytest_amberflo.http.exchange import (
    NotJsonError,
    find_header,
    is_json_type,
    load_json,
    media_type_of,
)

HEADERS = (("Content-Type", "text/html; charset=utf-8"), ("X-A", "1"), ("x-a", "2"), ("X-E", ""))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "1, 2"),
        ("x-A", "1, 2"),
        ("content-type", "text/html; charset=utf-8"),
        ("X-E", ""),
        ("X-B", None),
        ("X", None),
    ],
)
def test_a_header_is_found_whatever_its_case(name: str, value: str | None) -> None:
    """Values of a repeated header are one list."""
    assert find_header(HEADERS, name) == value


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        (" text/plain ;x=y", "text/plain"),
        ("", None),
        (None, None),
    ],
)
def test_a_media_type_has_no_parameters_and_no_case(
    header: str | None, media_type: str | None
) -> None:
    """What stands behind the semicolon is not part of the type."""
    headers = () if header is None else (("content-TYPE", header),)
    assert media_type_of(headers) == media_type


@pytest.mark.parametrize(
    ("media_type", "is_json"),
    [
        ("application/json", True),
        ("application/problem+json", True),
        ("application/vnd.a.b+json", True),
        ("text/json", True),
        ("application/xml", False),
        ("application/jsonx", False),
        ("application/json-seq", False),
        ("application/x-ndjson", False),
        ("json", False),
        ("", False),
        (None, False),
    ],
)
def test_json_is_a_type_or_a_suffix(media_type: str | None, is_json: bool) -> None:  # noqa: FBT001
    """Types that only sound like JSON are not."""
    assert is_json_type(media_type) is is_json


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, "\xc3\xa9", null, true]}', {"a": [1, 2.5, "é", None, True]}),
        (b" 1 ", 1),
        (b'"\\ud83d\\udce6"', "\N{PACKAGE}"),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_json_is_read(body: bytes, value: Any) -> None:
    """Numbers of any size stay whole."""
    assert load_json(body) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value at character 1"),
        (b"{", "Expecting property name enclosed in double quotes at character 2"),
        (b"1 2", "Extra data at character 3"),
        (b"NaN", "`NaN` is no JSON number"),
        (b"[Infinity]", "`Infinity` is no JSON number"),
        (b'{"a": -Infinity}', "`-Infinity` is no JSON number"),
        (b'{"a": "\xe9"}', "byte 0xe9 at 7 is no UTF-8"),
        ("{}".encode("utf-16"), "byte 0xff at 0 is no UTF-8"),
        (b"[" * 100_000, "nested more than 200 levels deep"),
    ],
)
def test_what_is_no_json_says_why(body: bytes, reason: str) -> None:
    """The reason is one line with the place."""
    with pytest.raises(NotJsonError) as error:
        load_json(body)
    assert str(error.value) == reason


@pytest.mark.parametrize("body", [b"9" * 5000, b'{"a": [' + b"9" * 5000 + b"]}"])
def test_a_number_of_too_many_digits_is_no_json(body: bytes) -> None:
    """What Python will not read is refused like all else that it cannot."""
    with pytest.raises(NotJsonError):
        load_json(body)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "[::1]",
        "0:0:0:0:0:0:0:1",
    ],
)
def test_this_machine_has_several_names(host: str) -> None:
    """Names and addresses of loopback are told from all others."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "notlocalhost",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "128.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "::",
        "2001:db8::1",
        "2130706433",
        "0x7f.0.0.1",
    ],
)
def test_other_hosts_are_not_this_machine(host: str) -> None:
    """What only looks like loopback is treated as any other host."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "is_theirs"),
    [
        ("amberflo.io", True),
        ("app.amberflo.io", True),
        ("APP.Amberflo.IO.", True),
        ("a.b.amberflo.io", True),
        ("amberflo.io.example.com", False),
        ("notamberflo.io", False),
        ("amberflo.com", False),
        ("io", False),
        ("", False),
    ],
)
def test_hosts_of_amberflo_end_with_its_domain(host: str, is_theirs: bool) -> None:  # noqa: FBT001
    """Only the domain and what is below it are Amberflo's own."""
    assert is_amberflo_host(host) is is_theirs
