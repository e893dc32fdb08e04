"""Documents that tests start from."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent

#: The repository's own workflow: send one event, query its usage.
INGEST_AND_QUERY = (ROOT / "workflows" / "ingest-and-query-usage.arazzo.yaml").read_text(
    encoding="utf-8"
)

#: A description of one's own service, on a port that the test fills in.
SHOP = """\
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
servers:
  - url: URL
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: full, in: query, schema: {type: boolean}}
      responses:
        "200":
          description: the order
          content:
            application/json:
              schema:
                type: object
                required: [id, lines]
                properties:
                  id: {type: string}
                  lines: {type: array, items: {type: object, required: [sku]}}
"""

SHOP_WORKFLOW = """\
arazzo: 1.0.1
info: {title: Shop, version: 1.0.0}
sourceDescriptions:
  - {name: shop, url: shop.yaml, type: openapi}
workflows:
  - workflowId: read-order
    inputs:
      type: object
      properties:
        id: {type: string, default: "7"}
    steps:
      - stepId: read
        operationId: getOrder
        parameters:
          - {name: id, in: path, value: $inputs.id}
        successCriteria:
          - condition: $statusCode == 200
          - condition: $response.body#/id == $inputs.id
        outputs:
          sku: $response.body#/lines/0/sku
    outputs:
      sku: $steps.read.outputs.sku
"""


def edit(text: str, *changes: tuple[str, str]) -> str:
    """The text with each change made; a change that finds nothing is a mistake of the test."""
    for old, new in changes:
        if old not in text:
            raise AssertionError(f"there is no {old!r} to change")
        text = text.replace(old, new)
    return text


def line_of(text: str, fragment: str, turn: int = 1) -> int:
    """The line, from 1, in which a fragment stands for the `turn`-th time."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if fragment in line]
    return lines[turn - 1]
