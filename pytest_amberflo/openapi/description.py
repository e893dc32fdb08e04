"""An OpenAPI description: its operations by id and by pointer, with what applies to each.

OpenAPI 3.0, 3.1 and 3.2. Operations are built when they are asked for; a description of
thousands of operations costs an index of their ids.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.operation import Encoding, Operation, OperationParameter, Server
from pytest_amberflo.arazzo.scope import describe_type
from pytest_amberflo.openapi.extractor import Extractor
from pytest_amberflo.openapi.references import Node, References

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.source import Pointer, Source
    from pytest_amberflo.openapi.extract import Extract
    from pytest_amberflo.openapi.references import OpenSourceText

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_VERSION: Final = re.compile(r"3\.([012])\.\d+(?:-.+)?\Z")
_STYLES: Final = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
#: Operations of other methods (3.2).
_ADDITIONAL: Final = "additionalOperations"
_MINOR_OF_ADDITIONAL: Final = 2
_MAX_DEPTH: Final = 20


class Description:
    """An OpenAPI description (see `ApiDescription`); `minor` is the y of version 3.y.

    `is_shipped` tells that it came with this package and not from the user; `open_text` opens
    the documents that its references lead to, without it they must stay within.
    """

    def __init__(
        self,
        source: Source,
        *,
        is_shipped: bool = False,
        open_text: OpenSourceText | None = None,
    ) -> None:
        self.source = source
        self.is_shipped = is_shipped
        self.minor = _check_root(source)
        self._references = References(source, open_text)
        self._extractor = Extractor(self._references, self.minor)
        self._items: dict[str, Node] = {}
        self._extracts: dict[Pointer, Extract] = {}
        self._by_id: dict[str, tuple[str, ...]] = {}
        self._built: dict[tuple[str, ...], Operation] = {}
        self._keys = dict.fromkeys(self._each_operation())
        self._index()

    def __repr__(self) -> str:
        return f"Description({self.source.name!r})"

    @property
    def operation_ids(self) -> tuple[str, ...]:
        """Every operationId, in the order of the document."""
        return tuple(self._by_id)

    def find(self, operation_id: str) -> Operation | None:
        """The operation with this operationId, or None."""
        key = self._by_id.get(operation_id)
        return None if key is None else self._operation(key)

    def at(self, pointer: tuple[str, ...]) -> Operation | None:
        """The operation at `/paths/<path>/<method>`, or None."""
        if pointer[:1] != ("paths",) or pointer[1:] not in self._keys:
            return None
        return self._operation(pointer[1:])

    def list_operations(self) -> Iterator[Operation]:
        """Every operation, in the order of the document. Raises DocumentError."""
        for key in self._keys:
            yield self._operation(key)

    def list_paths(self) -> tuple[str, ...]:
        """Every operation as method and path: `POST /usage`."""
        return tuple(f"{rest[-1].upper()} {path}" for path, *rest in self._keys)

    def node_of(self, operation: Operation) -> Node:
        """Where an operation of this description stands, behind the reference of its path."""
        _, path, *rest = operation.pointer
        node = self._path_item(str(path))
        for token in rest:
            node = node.child(token)
        return node

    def extract(self, operation: Operation) -> Extract:
        """What an operation uses of this description. Raises DocumentError."""
        known = self._extracts.get(operation.pointer)
        if known is not None:
            return known
        inherited = _each_item(self._path_item(operation.path), "parameters")
        node = self.node_of(operation)
        try:
            found = self._extractor.extract(node, list(inherited))
        except RecursionError:
            raise node.error("what it refers to is nested too deeply") from None
        self._extracts[operation.pointer] = found
        return found

    def list_security_schemes(self) -> list[Mapping[str, Any]]:
        """Every security scheme, references followed; one that cannot be found is left out."""
        declared = self._references.root.descend("components", "securitySchemes")
        found: list[Mapping[str, Any]] = []
        for _, node in declared.members() if declared is not None else ():
            try:
                found.append(self._resolve(node).value)
            except DocumentError:
                continue
        return found

    def _each_operation(self) -> Iterator[tuple[str, ...]]:
        for path in self.source.data.get("paths", {}):
            item = self._path_item(path).value
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    yield path, method
            for method, operation in _members(item.get(_ADDITIONAL)).items():
                if self.minor >= _MINOR_OF_ADDITIONAL and isinstance(operation, dict):
                    yield path, _ADDITIONAL, method

    def _index(self) -> None:
        problems: list[Problem] = []
        for path, *rest in self._keys:
            item = self._path_item(path)
            node = item.child(rest[0]) if len(rest) == 1 else item.child(rest[0]).child(rest[1])
            operation_id = node.value.get("operationId")
            if not isinstance(operation_id, str):
                continue
            if operation_id in self._by_id:
                first = self._by_id[operation_id]
                message = f"operationId `{operation_id}` is taken by {first[-1]} {first[0]}"
                problems.extend(node.child("operationId").error(message).problems)
            self._by_id.setdefault(operation_id, (path, *rest))
        if problems:
            raise DocumentError(self.source.name, self.source.text, problems)

    def _path_item(self, path: str) -> Node:
        if path not in self._items:
            node = self._references.root.child("paths").child(path)
            is_object = isinstance(node.value, dict)
            self._items[path] = self._resolve(node) if is_object else replace(node, value={})
        return self._items[path]

    def _operation(self, key: tuple[str, ...]) -> Operation:
        if key not in self._built:
            self._built[key] = self._build(key)
        return self._built[key]

    def _build(self, key: tuple[str, ...]) -> Operation:
        path, *rest = key
        item = node = self._path_item(path)
        for token in rest:
            node = node.child(token)
        content = self._content_of(node, "requestBody")
        operation_id = node.value.get("operationId")
        return Operation(
            pointer=("paths", *key),
            operation_id=operation_id if isinstance(operation_id, str) else None,
            method=rest[-1].upper() if len(rest) == 1 else rest[-1],
            path=path,
            parameters=self._parameters(item, node),
            media_types=tuple(name for name, _ in content),
            body_schemas={name: self._member_schemas(media) for name, media in content},
            encodings={name: self._read_encodings(media) for name, media in content},
            response_types=self._response_types(node),
            servers=self._servers(node.value, item.value),
        )

    def _parameters(self, *owners: Node) -> tuple[OperationParameter, ...]:
        found: dict[tuple[str, str], OperationParameter] = {}
        for owner in owners:
            for node in _each_item(owner, "parameters"):
                parameter = _read_parameter(self._resolve(node), node)
                found[parameter.name, parameter.location] = parameter
        return tuple(found.values())

    def _content_of(self, node: Node, name: str | None = None) -> list[tuple[str, Node]]:
        """The media types of a body or response, with what is said of each."""
        if name is not None:
            if name not in node.value:
                return []
            node = node.child(name)
        body = self._resolve(node)
        content = body.descend("content")
        return list(content.members()) if content is not None else []

    def _member_schemas(self, media: Node) -> dict[str, dict[str, Any]]:
        """The members of a media type's schema, where it is an object with members."""
        media = self._references.follow(media)
        if not isinstance(media.value, dict) or not isinstance(media.value.get("schema"), dict):
            return {}
        return {
            name: dict(self._resolve(member).value)
            for schema in self._each_schema(self._resolve(media.child("schema")))
            for name, member in _each_member(schema, "properties")
            if isinstance(member.value, dict)
        }

    def _each_schema(self, schema: Node, depth: int = 0) -> Iterator[Node]:
        """The schema and those that it takes in by `allOf`."""
        yield schema
        for part in _each_item(schema, "allOf") if depth < _MAX_DEPTH else ():
            if isinstance(part.value, dict):
                yield from self._each_schema(self._resolve(part), depth + 1)

    def _read_encodings(self, media: Node) -> dict[str, Encoding]:
        """The encodings of the members of a body, by name."""
        media = self._references.follow(media)
        if not isinstance(media.value, dict):
            return {}
        return {
            name: _read_encoding(encoding.value)
            for name, encoding in _each_member(media, "encoding")
            if isinstance(encoding.value, dict)
        }

    def _response_types(self, node: Node) -> tuple[str, ...]:
        types: dict[str, None] = {}
        responses = node.descend("responses")
        for _, response in responses.members() if responses is not None else ():
            types.update(dict.fromkeys(name for name, _ in self._content_of(response)))
        return tuple(types)

    def _servers(self, *owners: Mapping[str, Any]) -> tuple[Server, ...]:
        for owner in (*owners, self.source.data):
            servers = [
                server for server in _list(owner.get("servers")) if isinstance(server, dict)
            ]
            if servers:
                return tuple(_read_server(server) for server in servers)
        return (Server(url="/", variables={}),)

    def resolve(self, data: Any, at: Pointer) -> Mapping[str, Any]:
        """The object itself, or the one that its `$ref` leads to; `at` is where it is referred to.

        Relative references are read as those of the description's own file. Raises DocumentError.
        """
        found = self._resolve(Node(self.source, at, data, self._references.root.base)).value
        assert isinstance(found, dict)
        return found

    def _resolve(self, node: Node) -> Node:
        """The object that a node is or refers to. Raises DocumentError."""
        found = self._references.follow(node)
        if not isinstance(found.value, dict):
            message = f"{describe_type(found.value)} stands where an object is due"
            raise node.error(message)
        return found


def _read_parameter(node: Node, at: Node) -> OperationParameter:
    data = node.value
    name, location = data.get("name"), data.get("in")
    if not isinstance(name, str) or not isinstance(location, str):
        raise at.error("a parameter needs `name` and `in`")
    style = str(data.get("style", _STYLES.get(location, "form")))
    content = _members(data.get("content"))
    return OperationParameter(
        name=name,
        location=location,
        required=data.get("required") is True,
        style=style,
        explode=bool(data.get("explode", style in ("form", "cookie"))),
        allow_reserved=data.get("allowReserved") is True,
        schema=data.get("schema"),
        media_type=next(iter(content), None),
    )


def _each_item(owner: Node, name: str) -> Iterator[Node]:
    items = owner.value.get(name)
    for index in range(len(items) if isinstance(items, list) else 0):
        yield owner.child(name).child(index)


def _each_member(owner: Node, name: str) -> Iterator[tuple[str, Node]]:
    members = owner.descend(name)
    if members is not None and isinstance(members.value, dict):
        yield from members.members()


def _read_encoding(data: Mapping[str, Any]) -> Encoding:
    return Encoding(
        content_type=data.get("contentType"),
        style=data.get("style"),
        explode=data.get("explode"),
        allow_reserved=data.get("allowReserved"),
    )


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_server(data: Mapping[str, Any]) -> Server:
    defaults = {
        name: str(_members(variable).get("default", ""))
        for name, variable in _members(data.get("variables")).items()
    }
    return Server(url=str(data.get("url", "/")), variables=defaults)


def _check_root(source: Source) -> int:
    data = source.data
    found = "it has no `openapi`" if isinstance(data, dict) else f"it is {describe_type(data)}"
    at: Pointer = ()
    if isinstance(data, dict) and "openapi" in data:
        version = data["openapi"]
        match = _VERSION.match(version) if isinstance(version, str) else None
        if match:
            paths = data.get("paths", {})
            if isinstance(paths, dict):
                return int(match.group(1))
            found, at = f"its `paths` is {describe_type(paths)}", ("paths",)
        else:
            found = f"its version is `{version}`; 3.0.x, 3.1.x and 3.2.x are read"
            at = ("openapi",)
    elif isinstance(data, dict) and "swagger" in data:
        found = f"it is Swagger {data['swagger']}; OpenAPI 3.0.x, 3.1.x and 3.2.x are read"
        at = ("swagger",)
    elif isinstance(data, dict) and "arazzo" in data:
        found = "it is an Arazzo document"
    # Only now: to find a place, the whole document is read a second time.
    span = source.locate(at)
    problem = Problem(span=span, message=f"not an OpenAPI description: {found}")
    raise DocumentError(source.name, source.text, [problem])
