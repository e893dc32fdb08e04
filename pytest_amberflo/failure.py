"""The text of a red item: what is wrong, where, with which messages, and what to try next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.arazzo.excerpt import quote_lines
from pytest_amberflo.arazzo.plan import PlanError
from pytest_amberflo.arazzo.template import find_expressions, to_text
from pytest_amberflo.check_text import describe_violations
from pytest_amberflo.emitter_text import describe_emission
from pytest_amberflo.exchange_text import clean, describe_exchange, describe_request, shorten
from pytest_amberflo.usage_text import describe_usage, summarize_usage
from pytest_amberflo.verdict import (
    Check,
    CheckOutcome,
    ContractDetail,
    EmissionDetail,
    UsageDetail,
    Verdict,
)

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.criteria import CriterionResult, EvaluatedOperand
    from pytest_amberflo.arazzo.events import StepResult, WorkflowResult
    from pytest_amberflo.arazzo.model import Place, Step
    from pytest_amberflo.http.redact import Redactor
    from pytest_amberflo.verdict import ItemResult


class FailureText(str):
    """Plain text that colours itself on a terminal; it stays plain in every other report."""

    __slots__ = ()

    def toterminal(self, tw: Any) -> None:
        """Write the text to pytest's terminal writer."""
        for number, line in enumerate(self.splitlines()):
            is_marked = line.startswith("  >") or line.lstrip().startswith("^")
            if number == 0:
                tw.line(line, bold=True, red=True)
            else:
                tw.line(line, red=is_marked)


class WorkflowFailure(AssertionError):  # noqa: N818  pytest shows the name of an assertion
    """An item is red; carries its result."""

    def __init__(self, result: ItemResult) -> None:
        super().__init__(result.workflow.workflow.workflow_id)
        self.result = result


def describe_failure(result: ItemResult, redactor: Redactor) -> FailureText:
    """The text of a red item, secrets masked; the first line says it in short."""
    parts = _Parts(result, redactor)
    return FailureText(clean(redactor.redact("\n".join(parts.render()))))


class _Parts:
    """Puts the text together, step by step."""

    def __init__(self, result: ItemResult, redactor: Redactor) -> None:
        self._result = result
        self._redactor = redactor
        self._lines: list[str] = []
        self._headline: str | None = None

    def render(self) -> list[str]:
        if self._result.verdict is Verdict.ERROR:
            self._add_reasons()
        for step in self._result.workflow.each_step():
            self._add_step(step)
        self._add_workflow_error(self._result.workflow)
        if self._result.verdict is Verdict.UNVERIFIED:
            self._add_reasons()
        return [self._headline or self._result.verdict.value, "", *self._lines]

    def _add_step(self, result: StepResult) -> None:
        blocks = self._blocks_of(result)
        if not blocks:
            return
        if self._lines:
            self._lines.append("")
        source = result.document.source
        span = blocks[0][0].find_in(source)
        self._lines += [f"{source.name}:{span.line}  step {result.step.step_id}", ""]
        for _, body in blocks:
            self._lines += [*("  " + line if line else "" for line in body), ""]
        quoted = quote_lines(source.text, span, before=2, after=1, point=False)
        self._lines += [*quoted, ""]
        self._lines += self._messages_of(result)

    def _blocks_of(self, result: StepResult) -> list[tuple[Place, list[str]]]:
        step = result.step
        blocks: list[tuple[Place, list[str]]] = []
        checks = [
            check
            for check in self._result.checks_of(result)
            if check.outcome is not CheckOutcome.PASSED
        ]
        errors_first = sorted(checks, key=lambda check: check.outcome is CheckOutcome.WARNED)
        blocks += [(_place_of(step, check), self._describe_check(check)) for check in errors_first]
        blocks += self._blocks_of_criteria(result)
        if result.refusal is not None and not checks:
            self._say(f"step {step.step_id}: {result.refusal}")
            blocks.append((step.place, result.refusal.splitlines()))
        if result.error is not None:
            blocks.append((_place_of_error(result), self._describe_error(result)))
        return blocks

    def _blocks_of_criteria(self, result: StepResult) -> list[tuple[Place, list[str]]]:
        response = result.exchange.response if result.exchange is not None else None
        if result.outcome is not Outcome.FAILED or response is None:
            return []
        if not result.criteria:
            self._say(f"step {result.step.step_id}: status {response.status} is no success")
            text = f"status {response.status}: a step without criteria succeeds with 2xx"
            return [(result.step.place, [text])]
        return [
            (found.criterion.place, self._describe_criterion(found, result))
            for found in result.criteria
            if not found.passed
        ]

    def _describe_check(self, check: Check) -> list[str]:
        detail = check.detail
        prefix = "warning: " if check.outcome is CheckOutcome.WARNED else ""
        if isinstance(detail, ContractDetail):
            first = detail.violations[0]
            self._say(f"{check.message}: {first.path}  {first.rule}", check)
            return [prefix + check.message, *describe_violations(detail)]
        if isinstance(detail, EmissionDetail):
            self._say(check.message, check)
            return [*([prefix] if prefix else []), *describe_emission(detail.emission)]
        if isinstance(detail, UsageDetail) and detail.judgement is not None:
            self._say(summarize_usage(detail), check)
            return [*([prefix] if prefix else []), *describe_usage(detail)]
        self._say(f"step {check.step_id}: {check.message}", check)
        lines = [prefix + check.message]
        hint = self._hint_for_transport(check)
        return [*lines, hint] if hint else lines

    def _hint_for_transport(self, check: Check) -> str | None:
        failure = check.exchange.failure if check.exchange is not None else None
        if failure is None or failure.kind != "connect":
            return None
        return (
            f"Is the service running there? The target is {self._result.target}; "
            "--amberflo-target says another."
        )

    def _describe_criterion(self, result: CriterionResult, step: StepResult) -> list[str]:
        criteria = step.criteria
        number = criteria.index(result) + 1
        title = f"criterion {number} of {len(criteria)} failed:  {result.criterion.condition}"
        values = [_describe_operand(operand) for operand in result.operands]
        self._say(
            f"step {step.step.step_id}: {result.criterion.condition} failed"
            + (f" ({'; '.join(values)})" if values else "")
        )
        lines = [title, *(f"    {value}" for value in values)]
        if result.error is not None:
            lines.append(f"    {result.error}")
        hint = self._hint_for_status(step)
        return [*lines, hint] if hint else lines

    def _hint_for_status(self, step: StepResult) -> str | None:
        response = step.exchange.response if step.exchange is not None else None
        if response is None:
            return None
        if response.status in (401, 403):
            return f"The service refused the key ({self._result.key_origin})."
        if response.status == 404:
            return "The target does not know this path; is its base URL right?"
        return None

    def _describe_error(self, result: StepResult) -> list[str]:
        error = result.error
        if isinstance(error, PlanError):
            self._say(f"step {result.step.step_id}: {error}")
            return [f"the request cannot be built: {error}"]
        self._say(f"step {result.step.step_id}: an output has no value: {error}")
        return [f"an output has no value: {error}"]

    def _messages_of(self, result: StepResult) -> list[str]:
        exchange = result.exchange
        for check in self._result.checks_of(result):
            if check.outcome is not CheckOutcome.PASSED and check.exchange is not None:
                exchange = check.exchange
        if exchange is not None:
            return describe_exchange(exchange, self._redactor)
        if result.sent is not None:
            return [*describe_request(result.sent.request, self._redactor), "  (not sent)"]
        return []

    def _add_workflow_error(self, result: WorkflowResult) -> None:
        """Why a workflow ended where no step of it says so."""
        for other in result.others:
            self._add_workflow_error(other)
        if result.error is None:
            return
        workflow = result.workflow
        text = str(result.error)
        if isinstance(result.error, EvaluationError):
            text = f"an output of the workflow has no value: {text}"
        self._say(f"workflow {workflow.workflow_id}: {text}")
        source = result.document.source
        place = f"{source.name}:{workflow.place.find_in(source).line}"
        self._lines += ["", f"{place}  workflow {workflow.workflow_id}", "", f"  {text}", ""]

    def _add_reasons(self) -> None:
        reasons = self._result.reasons
        if reasons:
            is_error = self._result.verdict is Verdict.ERROR
            self._say(reasons[0] if is_error else f"unverified: {reasons[0]}")
            workflow = self._result.workflow.workflow
            source = self._result.workflow.document.source
            place = f"{source.name}:{workflow.place.find_in(source).line}"
            self._lines += [
                f"{place}  workflow {workflow.workflow_id}",
                "",
                *([] if is_error else ["  Nothing wrong was seen, and nothing could have been:"]),
                *(f"    {reason}" for reason in reasons),
            ]

    def _say(self, headline: str, check: Check | None = None) -> None:
        """The first line of the text is the first thing that is wrong; warnings come last."""
        if check is not None and check.outcome is CheckOutcome.WARNED:
            return
        self._headline = self._headline or shorten(headline, 200)


def _describe_operand(operand: EvaluatedOperand) -> str:
    if operand.error is not None:
        return f"{operand.text}: {operand.error}"
    value = repr(operand.value) if isinstance(operand.value, str) else to_text(operand.value)
    return f"{operand.text} is {shorten(value, 300)}"


def _place_of(step: Step, check: Check) -> Place:
    body = step.request_body
    if check.name in ("usage", "request") and body is not None:
        return body.place
    return step.place


def _place_of_error(result: StepResult) -> Place:
    error, step = result.error, result.step
    if isinstance(error, PlanError):
        for parameter in step.parameters:
            if parameter.place.pointer == error.pointer:
                return parameter.place
        return step.request_body.place if step.request_body else step.place
    for output in step.outputs:
        expressions = [str(expression) for _, expression in find_expressions(output.value)]
        if error is not None and any(text in str(error) for text in expressions):
            return output.place
    return step.place
