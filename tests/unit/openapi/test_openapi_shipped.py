"""The descriptions that come with the package keep OpenAPI's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import (
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
    OpenAPIV32SpecValidator,
)

from pytest_amberflo.openapi.catalog import list_shipped, read_shipped
from pytest_amberflo.openapi.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterator

VALIDATORS = (OpenAPIV30SpecValidator, OpenAPIV31SpecValidator, OpenAPIV32SpecValidator)
PUBLISHED = "amberflo-metering-openapi.yaml"


def references(value: Any) -> Iterator[str]:
    """Every `$ref` of a document."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "$ref":
                yield member
            else:
                yield from references(member)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_published_description_is_shipped() -> None:
    """It has the name that workflows of the published form refer to."""
    assert PUBLISHED in list_shipped()


@pytest.mark.parametrize("name", list_shipped())
def test_a_shipped_description_is_valid_openapi(name: str) -> None:
    """The validator of OpenAPI finds nothing in it."""
    description = read_shipped(name)
    validator = VALIDATORS[description.minor]
    assert list(validator(description.source.data).iter_errors()) == []


@pytest.mark.parametrize("name", list_shipped())
def test_a_shipped_description_is_whole_in_itself(name: str) -> None:
    """Every reference leads to a place within the same file, and every operation is built."""
    description = read_shipped(name)
    found = set(references(description.source.data))
    assert found
    assert all(reference.startswith("#/components/") for reference in found)
    assert description.operation_ids
    for operation_id in description.operation_ids:
        operation = description.find(operation_id)
        assert operation is not None
        assert operation.servers[0].expand().startswith("https://")


@pytest.mark.parametrize("name", list_shipped())
def test_every_component_of_a_shipped_description_is_used(name: str) -> None:
    """A schema that nothing refers to says nothing about any message."""
    data = read_shipped(name).source.data
    used = set(references(data))
    for kind, components in data["components"].items():
        if kind != "securitySchemes":
            assert {f"#/components/{kind}/{component}" for component in components} <= used


@pytest.mark.parametrize("name", list_shipped())
def test_a_shipped_description_is_not_checked_again(name: str) -> None:
    """Preparing its contract finds nothing to complain of."""
    Contract(read_shipped(name)).prepare()


def test_a_shipped_description_is_read_once() -> None:
    """All runs of a process share it."""
    assert read_shipped(PUBLISHED) is read_shipped(PUBLISHED)
