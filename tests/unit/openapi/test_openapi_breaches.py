"""Every way in which a service can break its description is seen, and all of them are told."""

from __future__ import annotations

import pytest
from unit.openapi.openapi_kit import JSON, VERSIONS, answer_with, describe, judge_answer, told

from pytest_amberflo.openapi.violation import Violation

ALL = VERSIONS
NEW = VERSIONS[1:]
OLD = VERSIONS[:1]


def judge(schema: str, body: str, version: str, rest: str = "") -> list[str]:
    """Path and rule of every violation of a body under a schema."""
    return told(judge_answer(answer_with(schema, rest=rest, version=version), body))


def each(
    *cases: tuple[tuple[str, ...], str, str, list[str]],
) -> list[tuple[str, str, str, list[str]]]:
    """A case for every version that it is of."""
    return [(version, *case) for versions, *case in cases for version in versions]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("version", "schema", "body", "violations"),
    each(
        (ALL, "{type: object, required: [a, b]}", "{}", ["$.a: missing", "$.b: missing"]),
        (
            ALL,
            "{type: object, properties: {a: {type: string}, b: {type: integer}}}",
            '{"a": 1, "b": "x"}',
            ["$.a: 1 is an integer, a string is due", '$.b: "x" is a string, an integer is due'],
        ),
        (ALL, "{type: string}", "null", ["$: null is null, a string is due"]),
        (ALL, "{type: boolean}", '"true"', ['$: "true" is a string, a boolean is due']),
        (ALL, "{type: integer}", "true", ["$: true is a boolean, an integer is due"]),
        (ALL, "{type: integer}", "1.5", ["$: 1.5 is a number, an integer is due"]),
        (OLD, "{type: integer}", "1.0", ["$: 1.0 is a number, an integer is due"]),
        (ALL, "{enum: [a, b]}", '"c"', ['$: "c" is none of "a", "b"']),
        (ALL, "{enum: [1]}", "true", ["$: true is none of 1"]),
        (NEW, "{const: 1}", "true", ["$: 1 was expected (const: 1)"]),
        (NEW, "{const: null}", "0", ["$: None was expected (const: null)"]),
        (ALL, "{pattern: '^a+$'}", '"b"', ["$: 'b' does not match '^a+$' (pattern: \"^a+$\")"]),
        (
            ALL,
            "{type: string, pattern: '^a$'}",
            '"a\\n"',
            ["$: 'a\\n' does not match '^a$' (pattern: \"^a$\")"],
        ),
        (
            ALL,
            "{pattern: '^\\d$'}",
            '"٣"',
            ["$: '٣' does not match '^\\\\d$' (pattern: \"^\\\\d$\")"],
        ),
        (
            ALL,
            "{type: number, minimum: 1, maximum: 2}",
            "3",
            ["$: 3 is greater than the maximum of 2 (maximum: 2)"],
        ),
        (
            OLD,
            "{type: number, minimum: 1, exclusiveMinimum: true}",
            "1",
            ["$: 1 is less than or equal to the minimum of 1 (minimum: 1)"],
        ),
        (
            NEW,
            "{exclusiveMinimum: 1}",
            "1",
            ["$: 1 is less than or equal to the minimum of 1 (exclusiveMinimum: 1)"],
        ),
        (
            NEW,
            "{exclusiveMaximum: 1}",
            "1.0",
            ["$: 1.0 is greater than or equal to the maximum of 1 (exclusiveMaximum: 1)"],
        ),
        (
            ALL,
            "{multipleOf: 0.01}",
            "19.995",
            ["$: 19.995 is not a multiple of 0.01 (multipleOf: 0.01)"],
        ),
        (
            ALL,
            "{type: object, properties: {a: {}}, additionalProperties: false}",
            '{"a": 1, "b": 2, "c": 3}',
            ['$: "b", "c" must not be there'],
        ),
        (
            ALL,
            "{type: object, additionalProperties: {type: integer}}",
            '{"a": 1, "b": "x"}',
            ['$.b: "x" is a string, an integer is due'],
        ),
        (
            NEW,
            "{allOf: [{properties: {a: {}}}], unevaluatedProperties: false}",
            '{"a": 1, "b": 2}',
            ['$: "b" must not be there'],
        ),
        (
            NEW,
            "{prefixItems: [{}], unevaluatedItems: false}",
            "[1, 2]",
            ["$: Unevaluated items are not allowed (2 was unexpected) (unevaluatedItems: false)"],
        ),
        (
            NEW,
            "{prefixItems: [{type: string}], items: {type: integer}}",
            '[1, "x"]',
            ["$[0]: 1 is an integer, a string is due", '$[1]: "x" is a string, an integer is due'],
        ),
        (NEW, "{dependentRequired: {a: [b]}}", '{"a": 1}', ["$.b: missing"]),
        (
            NEW,
            "{if: {required: [a]}, then: {required: [b]}, else: {required: [c]}}",
            '{"a": 1}',
            ["$.b: missing"],
        ),
        (
            NEW,
            "{propertyNames: {pattern: '^a'}}",
            '{"b": 1}',
            ["$: 'b' does not match '^a' (pattern: \"^a\")"],
        ),
        (
            NEW,
            "{patternProperties: {'^a': {type: integer}}}",
            '{"ab": "x", "c": 1}',
            ['$.ab: "x" is a string, an integer is due'],
        ),
        (
            ALL,
            "{type: array, items: {}, minItems: 2}",
            "[1]",
            ["$: [1] is too short (minItems: 2)"],
        ),
        (
            ALL,
            "{type: array, items: {}, maxItems: 1}",
            "[1, 2]",
            ["$: [1, 2] is too long (maxItems: 1)"],
        ),
        (
            ALL,
            "{type: array, items: {}, uniqueItems: true}",
            '[{"a": 1}, {"a": 1.0}, 1, true, 1]',
            [
                "$: items 0 and 1 are equal (uniqueItems: true)",
                "$: items 2 and 4 are equal (uniqueItems: true)",
            ],
        ),
        (
            ALL,
            "{type: object, minProperties: 1}",
            "{}",
            ["$: {} should be non-empty (minProperties: 1)"],
        ),
        (
            ALL,
            "{type: object, maxProperties: 1}",
            '{"a": 1, "b": 2}',
            ["$: {'a': 1, 'b': 2} has too many properties (maxProperties: 1)"],
        ),
        (
            ALL,
            "{not: {type: string}}",
            '"x"',
            ["$: 'x' should not be valid under {'type': 'string'} (not: {\"type\": \"string\"})"],
        ),
        (
            NEW,
            "{contains: {type: string}}",
            "[1]",
            [
                "$: [1] does not contain items matching the given schema "
                '(contains: {"type": "string"})'
            ],
        ),
        (NEW, "{type: [string, 'null']}", "1", ["$: 1 is an integer, a string or null is due"]),
        (NEW, "{type: string, nullable: true}", "null", ["$: null is null, a string is due"]),
        (
            ALL,
            "{allOf: [{required: [a]}, {required: [b]}]}",
            "{}",
            ["$.a: missing", "$.b: missing"],
        ),
        (
            ALL,
            "{anyOf: [{type: string}, {type: integer, minimum: 3}]}",
            "1",
            ["$: 1 is less than the minimum of 3 (minimum: 3)"],
        ),
        (
            ALL,
            "{oneOf: [{type: number}, {type: integer}]}",
            "1",
            ["$: 1 is of several forms, exactly one is allowed"],
        ),
    ),
)
def test_a_broken_schema_is_told(
    version: str, schema: str, body: str, violations: list[str]
) -> None:
    """Path, value and rule of each keyword, in each version that has it."""
    assert judge(schema, body, version) == violations


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("date-time", '"2026-01-01"'),
        ("date-time", '"2026-01-01T00:00:00"'),
        ("date-time", '"2026-13-01T00:00:00Z"'),
        ("date-time", '"2026-01-01 00:00:00Z x"'),
        ("date", '"2026-02-30"'),
        ("date", '"20260101"'),
        ("time", '"25:00:00Z"'),
        ("uuid", '"not-a-uuid"'),
        ("uuid", '"2eb8aa08aa9811eab4aa73b441d16380"'),
        ("email", '"a"'),
        ("email", '"a@"'),
        ("email", '"a b@c"'),
        ("hostname", '"-a.example"'),
        ("ipv4", '"256.1.1.1"'),
        ("ipv6", '"12345::"'),
        ("uri", '"no-scheme"'),
        ("uri", '"http://a b"'),
        ("uri-reference", '"a b"'),
        ("duration", '"1 day"'),
        ("duration", '"P"'),
        ("byte", '"%%%"'),
        ("byte", '"é"'),
        ("int32", "2147483648"),
        ("int32", "-2147483649"),
        ("int64", "9223372036854775808"),
        ("float", "1e39"),
    ],
)
def test_a_broken_format_is_told(version: str, name: str, body: str) -> None:
    """Formats are rules, not decoration."""
    (found,) = judge(f"{{format: {name}}}", body, version)
    assert found.startswith("$: ")
    assert found.endswith(f'(format: "{name}")')


SIDES = """\
{type: object, required: [id, name, password], properties: {
  id: {type: integer, readOnly: true},
  name: {type: string},
  password: {$ref: '#/components/schemas/Secret'}}}
""".replace("\n", "")
SECRET = "components: {schemas: {Secret: {type: string, writeOnly: true}}}\n"


@pytest.mark.parametrize("version", ALL)
def test_what_is_write_only_must_not_come_back(version: str) -> None:
    """Nor is it missed in a response, where what is read-only is due."""
    assert judge(SIDES, '{"name": "a"}', version, SECRET) == ["$.id: missing"]
    assert judge(SIDES, '{"id": 1, "name": "a", "password": "x"}', version, SECRET) == [
        '$.password: "x" is write-only and must not be sent back'
    ]


PETS = """\
components:
  schemas:
    Cat: {type: object, required: [kind, lives], properties: {kind: {}, lives: {type: integer}}}
    Dog: {type: object, required: [kind], properties: {kind: {}, barks: {type: boolean}}}
    Base:
      type: object
      required: [kind]
      properties: {kind: {type: string}}
      discriminator: {propertyName: kind}
    Bird: {allOf: [{$ref: '#/components/schemas/Base'}, {required: [wings]}]}
    Eagle: {allOf: [{$ref: '#/components/schemas/Bird'}, {required: [talons]}]}
"""
FORMS = """\
{KEYWORD: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}],
 discriminator: {propertyName: kind, mapping: {cat: '#/components/schemas/Cat', dog: Dog}}}
""".replace("\n", "")


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
@pytest.mark.parametrize(
    ("body", "violations"),
    [
        ('{"kind": "cat", "lives": 9}', []),
        ('{"kind": "dog", "lives": 9}', []),
        ('{"kind": "Cat", "lives": 9}', []),
        ('{"kind": "cat"}', ["$.lives: missing"]),
        ('{"kind": "dog", "barks": 1}', ["$.barks: 1 is an integer, a boolean is due"]),
        ('{"kind": "cow"}', ['$.kind: "cow" is none of "Cat", "Dog", "cat", "dog"']),
        ("{}", ["$.kind: missing"]),
        ("7", ["$: 7 is of none of the 2 forms that are allowed"]),
    ],
)
def test_a_discriminator_says_which_form_is_due(
    version: str, keyword: str, body: str, violations: list[str]
) -> None:
    """The form that the value names is the one it is held to."""
    assert judge(FORMS.replace("KEYWORD", keyword), body, version, PETS) == violations


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("body", "violations"),
    [
        ('{"kind": "Bird", "wings": 2}', []),
        ('{"kind": "Bird"}', ["$.wings: missing"]),
        ('{"kind": "Eagle", "wings": 2}', ["$.talons: missing"]),
        ('{"kind": "other"}', []),
        ("{}", ["$.kind: missing"]),
    ],
)
def test_heirs_of_a_schema_are_chosen_by_its_discriminator(
    version: str, body: str, violations: list[str]
) -> None:
    """A schema with a discriminator stands for all that are built on it by `allOf`."""
    assert judge("{$ref: '#/components/schemas/Base'}", body, version, PETS) == violations


def test_a_discriminator_may_have_a_default() -> None:
    """From 3.2 on a value that names no form is of the default one."""
    schema = FORMS.replace("KEYWORD", "oneOf").replace(
        "dog: Dog}", "dog: Dog}, defaultMapping: Dog"
    )
    assert judge(schema, '{"kind": "cow", "barks": 1}', "3.2.0", PETS) == [
        "$.barks: 1 is an integer, a boolean is due"
    ]


ANSWERS = """\
paths:
  /parcel:
    get:
      operationId: get
      responses:
        '200':
          description: ok
          headers:
            X-Count: {required: true, schema: {type: integer}}
            X-When: {schema: {type: string, format: date-time}}
            X-Tags: {schema: {type: array, items: {enum: [a, b]}}}
            X-Json: {content: {application/json: {schema: {type: object, required: [a]}}}}
          content:
            application/json: {schema: {type: object, required: [id]}}
    head:
      operationId: head
      responses:
        '200': {description: ok, content: {application/json: {schema: {type: object}}}}
    put:
      operationId: put
      responses:
        2XX: {description: ok, content: {text/plain: {schema: {type: integer}}}}
        default:
          description: no
          content: {application/problem+json: {schema: {required: [title]}}}
"""
COUNT = ("X-Count", "1")


def judge_all(
    version: str,
    status: int,
    headers: tuple[tuple[str, str], ...],
    body: bytes,
    operation_id: str = "get",
) -> list[str]:
    """Path and rule of every violation of an answer."""
    return told(
        judge_answer(
            describe(ANSWERS, version=version),
            body,
            status=status,
            headers=headers,
            operation_id=operation_id,
        )
    )


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("status", "headers", "body", "violations"),
    [
        (
            201,
            (*JSON, COUNT),
            b'{"id": 1}',
            ["status: 201 is not documented for get (it has 200)"],
        ),
        (201, JSON, b"{", ["status: 201 is not documented for get (it has 200)"]),
        (
            200,
            (("Content-Type", "text/plain"), COUNT),
            b"ok",
            ["header Content-Type: text/plain; application/json is due"],
        ),
        (200, (COUNT,), b"{}", ["header Content-Type: no content type; application/json is due"]),
        (200, (*JSON, COUNT), b"", ["body: missing"]),
        (200, (COUNT,), b"", ["body: missing"]),
        (200, JSON, b"{}", ["$.id: missing", "header X-Count: missing"]),
        (
            200,
            (*JSON, ("X-Count", "1.5"), ("X-When", "now"), ("X-Tags", "a,c"), ("X-Json", "{}")),
            b'{"id": 1}',
            [
                "header X-Count: 1.5 is a number, an integer is due",
                "header X-When: 'now' is not a 'date-time' (format: \"date-time\")",
                'header X-Tags[1]: "c" is none of "a", "b"',
                "header X-Json.a: missing",
            ],
        ),
        (
            200,
            (*JSON, COUNT, ("X-Json", "{")),
            b'{"id": 1}',
            [
                "header X-Json: it is no JSON: Expecting property name enclosed in double quotes "
                "at character 2"
            ],
        ),
    ],
)
def test_a_broken_answer_is_told(
    version: str,
    status: int,
    headers: tuple[tuple[str, str], ...],
    body: bytes,
    violations: list[str],
) -> None:
    """Status, content type, headers and body; a wrong status is judged by nothing else."""
    assert judge_all(version, status, headers, body) == violations


@pytest.mark.parametrize("version", ALL)
def test_ranges_and_defaults_are_rules_too(version: str) -> None:
    """What is described for a range is due of each of its statuses."""
    text = (("Content-Type", "text/plain"),)
    assert judge_all(version, 202, text, b"x", "put") == ['$: "x" is a string, an integer is due']
    problem = (("Content-Type", "application/problem+json"),)
    assert judge_all(version, 503, problem, b"{}", "put") == ["$.title: missing"]
    assert judge_all(version, 404, JSON, b"{}", "put") == [
        "header Content-Type: application/json; application/problem+json is due"
    ]


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"ok", "the body is no JSON: Expecting value at character 1"),
        (b'{"id": 1', "the body is no JSON: Expecting ',' delimiter at character 9"),
        (b"{'id': 1}", "the body is no JSON: Expecting property name enclosed in double quotes"),
        (b'{"id": NaN}', "the body is no JSON: `NaN` is no JSON number"),
        (b'{"id": -Infinity}', "the body is no JSON: `-Infinity` is no JSON number"),
        (b'{"id": 01}', "the body is no JSON: Expecting ',' delimiter at character 9"),
        (b'{"id": 1, "id": 2}', "the body is no JSON: `id` stands twice in one object"),
        (b'{"id": [{"a": 1, "a": 1}]}', "the body is no JSON: `a` stands twice in one object"),
        (b'\xef\xbb\xbf{"id": 1}', "the body is no JSON: it begins with a byte order mark"),
        ('{"id": "é"}'.encode("latin-1"), "the body is no JSON: byte 0xe9 at 8 is no UTF-8"),
        ('{"id": 1}'.encode("utf-16"), "the body is no JSON: byte 0xff at 0 is no UTF-8"),
        (b"[" * 100_000, "the body is no JSON: nested more than 200 levels deep"),
        (b'{"id": ' + b"9" * 5000 + b"}", "the body is no JSON: a number of more than"),
    ],
)
def test_a_body_that_is_no_json_is_told(version: str, body: bytes, rule: str) -> None:
    """JSON is UTF-8 text with every name once and no numbers that it does not have."""
    headers = (("Content-Type", "application/json; charset=latin-1"), COUNT)
    (found,) = judge_all(version, 200, headers, body)
    assert found.startswith(f"$: {rule}")


def test_a_wrong_content_type_of_a_head_is_told() -> None:
    """The headers of a HEAD are those of the answer that it stands for."""
    html = (("Content-Type", "text/html"),)
    assert judge_all("3.1.0", 200, html, b"", "head") == [
        "header Content-Type: text/html; application/json is due"
    ]


def test_each_violation_has_its_place_in_the_description() -> None:
    """File and line lead to the rule that was broken."""
    found = judge_answer(describe(ANSWERS), "{}", headers=JSON)
    assert found[0] == Violation(
        check="response-schema", path="$.id", rule="missing", origin="api.yaml:16"
    )
