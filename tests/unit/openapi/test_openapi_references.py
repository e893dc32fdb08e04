"""References within a description, and those that lead nowhere, in circles or out of it."""

from __future__ import annotations

import pytest
from unit.openapi.openapi_kit import describe, find, judge_answer, refuse, told

SHARED = """\
paths:
  /parcels/{id}: {$ref: '#/components/pathItems/Parcel'}
components:
  pathItems:
    Parcel:
      parameters: [{$ref: '#/components/parameters/Id'}]
      put:
        operationId: put
        parameters: [{$ref: '#/components/parameters/Alias'}]
        requestBody: {$ref: '#/components/requestBodies/Parcel'}
        responses:
          '200': {$ref: '#/components/responses/Parcel'}
  parameters:
    Id: {name: id, in: path, required: true, schema: {type: string}}
    Alias: {$ref: '#/components/parameters/Page~0~1'}
    Page~/: {name: page, in: query, schema: {type: integer}}
  requestBodies:
    Parcel: {content: {application/json: {schema: {$ref: '#/components/schemas/Parcel'}}}}
  responses:
    Parcel:
      description: ok
      content: {application/json: {schema: {$ref: '#/components/schemas/Parcel'}}}
  schemas:
    Parcel:
      type: object
      required: [id]
      properties: {inner: {$ref: '#/components/schemas/Parcel'}}
"""


def test_references_to_every_kind_of_object_are_followed() -> None:
    """Path items, parameters, bodies and responses may stand among the components."""
    operation = find(describe(SHARED), "put")
    assert [parameter.name for parameter in operation.parameters] == ["id", "page"]
    assert operation.media_types == ("application/json",)
    assert operation.response_types == ("application/json",)
    assert operation.path == "/parcels/{id}"


def test_a_schema_may_refer_to_itself() -> None:
    """Recursive data is described by a reference to the schema around it."""
    description = describe(SHARED)
    body = '{"id": 1, "inner": {"id": 2, "inner": {"no": 3}}}'
    assert told(judge_answer(description, body, operation_id="put")) == [
        "$.inner.inner.id: missing"
    ]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("paths: {/a: {$ref: 'items.yaml'}}\n", "items.yaml"),
        (
            "paths: {/a: {get: {operationId: a, parameters: [{$ref: 'p.yaml#/P'}]}}}\n",
            "p.yaml#/P",
        ),
        (
            "paths: {/a: {get: {operationId: a, requestBody: {$ref: 'https://e.example/b'}}}}\n",
            "https://e.example/b",
        ),
        (
            "paths: {/a: {get: {operationId: a, responses: {'200': {$ref: './r.yaml'}}}}}\n",
            "./r.yaml",
        ),
    ],
)
def test_a_reference_out_of_the_document_is_refused(text: str, reference: str) -> None:
    """A description is whole in itself; nothing is fetched."""
    assert refuse(text).splitlines()[0] == (
        f"api.yaml:3:{text.index('{$ref') + 1}  `$ref: {reference}` leads out of the document: "
        "not supported"
    )


@pytest.mark.parametrize(
    ("reference", "message", "near"),
    [
        (
            "#/components/parameters/Pag",
            "`$ref: #/components/parameters/Pag` leads nowhere: there is no `Pag`",
            "Page",
        ),
        (
            "#/component/parameters/Page",
            "`$ref: #/component/parameters/Page` leads nowhere: there is no `component`",
            "components",
        ),
        (
            "#/components/parameters/Page/name/x",
            "`$ref: #/components/parameters/Page/name/x` leads nowhere: there is no `x`",
            None,
        ),
        (
            "#/components/parameters/Page/name",
            "a string stands where an object is due",
            None,
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_answered_with_the_nearest(
    reference: str, message: str, near: str | None
) -> None:
    """The step of the pointer that is not there is named."""
    report = refuse(
        f"paths: {{/a: {{get: {{operationId: a, parameters: [{{$ref: '{reference}'}}]}}}}}}\n"
        "components: {parameters: {Page: {name: page, in: query}}}\n"
    )
    assert report.splitlines()[0] == f"api.yaml:3:49  {message}"
    assert report.endswith(f"\n  Did you mean `{near}`?") == (near is not None)


@pytest.mark.parametrize(
    "components",
    [
        "{parameters: {A: {$ref: '#/components/parameters/A'}}}",
        "{parameters: {A: {$ref: '#/components/parameters/B'}, "
        "B: {$ref: '#/components/parameters/A'}}}",
    ],
)
def test_references_in_a_circle_are_refused(components: str) -> None:
    """A reference that leads back to itself has no object at its end."""
    report = refuse(
        "paths: {/a: {get: {operationId: a, parameters: "
        f"[{{$ref: '#/components/parameters/A'}}]}}}}}}\ncomponents: {components}\n"
    )
    assert report.splitlines()[0].endswith("leads back to itself")


def test_a_parameter_must_have_a_name_and_a_place() -> None:
    """A parameter that cannot be sent is refused where it stands."""
    for parameter in ("{name: a}", "{in: query}", "{name: 1, in: query}"):
        report = refuse(f"paths: {{/a: {{get: {{operationId: a, parameters: [{parameter}]}}}}}}\n")
        assert report.splitlines()[0] == "api.yaml:3:49  a parameter needs `name` and `in`"
