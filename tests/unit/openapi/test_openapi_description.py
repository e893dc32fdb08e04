"""Descriptions: their versions, their operations, and what applies to each."""

from __future__ import annotations

import pytest
from unit.openapi.openapi_kit import VERSIONS, describe, find, refuse

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.operation import OperationParameter, Server
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.openapi.description import Description

PATHS = """\
paths:
  /parcels:
    get: {operationId: listParcels, responses: {'200': {description: ok}}}
    post: {operationId: sendParcel, responses: {'201': {description: ok}}}
  /parcels/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: trackParcel, responses: {'200': {description: ok}}}
    delete: {responses: {'204': {description: ok}}}
"""


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        *[(version, index) for index, version in enumerate(VERSIONS)],
        ("3.0.0", 0),
        ("3.0.4", 0),
        ("3.1.2", 1),
        ("3.1.0-rc0", 1),
    ],
)
def test_versions_3_0_to_3_2_are_read(version: str, minor: int) -> None:
    """Patch versions make no difference."""
    assert describe(PATHS, version=version).minor == minor


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("swagger: '2.0'", "1:10  not an OpenAPI description: it is Swagger 2.0; "),
        ("arazzo: 1.0.1", "1:1  not an OpenAPI description: it is an Arazzo document"),
        ("openapi: 2.0.0", "1:10  not an OpenAPI description: its version is `2.0.0`; "),
        ("openapi: 3.3.0", "1:10  not an OpenAPI description: its version is `3.3.0`; "),
        ("openapi: 3.1", "1:10  not an OpenAPI description: its version is `3.1`; "),
        ("openapi: '3.1'", "1:10  not an OpenAPI description: its version is `3.1`; "),
        ("openapi: null", "1:10  not an OpenAPI description: its version is `None`; "),
        ("- openapi", "1:1  not an OpenAPI description: it is an array"),
        ("text", "1:1  not an OpenAPI description: it is a string"),
        ("null", "1:1  not an OpenAPI description: it is null"),
        ("asyncapi: 3.0.0", "1:1  not an OpenAPI description: it has no `openapi`"),
        (
            "openapi: 3.1.0\npaths: []",
            "2:8  not an OpenAPI description: its `paths` is an array",
        ),
    ],
)
def test_what_is_no_openapi_is_told_what_it_is(text: str, found: str) -> None:
    """Documents of other kinds and versions are refused where they say what they are."""
    with pytest.raises(DocumentError) as refusal:
        Description(parse_source(text, name="api", uri="file:///api"))
    assert str(refusal.value).startswith(f"api:{found}")


def test_operations_are_found_by_id() -> None:
    """Ids are listed in the order of the document; the spelling matters."""
    description = describe(PATHS)
    assert description.operation_ids == ("listParcels", "sendParcel", "trackParcel")
    assert find(description, "sendParcel").method == "POST"
    assert find(description, "sendParcel").path == "/parcels"
    assert find(description, "sendParcel").label == "sendParcel"
    assert description.find("sendparcel") is None


def test_operations_are_found_by_pointer() -> None:
    """Operations without an id have a pointer; it names path and method in lower case."""
    description = describe(PATHS)
    found = description.at(("paths", "/parcels/{id}", "delete"))
    assert found is not None
    assert (found.operation_id, found.method) == (None, "DELETE")
    assert found.label == "DELETE /parcels/{id}"
    assert found.pointer == ("paths", "/parcels/{id}", "delete")
    assert description.at(("paths", "/parcels", "get")) is find(description, "listParcels")


@pytest.mark.parametrize(
    "pointer",
    [
        (),
        ("paths",),
        ("paths", "/parcels"),
        ("paths", "/parcels", "put"),
        ("paths", "/parcels", "GET"),
        ("paths", "/parcels/{id}", "parameters"),
        ("paths", "/nothing", "get"),
        ("webhooks", "/parcels", "get"),
        ("paths", "/parcels", "get", "responses"),
    ],
)
def test_other_pointers_lead_to_no_operation(pointer: tuple[str, ...]) -> None:
    """Only a path and one of its methods make an operation."""
    assert describe(PATHS).at(pointer) is None


def test_every_operation_is_listed_by_method_and_path() -> None:
    """Operations without an id are listed, too; parameters and extensions are none."""
    text = PATHS.replace("    delete:", "    x-get: {}\n    summary: s\n    query:", 1)
    assert describe(text).list_paths() == (
        "GET /parcels",
        "POST /parcels",
        "GET /parcels/{id}",
        "QUERY /parcels/{id}",
    )


def test_an_operation_id_that_stands_twice_is_refused() -> None:
    """Both operations are named, since no step could say which it means."""
    report = refuse(PATHS.replace("trackParcel", "sendParcel"))
    assert report.splitlines()[0] == (
        "api.yaml:9:24  operationId `sendParcel` is taken by post /parcels"
    )


@pytest.mark.parametrize(
    "text", ["", "paths: {}\n", "paths: {/a: text, /b: null, /c: {get: null}}\n"]
)
def test_a_description_without_operations_is_one(text: str) -> None:
    """What a document lacks in operations is not the reader's business."""
    assert describe(text).operation_ids == ()


PARAMETERS = """\
paths:
  /parcels/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
      - {name: page, in: query, schema: {type: integer}}
      - {name: page, in: header, schema: {type: integer}}
    get:
      operationId: get
      parameters:
        - {name: page, in: query, required: true, allowReserved: true, schema: {type: string}}
        - {name: sid, in: cookie, schema: true}
        - {name: filter, in: query, style: deepObject, explode: true, schema: {type: object}}
        - {name: tags, in: query, style: pipeDelimited, schema: {type: array}}
        - {name: flat, in: query, explode: false, schema: {type: array}}
        - {name: json, in: query, content: {application/json: {schema: {}}}}
      responses: {'200': {description: ok}}
"""


def test_parameters_of_path_and_operation_are_one_list() -> None:
    """An operation replaces a parameter of its path by name and place."""
    operation = find(describe(PARAMETERS), "get")
    assert [(p.name, p.location, p.required) for p in operation.parameters] == [
        ("id", "path", True),
        ("page", "query", True),
        ("page", "header", False),
        ("sid", "cookie", False),
        ("filter", "query", False),
        ("tags", "query", False),
        ("flat", "query", False),
        ("json", "query", False),
    ]


@pytest.mark.parametrize(
    ("name", "location", "style", "explode"),
    [
        ("id", "path", "simple", False),
        ("page", "query", "form", True),
        ("page", "header", "simple", False),
        ("sid", "cookie", "form", True),
        ("filter", "query", "deepObject", True),
        ("tags", "query", "pipeDelimited", False),
        ("flat", "query", "form", False),
    ],
)
def test_styles_have_their_defaults(name: str, location: str, style: str, explode: bool) -> None:  # noqa: FBT001
    """Style follows the place, explode follows the style."""
    parameter = find(describe(PARAMETERS), "get").find_parameter(name, location)
    assert parameter is not None
    assert (parameter.style, parameter.explode) == (style, explode)


def test_a_parameter_has_its_schema_or_its_content() -> None:
    """Schemas are kept as they stand, of content the media type."""
    operation = find(describe(PARAMETERS), "get")
    assert operation.find_parameter("json", "query") == OperationParameter(
        name="json",
        location="query",
        required=False,
        style="form",
        explode=True,
        allow_reserved=False,
        schema=None,
        media_type="application/json",
    )
    page = operation.find_parameter("page", "query")
    assert page is not None
    assert (page.schema, page.allow_reserved) == ({"type": "string"}, True)


def test_only_headers_are_found_without_regard_to_case() -> None:
    """Names of other parameters are case sensitive."""
    operation = find(describe(PARAMETERS), "get")
    assert operation.find_parameter("PAGE", "header") is not None
    assert operation.find_parameter("PAGE", "query") is None
    assert operation.find_parameter("page", "cookie") is None


def test_media_types_are_in_the_order_of_the_description() -> None:
    """Types of the body, and of all responses, each once."""
    operation = find(
        describe(
            """\
paths:
  /parcels:
    post:
      operationId: send
      requestBody: {content: {application/xml: {}, application/json: {}}}
      responses:
        '200': {description: ok, content: {text/plain: {}, application/json: {}}}
        4XX: {description: no, content: {application/problem+json: {}, text/plain: {}}}
        default: {description: other}
"""
        ),
        "send",
    )
    assert operation.media_types == ("application/xml", "application/json")
    assert operation.response_types == (
        "text/plain",
        "application/json",
        "application/problem+json",
    )


SERVERS = """\
servers:
  - {url: 'https://{name}.example/v1', variables: {name: {default: root}}}
  - {url: https://second.example}
paths:
  /plain:
    get: {operationId: root, responses: {'200': {description: ok}}}
  /path:
    servers:
      - url: https://{region}.example:{port}/x
        variables: {region: {default: eu}, port: {default: '8443', enum: ['8443']}}
    get: {operationId: path, responses: {'200': {description: ok}}}
    put:
      operationId: own
      servers: [{url: '/{base}/x/{base}', variables: {base: {default: own}}}]
      responses: {'200': {description: ok}}
    post:
      operationId: empty
      servers: []
      responses: {'200': {description: ok}}
"""


@pytest.mark.parametrize(
    ("operation_id", "url"),
    [
        ("root", "https://root.example/v1"),
        ("path", "https://eu.example:8443/x"),
        ("own", "/own/x/own"),
        ("empty", "https://eu.example:8443/x"),
    ],
)
def test_the_nearest_servers_apply(operation_id: str, url: str) -> None:
    """Servers of the operation come before those of its path, and those before the root's."""
    operation = find(describe(SERVERS), operation_id)
    assert operation.servers[0].expand() == url


def test_all_servers_are_kept() -> None:
    """The first is the one to call, the others are known."""
    assert [server.url for server in find(describe(SERVERS), "root").servers] == [
        "https://{name}.example/v1",
        "https://second.example",
    ]


def test_a_description_without_servers_is_relative() -> None:
    """The default server of OpenAPI is `/`."""
    assert find(describe(PATHS), "listParcels").servers == (Server(url="/", variables={}),)


def test_numbers_as_defaults_of_variables_are_text() -> None:
    """A port is written without quotes more often than with."""
    text = SERVERS.replace("default: '8443'", "default: 8443")
    assert find(describe(text), "path").servers[0].expand() == "https://eu.example:8443/x"
