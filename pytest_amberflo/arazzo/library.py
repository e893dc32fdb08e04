"""The engine for programs: load workflow documents, lint them, run one with a transport.

Nothing of pytest is needed, and no request leaves but through the caller's transport.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_amberflo.arazzo.acceptance import accept_inputs
from pytest_amberflo.arazzo.binding import bind_document
from pytest_amberflo.arazzo.bound import SourceError
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.events import Refusal
from pytest_amberflo.arazzo.lint import check_document
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.runner import Runner
from pytest_amberflo.arazzo.source import read_source
from pytest_amberflo.http.exchange import Exchange, Request, Response, TransportFailure
from pytest_amberflo.naming import find_nearest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from pytest_amberflo.arazzo.bound import BoundDocument, Target
    from pytest_amberflo.arazzo.errors import Problem
    from pytest_amberflo.arazzo.events import Call, Clock, WorkflowResult
    from pytest_amberflo.arazzo.limits import Limits


class NoResponseError(Exception):
    """What a transport raises for a request that got no response; `message` says why.

    `sent` tells whether the server may have acted on it.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.sent = sent


class Transport(Protocol):
    """Carries requests out."""

    def __call__(self, request: Request, timeout_s: float | None, /) -> Response:
        """The response, redirects not followed. Raises NoResponseError.

        `timeout_s` is what is left of the step's `timeout` in seconds, or None.
        """


class WallClock:
    """The time of the machine."""

    def now(self) -> float:
        """A moment in seconds, of a clock that only moves forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def load_workflows(
    path: str | os.PathLike[str],
    *,
    fetch: Callable[[str], bytes] | None = None,
    takes_bare_ids: bool = False,
) -> BoundDocument:
    """The Arazzo document of a file, YAML or JSON, with all that it refers to.

    Its descriptions are files, or what `fetch` gets for an `http(s)` URL; without `fetch` a URL
    is refused. `takes_bare_ids` accepts an operationId without its source where several sources
    are declared and exactly one has it. Raises DocumentError with every problem of the document,
    and OSError for a file that cannot be read.
    """
    from pytest_amberflo.openapi.catalog import Catalog  # noqa: PLC0415  it knows the engine

    source = read_source(Path(path), name=str(path))
    document = load_document(source)

    def get(url: str) -> bytes:
        if fetch is None:
            raise SourceError(f"`{url}` is not a file, and nothing was given to fetch it with")
        return fetch(url)

    catalog = Catalog(str, get)
    bound, unbound = bind_document(document, catalog.open, lenient=takes_bare_ids)
    problems = (*check_document(document), *unbound)
    if problems:
        raise DocumentError(source.name, source.text, problems)
    return bound


def lint_workflows(
    path: str | os.PathLike[str], *, fetch: Callable[[str], bytes] | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong with a document; () where `load_workflows` would load it.

    Raises OSError for a file that cannot be read.
    """
    try:
        load_workflows(path, fetch=fetch)
    except DocumentError as error:
        return tuple(error.problems)
    return ()


def run_workflow(
    document: BoundDocument,
    workflow_id: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    transport: Transport,
    servers: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> WorkflowResult:
    """The result of one workflow: its outcome, every step, its outputs.

    Operations are called at the first server of their description, or at the base URL that
    `servers` has for the name of their source. Waiting is done on `clock`, the machine's unless
    given. Raises LookupError for an unknown workflow, and InputsRefusedError for inputs that the
    workflow's schema does not accept; what the service does is in the result.
    """
    workflow = _find_workflow(document, workflow_id)
    filled = accept_inputs(document, workflow, inputs or {})
    given = dict(servers or {})

    def route(target: Target) -> str:
        return given.get(target.source_name) or target.server_url()

    runner = Runner(
        send=_Sender(transport), route=route, clock=clock or WallClock(), limits=limits
    )
    return runner.run(document, workflow, filled)


class _Sender:
    """Makes exchanges of what a transport answers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(self, call: Call) -> Exchange:
        request = call.plan.sent.request
        if not request.url.startswith(("http://", "https://")):
            reason = f"source `{call.target.source_name}` does not say where it is: {request.url}"
            raise Refusal(f"{reason}; `servers` can")
        response: Response | None = None
        failure: TransportFailure | None = None
        started_at, started = time.time(), time.monotonic()
        try:
            response = self._transport(request, call.timeout_s)
        except NoResponseError as error:
            failure = TransportFailure(kind="none", message=error.message, sent=error.sent)
        return Exchange(
            request=request,
            response=response,
            failure=failure,
            started_at=started_at,
            elapsed_s=time.monotonic() - started,
        )


def _find_workflow(document: BoundDocument, workflow_id: str) -> Any:
    known = {workflow.workflow_id: workflow for workflow in document.document.workflows}
    if workflow_id in known:
        return known[workflow_id]
    near = find_nearest(workflow_id, known)
    hint = f"; did you mean `{near}`?" if near else f"; there are {', '.join(known)}"
    raise LookupError(f"there is no workflow `{workflow_id}`{hint}")
