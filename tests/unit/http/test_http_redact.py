"""Secrets: the names that tell them, the forms that hide them, and what is left of a text."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_amberflo.http.disguise import match_written
from pytest_amberflo.http.redact import MASK, Redactor, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'Zq/7+k "é"\\=='


def knowing(*secrets: object) -> Redactor:
    """A redactor that knows these secrets."""
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor


@pytest.mark.parametrize(
    "name",
    [
        "apiKey",
        "api_key",
        "api-key",
        "API_KEY",
        "APIKey",
        "apikey",
        "X-API-KEY",
        "x-api-key",
        "key",
        "Authorization",
        "Proxy-Authorization",
        "token",
        "accessToken",
        "access_token",
        "X-Auth-Token",
        "Cookie",
        "Set-Cookie",
        "password",
        "userPassword",
        "PASSWORD",
        "passwd",
        "secret",
        "clientSecret",
        "client_secret",
        "credential",
        "credentials",
        "privateKey",
        "key2",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    """A name is read word by word, however the words are joined."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "name",
        "uniqueId",
        "customerId",
        "meterApiName",
        "monkey",
        "keyboard",
        "hotkey",
        "turkey",
        "tokens",
        "totalTokens",
        "tokenizer",
        "keys",
        "secretary",
        "author",
        "authority",
        "passenger",
        "compass",
        "cookiecutter",
        "x-request-id",
    ],
)
def test_innocent_names_are_left_alone(name: str) -> None:
    """A word that only holds a secret word is another word; tokens are what models count."""
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        re.sub(r"%..", lambda match: match[0].lower(), quote(SECRET, safe="")),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        html.escape(SECRET),
    ],
)
def test_every_written_form_of_a_secret_is_masked(form: str) -> None:
    """Percent-encoding, JSON, Python's and HTML's escapes hide nothing."""
    assert knowing(SECRET).redact(f"before {form} after") == f"before {MASK} after"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(json.dumps(SECRET)[1:-1].replace("/", "\\/"), id="slashes"),
        pytest.param(json.dumps(SECRET)[1:-1].replace("00e9", "00E9"), id="upper case"),
    ],
)
def test_other_ways_to_write_json_are_masked(form: str) -> None:
    """PHP escapes slashes, and hexadecimal digits have two cases."""
    assert knowing(SECRET).redact(f'"{form}"') == f'"{MASK}"'


@pytest.mark.parametrize("before", ["", "u", "me", "you", "user:", "k=v;"])
@pytest.mark.parametrize("after", ["", ":", "xy", "abc"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_at_every_alignment(encode: Any, before: str, after: str) -> None:
    """Wherever the secret begins in the encoded text, the part that it alone decides is gone."""
    secret = "p/ss?w>rd~long"
    text = encode(f"{before}{secret}{after}".encode()).decode()
    masked = knowing(secret).redact(f"Basic {text}")
    assert MASK in masked
    left = masked.removeprefix("Basic ").split(MASK)
    assert len("".join(left)) <= len(text) - len(secret)


def test_a_secret_beyond_ascii_is_masked() -> None:
    """Letters of any script have encoded forms, too."""
    secret = "schlüssel-\N{KEY}"
    for form in (secret, quote(secret), json.dumps(secret)[1:-1]):
        assert knowing(secret).redact(f"<{form}>") == f"<{MASK}>"


def test_the_longest_of_several_secrets_wins() -> None:
    """A secret that begins like another one leaves nothing behind."""
    redactor = knowing("key-1", "key-12", "y-1")
    assert redactor.redact("key-12 key-1 y-1 key-13") == f"{MASK} {MASK} {MASK} {MASK}3"


@pytest.mark.parametrize("value", [None, 5, 1.5, True, [], {}, b"bytes", "", "ab", "**", "****"])
def test_what_is_no_secret_is_not_registered(value: object) -> None:
    """No text, two letters and the mask itself would only spoil every report."""
    redactor = knowing(value)
    text = f"a b ab {value} ****"
    assert redactor.redact(text) == text


def test_a_redactor_does_not_print_what_it_knows() -> None:
    """Its own representation may end up in a traceback."""
    assert "abc" not in repr(knowing("abcdef"))


def test_without_secrets_a_text_stays() -> None:
    """Nothing is known, nothing is masked."""
    assert Redactor().redact("text") == "text"


def test_headers_are_masked_by_name_and_by_value() -> None:
    """The value of a secret header is masked whole, others where a secret stands in them."""
    assert knowing("abc").redact_headers(
        (("X-Api-Key", "unknown"), ("Location", "/a?k=abc"), ("Set-Cookie", "a"), ("Date", "now"))
    ) == (
        ("X-Api-Key", MASK),
        ("Location", f"/a?k={MASK}"),
        ("Set-Cookie", MASK),
        ("Date", "now"),
    )


def test_values_are_masked_by_name_and_by_value() -> None:
    """Members of structures, names of members included."""
    value = {
        "apiKey": "unknown",
        "list": ["abc", 1, None, {"token": "t", "tokens": 5}],
        "abc": True,
        "text": "is abc",
    }
    assert knowing("abc").redact_value(value) == {
        "apiKey": MASK,
        "list": [MASK, 1, None, {"token": MASK, "tokens": 5}],
        MASK: True,
        "text": f"is {MASK}",
    }


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            b'{"apiKey" :  "x",\n\t"n": 1.50, "list": [ {"token":"t\\u00e9"} ]}',
            f'{{"apiKey" :  "{MASK}",\n\t"n": 1.50, "list": [ {{"token":"{MASK}"}} ]}}',
        ),
        (b'{"password": "x", "copy": "x"}', f'{{"password": "{MASK}", "copy": "{MASK}"}}'),
        (b'{"password": "", "n": 1}', f'{{"password": "{MASK}", "n": 1}}'),
        ('{"token": "é"}'.encode(), f'{{"token": "{MASK}"}}'),
        (b'{"token": "say \\"x\\""}', f'{{"token": "{MASK}"}}'),
        (b'{"tokens": "5", "monkey": "m"}', '{"tokens": "5", "monkey": "m"}'),
        (b'["abc", {"a": "xabcx"}]', f'["{MASK}", {{"a": "x{MASK}x"}}]'),
        (b"not json abc", f"not json {MASK}"),
        (b'{"token": "half', '{"token": "half'),
        (b'"x"', '"x"'),
        (b"", ""),
        (b"\x00\xff", "<2 bytes of binary data>"),
        (b"[" * 5000, "[" * 5000),
    ],
)
def test_a_body_is_shown_unchanged_apart_from_the_mask(body: bytes, shown: str) -> None:
    """Spaces, numbers and order are what was sent: that is the point of showing it."""
    assert knowing("abc").redact_body(body) == shown


@pytest.mark.parametrize(
    ("body", "leak"),
    [
        pytest.param(b'{"token": "a\\/b"}', "a\\/b", id="slash"),
        pytest.param(b'{"token": "\\u0061bcd"}', "bcd", id="needless escape"),
        pytest.param(b'{"token": "caf\\u00E9"}', "caf", id="upper case"),
        pytest.param(b'{"token": "first", "token": "second"}', "first", id="twice"),
        pytest.param(b'{"token": 123456789}', "123456789", id="number"),
        pytest.param(b'{"apiKey": ["first", "second"]}', "first", id="list"),
    ],
)
def test_a_secret_member_is_masked_however_it_is_written(body: bytes, leak: str) -> None:
    """JSON has many ways to write a value; a secret one is shown in none."""
    assert leak not in Redactor().redact_body(body)


def test_a_secret_that_is_no_unicode_is_registered() -> None:
    """Half a pair of surrogates in an input stops nothing."""
    knowing("abc\ud800")


_EFFORT = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@_EFFORT
@given(st.text(min_size=6), st.text(max_size=10), st.text(max_size=10))
def test_no_form_of_any_secret_is_left(secret: str, before: str, after: str) -> None:
    """Whatever a secret is made of, none of its written forms is in what is printed."""
    if set(secret) <= {"*"}:
        return
    redactor = knowing(secret)
    for encode in (str, quote, quote_plus, json.dumps, repr):
        masked = redactor.redact(encode(before) + encode(secret) + encode(after))
        assert MASK in masked
    body = json.dumps({"a": before, "apiKey": secret, "b": [after, secret]})
    shown = json.loads(redactor.redact_body(body.encode()))
    assert shown["apiKey"] == MASK
    assert shown["b"][1] == MASK


@_EFFORT
@given(st.text(), st.text(min_size=3))
def test_a_text_without_the_secret_stays(text: str, secret: str) -> None:
    """Masking changes nothing else: what is not one of the forms is printed as it is."""
    redactor = knowing(secret)
    masked = redactor.redact(text)
    assert masked == text or MASK in masked
    assert redactor.redact(masked) == masked


_FEW = st.text("aé/&\"'\\%+ \n=", min_size=3, max_size=5)


@given(_FEW, _FEW, st.data())
def test_what_is_passed_unread_holds_no_form(secret: str, other: str, data: st.DataObject) -> None:
    """Only texts that the whole pattern would leave alone are spared it."""
    encoders: list[Callable[[str], str]] = [
        str,
        quote,
        json.dumps,
        repr,
        html.escape,
        _in_base64,
        str.upper,
    ]
    encode = data.draw(st.sampled_from(encoders))
    text = other + encode(secret) + other
    assert knowing(secret).redact(text) == re.sub(match_written(secret), MASK, text)


def _in_base64(text: str) -> str:
    return base64.b64encode(b"ab" + text.encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        "caf%e9",
        "caf%C3%a9",
        "caf\\xe9",
        "caf\\xc3\\xa9",
        "%63%61f\N{LATIN SMALL LETTER E WITH ACUTE}",
        "\\u0063af\\u00E9",
        base64.b64encode("xcafé-long".encode("latin-1")).decode()[2:13],
    ],
)
def test_letters_of_two_encodings_are_masked(form: str) -> None:
    """Headers are Latin-1, bodies UTF-8; whatever is not needed may be encoded, too."""
    redactor = knowing("café", "café-long")
    assert MASK in redactor.redact(f"<{form}>")


def test_a_secret_of_other_scripts_masks_nothing_else() -> None:
    """What cannot be written in Latin-1 has no form of question marks."""
    assert knowing("鍵は秘密").redact("why??? what????") == "why??? what????"


@pytest.mark.parametrize("secret", ["\\" * 60, "%25" * 30, "+ " * 40, "a" * 90, '\\"' * 30])
def test_masking_takes_no_longer_for_a_secret_that_is_hard_to_read(secret: str) -> None:
    """No secret makes the search go through all ways to read a text."""
    text = (secret[:-1] + "x") * 300
    started = time.monotonic()
    assert knowing(secret + "!").redact(text) == text
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"key": {"id": "x", "n": [1]}, "a": 1}', f'{{"key": "{MASK}", "a": 1}}'),
        ('[{"a": {"token": [[]]}}, "b"]', f'[{{"a": {{"token": "{MASK}"}}}}, "b"]'),
        ('{"key": null, "token": true}', '{"key": null, "token": true}'),
        ('{"\\u006bey": -1.5e3}', f'{{"\\u006bey": "{MASK}"}}'),
        ('{"key": "a]}", "b": "{["}', f'{{"key": "{MASK}", "b": "{{["}}'),
        ('{"name": "key", "value": "v"}', '{"name": "key", "value": "v"}'),
        ('["key", "v"]', '["key", "v"]'),
    ],
)
def test_members_of_any_kind_are_masked(body: str, shown: str) -> None:
    """Numbers, objects and arrays under a secret name are hidden whole; names are not values."""
    assert Redactor().redact_body(body.encode()) == shown
