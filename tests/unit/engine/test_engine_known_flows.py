"""Small flows in the style of published ones: the sound run, the unsound are explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.engine.engine_kit import Answer, reasons

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_PATHS = """\
/customer:
  get: {operationId: getCustomer, responses: {default: {description: any}}}
  post:
    operationId: create
    requestBody: {content: {application/json: {}}}
    responses: {default: {description: any}}
  put:
    operationId: update
    requestBody: {content: {application/json: {}}}
    responses: {default: {description: any}}
  delete: {operationId: remove, responses: {default: {description: any}}}
/invoices: {get: {operationId: listInvoices, responses: {default: {description: any}}}}
"""
_UPSERT = """
- workflowId: main
  inputs:
    type: object
    required: [id]
    properties: {id: {type: string}, email: {type: string}}
  steps:
    - stepId: find
      operationId: getCustomer
      successCriteria: [{condition: $statusCode == 200 || $statusCode == 404}]
      outputs: {matched: $response.body#/id}
      onSuccess:
        - {name: known, type: goto, stepId: update, criteria: [{condition: $statusCode == 200}]}
        - {name: new, type: goto, stepId: create, criteria: [{condition: $statusCode == 404}]}
    - stepId: update
      operationId: update
      requestBody: {payload: {id: $inputs.id, email: $inputs.email}}
      outputs: {updated: $response.body#/id}
      onSuccess: [{name: done, type: end}]
    - stepId: create
      operationId: create
      requestBody: {payload: {id: $inputs.id, email: $inputs.email}}
      outputs: {created: $response.body#/id}
  outputs:
    matched: $steps.find.outputs.matched
    updated: $steps.update.outputs.updated
    created: $steps.create.outputs.created
"""


@pytest.fixture
def flows(bench: Workbench) -> Workbench:
    """The workbench with an API of customers."""
    bench.describe(_PATHS)
    return bench


@pytest.mark.parametrize(
    ("status", "found", "lines", "outputs"),
    [
        (200, {"id": "c"}, ["GET", "PUT"], {"matched": "c", "updated": "c"}),
        (404, {}, ["GET", "POST"], {"created": "c"}),
    ],
)
def test_a_branch_has_only_its_own_outputs(
    flows: Workbench,
    service: Service,
    status: int,
    found: dict[str, str],
    lines: list[str],
    outputs: dict[str, str],
) -> None:
    """What the other branch would have produced is absent; an optional input is left out."""
    service.answers("GET /customer", Answer(status=status, body=found))
    for method in ("PUT", "POST"):
        service.answers(f"{method} /customer", Answer(body={"id": "c"}))
    result = flows.run(_UPSERT, {"id": "c"})
    assert result.outcome is Outcome.PASSED
    assert [seen.method for seen in service.seen] == lines
    assert service.seen[-1].json() == {"id": "c"}
    assert dict(result.outputs) == outputs


def test_an_output_that_a_straight_flow_owes_is_an_error(
    flows: Workbench, service: Service
) -> None:
    """An empty list has no first element; nothing branches, so nothing excuses it."""
    service.answers("GET /invoices", Answer(body=[]))
    result = flows.run(
        """
        - workflowId: main
          steps: [{stepId: s, operationId: listInvoices, outputs: {id: $response.body#/0/id}}]
          outputs: {id: $steps.s.outputs.id}
        """
    )
    assert result.outcome is Outcome.ERROR
    assert reasons(result) == ["`$response.body#/0/id`: the value has 0 elements and none at `0`"]


def test_an_output_that_a_later_step_needs_is_owed_in_any_flow(
    flows: Workbench, service: Service
) -> None:
    """A branch is no excuse for a request that cannot be built."""
    text = _UPSERT.replace(
        "payload: {id: $inputs.id,", "payload: {id: $steps.find.outputs.matched,"
    )
    service.answers("GET /customer", Answer(body={}))
    result = flows.run(text, {"id": "c"})
    assert result.outcome is Outcome.ERROR
    assert reasons(result) == ["`$response.body#/id`: the value has no member `id`"]
    assert service.lines == ["GET /customer"]


_OFFBOARD = """
- workflowId: main
  steps:
    - stepId: list
      operationId: listInvoices
      onSuccess:
        - name: has
          type: end
          criteria: [{context: $response.body, condition: CONDITION, type: jsonpath}]
    - {stepId: remove, operationId: remove}
"""


def test_a_guard_that_is_no_jsonpath_is_refused(flows: Workbench) -> None:
    """Taken for "no match" it would let the customer with invoices be deleted."""
    (message,) = flows.refuse(_OFFBOARD.replace("CONDITION", "$.length > 0"))
    assert message.startswith("`$.length > 0` does not parse: JSONPath")


@pytest.mark.parametrize(
    ("invoices", "lines"),
    [([{"id": 1}], ["GET /invoices"]), ([], ["GET /invoices", "DELETE /customer"])],
)
def test_a_guard_that_is_jsonpath_guards(
    flows: Workbench, service: Service, invoices: list[object], lines: list[str]
) -> None:
    """`$[0]` is there or not."""
    service.answers("GET /invoices", Answer(body=invoices))
    result = flows.run(_OFFBOARD.replace("CONDITION", "'$[0]'"))
    assert result.outcome is Outcome.PASSED
    assert service.lines == lines


def test_members_of_a_payload_keep_their_names(bench: Workbench, service: Service) -> None:
    """Expressions stand in values only: a name that looks like an input's is text."""
    bench.run_steps(
        "- {stepId: s, operationId: sink, requestBody: "
        "{payload: {dimensions: {dimensionName: $inputs.dimensionValue}}}}",
        {"dimensionName": "region", "dimensionValue": "eu"},
    )
    assert service.seen[0].json() == {"dimensions": {"dimensionName": "eu"}}


def test_a_header_that_no_operation_declares_is_sent(bench: Workbench, service: Service) -> None:
    """As keys are, that only a security scheme knows."""
    bench.run_steps(
        "- {stepId: s, operationId: a, "
        "parameters: [{name: X-API-KEY, in: header, value: $inputs.apiKey}]}",
        {"apiKey": "k"},
    )
    assert service.seen[0].headers["x-api-key"] == "k"


def test_text_is_text_whatever_was_promised(bench: Workbench, service: Service) -> None:
    """An answer in plain text is an output like any other."""
    service.answers("GET /a", Answer(body="1 records were ingested", kind="text/plain"))
    result = bench.run_steps("- {stepId: s, operationId: a, outputs: {r: $response.body}}")
    assert dict(result.steps[0].outputs) == {"r": "1 records were ingested"}
