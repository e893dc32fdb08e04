"""Inputs of an item, gathered from fixtures, options, files and rows, and made an execution."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.source import read_source
from pytest_amberflo.exchange_text import clean
from pytest_amberflo.execution import Execution, register_secrets
from pytest_amberflo.inputs import (
    InputError,
    Inputs,
    InputSources,
    MissingInputsError,
    collect_inputs,
    select_file_inputs,
)
from pytest_amberflo.nodes import REFUSAL
from pytest_amberflo.target import check_override, check_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_amberflo.emitter.trial import Hands
    from pytest_amberflo.nodes import WorkflowItem
    from pytest_amberflo.run import Run

#: Where a fixture of the user's takes the place of `amberflo_inputs` and never asks for it.
_NOTHING: Final = Inputs(values={}, origins={})


def gather_inputs(item: WorkflowItem, run: Run, read: Callable[[str], Any]) -> Inputs:
    """The inputs of an item with where each is from; where one is unusable, the item errs.

    `read` gives the value of a fixture.
    """
    __tracebackhide__ = True

    def read_fixture(name: str) -> Any:
        __tracebackhide__ = True
        fixture, _, attribute = name.partition(".")
        value = read(fixture)
        if not attribute:
            return value
        found = getattr(value, attribute, _NOTHING)
        if found is _NOTHING:
            raise InputError(f"the fixture {fixture} gives {value!r}, which has no `{attribute}`")
        return found

    workflow, row = item.prepared.workflow, item.row
    schema = item.prepared.input_schema
    try:
        file = _read_file(run.settings.input_file)
        sources = InputSources(
            options=run.settings.inputs,
            file=select_file_inputs(file, workflow.workflow_id),
            row=row.inputs if row is not None else {},
            fixtures=item.prepared.extension.inputs,
            without=run.settings.without & schema.properties.keys()
            | (row.without if row is not None else frozenset()),
            read_fixture=read_fixture,
        )
        inputs = collect_inputs(workflow, schema, sources)
    except InputError as error:
        message = str(error)
    else:
        # Before a user's fixture sees them: it may print them, or break with them in its locals.
        register_secrets(run, schema, inputs.values)
        return inputs
    # Outside the handler: pytest would show the error a second time, as a cause.
    pytest.fail(clean(run.redactor.redact(message)), pytrace=False)


def prepare_execution(
    item: WorkflowItem, run: Run, values: Any, url: str | None, servers: Any
) -> Execution:
    """The execution of an item, its inputs checked; an error of the item where they are wrong.

    `url` and `servers` are what fixtures say of where requests go.
    """
    message = item.config.stash.get(REFUSAL, None)
    if message is not None:
        pytest.fail(message, pytrace=False)
    gathered, item.progress.gathered = item.progress.gathered or _NOTHING, None
    try:
        inputs = _trace_inputs(gathered, values)
        hands = find_hands(item, run) if item.prepared.metered else None
        execution = Execution(
            run,
            item.prepared,
            inputs,
            variant=item.variant,
            url=url,
            servers=_check_servers(servers),
            hands=hands,
        )
        execution.prepare()
    except MissingInputsError as error:
        if item.prepared.key in run.called and not item.session.isinitpath(item.path):
            names = ", ".join(error.names)
            pytest.skip(f"another workflow calls it, and nothing gives its inputs: {names}")
        message = str(error)
    except InputError as error:
        message = str(error)
    else:
        return execution
    pytest.fail(clean(run.redactor.redact(message)), pytrace=False)


def _check_servers(servers: Any) -> Mapping[str, str]:
    """Where sources are, as the fixture says it. Raises InputError."""
    name = "the fixture amberflo_servers"
    if not isinstance(servers, Mapping):
        raise InputError(f"{name} gives {servers!r}; a mapping of URLs by source is due")
    try:
        return {
            str(source): check_url(str(url), f"{name}, {source}")
            for source, url in servers.items()
        }
    except pytest.UsageError as error:
        raise InputError(str(error).removeprefix("amberflo: ")) from None


def find_hands(item: pytest.Item, run: Run) -> Hands:
    """What the user has given to move the service under test: hooks, or a command."""
    from pytest_amberflo.emitter.choice import has_restart_hook  # noqa: PLC0415  only with meters
    from pytest_amberflo.emitter.restart import run_restart  # noqa: PLC0415
    from pytest_amberflo.emitter.trial import Hands  # noqa: PLC0415

    command = run.settings.emitter.restart
    restart: Callable[[], None] | None = None
    if has_restart_hook(item.ihook):
        restart = partial(item.ihook.pytest_amberflo_restart_emitter, item=item)
    elif command is not None:
        restart = partial(run_restart, command, item.config.rootpath)
    return Hands(
        flush=partial(item.ihook.pytest_amberflo_flush_emitter, item=item), restart=restart
    )


def check_place(run: Run, url: Any, target: Any) -> str | None:
    """Where a user's fixtures send Amberflo's own hosts, or None for the target of the run.

    A URL off this machine is refused unless it is of the target's host.
    """
    __tracebackhide__ = True
    if target != run.settings.target:
        text = "amberflo_target only tells the target: --amberflo-target or amberflo_url set it"
        pytest.fail(f"the fixture {text}", pytrace=False)
    if url == run.target_url:
        return None
    try:
        return check_override(url, run.settings)
    except pytest.UsageError as error:
        message = str(error)
    pytest.fail(clean(run.redactor.redact(message)), pytrace=False)


def _trace_inputs(gathered: Inputs, values: Any) -> Inputs:
    """The inputs as the fixture `amberflo_inputs` gave them, with their origins."""
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise InputError(
            f"the fixture amberflo_inputs gives {values!r}; a mapping of inputs by name is due"
        )
    if values == gathered.values:
        return Inputs(values=dict(values), origins=gathered.origins)
    origins = {
        name: gathered.origins[name]
        if name in gathered.origins and gathered.values[name] == value
        else "the fixture amberflo_inputs"
        for name, value in values.items()
    }
    return Inputs(values=dict(values), origins=origins)


@lru_cache(maxsize=4)
def _read_file(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        data = read_source(path, name=str(path)).data
    except DocumentError as error:
        raise InputError(f"the input file cannot be used\n{error}") from None
    if not isinstance(data, dict):
        raise InputError(f"the input file {path} holds no object of inputs by name")
    return data
