"""Inputs of an item, gathered from fixtures, options, files and rows, and made an execution."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.source import read_source
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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_amberflo.nodes import WorkflowItem
    from pytest_amberflo.run import Run


def gather_inputs(request: pytest.FixtureRequest, item: WorkflowItem, run: Run) -> Inputs:
    """The inputs of an item with where each is from; where one is unusable, the item errs."""

    def read_fixture(name: str) -> Any:
        fixture, _, attribute = name.partition(".")
        value = request.getfixturevalue(fixture)
        return getattr(value, attribute) if attribute else value

    workflow, row = item.prepared.workflow, item.row
    schema = item.prepared.input_schema
    message = item.config.stash.get(REFUSAL, None)
    if message is not None:
        pytest.fail(message, pytrace=False)
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
    pytest.fail(run.redactor.redact(message), pytrace=False)


def prepare_execution(
    item: WorkflowItem, run: Run, gathered: Inputs, values: Mapping[str, Any]
) -> Execution:
    """The execution of an item, its inputs checked; an error of the item where they are wrong."""
    origins = {
        name: gathered.origins[name]
        if name in gathered.origins and gathered.values[name] == value
        else "the fixture amberflo_inputs"
        for name, value in values.items()
    }
    inputs = Inputs(values=dict(values), origins=origins)
    execution = Execution(run, item.prepared, inputs, item.variant)
    try:
        execution.prepare()
    except MissingInputsError as error:
        message = str(error)
        missing = error.names
    except InputError as error:
        message, missing = str(error), ()
    else:
        return execution
    is_named = item.session.isinitpath(item.path)
    if missing and not is_named and item.prepared.key in run.called:
        names = ", ".join(missing)
        pytest.skip(f"it is for other workflows to call, and nothing else gives {names}")
    pytest.fail(run.redactor.redact(message), pytrace=False)


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
