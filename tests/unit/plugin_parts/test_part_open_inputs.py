"""Inputs that a schema allows without declaring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from workflow_text import SHOP

from pytest_amberflo.arazzo import load_workflows
from pytest_amberflo.inputs import InputSources, collect_inputs

if TYPE_CHECKING:
    from pathlib import Path

_WORKFLOW = """\
arazzo: 1.0.1
info: {title: t, version: '1'}
sourceDescriptions: [{name: shop, url: shop.yaml}]
workflows:
  - workflowId: main
    inputs: {type: object, properties: {a: {}}, additionalProperties: OPEN}
    steps:
      - stepId: s
        operationPath: '{$sourceDescriptions.shop.url}#/paths/~1orders~1{id}/get'
        parameters: [{name: id, in: path, value: $inputs.READ}]
"""


@pytest.mark.parametrize(
    ("schema", "read", "values"),
    [
        ("true", "b", {"a": 1, "b": 2}),
        ("{type: integer}", "b", {"a": 1, "b": 2}),
        ("true", "a", {"a": 1}),
        ("false", "a", {"a": 1}),
    ],
)
def test_what_a_workflow_reads_and_its_schema_allows_is_an_input(
    tmp_path: Path, schema: str, read: str, values: dict[str, Any]
) -> None:
    """What it does not read may be meant for another workflow of the same file of inputs."""
    (tmp_path / "shop.yaml").write_text(SHOP.replace("URL", "https://shop.example/v1"))
    path = tmp_path / "main.arazzo.yaml"
    path.write_text(_WORKFLOW.replace("OPEN", schema).replace("READ", read))
    bound = load_workflows(path)
    (workflow,) = bound.document.workflows
    sources = InputSources(
        options={},
        file={"a": 1, "b": 2, "c": 3},
        row={},
        fixtures={},
        without=frozenset(),
        read_fixture=lambda _: None,
    )
    found = collect_inputs(workflow, bound.inputs_of(workflow), sources)
    assert dict(found.values) == values
