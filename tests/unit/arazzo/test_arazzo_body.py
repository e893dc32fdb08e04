"""Bodies of requests: what a payload is made into."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.arazzo.arazzo_kit import bind, write_workflow

from pytest_amberflo.arazzo.body import dump_json
from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.plan import PlanError, plan_request
from pytest_amberflo.arazzo.scope import Scope, Unknown
from pytest_amberflo.http.exchange import Request, find_header

API = """\
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
paths:
  /take:
    post:
      operationId: take
      requestBody: {content: {application/json: {}, application/xml: {}}}
      responses: {'204': {description: ok}}
  /bare:
    post:
      operationId: bare
      responses: {'204': {description: ok}}
"""

INPUTS: dict[str, Any] = {
    "text": "t&u",
    "number": 7,
    "json": '{"a": 1}',
    "object": {"b": [1, None], "a": 1.0},
    "unicode": "é\N{PACKAGE}",
    "big": 10**30,
    "infinite": float("inf"),
    "nan": float("nan"),
    "half": "\ud800",
}


def make(body: str, *, operation: str = "take") -> Request:
    """The request of a step with this `requestBody`."""
    text = f"- stepId: one\n  operationId: {operation}\n  requestBody: {body}\n"
    bound = bind(write_workflow(text), API)
    workflow = bound.document.workflows[0]
    step = workflow.steps[0]
    target = bound.target_of(workflow, step)
    scope = Scope(inputs=INPUTS, declared_inputs=frozenset({*INPUTS, "absent"}))
    return plan_request(step, target.operation, (), scope, "http://127.0.0.1:1").sent.request


def refuse(body: str, *, operation: str = "take") -> str:
    """Why a step's body cannot be built."""
    with pytest.raises(PlanError) as error:
        make(body, operation=operation)
    return str(error.value)


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ("{a: $inputs.number, b: [$inputs.text]}", '{"a":7,"b":["t&u"]}'),
        ("$inputs.object", '{"b":[1,null],"a":1.0}'),
        ("{a: $inputs.absent, b: [$inputs.absent]}", '{"b":[]}'),
        ("{a: '{$inputs.number}'}", '{"a":"7"}'),
        ("$inputs.unicode", '"é\N{PACKAGE}"'),
        ("{a: $inputs.big, b: 1e3, c: 0.1}", f'{{"a":{10**30},"b":1000.0,"c":0.1}}'),
        ("null", "null"),
        ("[]", "[]"),
        ("7", "7"),
        ("false", "false"),
        ('\'{"n": "{$inputs.number}"}\'', '{"n": "7"}'),
        (
            '\'{"n": {$inputs.number}, "o": {$inputs.object}}\'',
            '{"n": 7, "o": {"b":[1,null],"a":1.0}}',
        ),
        ("' [1, 2] '", " [1, 2] "),
        ("just text", '"just text"'),
        ("'{$inputs.text}'", '"t&u"'),
        ("$inputs.json", '"{\\"a\\": 1}"'),
        ("{a: $inputs.json}", '{"a":"{\\"a\\": 1}"}'),
        ("'{\"a\": '", '"{\\"a\\": "'),
    ],
)
def test_payloads_become_json(payload: str, body: str) -> None:
    """Values are JSON; a text that is JSON is sent as it stands, any other as a JSON string."""
    request = make(f"{{payload: {payload}}}")
    assert request.body == body.encode()
    json.loads(request.body or b"")


@pytest.mark.parametrize("word", ["NaN", "[Infinity]", "-Infinity"])
def test_a_text_that_only_python_takes_for_json_is_a_string(word: str) -> None:
    """Constants of JavaScript are no JSON, so they are text."""
    assert make(f"{{payload: '{word}'}}").body == json.dumps(word).encode()


@pytest.mark.parametrize("name", ["infinite", "nan", "half"])
def test_a_value_that_is_no_json_is_an_error_of_the_step(name: str) -> None:
    """What cannot be written as JSON ends the step with a reason, not the run with a crash."""
    assert refuse(f"{{payload: {{a: $inputs.{name}}}}}").startswith("request body: ")


def test_a_payload_that_is_absent_is_no_body() -> None:
    """An optional input as the whole payload leaves the body out, its type with it."""
    request = make("{payload: $inputs.absent}")
    assert request.body is None
    assert find_header(request.headers, "content-type") is None
    assert make("{contentType: application/json}").body is None


@pytest.mark.parametrize(
    ("operation", "body", "message"),
    [
        (
            "bare",
            "{payload: {}}",
            "request body: `contentType`: `bare` declares none, and `contentType` does not "
            "say what it is",
        ),
        (
            "take",
            "{contentType: application/json, payload: 'x{$inputs.absent}'}",
            "request body: `$inputs.absent`: the input is not given, "
            "and a text around it cannot leave it out",
        ),
        (
            "take",
            "{contentType: application/json, payload: {a: $inputs.nobody}}",
            "request body: `$inputs.nobody`: there is no input `nobody`",
        ),
    ],
)
def test_a_body_that_cannot_be_built_says_why(operation: str, body: str, message: str) -> None:
    """A body needs a type and values for all of its expressions."""
    assert refuse(body, operation=operation).startswith(message)


def test_json_is_compact_utf_8() -> None:
    """Bodies are written without spaces and without escapes for letters."""
    assert dump_json({"a": ["é", 1.5, None]}) == '{"a":["é",1.5,null]}'.encode()


#: What a document, an input or a response may hold, and what only a program can.
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats(),
    st.text() | st.text('\x00\x1f\x7f\u2028"\\/\ud800') | st.text(max_size=3).map(Unknown),
    st.sampled_from([1e16, 1e-5, 1e-4, 9999999999999998.0, -0.0, 10**30, b"x", {1, 2}]),
)
PAYLOADS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=6,
)


@given(PAYLOADS)
@settings(max_examples=200, deadline=None, derandomize=True)
@example([1e-5])
@example({"a": 1e16})
@example({None: 1, True: 2})
def test_every_payload_is_written_as_json_writes_it(payload: Any) -> None:
    """The quick encoder writes byte for byte what the other one does, or leaves it to that."""
    try:
        due = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        raw = due.encode()
    except (TypeError, ValueError):
        with pytest.raises(EvaluationError):
            dump_json(payload)
    else:
        assert dump_json(payload) == raw


def test_an_integer_that_nobody_prints_is_refused() -> None:
    """Python prints no integer of more than 4300 digits, and no encoder does."""
    with pytest.raises(EvaluationError, match="has no form in JSON"):
        dump_json([10**5000])
