"""An API, workflows written against it, and short ways to read and refuse documents."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from hypothesis import HealthCheck, settings

from pytest_amberflo.arazzo.binding import bind_document
from pytest_amberflo.arazzo.bound import SourceError
from pytest_amberflo.arazzo.errors import DocumentError
from pytest_amberflo.arazzo.load import load_document
from pytest_amberflo.arazzo.runner import Runner
from pytest_amberflo.arazzo.source import Source, parse_source
from pytest_amberflo.collection import prepare_document
from pytest_amberflo.http.exchange import Exchange, Response, TransportFailure
from pytest_amberflo.openapi.catalog import Catalog
from pytest_amberflo.openapi.description import Description

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_amberflo.arazzo.bound import BoundDocument, Target
    from pytest_amberflo.arazzo.events import Call, StepResult, WorkflowResult
    from pytest_amberflo.arazzo.model import Document
    from pytest_amberflo.arazzo.plain_yaml import FindLine
    from pytest_amberflo.arazzo.source import Pointer
    from pytest_amberflo.run import Run

#: The description that the workflows of these tests call.
API: Final = """\
openapi: 3.1.0
info: {title: Parcels, version: 1.0.0}
servers: [{url: https://parcels.example/v1}]
paths:
  /parcels:
    get:
      operationId: listParcels
      responses:
        '200': {description: all, content: {application/json: {}}}
    post:
      operationId: sendParcel
      requestBody: {content: {application/json: {}}}
      responses:
        '201': {description: sent, content: {application/json: {}}}
  /parcels/{parcelId}:
    get:
      operationId: trackParcel
      parameters:
        - {name: parcelId, in: path, required: true, schema: {type: string}}
      responses:
        '200': {description: where it is, content: {application/json: {}}}
    delete:
      responses:
        '204': {description: gone}
"""

JSON: Final = (("Content-Type", "application/json"),)

#: Everything of a document that stands before its workflows; five lines.
HEAD: Final = """\
arazzo: 1.0.1
info: {title: Parcels, version: 1.0.0}
sourceDescriptions:
  - {name: parcels, url: parcels.yaml, type: openapi}
workflows:
"""


def effort(examples: int) -> settings:
    """The settings of a property: the same examples in every run, no time limit for one."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@contextmanager
def bounded_stack() -> Iterator[None]:
    """Turns an overflow of the stack into a failure that can be printed in one line."""
    try:
        yield
    except RecursionError:
        raise AssertionError("the stack overflowed") from None


def write_workflow(steps: str, *, inputs: str = "", rest: str = "") -> str:
    """A document of one workflow `flow`; its first step stands in line 8 (9 with inputs)."""
    lines = [f"{HEAD}  - workflowId: flow"]
    if inputs:
        lines.append(f"    inputs: {inputs}")
    lines += ["    steps:", indent(steps.strip("\n"), "      ")]
    if rest:
        lines.append(indent(rest.rstrip(), "    "))
    return "\n".join(lines) + "\n"


def read(text: str, *, is_json: bool = False) -> Source:
    """The source that a text holds, named `doc`."""
    return parse_source(text, name="doc", uri="file:///doc", is_json=is_json)


def refuse(text: str, *, is_json: bool = False) -> str:
    """What is said when the reader refuses a text."""
    with pytest.raises(DocumentError) as refusal:
        read(text, is_json=is_json)
    return str(refusal.value)


def load(text: str) -> Document:
    """The document that a text holds."""
    return load_document(read(text))


def refuse_load(text: str, *, is_json: bool = False) -> str:
    """What is said when a text is read and is no document that can be used."""
    source = read(text, is_json=is_json)
    with pytest.raises(DocumentError) as refusal:
        load_document(source)
    return str(refusal.value)


def bind(text: str, api: str = API) -> BoundDocument:
    """The document that a text holds, its steps bound to the operations of `api`."""

    def open_source(url: str, referrer: Document) -> Description:
        del referrer
        return Description(parse_source(api, name=url, uri=f"file:///{url}"))

    bound, problems = bind_document(load(text), open_source)
    assert not problems
    return bound


@dataclass(frozen=True)
class _Settings:
    takes_bare_ids: bool


class _Reading:
    """The part of a run that reading a document takes."""

    def __init__(self, *, lenient: bool) -> None:
        self.settings = _Settings(lenient)
        self.catalog = Catalog(self.shorten, fetch_nothing)

    def shorten(self, path: Path) -> str:
        return path.name


def fetch_nothing(url: str) -> bytes:
    """Refuse to fetch a document."""
    raise SourceError(f"{url} is not fetched here")


def find_problems(folder: Path, text: str, *, lenient: bool = False) -> str:
    """The whole report on a workflow file beside `parcels.yaml`; empty where all is well."""
    (folder / "parcels.yaml").write_text(API, encoding="utf-8")
    file = folder / "flow.arazzo.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        prepare_document(file, cast("Run", _Reading(lenient=lenient)), is_certain=True)
    except DocumentError as error:
        return str(error)
    return ""


def first_lines(report: str) -> list[str]:
    """The first line of each problem in a report: place and message."""
    return [
        block.splitlines()[0]
        for block in report.split("\n\n")
        if block.startswith(("doc", "flow"))
    ]


def spans(source: Source, *pointers: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Line and column of the value at each pointer."""
    located = [source.locate(pointer) for pointer in pointers]
    return [(span.line, span.column) for span in located]


def answer(status: int, body: Any = None) -> Response:
    """A response with a JSON body, or none."""
    content = b"" if body is None else json.dumps(body).encode()
    return Response(status=status, headers=JSON, body=content)


class Service:
    """Answers calls from a list, in order; an exception in the list is raised.

    It is a clock, too: each call takes two seconds, sleeping what it is told.
    """

    def __init__(self, *answers: Response | TransportFailure | Exception) -> None:
        self._answers = list(answers)
        self.calls: list[Call] = []
        self.seconds = 0.0
        self.pauses: list[float] = []

    def __call__(self, call: Call) -> Exchange:
        self.calls.append(call)
        self.seconds += 2
        found = self._answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return Exchange(
            request=call.plan.sent.request,
            response=found if isinstance(found, Response) else None,
            failure=None if isinstance(found, Response) else found,
            started_at=0,
            elapsed_s=2,
        )

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    @property
    def sent(self) -> list[str]:
        """Method and URL of every call."""
        requests = [call.plan.sent.request for call in self.calls]
        return [f"{request.method} {request.url}" for request in requests]


def route(target: Target) -> str:
    """The base URL of every operation."""
    return f"http://127.0.0.1:1/{target.source_name}"


def run(text: str, service: Service, inputs: Mapping[str, Any] | None = None) -> WorkflowResult:
    """The result of a document's only workflow."""
    bound = bind(text)
    runner = Runner(send=service, route=route, clock=service)
    return runner.run(bound, bound.document.workflows[0], inputs or {})


def one(*, criteria: str = "", outputs: str = "", rest: str = "", inputs: str = "") -> str:
    """A document with one step."""
    text = "- stepId: one\n  operationId: listParcels\n"
    text += f"  successCriteria: {criteria}\n" if criteria else ""
    text += f"  outputs: {outputs}\n" if outputs else ""
    return write_workflow(text, rest=rest, inputs=inputs)


def only(text: str, service: Service, inputs: Mapping[str, Any] | None = None) -> StepResult:
    """The result of a document's only step."""
    (result,) = run(text, service, inputs).steps
    return result


#: A parcel is sent, tracked by the id that came back, and listed; inputs `name` and `note`.
SEND_AND_TRACK: Final = write_workflow(
    """
- stepId: send
  operationId: sendParcel
  requestBody: {payload: {to: $inputs.name}}
  outputs: {id: $response.body#/id, status: $statusCode}
- stepId: track
  operationId: trackParcel
  parameters: [{name: parcelId, in: path, value: $steps.send.outputs.id}]
  outputs: {where: $response.body#/where}
- stepId: list
  operationId: listParcels
""",
    inputs="{type: object, properties: {name: {}, note: {}}}",
    rest="outputs: {id: $steps.send.outputs.id, where: $steps.track.outputs.where}",
)


def check_lines(value: Any, place: Any, find_line: FindLine, at: Pointer = ()) -> None:
    """Every object and list begins where the tree says; what has nothing in it may be unknown."""
    if not isinstance(value, dict | list):
        return
    line = find_line(at)
    assert line == place.span.line or (line is None and place.span.line == place.span.end_line)
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        check_lines(member, place.children[name], find_line, (*at, name))
