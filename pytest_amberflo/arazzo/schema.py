"""The shape of an Arazzo document as JSON Schema, written from the text of 1.0.1 and 1.1.0.

One table of fields serves both versions: a field that came with 1.1 is marked, so that a
document of 1.0 which uses it can be told why it is refused.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pytest_amberflo.arazzo.acceptor import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

STRING: Final = {"type": "string"}
TEXT: Final = {"type": "string", "minLength": 1}
ANY: Final[dict[str, Any]] = {}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _list(item: Mapping[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": dict(item), "minItems": least}


def _map(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": dict(item),
        "propertyNames": {"pattern": NAME},
    }


def _reusable_or(name: str) -> dict[str, Any]:
    return {
        "if": {"type": "object", "required": ["reference"]},
        "then": _ref("reusable"),
        "else": _ref(name),
    }


_INPUTS: Final = {"type": ["object", "boolean"]}
_ACTION: Final = {
    "name": TEXT,
    "workflowId": TEXT,
    "stepId": TEXT,
    "criteria": _list(_ref("criterion")),
}

#: Object to its fields, the required ones first in `_REQUIRED`.
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "document": {
        "arazzo": STRING,
        "$self": TEXT,
        "info": _ref("info"),
        "sourceDescriptions": _list(_ref("sourceDescription"), 1),
        "workflows": _list(_ref("workflow"), 1),
        "components": _ref("components"),
    },
    "info": {"title": STRING, "summary": STRING, "description": STRING, "version": STRING},
    "sourceDescription": {
        "name": TEXT,
        "url": TEXT,
        "type": {"enum": ["openapi", "arazzo", "asyncapi"]},
    },
    "workflow": {
        "workflowId": TEXT,
        "summary": STRING,
        "description": STRING,
        "inputs": _INPUTS,
        "dependsOn": _list(TEXT),
        "steps": _list(_ref("step"), 1),
        "successActions": _list(_reusable_or("successAction")),
        "failureActions": _list(_reusable_or("failureAction")),
        "outputs": _map(_ref("output")),
        "parameters": _list(_reusable_or("parameter")),
    },
    "step": {
        "description": STRING,
        "stepId": TEXT,
        "operationId": TEXT,
        "operationPath": TEXT,
        "workflowId": TEXT,
        "channelPath": TEXT,
        "parameters": _list(_reusable_or("parameter")),
        "requestBody": _ref("requestBody"),
        "successCriteria": _list(_ref("criterion"), 1),
        "onSuccess": _list(_reusable_or("successAction")),
        "onFailure": _list(_reusable_or("failureAction")),
        "outputs": _map(_ref("output")),
        "timeout": {"type": "integer", "minimum": 0},
        "correlationId": TEXT,
        "action": {"enum": ["send", "receive"]},
        "dependsOn": _list(TEXT),
    },
    "parameter": {
        "name": TEXT,
        "in": {"enum": ["path", "query", "querystring", "header", "cookie"]},
        "value": ANY,
    },
    "successAction": {
        **_ACTION,
        "type": {"enum": ["end", "goto"]},
        "parameters": _list(_reusable_or("parameter")),
    },
    "failureAction": {
        **_ACTION,
        "type": {"enum": ["end", "retry", "goto"]},
        "parameters": _list(_reusable_or("parameter")),
        "retryAfter": {"type": "number", "minimum": 0},
        "retryLimit": {"type": "integer", "minimum": 0},
    },
    "components": {
        "inputs": _map(_INPUTS),
        "parameters": _map(_ref("parameter")),
        "successActions": _map(_ref("successAction")),
        "failureActions": _map(_ref("failureAction")),
    },
    "reusable": {"reference": TEXT, "value": ANY},
    "criterion": {
        "context": TEXT,
        "condition": TEXT,
        "type": {
            "if": {"type": "object"},
            "then": _ref("expressionType"),
            "else": {"enum": ["simple", "regex", "jsonpath", "xpath"]},
        },
    },
    "expressionType": {
        "type": {"enum": ["jsonpath", "xpath", "jsonpointer"]},
        "version": TEXT,
    },
    "selector": {
        "context": TEXT,
        "selector": STRING,
        "type": {
            "if": {"type": "object"},
            "then": _ref("expressionType"),
            "else": {"enum": ["jsonpath", "xpath", "jsonpointer"]},
        },
    },
    "requestBody": {
        "contentType": TEXT,
        "payload": ANY,
        "replacements": _list(_ref("replacement")),
    },
    "replacement": {
        "target": STRING,
        "targetSelectorType": {
            "if": {"type": "object"},
            "then": _ref("expressionType"),
            "else": {"enum": ["jsonpath", "xpath", "jsonpointer"]},
        },
        "value": ANY,
    },
}

_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "document": ("arazzo", "info", "sourceDescriptions", "workflows"),
    "info": ("title", "version"),
    "sourceDescription": ("name", "url"),
    "workflow": ("workflowId", "steps"),
    "step": ("stepId",),
    "parameter": ("name", "value"),
    "successAction": ("name", "type"),
    "failureAction": ("name", "type"),
    "reusable": ("reference",),
    "criterion": ("condition",),
    "expressionType": ("type", "version"),
    "selector": ("context", "selector", "type"),
    "replacement": ("target", "value"),
}

#: Fields that a document of 1.0 must not have.
SINCE_1_1: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        ("document", "$self"),
        ("step", "channelPath"),
        ("step", "timeout"),
        ("step", "correlationId"),
        ("step", "action"),
        ("step", "dependsOn"),
        ("successAction", "parameters"),
        ("failureAction", "parameters"),
        ("replacement", "targetSelectorType"),
    }
)

_NARROWER_IN_1_0: Final[dict[tuple[str, str], Any]] = {
    ("sourceDescription", "type"): {"enum": ["openapi", "arazzo"]},
    ("parameter", "in"): {"enum": ["path", "query", "header", "cookie"]},
    ("expressionType", "type"): {"enum": ["jsonpath", "xpath"]},
}


@cache
def schema_for(minor: int) -> dict[str, Any]:
    """The JSON Schema (2020-12) of documents of version 1.`minor`."""
    definitions = {name: _object_schema(name, minor) for name in FIELDS}
    definitions["output"] = (
        STRING
        if minor == 0
        else {"if": {"type": "object"}, "then": _ref("selector"), "else": STRING}
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": "#/$defs/document",
        "$defs": definitions,
    }


def _object_schema(name: str, minor: int) -> dict[str, Any]:
    properties = {
        field: _NARROWER_IN_1_0.get((name, field), schema) if minor == 0 else schema
        for field, schema in FIELDS[name].items()
        if minor > 0 or (name, field) not in SINCE_1_1
    }
    schema: dict[str, Any] = {
        "title": name,
        "type": "object",
        "properties": properties,
        "required": list(_REQUIRED.get(name, ())),
    }
    if name != "reusable":  # its further fields MUST be ignored
        schema["patternProperties"] = {"^x-": True}
        schema["additionalProperties"] = False
    return schema
