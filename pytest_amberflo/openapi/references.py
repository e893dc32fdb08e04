"""References of a description: to places in it, and to other documents that it is written in.

OpenAPI 3.0 to 3.2, Reference Object; JSON Schema 2020-12, 8.2 (`$id`, `$anchor`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote, urldefrag, urljoin

from msgspec import Struct

from pytest_amberflo.arazzo.bound import SourceError
from pytest_amberflo.arazzo.errors import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_amberflo.arazzo.source import Pointer, Source

_MAX_REFS: Final = 50


class OpenSourceText(Protocol):
    """Opens a document that a description refers to."""

    def __call__(self, uri: str) -> Source:
        """The document at an absolute URI. Raises SourceError and DocumentError."""


class Node(Struct, frozen=True):
    """A value of a document with its place; `base` is what its references are relative to."""

    source: Source
    pointer: Pointer
    value: Any
    base: str

    def child(self, token: str | int) -> Node:
        """The member or item of this value."""
        return Node(
            self.source, (*self.pointer, token), self.value[token], _base_of(self.value, self.base)
        )

    def members(self) -> Iterator[tuple[str, Node]]:
        """Every member of this value by name; of what is no object none."""
        if isinstance(self.value, dict):
            for name in self.value:
                yield name, self.child(name)

    def descend(self, *names: str) -> Node | None:
        """The object that these names lead to, or None where one of them does not."""
        node = self
        for name in names:
            if not isinstance(node.value, dict) or not isinstance(node.value.get(name), dict):
                return None
            node = node.child(name)
        return node

    @property
    def reference(self) -> str | None:
        """The `$ref` of this value, or None."""
        found = self.value.get("$ref") if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else None

    def error(
        self,
        message: str,
        name: str | None = None,
        candidates: tuple[str, ...] = (),
        hint: str = "",
    ) -> DocumentError:
        """The error that something is wrong here."""
        span = self.source.locate(self.pointer)
        problem = Problem(
            span=span, message=message, name=name, candidates=candidates, hint=hint or None
        )
        return DocumentError(self.source.name, self.source.text, [problem])


class References:
    """Follows the references of one description; `open_text` is None where it stands alone."""

    def __init__(self, source: Source, open_text: OpenSourceText | None) -> None:
        self._open_text = open_text
        self._resources: dict[str, Node] = {}
        self._documents: dict[str, Node] = {}
        self.root = self._add(source)

    def document_of(self, node: Node) -> Node:
        """The root of the document that a node is in."""
        return self._documents[node.source.uri]

    def follow(self, node: Node) -> Node:
        """The node itself, or what its `$ref`, and the one there, lead to.

        Raises DocumentError for a reference that leads nowhere, in a circle or to what must not
        be opened.
        """
        for _ in range(_MAX_REFS):
            if node.reference is None:
                return node
            node = self.target(node.reference, node)
        raise node.error(f"`$ref: {node.reference}` leads back to itself")

    def target(self, reference: str, at: Node) -> Node:
        """What a reference that stands at a node leads to. Raises DocumentError."""
        try:
            base = _base_of(at.value, at.base)
            # urljoin knows no URN as a base.
            is_within = reference.startswith("#")
            uri, fragment = urldefrag(base + reference if is_within else urljoin(base, reference))
        except ValueError:
            raise at.error(f"`$ref: {reference}` is no URL") from None
        resource = self._resource(uri, reference, at)
        if not fragment or fragment.startswith("/"):
            return _walk(resource, unquote(fragment), reference, at)
        for node in _each_object(resource):
            if fragment in (node.value.get("$anchor"), node.value.get("$dynamicAnchor")):
                return node
        raise at.error(f"`$ref: {reference}` leads nowhere: there is no `$anchor: {fragment}`")

    def _resource(self, uri: str, reference: str, at: Node) -> Node:
        if uri not in self._resources:
            if self._open_text is None:
                raise at.error(f"`$ref: {reference}` leads out of the document: not supported")
            try:
                source = self._open_text(uri)
            except SourceError as error:
                message = f"`$ref: {reference}`: {error.reason}"
                raise at.error(message, error.name, error.candidates, error.hint or "") from None
            self._resources[uri] = self._resources.get(source.uri) or self._add(source)
        return self._resources[uri]

    def _add(self, source: Source) -> Node:
        own = source.data.get("$self") if isinstance(source.data, dict) else None
        base = urljoin(source.uri, own) if isinstance(own, str) else source.uri
        root = Node(source, (), source.data, urldefrag(base)[0])
        self._documents[source.uri] = root
        self._resources[urldefrag(source.uri)[0]] = self._resources[root.base] = root
        if "$id" in source.text:
            for node in _each_object(root):
                if isinstance(node.value.get("$id"), str):
                    self._resources.setdefault(_base_of(node.value, node.base), node)
        return root


def _base_of(value: Any, base: str) -> str:
    own = value.get("$id") if isinstance(value, dict) else None
    return urldefrag(urljoin(base, own))[0] if isinstance(own, str) else base


def _walk(node: Node, pointer: str, reference: str, at: Node) -> Node:
    for part in pointer.split("/")[1:]:
        token = part.replace("~1", "/").replace("~0", "~")
        value = node.value
        if isinstance(value, list) and token.isdecimal() and int(token) < len(value):
            node = node.child(int(token))
        elif isinstance(value, dict) and token in value:
            node = node.child(token)
        else:
            known = tuple(value) if isinstance(value, dict) else ()
            message = f"`$ref: {reference}` leads nowhere: there is no `{token}`"
            raise at.error(message, token, known)
    return node


def _each_object(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node.value, dict):
            yield node
            stack.extend(node.child(name) for name in node.value)
        elif isinstance(node.value, list):
            stack.extend(node.child(index) for index in range(len(node.value)))
