"""Holds every answer of the server to the descriptions that ship with the package."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from openapi_schema_validator import OAS30Validator, OAS31Validator

from pytest_amberflo.server import live

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

# From where the package really is: the tests also run against an installed one.
_SHIPPED = Path(live.__file__).parents[1] / "openapi/shipped"
PUBLISHED = ("amberflo-metering-openapi.yaml", "amberflo-billing-openapi.yaml")
OFFICIAL = "amberflo-official-openapi.yaml"


@cache
def read_description(name: str) -> Any:
    """A shipped description without references: what they lead to stands in their place."""
    data = yaml.safe_load((_SHIPPED / name).read_text(encoding="utf-8"))

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            found = data
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return resolve(found)
        return {key: resolve(value) for key, value in node.items()}

    return resolve(data)


def find_operation(name: str, method: str, path: str) -> Any:
    """The operation of a description for a request, or None."""
    paths = read_description(name)["paths"]
    path = path.rstrip("/") or "/"
    if path in paths:
        return paths[path].get(method.lower())
    for template, operations in paths.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return operations.get(method.lower())
    return None


def list_errors(name: str, answer: httpx.Response) -> list[str] | None:
    """What an answer breaks of a description; None if that says nothing of such an answer."""
    request = answer.request
    operation = find_operation(name, request.method, request.url.path)
    response = (operation or {}).get("responses", {}).get(str(answer.status_code))
    if response is None:
        return None
    contents = response.get("content")
    if contents is None:
        return []
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type not in contents:
        return [f"{media_type} is not one of {list(contents)}"]
    value = answer.text if media_type == "text/plain" else answer.json()
    kind = OAS31Validator if name == OFFICIAL else OAS30Validator
    validator = kind(contents[media_type]["schema"])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _name_judges(request: httpx.Request) -> Iterator[str]:
    """The descriptions that an answer must keep to: by its path, or the shape of its request."""
    path = request.url.path.rstrip("/")
    if path.startswith("/usage"):
        try:
            payload = json.loads(request.content)
        except (ValueError, RecursionError):
            payload = None
        is_official = isinstance(payload, dict) and "timeRange" in payload
        yield OFFICIAL if is_official or path != "/usage" else PUBLISHED[0]
        return
    if path == "/customers" and request.url.query:
        yield OFFICIAL
        return
    fixed = [name for name in (*PUBLISHED, OFFICIAL) if path in read_description(name)["paths"]]
    # Who says TRIAL speaks the official form: the published one has TRAIL.
    is_official = b'"TRIAL"' in request.content
    for name in [OFFICIAL] if is_official else fixed or (*PUBLISHED, OFFICIAL):
        if find_operation(name, request.method, path) is not None:
            yield name


def check_answer(answer: httpx.Response) -> None:
    """Raise if an answer breaks a description that it must keep to."""
    answer.read()
    if answer.request.method == "HEAD" or answer.request.url.path.startswith(("/health", "/con")):
        return
    if answer.status_code >= 400:
        problem = answer.json()
        assert isinstance(problem.get("message", problem.get("errorMessage")), str), answer.text
    for name in _name_judges(answer.request):
        if name != OFFICIAL and "text/plain" in answer.headers["content-type"]:
            continue
        errors = list_errors(name, answer)
        assert not errors, f"{name}: {errors}\n{answer.request.url}\n{json.dumps(answer.text)}"
