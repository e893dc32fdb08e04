"""Selectors in outputs, parameters and payloads (Arazzo 1.1), and pointers of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.engine.engine_kit import Answer, reasons, sink

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_BODY = {
    "items": [{"id": "p1", "n": 1}, {"id": "p2", "n": None}],
    "a/b": {"m~n": True, "": 0},
    "ü x": 1.0,
    "big": 12345678901234567890,
}
_XML = (
    "<shop><!-- c --><pet id='1'><name>Rex</name></pet><pet id='2'><name>Tom</name></pet></shop>"
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$response.body#/a~1b/m~0n", True),
        ("$response.body#/a~1b/", 0),
        ("$response.body#/ü x", 1.0),
        ("$response.body#/items/1/n", None),
        ("$response.body#/items/0", {"id": "p1", "n": 1}),
        ("$response.body#/big", 12345678901234567890),
        ("$response.header.X-TRACE", "t"),
        ("$statusCode", 200),
        ("$method", "GET"),
        ("{context: $response.body, selector: '$.items[*].id', type: jsonpath}", ["p1", "p2"]),
        ("{context: $response.body, selector: '$.items[0].id', type: jsonpath}", "p1"),
        ("{context: $response.body, selector: /items/1/id, type: jsonpointer}", "p2"),
        (
            "{context: $response.body, selector: '$.items[(@.length-1)].id', type: "
            "{type: jsonpath, version: draft-goessner-dispatch-jsonpath-00}}",
            "p2",
        ),
    ],
)
def test_values_keep_their_types(
    bench: Workbench, service: Service, expression: str, value: Any
) -> None:
    """From the response through an output into the next request."""
    service.answers("GET /a", Answer(body=_BODY, headers={"x-trace": "t"}))
    quoted = expression if expression.startswith("{") else f"'{expression}'"
    result = bench.run_steps(
        f"- {{stepId: x, operationId: a, outputs: {{v: {quoted}}}}}\n"
        + sink("{v: $steps.x.outputs.v}"),
        version="1.1.0",
    )
    assert result.outcome is Outcome.PASSED
    sent = service.seen[-1].json()
    assert sent == {"v": value}
    assert type(sent["v"]) is type(value)


@pytest.mark.parametrize(
    ("selector", "kind", "value"),
    [
        ("/shop/pet[@id='2']/name", "xpath", "Tom"),
        ("//pet/name", "xpath", ["Rex", "Tom"]),
        ("count(//pet)", "{type: xpath, version: xpath-10}", 2),
        ("string-join(//name, '+')", "{type: xpath, version: xpath-30}", "Rex+Tom"),
        ("/shop/pet[1]/@id", "xpath", "1"),
        ("//comment()", "xpath", " c "),
    ],
)
def test_selectors_of_xml(
    bench: Workbench, service: Service, selector: str, kind: str, value: Any
) -> None:
    """An element is its text, several are a list."""
    service.answers("GET /a", Answer(body=_XML, kind="application/xml"))
    result = bench.run_steps(
        "- stepId: x\n  operationId: a\n  outputs:\n"
        f'    v: {{context: $response.body, selector: "{selector}", type: {kind}}}\n'
        + sink("$steps.x.outputs.v"),
        version="1.1.0",
    )
    assert result.outcome is Outcome.PASSED
    assert service.seen[-1].json() == value


def test_selectors_stand_in_parameters_and_payloads(bench: Workbench, service: Service) -> None:
    """Also at depth, and as the value of a reusable parameter."""
    bench.add("components: {parameters: {q: {name: q, in: query, value: none}}}")
    pick = "{context: $inputs.order, selector: '$.lines[0].sku', type: jsonpath}"
    bench.run_steps(
        f"""
        - stepId: x
          operationId: sink
          parameters: [{{reference: $components.parameters.q, value: {pick}}}]
          requestBody: {{payload: {{deep: [{{sku: {pick}}}]}}}}
        """,
        {"order": {"lines": [{"sku": "cup"}]}},
        version="1.1.0",
    )
    assert service.seen[0].query == "q=cup"
    assert service.seen[0].json() == {"deep": [{"sku": "cup"}]}


def test_a_selector_that_finds_nothing_is_an_error(bench: Workbench, service: Service) -> None:
    """Never null, never an empty text."""
    result = bench.run_steps(
        "- stepId: x\n  operationId: a\n  outputs:\n"
        "    v: {context: $response.body, selector: $.nope, type: jsonpath}\n"
        + sink("$steps.x.outputs.v"),
        version="1.1.0",
    )
    assert result.outcome is Outcome.ERROR
    assert reasons(result) == ["`$.nope`: finds nothing in an object"]
    assert service.lines == ["GET /a"]


def test_values_in_braces_become_text(bench: Workbench, service: Service) -> None:
    """Scalars as JSON prints them, text as it is, structures as JSON; data is not read again."""
    inputs = {"n": 1.5, "t": True, "z": None, "s": "$inputs.n", "o": {"k": [1]}}
    bench.run_steps(
        sink("['{$inputs.n}/{$inputs.t}/{$inputs.z}', 'x{$inputs.s}', 'o={$inputs.o}', '{no}']"),
        inputs,
    )
    assert service.seen[0].json() == ["1.5/true/null", "x$inputs.n", 'o={"k":[1]}', "{no}"]
