"""Workflows that call workflows, and what they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.engine.engine_kit import Answer, reasons

from pytest_amberflo.arazzo import Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_OTHER = "{name: other, url: other.arazzo.yaml, type: arazzo}"
_API = "{name: api, url: api.yaml, type: openapi}"


def _write_other(bench: Workbench, workflows: str, sources: str = f"[{_API}]") -> None:
    bench.refer(_API, _OTHER)
    bench.write(
        "other.arazzo.yaml",
        "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\n"
        f"sourceDescriptions: {sources}\nworkflows:\n{workflows}\n",
    )


def test_a_called_workflow_has_inputs_and_outputs(bench: Workbench, service: Service) -> None:
    """Values keep their types both ways, and its outputs can be read in three ways."""
    service.answers("GET /items/5", Answer(body={"price": 2.5}))
    result = bench.run(
        """
        - workflowId: main
          inputs: {type: object, properties: {who: {default: me}}}
          parameters: [{name: size, in: query, value: 5}]
          steps:
            - stepId: s
              workflowId: look
              successCriteria: [{condition: $outputs.price > 2}]
              outputs: {price: $outputs.price}
            - stepId: report
              operationId: sink
              parameters: []
              requestBody:
                payload:
                  - $steps.s.outputs.price
                  - $workflows.look.outputs.price
                  - $workflows.look.inputs.size
                  - $workflows.main.inputs.who
        - workflowId: look
          inputs: {type: object, required: [size], properties: {size: {type: integer}}}
          steps:
            - stepId: x
              operationId: item
              parameters: [{name: id, in: path, value: $inputs.size}]
              outputs: {price: $response.body#/price}
          outputs: {price: $steps.x.outputs.price}
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.seen[-1].json() == [2.5, 2.5, 5, "me"]


def test_a_called_workflow_must_accept_its_inputs(bench: Workbench, service: Service) -> None:
    """It sends nothing before that is known."""
    result = bench.run(
        """
        - workflowId: main
          steps: [{stepId: s, workflowId: look, parameters: [{name: size, value: big}]}]
        - workflowId: look
          inputs: {type: object, properties: {size: {type: integer}}}
          steps: [{stepId: x, operationId: a}]
        """
    )
    assert result.outcome is Outcome.ERROR
    assert (
        "workflow `look` does not accept its inputs: $.size: 'big' is not of type"
        in (reasons(result)[0])
    )
    assert service.lines == []


def test_a_failed_called_workflow_fails_its_step(bench: Workbench, service: Service) -> None:
    """The step's own actions deal with it; trying again calls the whole workflow again."""
    service.answers("GET /b", Answer(status=500), Answer())
    result = bench.run(
        """
        - workflowId: main
          steps: [{stepId: s, workflowId: sub, onFailure: [{name: r, type: retry}]}]
        - {workflowId: sub, steps: [{stepId: x, operationId: a}, {stepId: y, operationId: b}]}
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /b", "GET /a", "GET /b"]


def test_dependencies_run_once_and_before(bench: Workbench, service: Service) -> None:
    """Also where two need the same; outputs and filled-in inputs can be read."""
    service.answers("GET /c", Answer(body={"v": {"k": [1]}}))
    result = bench.run(
        """
        - workflowId: main
          dependsOn: [x, y]
          steps:
            - stepId: s
              operationId: sink
              requestBody: {payload: [$workflows.y.outputs.v#/k/0, $workflows.y.inputs.d]}
        - {workflowId: x, dependsOn: [y], steps: [{stepId: s, operationId: b}]}
        - workflowId: y
          inputs: {type: object, properties: {d: {default: 3}}}
          steps: [{stepId: s, operationId: c, outputs: {v: $response.body#/v}}]
          outputs: {v: $steps.s.outputs.v}
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /c", "GET /b", "POST /sink"]
    assert service.seen[-1].json() == [1, 3]


def test_a_failed_dependency_ends_the_run(bench: Workbench, service: Service) -> None:
    """The dependent is not begun."""
    service.answers("GET /b", Answer(status=500))
    result = bench.run(
        """
        - {workflowId: main, dependsOn: [x], steps: [{stepId: s, operationId: a}]}
        - {workflowId: x, steps: [{stepId: s, operationId: b}]}
        """
    )
    assert result.outcome is Outcome.FAILED
    assert reasons(result) == ["workflow `main` depends on `x`, not completed"]
    assert service.lines == ["GET /b"]


def test_a_dependency_that_lacks_an_input_is_not_begun(bench: Workbench, service: Service) -> None:
    """It gets the inputs of the same names, and they are checked."""
    text = """
        - workflowId: main
          inputs: {type: object, properties: {d: {}}}
          dependsOn: [x]
          steps: [{stepId: s, operationId: a}]
        - workflowId: x
          inputs: {type: object, required: [d], properties: {d: {type: integer}}}
          steps: [{stepId: s, operationId: b}]
        """
    result = bench.run(text)
    assert result.outcome is Outcome.ERROR
    assert "does not accept its inputs: $: 'd' is a required property" in reasons(result)[0]
    assert service.lines == []
    assert bench.run(text, {"d": 1}).outcome is Outcome.PASSED


def test_dependencies_of_the_same_name_in_two_documents(
    bench: Workbench, service: Service
) -> None:
    """Each runs: a name belongs to its document."""
    _write_other(
        bench,
        "  - {workflowId: w, dependsOn: [first], steps: [{stepId: s, operationId: b}]}\n"
        "  - {workflowId: first, steps: [{stepId: s, operationId: login}]}",
    )
    result = bench.run(
        """
        - workflowId: main
          dependsOn: [first, $sourceDescriptions.other.w]
          steps: [{stepId: s, operationId: a}]
        - {workflowId: first, steps: [{stepId: s, operationId: c}]}
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /c", "GET /login", "GET /b", "GET /a"]


def test_documents_that_depend_on_each_other_end(bench: Workbench, service: Service) -> None:
    """A circle over documents is found when it is run, before any request."""
    _write_other(
        bench,
        "  - {workflowId: w, dependsOn: [$sourceDescriptions.back.main], "
        "steps: [{stepId: s, operationId: b}]}",
        f"[{_API}, {{name: back, url: flow.arazzo.yaml, type: arazzo}}]",
    )
    result = bench.run(
        """
        - workflowId: main
          dependsOn: [$sourceDescriptions.other.w]
          steps: [{stepId: s, operationId: a}]
        """
    )
    assert result.outcome is Outcome.FAILED
    assert service.lines == []


def test_circles_within_a_document_are_refused(bench: Workbench) -> None:
    """By dependsOn and by calls."""
    assert bench.refuse(
        """
        - {workflowId: main, dependsOn: [x], steps: [{stepId: s, operationId: a}]}
        - {workflowId: x, dependsOn: [main], steps: [{stepId: s, workflowId: y}]}
        - {workflowId: y, steps: [{stepId: s, workflowId: x}]}
        """
    ) == [
        "workflows depend on each other in a circle: `main` -> `x` -> `main`",
        "workflows call each other in a circle: `x` -> `y` -> `x`",
    ]


def test_workflows_of_other_documents_bring_their_own_components(
    bench: Workbench, service: Service
) -> None:
    """Components are scoped to the document that they are in."""
    bench.add("components: {parameters: {q: {name: q, in: query, value: mine}}}")
    _write_other(
        bench,
        "  - {workflowId: w, steps: [{stepId: s, operationId: b, "
        "parameters: [{reference: $components.parameters.q}]}]}\n"
        "components: {parameters: {q: {name: q, in: query, value: theirs}}}",
    )
    result = bench.run(
        "- {workflowId: main, steps: [{stepId: s, workflowId: $sourceDescriptions.other.w}]}"
    )
    assert result.outcome is Outcome.PASSED
    assert service.seen[0].query == "q=theirs"


def test_steps_run_after_what_they_depend_on(bench: Workbench, service: Service) -> None:
    """By dependsOn, and by reading an output."""
    result = bench.run_steps(
        """
        - stepId: z
          operationId: c
          parameters: [{name: q, in: query, value: $steps.y.outputs.o}]
        - {stepId: y, operationId: b, dependsOn: [x], outputs: {o: $statusCode}}
        - {stepId: x, operationId: a}
        """,
        version="1.1.0",
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /b", "GET /c"]
    assert service.seen[2].query == "q=200"


def test_a_step_is_not_run_before_what_it_depends_on(bench: Workbench, service: Service) -> None:
    """A goto that leaves it out makes the dependent an error."""
    result = bench.run_steps(
        """
        - {stepId: x, operationId: a, onSuccess: [{name: g, type: goto, stepId: z}]}
        - {stepId: y, operationId: b}
        - {stepId: z, operationId: c, dependsOn: [y]}
        """,
        version="1.1.0",
    )
    assert result.outcome is Outcome.ERROR
    assert reasons(result) == ["step `z` depends on `y`, not completed"]
    assert service.lines == ["GET /a"]


def test_a_step_may_depend_on_steps_of_other_workflows(bench: Workbench, service: Service) -> None:
    """Of one that ran before, and of one that called."""
    result = bench.run(
        """
        - workflowId: main
          dependsOn: [x]
          steps:
            - {stepId: s, operationId: a, dependsOn: [$workflows.x.steps.s]}
            - {stepId: t, workflowId: y}
        - {workflowId: x, steps: [{stepId: s, operationId: b}]}
        - workflowId: y
          steps: [{stepId: s, operationId: c, dependsOn: [$workflows.main.steps.s]}]
        """,
        version="1.1.0",
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /b", "GET /a", "GET /c"]


def test_steps_of_other_workflows_must_exist(bench: Workbench) -> None:
    """What cannot be met is refused."""
    assert bench.refuse(
        """
        - workflowId: main
          steps:
            - {stepId: s, operationId: a, dependsOn: [$workflows.x.steps.nope]}
            - {stepId: t, operationId: a, dependsOn: [$workflows.nope.steps.s]}
            - {stepId: u, operationId: a, dependsOn: [$workflows.x]}
        - {workflowId: x, steps: [{stepId: s, operationId: b}]}
        """,
        version="1.1.0",
    ) == [
        "workflow `x` has no step `nope`",
        "no workflow `nope` in this document",
        "`$workflows.x` does not refer to a step",
    ]


def test_a_called_workflow_knows_those_that_ran_before(bench: Workbench, service: Service) -> None:
    """What its caller knows of other workflows of the document."""
    service.answers("GET /b", Answer(body={"v": 5}))
    result = bench.run(
        """
        - workflowId: main
          steps: [{stepId: s, workflowId: one}, {stepId: t, workflowId: two}]
        - workflowId: one
          steps: [{stepId: x, operationId: b, outputs: {v: $response.body#/v}}]
          outputs: {v: $steps.x.outputs.v}
        - workflowId: two
          steps:
            - stepId: y
              operationId: a
              parameters: [{name: q, in: query, value: $workflows.one.outputs.v}]
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.seen[-1].query == "q=5"


def test_a_goto_to_a_workflow_of_another_document(bench: Workbench, service: Service) -> None:
    """Its outputs are those of the run, too."""
    service.answers("GET /b", Answer(body={"v": 5}))
    _write_other(
        bench,
        "  - workflowId: w\n"
        "    steps: [{stepId: s, operationId: b, outputs: {v: $response.body#/v}}]\n"
        "    outputs: {v: $steps.s.outputs.v}",
    )
    result = bench.run(
        """
        - workflowId: main
          successActions: [{name: g, type: goto, workflowId: $sourceDescriptions.other.w}]
          steps: [{stepId: s, operationId: a}, {stepId: t, operationId: c}]
        """
    )
    assert result.outcome is Outcome.PASSED
    assert service.lines == ["GET /a", "GET /b"]
    assert dict(result.outputs) == {"v": 5}
