"""Whether a workflow takes the inputs that another one, or a caller, hands to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_amberflo.arazzo.errors import ArazzoError
from pytest_amberflo.arazzo.input_schema import UnusableSchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_amberflo.arazzo.bound import BoundDocument
    from pytest_amberflo.arazzo.model import Workflow


class InputsRefusedError(ArazzoError):
    """A called workflow does not accept its inputs."""

    def __init__(self, workflow_id: str, reasons: Sequence[str]) -> None:
        super().__init__(workflow_id, tuple(reasons))
        self.workflow_id = workflow_id
        self.reasons = tuple(reasons)

    def __str__(self) -> str:
        """The workflow and every reason."""
        return (
            f"workflow `{self.workflow_id}` does not accept its inputs: {'; '.join(self.reasons)}"
        )


def accept_inputs(
    bound: BoundDocument, workflow: Workflow, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs of a workflow with its defaults. Raises InputsRefusedError."""
    schema = bound.inputs_of(workflow)
    filled = schema.fill(inputs)
    try:
        errors = schema.find_errors(filled)
    except UnusableSchemaError as error:
        raise InputsRefusedError(workflow.workflow_id, [str(error)]) from None
    reasons = [f"{error.json_path}: {error.message}" for error in errors]
    if reasons:
        raise InputsRefusedError(workflow.workflow_id, reasons)
    return filled
