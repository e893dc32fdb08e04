"""Short ways to write documents, messages and settings for the tests of the plugin's parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.arazzo.bound import BoundDocument
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.source import parse_source
from pytest_amberflo.http.exchange import Exchange, Request, Response, TransportFailure
from pytest_amberflo.settings import FILE_NAMES, VARIANTS, Settings, Target

if TYPE_CHECKING:
    from pytest_amberflo.arazzo.input_schema import InputSchema
    from pytest_amberflo.arazzo.model import Document, Workflow

#: Saturday 2026-11-21 00:00 UTC.
DAY: Final = 1_795_219_200
INGEST_URL: Final = "http://127.0.0.1:8787/ingest"

_BASE: Final[dict[str, Any]] = {
    "arazzo": "1.0.1",
    "info": {"title": "t", "version": "1"},
    "sourceDescriptions": [{"name": "api", "url": "api.yaml", "type": "openapi"}],
}


def make_document(
    workflow_extension: Any = None,
    *,
    step_extension: Any = None,
    inputs: Any = None,
    workflow_id: str = "wf",
) -> Document:
    """A document of one workflow with one step, as JSON text with a member a line."""
    step: dict[str, Any] = {"stepId": "send", "operationId": "ingestMeterEvents"}
    if step_extension is not None:
        step["x-amberflo"] = step_extension
    workflow: dict[str, Any] = {"workflowId": workflow_id, "steps": [step]}
    if inputs is not None:
        workflow["inputs"] = inputs
    if workflow_extension is not None:
        workflow["x-amberflo"] = workflow_extension
    text = json.dumps(_BASE | {"workflows": [workflow]}, indent=1)
    return load_document(parse_source(text, name="wf.arazzo.json", uri="file:///wf.arazzo.json"))


def bind(document: Document) -> BoundDocument:
    """The document, its operations and other documents left out."""
    return BoundDocument(document=document, descriptions={}, documents={}, targets={})


def make_workflow(inputs: Any, *, workflow_id: str = "wf") -> tuple[Workflow, InputSchema]:
    """A workflow with this schema of inputs, and the schema as the plugin reads it."""
    document = make_document(inputs=inputs, workflow_id=workflow_id)
    workflow = document.workflows[0]
    return workflow, bind(document).inputs_of(workflow)


def declare(*required: str, **schemas: Any) -> dict[str, Any]:
    """A schema of inputs with these properties."""
    return {"type": "object", "required": list(required), "properties": schemas}


def make_exchange(
    body: bytes | None = b"{}",
    *,
    status: int | None = 200,
    headers: tuple[tuple[str, str], ...] = (),
    sent: bool = True,
    answer: bytes = b"",
    url: str = INGEST_URL,
) -> Exchange:
    """An exchange; without a status it got no answer, and may not even have been sent."""
    request = Request(method="POST", url=url, body=body)
    failure = TransportFailure(kind="read", message="it broke", sent=sent)
    return Exchange(
        request=request,
        response=None if status is None else Response(status=status, headers=headers, body=answer),
        failure=failure if status is None else None,
        started_at=float(DAY),
        elapsed_s=0.012,
    )


def make_settings(**changes: Any) -> Settings:
    """Settings as they are by default, with changes."""
    settings = Settings(
        target=Target(kind="embedded", url=None, origin="default"),
        require=None,
        api_key=None,
        min_judged=None,
        servers={},
        allow_hosts=frozenset(),
        inputs={},
        without=frozenset(),
        input_file=None,
        variants=VARIANTS,
        settle_s=5.0,
        hold_s=0.0,
        timeout_s=10.0,
        severity={},
        trace=None,
        takes_bare_ids=False,
        file_names=FILE_NAMES,
    )
    return replace(settings, **changes)


class StepClock:
    """A clock that moves when somebody sleeps."""

    def __init__(self, moment: float = 50.0) -> None:
        self.moment = moment
        self.pauses: list[float] = []

    def now(self) -> float:
        """The present moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.moment += seconds
