"""Requests: what a step, its operation and the values of the moment are made into."""

from __future__ import annotations

from typing import Any

import pytest
from unit.arazzo.arazzo_kit import bind, write_workflow

from pytest_amberflo.arazzo.plan import PlanError, merge_parameters, plan_request
from pytest_amberflo.arazzo.scope import Scope
from pytest_amberflo.http.exchange import Request, find_header

API = """\
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
paths:
  /shops/{shop}/items/{item}:
    parameters:
      - {name: shop, in: path, required: true, schema: {type: string}}
      - {name: item, in: path, required: true, style: matrix, schema: {type: array}}
    put:
      operationId: putItem
      parameters:
        - {name: size, in: query, schema: {type: integer}}
        - {name: need, in: query, required: true, schema: {type: string}}
        - {name: tags, in: query, style: pipeDelimited, schema: {type: array}}
        - {name: X-Trace, in: header, required: true, schema: {type: string}}
        - {name: sid, in: cookie, schema: {type: string}}
      requestBody: {content: {application/json: {}, application/xml: {}}}
      responses:
        '200': {description: ok, content: {application/json: {}, text/plain: {}}}
        default: {description: no, content: {application/problem+json: {}}}
  /bare:
    post:
      operationId: bare
      responses: {'204': {description: ok}}
"""

INPUTS: dict[str, Any] = {
    "shop": "a b/c",
    "item": ["x", "y"],
    "number": 7,
    "evil": "a\r\nX-Evil: 1",
}

PATH = (
    "{name: shop, in: path, value: $inputs.shop}, {name: item, in: path, value: $inputs.item}, "
    "{name: need, in: query, value: n}, {name: X-Trace, in: header, value: t}"
)


def make(
    parameters: str = PATH,
    *,
    operation: str = "putItem",
    body: str = "",
    base_url: str = "http://127.0.0.1:1",
) -> Request:
    """The request of a step with these parameters and this `requestBody`."""
    text = f"- stepId: one\n  operationId: {operation}\n  parameters: [{parameters}]\n"
    if body:
        text += f"  requestBody: {body}\n"
    bound = bind(write_workflow(text), API)
    workflow = bound.document.workflows[0]
    step = workflow.steps[0]
    target = bound.target_of(workflow, step)
    scope = Scope(inputs=INPUTS, declared_inputs=frozenset({*INPUTS, "absent"}))
    return plan_request(step, target.operation, step.parameters, scope, base_url).sent.request


def refuse(parameters: str) -> str:
    """Why a step's request cannot be built."""
    with pytest.raises(PlanError) as error:
        make(parameters)
    return str(error.value)


def with_query(*parameters: str) -> str:
    """The URL's query with these parameters instead of the required one."""
    path = PATH.replace("{name: need, in: query, value: n}, ", "")
    return make(", ".join([path, *parameters])).url.partition("?")[2]


def test_parameters_go_to_their_places() -> None:
    """Path, query, headers and cookies of one step make one request."""
    request = make(
        f"{PATH}, {{name: size, in: query, value: $inputs.number}},"
        "{name: tags, in: query, value: [a, b c]}, {name: sid, in: cookie, value: s;1},"
        "{name: theme, in: cookie, value: dark}, {name: X-Other, in: header, value: 'é'}"
    )
    assert request.method == "PUT"
    assert request.url.replace("%7C", "|") == (
        "http://127.0.0.1:1/shops/a%20b%2Fc/items/;item=x,y?need=n&size=7&tags=a|b%20c"
    )
    assert request.headers == (
        ("X-Trace", "t"),
        ("X-Other", "é"),
        ("Accept", "application/json, text/plain, application/problem+json"),
        ("Cookie", "sid=s%3B1; theme=dark"),
    )
    assert request.body is None


def test_a_header_is_found_in_its_declaration_without_regard_to_case() -> None:
    """The spelling of the description is the one that is sent."""
    request = make(PATH.replace("X-Trace", "x-TRACE"))
    assert request.headers[0] == ("X-Trace", "t")


@pytest.mark.parametrize(
    ("parameter", "query"),
    [
        ("{name: free, in: query, value: [1, 2]}", "free=1&free=2"),
        ("{name: free, in: query, value: {a: 1}}", "a=1"),
        ("{name: size, in: query, value: $inputs.absent}", ""),
        ("{name: free, in: query, value: $inputs.absent}", ""),
        ("{name: free, in: query, value: [$inputs.absent, 1]}", "free=1"),
        ("{name: free, in: query, value: null}", "free="),
        ("{name: 'a b', in: query, value: 'c d'}", "a%20b=c%20d"),
    ],
)
def test_query_parameters_may_be_undeclared_or_absent(parameter: str, query: str) -> None:
    """What a description does not have is sent all the same; what nobody gave is left out."""
    assert with_query(parameter) == query


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            PATH.replace("value: n", "value: $inputs.absent"),
            "query parameter `need`: it is required; the input is absent",
        ),
        (
            PATH.replace("value: t", "value: $inputs.absent"),
            "header parameter `X-Trace`: it is required; the input is absent",
        ),
        (
            PATH.replace("$inputs.shop", "$inputs.absent"),
            "path parameter `shop`: it is required; the input is absent",
        ),
        (
            PATH.replace("value: n", "value: 'x{$inputs.absent}'"),
            "query parameter `need`: `$inputs.absent`: the input is not given, "
            "and a text around it cannot leave it out",
        ),
        (
            "{name: shop, in: path, value: a}",
            "path parameter `item`: step `one` does not give it",
        ),
        ("", "path parameter `shop`: step `one` does not give it"),
        (
            PATH.replace("$inputs.shop", "''"),
            "path parameter `shop`: a path parameter must not be empty",
        ),
        (
            PATH.replace("value: t", "value: $inputs.evil"),
            "header parameter `X-Trace`: a header's value must not hold a line break "
            "or a null character",
        ),
        (
            PATH.replace("value: t", "value: $inputs.nobody"),
            "header parameter `X-Trace`: `$inputs.nobody`: there is no input `nobody`",
        ),
    ],
)
def test_a_request_that_cannot_be_built_says_which_part_and_why(
    parameters: str, message: str
) -> None:
    """Required values that are absent, empty segments and header injection are errors."""
    assert refuse(parameters).startswith(message)


@pytest.mark.parametrize("value", ["'.'", "'..'"])
def test_a_segment_must_not_lead_up(value: str) -> None:
    """A segment of dots would be removed on the way and call another operation."""
    message = refuse(PATH.replace("$inputs.shop", value))
    text = value.strip("'")
    assert message == (
        f"path parameter `shop`: `{text}` as a whole segment would lead to another path"
    )
    assert "/shops/..a/" in make(PATH.replace("$inputs.shop", "..a")).url


def test_a_part_that_cannot_be_built_is_placed() -> None:
    """The error points at the parameter, or at the step that does not have it."""
    with pytest.raises(PlanError) as error:
        make(PATH.replace("value: t", "value: $inputs.absent"))
    assert error.value.pointer[-2:] == ("parameters", 3)
    with pytest.raises(PlanError) as error:
        make("")
    assert error.value.pointer == ("workflows", 0, "steps", 0)


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1/bare"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/bare"),
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1/bare"),
        ("http://127.0.0.1:1/v1/", "http://127.0.0.1:1/v1/bare"),
        ("https://example.com:8443/a/b", "https://example.com:8443/a/b/bare"),
    ],
)
def test_the_path_is_joined_to_the_base_path_of_the_server(base_url: str, url: str) -> None:
    """There is one slash between the two, whatever the server's URL ends with."""
    assert make("", operation="bare", base_url=base_url).url == url


def test_accept_names_the_types_of_the_responses() -> None:
    """Types of every documented response are accepted; without any, everything is."""
    assert find_header(make().headers, "accept") == (
        "application/json, text/plain, application/problem+json"
    )
    assert find_header(make("", operation="bare").headers, "accept") == "*/*"


@pytest.mark.parametrize("name", ["Accept", "accept", "ACCEPT"])
def test_a_step_may_say_what_it_accepts(name: str) -> None:
    """A header of the step replaces the one that would be made."""
    headers = make(f"{PATH}, {{name: {name}, in: header, value: text/csv}}").headers
    assert find_header(headers, "accept") == "text/csv"


def test_the_content_type_is_the_steps_or_else_the_operations_first() -> None:
    """A body without a `contentType` is of the first type that the operation takes."""
    first = make(body="{payload: {}}").headers
    assert find_header(first, "content-type") == "application/json"
    own = make(body="{contentType: application/merge-patch+json, payload: {}}").headers
    assert find_header(own, "content-type") == "application/merge-patch+json"
    header = f"{PATH}, {{name: content-type, in: header, value: application/x+json}}"
    assert find_header(make(header, body="{payload: {}}").headers, "Content-Type") == (
        "application/x+json"
    )


def test_the_parameters_of_a_step_replace_those_of_its_workflow() -> None:
    """Name and place decide what is the same parameter; the order stays."""
    outer = "[{name: a, in: query, value: 1}, {name: b, in: query, value: 2}]"
    inner = "[{name: a, in: query, value: 3}, {name: a, in: header, value: 4}]"
    text = write_workflow(
        f"- {{stepId: one, operationId: bare, parameters: {inner}}}", rest=f"parameters: {outer}"
    )
    workflow = bind(text, API).document.workflows[0]
    merged = merge_parameters(workflow.parameters, workflow.steps[0].parameters)
    assert [(p.name, p.location, getattr(p.value, "value", None)) for p in merged] == [
        ("a", "query", 3),
        ("b", "query", 2),
        ("a", "header", 4),
    ]


def test_the_values_of_a_request_are_kept_for_expressions() -> None:
    """Path and query values and the payload are those given, not the texts they became."""
    parameters = f"{PATH}, {{name: size, in: query, value: $inputs.number}}"
    text = write_workflow(
        f"- {{stepId: one, operationId: putItem, parameters: [{parameters}], "
        "requestBody: {payload: {n: $inputs.number}}}"
    )
    bound = bind(text, API)
    workflow = bound.document.workflows[0]
    step = workflow.steps[0]
    operation = bound.target_of(workflow, step).operation
    plan = plan_request(step, operation, step.parameters, Scope(inputs=INPUTS), "http://h")
    assert plan.sent.path == {"shop": "a b/c", "item": ["x", "y"]}
    assert plan.sent.query == {"need": "n", "size": 7}
    assert plan.sent.payload == {"n": 7}
    assert plan.path_texts == {"shop": "a%20b%2Fc", "item": ";item=x,y"}
