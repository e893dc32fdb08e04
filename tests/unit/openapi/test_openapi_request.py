"""Requests against their description: security, parameters, body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.openapi.openapi_kit import VERSIONS, describe, judge_request, told

if TYPE_CHECKING:
    from pytest_amberflo.openapi.description import Description

API = """\
security: [{Key: []}]
paths:
  /parcels/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
    put:
      operationId: send
      parameters:
        - {name: limit, in: query, required: true, schema: {type: integer, maximum: 10}}
        - {name: tags, in: query, schema: {type: array, items: {type: string, maxLength: 3}}}
        - {name: note, in: query, schema: {type: string}}
        - {name: X-Trace, in: header, required: true, schema: {type: string, minLength: 4}}
        - {name: sid, in: cookie, required: true, schema: {type: string, pattern: '^s'}}
        - {name: old, in: query, deprecated: true, schema: {type: integer}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Parcel'}
      responses: {'200': {description: ok}}
    get:
      operationId: get
      responses: {'200': {description: ok}}
components:
  securitySchemes: {Key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Parcel:
      type: object
      required: [to, weight]
      additionalProperties: false
      properties:
        to: {type: string}
        weight: {type: number, exclusiveMinimum: EXCLUSIVE, minimum: 0}
        kind: {enum: [box, bag]}
"""
URL = "http://127.0.0.1:1/parcels/7?limit=1"
HEADERS = (
    ("X-Key", "k"),
    ("X-Trace", "abcd"),
    ("Cookie", "sid=s1"),
    ("Content-Type", "application/json"),
)
BODY = b'{"to": "a", "weight": 1.5}'


def api(version: str = "3.0.3") -> Description:
    """The description in the dialect of a version."""
    text = API.replace("EXCLUSIVE", "true" if version.startswith("3.0") else "0")
    return describe(text, version=version)


def judge(
    *,
    url: str = URL,
    headers: tuple[tuple[str, str], ...] = HEADERS,
    body: bytes | None = BODY,
    path: str = "7",
    version: str = "3.0.3",
) -> list[str]:
    """Part and rule of every violation of a request that is right but for what is given."""
    return told(
        judge_request(api(version), url=url, headers=headers, body=body, path_texts={"id": path})
    )


def without(name: str, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """The right headers without one, and others instead."""
    return (*((key, value) for key, value in HEADERS if key != name), *more)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_right_request_has_no_violations(version: str) -> None:
    """Every part keeps its rules, in each version of OpenAPI."""
    assert judge(version=version) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_violation_of_a_request_is_listed(version: str) -> None:
    """Security, parameters of each place and the body are all checked, in that order."""
    found = judge(
        url="http://127.0.0.1:1/parcels/x", headers=(), body=None, path="x", version=version
    )
    assert sorted(found) == [
        "body: missing",
        "cookie parameter sid: missing",
        "header X-Key: missing; security scheme Key asks for it",
        "header parameter X-Trace: missing",
        'path parameter id: "x" is a string, an integer is due',
        "query parameter limit: missing",
    ]
    assert found[0].startswith("header X-Key")
    assert found[-1].startswith("body")


@pytest.mark.parametrize(
    ("headers", "violations"),
    [
        (without("X-Key", ("x-KEY", "k")), []),
        (without("X-Key"), ["header X-Key: missing; security scheme Key asks for it"]),
        (without("X-Trace", ("x-trace", "abcd")), []),
        (
            without("X-Trace", ("X-Trace", "abc")),
            ["header parameter X-Trace: 'abc' is too short (minLength: 4)"],
        ),
        (without("Cookie", ("Cookie", "a=b; sid=s2")), []),
        (without("Cookie", ("cookie", "SID=s1")), ["cookie parameter sid: missing"]),
        (
            without("Cookie", ("Cookie", "sid=t1")),
            ["cookie parameter sid: 't1' does not match '^s' (pattern: \"^s\")"],
        ),
        (without("Content-Type", ("content-type", "application/json; charset=utf-8")), []),
        (without("Content-Type", ("Content-Type", "Application/JSON")), []),
        (
            without("Content-Type", ("Content-Type", "text/plain")),
            ["header Content-Type: text/plain; application/json is due"],
        ),
        (
            without("Content-Type"),
            ["header Content-Type: no content type; application/json is due"],
        ),
    ],
)
def test_headers_and_cookies_are_checked(
    headers: tuple[tuple[str, str], ...], violations: list[str]
) -> None:
    """Names of headers ignore case, those of cookies do not; a charset makes no difference."""
    assert judge(headers=headers) == violations


@pytest.mark.parametrize(
    ("query", "violations"),
    [
        ("limit=10", []),
        (
            "limit=11",
            ["query parameter limit: 11 is greater than the maximum of 10 (maximum: 10)"],
        ),
        ("limit=x", ['query parameter limit: "x" is a string, an integer is due']),
        ("", ["query parameter limit: missing"]),
        ("Limit=1", ["query parameter limit: missing"]),
        ("limit=1&tags=a&tags=bcd", []),
        (
            "limit=1&tags=a&tags=abcd",
            ["query parameter tags[1]: 'abcd' is too long (maxLength: 3)"],
        ),
        ("limit=1&note=", ["query parameter note: empty"]),
        ("limit=1&note=%20", []),
        ("limit=1&undeclared=x", []),
        ("limit=1&old=1", []),
        ("limit=%31", []),
    ],
)
def test_query_parameters_are_checked(query: str, violations: list[str]) -> None:
    """Values are decoded and read as their schema says; what is not declared is not checked."""
    assert judge(url=f"http://127.0.0.1:1/parcels/7?{query}") == violations


@pytest.mark.parametrize(
    ("body", "violations"),
    [
        (b'{"to": "a", "weight": 1, "kind": "box"}', []),
        (b"{}", ["$.to: missing", "$.weight: missing"]),
        (
            b'{"to": 1, "weight": "x", "kind": "bin"}',
            [
                "$.to: 1 is an integer, a string is due",
                '$.weight: "x" is a string, a number is due',
                '$.kind: "bin" is none of "box", "bag"',
            ],
        ),
        (
            b'{"to": "a", "weight": 1, "more": 1, "most": 2}',
            ['$: "more", "most" must not be there'],
        ),
        (b"[]", ["$: [] is an array, an object is due"]),
        (b"null", ["$: null is null, an object is due"]),
        (
            b"{",
            [
                "$: the body is no JSON: Expecting property name enclosed in double quotes "
                "at character 2"
            ],
        ),
        (b"\xff", ["$: the body is no JSON: byte 0xff at 0 is no UTF-8"]),
        (b"", ["body: missing"]),
        (None, ["body: missing"]),
    ],
)
def test_bodies_are_checked(body: bytes | None, violations: list[str]) -> None:
    """Every violation of the schema is listed, with the path of what breaks it."""
    assert judge(body=body) == violations


def test_violations_of_a_body_name_the_rule_in_the_description() -> None:
    """File, line and name of the schema that the rule belongs to."""
    violations = judge_request(
        api(), url=URL, headers=HEADERS, body=b'{"to": 1, "extra": 1}', path_texts={"id": "7"}
    )
    assert {(violation.path, violation.origin) for violation in violations} == {
        ("$", "api.yaml:29  Parcel"),
        ("$.to", "api.yaml:34  Parcel"),
        ("$.weight", "api.yaml:29  Parcel"),
    }
    assert {violation.check for violation in violations} == {"request"}


SECURITY = """\
paths:
  /parcel:
    post:
      operationId: send
      security: REQUIRED
      responses: {'200': {description: ok}}
components:
  securitySchemes:
    Header: {type: apiKey, in: header, name: X-Key}
    Query: {type: apiKey, in: query, name: key}
    Cookie: {type: apiKey, in: cookie, name: sid}
    Bearer: {type: http, scheme: bearer}
    Basic: {type: http, scheme: basic}
    OAuth: {type: oauth2, flows: {implicit: {authorizationUrl: 'https://e.example', scopes: {}}}}
    OpenId: {type: openIdConnect, openIdConnectUrl: 'https://e.example/'}
    Mutual: {type: mutualTLS}
    Alias: {$ref: '#/components/securitySchemes/Header'}
"""


def demand(
    required: str, *, url: str = "http://127.0.0.1:1/", headers: tuple[tuple[str, str], ...] = ()
) -> list[str]:
    """Part and rule of every violation of a request under a security requirement."""
    description = describe(SECURITY.replace("REQUIRED", required))
    return told(judge_request(description, url=url, headers=headers))


@pytest.mark.parametrize(
    ("scheme", "part", "url", "headers"),
    [
        ("Header", "header X-Key", "http://h/", (("x-key", "k"),)),
        ("Query", "query key", "http://h/?key=k", ()),
        ("Cookie", "cookie sid", "http://h/", (("Cookie", "sid=1"),)),
        ("Bearer", "header Authorization", "http://h/", (("Authorization", "Bearer x"),)),
        ("Basic", "header Authorization", "http://h/", (("Authorization", "Basic eDp5"),)),
    ],
)
def test_a_security_scheme_asks_for_its_part(
    scheme: str, part: str, url: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """A request without the credential breaks the description, one with it does not."""
    missing = f"{part}: missing; security scheme {scheme} asks for it"
    assert demand(f"[{{{scheme}: []}}]") == [missing]
    assert demand(f"[{{{scheme}: []}}]", url=url, headers=headers) == []


@pytest.mark.parametrize(
    ("required", "count"),
    [
        ("[]", 0),
        ("[{}]", 0),
        ("[{Header: []}, {}]", 0),
        ("[{Header: []}, {Query: []}]", 2),
        ("[{Header: [], Query: []}]", 2),
    ],
)
def test_requirements_are_alternatives(required: str, count: int) -> None:
    """One of the requirements is enough; where none is met all of their parts are named."""
    assert len(demand(required)) == count


def test_all_schemes_of_a_requirement_must_be_met() -> None:
    """Half a requirement is none, and the other half is named; one alternative is enough."""
    headers = (("X-Key", "k"),)
    assert demand("[{Header: [], Query: []}]", headers=headers) == [
        "query key: missing; security scheme Query asks for it"
    ]
    assert demand("[{Header: []}, {Query: []}]", headers=headers) == []


@pytest.mark.parametrize("scheme", ["OAuth", "OpenId", "Mutual"])
def test_schemes_that_cannot_be_checked_are_passed_over(scheme: str) -> None:
    """OAuth, OpenID and TLS leave no mark in a request that a description could ask for."""
    assert demand(f"[{{{scheme}: []}}]", headers=(("Authorization", "Bearer x"),)) == []
    assert demand(f"[{{{scheme}: []}}]") == []


def test_a_scheme_may_be_a_reference() -> None:
    """The message names the part that the scheme behind the reference asks for."""
    assert demand("[{Alias: []}]") == ["header X-Key: missing; security scheme Alias asks for it"]
