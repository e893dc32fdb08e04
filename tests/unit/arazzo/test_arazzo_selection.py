"""Selectors and replacements: queries into values, and values set at places of a payload."""

from __future__ import annotations

import json
from typing import Any

import pytest
from unit.arazzo.arazzo_kit import Service, answer, bind, run, write_workflow

from pytest_amberflo.arazzo.errors import EvaluationError, ExpressionSyntaxError
from pytest_amberflo.arazzo.plan import PlanError, plan_request
from pytest_amberflo.arazzo.scope import Scope
from pytest_amberflo.arazzo.template import compile_template, render

INPUTS: dict[str, Any] = {
    "data": {"list": [{"id": 1, "tags": ["x"]}, {"id": 2, "tags": []}], "a/b": {"~": "odd"}},
    "xml": "<o><i n='1'>one</i><i n='2'>two</i></o>",
    "text": "plain",
    "half": "<a>\ud800</a>",
    "new": {"k": [1]},
}
SCOPE = Scope(inputs=INPUTS, declared_inputs=frozenset({*INPUTS, "absent"}))


def select(selector: str, kind: object, context: str = "$inputs.data") -> Any:
    """What a selector yields."""
    value = {"context": context, "selector": selector, "type": kind}
    return render(compile_template(value, selectors=True), SCOPE)


GOESSNER = {"type": "jsonpath", "version": "draft-goessner-dispatch-jsonpath-00"}


@pytest.mark.parametrize(
    ("selector", "kind", "value"),
    [
        ("$.list[0].id", "jsonpath", 1),
        ("$.list[*].id", "jsonpath", [1, 2]),
        ("$.list[?@.id > 1].tags", "jsonpath", []),
        ("$..id", "jsonpath", [1, 2]),
        ("$.list[(@.length-1)].id", GOESSNER, 2),
        ("/list/1/id", "jsonpointer", 2),
        ("#/list/1/id", "jsonpointer", 2),
        ("/a~1b/~0", "jsonpointer", "odd"),
        ("", "jsonpointer", INPUTS["data"]),
    ],
)
def test_a_query_into_json_yields_values(selector: str, kind: object, value: object) -> None:
    """One node is its value, several are a list; types are kept."""
    assert select(selector, kind) == value


@pytest.mark.parametrize(
    ("selector", "value"),
    [
        ("/o/i[1]", "one"),
        ("//i", ["one", "two"]),
        ("//i[2]/@n", "2"),
        ("count(//i)", 2),
        ("string(//i[@n='2'])", "two"),
    ],
)
def test_a_query_into_xml_yields_texts_and_values(selector: str, value: object) -> None:
    """Elements and attributes are their texts; what functions give is as it is."""
    assert select(selector, "xpath", "$inputs.xml") == value


@pytest.mark.parametrize(
    ("selector", "kind", "context", "reason"),
    [
        ("$.none", "jsonpath", "$inputs.data", "finds nothing in an object"),
        ("/none", "jsonpointer", "$inputs.data", "the value has no member `none`"),
        ("$.a", "jsonpath", "$inputs.text", "the context is no JSON but a string"),
        ("/a", "jsonpointer", "$inputs.text", "the context is no JSON but a string"),
        ("//a", "xpath", "$inputs.data", "XPath needs XML; the context is an object"),
        ("//a", "xpath", "$inputs.text", "the context is no XML: "),
        ("//a", "xpath", "$inputs.half", "the context is no XML: "),
        ("//none", "xpath", "$inputs.xml", "finds nothing in a string"),
    ],
)
def test_a_query_that_finds_nothing_says_why(
    selector: str, kind: str, context: str, reason: str
) -> None:
    """No value is made up for what is not there."""
    with pytest.raises(EvaluationError) as error:
        select(selector, kind, context)
    assert error.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("selector", "kind"),
    [
        ("$.[", "jsonpath"),
        ("//[", "xpath"),
        ("a/b", "jsonpointer"),
        ("/~2", "jsonpointer"),
        ("$.a", {"type": "jsonpath", "version": "rfc1"}),
        ("$.a", {"type": "jsonpth", "version": "rfc9535"}),
    ],
)
def test_a_query_that_does_not_parse_is_a_syntax_error(selector: str, kind: object) -> None:
    """Like an expression it is looked at before anything runs."""
    with pytest.raises(ExpressionSyntaxError):
        select(selector, kind)


def test_an_absent_context_is_an_absent_value() -> None:
    """The member that a selector stands for is left out with the input."""
    value = {"a": {"context": "$inputs.absent", "selector": "$.x", "type": "jsonpath"}, "b": 1}
    assert render(compile_template(value, selectors=True), SCOPE) == {"b": 1}


def test_a_selector_may_have_extensions() -> None:
    """Any other member makes the object data."""
    value = {"context": "$inputs.data", "selector": "/list/0/id", "type": "jsonpointer"}
    assert render(compile_template({**value, "x-why": "a"}, selectors=True), SCOPE) == 1
    data = render(compile_template({**value, "why": "a"}, selectors=True), SCOPE)
    assert data == {**value, "context": INPUTS["data"], "why": "a"}


def test_selectors_are_of_1_1() -> None:
    """In a document of 1.0 such an object is data."""
    value = {"context": "$inputs.text", "selector": "$.x", "type": "jsonpath"}
    assert render(compile_template(value), SCOPE) == {**value, "context": "plain"}


API = """\
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
paths:
  /take:
    post:
      operationId: take
      requestBody: {content: {application/json: {}, application/xml: {}}}
      responses: {'204': {description: ok}}
"""


def replace(payload: str, replacements: str, content_type: str = "application/json") -> bytes:
    """The body of a step with these replacements."""
    text = write_workflow(
        "- stepId: one\n  operationId: take\n  requestBody:\n"
        f"    contentType: {content_type}\n    payload: {payload}\n"
        f"    replacements: {replacements}\n"
    )
    bound = bind(text.replace("arazzo: 1.0.1", "arazzo: 1.1.0"), API)
    workflow = bound.document.workflows[0]
    step = workflow.steps[0]
    operation = bound.target_of(workflow, step).operation
    return plan_request(step, operation, (), SCOPE, "http://h").sent.request.body or b""


@pytest.mark.parametrize(
    ("payload", "replacements", "body"),
    [
        ("{a: 1}", "[{target: /a, value: 2}]", {"a": 2}),
        ("{a: 1}", "[{target: /b, value: $inputs.new}]", {"a": 1, "b": {"k": [1]}}),
        ("{a: 1}", "[{target: /a, value: $inputs.absent}]", {"a": 1}),
        ("{a: {b: 1}}", "[{target: /a/b, value: null}]", {"a": {"b": None}}),
        ("{a: 1}", "[{target: '', value: [1]}]", [1]),
        ("[1, 2]", "[{target: /1, value: 3}, {target: /-, value: 4}]", [1, 3, 4]),
        ("[1, 2]", "[{target: /2, value: 3}]", [1, 2, 3]),
        ("{'a/b': 1}", "[{target: /a~1b, value: 2}]", {"a/b": 2}),
        (
            "$inputs.data",
            "[{target: '$.list[*].id', targetSelectorType: jsonpath, value: 0}]",
            {**INPUTS["data"], "list": [{"id": 0, "tags": ["x"]}, {"id": 0, "tags": []}]},
        ),
        ("'{\"a\": 1}'", "[{target: /a, value: 'x{$inputs.text}'}]", {"a": "xplain"}),
    ],
)
def test_values_are_set_at_places_of_json(payload: str, replacements: str, body: object) -> None:
    """By pointer, and by query in each place that is found; a missing member is added."""
    before = json.dumps(INPUTS)
    assert json.loads(replace(payload, replacements)) == body
    assert json.dumps(INPUTS) == before


def test_values_are_set_at_places_of_xml() -> None:
    """Elements, attributes and texts, by XPath."""
    replacements = (
        "[{target: '/o/i[1]', value: 1}, {target: '/o/i[2]/@n', value: $inputs.text}, "
        "{target: '/o/i[2]/text()', value: 'a & b'}]"
    )
    body = replace("$inputs.xml", replacements, "application/xml")
    assert body == b'<o><i n="1">1</i><i n="plain">a &amp; b</i></o>'


@pytest.mark.parametrize(
    ("payload", "replacements", "content_type", "reason"),
    [
        ("{a: 1}", "[{target: /b/c, value: 1}]", "application/json", "no member `b`"),
        ("{a: 1}", "[{target: /a/c, value: 1}]", "application/json", "has no member `c`"),
        ("[1]", "[{target: /2, value: 1}]", "application/json", "has 1 elements and none at 2"),
        ("[1]", "[{target: /٢, value: 1}]", "application/json", "has 1 elements and none at ٢"),
        ("[1]", "[{target: /-1, value: 1}]", "application/json", "none at -1"),
        (
            "{a: 1}",
            "[{target: $.b, targetSelectorType: jsonpath, value: 1}]",
            "application/json",
            "finds nothing in the payload",
        ),
        (
            "{a: 1}",
            "[{target: //b, targetSelectorType: xpath, value: 1}]",
            "application/json",
            "an XPath target needs an XML payload",
        ),
        (
            "$inputs.xml",
            "[{target: //b, value: 1}]",
            "application/xml",
            "finds nothing in the payload",
        ),
        (
            "$inputs.xml",
            "[{target: /b, targetSelectorType: jsonpointer, value: 1}]",
            "application/xml",
            "a jsonpointer target needs a JSON payload",
        ),
        ("abc", "[{target: /b, value: 1}]", "text/plain", "text/plain text has no places"),
    ],
)
def test_a_place_that_is_not_there_is_an_error(
    payload: str, replacements: str, content_type: str, reason: str
) -> None:
    """A replacement that changes nothing would send what nobody meant."""
    with pytest.raises(PlanError) as error:
        replace(payload, replacements, content_type)
    assert reason in str(error.value)


def test_outputs_can_be_selected() -> None:
    """In 1.1 an output may be a selector."""
    text = write_workflow(
        "- stepId: one\n  operationId: listParcels\n  outputs:\n"
        "    ids: {context: $response.body, selector: '$[*].id', type: jsonpath}\n"
    ).replace("arazzo: 1.0.1", "arazzo: 1.1.0")
    result = run(text, Service(answer(200, [{"id": 1}, {"id": 2}])))
    assert result.steps[0].outputs == {"ids": [1, 2]}
