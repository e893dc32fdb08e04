"""Parameters on the wire: the styles of OpenAPI, and who overrides whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from unit.engine.engine_kit import reasons

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_LIST = ["blue", "black", "brown"]
_OBJECT = {"R": 100, "G": 200}


def _send(bench: Workbench, declared: str, value: Any, version: str = "3.0.3") -> Outcome:
    """Send a value as parameter `p`, declared so."""
    place = declared.split(",", maxsplit=1)[0].removeprefix("in: ")
    path = "/q/{p}" if place == "path" else "/q"
    bench.describe(
        f"'{path}': {{get: {{operationId: q, parameters: [{{name: p, {declared}}}], "
        "responses: {default: {description: any}}}}",
        version=version,
    )
    return bench.run_steps(
        "- {stepId: s, operationId: q, "
        f"parameters: [{{name: p, in: {place}, value: $inputs.v}}]}}",
        {"v": value},
        version="1.1.0",
    ).outcome


@pytest.mark.parametrize(
    ("declared", "value", "query"),
    [
        ("", "a b/c&d=é", "p=a%20b%2Fc%26d%3D%C3%A9"),
        ("", True, "p=true"),
        ("", 1.5, "p=1.5"),
        ("", _LIST, "p=blue&p=black&p=brown"),
        ("explode: false", _LIST, "p=blue,black,brown"),
        ("explode: false", ["a,b", "c"], "p=a%2Cb,c"),
        ("", _OBJECT, "R=100&G=200"),
        ("explode: false", _OBJECT, "p=R,100,G,200"),
        ("style: spaceDelimited, explode: false", _LIST, "p=blue%20black%20brown"),
        ("style: spaceDelimited", _LIST, "p=blue%20black%20brown"),
        ("style: spaceDelimited, explode: true", _LIST, "p=blue&p=black&p=brown"),
        ("style: pipeDelimited", _LIST, "p=blue|black|brown"),
        ("style: deepObject, explode: true", _OBJECT, "p[R]=100&p[G]=200"),
        ("allowReserved: true", "a/b?c:d,e;f@g h", "p=a/b?c:d,e;f@g%20h"),
        ("allowReserved: true", "a%20b%", "p=a%20b%25"),
        ("content: {application/json: {}}", {"a": [1]}, "p=%7B%22a%22%3A%5B1%5D%7D"),
    ],
)
def test_query_parameters(
    bench: Workbench, service: Service, declared: str, value: Any, query: str
) -> None:
    """Each style, exploded or not."""
    assert _send(bench, f"in: query, {declared}".rstrip(", "), value) is Outcome.PASSED
    assert service.seen[0].query.replace("%7C", "|").replace("%5B", "[").replace(
        "%5D", "]"
    ) == query.replace("%5B", "[").replace("%5D", "]")


@pytest.mark.parametrize(
    ("declared", "value", "path"),
    [
        ("", "a b/c?d", "/q/a%20b%2Fc%3Fd"),
        ("", 5, "/q/5"),
        ("", _LIST, "/q/blue,black,brown"),
        ("", _OBJECT, "/q/R,100,G,200"),
        ("explode: true", _OBJECT, "/q/R=100,G=200"),
        ("style: label", 5, "/q/.5"),
        ("style: label, explode: true", _LIST, "/q/.blue.black.brown"),
        ("style: label, explode: true", _OBJECT, "/q/.R=100.G=200"),
        ("style: matrix", 5, "/q/;p=5"),
        ("style: matrix", _LIST, "/q/;p=blue,black,brown"),
        ("style: matrix, explode: true", _LIST, "/q/;p=blue;p=black;p=brown"),
        ("style: matrix", _OBJECT, "/q/;p=R,100,G,200"),
        ("style: matrix, explode: true", _OBJECT, "/q/;R=100;G=200"),
    ],
)
def test_path_parameters(
    bench: Workbench, service: Service, declared: str, value: Any, path: str
) -> None:
    """They stand in the path, percent-encoded."""
    declared = f"in: path, required: true, {declared}".rstrip(", ")
    assert _send(bench, declared, value) is Outcome.PASSED
    assert service.seen[0].target == path


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        ("", "a b, c/d", "a b, c/d"),
        ("", _LIST, "blue,black,brown"),
        ("", _OBJECT, "R,100,G,200"),
        ("explode: true", _OBJECT, "R=100,G=200"),
        ("content: {application/json: {}}", {"a": 1}, '{"a":1}'),
    ],
)
def test_header_parameters(
    bench: Workbench, service: Service, declared: str, value: Any, text: str
) -> None:
    """Not percent-encoded."""
    assert _send(bench, f"in: header, {declared}".rstrip(", "), value) is Outcome.PASSED
    assert service.seen[0].headers["p"] == text


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        ("", "a b;c", "p=a%20b%3Bc"),
        ("explode: false", ["a", "b"], "p=a,b"),
        ("explode: false", {"a": 1, "b": 2}, "p=a,1,b,2"),
        ("style: cookie", "a b%20c", "p=a b%20c"),
        ("style: cookie", {"a": 1, "b": "x y"}, "a=1; b=x y"),
    ],
)
def test_cookie_parameters(
    bench: Workbench, service: Service, declared: str, value: Any, text: str
) -> None:
    """Encoded like a form; the style `cookie` of OpenAPI 3.2 encodes nothing."""
    declared = f"in: cookie, {declared}".rstrip(", ")
    assert _send(bench, declared, value, version="3.2.0") is Outcome.PASSED
    assert service.seen[0].headers["cookie"] == text


@pytest.mark.parametrize("value", ["a;b", "a\nb", "ł"])
def test_a_cookie_that_cannot_be_sent_is_an_error(
    bench: Workbench, service: Service, value: str
) -> None:
    """Without encoding there is no way to write it."""
    assert _send(bench, "in: cookie, style: cookie", value, version="3.2.0") is Outcome.ERROR
    assert service.seen == []


@pytest.mark.parametrize(
    ("content", "value", "query"),
    [
        ("application/x-www-form-urlencoded", "filter=active&sort=a%20b", None),
        ("application/x-www-form-urlencoded", {"f": "a b", "n": 5}, "f=a%20b&n=5"),
        ("application/json", '{"f":1}', "%7B%22f%22%3A1%7D"),
    ],
)
def test_the_whole_query_string(
    bench: Workbench, service: Service, content: str, value: Any, query: str | None
) -> None:
    """OpenAPI 3.2: the value is the query, in the form of its media type."""
    declared = f"in: querystring, content: {{{content}: {{}}}}"
    assert _send(bench, declared, value, version="3.2.0") is Outcome.PASSED
    assert service.seen[0].query == (value if query is None else query)


def test_the_whole_query_string_excludes_other_query_parameters(bench: Workbench) -> None:
    """At the step or at its workflow."""
    steps = """
        - workflowId: main
          parameters: [{name: x, in: query, value: 1}]
          steps:
            - stepId: s
              operationId: a
              parameters: [{name: q, in: querystring, value: a=1}]
        """
    assert bench.refuse(steps, version="1.1.0") == [
        "step `s` has a querystring, and other query parameters"
    ]


def test_a_step_overrides_the_parameters_of_its_workflow(
    bench: Workbench, service: Service
) -> None:
    """By name and place; of headers, in any letter case."""
    bench.run_steps(
        """
        - {stepId: s, operationId: a}
        - stepId: t
          operationId: b
          parameters:
            - {name: q, in: query, value: own}
            - {name: x-tenant, in: header, value: own}
        """,
        more="parameters: [{name: q, in: query, value: all}, "
        "{name: X-Tenant, in: header, value: all}, {name: q, in: header, value: other}]",
    )
    first, second = service.seen
    assert (first.query, first.headers["x-tenant"], first.headers["q"]) == (
        "q=all",
        "all",
        "other",
    )
    assert (second.query, second.headers["x-tenant"]) == ("q=own", "own")


def test_reusable_parameters(bench: Workbench, service: Service) -> None:
    """With their own value or another one; what else stands beside the reference is ignored."""
    bench.add("components: {parameters: {my.q: {name: q, in: query, value: $inputs.v}}}")
    bench.run_steps(
        """
        - {stepId: s, operationId: a, parameters: [{reference: $components.parameters.my.q}]}
        - stepId: t
          operationId: a
          parameters: [{reference: $components.parameters.my.q, value: 'x{$inputs.v}', other: 1}]
        """,
        {"v": 5},
    )
    assert [seen.query for seen in service.seen] == ["q=5", "q=x5"]


def test_the_same_reusable_parameter_twice_is_refused(bench: Workbench) -> None:
    """A list must not have duplicates, also behind references."""
    bench.add("components: {parameters: {q: {name: q, in: query, value: 1}}}")
    reference = "{reference: $components.parameters.q}"
    (message,) = bench.refuse(
        "- {workflowId: main, steps: [{stepId: s, operationId: a, "
        f"parameters: [{reference}, {reference}]}}]}}"
    )
    assert message.startswith("parameter `q in query` stands twice")


def test_parameters_of_a_path_belong_to_its_operations(bench: Workbench, service: Service) -> None:
    """An operation may declare one anew."""
    shared = "parameters: [{name: l, in: query, explode: false, schema: {}}]"
    bench.describe(
        f"""
        /x:
          {shared}
          get: {{operationId: a, responses: {{default: {{description: any}}}}}}
          post:
            operationId: b
            parameters: [{{name: l, in: query, schema: {{}}}}]
            responses: {{default: {{description: any}}}}
        """
    )
    given = "parameters: [{name: l, in: query, value: [1, 2]}]"
    bench.run_steps(
        f"- {{stepId: s, operationId: a, {given}}}\n- {{stepId: t, operationId: b, {given}}}"
    )
    assert [seen.query for seen in service.seen] == ["l=1,2", "l=1&l=2"]


def test_absent_inputs_leave_optional_parameters_out(bench: Workbench, service: Service) -> None:
    """A parameter of the path cannot be left out."""
    text = """
        - workflowId: main
          inputs: {type: object, properties: {v: {type: string}}}
          steps:
            - {stepId: s, operationId: a, parameters: [{name: q, in: query, value: $inputs.v}]}
            - {stepId: t, operationId: item, parameters: [{name: id, in: path, value: $inputs.v}]}
        """
    result = bench.run(text)
    assert result.outcome is Outcome.ERROR
    assert [seen.target for seen in service.seen] == ["/a"]
    assert reasons(result) == ["path parameter `id`: it is required; the input is absent"]


def test_a_step_tells_what_it_sent(bench: Workbench, service: Service) -> None:
    """Values by name, as they were given; the URL as it was sent."""
    result = bench.run_steps(
        """
        - stepId: s
          operationId: item
          parameters: [{name: id, in: path, value: 7}, {name: X-A, in: header, value: h}]
          outputs: {id: $request.path.id, head: $request.header.x-a, url: $url}
        """
    )
    outputs = result.steps[0].outputs
    assert json.loads(json.dumps(dict(outputs))) == {
        "id": 7,
        "head": "h",
        "url": f"{service.url}/items/7",
    }
