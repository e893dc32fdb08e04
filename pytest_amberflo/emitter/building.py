"""Puts the trial of one item together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.arazzo.errors import EvaluationError
from pytest_amberflo.arazzo.expression import InputRef
from pytest_amberflo.arazzo.scope import Scope
from pytest_amberflo.arazzo.template import find_expressions, render
from pytest_amberflo.control import ServerControl
from pytest_amberflo.emitter.faults import EmitterVariant
from pytest_amberflo.emitter.listener import Listener
from pytest_amberflo.emitter.trial import Hands, Trial
from pytest_amberflo.emitter.watch import Watch, make_patience

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.emitter.trial import Parts
    from pytest_amberflo.execution import MeteredStep, PreparedWorkflow
    from pytest_amberflo.run import Run

#: How fresh customers of any run begin.
_FRESH: Final = "pt-"


def make_trial(
    run: Run,
    prepared: PreparedWorkflow,
    inputs: Mapping[str, Any],
    variant: str | None,
    parts: Parts,
    *,
    hands: Hands | None,
    is_heard: bool,
) -> Trial:
    """The trial of an item. Raises VariantSkippedError where its variant cannot be.

    `is_heard`: whether the item's requests go to the run's own target.
    """
    hands = hands or Hands(flush=lambda: None)
    is_ours = is_heard and run.settings.target.kind == "embedded"
    control = make_control(run) if is_ours else None
    known = _find_customers(prepared.metered, inputs)
    fresh = {v for v in inputs.values() if isinstance(v, str) and run.is_own(v)}
    faulty = EmitterVariant(
        name=variant or "once",
        control=control,
        courier=parts.courier,
        customers=_choose_struck(run, known | fresh),
        restart=hands.restart,
        restarts_after=max(1, len(prepared.metered) // 2),
        is_repeatable=any(step.is_repeatable for step in prepared.metered),
    )
    faulty.check()
    api_key = inputs.get("apiKey")
    return Trial(
        run,
        parts,
        make_watch(run, control, frozenset(known | fresh)),
        hands,
        faulty,
        flush_step=prepared.extension.flush,
        api_key=api_key if isinstance(api_key, str) else run.api_key,
    )


def make_control(run: Run) -> ServerControl:
    """Control of the embedded server, for no customer in particular."""
    return ServerControl(run.client, url=run.target_url, token=run.control_token, customer="")


def make_watch(run: Run, control: ServerControl | None, customers: frozenset[str]) -> Watch:
    """The watch of an item or block that begins now."""
    # A service may still be sending what earlier items have left it with.
    last = run.customers_made

    def may_be_ours(customer: str | None) -> bool:
        """Not one that was made for an earlier item, or for one of another process."""
        if customer is None:
            return True
        number = run.number_of(customer)
        if number is not None:
            return number > last or run.name_customer(number) in customers
        return run.is_alone and not customer.startswith(_FRESH)

    return Watch(
        listener=None if control is None else Listener(control),
        rules=run.settings.dedup,
        patience=make_patience(run),
        customers=customers,
        is_shared=lambda customer: not run.is_alone and not run.is_own(customer),
        may_be_ours=may_be_ours,
        seconds_left=lambda: run.pace.seconds_left,
    )


def _find_customers(steps: Sequence[MeteredStep], inputs: Mapping[str, Any]) -> set[str]:
    """The customers that are known before any call: literal ones, and those of inputs."""
    scope = Scope(inputs=inputs, declared_inputs=frozenset(inputs))
    found: set[str] = set()
    for step in steps:
        for spec in step.specs:
            sources = [expression for _, expression in find_expressions(spec.customer)]
            if not step.is_outermost and sources:
                continue  # its inputs are those that it is called with
            if not all(isinstance(expression, InputRef) for expression in sources):
                continue
            try:
                value = render(spec.customer, scope)
            except EvaluationError:
                continue
            if isinstance(value, str):
                found.add(value)
    return found


def _choose_struck(run: Run, customers: set[str]) -> tuple[str, ...]:
    """Whom faults may be for: customers that no other process sends for."""
    return tuple(sorted(c for c in customers if run.is_alone or run.is_own(c)))
