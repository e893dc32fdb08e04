"""Where descriptions and documents come from, and where their operations are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.engine.engine_kit import PATHS, Answer, reasons

from pytest_amberflo.arazzo import DocumentError, Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_ONE = "- {workflowId: main, steps: [{stepId: s, operationId: a}]}"
_CALL = "- {workflowId: main, steps: [{stepId: s, workflowId: $sourceDescriptions.o.w}]}"
_OTHER = """\
arazzo: 1.1.0
$self: SELF
info: {title: t, version: '1'}
sourceDescriptions: [{name: api, url: API}]
workflows: [{workflowId: w, steps: [{stepId: s, operationId: b}]}]
"""


def _other(own: str, api: str) -> str:
    return _OTHER.replace("SELF", own).replace("API", api)


@pytest.mark.parametrize(
    ("own", "url"),
    [
        (None, "https://flows.example/lib/other.yaml"),
        ("https://flows.example/main.yaml", "lib/other.yaml"),
        ("https://flows.example/deep/main.yaml", "../lib/other.yaml"),
    ],
)
def test_documents_are_found_by_their_own_name(
    bench: Workbench, service: Service, own: str | None, url: str
) -> None:
    """`$self` is what a document is called, wherever its file is."""
    if own is not None:
        bench.add(f"$self: {own}")
    bench.refer(f"{{name: o, url: '{url}', type: arazzo}}")
    bench.write("any/where.yaml", _other("https://flows.example/lib/other.yaml", "api.yaml"))
    bench.describe(PATHS, name="any/api.yaml")
    result = bench.run(_CALL, version="1.1.0")
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /b"]


def test_a_relative_name_is_found_too(bench: Workbench, service: Service) -> None:
    """It is resolved against where the file is."""
    bench.refer("{name: o, url: canon/other.yaml, type: arazzo}")
    bench.write("elsewhere.yaml", _other("canon/other.yaml", "../api.yaml"))
    assert bench.run(_CALL, version="1.1.0").outcome is Outcome.PASSED
    assert service.lines == ["GET /b"]


def test_self_is_a_value(bench: Workbench, service: Service) -> None:
    """The document's name, as it is written."""
    bench.add("$self: https://flows.example/main.yaml")
    bench.run_steps(
        "- {stepId: s, operationId: sink, requestBody: {payload: {me: $self}}}", version="1.1.0"
    )
    assert service.seen[0].json() == {"me": "https://flows.example/main.yaml"}


@pytest.mark.parametrize(
    ("servers", "line"),
    [
        ("[{url: /v3}]", "GET /v3/a"),
        ("[{url: ../v4/}]", "GET /v4/a"),
        ("[]", "GET /a"),
    ],
)
def test_relative_servers_are_below_their_description(
    bench: Workbench, service: Service, servers: str, line: str
) -> None:
    """Where the description came over the network."""
    bench.describe(PATHS, servers=servers)
    text = (bench.folder / "api.yaml").read_text()
    service.answers("GET /docs/api.yaml", Answer(body=text, kind="application/yaml"))
    bench.refer(f"{{name: api, url: '{service.url}/docs/api.yaml'}}")
    assert bench.run(_ONE).outcome is Outcome.PASSED
    assert service.lines == ["GET /docs/api.yaml", line]


@pytest.mark.parametrize(
    ("servers", "line"),
    [
        ("[{url: 'URL/v1'}, {url: 'URL/v2'}]", "GET /v1/a"),
        ("[{url: 'URL/v1/'}]", "GET /v1/a"),
        (
            "[{url: 'URL/{v}/{t}', variables: {v: {default: v7}, t: {default: t1}}}]",
            "GET /v7/t1/a",
        ),
    ],
)
def test_the_first_server_is_called(
    bench: Workbench, service: Service, servers: str, line: str
) -> None:
    """Its variables are at their defaults."""
    bench.describe(PATHS, servers=servers.replace("URL", service.url))
    bench.run(_ONE)
    assert service.lines == [line]


def test_the_nearest_servers_count(bench: Workbench, service: Service) -> None:
    """Those of the operation, then of its path, then of the description."""
    url = service.url
    bench.describe(
        f"""
        /x:
          servers: [{{url: '{url}/path'}}]
          get: {{operationId: a, responses: {{default: {{description: any}}}}}}
          post:
            operationId: b
            servers: [{{url: '{url}/op'}}]
            responses: {{default: {{description: any}}}}
        """
    )
    bench.run_steps("- {stepId: s, operationId: a}\n- {stepId: t, operationId: b}")
    assert service.lines == ["GET /path/x", "POST /op/x"]


def test_a_server_variable_without_a_default_is_an_error(
    bench: Workbench, service: Service
) -> None:
    """Nothing is sent to a host that has braces in its name."""
    bench.describe(PATHS, servers=f"[{{url: '{service.url}/{{v}}'}}]")
    result = bench.run(_ONE)
    assert result.outcome is Outcome.FAILED
    assert "has no default for `{v}`" in reasons(result)[0]
    assert service.lines == []


@pytest.mark.parametrize(
    "path",
    [
        "'{$sourceDescriptions.api.url}#/paths/~1items~1{id}/get'",
        "'{$sourceDescriptions.api.url}#/paths/~1items~1%7Bid%7D/get'",
        "'$sourceDescriptions.api.url#/paths/~1items~1{id}/get'",
    ],
)
def test_operations_by_path(bench: Workbench, service: Service, path: str) -> None:
    """A JSON Pointer, percent-encoded or not."""
    bench.run_steps(
        f"- {{stepId: s, operationPath: {path}, parameters: [{{name: id, in: path, value: 5}}]}}"
    )
    assert service.lines == ["GET /items/5"]


def test_a_bare_operation_id_with_several_sources(bench: Workbench, service: Service) -> None:
    """Refused with the qualified form; run where the caller is lenient and only one has it."""
    bench.refer("{name: api, url: api.yaml}", "{name: two, url: two.yaml}")
    bench.describe(
        "/z: {get: {operationId: z, responses: {default: {description: any}}}}", name="two.yaml"
    )
    text = "- {workflowId: main, steps: [{stepId: s, operationId: z}]}"
    with pytest.raises(DocumentError) as refused:
        bench.run(text)
    (problem,) = refused.value.problems
    assert problem.message == "`z` does not say which of 2 sources it is in"
    assert problem.hint is not None
    assert problem.hint.endswith("`$sourceDescriptions.two.z`")
    assert bench.run(text, lenient=True).outcome is Outcome.PASSED
    assert service.lines == ["GET /z"]


def test_a_bare_operation_id_beside_an_asynchronous_source_is_refused(bench: Workbench) -> None:
    """It counts as a source with operations."""
    bench.refer("{name: api, url: api.yaml}", "{name: ev, url: ev.yaml, type: asyncapi}")
    bench.write("ev.yaml", "asyncapi: 3.0.0\ninfo: {title: t, version: '1'}\n")
    assert bench.refuse(_ONE, version="1.1.0") == ["`a` does not say which of 2 sources it is in"]
    qualified = _ONE.replace("operationId: a", "operationId: $sourceDescriptions.api.a")
    assert bench.run(qualified, version="1.1.0").outcome is Outcome.PASSED


def test_asynchronous_steps_are_refused_for_now(bench: Workbench) -> None:
    """Clearly, and never skipped."""
    bench.refer("{name: api, url: api.yaml}", "{name: ev, url: ev.yaml, type: asyncapi}")
    bench.write("ev.yaml", "asyncapi: 3.0.0\ninfo: {title: t, version: '1'}\n")
    messages = bench.refuse(
        """
        - workflowId: main
          steps:
            - {stepId: s, operationId: $sourceDescriptions.ev.order, action: send}
            - {stepId: t, channelPath: '{$sourceDescriptions.ev.url}#/channels/c', action: receive}
        """,
        version="1.1.0",
    )
    assert len(messages) >= 3
    assert all("not supported yet" in message for message in messages)
