"""Criteria of every kind against real responses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from unit.engine.engine_kit import Answer, workflow_of

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

    from pytest_amberflo.arazzo import WorkflowResult

_BODY: dict[str, Any] = {
    "status": "Active",
    "n": 5,
    "s": "10",
    "neg": -3,
    "nul": None,
    "t": True,
    "f": False,
    "e": "",
    "q": "it's",
    "el": [],
    "list": [1, 2, 3],
    "dash-name": 4,
    "items": [{"id": "p1", "tags": ["a", "b"]}, {"id": "p2", "tags": []}],
}
_XML = (
    "<root><pets><pet id='1'><name>Rex</name><price>10</price></pet>"
    "<pet id='2'><name>Tom</name><price>30</price></pet></pets><empty/><zero>0</zero></root>"
)
_INPUTS = {"min": 3, "id": "p2", "lim": {"min": 3}, "pattern": "Act.*|none"}
_GOESSNER = {"type": "jsonpath", "version": "draft-goessner-dispatch-jsonpath-00"}
YES, NO = Outcome.PASSED, Outcome.FAILED


def _judge(bench: Workbench, criterion: Any, answer: Answer) -> WorkflowResult:
    bench.service.answers("GET /a", answer)
    step = {"stepId": "x", "operationId": "a", "successCriteria": [criterion]}
    return bench.run_steps(f"- {json.dumps(step)}", _INPUTS, version="1.1.0")


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (
            "$response.body#/t == true || $response.body#/t == false && $response.body#/n == 9",
            YES,
        ),
        ("($response.body#/t || $response.body#/f) && $response.body#/n == 9", NO),
        ("$statusCode>=200&&$statusCode<300", YES),
        ("!$response.body#/f", YES),
        ("!($response.body#/n == 6) && !!$response.body#/t", YES),
        ("$response.body#/status == 'ACTIVE'", YES),
        ("$response.body#/status != 'active'", NO),
        ("$response.body#/q == 'it''s'", YES),
        ("$response.body#/status != 'a) || (b && c'", YES),
        ("$response.body#/s > 9", YES),
        ("$response.body#/s == 10", YES),
        ("$response.body#/neg < -2.5", YES),
        ("$response.body#/n == 5.0e0", YES),
        ("$response.body#/nul == null && $response.body#/absent == null", YES),
        ("$response.body#/n != null", YES),
        ("$response.body#/nul >= 0", NO),
        ("$response.body#/nul", NO),
        ("null", NO),
        ("$response.body#/status < 5", NO),
        ("$response.body.items[0].tags[1] == 'B'", YES),
        ("$response.body.items[1].id == $inputs.id", YES),
        ("$response.body['dash-name'] == 4 && $response.body.dash-name == 4", YES),
        ("$response.body.items[7].id == 'p1'", NO),
        ("$response.body#/n > $inputs.lim.min", YES),
        ("$response.header.x-count == 12 && $response.header.X-None == null", YES),
        ("$method == 'GET' && 200 == $statusCode", YES),
    ],
)
def test_simple_conditions(bench: Workbench, condition: str, outcome: Outcome) -> None:
    """Precedence, grouping, literals, strings without case, null, numeric strings, members."""
    answer = Answer(body=_BODY, headers={"X-Count": "12"})
    result = _judge(bench, {"condition": condition}, answer)
    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("context", "condition", "outcome"),
    [
        ("$statusCode", r"^2\d{2}$", YES),
        ("$statusCode", "^4", NO),
        ("$response.body#/status", "tiv", YES),
        ("$response.body#/status", "^({$inputs.pattern})$", YES),
        ("$response.body#/t", "^true$", YES),
        ("$response.body#/e", "^$", YES),
        ("$response.body#/nul", ".*", NO),
        ("$response.body#/absent", ".*", NO),
    ],
)
def test_regular_expressions(
    bench: Workbench, context: str, condition: str, outcome: Outcome
) -> None:
    """They search; a context that is null fails them."""
    criterion = {"context": context, "condition": condition, "type": "regex"}
    result = _judge(bench, criterion, Answer(body=_BODY))
    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("condition", "kind", "outcome"),
    [
        ("$.items[*]", "jsonpath", YES),
        ("$.el[*]", "jsonpath", NO),
        ("$.f", "jsonpath", YES),
        ("$.nul", "jsonpath", YES),
        ("$.items[?@.id == 'P1']", "jsonpath", NO),
        ("$.items[?count(@.tags[*]) > 1]", "jsonpath", YES),
        ("$.items[?length(@.tags) > 2]", "jsonpath", NO),
        ("$.items[?match(@.id, 'p[0-9]')]", "jsonpath", YES),
        ("$[?search(@, 'cti')]", "jsonpath", YES),
        ('$.items[?(@.id == "{$inputs.id}")]', "jsonpath", YES),
        ("$.list[?@ > {$inputs.min}]", "jsonpath", NO),
        ("$.items[?(@.id=='p1' && @.tags)]", _GOESSNER, YES),
        ("$.items[(@.length-1)]", _GOESSNER, YES),
        ("$.items[?(@.tags.length > 1)]", _GOESSNER, YES),
        ("$.items[?(@.tags.length > 2)]", _GOESSNER, NO),
        ("$.list[-1:]", {"type": "jsonpath", "version": "rfc9535"}, YES),
    ],
)
def test_jsonpath(bench: Workbench, condition: str, kind: Any, outcome: Outcome) -> None:
    """RFC 9535 and the older dialect: a node is enough, whatever its value."""
    criterion = {"context": "$response.body", "condition": condition, "type": kind}
    result = _judge(bench, criterion, Answer(body=_BODY))
    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("condition", "version", "outcome"),
    [
        ("/root/empty", None, YES),
        ("/root/cats", None, NO),
        ("string(/root/empty)", None, NO),
        ("string(/root/zero)", None, YES),
        ("number(/root/zero)", None, NO),
        ("number(/root/pets)", None, NO),
        ("count(//pet)", None, YES),
        ("count(//pet) = 2", "xpath-10", YES),
        ("/root/cats | /root/empty", "xpath-10", YES),
        ("every $x in //price satisfies number($x) > 5", "xpath-20", YES),
        ("(//pet, 1)", "xpath-20", YES),
        ("(1, 2)", "xpath-20", NO),
        ("let $x := 5 return $x > 4", "xpath-30", YES),
        ("'a' || 'b' = 'ab'", "xpath-30", YES),
        ("map{'a': 1}?a = 1", None, YES),
        ("array:size([1, 2]) = 2", "xpath-31", YES),
        ("//pet[@id='2']/price > {$inputs.min}", None, YES),
        ("//pet[name='tom']", None, NO),
        ("1 idiv 0 = 1", None, NO),
        ("1 idiv number(/root/zero) = 1", None, NO),
    ],
)
def test_xpath(bench: Workbench, condition: str, version: str | None, outcome: Outcome) -> None:
    """Each version's own effective boolean value; what has none fails."""
    kind = "xpath" if version is None else {"type": "xpath", "version": version}
    criterion = {"context": "$response.body", "condition": condition, "type": kind}
    result = _judge(bench, criterion, Answer(body=_XML, kind="application/xml"))
    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("criterion", "answer", "reason"),
    [
        (
            {"context": "$response.body", "condition": "$.a", "type": "jsonpath"},
            Answer(body="text", kind="text/plain"),
            "the context is text, no JSON",
        ),
        (
            {"context": "$response.body", "condition": "/a", "type": "xpath"},
            Answer(body={"a": 1}),
            "XPath needs XML; the context is an object",
        ),
        (
            {"context": "$response.body", "condition": "/a", "type": "xpath"},
            Answer(body="<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", kind="text/xml"),
            "the XML is refused",
        ),
        (
            {"context": "$response.body#/n", "condition": "({$response.body#/q}", "type": "regex"},
            Answer(body={"n": "x", "q": "("}),
            "is no regular expression",
        ),
        (
            {"context": "$response.body#/nul", "condition": "$", "type": "jsonpath"},
            Answer(body=_BODY),
            "the context `$response.body#/nul` is null",
        ),
        (
            {"context": "$response.body#/s", "condition": "(a|a)*$", "type": "regex"},
            Answer(body={"s": "a" * 60 + "b"}),
            "takes more than 1 s on this text",
        ),
        ({"condition": "$response.body#/el < 1"}, Answer(body=_BODY), "have no order"),
    ],
)
def test_what_cannot_be_evaluated_fails_and_says_why(
    bench: Workbench, criterion: Any, answer: Answer, reason: str
) -> None:
    """Condition Evaluation, "Evaluation Errors"."""
    result = _judge(bench, criterion, answer)
    assert result.outcome is Outcome.FAILED
    assert reason in (result.steps[0].criteria[0].error or "")


def test_all_criteria_must_hold(bench: Workbench, service: Service) -> None:
    """Each is judged, so that a report can tell of all of them."""
    result = bench.run_steps(
        "- {stepId: x, operationId: a, successCriteria: [{condition: $statusCode == 201}, "
        "{condition: $statusCode == 200}, {condition: $response.body == null}]}"
    )
    assert result.outcome is Outcome.FAILED
    assert [one.passed for one in result.steps[0].criteria] == [False, True, False]


def test_a_context_may_be_of_an_earlier_step(bench: Workbench, service: Service) -> None:
    """Any expression can be one."""
    service.answers("GET /a", Answer(body=_BODY))
    result = bench.run_steps(
        "- {stepId: x, operationId: a, outputs: {all: $response.body}}\n"
        "- {stepId: y, operationId: b, successCriteria: [{context: $steps.x.outputs.all.items, "
        "condition: '$[1]', type: jsonpath}]}"
    )
    assert result.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "criterion",
    [
        {"condition": "$statusCode = 200"},
        {"condition": "($statusCode == 200"},
        {"condition": '$statusCode == "200"'},
        {"condition": "$response.nope == 1"},
        {"condition": "^2", "type": "regex"},
        {"condition": "([", "type": "regex", "context": "$statusCode"},
        {"condition": "$.a[", "type": "jsonpath", "context": "$response.body"},
        {"condition": "$.length == 0", "type": "jsonpath", "context": "$response.body"},
        {"condition": "/a[", "type": "xpath", "context": "$response.body"},
        {"condition": "let $x := 1 return $x", "type": "xpath10", "context": "$response.body"},
        {"condition": "$.a", "type": {"type": "jsonpath", "version": "v9"}, "context": "$url"},
        {"condition": "$.a", "type": {"type": "regex", "version": "1"}, "context": "$url"},
    ],
)
def test_conditions_that_can_never_hold_are_refused(bench: Workbench, criterion: Any) -> None:
    """Before any request: a typing mistake is not a failed step."""
    step = {"stepId": "x", "operationId": "a", "successCriteria": [criterion]}
    assert bench.refuse(workflow_of(f"- {json.dumps(step)}"), version="1.1.0")
