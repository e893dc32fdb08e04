"""An OpenAPI description: its operations by id and by pointer, with what applies to each.

OpenAPI 3.0, 3.1 and 3.2. Operations are built when they are asked for; a description of
thousands of operations costs an index of their ids.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.arazzo.errors import DocumentError, Problem
from pytest_amberflo.arazzo.operation import Encoding, Operation, OperationParameter, Server
from pytest_amberflo.arazzo.scope import describe_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_amberflo.arazzo.source import Pointer, Source

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_VERSION: Final = re.compile(r"3\.([012])\.\d+(?:-.+)?\Z")
_STYLES: Final = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_MAX_REFS: Final = 50


class Description:
    """An OpenAPI description (see `ApiDescription`); `minor` is the y of version 3.y.

    `is_shipped` tells that it came with this package and not from the user.
    """

    def __init__(self, source: Source, *, is_shipped: bool = False) -> None:
        self.source = source
        self.is_shipped = is_shipped
        self.minor = _check_root(source)
        self._by_id: dict[str, tuple[str, str]] = {}
        self._built: dict[tuple[str, str], Operation] = {}
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
        return None if key is None else self._operation(*key)

    def at(self, pointer: tuple[str, ...]) -> Operation | None:
        """The operation at `/paths/<path>/<method>`, or None."""
        if len(pointer) != 3 or pointer[0] != "paths":
            return None
        _, path, method = pointer
        item = self._path_item(path)
        if method not in METHODS or not isinstance(item.get(method), dict):
            return None
        return self._operation(path, method)

    def list_paths(self) -> tuple[str, ...]:
        """Every operation as method and path: `POST /usage`."""
        return tuple(f"{method.upper()} {path}" for path, method in self._each_operation())

    def _each_operation(self) -> Iterator[tuple[str, str]]:
        for path in self.source.data.get("paths", {}):
            item = self._path_item(path)
            for method in METHODS:
                if isinstance(item.get(method), dict):
                    yield path, method

    def _index(self) -> None:
        problems: list[Problem] = []
        for path, method in self._each_operation():
            operation_id = self._path_item(path)[method].get("operationId")
            if not isinstance(operation_id, str):
                continue
            if operation_id in self._by_id:
                first = " ".join(reversed(self._by_id[operation_id]))
                problems.append(
                    Problem(
                        span=self.source.locate(("paths", path, method, "operationId")),
                        message=f"operationId `{operation_id}` is taken by {first}",
                    )
                )
            self._by_id.setdefault(operation_id, (path, method))
        if problems:
            raise DocumentError(self.source.name, self.source.text, problems)

    def _path_item(self, path: str) -> Mapping[str, Any]:
        item = self.source.data.get("paths", {}).get(path)
        return self.resolve(item, ("paths", path)) if isinstance(item, dict) else {}

    def _operation(self, path: str, method: str) -> Operation:
        key = (path, method)
        if key not in self._built:
            self._built[key] = self._build(path, method)
        return self._built[key]

    def _build(self, path: str, method: str) -> Operation:
        at: Pointer = ("paths", path, method)
        item = self._path_item(path)
        data = item[method]
        body = self.resolve(data.get("requestBody", {}), (*at, "requestBody"))
        operation_id = data.get("operationId")
        return Operation(
            pointer=at,
            operation_id=operation_id if isinstance(operation_id, str) else None,
            method=method.upper(),
            path=path,
            parameters=self._parameters(item, data, path, method),
            media_types=tuple(_members(body.get("content"))),
            body_schemas=self._body_schemas(body, at),
            encodings=_read_encodings(body),
            response_types=self._response_types(data, at),
            servers=self._servers(data, item),
        )

    def _parameters(
        self, item: Mapping[str, Any], data: Mapping[str, Any], path: str, method: str
    ) -> tuple[OperationParameter, ...]:
        found: dict[tuple[str, str], OperationParameter] = {}
        for owner, at in ((item, ("paths", path)), (data, ("paths", path, method))):
            for index, entry in enumerate(_items(owner.get("parameters"))):
                pointer = (*at, "parameters", index)
                parameter = self._parameter(self.resolve(entry, pointer), pointer)
                found[parameter.name, parameter.location] = parameter
        return tuple(found.values())

    def _parameter(self, data: Mapping[str, Any], at: Pointer) -> OperationParameter:
        name, location = data.get("name"), data.get("in")
        if not isinstance(name, str) or not isinstance(location, str):
            raise self.error(at, "a parameter needs `name` and `in`")
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

    def _body_schemas(self, body: Mapping[str, Any], at: Pointer) -> dict[str, dict[str, Any]]:
        """The members of each media type's schema, where it is an object with members."""
        found: dict[str, dict[str, Any]] = {}
        for media_type, content in _members(body.get("content")).items():
            schema = _members(self.resolve(_members(content).get("schema") or {}, at))
            found[media_type] = {
                name: self.resolve(member, at)
                for name, member in _members(schema.get("properties")).items()
                if isinstance(member, dict)
            }
        return found

    def _response_types(self, data: Mapping[str, Any], at: Pointer) -> tuple[str, ...]:
        types: dict[str, None] = {}
        for status, entry in _members(data.get("responses")).items():
            response = self.resolve(entry, (*at, "responses", status))
            types.update(dict.fromkeys(_members(response.get("content"))))
        return tuple(types)

    def _servers(self, *owners: Mapping[str, Any]) -> tuple[Server, ...]:
        for owner in (*owners, self.source.data):
            servers = [
                server for server in _items(owner.get("servers")) if isinstance(server, dict)
            ]
            if servers:
                return tuple(_read_server(server) for server in servers)
        return (Server(url="/", variables={}),)

    def resolve(self, data: Any, at: Pointer) -> Mapping[str, Any]:
        """The object itself, or the one that its `$ref` leads to within the document.

        Raises DocumentError for a reference that leads nowhere or out of the document.
        """
        seen = 0
        while isinstance(data, dict) and isinstance(data.get("$ref"), str):
            reference: str = data["$ref"]
            if not reference.startswith("#/"):
                raise self.error(
                    at, f"`$ref: {reference}` leads out of the document: not supported"
                )
            seen += 1
            if seen > _MAX_REFS:
                raise self.error(at, f"`$ref: {reference}` leads back to itself")
            data = self._follow(reference, at)
        if not isinstance(data, dict):
            raise self.error(at, f"{describe_type(data)} stands where an object is due")
        return data

    def _follow(self, reference: str, at: Pointer) -> Any:
        value = self.source.data
        for part in reference[2:].split("/"):
            token = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(value, dict) or token not in value:
                known = tuple(value) if isinstance(value, dict) else ()
                message = f"`$ref: {reference}` leads nowhere: there is no `{token}`"
                raise self.error(at, message, token, known)
            value = value[token]
        return value

    def error(
        self, at: Pointer, message: str, name: str | None = None, candidates: tuple[str, ...] = ()
    ) -> DocumentError:
        """The error that something is wrong with the description at a place."""
        span = self.source.locate(at)
        problem = Problem(span=span, message=message, name=name, candidates=candidates)
        return DocumentError(self.source.name, self.source.text, [problem])


def _read_encodings(body: Mapping[str, Any]) -> dict[str, dict[str, Encoding]]:
    """Media type to the encodings of the members of its body."""
    return {
        media_type: {
            name: Encoding(
                content_type=encoding.get("contentType"),
                style=encoding.get("style"),
                explode=encoding.get("explode"),
                allow_reserved=encoding.get("allowReserved"),
            )
            for name, encoding in _members(_members(content).get("encoding")).items()
            if isinstance(encoding, dict)
        }
        for media_type, content in _members(body.get("content")).items()
    }


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
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
    span = source.locate(())
    if isinstance(data, dict) and "openapi" in data:
        version = data["openapi"]
        match = _VERSION.match(version) if isinstance(version, str) else None
        if match:
            paths = data.get("paths", {})
            if isinstance(paths, dict):
                return int(match.group(1))
            found, span = f"its `paths` is {describe_type(paths)}", source.locate(("paths",))
        else:
            found = f"its version is `{version}`; 3.0.x, 3.1.x and 3.2.x are read"
            span = source.locate(("openapi",))
    elif isinstance(data, dict) and "swagger" in data:
        found = f"it is Swagger {data['swagger']}; OpenAPI 3.0.x, 3.1.x and 3.2.x are read"
        span = source.locate(("swagger",))
    elif isinstance(data, dict) and "arazzo" in data:
        found = "it is an Arazzo document"
    problem = Problem(span=span, message=f"not an OpenAPI description: {found}")
    raise DocumentError(source.name, source.text, [problem])
