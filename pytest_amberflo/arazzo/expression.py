"""Runtime expressions as data; each prints back to the text it was read from.

Arazzo 1.1.0, section "Runtime Expressions". `pytest_amberflo.arazzo.grammar` reads them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Side: TypeAlias = Literal["request", "response", "message"]
Part: TypeAlias = Literal["header", "query", "path", "body", "payload"]
#: Reference tokens of a JSON Pointer, unescaped; None where an expression has no pointer.
Tokens: TypeAlias = tuple[str, ...]


class Plain(Struct, frozen=True):
    """`$url`, `$method`, `$statusCode` or `$self`."""

    name: str

    def __str__(self) -> str:
        return f"${self.name}"


class MessagePart(Struct, frozen=True):
    """A part of the request, the response or an AsyncAPI message of the current step."""

    side: Side
    part: Part
    name: str | None = None
    pointer: Tokens | None = None

    def __str__(self) -> str:
        if self.name is None:
            return f"${self.side}.{self.part}{print_pointer(self.pointer)}"
        name = self.name if self.part == "header" else _escape_name(self.name)
        return f"${self.side}.{self.part}.{name}"


class InputRef(Struct, frozen=True):
    """An input of the workflow."""

    name: str
    pointer: Tokens | None = None

    def __str__(self) -> str:
        return f"$inputs.{self.name}{print_pointer(self.pointer)}"


class OutputRef(Struct, frozen=True):
    """An output of the workflow."""

    name: str
    pointer: Tokens | None = None

    def __str__(self) -> str:
        return f"$outputs.{self.name}{print_pointer(self.pointer)}"


class StepRef(Struct, frozen=True):
    """An output of a step."""

    step_id: str
    name: str
    pointer: Tokens | None = None

    def __str__(self) -> str:
        return f"$steps.{self.step_id}.outputs.{self.name}{print_pointer(self.pointer)}"


class WorkflowRef(Struct, frozen=True):
    """An input or output of a workflow."""

    workflow_id: str
    field: Literal["inputs", "outputs"]
    name: str
    pointer: Tokens | None = None

    def __str__(self) -> str:
        field = f"{self.workflow_id}.{self.field}.{self.name}"
        return f"$workflows.{field}{print_pointer(self.pointer)}"


class SourceRef(Struct, frozen=True):
    """An operation, workflow or field of a source description."""

    source: str
    reference: str

    def __str__(self) -> str:
        return f"$sourceDescriptions.{self.source}.{_escape_name(self.reference)}"


class ComponentRef(Struct, frozen=True):
    """An object among the components of the document."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"$components.{self.kind}.{self.name}"


Expression: TypeAlias = (
    Plain | MessagePart | InputRef | OutputRef | StepRef | WorkflowRef | SourceRef | ComponentRef
)


def print_pointer(pointer: Tokens | None) -> str:
    """The pointer as it stands in an expression: `#` and escaped tokens, or nothing."""
    if pointer is None:
        return ""
    return "#" + "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in pointer)


def _escape_name(name: str) -> str:
    escaped = []
    for char in name:
        if char in '"\\':
            escaped.append("\\" + char)
        elif char < " " or char in "{}":
            escaped.append(f"\\u{ord(char):04x}")
        else:
            escaped.append(char)
    return "".join(escaped)
