"""`--amberflo-dry-run`: every request is resolved and checked, none is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from metering_service import MeteringService
from workflow_text import INGEST_AND_QUERY, SHOP, edit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_run import Run, Write

_ORDERS = edit(
    SHOP,
    (
        "    get:\n",
        "    post:\n"
        "      operationId: amendOrder\n"
        "      parameters:\n"
        "        - {name: id, in: path, required: true, schema: {type: integer}}\n"
        "      requestBody:\n"
        "        required: true\n"
        "        content:\n"
        "          application/json:\n"
        "            schema:\n"
        "              type: object\n"
        "              required: [sku, count]\n"
        "              properties: {sku: {type: string}, count: {type: integer}}\n"
        "              additionalProperties: false\n"
        "      responses: {'204': {description: done}}\n"
        "    get:\n",
    ),
)
_AMEND = """\
arazzo: 1.0.1
info: {title: Shop, version: 1.0.0}
sourceDescriptions:
  - {name: shop, url: shop.yaml, type: openapi}
workflows:
  - workflowId: amend
    inputs: {type: object, properties: {id: {type: string, default: "7"}}}
    steps:
      - stepId: read
        operationId: getOrder
        parameters: [{name: id, in: path, value: $inputs.id}]
        outputs:
          next: $response.body#/next
          asked: $request.path.id
          first: $response.body#/lines/0
      - stepId: change
        operationId: amendOrder
        parameters: [{name: id, in: path, value: $steps.read.outputs.next}]
        requestBody: {payload: PAYLOAD}
"""
_SOUND = "{sku: '{$steps.read.outputs.asked}-x', count: $steps.read.outputs.first#/count}"


@pytest.fixture
def service() -> Iterator[MeteringService]:
    """A service that nobody should call."""
    with MeteringService() as right:
        yield right


def _orders(write: Write, service: MeteringService, payload: str = _SOUND) -> None:
    write("shop.yaml", edit(_ORDERS, ("URL", service.url)))
    write("amend.arazzo.yaml", edit(_AMEND, ("PAYLOAD", payload)))


def test_requests_are_shown_and_not_sent(write: Write, run: Run, service: MeteringService) -> None:
    """Each request is there with its secrets masked; the service hears nothing."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run("--amberflo-dry-run", "--amberflo-target", service.url)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "=* DRY RUN: nothing was sent =*",
            "ingest.arazzo.yaml::ingest-and-query-usage::once",
            "  ingestEvent",
            f"    request   POST {service.url}/ingest    X-API-KEY: ????",
            '              {"meterApiName":"api-calls",*"meterValue":2.5,*',
            "  queryUsage",
            f"    request   POST {service.url}/usage    X-API-KEY: ????",
            '              {"meterApiName":"api-calls",*',
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(["amberflo: dry run, 2 requests resolved, none sent"])
    assert service.requests == []


def test_what_a_response_will_tell_is_named(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """Values that no response has given stand as expressions; what is known is resolved."""
    _orders(write, service)
    result = run_serially("--amberflo-dry-run")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "  change",
            f"    request   POST {service.url}/orders/{{$steps.read.outputs.next}}",
            '              {"sku":"7-x","count":"{$steps.read.outputs.first#/count}"}',
            "    not known before a response: $steps.read.outputs.next",
            "    not known before a response: $steps.read.outputs.first#/count",
        ],
        consecutive=True,
    )
    assert service.requests == []


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (
            "{sku: 7, count: $steps.read.outputs.first#/count}",
            ["  $.sku  7 is an integer, a string is due"],
        ),
        ("{count: $steps.read.outputs.first#/count}", ["  $.sku  missing"]),
        (
            "{sku: a, count: $steps.read.outputs.first#/count, cuont: 1}",
            ['  $  "cuont" must not be there'],
        ),
    ],
)
def test_what_is_known_of_a_request_is_checked(
    write: Write, run_serially: Run, service: MeteringService, payload: str, lines: list[str]
) -> None:
    """A request with an unknown value in it is still held to its description elsewhere."""
    _orders(write, service, payload)
    result = run_serially("--amberflo-dry-run")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "amend.arazzo.yaml:19  step change",
            "",
            "  request of amendOrder breaks its description (1 violation)",
            *(f"  {line}" for line in lines),
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(
        ["amberflo: dry run, 2 requests resolved, none sent; 1 of 1 workflows unsound"]
    )
    assert service.requests == []


def test_a_dry_run_is_no_gate(write: Write, run_serially: Run) -> None:
    """Nothing is judged, so a gate that asks for a judgement stays shut."""
    write("ingest.arazzo.yaml", INGEST_AND_QUERY)
    result = run_serially("--amberflo-dry-run", "--amberflo-min-judged=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["amberflo: 0 judged, at least 1 are asked for*"])


def test_the_trace_has_the_requests(
    write: Write, run_serially: Run, service: MeteringService, tmp_path: Path
) -> None:
    """Steps of a dry run are in the trace, without responses."""
    _orders(write, service)
    trace = tmp_path / "trace.json"
    run_serially("--amberflo-dry-run", "--amberflo-trace", str(trace)).assert_outcomes(passed=1)
    steps = json.loads(trace.read_text())["workflows"][0]["steps"]
    assert [step["stepId"] for step in steps] == ["read", "change"]
    assert steps[1]["request"]["body"] == (
        '{"sku":"7-x","count":"{$steps.read.outputs.first#/count}"}'
    )
    assert steps[1]["response"] is None
    assert steps[1]["unknown"] == [
        "$steps.read.outputs.next",
        "$steps.read.outputs.first#/count",
    ]


_CALLS = """\
arazzo: 1.0.1
info: {title: Shop, version: 1.0.0}
sourceDescriptions:
  - {name: shop, url: shop.yaml, type: openapi}
workflows:
  - workflowId: outer
    steps:
      - stepId: inside
        workflowId: inner
        parameters: [{name: id, value: VALUE}]
        outputs: {next: $outputs.next}
      - stepId: after
        operationId: getOrder
        parameters: [{name: id, in: path, value: $steps.inside.outputs.next}]
        onFailure:
          - {name: cleanup, type: goto, workflowId: cleanup}
  - workflowId: inner
    inputs: {type: object, required: [id], properties: {id: {type: string}}}
    steps:
      - stepId: read
        operationId: getOrder
        parameters: [{name: id, in: path, value: $inputs.id}]
        outputs: {next: $response.body#/next}
    outputs: {next: $steps.read.outputs.next}
  - workflowId: cleanup
    steps:
      - stepId: sweep
        operationId: getOrder
        parameters: [{name: id, in: path, value: broom}]
"""


def test_called_workflows_are_rehearsed(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """Workflows that steps call and actions lead to are resolved with what is known."""
    write("shop.yaml", edit(_ORDERS, ("URL", service.url)))
    write("calls.arazzo.yaml", edit(_CALLS, ("VALUE", "'9'")))
    result = run_serially("--amberflo-dry-run", "-k", "outer")
    result.stdout.fnmatch_lines(
        [
            "calls.arazzo.yaml::outer",
            "  read",
            f"    request   GET {service.url}/orders/9",
            "  after",
            f"    request   GET {service.url}/orders/{{$steps.inside.outputs.next}}",
            "    not known before a response: $steps.inside.outputs.next",
            "  sweep",
            f"    request   GET {service.url}/orders/broom",
        ],
        consecutive=True,
    )
    assert service.requests == []


def test_inputs_of_a_called_workflow_are_checked(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """An input that the called workflow refuses is found without a request."""
    write("shop.yaml", edit(_ORDERS, ("URL", service.url)))
    write("calls.arazzo.yaml", edit(_CALLS, ("VALUE", "9")))
    result = run_serially("--amberflo-dry-run", "-k", "outer")
    result.stdout.fnmatch_lines(["*workflow `inner` does not accept its inputs: $.id: 9 is not *"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert service.requests == []


def test_a_called_workflow_without_inputs_is_skipped(
    write: Write, run_serially: Run, service: MeteringService
) -> None:
    """Nothing gives its input but its caller: it is skipped, and says why."""
    write("shop.yaml", edit(_ORDERS, ("URL", service.url)))
    write(
        "workflows/calls.arazzo.yaml",
        edit(_CALLS, ("VALUE", "'9'"), ("shop.yaml", "../shop.yaml")),
    )
    result = run_serially("--amberflo-dry-run", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED *another workflow calls it, and nothing gives its inputs: id"]
    )


@pytest.mark.parametrize(
    "named", ["workflows/calls.arazzo.yaml", "workflows/calls.arazzo.yaml::inner"]
)
def test_a_called_workflow_that_is_named_errs(
    write: Write, run_serially: Run, service: MeteringService, named: str
) -> None:
    """Whoever names it wants it run."""
    write("shop.yaml", edit(_ORDERS, ("URL", service.url)))
    write(
        "workflows/calls.arazzo.yaml",
        edit(_CALLS, ("VALUE", "'9'"), ("shop.yaml", "../shop.yaml")),
    )
    result = run_serially("--amberflo-dry-run", named)
    result.stdout.fnmatch_lines(["inner needs 1 input that nothing gives:"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
