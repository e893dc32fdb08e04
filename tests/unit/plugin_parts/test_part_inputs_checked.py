"""Inputs before anything is sent: what is missing, and what the workflow's schema refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.plugin_parts.part_kit import declare, make_workflow

from pytest_amberflo.inputs import InputError, Inputs, check_inputs

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_inputs_are_listed_with_how_to_give_each() -> None:
    """The whole text: every missing input, its type, what it is, and how to give it."""
    workflow = make_workflow(
        declare(
            "apiKey",
            "region",
            "customerId",
            "n",
            apiKey={"type": "string", "description": "The key\n  of the account."},
            region={"description": "Where."},
            customerId={"type": "string"},
            n=True,
        ),
        workflow_id="ingest-and-query",
    )
    inputs = Inputs(values={"customerId": "acme"}, origins={"customerId": "the row"})
    with pytest.raises(InputError) as caught:
        check_inputs(*workflow, inputs)
    assert str(caught.value).splitlines() == [
        "ingest-and-query needs 3 inputs that nothing gives:",
        '    apiKey  string    "The key of the account."',
        "            AMBERFLO_API_KEY in the environment, or the fixture amberflo_api_key",
        '    region  any       "Where."',
        "            --amberflo-input region=VALUE, an input file, or a row",
        "    n       any     ",
        "            --amberflo-input n=VALUE, an input file, or a row",
        "  or in a conftest.py:",
        "    @pytest.fixture",
        "    def amberflo_inputs(amberflo_inputs):",
        '        return amberflo_inputs | {"apiKey": ...}',
    ]


def test_one_missing_input_is_one() -> None:
    """One missing input is no plural, and one without a schema has any type."""
    workflow = make_workflow({"type": "object", "required": ["x"]})
    with pytest.raises(InputError, match=r"^wf needs 1 input that nothing gives:\n    x  any"):
        check_inputs(*workflow, Inputs(values={}, origins={}))


def test_two_missing_inputs_are_several() -> None:
    """Two missing inputs are a plural."""
    workflow = make_workflow({"type": "object", "required": ["x", "y"]})
    with pytest.raises(InputError, match=r"^wf needs 2 inputs that nothing gives:\n"):
        check_inputs(*workflow, Inputs(values={}, origins={}))


def test_a_schema_that_accepts_nothing_refuses() -> None:
    """A workflow whose inputs are `false` cannot be given any."""
    with pytest.raises(InputError, match=r"^wf does not accept its inputs:\n    inputs: False"):
        check_inputs(*make_workflow(False), Inputs(values={}, origins={}))


def test_inputs_that_the_schema_refuses_have_their_origin() -> None:
    """Every refusal names the input and where its value is from."""
    workflow = make_workflow(
        declare(
            customerId={"type": "string"},
            meterValue={"type": "integer"},
            tags={"type": "array", "items": {"type": "string"}},
        )
        | {"additionalProperties": False}
    )
    inputs = Inputs(
        values={"customerId": 7, "meterValue": 2.5, "tags": ["a", 1], "more": 1},
        origins={"customerId": "the row", "meterValue": "the fixture amberflo_meter_value"},
    )
    with pytest.raises(InputError) as caught:
        check_inputs(*workflow, inputs)
    assert str(caught.value).splitlines() == [
        "wf does not accept its inputs:",
        "    inputs: Additional properties are not allowed ('more' was unexpected)",
        "    customerId: 7 is not of type 'string'  (from the row)",
        "    meterValue: 2.5 is not of type 'integer'  (from the fixture amberflo_meter_value)",
        "    tags[1]: 1 is not of type 'string'",
    ]


@pytest.mark.parametrize("schema", [None, True, declare(x={"type": "integer"}), {}])
def test_inputs_that_are_right_pass(schema: Any) -> None:
    """Without a schema everything is accepted, else what the schema accepts."""
    check_inputs(*make_workflow(schema), Inputs(values={"x": 1}, origins={}))


def test_a_schema_that_is_none_is_refused_with_a_reason() -> None:
    """A mistake in the schema of the inputs is an InputError with the workflow's name."""
    workflow = make_workflow(declare(x={"type": "strng"}))
    with pytest.raises(InputError, match="wf"):
        check_inputs(*workflow, Inputs(values={"x": 1}, origins={}))


@pytest.mark.filterwarnings("ignore:Automatically retrieving:DeprecationWarning")
def test_a_schema_is_not_fetched_from_anywhere(tmp_path: Path) -> None:
    """A schema of inputs that refers to a URL is refused; nothing is asked for it."""
    path = tmp_path / "elsewhere.json"
    path.write_text('{"type": "integer"}', encoding="utf-8")
    workflow = make_workflow(declare(x={"$dynamicRef": path.as_uri()}))
    with pytest.raises(InputError) as caught:
        check_inputs(*workflow, Inputs(values={"x": "text"}, origins={}))
    assert "integer" not in str(caught.value)
