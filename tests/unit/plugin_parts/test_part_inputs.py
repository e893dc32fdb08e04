"""Inputs of a workflow: where each comes from, what is missing, and what its schema refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.plugin_parts.part_kit import declare, make_workflow

from pytest_amberflo.inputs import (
    InputError,
    Inputs,
    InputSources,
    collect_inputs,
    find_unknown,
    select_file_inputs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES: dict[str, Any] = {
    "amberflo_api_key": "key-of-fixture",
    "amberflo_customer_id": "customer-of-fixture",
    "amberflo_unique_id": "id-of-fixture",
    "metering_window.event_millis": 1_795_219_260_000,
    "metering_window.start_seconds": 1_795_219_200,
    "metering_window.end_seconds": 1_795_305_600,
    "amberflo_meter": "api-calls",
    "amberflo_meter_value": 2.5,
    "mapped": "of-mapped-fixture",
}


def make_sources(
    *,
    options: Mapping[str, str] | None = None,
    file: Mapping[str, Any] | None = None,
    row: Mapping[str, Any] | None = None,
    fixtures: Mapping[str, str] | None = None,
    without: frozenset[str] = frozenset(),
    given: Mapping[str, Any] | None = None,
) -> InputSources:
    """Sources of inputs; `given` are fixtures with another value than usual."""
    values = FIXTURES | dict(given or {})
    return InputSources(
        options=options or {},
        file=file or {},
        row=row or {},
        fixtures=fixtures or {},
        without=without,
        read_fixture=values.__getitem__,
    )


def collect(schemas: Mapping[str, Any], **sources: Any) -> Inputs:
    """The inputs of a workflow with these schemas, none required."""
    return collect_inputs(*make_workflow(declare(**schemas)), make_sources(**sources))


FULL = {"type": "string", "default": "of-default", "examples": ["of-example"]}


def test_sources_of_a_plain_input_in_their_order() -> None:
    """Option, file, row, mapped fixture, default, example: the first that is there wins."""
    everything: dict[str, Any] = {
        "options": {"region": "of-option"},
        "file": {"region": "of-file"},
        "row": {"region": "of-row"},
        "fixtures": {"region": "mapped"},
    }
    found = []
    for name in (None, *everything):
        if name is not None:
            everything = {key: value for key, value in everything.items() if key != name}
        found.append(collect({"region": FULL}, **everything))
    without_default = {"type": "string", "examples": ["of-example", "second"]}
    found.append(collect({"region": without_default}))
    assert [(inputs.values["region"], inputs.origins["region"]) for inputs in found] == [
        ("of-option", "--amberflo-input region"),
        ("of-file", "the input file"),
        ("of-row", "the row"),
        ("of-mapped-fixture", "the fixture mapped"),
        ("of-default", "the schema's default"),
        ("of-example", "the schema's examples"),
    ]


@pytest.mark.parametrize(
    ("name", "fixture"),
    [
        ("apiKey", "amberflo_api_key"),
        ("customerId", "amberflo_customer_id"),
        ("uniqueId", "amberflo_unique_id"),
        ("meterTimeInMillis", "metering_window.event_millis"),
        ("startTimeInSeconds", "metering_window.start_seconds"),
        ("endTimeInSeconds", "metering_window.end_seconds"),
    ],
)
def test_identity_and_time_come_from_fixtures_before_a_default(name: str, fixture: str) -> None:
    """For who and when, the fixture goes before the schema's default, after all that is given."""
    schema = {"default": "of-default", "examples": ["of-example"]}
    inputs = collect({name: schema})
    assert inputs.values[name] == FIXTURES[fixture]
    assert inputs.origins[name] == f"the fixture {fixture}"
    for source, origin in (("file", "the input file"), ("row", "the row")):
        assert collect({name: schema}, **{source: {name: "given"}}).origins[name] == origin
    mapped = collect({name: schema}, fixtures={name: "mapped"})
    assert (mapped.values[name], mapped.origins[name]) == (
        "of-mapped-fixture",
        "the fixture mapped",
    )


@pytest.mark.parametrize(
    ("name", "fixture"),
    [("meterApiName", "amberflo_meter"), ("meterValue", "amberflo_meter_value")],
)
def test_meter_and_value_have_a_default_first(name: str, fixture: str) -> None:
    """For what is metered, the schema's default goes before the fixture, examples after it."""
    schema = {"default": "of-default", "examples": ["of-example"]}
    assert collect({name: schema}).values[name] == "of-default"
    found = collect({name: {"examples": ["of-example"]}})
    assert (found.values[name], found.origins[name]) == (
        FIXTURES[fixture],
        f"the fixture {fixture}",
    )


def test_a_fixture_of_identity_that_has_nothing_is_passed_over() -> None:
    """Without a key, an input `apiKey` comes from its default or from nowhere."""
    given = {"amberflo_api_key": None}
    assert collect({"apiKey": {"default": "d"}}, given=given).values == {"apiKey": "d"}
    assert collect({"apiKey": {"type": "string"}}, given=given).values == {}


def test_only_declared_inputs_are_collected() -> None:
    """What a file, a row or an option gives beyond the schema is left alone."""
    inputs = collect(
        {"region": {"type": "string"}},
        file={"other": 1},
        row={"more": 2},
        options={"third": "3"},
        fixtures={"fourth": "mapped"},
    )
    assert inputs == Inputs(values={}, origins={})


@pytest.mark.parametrize("falsy", [None, 0, False, "", []])
def test_a_given_nothing_is_a_value(falsy: Any) -> None:
    """Null, zero and empty texts of a file, a row or a default are values, not gaps."""
    assert collect({"x": {"default": "d"}}, file={"x": falsy}).values["x"] == falsy
    assert collect({"x": {"default": "d"}}, row={"x": falsy}).values["x"] == falsy
    assert collect({"x": {"default": falsy, "examples": ["e"]}}).values["x"] == falsy


@pytest.mark.parametrize("schema", [True, {}, {"examples": []}, {"examples": "text"}])
def test_an_input_without_a_source_is_left_out(schema: Any) -> None:
    """An optional input that nothing gives is absent, not null."""
    assert collect({"region": schema}).values == {}


def test_an_input_is_left_out_on_demand() -> None:
    """`without` leaves an optional input out, whatever would give it."""
    schemas = {"uniqueId": FULL, "customerId": FULL}
    inputs = collect(schemas, without=frozenset({"uniqueId"}), row={"uniqueId": "u"})
    assert list(inputs.values) == ["customerId"]
    assert list(inputs.origins) == ["customerId"]


def test_a_required_input_cannot_be_left_out() -> None:
    """Leaving a required input out is refused before anything is sent."""
    required = ("customerId", "tier", "region")
    workflow = make_workflow(declare(*required, customerId={}, region={}))
    sources = make_sources(without=frozenset({"customerId", "region", "other"}))
    with pytest.raises(InputError) as caught:
        collect_inputs(*workflow, sources)
    assert str(caught.value) == (
        "wf requires `customerId`, `region`: only optional inputs can be left out"
    )


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, 3),
        ({"type": "number"}, 2.5),
        ({}, 2.5),
        ({"type": "integer", "default": 8}, 8),
    ],
)
def test_the_value_of_an_integer_meter_is_an_integer(schema: Any, expected: float) -> None:
    """Where the schema takes integers only, the fixture's fraction becomes a whole number."""
    assert collect({"meterValue": schema}).values["meterValue"] == expected


def test_a_value_of_the_user_is_not_made_whole() -> None:
    """Another value than the plugin's own is the user's, right or wrong."""
    schema = {"meterValue": {"type": "integer"}}
    given = {"amberflo_meter_value": 4.5}
    assert collect(schema, given=given).values["meterValue"] == 4.5


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("7", {"type": "string"}, "7"),
        ('"x"', {"type": "string"}, '"x"'),
        ("null", {"type": ["string", "null"]}, "null"),
        ("7", {"type": "integer"}, 7),
        ("7.5", {"type": "number"}, 7.5),
        ("true", {"type": "boolean"}, True),
        ("null", {"type": ["integer", "null"]}, None),
        ('["a", 1]', {"type": "array"}, ["a", 1]),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("7", {}, 7),
        ("acme", {}, "acme"),
        ("007", {}, "007"),
        ("a=b=c", True, "a=b=c"),
    ],
)
def test_an_option_is_json_unless_its_schema_is_a_string(
    text: str, schema: Any, expected: Any
) -> None:
    """Text stands for itself where a string may; else it is JSON, or text where any type may."""
    value = collect({"x": schema}, options={"x": text}).values["x"]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "schema", "kinds"),
    [
        ("two", {"type": "integer"}, "integer"),
        ("", {"type": "number"}, "number"),
        ("{a: 1}", {"type": ["object", "null"]}, "object or null"),
    ],
)
def test_an_option_that_is_no_json_is_refused(text: str, schema: Any, kinds: str) -> None:
    """The refusal has the option, the text and the types that are due."""
    with pytest.raises(InputError) as caught:
        collect({"x": schema}, options={"x": text})
    assert str(caught.value) == f"--amberflo-input x: `{text}` is no {kinds} (as JSON)"


def test_unknown_names_have_the_nearest_known_one() -> None:
    """Names of no workflow's inputs are told in order, each with what was likely meant."""
    known = frozenset({"customerId", "meterValue", "region"})
    names = frozenset({"customerID", "region", "zzz", "meterValu"})
    assert find_unknown(names, known) == (
        ("customerID", "customerId"),
        ("meterValu", "meterValue"),
        ("zzz", None),
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"region": "eu"}, {"region": "eu"}),
        ({"region": "eu", "wf": {"region": "us"}}, {"region": "us"}),
        ({"region": "eu", "wf": {"tier": "gold"}}, {"region": "eu", "tier": "gold"}),
        ({"other": {"region": "us"}}, {}),
        ({"wf": "text"}, {}),
    ],
)
def test_a_file_has_inputs_by_name_and_by_workflow(data: Any, expected: Any) -> None:
    """What stands under the workflow's id goes before what stands at the top."""
    selected = select_file_inputs(data, "wf")
    assert {name: selected[name] for name in ("region", "tier") if name in selected} == expected


def test_the_value_of_a_meter_of_integers_or_null_is_an_integer() -> None:
    """A schema whose only number is an integer takes no fraction."""
    schema = {"meterValue": {"type": ["integer", "null"]}}
    assert collect(schema).values["meterValue"] == 3


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_an_option_that_json_cannot_say_is_refused(text: str) -> None:
    """What could not be sent as JSON is refused as no JSON."""
    with pytest.raises(InputError):
        collect({"meterValue": {"type": "number"}}, options={"meterValue": text})
