"""What pytest calls of an item: its workflow is run, its result told and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_amberflo.nodes import run_of
from pytest_amberflo.summary import note_result
from pytest_amberflo.variants import VariantSkippedError
from pytest_amberflo.verdict import Verdict

if TYPE_CHECKING:
    from pytest_amberflo.execution import Execution
    from pytest_amberflo.nodes import WorkflowItem


def run_item(item: WorkflowItem, execution: Execution) -> None:
    """Run an item's workflow and keep its result. Raises WorkflowFailure where it is red."""
    __tracebackhide__ = True
    skipped = ""
    try:
        result = execution.run()
    except VariantSkippedError as error:
        skipped = str(error)
    if skipped:
        pytest.skip(run_of(item.config).redactor.redact(skipped))
    note_result(item, result)
    item.config.hook.pytest_amberflo_workflow_result(item=item, result=result)
    if result.verdict not in (Verdict.PASSED, Verdict.DEFERRED):
        from pytest_amberflo.failure import WorkflowFailure  # noqa: PLC0415  only a red run

        raise WorkflowFailure(result)
