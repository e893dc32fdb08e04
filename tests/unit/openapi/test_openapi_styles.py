"""What the engine sends for a parameter, its description accepts: style by style."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.openapi.openapi_kit import describe, find, judge_request, told

from pytest_amberflo.arazzo.parameter import (
    serialize_cookie,
    serialize_header,
    serialize_path,
    serialize_query,
)

API = """\
paths:
  /parcels{tail}:
    get:
      operationId: send
      parameters:
        - {name: color, in: PLACE, required: true, style: STYLE, explode: EXPLODE, schema: SCHEMA}
      responses: {'200': {description: ok}}
"""

TEXT = ({"type": "string", "maxLength": 5}, "b c&é")
NUMBER = ({"type": "integer"}, 7)
WORDS = ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["blue", "black"])
NUMBERS = ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 2])
#: Two words that hold every delimiter there is.
SIGNS = ({**WORDS[0], "maxItems": 2}, ["a,b;c d|e", "f.g&h=i"])
#: A space cannot be told from the delimiter of its style.
UNSPACED = ({**WORDS[0], "maxItems": 2}, ["a,b;c|d", "f.g&h=i"])
MEMBERS = ({"type": "object", "properties": {"R": {"enum": ["a&b=c"]}}}, {"R": "a&b=c"})
OBJECT = (
    {
        "type": "object",
        "properties": {"R": {"type": "integer"}, "G": {"type": "integer"}},
        "required": ["R", "G"],
    },
    {"R": 1, "G": 2},
)


def judge(place: str, style: str, explode: bool, schema: Any, value: Any) -> list[str]:  # noqa: FBT001
    """Every violation of a request that is made for one value of one parameter."""
    text = API
    for word, meant in {
        "{tail}": "/{color}" if place == "path" else "",
        "PLACE": place,
        "STYLE": style,
        "EXPLODE": json.dumps(explode),
        "SCHEMA": json.dumps(schema),
    }.items():
        text = text.replace(word, meant)
    description = describe(text)
    parameter = find(description, "send").find_parameter("color", place)
    assert parameter is not None
    url, headers, path_texts = "http://127.0.0.1:1/parcels", (), {}
    match place:
        case "path":
            path_texts = {"color": serialize_path(parameter, value)}
        case "query":
            url += "?" + "&".join(f"{n}={v}" for n, v in serialize_query(parameter, value))
        case "header":
            return told(
                judge_request(
                    description, url=url, headers=(("color", serialize_header(parameter, value)),)
                )
            )
        case _:
            cookies = "; ".join(f"{n}={v}" for n, v in serialize_cookie(parameter, value))
            return told(judge_request(description, url=url, headers=(("Cookie", cookies),)))
    return told(judge_request(description, url=url, headers=headers, path_texts=path_texts))


@pytest.mark.parametrize(
    ("place", "style", "explode", "sample"),
    [
        ("path", "simple", False, NUMBER),
        ("path", "simple", False, WORDS),
        ("path", "simple", False, NUMBERS),
        ("path", "simple", False, OBJECT),
        ("path", "simple", True, OBJECT),
        ("query", "form", False, TEXT),
        ("query", "form", False, NUMBER),
        ("query", "form", False, WORDS),
        ("query", "form", False, NUMBERS),
        ("query", "form", False, OBJECT),
        ("query", "form", True, TEXT),
        ("query", "form", True, NUMBER),
        ("query", "form", True, WORDS),
        ("query", "form", True, NUMBERS),
        ("query", "pipeDelimited", False, WORDS),
        ("query", "pipeDelimited", False, NUMBERS),
        ("query", "pipeDelimited", False, OBJECT),
        ("query", "deepObject", True, OBJECT),
        ("header", "simple", False, NUMBER),
        ("header", "simple", False, WORDS),
        ("header", "simple", False, OBJECT),
        ("header", "simple", True, OBJECT),
        ("cookie", "form", False, NUMBER),
        ("cookie", "form", False, WORDS),
        ("cookie", "form", True, NUMBER),
        ("path", "simple", False, TEXT),
        ("path", "label", False, NUMBER),
        ("path", "label", False, WORDS),
        ("path", "label", True, WORDS),
        ("path", "label", True, OBJECT),
        ("path", "matrix", False, NUMBER),
        ("path", "matrix", False, WORDS),
        ("path", "matrix", True, NUMBERS),
        ("path", "matrix", True, OBJECT),
        ("query", "form", True, OBJECT),
        ("query", "spaceDelimited", False, WORDS),
        ("query", "spaceDelimited", False, NUMBERS),
        ("query", "spaceDelimited", False, OBJECT),
        ("cookie", "form", False, TEXT),
    ],
)
def test_what_is_sent_keeps_the_description(
    place: str,
    style: str,
    explode: bool,  # noqa: FBT001
    sample: tuple[Any, Any],
) -> None:
    """A right value, written in the style of its parameter, is no violation."""
    assert judge(place, style, explode, *sample) == []


@pytest.mark.parametrize(
    ("place", "style", "explode", "sample"),
    [
        ("cookie", "form", True, OBJECT),
        ("path", "simple", False, SIGNS),
        ("path", "matrix", False, SIGNS),
        ("query", "form", False, SIGNS),
        ("query", "spaceDelimited", False, UNSPACED),
        ("query", "pipeDelimited", False, SIGNS),
        ("query", "form", True, MEMBERS),
    ],
)
def test_delimiters_inside_a_value_keep_the_description(
    place: str,
    style: str,
    explode: bool,  # noqa: FBT001
    sample: tuple[Any, Any],
) -> None:
    """An encoded delimiter is no delimiter: the description sees as many parts as were given."""
    assert judge(place, style, explode, *sample) == []


@pytest.mark.parametrize(
    ("place", "style", "explode", "value"),
    [
        ("path", "simple", False, ["x", 2]),
        ("query", "form", False, [1]),
        ("query", "form", True, ["x", 2]),
        ("query", "pipeDelimited", False, [1]),
        ("header", "simple", False, [1]),
        ("cookie", "form", False, ["x", 2]),
    ],
)
def test_a_wrong_value_is_seen_in_every_place(
    place: str,
    style: str,
    explode: bool,  # noqa: FBT001
    value: Any,
) -> None:
    """A list that is too short, or of the wrong type, is a violation of its parameter."""
    (found,) = judge(place, style, explode, NUMBERS[0], value)
    assert found.startswith(f"{place} parameter color")
    assert " is due" in found or "too short" in found
