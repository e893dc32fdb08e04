"""The ways of a workflow: which outputs can be known where, and steps that nothing leads to."""

from __future__ import annotations

import pytest
from unit.arazzo.arazzo_kit import Service, answer, load, run, write_workflow

from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.ways import find_unreached


def flow(first: str = "", second: str = "", third: str = "", *, rest: str = "") -> str:
    """A document of the steps `a`, `b` and `c`, each with further fields and an output `v`."""
    steps = [
        f"- stepId: {name}\n  operationId: listParcels\n  outputs: {{v: $response.body}}\n  {body}"
        for name, body in (("a", first), ("b", second), ("c", third))
    ]
    text = write_workflow("\n".join(steps), rest=rest)
    return text.replace("arazzo: 1.0.1", "arazzo: 1.1.0")


def unreached(text: str) -> list[str]:
    """The stepIds that are never reached, as the source spells them where warnings point."""
    document = load(text)
    assert check_document(document) == ()
    found = find_unreached(document, document.workflows[0])
    lines = text.splitlines()
    spans = [problem.span for problem in found if problem.span is not None]
    return [lines[s.line - 1][s.column - 1 : s.end_column - 1] for s in spans]


END = "{name: done, type: end}"
SOMETIMES = "{name: done, type: end, criteria: [{condition: $statusCode == 201}]}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (flow(), []),
        (flow(f"onSuccess: [{END}]"), ["b", "c"]),
        (flow(f"onSuccess: [{SOMETIMES}]"), []),
        (flow(f"onSuccess: [{SOMETIMES}, {{name: else, type: end}}]"), ["b", "c"]),
        (flow(f"onSuccess: [{END}, {{name: late, type: goto, stepId: c}}]"), ["b", "c"]),
        (flow(f"onFailure: [{END}]"), []),
        (flow("onSuccess: [{name: on, type: goto, stepId: c}]"), ["b"]),
        (
            flow(
                "onSuccess: [{name: on, type: goto, stepId: c}]",
                third="onFailure: [{name: mend, type: goto, stepId: b}]",
            ),
            [],
        ),
        (
            flow(
                "onSuccess: [{name: on, type: goto, stepId: c}]",
                third="onFailure: [{name: mend, type: retry, stepId: b}]",
            ),
            [],
        ),
        (flow("onSuccess: [{name: out, type: goto, workflowId: flow}]"), ["b", "c"]),
        (flow(f"onSuccess: [{END}]", "onSuccess: [{name: x, type: goto, stepId: c}]"), ["b", "c"]),
        (flow(rest=f"successActions: [{END}]"), ["b", "c"]),
        (
            flow(
                "onSuccess: [{name: done, type: goto, stepId: b}]", rest=f"successActions: [{END}]"
            ),
            ["c"],
        ),
        (flow("dependsOn: [c]", f"onSuccess: [{END}]"), ["a", "c"]),
    ],
)
def test_steps_that_no_flow_leads_to_are_found(text: str, names: list[str]) -> None:
    """Order and actions lead to steps; a criterion may hold or not, so it stops nothing."""
    assert unreached(text) == names


def test_the_warning_says_what_is_wrong() -> None:
    """It names the step."""
    document = load(flow("onSuccess: [{name: on, type: goto, stepId: c}]"))
    (problem,) = find_unreached(document, document.workflows[0])
    assert problem.message == (
        "step `b` is never reached: each step that could lead to it always ends the workflow or "
        "goes elsewhere"
    )


def messages(text: str) -> list[str]:
    """The message of every problem of a document."""
    return [problem.message for problem in check_document(load(text))]


READ_C = "successCriteria: [{condition: $steps.c.outputs.v != 1}]"
BACK = "onSuccess: [{name: again, type: goto, stepId: b, criteria: [{condition: $url}]}]"


def test_a_later_step_can_be_read_where_the_flow_comes_back() -> None:
    """What stands later in the document may have run before, if an action leads back."""
    assert messages(flow(second=READ_C)) == ["step `b` reads `$steps.c.outputs.v` of a later step"]
    assert messages(flow(second=READ_C, third=BACK)) == []
    assert messages(flow(READ_C, third=BACK)) == [
        "step `a` reads `$steps.c.outputs.v` of a later step"
    ]


def test_a_step_that_a_retry_runs_before_can_be_read() -> None:
    """It does not follow its own actions then; the flow comes back to the step that retries."""
    read = "requestBody: {payload: $steps.b.outputs.v}"
    start, end = "onSuccess: [{name: on, type: goto, stepId: c}]", f"onSuccess: [{END}]"
    retry = "onFailure: [{name: again, type: retry, stepId: b}]"
    assert messages(flow(start, end, f"{read}\n  {retry}")) == []
    assert messages(flow(start, end, read)) == [
        "step `c` reads `$steps.b.outputs.v` of a later step"
    ]


def test_the_actions_of_a_step_know_its_outputs() -> None:
    """Outputs are there once the step has passed: for its actions, not for its criteria."""
    jump = (
        "onSuccess: [{name: on, type: goto, stepId: c, "
        "criteria: [{condition: $steps.a.outputs.v.done == true}]}]"
    )
    text = flow(jump)
    assert messages(text) == []
    service = Service(answer(200, {"done": True}), answer(200))
    result = run(text, service)
    assert result.outcome is Outcome.PASSED
    assert [step.step.step_id for step in result.steps] == ["a", "c"]
    assert messages(flow("successCriteria: [{condition: $steps.a.outputs.v}]")) == [
        "step `a` reads `$steps.a.outputs.v` of itself"
    ]


def test_a_step_without_a_passed_run_has_no_outputs_for_its_actions() -> None:
    """After a failure the step's outputs are null in conditions."""
    mend = (
        "onFailure: [{name: on, type: goto, stepId: c, "
        "criteria: [{condition: $steps.a.outputs.v == null}]}]"
    )
    result = run(flow(mend), Service(answer(500), answer(200)))
    assert [step.step.step_id for step in result.steps] == ["a", "c"]
