"""Parameters in the styles of OpenAPI: the text that each value becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import effort

from pytest_amberflo.arazzo.operation import OperationParameter
from pytest_amberflo.arazzo.parameter import (
    StyleError,
    serialize_cookie,
    serialize_header,
    serialize_path,
    serialize_query,
    undeclared,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LIST = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def declare(
    location: str,
    style: str,
    *,
    explode: bool = False,
    name: str = "color",
    reserved: bool = False,
    media_type: str | None = None,
) -> OperationParameter:
    """A parameter as an operation declares it."""
    return OperationParameter(
        name=name,
        location=location,
        required=False,
        style=style,
        explode=explode,
        allow_reserved=reserved,
        schema=None,
        media_type=media_type,
    )


def query(parameter: OperationParameter, value: Any) -> str:
    """The part of a query that a value becomes, the two spellings of its signs made one."""
    text = "&".join(f"{name}={item}" for name, item in serialize_query(parameter, value))
    for sign, code in (("|", "%7C"), ("[", "%5B"), ("]", "%5D")):
        text = text.replace(code, sign)
    return text


@pytest.mark.parametrize(
    ("style", "explode", "value", "text"),
    [
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, LIST, ";color=blue,black,brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, "blue", ";color=blue"),
        ("matrix", True, LIST, ";color=blue;color=black;color=brown"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("label", False, "", "."),
        ("label", False, "blue", ".blue"),
        ("label", False, LIST, ".blue,black,brown"),
        ("label", False, OBJECT, ".R,100,G,200,B,150"),
        ("label", True, "", "."),
        ("label", True, "blue", ".blue"),
        ("label", True, LIST, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("simple", False, "blue", "blue"),
        ("simple", False, LIST, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, "blue", "blue"),
        ("simple", True, LIST, "blue,black,brown"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
    ],
)
def test_path_styles(style: str, explode: bool, value: Any, text: str) -> None:  # noqa: FBT001
    """Matrix, label and simple are written as the table of styles has them."""
    assert serialize_path(declare("path", style, explode=explode), value) == text


@pytest.mark.parametrize("explode", [False, True])
def test_an_empty_matrix_value_has_no_equals_sign(explode: bool) -> None:  # noqa: FBT001
    """The table has `;color` for an empty string."""
    assert serialize_path(declare("path", "matrix", explode=explode), "") == ";color"


@pytest.mark.parametrize(
    ("style", "explode", "value", "text"),
    [
        ("form", False, "", "color="),
        ("form", False, "blue", "color=blue"),
        ("form", False, LIST, "color=blue,black,brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("form", True, "", "color="),
        ("form", True, "blue", "color=blue"),
        ("form", True, LIST, "color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("spaceDelimited", False, LIST, "color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, LIST, "color=blue|black|brown"),
        ("pipeDelimited", False, OBJECT, "color=R|100|G|200|B|150"),
        ("deepObject", True, OBJECT, "color[R]=100&color[G]=200&color[B]=150"),
    ],
)
def test_query_styles(style: str, explode: bool, value: Any, text: str) -> None:  # noqa: FBT001
    """Form, space, pipe and deepObject are written as the table of styles has them."""
    assert query(declare("query", style, explode=explode), value) == text


@pytest.mark.parametrize(
    ("explode", "value", "text"),
    [
        (False, "blue", "blue"),
        (False, LIST, "blue,black,brown"),
        (False, OBJECT, "R,100,G,200,B,150"),
        (True, LIST, "blue,black,brown"),
        (True, OBJECT, "R=100,G=200,B=150"),
        (False, "", ""),
        (False, "a b/é", "a b/é"),
    ],
)
def test_headers_are_simple(explode: bool, value: Any, text: str) -> None:  # noqa: FBT001
    """Header values are written in the simple style, without percent-encoding."""
    assert serialize_header(declare("header", "simple", explode=explode), value) == text


@pytest.mark.parametrize(
    ("explode", "value", "pairs"),
    [
        (False, "blue", (("color", "blue"),)),
        (False, LIST, (("color", "blue,black,brown"),)),
        (False, OBJECT, (("color", "R,100,G,200,B,150"),)),
        (True, "a;b=c d", (("color", "a%3Bb%3Dc%20d"),)),
        (True, LIST, (("color", "blue"), ("color", "black"), ("color", "brown"))),
        (True, OBJECT, (("R", "100"), ("G", "200"), ("B", "150"))),
    ],
)
def test_cookies_are_form(explode: bool, value: Any, pairs: object) -> None:  # noqa: FBT001
    """Cookies are written in the form style; what would end one is percent-encoded."""
    assert serialize_cookie(declare("cookie", "form", explode=explode), value) == pairs


def test_a_member_of_a_cookie_cannot_bring_another_cookie() -> None:
    """In an exploded object the names are data, too."""
    pairs = serialize_cookie(declare("cookie", "form", explode=True), {"a=1; admin": "yes"})
    assert pairs == (("a%3D1%3B%20admin", "yes"),)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (10**30, str(10**30)),
        (-1.5, "-1.5"),
        (2.0, "2.0"),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_scalars_are_written_as_in_json(value: Any, text: str) -> None:
    """A scalar has one text in every place."""
    assert serialize_path(declare("path", "simple"), value) == text
    assert query(declare("query", "form"), value) == f"color={text}"
    assert serialize_header(declare("header", "simple"), value) == text
    assert serialize_cookie(declare("cookie", "form"), value) == (("color", text),)


RESERVED = ":/?#[]@!$&'()*+,;="


@pytest.mark.parametrize("sign", [*RESERVED, *' %"<>\\^`{}|\n', "é", "\N{PACKAGE}"])
def test_signs_with_a_meaning_are_encoded(sign: str) -> None:
    """No value can end its segment, its parameter or the query, or be decoded to another."""
    text = serialize_path(declare("path", "simple"), f"a{sign}b")
    assert text.startswith("a%")
    assert unquote(text) == f"a{sign}b"
    ((name, value),) = serialize_query(declare("query", "form"), f"a{sign}b")
    assert (name, value) == ("color", text)
    assert parse_qsl(f"color={value}") == [("color", f"a{sign}b")]


@pytest.mark.parametrize("sign", "-._~aZ09")
def test_unreserved_signs_are_not_encoded(sign: str) -> None:
    """Letters, digits and four signs stand for themselves."""
    assert serialize_path(declare("path", "simple"), f"a{sign}b") == f"a{sign}b"


def test_allow_reserved_leaves_reserved_signs() -> None:
    """Only what would end the value is encoded then; other signs are as always."""
    ((_, value),) = serialize_query(declare("query", "form", reserved=True), RESERVED + ' "é%')
    assert value == ":/?%23[]@!$%26'()*+,;=%20%22%C3%A9%25"


@pytest.mark.parametrize(
    ("style", "explode", "value", "text"),
    [
        ("form", False, ["a,b", "c"], "color=a%2Cb,c"),
        ("form", True, ["a&b", "c=d"], "color=a%26b&color=c%3Dd"),
        ("form", True, {"a&b": "c"}, "a%26b=c"),
        ("pipeDelimited", False, ["a b", "c"], "color=a%20b|c"),
        ("deepObject", True, {"a b": "c&d"}, "color[a%20b]=c%26d"),
        ("deepObject", True, {"a": ["x", "y"]}, "color[a]=x&color[a]=y"),
        ("form", True, [], ""),
        ("form", False, [], ""),
        ("form", True, {}, ""),
    ],
)
def test_delimiters_inside_a_value_are_encoded(
    style: str,
    explode: bool,  # noqa: FBT001
    value: Any,
    text: str,
) -> None:
    """What separates the parts of a value never stands inside one; empty lists are left out."""
    assert query(declare("query", style, explode=explode), value) == text


def test_names_are_encoded() -> None:
    """A parameter may have a name that no URL could hold."""
    parameter = declare("query", "form", name="a b&c[]")
    assert serialize_query(parameter, "x") == (("a%20b%26c%5B%5D", "x"),)
    matrix = declare("path", "matrix", name="a;b")
    assert serialize_path(matrix, "x") == ";a%3Bb=x"


def test_structures_inside_structures_are_json() -> None:
    """OpenAPI defines no form for them; JSON is at least one that can be read."""
    ((_, value),) = serialize_query(declare("query", "form"), [["a", 1], {"b": None}])
    assert [unquote(part) for part in value.split(",")] == ['["a",1]', '{"b":null}']


@pytest.mark.parametrize("value", ["text", 1, True, None, ["a"]])
def test_a_deep_object_must_be_an_object(value: Any) -> None:
    """The style has no form for anything else."""
    with pytest.raises(StyleError, match=r"`color` is .*; deepObject needs an object"):
        serialize_query(declare("query", "deepObject", explode=True), value)


@pytest.mark.parametrize("value", ["", None])
def test_a_path_segment_must_not_be_empty(value: Any) -> None:
    """An empty segment would call another operation."""
    with pytest.raises(StyleError, match="a path parameter must not be empty"):
        serialize_path(declare("path", "simple"), value)


@pytest.mark.parametrize("value", [[], {}, [""], [None]])
def test_a_structure_in_a_path_must_not_be_empty(value: Any) -> None:
    """Nor may a list or an object without anything in it leave its segment empty."""
    with pytest.raises(StyleError):
        serialize_path(declare("path", "simple"), value)


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", ["a", "b\r\nc"], {"a\r\n": 1}]
)
def test_a_header_cannot_bring_another_header(value: Any) -> None:
    """Line breaks and null characters are refused in every part of a header's value."""
    with pytest.raises(StyleError, match="must not hold a line break or a null character"):
        serialize_header(declare("header", "simple"), value)


def test_a_header_is_latin_1() -> None:
    """HTTP headers have no other characters."""
    assert serialize_header(declare("header", "simple"), "é") == "é"
    with pytest.raises(StyleError, match="`€` cannot stand in a header"):
        serialize_header(declare("header", "simple"), "1 €")


@pytest.mark.parametrize(
    ("serialize", "location", "text"),
    [
        (serialize_path, "path", "%7B%22a%22%3A%5B1%2C%22x%22%5D%7D"),
        (lambda p, v: serialize_query(p, v)[0][1], "query", "%7B%22a%22%3A%5B1%2C%22x%22%5D%7D"),
        (lambda p, v: serialize_cookie(p, v)[0][1], "cookie", "%7B%22a%22%3A%5B1%2C%22x%22%5D%7D"),
        (serialize_header, "header", '{"a":[1,"x"]}'),
    ],
)
def test_a_parameter_with_content_is_written_in_its_media_type(
    serialize: Callable[[OperationParameter, Any], str], location: str, text: str
) -> None:
    """JSON content is JSON, also where the value is a mere string."""
    parameter = declare(location, "form", media_type="application/json")
    assert serialize(parameter, {"a": [1, "x"]}) == text
    assert unquote(serialize(parameter, "s")) == '"s"'


def test_content_that_is_no_json_holds_text_only() -> None:
    """Other media types take scalars as they are and nothing else."""
    parameter = declare("query", "form", media_type="text/plain")
    assert serialize_query(parameter, "a b") == (("color", "a%20b"),)
    with pytest.raises(StyleError, match="`color` is an object; text/plain needs text"):
        serialize_query(parameter, {})


@pytest.mark.parametrize(
    ("location", "style", "explode"),
    [
        ("path", "simple", False),
        ("query", "form", True),
        ("header", "simple", False),
        ("cookie", "form", True),
    ],
)
def test_an_undeclared_parameter_has_the_style_of_its_place(
    location: str,
    style: str,
    explode: bool,  # noqa: FBT001
) -> None:
    """Defaults of OpenAPI hold where a description does not have the parameter."""
    parameter = undeclared("color", location)
    assert (parameter.style, parameter.explode, parameter.required) == (style, explode, False)


@effort(120)
@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")), st.booleans())
def test_any_text_arrives_as_it_is(text: str, explode: bool) -> None:  # noqa: FBT001
    """What a server decodes is what was given."""
    ((_, value),) = serialize_query(declare("query", "form", explode=explode), text)
    assert parse_qsl(f"c={value}", keep_blank_values=True) == [("c", text)]
    assert unquote(serialize_path(declare("path", "simple", explode=explode), text)) == text
    ((_, cookie),) = serialize_cookie(declare("cookie", "form", explode=explode), text)
    assert cookie.isascii()
    assert not set(cookie) & set(' ;,"\\\r\n')
    assert unquote(cookie) == text
