"""Scalars of YAML 1.2: what is text, what is a number, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort, read, refuse


@pytest.mark.parametrize(
    "text",
    ["on", "off", "On", "OFF", "yes", "no", "Yes", "NO", "y", "n", "nULL", "tRUE", "none", "None"],
)
def test_words_of_yaml_1_1_stay_text(text: str) -> None:
    """Only `true`, `false` and `null` in their three spellings are more than text."""
    assert read(f"v: {text}").data == {"v": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
        ("# nothing but a comment", None),
    ],
)
def test_booleans_and_null_have_three_spellings(text: str, value: object) -> None:
    """Booleans and null are read in lower, upper and title case; nothing at all is null."""
    assert read(f"v: {text}").data["v"] is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("012", 12),
        ("-007", -7),
        ("0o14", 12),
        ("0x1F", 31),
        ("0xdeadBEEF", 0xDEADBEEF),
        (str(10**40), 10**40),
    ],
)
def test_integers_are_read(text: str, value: int) -> None:
    """Decimal integers may start with zeros; octal and hexadecimal ones have a prefix."""
    found = read(f"v: {text}").data["v"]
    assert (found, type(found)) == (value, int)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("-0.25", -0.25),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("12e-1", 1.2),
        ("1.0", 1.0),
    ],
)
def test_floats_are_read(text: str, value: float) -> None:
    """A point or an exponent makes a number a float, also where it is a whole one."""
    found = read(f"v: {text}").data["v"]
    assert (found, type(found)) == (value, float)


@pytest.mark.parametrize(
    "text",
    [
        "1:30",
        "12:30:45",
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "1_000",
        "0b11",
        "0o8",
        "0O14",
        "0xG",
        "-0x1F",
        "1e",
        "e3",
        "--1",
        "1.2.3",
        "1.0.1",
        ".",
        "-",
        "+",
        "٣",
        "1٣",
        "=",
        "<<",
    ],
)
def test_what_only_looks_like_a_number_or_a_date_is_text(text: str) -> None:
    """Times, dates, sexagesimals, underscores and foreign digits are text in YAML 1.2."""
    quoted = {"-": "'-'"}.get(text, text)
    assert read(f"v: {quoted}").data == {"v": text}


@pytest.mark.parametrize("text", ["12", "true", "null", "~", "1e3", "0o14", ""])
@pytest.mark.parametrize("style", ["'{}'", '"{}"', "!!str {}", "! {}"])
def test_quotes_and_the_string_tag_make_text(style: str, text: str) -> None:
    """A quoted scalar, or one tagged as string, is text whatever it looks like."""
    assert read("v: " + style.format(text)).data == {"v": text}


def test_block_scalars_are_text() -> None:
    """Literal and folded scalars are text with their line breaks, also when they hold digits."""
    assert read("a: |\n  12\n  13\nb: >-\n  12\n  13\n").data == {"a": "12\n13\n", "b": "12 13"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!int 12", 12),
        ('!!int "12"', 12),
        ("!!int 0x1f", 31),
        ("!!float 12", 12.0),
        ("!!float '1e3'", 1000.0),
        ("!!bool true", True),
        ("!!null ~", None),
        ("!!null ''", None),
        ("!<tag:yaml.org,2002:int> 12", 12),
    ],
)
def test_tags_of_json_types_are_read(text: str, value: object) -> None:
    """The tags of JSON's own types are the only ones that are understood."""
    found = read(f"v: {text}").data["v"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("!!int abc", "int"),
        ("!!int 1.5", "int"),
        ("!!bool yes", "bool"),
        ("!!bool 1", "bool"),
        ("!!null x", "null"),
        ("!!float x", "float"),
    ],
)
def test_a_tag_that_its_value_contradicts_is_refused(text: str, kind: str) -> None:
    """A scalar that is not of its tag's type is refused where it stands."""
    word = text.split()[1]
    assert refuse(f"v: {text}").startswith(f"doc:1:4  `{word}` is no {kind}")


@pytest.mark.parametrize("text", [".inf", "-.inf", "+.INF", ".Inf", ".nan", ".NaN", ".NAN"])
def test_infinity_and_not_a_number_are_refused(text: str) -> None:
    """JSON has no infinity and no NaN, so a document has none either."""
    assert refuse(f"v: {text}") == "\n".join(
        [
            f"doc:1:4  `{text}` is no JSON number",
            "",
            f"  >   1  v: {text}",
            "            " + "^" * len(text),
            "  Put text in quotes.",
        ]
    )


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1e99999999999", "123456789" * 40 + ".0"])
def test_a_number_beyond_a_float_is_refused(text: str) -> None:
    """A float that would become infinite is refused."""
    assert refuse(f"v: {text}").startswith(f"doc:1:4  `{text}` is beyond what a number can hold\n")


def test_an_integer_of_a_thousand_digits_is_read_and_a_longer_one_refused() -> None:
    """Integers are bounded, because Python takes long to read long ones."""
    assert read("v: " + "9" * 1000).data == {"v": int("9" * 1000)}
    assert refuse("v: " + "9" * 1001).startswith("doc:1:4  a number of more than 1000 digits\n")


@pytest.mark.parametrize("text", ["0x" + "f" * 5000, "0o" + "7" * 5000])
def test_an_integer_of_another_base_is_bounded_too(text: str) -> None:
    """An integer that json cannot print is refused in whatever base it is written."""
    assert "digits" in refuse(f"v: {text}")


@effort(120)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn"))),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_json_values_are_the_same_value_in_yaml(value: Any) -> None:
    """Whatever JSON can say, the YAML reader and the JSON reader read as the same value."""
    text = json.dumps(value, ensure_ascii=False)
    assert read(text).data == value
    assert read(text, is_json=True).data == value
