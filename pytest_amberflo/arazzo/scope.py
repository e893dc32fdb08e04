"""The values that runtime expressions refer to, and their evaluation."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from pytest_amberflo.arazzo.errors import EvaluationError, UnresolvedError
from pytest_amberflo.arazzo.expression import (
    ComponentRef,
    Expression,
    InputRef,
    MessagePart,
    OutputRef,
    Plain,
    SourceRef,
    StepRef,
    Tokens,
    WorkflowRef,
)
from pytest_amberflo.http.exchange import (
    NotJsonError,
    Request,
    Response,
    charset_of,
    find_header,
    is_json_type,
    load_json,
    media_type_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Absence(Enum):
    """The value of an optional input that nobody gave: it is left out, never null."""

    ABSENT = "absent"


ABSENT: Final = Absence.ABSENT
#: Stands for what a mapping does not have.
_NOTHING: Final = object()

#: No array has more elements than these digits can count.
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")


class Unknown(str):
    """A value that only a response will tell; as text it is its expression in braces."""

    __slots__ = ()


class SentRequest(Struct, frozen=True, kw_only=True):
    """A request of a step with the values that it was made from, by name as given."""

    request: Request
    payload: Any = None
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)


class ReceivedResponse(Struct, frozen=True, kw_only=True):
    """A response with its body as expressions see it: parsed JSON, else text, else bytes."""

    response: Response
    body: Any
    #: Why the body is no JSON although its media type says so; None where all is well.
    body_error: str | None = None


def receive(response: Response) -> ReceivedResponse:
    """The response with its body parsed by its media type.

    Without a media type, what reads as JSON is JSON; XML and text stay text, and what is not in
    its charset (UTF-8 unless it says so) stays bytes.
    """
    media_type = media_type_of(response.headers)
    error: str | None = None
    if is_json_type(media_type) or media_type is None:
        try:
            return ReceivedResponse(response=response, body=load_json(response.body))
        except NotJsonError as reason:
            error = str(reason) if media_type is not None and response.body else None
    try:
        body: Any = response.body.decode(charset_of(response.headers)) if response.body else None
    except (UnicodeDecodeError, LookupError):
        body = response.body
    return ReceivedResponse(response=response, body=body, body_error=error)


class Scope(Struct, frozen=True, kw_only=True):
    """Everything that an expression can refer to at one moment of a run."""

    inputs: Mapping[str, Any]
    #: Names of all declared inputs; one of them that has no value is ABSENT.
    declared_inputs: frozenset[str] = frozenset()
    #: Outputs by stepId of the steps that have run.
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Every stepId of the workflow.
    step_ids: frozenset[str] = frozenset()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    #: Inputs and outputs of other workflows by workflowId and field.
    workflows: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    #: Fields of the source descriptions by name.
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    request: SentRequest | None = None
    response: ReceivedResponse | None = None
    self_uri: str | None = None


def evaluate(expression: Expression, scope: Scope) -> Any:
    """The value of an expression, its type preserved; ABSENT for an optional input not given.

    Raises UnresolvedError for what is not there and EvaluationError for what has no value now.
    """
    if isinstance(expression, InputRef):
        # Most expressions are of a whole input.
        value = scope.inputs.get(expression.name, _NOTHING)
        is_plain = expression.pointer is None and not isinstance(value, Unknown)
        if is_plain and value is not _NOTHING:
            return value
        return _evaluate_input(expression, scope)
    match expression:
        case StepRef(step_id, name, pointer):
            outputs = _outputs_of_step(expression, step_id, scope)
            return _follow(_member(outputs, name, expression, "output"), pointer, expression)
        case MessagePart(side="request"):
            return _evaluate_request(expression, scope)
        case MessagePart(side="response"):
            return _evaluate_response(expression, scope)
        case Plain(name):
            return _evaluate_plain(name, scope)
        case OutputRef(_, pointer):
            value = _member(scope.outputs, expression.name, expression, "output")
            return _follow(value, pointer, expression)
        case WorkflowRef(workflow_id, kind, name, pointer):
            fields = _member(scope.workflows, workflow_id, expression, "workflow")
            value = _member(fields.get(kind, {}), name, expression, kind[:-1])
            return _follow(value, pointer, expression)
        case SourceRef(source, reference):
            fields = _member(scope.sources, source, expression, "source description")
            return _member(fields, reference, expression, "field")
        case _:
            return _refuse(expression)


def resolve_pointer(value: Any, pointer: Tokens, expression: Expression | str) -> Any:
    """The value inside `value` that the reference tokens lead to (RFC 6901).

    Raises UnresolvedError that names what is there instead.
    """
    current = value
    for depth, token in enumerate(pointer):
        where = "#" + "".join(f"/{part}" for part in pointer[:depth]) if depth else "the value"
        if isinstance(current, dict):
            if token not in current:
                raise UnresolvedError(
                    str(expression),
                    f"{where} has no member `{token}`",
                    name=token,
                    candidates=current,
                )
            current = current[token]
        elif isinstance(current, list):
            index = read_index(token)
            if index is None or index >= len(current):
                reason = f"{where} has {len(current)} elements and none at `{token}`"
                raise UnresolvedError(str(expression), reason)
            current = current[index]
        else:
            kind = describe_type(current)
            raise UnresolvedError(
                str(expression), f"{where} is {kind} and has no member `{token}`"
            )
    return current


def read_index(token: str) -> int | None:
    """The index of an array's element that a reference token is (RFC 6901), or None."""
    return int(token) if _INDEX.fullmatch(token) else None


def describe_type(value: Any) -> str:
    """The JSON type of a value with its article: "an object", "a number", "null"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {
        int: "an integer",
        float: "a number",
        str: "a string",
        dict: "an object",
        list: "an array",
        bytes: "binary data",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def _follow(value: Any, pointer: Tokens | None, expression: Expression) -> Any:
    if isinstance(value, Unknown):
        return Unknown("{" + str(expression) + "}")
    return value if not pointer or value is ABSENT else resolve_pointer(value, pointer, expression)


def _member(members: Mapping[str, Any], name: str, expression: Expression, kind: str) -> Any:
    if name in members:
        return members[name]
    raise UnresolvedError(
        str(expression), f"there is no {kind} `{name}`", name=name, candidates=members
    )


def _evaluate_input(expression: InputRef, scope: Scope) -> Any:
    if expression.name in scope.inputs:
        return _follow(scope.inputs[expression.name], expression.pointer, expression)
    if expression.name in scope.declared_inputs:
        return ABSENT
    raise UnresolvedError(
        str(expression),
        f"there is no input `{expression.name}`",
        name=expression.name,
        candidates=sorted(scope.declared_inputs | scope.inputs.keys()),
    )


def _outputs_of_step(expression: StepRef, step_id: str, scope: Scope) -> Mapping[str, Any]:
    if step_id in scope.steps:
        return scope.steps[step_id]
    if step_id in scope.step_ids:
        raise UnresolvedError(str(expression), f"step `{step_id}` has not run")
    raise UnresolvedError(
        str(expression),
        f"there is no step `{step_id}`",
        name=step_id,
        candidates=sorted(scope.step_ids),
    )


def _evaluate_plain(name: str, scope: Scope) -> Any:
    if name == "self":
        if scope.self_uri is None:
            raise EvaluationError("$self", "the document has no `$self`")
        return scope.self_uri
    if name == "statusCode":
        if scope.response is None:
            raise EvaluationError("$statusCode", "there is no response")
        return scope.response.response.status
    if scope.request is None:
        raise EvaluationError(f"${name}", "there is no request")
    request = scope.request.request
    return request.url if name == "url" else request.method


def _evaluate_request(expression: MessagePart, scope: Scope) -> Any:
    sent = scope.request
    if sent is None:
        raise EvaluationError(str(expression), "there is no request")
    name = expression.name or ""
    match expression.part:
        case "header":
            return _header(expression, name, sent.request.headers)
        case "query":
            return _member(sent.query, name, expression, "query parameter")
        case "path":
            return _member(sent.path, name, expression, "path parameter")
        case "body":
            return _follow(sent.payload, expression.pointer, expression)
        case _:
            return _refuse(expression)


def _evaluate_response(expression: MessagePart, scope: Scope) -> Any:
    received = scope.response
    if received is None:
        raise EvaluationError(str(expression), "there is no response")
    if expression.part == "header":
        return _header(expression, expression.name or "", received.response.headers)
    if expression.part != "body":
        raise EvaluationError(str(expression), f"a response has no {expression.part}")
    if expression.pointer and isinstance(received.body, str | bytes):
        why = received.body_error or "it is text"
        raise EvaluationError(str(expression), f"the body is no JSON: {why}")
    return _follow(received.body, expression.pointer, expression)


def _header(expression: MessagePart, name: str, headers: tuple[tuple[str, str], ...]) -> str:
    value = find_header(headers, name)
    if value is None:
        raise UnresolvedError(
            str(expression),
            f"there is no header `{name}`",
            name=name,
            candidates=[key for key, _ in headers],
        )
    return value


def _refuse(expression: Expression) -> Any:
    if isinstance(expression, ComponentRef):
        raise EvaluationError(str(expression), "a component is referred to, it has no value")
    raise EvaluationError(str(expression), "only AsyncAPI steps have messages")
