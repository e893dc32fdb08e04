"""A real service on loopback, a real client, and workflows written against both."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import httpx

from pytest_amberflo.arazzo import (
    Limits,
    NoResponseError,
    Request,
    Response,
    WorkflowResult,
    lint_workflows,
    load_workflows,
    run_workflow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_amberflo.arazzo import Clock

#: Operations that most workflows here need; what they answer is up to the test.
PATHS: Final = """\
/a: {get: {operationId: a, responses: {default: {description: any}}}}
/b: {get: {operationId: b, responses: {default: {description: any}}}}
/c: {get: {operationId: c, responses: {default: {description: any}}}}
/login: {get: {operationId: login, responses: {default: {description: any}}}}
/items/{id}:
  get:
    operationId: item
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    responses: {default: {description: any}}
/sink:
  post:
    operationId: sink
    requestBody: {content: {application/json: {}}}
    responses: {default: {description: any}}
"""
#: A step that reports what it is given, so that a test can look at values.
SINK: Final = "- {{stepId: sink, operationId: sink, requestBody: {{payload: {payload}}}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service answers once."""

    status: int = 200
    body: Any = field(default_factory=dict)
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0

    def encode(self) -> bytes:
        """The body on the wire: bytes and text as they are, anything else as JSON."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it reached the service."""

    method: str
    #: Path and query as they were sent.
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Method and decoded path: `GET /items/a b`."""
        return f"{self.method} {unquote(self.target.partition('?')[0])}"

    @property
    def query(self) -> str:
        """The query as it was sent."""
        return self.target.partition("?")[2]

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Service:
    """Answers as scripted, each operation in turn and its last answer for ever; 200 `{}` else."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = service.take(self, body)
                time.sleep(answer.after_s)
                raw = answer.encode()
                self.send_response(answer.status)
                for name, value in {"Content-Type": answer.kind, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                with suppress(ConnectionError):  # the client may have given up
                    self.end_headers()
                    self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  named by http.server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answers(self, line: str, *answers: Answer) -> None:
        """Script what `GET /a` answers, in turn."""
        self._answers[line] = list(answers)

    def take(self, handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
        """Note a request and pick its answer."""
        names = {name.lower() for name in handler.headers}
        headers = {name: ", ".join(handler.headers.get_all(name) or ()) for name in names}
        seen = Seen(method=str(handler.command), target=handler.path, headers=headers, body=body)
        with self._lock:
            self.seen.append(seen)
            left = self._answers.get(seen.line, [Answer()])
            return left.pop(0) if len(left) > 1 else left[0]

    @property
    def lines(self) -> list[str]:
        """The requests so far, each as method and path."""
        return [seen.line for seen in self.seen]

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Transport:
    """Carries requests over real connections."""

    def __init__(self) -> None:
        self._client = httpx.Client(trust_env=False)

    def __call__(self, request: Request, timeout_s: float | None) -> Response:
        try:
            got = self._client.request(
                request.method,
                request.url,
                headers=list(request.headers),
                content=request.body,
                timeout=5.0 if timeout_s is None else timeout_s,
            )
        except httpx.ConnectError as error:
            raise NoResponseError(str(error), sent=False) from None
        except httpx.TransportError as error:
            raise NoResponseError(type(error).__name__, sent=True) from None
        headers = tuple((n.decode(), v.decode("latin-1")) for n, v in got.headers.raw)
        return Response(status=got.status_code, headers=headers, body=got.content)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class Waits:
    """A clock on which waiting takes no time; `waits` are the seconds of each wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._moment = 0.0

    def now(self) -> float:
        return self._moment

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._moment += seconds


class Workbench:
    """A folder of documents, and the runs of their workflows against a service."""

    def __init__(self, folder: Path, service: Service, transport: Transport) -> None:
        self.folder = folder
        self.service = service
        self._transport = transport
        self._sources = ["{name: api, url: api.yaml, type: openapi}"]
        self._rest = ""
        self.describe(PATHS)

    def describe(
        self,
        paths: str,
        *,
        name: str = "api.yaml",
        version: str = "3.0.3",
        servers: str | None = None,
        rest: str = "",
    ) -> None:
        """Write a description; its server is the service unless `servers` says more."""
        listed = f"[{{url: '{self.service.url}'}}]" if servers is None else servers
        text = (
            f"openapi: {version}\ninfo: {{title: t, version: '1'}}\n"
            f"servers: {listed}\npaths:\n{indent(dedent(paths), '  ')}\n{dedent(rest)}"
        )
        self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        """Write any file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def refer(self, *sources: str) -> None:
        """Say what the source descriptions of the document are."""
        self._sources = list(sources)

    def add(self, rest: str) -> None:
        """Add members to the root of the document: `components`, `$self`."""
        self._rest += dedent(rest).rstrip() + "\n"

    def document(self, workflows: str, *, version: str = "1.0.1") -> str:
        """The text of a document with these workflows."""
        sources = "".join(f"  - {source}\n" for source in self._sources)
        return (
            f"arazzo: {version}\ninfo: {{title: t, version: '1'}}\n"
            f"sourceDescriptions:\n{sources}{self._rest}"
            f"workflows:\n{indent(dedent(workflows), '  ')}\n"
        )

    def run(
        self,
        workflows: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        version: str = "1.0.1",
        clock: Clock | None = None,
        limits: Limits | None = None,
        lenient: bool = False,
    ) -> WorkflowResult:
        """The result of workflow `main`."""
        path = self.write("flow.arazzo.yaml", self.document(workflows, version=version))
        return run_workflow(
            load_workflows(path, fetch=self._fetch, takes_bare_ids=lenient),
            "main",
            inputs,
            transport=self._transport,
            clock=clock,
            limits=limits,
        )

    def run_steps(
        self,
        steps: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        more: str = "",
        version: str = "1.0.1",
        clock: Clock | None = None,
    ) -> WorkflowResult:
        """The result of a workflow of these steps; it declares the inputs that it is given."""
        return self.run(workflow_of(steps, inputs, more), inputs, version=version, clock=clock)

    def refuse(self, workflows: str, *, version: str = "1.0.1") -> list[str]:
        """What is wrong with a document, in the order of its text."""
        path = self.write("flow.arazzo.yaml", self.document(workflows, version=version))
        problems = lint_workflows(path, fetch=self._fetch)
        assert self.service.seen == [] or all("." in seen.line for seen in self.service.seen)
        return [problem.message for problem in problems]

    def _fetch(self, url: str) -> bytes:
        got = httpx.get(url, trust_env=False)
        return got.content


def workflow_of(steps: str, inputs: Mapping[str, Any] | None = None, more: str = "") -> str:
    """Workflow `main` of these steps."""
    names = "".join(f"{json.dumps(name)}: {{}}, " for name in inputs or {})
    head = f"- workflowId: main\n  inputs: {{type: object, properties: {{{names}}}}}\n"
    return f"{head}{indent(dedent(more), '  ')}\n  steps:\n{indent(dedent(steps), '    ')}"


def sink(payload: str) -> str:
    """A step that sends a payload to `POST /sink`."""
    return SINK.format(payload=payload)


def reasons(result: WorkflowResult) -> list[str]:
    """Why a run and its steps did not pass, in the order of time."""
    steps: Sequence[Any] = tuple(result.each_step())
    found = [step.error or step.refusal for step in steps]
    return [str(reason) for reason in (*found, result.error) if reason is not None]
