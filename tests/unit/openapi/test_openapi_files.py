"""Descriptions written in several files: what a `$ref` leads to is judged by, wherever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.openapi.openapi_kit import JSON, VERSIONS, find, judge_answer, judge_request, told

from pytest_amberflo.arazzo.bound import SourceError
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.openapi.catalog import Catalog
from pytest_amberflo.openapi.contract import Contract
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from pathlib import Path

ROOT = """\
openapi: VERSION
info: {title: Parcels, version: 1.0.0}
security: [{Key: []}]
paths:
  /parcels: {$ref: 'paths/parcels.yaml'}
components:
  securitySchemes: {Key: {$ref: 'common.yaml#/schemes/Key'}}
  schemas: {Note: {type: string, maxLength: 3}}
"""
PATHS = """\
parameters: [{$ref: '../common.yaml#/parameters/Page'}]
post:
  operationId: send
  requestBody: {$ref: '../common.yaml#/bodies/Parcel'}
  responses:
    '200': {$ref: '../common.yaml#/responses/Parcel'}
    default: {$ref: '../common.yaml#/responses/Problem'}
"""
COMMON = """\
schemes: {Key: {type: apiKey, in: header, name: X-Key}}
parameters:
  Page: {name: page, in: query, required: true, schema: {$ref: 'schemas/page.json'}}
bodies:
  Parcel: {required: true, content: {application/json: {schema: {$ref: 'schemas/parcel.yaml'}}}}
responses:
  Parcel:
    description: ok
    headers: {X-Count: {$ref: '#/headers/Count'}}
    content:
      application/json: {schema: {$ref: 'schemas/parcel.yaml'}}
  Problem:
    description: no
    content: {application/problem+json: {schema: {$ref: '#/schemas/Problem'}}}
headers: {Count: {required: true, schema: {type: integer}}}
schemas: {Problem: {type: object, required: [title]}}
"""
PARCEL = """\
type: object
required: [id]
properties:
  id: {type: integer}
  note: {$ref: '../api.yaml#/components/schemas/Note'}
  inner: {$ref: 'parcel.yaml'}
  size: {$ref: '#/definitions/size'}
definitions:
  size: {enum: [small, large]}
"""
FILES = {
    "api.yaml": ROOT,
    "paths/parcels.yaml": PATHS,
    "common.yaml": COMMON,
    "schemas/parcel.yaml": PARCEL,
    "schemas/page.json": '{"type": "integer", "minimum": 1}',
}


def write(folder: Path, version: str = "3.1.0", **others: str) -> None:
    """Write the files of the description."""
    for name, text in {**FILES, **others}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("VERSION", version))


def deny(url: str) -> bytes:
    """What the network answers."""
    raise SourceError(f"`{url}` would be loaded from e.example", hint="To allow it: --flag")


def read(folder: Path) -> Description:
    """The description, as a workflow beside it would open it."""
    flow = (
        "arazzo: 1.1.0\ninfo: {title: Flow, version: 1.0.0}\n"
        "sourceDescriptions: [{name: api, url: api.yaml, type: openapi}]\n"
        "workflows: [{workflowId: w, steps: [{stepId: s, operationId: send}]}]\n"
    )
    referrer = load_document(parse_source(flow, name="f", uri=(folder / "f.yaml").as_uri()))
    opened = Catalog(lambda path: path.name, deny).open("api.yaml", referrer)
    assert isinstance(opened, Description)
    return opened


@pytest.mark.parametrize("version", VERSIONS)
def test_a_description_in_several_files_is_judged_by(tmp_path: Path, version: str) -> None:
    """Paths, parameters, bodies, responses, headers, schemas and schemes may be elsewhere."""
    write(tmp_path, version)
    description = read(tmp_path)
    Contract(description).prepare()
    operation = find(description, "send")
    assert [parameter.name for parameter in operation.parameters] == ["page"]
    assert operation.media_types == ("application/json",)
    right = (("X-Key", "k"), *JSON)
    url = "http://h/?page=1"
    assert judge_request(description, url=url, headers=right, body=b'{"id": 1}') == []
    assert (
        judge_answer(
            description, '{"id": 1}', headers=(*JSON, ("X-Count", "1")), operation_id="send"
        )
        == []
    )
    assert sorted(
        told(judge_request(description, url="http://h/?page=0", headers=JSON, body=b"{}"))
    ) == [
        "$.id: missing",
        "header X-Key: missing; security scheme Key asks for it",
        "query parameter page: 0 is less than the minimum of 1 (minimum: 1)",
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_violation_has_its_place_in_the_file_of_its_rule(tmp_path: Path, version: str) -> None:
    """File, line and name of each rule that was broken, in whatever file it is."""
    write(tmp_path, version)
    found = judge_answer(
        read(tmp_path),
        '{"id": 1, "note": "long", "size": 1, "inner": {"inner": {}}}',
        operation_id="send",
    )
    assert {(violation.path, violation.origin) for violation in found} == {
        ("$.note", "api.yaml:8  Note"),
        ("$.size", "parcel.yaml:9  size"),
        ("$.inner.id", "parcel.yaml:1"),
        ("$.inner.inner.id", "parcel.yaml:1"),
        ("header X-Count", None),
    }
    problem = (("Content-Type", "application/problem+json"),)
    (violation,) = judge_answer(
        read(tmp_path), "{}", status=500, headers=problem, operation_id="send"
    )
    assert (violation.path, violation.origin) == ("$.title", "common.yaml:16  Problem")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "schemas/parcel.yaml",
            "{properties: {a: {$ref: nothing.yaml}}}",
            "parcel.yaml:1:18  `$ref: nothing.yaml`: there is no file nothing.yaml",
        ),
        (
            "schemas/parcel.yaml",
            "{properties: {a: {$ref: '../common.yaml#/schemas/Problems'}}}",
            "parcel.yaml:1:18  `$ref: ../common.yaml#/schemas/Problems` leads nowhere: "
            "there is no `Problems`",
        ),
        (
            "schemas/parcel.yaml",
            "{properties: {a: {$ref: 'https://e.example/a.json'}}}",
            "parcel.yaml:1:18  `$ref: https://e.example/a.json`: `https://e.example/a.json` would "
            "be loaded from e.example",
        ),
        ("schemas/parcel.yaml", "{type: strin}", "parcel.yaml:1:8  not valid OpenAPI: "),
        (
            "schemas/parcel.yaml",
            "{pattern: '('}",
            "parcel.yaml:1:1  the pattern `(` does not parse: ",
        ),
        (
            "schemas/parcel.yaml",
            "{allOf: [{$ref: parcel.yaml}]}",
            "parcel.yaml:1:1  the schema `parcel.yaml` leads back to itself",
        ),
        ("schemas/parcel.yaml", "a: [", "parcel.yaml:"),
    ],
)
def test_what_is_wrong_in_another_file_is_told_there(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    """The file, the line and the reason; nothing of it is a crash."""
    write(tmp_path, **{name: text})
    with pytest.raises(DocumentError) as refusal:
        Contract(read(tmp_path)).prepare()
    assert str(refusal.value).startswith(message)


def test_what_must_not_be_loaded_is_refused_with_what_would_allow_it(tmp_path: Path) -> None:
    """The hint of who fetches documents reaches the reader."""
    write(tmp_path, **{"schemas/parcel.yaml": "{$ref: 'https://e.example/a.json'}"})
    with pytest.raises(DocumentError, match="To allow it: --flag"):
        Contract(read(tmp_path)).prepare()


def test_only_what_is_used_needs_to_be_there(tmp_path: Path) -> None:
    """A reference of an operation that no step calls is not followed."""
    other = "get: {operationId: other, responses: {'200': {$ref: 'nowhere.yaml'}}}\n"
    write(tmp_path, **{"paths/parcels.yaml": PATHS + other})
    description = read(tmp_path)
    Contract(description).prepare([find(description, "send")])
    with pytest.raises(DocumentError, match="there is no file nowhere"):
        find(description, "other")


IDS = """\
openapi: 3.1.0
info: {title: Parcels, version: 1.0.0}
paths:
  /parcels:
    get:
      operationId: send
      responses:
        '200': {description: ok, content: {application/json: {schema: {$ref: 'urn:parcel'}}}}
components:
  schemas:
    Parcel:
      $id: urn:parcel
      type: object
      properties:
        id: {$ref: '#id'}
        list: {$ref: 'https://e.example/list'}
      $defs: {Id: {$anchor: id, type: integer}}
    List: {$id: 'https://e.example/list', type: array, items: {$ref: 'urn:parcel#/$defs/Id'}}
    Node:
      $dynamicAnchor: node
      type: object
      properties: {child: {$dynamicRef: '#node'}, name: {type: string}}
"""


def test_schemas_may_have_names_of_their_own(tmp_path: Path) -> None:
    """`$id` and `$anchor` are names that references can use; nothing is fetched for them."""
    (tmp_path / "api.yaml").write_text(IDS)
    found = judge_answer(read(tmp_path), '{"id": "x", "list": [1, "y"]}', operation_id="send")
    assert told(found) == [
        '$.id: "x" is a string, an integer is due',
        '$.list[1]: "y" is a string, an integer is due',
    ]


def test_a_dynamic_reference_is_followed(tmp_path: Path) -> None:
    """Without an extension it leads to where its anchor stands."""
    text = IDS.replace("{$ref: 'urn:parcel'}", "{$ref: '#/components/schemas/Node'}")
    (tmp_path / "api.yaml").write_text(text)
    found = judge_answer(read(tmp_path), '{"child": {"child": {"name": 1}}}', operation_id="send")
    assert told(found) == ["$.child.child.name: 1 is an integer, a string is due"]


def test_siblings_of_a_reference_count_from_3_1_on(tmp_path: Path) -> None:
    """In 3.0 what stands beside a `$ref` is ignored."""
    for version, violations in (("3.0.3", []), ("3.1.0", ["$.more: missing"])):
        write(
            tmp_path,
            version,
            **{
                "common.yaml": COMMON.replace(
                    "'#/schemas/Problem'}", "'#/schemas/Problem', required: [more]}"
                )
            },
        )
        problem = (("Content-Type", "application/problem+json"),)
        found = judge_answer(
            read(tmp_path), '{"title": "x"}', status=500, headers=problem, operation_id="send"
        )
        assert told(found) == violations
