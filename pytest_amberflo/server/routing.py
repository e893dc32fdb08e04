"""Which operation a request is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from pytest_amberflo.server.refusal import Refusal
from pytest_amberflo.server.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_amberflo.server.documents import Documents
    from pytest_amberflo.server.message import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has found its operation."""

    request: Request
    #: What the path's template left open, decoded.
    arguments: Mapping[str, str]
    tenant: int = 0
    payload: Any = None
    #: The parameters of the query; of several with one name the last one.
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An operation and the requests that are for it."""

    #: The operation by name, for faults and messages.
    name: str
    method: str
    #: `{customerId}` stands for one segment, whatever it is.
    path: str
    shape: Shape
    #: What is done in one transaction, and gives back what is answered in JSON; None for what
    #: the application itself does. A GET only reads.
    operate: Callable[[Call, Documents], Any] | None = None
    #: Whether there is a body to read.
    has_body: bool = False
    #: Whether it changes nothing, whatever its method says.
    is_query: bool = False
    #: Whose form a request has, where its path does not tell.
    tell_shape: Callable[[Any], Shape] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether the operation changes nothing."""
        return self.is_query or self.method == "GET"

    def find_shape(self, payload: Any) -> Shape:
        """The form of the API that a request of this payload uses."""
        return self.shape if self.tell_shape is None else self.tell_shape(payload)


def make_route(
    name: str,
    method: str,
    path: str,
    operate: Callable[[Call, Documents], Any],
    shape: Shape = Shape.SHARED,
) -> Route:
    """The route of an operation on documents: what POST and PUT bring is in their body."""
    return Route(
        name=name,
        method=method,
        path=path,
        shape=shape,
        operate=operate,
        has_body=method in ("POST", "PUT"),
    )


class Router:
    """Finds routes; a path may end with a slash or not, and is never redirected."""

    def __init__(self, routes: Iterable[Route], load: Callable[[], Iterable[Route]]) -> None:
        #: Gives the routes that are asked for more rarely, once one of them is.
        self._load: Callable[[], Iterable[Route]] | None = load
        #: Path to its methods.
        self._fixed: dict[str, dict[str, Route]] = {}
        #: Segments of a template to its methods.
        self._open: dict[tuple[str, ...], dict[str, Route]] = {}
        self._add(routes)

    def _add(self, routes: Iterable[Route]) -> None:
        for route in routes:
            if "{" in route.path:
                segments = tuple(route.path.split("/"))
                self._open.setdefault(segments, {})[route.method] = route
            else:
                self._fixed.setdefault(route.path, {})[route.method] = route

    def find(self, request: Request) -> tuple[Route, Mapping[str, str]]:
        """The route of a request and its arguments. Raises Refusal (404, 405)."""
        path = request.path
        methods = self._fixed.get(path)
        arguments: Mapping[str, str] = _NOTHING
        if methods is None:
            # Many clients would follow a redirect with a GET.
            stripped = path.removesuffix("/")
            methods = self._fixed.get(stripped)
            if methods is None:
                if self._load is not None:
                    load, self._load = self._load, None
                    self._add(load())
                    return self.find(request)
                methods, arguments = self._match(stripped)
        route = methods.get(request.method)
        if route is None and request.method == "HEAD":
            route = methods.get("GET")
        if route is None:
            names = [name for m in methods for name in ((m, "HEAD") if m == "GET" else (m,))]
            allowed = ", ".join(names)
            message = f"This path answers to {allowed} only"
            raise Refusal(405, "method-not-allowed", message, headers=(("Allow", allowed),))
        return route, arguments

    def _match(self, path: str) -> tuple[dict[str, Route], Mapping[str, str]]:
        segments = path.split("/")
        for template, methods in self._open.items():
            if len(template) != len(segments):
                continue
            arguments = {}
            for expected, segment in zip(template, segments, strict=True):
                if expected.startswith("{") and segment:
                    arguments[expected[1:-1]] = _decode(segment)
                elif expected != segment:
                    break
            else:
                return methods, arguments
        raise Refusal(404, "not-found", "There is nothing at this path")


_NOTHING: Final[Mapping[str, str]] = {}
_MAX_PARAMETERS: Final = 100


def read_parameters(request: Request) -> dict[str, str]:
    """The parameters of a request's query. Raises Refusal (400) for what cannot be read."""
    if not request.query:
        return {}
    try:
        pairs = parse_qsl(
            request.query,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError as error:
        details = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise Refusal(400, "invalid-query", "The query is unusable", details=details) from None
    parameters = dict(pairs)
    if any("\x00" in text for pair in pairs for text in pair):
        raise Refusal(400, "invalid-text", "The query holds the character U+0000")
    return parameters


def _decode(segment: str) -> str:
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Refusal(400, "invalid-encoding", "The path is not UTF-8") from None
    if "\x00" in text:
        raise Refusal(400, "invalid-text", "The path holds the character U+0000")
    return text
