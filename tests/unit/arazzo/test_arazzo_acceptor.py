"""Schemas compiled: what they say for certain is what the validator says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from pytest_amberflo.arazzo.acceptor import Compiler
from pytest_amberflo.arazzo.input_format import CHECKED, make_format_checker
from pytest_amberflo.arazzo.plain_schema import is_plain_schema

NAMES = st.sampled_from(["a", "b", "x-c"])
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
SCALARS = st.sampled_from([None, True, False, 0, 1, -1, 2**31, 1.0, 2.5, "", "a", "abc", "é"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
ODD = st.sampled_from([None, True, -1, 1.5, "a", "object", [], ["a", "a"], ["a", 1], {}, {"a": 1}])
KEYWORDS: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("type"), TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("enum"), st.lists(SCALARS, min_size=1, max_size=2)),
    st.tuples(st.just("const"), SCALARS),
    st.tuples(
        st.sampled_from(["minLength", "maxLength", "minItems", "maxItems"]), st.integers(0, 2)
    ),
    st.tuples(st.sampled_from(["minimum", "maximum"]), st.sampled_from([-1, 0, 1.5])),
    st.tuples(st.just("format"), st.sampled_from(["int32", "date", "password", "uri", "x"])),
    st.tuples(st.just("required"), st.lists(NAMES, max_size=2, unique=True)),
    st.tuples(st.sampled_from(["readOnly", "uniqueItems", "deprecated"]), st.booleans()),
    st.tuples(st.sampled_from(["nullable", "default", "examples"]), st.just([])),
)


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas that are made of others."""
    schema = inner | st.booleans()
    keywords: st.SearchStrategy[Any] = st.one_of(
        st.tuples(st.just("properties"), st.dictionaries(NAMES, schema, max_size=2)),
        st.tuples(st.sampled_from(["additionalProperties", "items", "not", "if", "then"]), schema),
        st.tuples(st.sampled_from(["else", "contains", "propertyNames"]), schema),
        st.tuples(st.sampled_from(["allOf", "anyOf", "oneOf"]), st.lists(schema, min_size=1)),
        st.tuples(st.just("prefixItems"), st.lists(schema, min_size=1, max_size=2)),
        st.tuples(st.just("patternProperties"), st.just({"^x-": True}) | st.just({"^a": False})),
        KEYWORDS,
    )
    return st.lists(keywords, max_size=3).map(dict)


SCHEMAS = st.recursive(st.lists(KEYWORDS, max_size=2).map(dict), nest, max_leaves=4)


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, VALUES)
def test_a_verdict_is_the_validators(schema: Any, value: Any) -> None:
    """Accepted is accepted, refused is refused; the rest is asked."""
    verdict = Compiler(resolve=lambda _: None, formats=CHECKED).compile(schema)(value)
    if verdict is not None:
        event(f"told: {verdict}")
        validator = Draft202012Validator(schema, format_checker=make_format_checker())
        assert validator.is_valid(value) is verdict


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"minLength": 1, "maxLength": 2}, ["", "a", "ab", "abc", 1]),
        ({"minItems": 1, "maxItems": 2}, [[], [1], [1, 2], [1, 2, 3], {}]),
        ({"minimum": 1, "maximum": 2}, [0.5, 1, 1.0, 2, 2.5, "x"]),
        ({"enum": ["a", None]}, ["a", "b", None]),
        ({"oneOf": [{"minimum": 1}, {"maximum": 1}]}, [0, 1, 2]),
        ({"anyOf": [{"minimum": 2}, {"maximum": 1}]}, [0, 1.5, 3]),
        ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [0, 1.5, 3]),
        (
            {"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"minimum": 1}},
            ["a", "ab", 0, 1],
        ),
    ],
)
def test_limits_are_where_the_validator_has_them(schema: Any, values: list[Any]) -> None:
    """What lies on one, just within and just beyond; and all of it is told."""
    validator = Draft202012Validator(schema)
    compiled = Compiler(resolve=lambda _: None, formats=CHECKED).compile(schema)
    assert [compiled(value) for value in values] == [validator.is_valid(v) for v in values]


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, st.lists(st.tuples(st.sampled_from(sorted(Draft202012Validator.VALIDATORS)), ODD)))
def test_a_plain_schema_is_one(schema: Any, changes: list[tuple[str, Any]]) -> None:
    """What is called plain keeps the metaschema."""
    changed = {**schema, **dict(changes[:2])}
    try:
        Draft202012Validator.check_schema(changed)
    except SchemaError:
        assert not is_plain_schema(changed)
    else:
        event(f"plain: {is_plain_schema(changed)}")


def test_a_schema_that_refers_to_itself_ends() -> None:
    """A tree of any depth is read; what leads nowhere is for the validator."""
    tree = {"type": "object", "properties": {"next": {"$ref": "tree"}}, "required": []}
    compiler = Compiler(resolve={"tree": tree}.get, formats={})
    assert compiler.compile({"$ref": "tree"})({"next": {"next": {}}}) is True
    assert compiler.compile({"$ref": "tree"})({"next": {"next": 1}}) is False
    assert compiler.compile({"$ref": "gone"})({}) is None


def test_every_format_that_is_checked_is_known() -> None:
    """One that were not would be accepted unchecked."""
    assert set(make_format_checker().checkers) <= set(CHECKED)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ({"type": "string"}, 1),
        ({"type": "string", "maxLength": 1}, "ab"),
        ({"type": "integer", "minimum": 1, "description": "one or more"}, 0),
        ({"type": ["string", "null"], "enum": ["a"]}, "b"),
        ({"type": "array", "items": {"type": "string"}}, [1]),
        ({"type": "object", "required": ["b"]}, {}),
        (False, None),
    ],
)
def test_a_member_is_held_to_more_than_its_type(member: Any, value: Any) -> None:
    """What a schema says beside the type counts, also where the type is right."""
    schema = {"type": "object", "properties": {"a": member}}
    compiled = Compiler(resolve=lambda _: None, formats=CHECKED).compile(schema)
    assert compiled({"a": value}) is not True
