"""What keeps its description is not blamed, however unusual it looks."""

from __future__ import annotations

import pytest
from unit.openapi.openapi_kit import (
    JSON,
    VERSIONS,
    answer_with,
    describe,
    find,
    judge_answer,
    judge_request,
    told,
)

from pytest_amberflo.openapi.contract import Contract

ALL = VERSIONS
NEW = VERSIONS[1:]
OLD = VERSIONS[:1]


def judge(schema: str, body: str, version: str) -> list[str]:
    """Path and rule of every violation of a body under a schema."""
    return told(judge_answer(answer_with(schema, version=version), body))


@pytest.mark.parametrize(
    ("version", "schema", "body"),
    [
        (version, schema, body)
        for versions, schema, body in (
            (NEW, "{type: integer}", "1.0"),
            (NEW, "{const: 1}", "1.0"),
            (ALL, "{enum: [1]}", "1.0"),
            (ALL, "{type: number}", "7"),
            (ALL, "{multipleOf: 0.01}", "19.99"),
            (ALL, "{multipleOf: 0.1}", "0.3"),
            (ALL, "{multipleOf: 0.001}", "1e20"),
            (OLD, "{type: string, nullable: true}", "null"),
            (OLD, "{type: object, nullable: true, properties: {}}", "null"),
            (
                OLD,
                "{type: object, properties: {a: {type: string, nullable: true}}}",
                '{"a": null}',
            ),
            (NEW, "{type: [string, 'null']}", "null"),
            (NEW, "{type: 'null'}", "null"),
            (ALL, "{type: object}", "{}"),
            (ALL, "{}", "null"),
            (ALL, "{type: string, pattern: 'b'}", '"abc"'),
            (ALL, "{type: string, pattern: '^\\w+\\/[\\d.]+$'}", '"a/1.2"'),
            (ALL, "{type: string, pattern: '^\\p{Lu}'}", '"É"'),
            (ALL, "{type: string, pattern: '^(?<a>x)$'}", '"x"'),
            (ALL, "{type: string, minLength: 1, maxLength: 1}", '"😀"'),
            (ALL, "{type: string, format: unknown-format}", '"x"'),
            (ALL, "{type: string, format: password}", '"x"'),
            (ALL, "{type: string, format: binary}", '"x"'),
            (ALL, "{type: string, format: date-time}", '"2026-01-01T00:00:00.123456789+05:30"'),
            (ALL, "{type: string, format: date-time}", '"2026-01-01t00:00:00z"'),
            (ALL, "{type: string, format: date}", '"2024-02-29"'),
            (ALL, "{type: string, format: time}", '"12:00:00Z"'),
            (ALL, "{type: string, format: uuid}", '"2EB8AA08-AA98-11EA-B4AA-73B441D16380"'),
            (ALL, "{type: string, format: email}", '"o\'neil+x@sub.example"'),
            (ALL, "{type: string, format: uri}", '"urn:isbn:1"'),
            (ALL, "{type: string, format: uri}", '"https://h:1/p?q=%20#f"'),
            (ALL, "{type: string, format: uri-reference}", '"../a?b"'),
            (ALL, "{type: string, format: duration}", '"P1DT12H"'),
            (ALL, "{type: string, format: hostname}", '"a-b.example"'),
            (ALL, "{type: string, format: byte}", '"aGk="'),
            (ALL, "{type: integer, format: int32}", "-2147483648"),
            (ALL, "{type: integer, format: int64}", "9223372036854775807"),
            (ALL, "{type: number, format: float}", "3.4e38"),
            (ALL, "{type: number, format: double}", "1e308"),
            (ALL, "{format: int32}", '"text"'),
            (
                ALL,
                "{type: array, items: {}, uniqueItems: true}",
                "[1, true, 0, false, null, [], {}]",
            ),
            (ALL, "{type: array, items: {}, uniqueItems: false}", "[1, 1]"),
            (ALL, "{oneOf: [{type: integer}, {type: string}]}", "1"),
            (ALL, "{anyOf: [{type: number}, {type: integer}]}", "1"),
            (NEW, "{allOf: [{properties: {a: {}}}], unevaluatedProperties: false}", '{"a": 1}'),
            (ALL, "{type: object, example: {$ref: nowhere.yaml}}", "{}"),
            (ALL, "{type: object, x-note: {$ref: nowhere.yaml}}", "{}"),
            (ALL, "{type: object, default: {a: 1}, enum: [{a: 1}]}", '{"a": 1}'),
            (ALL, "{type: object, properties: {$ref: {type: string}}}", '{"$ref": "x"}'),
            (ALL, "{type: object, properties: {default: {type: string}}}", '{"default": "x"}'),
        )
        for version in versions
    ],
)
def test_a_right_value_is_spared(version: str, schema: str, body: str) -> None:
    """Each value keeps its schema."""
    description = answer_with(schema, version=version)
    Contract(description).prepare()
    assert told(judge_answer(description, body)) == []


CONTENT = """\
paths:
  /parcel:
    get:
      operationId: get
      responses:
        '200': {description: ok, content: {KEY: {schema: SCHEMA}}}
        '204': {description: none}
        '304': {description: none, content: {application/json: {schema: {type: object}}}}
"""


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("key", "content_type", "schema", "body"),
    [
        ("application/json", "application/json; charset=utf-8", "{type: object}", "{}"),
        ("application/json", "application/json;charset=UTF-8", "{type: object}", "{}"),
        ("application/json", 'Application/JSON ; x="a;b"', "{type: object}", "{}"),
        ("application/json", "application/json; nonsense", "{type: object}", "{}"),
        ("Application/JSON", "application/json", "{type: object}", "{}"),
        ("application/json; charset=utf-8", "application/json", "{type: object}", "{}"),
        ("application/json; v=1", "application/json; v=1; charset=utf-8", "{type: object}", "{}"),
        ("'*/*'", "application/json", "{type: object}", "{}"),
        ("application/*", "application/json", "{type: object}", "{}"),
        ("application/*+json", "application/problem+json", "{type: object}", "{}"),
        ("application/vnd.a+json", "application/vnd.a+json", "{type: object}", "{}"),
        ("text/plain", "text/plain", "{type: string}", ""),
        ("text/plain", "text/plain; charset=latin-1", "{type: string, minLength: 1}", "\xe9"),
        ("text/plain", "text/plain", "{type: integer}", "7"),
        ("text/plain", "text/plain", "{type: string}", "7"),
        ("text/csv", "text/csv", "{type: string}", "a,b\n1,2\n"),
        ("text/html", "text/html", "{type: string, pattern: '^<p>'}", "<p>"),
        ("image/png", "image/png", "{type: string, format: binary}", "\x89PNG\xff"),
        ("application/octet-stream", "application/octet-stream", "{}", "\xff\x00"),
        ("application/pdf", "application/pdf", "{}", "\xff"),
        ("application/xml", "application/xml", "{type: object, required: [a]}", "<a><b/></a>"),
        (
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded",
            "{type: object, required: [a], properties: {a: {type: integer}, "
            "b: {type: array, items: {type: integer}}}}",
            "a=1&b=2&b=3",
        ),
    ],
)
def test_a_right_body_is_spared(
    version: str, key: str, content_type: str, schema: str, body: str
) -> None:
    """Parameters, ranges, suffixes and other kinds of content than JSON."""
    text = CONTENT.replace("KEY", key).replace("SCHEMA", schema)
    headers = (("content-type", content_type),)
    raw = body.encode("latin-1")
    assert told(judge_answer(describe(text, version=version), raw, headers=headers)) == []


@pytest.mark.parametrize("version", ALL)
def test_the_most_special_media_type_is_judged_by(version: str) -> None:
    """A range stands back behind the type itself, and the widest range behind the narrower."""
    text = CONTENT.replace(
        "{KEY: {schema: SCHEMA}}",
        "{'*/*': {schema: {enum: [all]}}, application/*: {schema: {enum: [some]}}, "
        "application/json: {schema: {enum: [one]}}}",
    )
    description = describe(text, version=version)
    for media_type, body in (
        ("application/json", '"one"'),
        ("application/x", "some"),
        ("a/b", "all"),
    ):
        headers = (("Content-Type", media_type),)
        assert told(judge_answer(description, body, headers=headers)) == []


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(("status", "headers"), [(204, ()), (204, JSON), (304, ()), (304, JSON)])
def test_a_status_without_a_body_is_spared(
    version: str, status: int, headers: tuple[tuple[str, str], ...]
) -> None:
    """There is no body to be missed where HTTP has none."""
    assert (
        judge_answer(describe(CONTENT, version=version), "", status=status, headers=headers) == []
    )


@pytest.mark.parametrize("version", ALL)
def test_a_head_has_no_body(version: str) -> None:
    """What a GET would have answered is described, and is not sent."""
    text = CONTENT.replace("    get:", "    head:").replace("KEY", "application/json")
    description = describe(text.replace("SCHEMA", "{type: object}"), version=version)
    assert judge_answer(description, "", headers=JSON) == []
    assert judge_answer(description, "", headers=()) == []


HEADERS = """\
paths:
  /parcel:
    get:
      operationId: get
      responses:
        '200':
          description: ok
          headers:
            X-Count: {required: true, schema: {type: integer}}
            X-Flag: {schema: {type: boolean}}
            X-Tags: {schema: {type: array, items: {type: integer}}}
            X-Pairs: {explode: true, schema: {type: object, properties: {a: {type: integer}}}}
            X-Either: {schema: {oneOf: [{type: integer}, {enum: [none]}]}}
            X-Text: {schema: {type: string}}
            X-Maybe: {schema: NULLABLE}
            Content-Type: {required: true, schema: {enum: [nonsense]}}
"""


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    "headers",
    [
        (("X-Count", "1"),),
        (("x-count", "1"), ("X-FLAG", "true")),
        (("X-Count", " 1 "), ("X-Tags", "1, 2,3")),
        (("X-Count", "1"), ("X-Tags", "1"), ("X-Tags", "2")),
        (("X-Count", "1"), ("X-Pairs", "a=1,b=x")),
        (("X-Count", "1"), ("X-Either", "none")),
        (("X-Count", "1"), ("X-Either", "7")),
        (("X-Count", "1"), ("X-Text", "7")),
        (("X-Count", "1"), ("X-Text", "true")),
        (("X-Count", "1"), ("X-Maybe", "1")),
        (("X-Count", "1"), ("Undeclared", "x")),
    ],
)
def test_right_headers_are_spared(version: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Names ignore case, values are read by their schemas, a described Content-Type is ignored."""
    kind = "{type: integer, nullable: true}" if version in OLD else "{type: [integer, 'null']}"
    description = describe(HEADERS.replace("NULLABLE", kind), version=version)
    assert told(judge_answer(description, "", headers=headers)) == []


@pytest.mark.parametrize("version", ALL)
def test_templates_and_fixed_paths_do_not_meet(version: str) -> None:
    """The operation is known; another path that the URL fits as well has no say."""
    text = """\
paths:
  /a/{x}:
    get:
      operationId: any
      parameters: [{name: x, in: path, required: true, schema: {type: integer}}]
      responses: {'200': {description: ok}}
  /a/b:
    get: {operationId: fixed, responses: {'201': {description: ok}}}
  /a/b/:
    get: {operationId: slash, responses: {'202': {description: ok}}}
servers: [{url: 'https://{h}.example/base/{v}', variables: {h: {default: x}, v: {default: v1}}}]
"""
    description = describe(text, version=version)
    url = "http://127.0.0.1:1/elsewhere/a/b"
    for operation_id, status in (("any", 200), ("fixed", 201), ("slash", 202)):
        path_texts = {"x": "7"} if operation_id == "any" else {}
        assert (
            judge_request(description, url=url, operation_id=operation_id, path_texts=path_texts)
            == []
        )
        assert (
            judge_answer(description, "", status=status, headers=(), operation_id=operation_id)
            == []
        )


IGNORED = """\
security: [{Key: []}, {Bearer: [], Tenant: []}, {OAuth: [read]}]
paths:
  /parcel:
    get:
      operationId: send
      security: REQUIRED
      parameters:
        - {name: Accept, in: header, required: true, schema: {enum: [nonsense]}}
        - {name: content-type, in: header, required: true, schema: {enum: [nonsense]}}
        - {name: Authorization, in: header, required: true, schema: {enum: [nonsense]}}
        - {name: X-Key, in: header, schema: {type: string}}
        - {name: size, in: query, schema: {type: integer, default: 3}}
        - {name: flag, in: query, allowEmptyValue: true, schema: {type: boolean}}
      responses: {'200': {description: ok}}
components:
  securitySchemes:
    Key: {type: apiKey, in: header, name: X-Key}
    Query: {type: apiKey, in: query, name: key}
    Bearer: {type: http, scheme: BEARER}
    Tenant: {type: apiKey, in: cookie, name: tenant}
    OAuth: {type: oauth2, flows: {implicit: {authorizationUrl: 'https://e.example', scopes: {}}}}
"""


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("required", "url", "headers"),
    [
        ("[{Key: []}]", "http://h/", (("x-key", "k"),)),
        ("[{Query: []}]", "http://h/?a=b&key=k", ()),
        ("[{Bearer: []}]", "http://h/", (("authorization", "bearer t"),)),
        ("[{Bearer: []}]", "http://h/", (("Authorization", "Bearer a.b.c"),)),
        ("[{Tenant: []}]", "http://h/", (("Cookie", "a=b; tenant=t"),)),
        ("[{Key: []}, {Query: []}]", "http://h/?key=k", ()),
        ("[{Key: [], Query: []}, {}]", "http://h/", ()),
        ("[{}]", "http://h/", ()),
        ("[]", "http://h/", ()),
        ("[{OAuth: [read]}]", "http://h/", ()),
        ("[{Unknown: []}]", "http://h/", ()),
        ("[{}]", "http://h/?size=4", ()),
    ],
)
def test_right_credentials_are_spared(
    version: str, required: str, url: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """Alternatives, all of one alternative, none at all; and header parameters to be ignored."""
    description = describe(IGNORED.replace("REQUIRED", required), version=version)
    assert told(judge_request(description, url=url, headers=headers)) == []


@pytest.mark.parametrize("version", ALL)
def test_an_empty_value_may_be_allowed(version: str) -> None:
    """`allowEmptyValue` lets a query parameter be nothing but its name."""
    description = describe(IGNORED.replace("REQUIRED", "[]"), version=version)
    found = told(judge_request(description, url="http://h/?flag="))
    assert found == []
    assert told(judge_request(description, url="http://h/?size=")) == [
        "query parameter size: empty"
    ]


SIDES = """\
paths:
  /parcel:
    post:
      operationId: send
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [id, name, password]
              properties:
                id: {type: integer, readOnly: true}
                name: {type: string}
                password: {type: string, writeOnly: true}
      responses: {'200': {description: ok}}
"""


@pytest.mark.parametrize("version", ALL)
def test_read_only_members_are_not_due_in_a_request(version: str) -> None:
    """Nor may they be sent."""
    description = describe(SIDES, version=version)
    right = judge_request(description, headers=JSON, body=b'{"name": "a", "password": "b"}')
    assert told(right) == []
    wrong = judge_request(description, headers=JSON, body=b'{"id": 1, "name": "a"}')
    assert sorted(told(wrong)) == [
        "$.id: 1 is read-only and must not be sent",
        "$.password: missing",
    ]
    assert judge_request(description, headers=(), body=None) == []


QUERIES = """\
paths:
  /parcel:
    get:
      operationId: send
      parameters: [{name: q, in: query, PARAMETER}]
      responses: {'200': {description: ok}}
"""


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("parameter", "query", "violations"),
    [
        ("schema: {type: array, items: {type: integer}}", "q=1&q=2", []),
        (
            "schema: {type: array, items: {type: integer}}",
            "q=1&q=x",
            ['query parameter q[1]: "x" is a string, an integer is due'],
        ),
        ("explode: false, schema: {type: array, items: {type: integer}}", "q=1,2", []),
        ("explode: false, schema: {type: array, items: {type: string}}", "q=", []),
        ("explode: false, schema: {type: array, items: {type: string}}", "q=a%2Cb,c", []),
        (
            "style: deepObject, explode: true, schema: {type: object, properties: "
            "{a: {type: integer}, b: {type: array, items: {type: integer}}}}",
            "q[a]=1&q%5Bb%5D=2&q[b]=3",
            [],
        ),
        (
            "style: deepObject, explode: true, schema: {type: object, required: [b], "
            "additionalProperties: false, properties: {a: {type: integer}, b: {}}}",
            "q[a]=x&q[c]=1",
            [
                "query parameter q.b: missing",
                'query parameter q: "c" must not be there',
                'query parameter q.a: "x" is a string, an integer is due',
            ],
        ),
        ("schema: {type: object, properties: {a: {type: integer}}}", "a=1", []),
        ("schema: {type: boolean}", "q=true", []),
        (
            "schema: {type: boolean}",
            "q=yes",
            ['query parameter q: "yes" is a string, a boolean is due'],
        ),
        ("schema: {type: string}", "q=007", []),
        (
            "schema: {type: integer}",
            "q=%2B7",
            ['query parameter q: "+7" is a string, an integer is due'],
        ),
        ("schema: {type: number}", "q=1e3", []),
        ("schema: {oneOf: [{type: integer}, {type: array, items: {type: string}}]}", "q=7", []),
        ("schema: {enum: [1, two]}", "q=1", []),
        ("schema: {enum: [1, two]}", "q=two", []),
        ("schema: {enum: [1, two]}", "q=2", ['query parameter q: 2 is none of 1, "two"']),
        (
            "content: {application/json: {schema: {type: object, required: [a]}}}",
            "q=%7B%22a%22:1%7D",
            [],
        ),
        (
            "content: {application/json: {schema: {type: object, required: [a]}}}",
            "q=%7B%7D",
            ["query parameter q.a: missing"],
        ),
        ("required: true, schema: {type: array, items: {}}", "", ["query parameter q: missing"]),
        ("required: true, schema: {type: object}", "", ["query parameter q: missing"]),
        ("required: true, schema: {}", "", ["query parameter q: missing"]),
    ],
)
def test_query_parameters_are_read_by_their_styles(
    version: str, parameter: str, query: str, violations: list[str]
) -> None:
    """Arrays, objects and scalars, and texts that may be more than one of them."""
    description = describe(QUERIES.replace("PARAMETER", parameter), version=version)
    Contract(description).prepare()
    found = told(judge_request(description, url=f"http://h/?{query}"))
    assert sorted(found) == sorted(violations)


def test_documents_of_3_2_are_read_in_full() -> None:
    """Other methods, whole query strings, items of a sequence, the document's own name."""
    text = """\
$self: https://e.example/api.yaml
paths:
  /parcel:
    query:
      operationId: query
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'200': {$ref: '#/components/responses/Lines'}}
    additionalOperations:
      COPY:
        operationId: copy
        parameters:
          - name: all
            in: querystring
            required: true
            content:
              application/x-www-form-urlencoded:
                schema: {type: object, required: [to], properties: {to: {type: integer}}}
        responses: {'200': {summary: fine}}
components:
  responses:
    Lines:
      content:
        application/jsonl: {itemSchema: {$ref: 'https://e.example/api.yaml#/components/schemas/A'}}
  schemas: {A: {type: object, required: [a]}}
"""
    description = describe(text, version="3.2.0")
    assert description.operation_ids == ("query", "copy")
    assert find(description, "query").method == "QUERY"
    assert find(description, "copy").method == "COPY"
    headers = (("Content-Type", "application/jsonl"),)
    right, wrong = b'{"a": 1}\n{"a": 2}\n', b'{"a": 1}\n{}\n'
    assert judge_answer(description, right, headers=headers, operation_id="query") == []
    assert told(judge_answer(description, wrong, headers=headers, operation_id="query")) == [
        "$[1].a: missing"
    ]
    for query, violations in (
        ("to=1", []),
        ("to=x", ['query parameter all.to: "x" is a string, an integer is due']),
        ("", ["query parameter all: missing"]),
    ):
        found = judge_request(description, url=f"http://h/?{query}", operation_id="copy")
        assert told(found) == violations
    Contract(description).prepare()


FORMS = """\
paths:
  /parcel:
    post:
      operationId: send
      requestBody:
        required: true
        content:
          multipart/form-data: {schema: SCHEMA}
          application/x-www-form-urlencoded: {schema: SCHEMA}
      responses: {'200': {description: ok}}
""".replace(
    "SCHEMA",
    "{type: object, required: [a], additionalProperties: false, properties: {a: {type: integer}, "
    "b: {type: array, items: {type: string}}, f: {type: string, format: binary}, "
    "o: {type: object, required: [x]}}}",
)


def make_part(name: str, text: str, more: str = "") -> str:
    """One part of a multipart body."""
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("parts", "violations"),
    [
        ([make_part("a", "1")], []),
        ([make_part("a", "1"), make_part("b", "x"), make_part("b", "y")], []),
        ([make_part("a", "1"), make_part("b", "x")], []),
        ([make_part("a", "1"), make_part("f", "\xff\x00", '; filename="f"')], []),
        (
            [make_part("a", "1"), make_part("o", "{}", "\r\nContent-Type: application/json")],
            ["$.o.x: missing"],
        ),
        ([make_part("a", "x")], ['$.a: "x" is a string, an integer is due']),
        ([make_part("b", "x")], ["$.a: missing"]),
        ([make_part("a", "1"), make_part("c", "x")], ['$: "c" must not be there']),
    ],
)
def test_multipart_bodies_are_judged(
    version: str, parts: list[str], violations: list[str]
) -> None:
    """Each part is read by its own type and by the schema of its member."""
    headers = (("Content-Type", "multipart/form-data; boundary=B"),)
    body = ("".join(parts) + "--B--\r\n").encode("latin-1")
    description = describe(FORMS, version=version)
    assert told(judge_request(description, headers=headers, body=body)) == violations


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("body", "violations"),
    [
        (b"a=1", []),
        (b"a=1&b=x&b=y", []),
        (b"a=1&b=x", []),
        (b"a=x", ['$.a: "x" is a string, an integer is due']),
        (b"a=1&c=2", ['$: "c" must not be there']),
        (b"b=x", ["$.a: missing"]),
        (b"", ["body: missing"]),
    ],
)
def test_form_bodies_are_judged(version: str, body: bytes, violations: list[str]) -> None:
    """Fields are read by the schemas of their members; one that is not described is seen."""
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    description = describe(FORMS, version=version)
    assert told(judge_request(description, headers=headers, body=body)) == violations
