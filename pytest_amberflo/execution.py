"""One item: a workflow with its inputs, run and judged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.events import Outcome
from pytest_amberflo.arazzo.limits import Limits
from pytest_amberflo.arazzo.runner import Runner
from pytest_amberflo.courier import Courier
from pytest_amberflo.deferral import HOLDS_A_KEY, NO_LEDGER, Deferral
from pytest_amberflo.http.address import find_host, is_amberflo_host
from pytest_amberflo.http.redact import is_secret_name
from pytest_amberflo.ingestion import Ingestion
from pytest_amberflo.inputs import InputError, Inputs, check_inputs
from pytest_amberflo.judge import UsageJudge
from pytest_amberflo.patience import PatientClock
from pytest_amberflo.prior import PriorUsage
from pytest_amberflo.reader import UsageReader
from pytest_amberflo.sender import Sender
from pytest_amberflo.settings import VARIANTS
from pytest_amberflo.variants import Variant
from pytest_amberflo.verdict import CheckOutcome, ItemResult, Tally, Verdict
from pytest_amberflo.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.errors import Problem
    from pytest_amberflo.arazzo.events import Route, WorkflowResult
    from pytest_amberflo.arazzo.input_schema import InputSchema
    from pytest_amberflo.arazzo.model import Workflow
    from pytest_amberflo.arazzo.operation import ApiDescription, Operation
    from pytest_amberflo.arazzo.rehearsal import Rehearsal
    from pytest_amberflo.arazzo.source import Pointer
    from pytest_amberflo.emitter.trial import Hands, Trial
    from pytest_amberflo.extension import StepExtension, WorkflowExtension
    from pytest_amberflo.extension_value import MeterSpec
    from pytest_amberflo.metering.deferral import Entry
    from pytest_amberflo.run import Run
    from pytest_amberflo.verdict import Check

#: An item is over in time, whatever its document and the service say.
_LIMITS: Final = Limits(duration_s=1800)
#: A step by the URI of its document, its workflowId and its stepId.
StepKey: TypeAlias = tuple[str, str, str]
#: A workflow by the URI of its document and its workflowId.
WorkflowKey: TypeAlias = tuple[str, str]
_GREEN: Final = (Verdict.PASSED, Verdict.DEFERRED)


class MeteredStep(Struct, frozen=True, kw_only=True):
    """A step that says what its call must meter."""

    specs: tuple[MeterSpec, ...]
    #: Whether its call has an idempotency key, so that it may be sent again.
    is_repeatable: bool
    #: Whether it is of the workflow itself, not of one that it leads to.
    is_outermost: bool


class PreparedWorkflow(Struct, frozen=True, kw_only=True):
    """A workflow that passed every check at collection."""

    bound: BoundDocument
    workflow: Workflow
    extension: WorkflowExtension
    #: Of each step of this document, and of those that it refers to, that says something.
    step_extensions: Mapping[StepKey, StepExtension]
    #: Whether a step of it, or of a workflow that it leads to, ingests events.
    ingests: bool
    #: The workflows that a document names as a dependency, a step, or where an action leads.
    calls: frozenset[WorkflowKey]
    #: The first line of the workflow, from 1.
    line: int
    #: The steps that say what their call must meter, here and in workflows that it leads to.
    metered: tuple[MeteredStep, ...] = ()
    #: What is odd about it, and does not keep it from being run.
    warnings: tuple[Problem, ...] = ()

    @property
    def key(self) -> WorkflowKey:
        """What the workflow is known by."""
        return self.bound.document.source.uri, self.workflow.workflow_id

    @property
    def input_schema(self) -> InputSchema:
        """The schema of the inputs."""
        return self.bound.inputs_of(self.workflow)


class Execution:
    """A run of one item. `prepare` finds what is wrong before any request is sent."""

    def __init__(
        self,
        run: Run,
        prepared: PreparedWorkflow,
        inputs: Inputs,
        *,
        variant: str | None = None,
        url: str | None = None,
        servers: Mapping[str, str] | None = None,
        hands: Hands | None = None,
    ) -> None:
        """`url` is where Amberflo's own hosts are sent, where that is not the run's target.

        `servers` says where other sources are, by name, where no option does. `hands` are what
        a user has given to move the service under test.
        """
        self._run = run
        self._prepared = prepared
        self._inputs = inputs
        self._variant = variant
        self._url = url
        self._servers = servers or {}
        self._hands = hands

    def prepare(self) -> None:
        """Check the inputs and the descriptions. Raises InputError."""
        prepared = self._prepared
        register_secrets(self._run, prepared.input_schema, self._inputs.values)
        check_inputs(prepared.workflow, prepared.input_schema, self._inputs)
        for description, operations in list_used(prepared.bound):
            try:
                self._run.contract_of(description).prepare(operations)
            except DocumentError as error:
                raise InputError(str(error)) from None

    def run(self) -> ItemResult:
        """The result of the item; never raises for what the service does.

        Raises VariantSkippedError where the variant makes no sense for the workflow.
        """
        run, prepared = self._run, self._prepared
        tally, clock = Tally(), PatientClock(seconds_left=lambda: run.pace.seconds_left)
        is_alone = run.is_alone and self._url is None
        is_live = run.terms.is_live or is_amberflo_host(find_host(self._url or ""))
        terms = replace(run.terms, knows_all_writers=is_alone, is_live=is_live)
        route = partial(run.route, url=self._url, servers=self._servers)
        judge = UsageJudge(run.ledger, tally, clock, terms)
        courier = Courier(run, clock, tally, prepared.step_extensions)
        reader = UsageReader(run, courier, judge)
        witness = Witness(prepared.bound, courier, reader, judge, route)
        engine: Runner | Rehearsal
        trial = None
        if run.settings.is_dry_run:
            from pytest_amberflo.arazzo.rehearsal import Rehearsal  # noqa: PLC0415  a dry run

            engine = Rehearsal(inspect=courier.admit, route=route)
        else:
            ingestion = Ingestion(run, courier, judge, clock, tally)
            name = self._variant if self._variant in VARIANTS else None
            variant = Variant(name, run, courier, ingestion, judge, witness, clock)
            prior = PriorUsage(
                run, prepared, self._inputs.values, courier, reader, judge, witness, route
            )
            trial = self._make_trial(courier, judge, witness, route)
            sender = Sender(run, clock, courier, variant, reader, judge, prior, trial)
            engine = Runner(send=sender, route=route, clock=clock, limits=_LIMITS)
        result = engine.run(prepared.bound, prepared.workflow, self._inputs.values)
        if trial is not None:
            trial.finish()
        if _decide(result, courier.checks, judge.not_in_ledger) in _GREEN:
            witness.ask()
        deferral = Deferral(
            run, self._variant, judge, reader, witness, route, self._url or run.target_url
        )
        verdict, reasons, entry = _conclude(result, courier.checks, judge, deferral)
        return ItemResult(
            verdict=verdict,
            workflow=result,
            checks=tuple(courier.checks),
            tally=tally,
            reasons=reasons,
            entry=entry,
            input_origins=self._inputs.origins,
            key_origin=self._describe_key(),
            target=self._url or str(run.settings.target),
            duration_s=result.duration_s,
            emission=trial.emission if trial is not None else None,
        )

    def _make_trial(
        self, courier: Courier, judge: UsageJudge, witness: Witness, route: Route
    ) -> Trial | None:
        """The trial of the user's service; None where no step says what its call meters."""
        if not self._prepared.metered:
            return None
        from pytest_amberflo.emitter.building import make_trial  # noqa: PLC0415  only with meters
        from pytest_amberflo.emitter.trial import Parts  # noqa: PLC0415

        return make_trial(
            self._run,
            self._prepared,
            self._inputs.values,
            self._variant,
            Parts(courier=courier, judge=judge, witness=witness, route=route),
            hands=self._hands,
            is_heard=self._url is None,
        )

    def _describe_key(self) -> str:
        value = self._inputs.values.get("apiKey")
        if not isinstance(value, str):
            return "no input apiKey"
        origin = self._inputs.origins.get("apiKey", "an input")
        if value == self._run.settings.api_key:
            origin = "AMBERFLO_API_KEY from the environment"
        elif value == self._run.api_key:
            origin = "made for this run: AMBERFLO_API_KEY is not set"
        return f"{origin}, {len(value)} characters"


def list_used(bound: BoundDocument) -> list[tuple[ApiDescription, list[Operation]]]:
    """Every description of a document and of those it refers to, with what they call of it."""
    called: dict[int, dict[Pointer, Operation]] = {}
    for document in bound.each_document():
        for target in document.list_targets():
            operation = target.operation
            called.setdefault(id(target.description), {})[operation.pointer] = operation
    return [
        (description, list(called.get(id(description), {}).values()))
        for description in bound.each_description()
    ]


def register_secrets(run: Run, schema: InputSchema, values: Mapping[str, Any]) -> None:
    """Mask inputs that are secret by their schema's format or by their name from now on."""
    for name, value in values.items():
        member = schema.properties.get(name, {})
        if member.get("format") == "password" or is_secret_name(name):
            run.redactor.register(value)


def _conclude(
    result: WorkflowResult, checks: Sequence[Check], judge: UsageJudge, deferral: Deferral
) -> tuple[Verdict, tuple[str, ...], Entry | None]:
    """The verdict, why nothing could be concluded, and what is kept to be judged later."""
    reasons = tuple(judge.not_in_ledger)
    verdict = _decide(result, checks, reasons)
    if verdict is Verdict.PASSED and deferral.is_due:
        verdict = Verdict.DEFERRED
    if verdict is not Verdict.DEFERRED:
        unobserved = judge.find_unobserved()
        if unobserved:
            reasons = (*reasons, *unobserved)
            verdict = _decide(result, checks, reasons)
    if verdict is Verdict.ERROR:
        reasons = ()
    entry = deferral.make_entry(verdict)
    if entry is None:
        is_lost = verdict is Verdict.DEFERRED
        return (Verdict.ERROR, (NO_LEDGER,), None) if is_lost else (verdict, reasons, None)
    if deferral.holds_secret(entry):
        is_red = verdict not in _GREEN
        return verdict if is_red else Verdict.ERROR, (*reasons, HOLDS_A_KEY), None
    return verdict, reasons, entry


def _decide(result: WorkflowResult, checks: Sequence[Check], reasons: Sequence[str]) -> Verdict:
    outcomes = [check.outcome for check in checks]
    is_passed = outcomes.count(CheckOutcome.PASSED) == len(outcomes)
    if is_passed and result.outcome is Outcome.PASSED and not reasons:
        return Verdict.PASSED
    if CheckOutcome.FAILED in outcomes:
        return Verdict.FAILED
    if any(check.name == "deadline" for check in checks):
        return Verdict.UNVERIFIED
    if CheckOutcome.ERROR in outcomes or result.outcome is Outcome.ERROR:
        return Verdict.ERROR
    if result.outcome is Outcome.FAILED and not _is_fresh(result, checks):
        return Verdict.FAILED
    if CheckOutcome.UNVERIFIED in outcomes or reasons:
        return Verdict.UNVERIFIED
    return Verdict.DEFERRED if CheckOutcome.DEFERRED in outcomes else Verdict.PASSED


def _is_fresh(result: WorkflowResult, checks: Sequence[Check]) -> bool:
    """Whether a workflow failed by what it says of figures that may still count copies."""
    failed = [step for step in result.each_step() if step.outcome is Outcome.FAILED]
    deferred = {check.call for check in checks if check.outcome is CheckOutcome.DEFERRED}
    return bool(failed) and failed[-1].call in deferred
