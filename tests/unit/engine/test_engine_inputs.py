"""Inputs of workflows: JSON Schema with references, defaults and formats, checked first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amberflo.arazzo import InputsRefusedError, Outcome

if TYPE_CHECKING:
    from unit.engine.engine_kit import Service, Workbench

_PAGE = {"type": "object", "required": ["page"], "properties": {"page": {"type": "integer"}}}


def _workflow(schema: Any, value: str = "$inputs.page") -> str:
    parameter = {"name": "q", "in": "query", "value": value}
    step = {"stepId": "s", "operationId": "a", "parameters": [parameter]}
    return "- " + json.dumps({"workflowId": "main", "inputs": schema, "steps": [step]})


@pytest.mark.parametrize(
    ("schema", "component"),
    [
        (_PAGE, None),
        ({"$ref": "#/components/inputs/p"}, _PAGE),
        ({"$ref": "#pages"}, {"$anchor": "pages", **_PAGE}),
        ({"$ref": "https://flows.example/main.yaml#/components/inputs/p"}, _PAGE),
        ({"$ref": "main.yaml#pages"}, {"$anchor": "pages", **_PAGE}),
        ({"allOf": [{"$ref": "#/components/inputs/p"}, {"properties": {"z": {}}}]}, _PAGE),
        (
            {"type": "object", "required": ["page"], "properties": {"page": {"$ref": "#n"}}},
            {"$anchor": "n", "type": "integer"},
        ),
        (
            {
                **_PAGE,
                "$defs": {"n": {"type": "integer"}},
                "properties": {"page": {"$ref": "#/$defs/n"}},
            },
            None,
        ),
        ({"anyOf": [_PAGE, {"required": ["z"], "properties": {"z": {}}}]}, None),
    ],
)
def test_inputs_are_checked_before_the_first_request(
    bench: Workbench, service: Service, schema: Any, component: Any
) -> None:
    """Behind references by pointer, by anchor and by the document's own name, too."""
    bench.add("$self: https://flows.example/main.yaml")
    if component is not None:
        bench.add("components: " + json.dumps({"inputs": {"p": component}}))
    text = _workflow(schema)
    for wrong in ({"page": "x"}, {}):
        with pytest.raises(InputsRefusedError):
            bench.run(text, wrong, version="1.1.0")
    assert service.seen == []
    assert bench.run(text, {"page": 3}, version="1.1.0").outcome is Outcome.PASSED
    assert service.seen[0].query == "q=3"


def test_defaults_are_filled_in(bench: Workbench, service: Service) -> None:
    """Where nobody gave a value; those of branches that may not apply are left alone."""
    schema = {
        "properties": {"page": {"default": 7}},
        "anyOf": [{"properties": {"z": {"default": 1}}}],
    }
    result = bench.run(_workflow(schema))
    assert dict(result.inputs) == {"page": 7}
    assert service.seen[0].query == "q=7"
    assert bench.run(_workflow(schema), {"page": 2}).inputs["page"] == 2


@pytest.mark.parametrize(
    ("format_", "right", "wrong"),
    [
        ("int32", 2**31 - 1, 2**31),
        ("int32", -(2**31), -(2**31) - 1),
        ("int64", 2**63 - 1, 2**63),
        ("date", "2026-02-28", "2026-02-30"),
        ("date-time", "2026-01-02T03:04:05Z", "2026-01-02"),
        ("email", "a@example.com", "a"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("ipv4", "127.0.0.1", "localhost"),
        ("uri", "https://example.com/a?b#c", "a b"),
        ("uri", "urn:x:y", "/relative"),
        ("uri-reference", "/relative", "a b"),
        ("json-pointer", "/a/b~1c", "a/b"),
        ("regex", "^a+$", "(["),
    ],
)
def test_formats_are_held(bench: Workbench, format_: str, right: Any, wrong: Any) -> None:
    """Those of JSON Schema, and the widths of integers that Arazzo adds."""
    text = _workflow({"properties": {"page": {"format": format_}}})
    assert bench.run(text, {"page": right}).outcome is Outcome.PASSED
    with pytest.raises(InputsRefusedError):
        bench.run(text, {"page": wrong})


@pytest.mark.parametrize("value", [1.5, "a secret", True, None])
def test_formats_that_only_hint_are_no_check(bench: Workbench, value: Any) -> None:
    """A format says nothing of values of other types, `password` nothing at all."""
    for format_ in ("password", "int32", "double"):
        if format_ == "int32" and isinstance(value, float):
            continue
        text = _workflow({"properties": {"page": {"format": format_}}})
        assert bench.run(text, {"page": value}).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "#/components/inputs/none"}, "leads nowhere"),
        ({"$ref": "#none"}, "leads nowhere"),
        ({"$ref": "other.yaml#/a"}, "leads nowhere"),
        ({"type": "objekt"}, "the schema of the inputs is not valid"),
        ({"type": "object", "properties": {"pages": {}}}, "has no input `page`"),
    ],
)
def test_schemas_that_cannot_be_used_are_refused(
    bench: Workbench, schema: Any, message: str
) -> None:
    """Nothing is fetched for a schema."""
    found = bench.refuse(_workflow(schema))
    assert any(message in one for one in found)
