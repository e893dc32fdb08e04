"""An extract in the plain form that openapi-core reads rightly in every version of OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_amberflo.openapi.extract import Extract

#: Header parameters that OpenAPI says to ignore.
_IGNORED: Final = ("accept", "content-type", "authorization")
_STYLES: Final = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
#: Where the one operation stands in a readable description.
PLACE: Final = ("paths", "/", "operation")
QUERY_STRING: Final = "querystring"


def make_readable(extract: Extract, minor: int) -> dict[str, Any]:
    """A description with one operation, at PLACE; its schemas are those of the extract."""
    operation = dict(extract.operation)
    parameters = _list(operation.get("parameters"))
    operation["parameters"] = [
        _read_parameter(parameter, minor)
        for parameter in parameters
        if isinstance(parameter, dict) and not _is_ignored(parameter)
    ]
    if isinstance(operation.get("requestBody"), dict):
        operation["requestBody"] = _read_content(operation["requestBody"], minor)
    operation["responses"] = {
        _read_status(status): _read_response(response, minor)
        for status, response in _dict(operation.get("responses")).items()
        if isinstance(response, dict)
    }
    return {
        "openapi": f"3.{minor}.0",
        "info": {"title": "", "version": ""},
        "paths": {"/": {"operation": operation}},
        "components": extract.components,
    }


def _is_ignored(parameter: Mapping[str, Any]) -> bool:
    return parameter.get("in") == "header" and str(parameter.get("name")).lower() in _IGNORED


def _read_status(status: str) -> str:
    return status.upper() if status[1:].upper() == "XX" else status


def _read_parameter(data: Mapping[str, Any], minor: int, *, place: str = "header") -> Any:
    """A parameter or header with its style filled in."""
    place = str(data.get("in", place))
    style = data.get("style", _STYLES.get(place, "form"))
    explode = data.get("explode", style in ("form", "cookie"))
    parameter = {**_read_content(data, minor), "style": style, "explode": bool(explode)}
    if place == QUERY_STRING:
        parameter["in"] = "query"
    if "schema" in data:
        parameter["schema"] = _wrap(data["schema"])
    elif "content" not in data:
        parameter["schema"] = {}
    return parameter


def _read_response(response: Mapping[str, Any], minor: int) -> dict[str, Any]:
    readable = _read_content(response, minor)
    readable["headers"] = {
        name: _read_parameter(header, minor)
        for name, header in _dict(response.get("headers")).items()
        if isinstance(header, dict)
    }
    return readable


def _read_content(data: Mapping[str, Any], minor: int) -> dict[str, Any]:
    readable = dict(data)
    if "content" in data:
        readable["content"] = {
            media_type: _read_media(media, minor)
            for media_type, media in _dict(data["content"]).items()
        }
        if not readable["content"]:
            del readable["content"]  # says as much as none
    return readable


def _read_media(media: Any, minor: int) -> dict[str, Any]:
    readable = dict(_dict(media))
    if minor >= 2 and "itemSchema" in readable and "schema" not in readable:
        readable["schema"] = {"type": "array", "items": readable["itemSchema"]}
    if "schema" in readable:
        readable["schema"] = _wrap(readable["schema"])
    return readable


def _wrap(schema: Any) -> Any:
    """The schema as an object that is not read past: a boolean, or a `$ref` that is not alone."""
    if isinstance(schema, dict) and not ("$ref" in schema and len(schema) > 1):
        return schema
    return {"allOf": [schema]}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
