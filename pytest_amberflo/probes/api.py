"""What a description promises of metering: its operations, shape and enumerations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from pytest_amberflo.metering.witness import Shape
from pytest_amberflo.probes.moves import NoPromiseError
from pytest_amberflo.recognition import recognize_operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.arazzo.operation import Operation
    from pytest_amberflo.openapi.description import Description

_DEFAULT_KEY_HEADER: Final = "X-API-KEY"
_MOST_REFS: Final = 50


class UnusableDescriptionError(ValueError):
    """A description has no ingest or no usage query; the text says which."""


class Api(Struct, frozen=True, kw_only=True):
    """The part of a description that probes are about."""

    description: Description
    ingest: Operation
    usage: Operation
    shape: Shape
    #: The members of a usage query, and which of them must be there.
    query_members: Mapping[str, Any]
    required_of_query: tuple[str, ...]
    event_members: frozenset[str]
    key_header: str
    #: Whether the description asks for a key at all.
    asks_for_key: bool

    @property
    def has_customer_filter(self) -> bool:
        """Whether customers are chosen by a member of their own."""
        return "customerFilter" in self.query_members

    def find(self, operation_id: str) -> Operation:
        """An operation by its id. Raises NoPromiseError."""
        operation = self.description.find(operation_id)
        if operation is None:
            raise NoPromiseError(f"the description has no operation {operation_id}")
        return operation

    def check_choice(self, member: str, value: str) -> None:
        """Raise NoPromiseError where a member of usage queries does not take a value."""
        schema = self.query_members.get(member)
        allowed = schema.get("enum") if isinstance(schema, dict) else None
        if allowed is not None and value.upper() not in {str(name).upper() for name in allowed}:
            raise NoPromiseError(f"the description has no {member} {value}")

    def takes(self, member: str, value: str) -> bool:
        """Whether a member of usage queries takes a value."""
        try:
            self.check_choice(member, value)
        except NoPromiseError:
            return False
        return True

    def statuses_of(self, operation: Operation, *wanted: int) -> tuple[int, ...]:
        """Which of some statuses an operation documents. Raises NoPromiseError for none."""
        known = set(map(str, self.description.node_of(operation).value.get("responses", {})))
        found = tuple(status for status in wanted if str(status) in known)
        if not found and known & {"4XX", "4xx", "default"}:
            return wanted
        if not found:
            names = " or ".join(map(str, wanted))
            raise NoPromiseError(f"the description has no {names} for {operation.label}")
        return found


def read_api(description: Description) -> Api:
    """What a description promises. Raises UnusableDescriptionError."""
    found: dict[str, Operation] = {}
    for operation in description.list_operations():
        role = recognize_operation(operation)
        if role is not None:
            found.setdefault(role, operation)
    for role, example in (("ingest", "POST /ingest"), ("usage", "POST /usage")):
        if role not in found:
            name = description.source.name
            raise UnusableDescriptionError(f"{name} has no operation such as {example}")
    usage = found["usage"]
    members = next(iter(usage.body_schemas.values()), {})
    if not members:
        members = _body_schema(description, usage).get("properties", {})
    header = _find_key_header(description)
    return Api(
        description=description,
        ingest=found["ingest"],
        usage=usage,
        shape=Shape.OFFICIAL if "timeRange" in members else Shape.PUBLISHED,
        query_members=members,
        required_of_query=_find_required(description, usage),
        event_members=_find_event_members(description, found["ingest"]),
        key_header=header or _DEFAULT_KEY_HEADER,
        asks_for_key=header is not None,
    )


def _find_key_header(description: Description) -> str | None:
    schemes = description.source.data.get("components", {}).get("securitySchemes", {})
    for scheme in schemes.values() if isinstance(schemes, dict) else ():
        if isinstance(scheme, dict) and scheme.get("in") == "header" and "name" in scheme:
            return str(scheme["name"])
    return None


def _body_schema(description: Description, operation: Operation) -> Mapping[str, Any]:
    body = _follow(description, description.node_of(operation).value.get("requestBody"))
    content: Any = next(iter(_follow(description, body.get("content")).values()), {})
    return _follow(description, content.get("schema") if isinstance(content, dict) else None)


def _follow(description: Description, value: Any) -> Mapping[str, Any]:
    """The object itself, or what it refers to within the document; empty for anything else."""
    for _ in range(_MOST_REFS):
        reference = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        value = description.source.data
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _find_required(description: Description, operation: Operation) -> tuple[str, ...]:
    return tuple(map(str, _body_schema(description, operation).get("required", ())))


def _find_event_members(description: Description, operation: Operation) -> frozenset[str]:
    """The members of events, whether they stand alone or in an array."""
    pending = [_body_schema(description, operation)]
    members: set[str] = set()
    for _ in range(_MOST_REFS):
        if not pending:
            break
        schema = pending.pop()
        members |= set(schema.get("properties", {}))
        parts = [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]
        parts.append(schema.get("items"))
        pending += [found for part in parts if (found := _follow(description, part))]
    return frozenset(members)
