"""Violations of schemas: what stands there against what is due, by whose rule."""

from __future__ import annotations

import pytest
from unit.openapi.openapi_kit import answer_with, describe, judge_answer, told


def judge(schema: str, body: str, *, rest: str = "", version: str = "3.1.0") -> list[str]:
    """Path and rule of every violation of a body under a schema."""
    return told(judge_answer(answer_with(schema, rest=rest, version=version), body))


@pytest.mark.parametrize(
    ("schema", "body", "violations"),
    [
        ("{type: string}", "1", ["$: 1 is an integer, a string is due"]),
        ("{type: integer}", "1.5", ["$: 1.5 is a number, an integer is due"]),
        ("{type: number}", '"1"', ['$: "1" is a string, a number is due']),
        ("{type: boolean}", "0", ["$: 0 is an integer, a boolean is due"]),
        ("{type: object}", "[]", ["$: [] is an array, an object is due"]),
        ("{type: array}", "{}", ["$: {} is an object, an array is due"]),
        ("{type: 'null'}", "false", ["$: false is a boolean, null is due"]),
        ("{type: [string, 'null']}", "1", ["$: 1 is an integer, a string or null is due"]),
        ("{enum: [a, 1, null]}", '"b"', ['$: "b" is none of "a", 1, null']),
        ("{const: 3}", "4", ["$: 3 was expected (const: 3)"]),
        ("{minimum: 2}", "1", ["$: 1 is less than the minimum of 2 (minimum: 2)"]),
        ("{multipleOf: 2}", "3", ["$: 3 is not a multiple of 2 (multipleOf: 2)"]),
        ("{pattern: '^a'}", '"b"', ["$: 'b' does not match '^a' (pattern: \"^a\")"]),
        ("{maxLength: 1}", '"éé"', ["$: 'éé' is too long (maxLength: 1)"]),
        ("{required: [a, b]}", "{}", ["$.a: missing", "$.b: missing"]),
        ("{required: ['a b']}", "{}", ["$['a b']: missing"]),
        (
            "{properties: {a: {}}, additionalProperties: false}",
            '{"a": 1, "b": 2, "c": 3}',
            ['$: "b", "c" must not be there'],
        ),
        (
            "{properties: {a: {}}, unevaluatedProperties: false}",
            '{"a": 1, "b": 2}',
            ['$: "b" must not be there'],
        ),
        (
            "{additionalProperties: {type: integer}}",
            '{"a": "x"}',
            ['$.a: "x" is a string, an integer is due'],
        ),
        (
            "{items: {type: integer}}",
            '[1, "x", null]',
            ['$[1]: "x" is a string, an integer is due', "$[2]: null is null, an integer is due"],
        ),
        (
            "{format: date-time}",
            '"yesterday"',
            ["$: 'yesterday' is not a 'date-time' (format: \"date-time\")"],
        ),
        (
            "{properties: {a: {properties: {'b c': {items: {type: integer}}}}}}",
            '{"a": {"b c": ["x"]}}',
            ["$.a['b c'][0]: \"x\" is a string, an integer is due"],
        ),
        ("{allOf: [{required: [a]}, {required: [b]}]}", "{}", ["$.a: missing", "$.b: missing"]),
    ],
)
def test_each_rule_says_what_stands_there_and_what_is_due(
    schema: str, body: str, violations: list[str]
) -> None:
    """Paths are JSON paths from the root of the body; values are shown as JSON."""
    assert judge(schema, body) == violations


@pytest.mark.parametrize(
    ("schema", "body", "violations"),
    [
        ("{type: string, nullable: true}", "null", []),
        ("{type: string}", "null", ["$: null is null, a string is due"]),
        (
            "{type: number, minimum: 0, exclusiveMinimum: true}",
            "0",
            ["$: 0 is less than or equal to the minimum of 0 (minimum: 0)"],
        ),
    ],
)
def test_schemas_of_3_0_have_their_own_rules(
    schema: str, body: str, violations: list[str]
) -> None:
    """`nullable` and boolean bounds are of 3.0 alone."""
    assert judge(schema, body, version="3.0.3") == violations


def test_a_long_value_is_cut() -> None:
    """A rule is one line that fits a terminal."""
    (violation,) = judge("{type: integer}", '"' + "x" * 500 + '"')
    assert len(violation) < 130
    assert "x… is a string, an integer is due" in violation


FORMS = """\
{FORM: [
  {type: object, required: [id], properties: {id: {type: integer}}},
  {type: array, items: {type: object, required: [id]}}]}
""".replace("\n", "")


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
@pytest.mark.parametrize(
    ("body", "violations"),
    [
        ('{"id": 1}', []),
        ('[{"id": 1}]', []),
        ("{}", ["$.id: missing"]),
        ('{"id": "x"}', ['$.id: "x" is a string, an integer is due']),
        ('[{"id": 1}, {}]', ["$[1].id: missing"]),
        ("7", ["$: 7 is of none of the 2 forms that are allowed"]),
        ("null", ["$: null is of none of the 2 forms that are allowed"]),
    ],
)
def test_alternatives_are_explained_by_the_nearest_form(
    keyword: str, body: str, violations: list[str]
) -> None:
    """The form that has the type of the value tells what is wrong; without one, none does."""
    assert judge(FORMS.replace("FORM", keyword), body) == violations


def test_alternatives_inside_alternatives_are_explained_too() -> None:
    """The nearest form of the nearest form has the last word."""
    schema = (
        "{oneOf: [{type: string}, {type: object, properties: "
        "{a: {oneOf: [{type: integer, minimum: 3}, {type: string}]}}}]}"
    )
    assert judge(schema, '{"a": 1}') == ["$.a: 1 is less than the minimum of 3 (minimum: 3)"]


def test_several_forms_of_one_type_are_told_together() -> None:
    """Where more than one form might have been meant, none is picked."""
    schema = "{anyOf: [{type: object, required: [a]}, {type: object, required: [b]}]}"
    assert judge(schema, "{}") == ["$: {} is of none of the 2 forms that are allowed"]


def test_too_many_forms_are_a_violation_of_one_of() -> None:
    """`oneOf` allows exactly one form."""
    schema = "{oneOf: [{type: object}, {required: [a]}]}"
    assert judge(schema, '{"a": 1}') == ['$: {"a": 1} is of several forms, exactly one is allowed']


COMPONENTS = """\
components:
  schemas:
    Outer:
      type: object
      properties:
        inner: {$ref: '#/components/schemas/Inner'}
        list:
          type: array
          items: {$ref: '#/components/schemas/Inner'}
    Inner:
      type: object
      required: [id]
      properties:
        id: {type: integer}
    Alias: {$ref: '#/components/schemas/Outer'}
"""


@pytest.mark.parametrize(
    ("schema", "body", "origin"),
    [
        ("{type: object}", "1", "api.yaml:10"),
        ("{$ref: '#/components/schemas/Outer'}", "1", "api.yaml:13  Outer"),
        ("{$ref: '#/components/schemas/Alias'}", "1", "api.yaml:13  Outer"),
        ("{$ref: '#/components/schemas/Outer'}", '{"inner": {}}', "api.yaml:20  Inner"),
        ("{$ref: '#/components/schemas/Outer'}", '{"list": [{}]}', "api.yaml:20  Inner"),
        ("{$ref: '#/components/schemas/Outer'}", '{"list": 1}', "api.yaml:17  Outer"),
        ("{$ref: '#/components/schemas/Inner'}", '{"id": "x"}', "api.yaml:24  Inner"),
        (
            "{oneOf: [{type: string}, {$ref: '#/components/schemas/Inner'}]}",
            '{"id": "x"}',
            "api.yaml:24  Inner",
        ),
        ("{properties: {a: {type: integer}}}", '{"a": "x"}', "api.yaml:10"),
    ],
)
def test_a_violation_names_the_line_of_its_rule(schema: str, body: str, origin: str) -> None:
    """File, line and, behind references, the name of the schema that the rule belongs to."""
    (violation,) = judge_answer(answer_with(schema, rest=COMPONENTS), body)
    assert violation.origin == origin


def test_the_rule_behind_a_shared_response_has_its_line() -> None:
    """A response among the components is found where it stands."""
    description = describe(
        """\
paths:
  /parcel: {get: {operationId: get, responses: {'200': {$ref: '#/components/responses/Ok'}}}}
components:
  responses:
    Ok:
      description: ok
      content:
        application/json:
          schema:
            type: object
            required: [id]
"""
    )
    (violation,) = judge_answer(description, "{}")
    assert violation.origin == "api.yaml:11"


def test_the_rule_behind_a_shared_path_has_its_line() -> None:
    """A path among the components is found where it stands."""
    description = describe(
        """\
paths: {/parcel: {$ref: '#/components/pathItems/P'}}
components:
  pathItems:
    P:
      get:
        operationId: get
        responses:
          '200': {description: ok, content: {application/json: {schema: {type: object}}}}
"""
    )
    (violation,) = judge_answer(description, "1")
    assert violation.origin == "api.yaml:10"


@pytest.mark.parametrize(
    ("schema", "body", "violations"),
    [
        ('{required: ["it\'s"]}', "{}", ['$["it\'s"]: missing']),
        (
            "{patternProperties: {'^a': {}}, additionalProperties: false}",
            '{"a": 1, "b": 2}',
            ['$: "b" must not be there'],
        ),
        (
            "{allOf: [{properties: {a: {}}}], unevaluatedProperties: false}",
            '{"a": 1, "b": 2}',
            ['$: "b" must not be there'],
        ),
    ],
)
def test_only_the_names_that_break_a_rule_are_listed(
    schema: str, body: str, violations: list[str]
) -> None:
    """A member that the schema allows elsewhere is not blamed, and any name can be missing."""
    assert judge(schema, body) == violations
